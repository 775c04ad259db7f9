/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listening for MSG endpoints, and connection requests.
 */
#ifndef SWITCH_PASSIVE_H
#define SWITCH_PASSIVE_H

#include <stdbool.h>
#include <stddef.h>

#include <rdma/fabric.h>

#include "core/core.h"
#include "progress/hub.h"
#include "switch_session.h"

struct switch_events;
struct switch_msg;

/* Embedded in a passive endpoint; the lock of the hub covers it. */
struct switch_passive {
	struct switch_hub *hub;
	struct switch_hub_member member;
	const struct core_ops *core_ops;
	struct fid *fid; /* the passive endpoint, in events */
	struct fi_info *info;
	struct switch_events *events; /* or NULL */
	struct core_listener *listener;
	bool warned; /* the log has a warning of a peer without our preamble */
	bool listening;
};

/* info->handle of a connection request, until it is accepted or rejected. */
struct switch_connreq {
	struct fid fid;
	struct switch_msg *msg;		 /* of the endpoint that was opened for it */
	const struct core_ops *core_ops; /* for answering */
	struct core_request *request;
	struct sess_request preamble;
};

/* Its hub, core_ops, fid and info are set.  0 or a negative errno. */
int switch_passive_open(struct switch_passive *passive, struct fid_fabric *core,
			struct fi_info *core_info);
void switch_passive_close(struct switch_passive *passive);
int switch_passive_listen(struct switch_passive *passive);
/* Answers a request of which the application was told, and frees it. */
void switch_passive_reject(struct switch_passive *passive, struct switch_connreq *connreq,
			   const void *data, size_t len);
/* Bytes of the application's that travel with a connection. */
size_t switch_passive_cm_room(const struct switch_passive *passive);
/* Turns away and frees a request (info->handle) that the application never saw, because
 * its event queue or passive endpoint was closed.  Any lock but the queue's may be
 * held. */
void switch_connreq_drop(struct fid *handle);

#endif
