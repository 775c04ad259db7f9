/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait objects: the descriptor by which an application sleeps until a queue or a
 * counter has something, or until there is something to progress.
 */
#ifndef SWITCH_WAIT_H
#define SWITCH_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

struct switch_pump;
struct switch_waitset;

struct switch_wait;
typedef int switch_trywait_fn(struct switch_wait *wait, bool *ready, bool *signaled);

/*
 * A wait object: two epoll sets, each of a core's descriptors, the domains' timers and an
 * eventfd of its own.  Owned by a CQ, a counter, an EQ or a wait set, and under the lock of
 * its owner.
 *
 * One is the descriptor that the application or a wait set polls; fi_trywait arms and empties
 * it.  The other is of the threads in blocking calls, each of which may wait for something
 * else: an event wakes all that are asleep, and the last of them to wake empties the set, so
 * that none misses the event because another has gone back to sleep.
 */
struct switch_wait {
	struct switch_waitset *set; /* the wait set that it is in, or NULL */
	void (*leave_set)(struct switch_wait *wait);
	/* fi_trywait: progresses and arms.  0 if the descriptor may be polled, else
	 * -FI_EAGAIN.  *ready: its owner has something; *signaled: it had since it was
	 * last armed.  Call without locks but a wait set's. */
	switch_trywait_fn *trywait;
	enum fi_wait_obj obj; /* as FI_GETWAITOBJ says */
	int epoll_fd;	      /* -1: FI_WAIT_NONE */
	int event_fd;
	bool armed;    /* somebody may poll it: the next event must signal */
	bool signaled; /* event_fd is readable */
	int sleep_fd;  /* the epoll set of threads */
	int call_fd;   /* its eventfd, readable while called > 0 */
	uint64_t calls;
	unsigned asleep; /* threads between switch_wait_enter() and _leave() */
	unsigned called; /* those of them that an event has called */
};

/* A thread in a blocking call; on its stack. */
struct switch_sleeper {
	uint64_t deadline; /* nanoseconds; SESS_NEVER: none */
	uint64_t calls;	   /* of the wait object when it entered */
	bool entered;
};

/* Closes a wait object, and takes it out of its wait set.  Call without locks. */
void switch_wait_fini(struct switch_wait *wait);
/* Opens a wait object of this kind, with the descriptors that wake up a pump (NULL: none
 * yet).  FI_WAIT_NONE: there is nothing to wait on. */
int switch_wait_open(struct switch_wait *wait, enum fi_wait_obj wait_obj, struct switch_pump *pump);
/* Adds and removes the descriptors that wake up a pump, or a single one. */
int switch_wait_add_pump(struct switch_wait *wait, struct switch_pump *pump);
void switch_wait_del_pump(struct switch_wait *wait, struct switch_pump *pump);
int switch_wait_add_fd(struct switch_wait *wait, int fd);
void switch_wait_del_fd(struct switch_wait *wait, int fd);
/* Wakes every thread that waits for this wait object. */
void switch_wait_signal(struct switch_wait *wait);
/* From here until the next event the descriptor may be polled.  Call before the
 * last look at what is waited for, under the same lock as signal.  True: there
 * was a signal since it was armed last. */
bool switch_wait_arm(struct switch_wait *wait);
/* A sleeper with a timeout in milliseconds, as in the blocking calls; negative: none. */
struct switch_sleeper switch_sleeper(int timeout);
/* Enter: the thread is about to sleep; it has found nothing, under the lock that signal is
 * called with.  Leave: the thread is awake again, or never slept; true if there was a
 * signal in between. */
void switch_wait_enter(struct switch_wait *wait, struct switch_sleeper *sleeper);
bool switch_wait_leave(struct switch_wait *wait, struct switch_sleeper *sleeper);
/* Sleeps until something happens if it has entered: 0, -FI_ETIMEDOUT when the
 * time is over, or -FI_EAGAIN when a signal handler ran.  Call without locks. */
int switch_wait_sleep(const struct switch_wait *wait, const struct switch_sleeper *sleeper);

enum { SWITCH_SPINS = 20 }; /* times that a blocking call looks before it sleeps */

/* A blocking call: on its stack, as the first member of a struct with the call's own
 * variables. */
struct switch_waiter {
	struct switch_wait *wait;
	struct switch_sleeper sleeper;
	unsigned spins; /* times that it looks before it sleeps */
	bool restarts;	/* a signal handler that ran does not end it */
	/* Looks once whether the call is over, after switch_wait_leave().  Returns the
	 * result of the call, or -FI_ECANCELED to give up, or -FI_EAGAIN to go on: nothing
	 * was found, and the thread has entered if it may sleep. */
	ssize_t (*look)(struct switch_waiter *waiter, bool may_sleep);
	/* The call ends with nothing found; why: -FI_ETIMEDOUT, -FI_EAGAIN when a signal
	 * handler ran, or -FI_ECANCELED from look.  Calls switch_wait_leave(), and returns
	 * the result of the call. */
	ssize_t (*give_up)(struct switch_waiter *waiter, int why);
};

/* The loop of the blocking calls: looks, and sleeps until it may look again.  Call without
 * locks. */
ssize_t switch_wait_block(struct switch_waiter *waiter);

#endif
