/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A hub: the pumps and passive endpoints of a fabric.  Reading any event queue of the fabric
 * progresses all of them, because an application that waits for a connection may read
 * nothing else.
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
	int refs; /* objects of the fabric; fi_close refuses with FI_EBUSY while > 0 */
};

/* An object that is progressed under the hub's own lock: a passive endpoint. */
struct switch_hub_member {
	LIST_ENTRY(switch_hub_member) entry;
	void (*progress)(struct switch_hub_member *member);
	/* Called after progress: 0 if its descriptor will wake up those who wait, or
	 * -FI_EAGAIN. */
	int (*trywait)(struct switch_hub_member *member);
};

void switch_hub_init(struct switch_hub *hub);
void switch_hub_fini(struct switch_hub *hub);
/* Counts an object that is opened in the fabric (change 1) or closed (-1).  Takes the
 * lock. */
void switch_hub_refer(struct switch_hub *hub, int change);

/* Progresses every member and every pump whose lock is in use.  Takes the locks itself;
 * call with none held. */
void switch_hub_progress(struct switch_hub *hub);
/* The same, and returns 0 if their descriptors will tell of all that comes next, else
 * -FI_EAGAIN. */
int switch_hub_trywait(struct switch_hub *hub);

/* Adds and removes a pump.  If the pump's lock is in use, its descriptors are added to the
 * wait objects of all queues: 0, or a negative errno if that fails.  Both take the hub's
 * lock. */
int switch_hub_add_pump(struct switch_hub *hub, struct switch_pump *pump);
void switch_hub_del_pump(struct switch_hub *hub, struct switch_pump *pump);
/* An event queue is about to be bound below this pump: from now on its lock is in use and
 * every queue of the hub progresses it and is woken by it.  0, or a negative errno.  Takes
 * the lock; call with none held. */
int switch_hub_need_lock(struct switch_hub *hub, struct switch_pump *pump);
/* Adds a queue, whose wait object is open, and removes it; -FI_EBUSY while something
 * reports to it.  Both take the lock. */
int switch_hub_add_queue(struct switch_hub *hub, struct switch_events *events);
int switch_hub_del_queue(struct switch_hub *hub, struct switch_events *events);
/* Counts an object that begins (change 1) or ends (-1) to report to this queue.  Takes the
 * hub's lock. */
void switch_events_refer(struct switch_events *events, int change);
/* Add a descriptor to the wait objects of all queues of the hub, and remove it.  The lock
 * is held. */
void switch_hub_add_fd(struct switch_hub *hub, int fd);
void switch_hub_del_fd(struct switch_hub *hub, int fd);

#endif
