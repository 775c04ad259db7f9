/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The pump: turns the core's events into the engine's, and performs the engine's actions on
 * the core.
 */
#ifndef SWITCH_PUMP_H
#define SWITCH_PUMP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "progress/core.h"
#include "switch_session.h"

struct core_event;
struct switch_link;
struct switch_pump;

/*
 * The callbacks of a front end, which sits on a pump: the libfabric objects, or something else
 * that moves bytes.  Each is called with the lock held, from within the pump, and may submit to
 * the engine but not call the pump again.  All are required.
 */
struct switch_front {
	/* An operation is complete; it belongs to the front end again. */
	void (*complete)(struct switch_pump *pump, struct sess_op *op);
	/* The peer accepted the connection, and sent these bytes behind its preamble: 0, or a
	 * positive errno value with which the session ends. */
	int (*data)(struct switch_link *link, const void *data, size_t len);
	/* The peer had refused a connection with "try again", and the pause is over: opens
	 * another path. */
	void (*connect)(struct switch_link *link);
	/* The session may be used. */
	void (*up)(struct switch_link *link);
	/* Its peer closes in order: nothing more comes. */
	void (*bye)(struct switch_link *link);
	/* The session is over: 0 (in order) or a positive errno value. */
	void (*down)(struct switch_link *link, int error);
	/* Nothing uses the link any more: the front end frees it. */
	void (*gone)(struct switch_link *link);
	/* A peer connects to a listener; event->request is NULL once it is answered. */
	void (*request)(struct switch_pump *pump, struct core_event *event);
	/* A connection was refused, with these bytes.  True: the session lives on, because
	 * its peer connects to us. */
	bool (*refused)(struct switch_link *link, const void *data, size_t len);
};

enum { SWITCH_PUMP_FDS = 8 };

/*
 * One engine over a core, with the thread and the timer by which they are progressed.
 * Embedded in an object of the front end.  Its lock covers everything below it, and is not in
 * use where only one thread can come in (base/switch.h).
 */
struct switch_pump {
	LIST_ENTRY(switch_pump) entry; /* in a hub, under its lock */
	const struct switch_front *front;
	struct switch_core core; /* the main one */
	struct sess_engine *engine;

	pthread_mutex_t lock;
	bool locked; /* the lock is in use */
	enum fi_progress progress;
	pthread_t progress_thread; /* FI_PROGRESS_AUTO */
	int progress_fd;	   /* eventfd that wakes and ends it, or -1 */
	int progress_epoll;	   /* the epoll set that the thread sleeps on */
	bool progress_stop;

	int timer_fd;	    /* the engine's next deadline */
	uint64_t timer_set; /* the deadline that the timer is set to */
	bool waited; /* a thread may be asleep, and must be woken for a send that is held back */
	unsigned cm_countdown; /* passes until connection events are read again */
	unsigned cm_pending;   /* connections being made or closed */
	uint64_t last_tick;    /* when deadlines were looked at */

	LIST_HEAD(, switch_link) links; /* every session's, lingering ones included */
};

static inline void switch_pump_lock(struct switch_pump *pump)
{
	if (pump->locked)
		pthread_mutex_lock(&pump->lock);
}

static inline void switch_pump_unlock(struct switch_pump *pump)
{
	if (pump->locked)
		pthread_mutex_unlock(&pump->lock);
}

/* The pump is zeros; its core, engine and timer are opened behind this. */
void switch_pump_init(struct switch_pump *pump, const struct switch_front *front);
/* Closes the core, the engine and the timer, if they are open; no link may be left. */
void switch_pump_fini(struct switch_pump *pump);

/* Polls the core, feeds the engine, performs its actions, writes completions. */
void switch_pump_progress(struct switch_pump *pump);
/* Performs what the engine asks for, without polling: after a submission. */
void switch_pump_perform(struct switch_pump *pump);
/* The same after the application submitted something. */
void switch_pump_submitted(struct switch_pump *pump);

/* Wake-ups (progress/wake.c).  Progresses: 0 if the wait objects of this pump will wake
 * up for whatever comes next, -FI_EAGAIN if there is more to progress now.  Sets the
 * timer. */
int switch_pump_trywait(struct switch_pump *pump);
/* Gives the descriptors to sleep on, at most SWITCH_PUMP_FDS; returns how many. */
int switch_pump_fds(struct switch_pump *pump, int *fds);
/* A deadline may have come nearer: wakes the progress thread, or sets the timer on which
 * threads of the application wait. */
void switch_pump_wake(struct switch_pump *pump);
int switch_pump_timer_open(struct switch_pump *pump);
void switch_pump_timer_close(struct switch_pump *pump);

/* The thread (progress/thread.c). */
int switch_pump_thread_start(struct switch_pump *pump);
void switch_pump_thread_stop(struct switch_pump *pump);

/* Waiting for sessions that linger (progress/drain.c).  Waits a moment, the lock dropped, unless
 * there is something to progress. */
void switch_pump_wait(struct switch_pump *pump);
/* The last endpoint is closed: gives its peers a moment to take leave, where the core
 * would not tell them that this process has exited. */
void switch_pump_rest(struct switch_pump *pump);
/* Waits for sessions that linger, at most close_timeout, then ends those that are left. */
void switch_pump_drain(struct switch_pump *pump);

#endif
