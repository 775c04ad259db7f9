/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What belongs together because whoever waits for one event may read nothing else: reading
 * any event queue of a fabric progresses everything below it.
 */
#ifndef SWITCH_HUB_H
#define SWITCH_HUB_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "progress/events.h"

struct switch_pump;
struct switch_hub_member;

/*
 * Embedded in a fabric.  The lock covers the lists, refs, and the members; it is taken
 * before a pump's.
 */
struct switch_hub {
	pthread_mutex_t lock;
	LIST_HEAD(, switch_pump) pumps;
	LIST_HEAD(, switch_hub_member) members;
	LIST_HEAD(, switch_events) queues;
	int refs; /* objects below it; fi_close refuses with FI_EBUSY while > 0 */
};

/* What is progressed under the hub's own lock: passive endpoints. */
struct switch_hub_member {
	LIST_ENTRY(switch_hub_member) entry;
	void (*progress)(struct switch_hub_member *member);
	/* Behind progress: 0 if its descriptor will wake up whoever waits, or -FI_EAGAIN. */
	int (*trywait)(struct switch_hub_member *member);
};

void switch_hub_init(struct switch_hub *hub);
void switch_hub_fini(struct switch_hub *hub);
/* An object below it comes, or goes; takes the lock. */
void switch_hub_refer(struct switch_hub *hub, int change);

/* Progresses every member and every pump whose lock is in use.  Takes the locks itself;
 * call with none held. */
void switch_hub_progress(struct switch_hub *hub);
/* The same, and: 0 if the descriptors of them all will wake up for what comes
 * next, else -FI_EAGAIN. */
int switch_hub_trywait(struct switch_hub *hub);

/* A pump comes: its wake-ups go to every queue if its lock is in use.  0 or a negative
 * errno; and it goes.  Take the lock. */
int switch_hub_add_pump(struct switch_hub *hub, struct switch_pump *pump);
void switch_hub_del_pump(struct switch_hub *hub, struct switch_pump *pump);
/* An event queue is about to be bound below this pump: from now on its lock is in use and
 * every queue of the hub progresses it.  0, or a negative errno: some queue cannot wait
 * for it.  Takes the lock; call with none held. */
int switch_hub_need_lock(struct switch_hub *hub, struct switch_pump *pump);
/* A queue comes, whose wait object is open, and goes (-FI_EBUSY while something reports to
 * it).  Take the lock. */
int switch_hub_add_queue(struct switch_hub *hub, struct switch_events *events);
int switch_hub_del_queue(struct switch_hub *hub, struct switch_events *events);
/* An object reports to this queue from now on, or does so no more; takes the lock. */
void switch_events_refer(struct switch_events *events, int change);
/* Wakes whoever waits for any queue; the lock is held. */
void switch_hub_add_fd(struct switch_hub *hub, int fd);
void switch_hub_del_fd(struct switch_hub *hub, int fd);

#endif
