/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The events of an event queue, from push to read.
 */
#ifndef SWITCH_EVENTS_H
#define SWITCH_EVENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>

#include "progress/wait.h"

struct switch_event;
struct switch_hub;

/*
 * Embedded in an event queue of the application's, and in the list of a hub, whose lock
 * covers refs; its own covers the rest.
 */
struct switch_events {
	LIST_ENTRY(switch_events) entry; /* in the hub */
	struct switch_hub *hub;
	struct switch_wait wait;
	pthread_mutex_t lock;
	STAILQ_HEAD(, switch_event) list;
	void *err_data; /* of the last error read, freed at the next */
	int refs;	/* objects that report to it */
};

void switch_events_init(struct switch_events *events);
/* Drops the events that nobody has read.  Its wait object is the owner's. */
void switch_events_fini(struct switch_events *events);

/* Queue an event; any lock may be held.  buf is what fi_eq_read returns (a
 * struct fi_eq_cm_entry with its data, or a struct fi_eq_entry); a fi_info in
 * it passes to the reader. */
int switch_events_push(struct switch_events *events, uint32_t event, const void *buf, size_t len);
/* The same for a connection request (FI_CONNREQ); drop turns it away if nobody will see
 * it.  Any lock but the queue's may be held then. */
int switch_events_push_request(struct switch_events *events, const void *buf, size_t len,
			       void (*drop)(struct fid *handle));
int switch_events_push_error(struct switch_events *events, fid_t fid, void *context, int err,
			     int prov_errno, const void *data, size_t data_len);
/* The same for one address of an asynchronous insertion. */
int switch_events_push_av_error(struct switch_events *events, fid_t fid, void *context, int err,
				uint64_t idx);
/* An event of the application's own. */
int switch_events_write(struct switch_events *events, uint32_t event, const void *buf, size_t len);
/* Drops the queued events of an object that is being closed. */
void switch_events_remove(struct switch_events *events, fid_t fid);
/* fi_eq_read and fi_eq_readerr, of events that are queued.  has_size: the application's
 * entry has err_data_size. */
ssize_t switch_events_take(struct switch_events *events, uint32_t *event, void *buf, size_t len,
			   uint64_t flags);
ssize_t switch_events_take_error(struct switch_events *events, struct fi_eq_err_entry *entry,
				 bool has_size, uint64_t flags);
/* Whether there is an event to read.  Call without locks. */
bool switch_events_ready(struct switch_events *events);

#endif
