/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues: connection events, the outcome of asynchronous insertions, and
 * what the application writes.
 */
#ifndef SWITCH_EQ_H
#define SWITCH_EQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>

#include "base/compat.h"
#include "progress/wait.h"

struct switch_event;
struct switch_fabric;

struct switch_eq {
	struct fid_eq eq_fid;
	struct switch_fabric *fabric;
	LIST_ENTRY(switch_eq) link;
	struct switch_wait wait;
	pthread_mutex_t lock;
	STAILQ_HEAD(, switch_event) events;
	void *err_data;	 /* of the last error read, freed at the next */
	bool app_writes; /* FI_WRITE: fi_eq_write is allowed */
	int refs;	 /* under the lock of the fabric */
};

/* Queue an event; any lock may be held.  buf is what fi_eq_read returns (a
 * struct fi_eq_cm_entry with its data, or a struct fi_eq_entry); a fi_info in
 * it passes to the reader. */
int switch_eq_push(struct switch_eq *eq, uint32_t event, const void *buf, size_t len);
int switch_eq_push_error(struct switch_eq *eq, fid_t fid, void *context, int err, int prov_errno,
			 const void *data, size_t data_len);
/* The same for one address of an asynchronous insertion. */
int switch_eq_push_av_error(struct switch_eq *eq, fid_t fid, void *context, int err, uint64_t idx);
/* Forgets what is queued for an object that is being closed.  A connection
 * request among it goes to switch_connreq_drop(). */
void switch_eq_remove(struct switch_eq *eq, fid_t fid);
/* Progresses what feeds the queue, and arms: 0 if its wait object will wake up
 * for whatever comes next, -FI_EAGAIN if there is an event to read or more to
 * progress.  Call without locks. */
int switch_eq_trywait(struct switch_eq *eq, bool *signaled);
/* It has an event.  Call without locks. */
bool switch_eq_ready(struct switch_eq *eq);

int switch_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq,
		   void *context);

#endif
