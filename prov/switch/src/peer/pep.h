/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints and connection requests.
 */
#ifndef SWITCH_PEP_H
#define SWITCH_PEP_H

#include <stdbool.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include "base/compat.h"
#include "core/core.h"
#include "progress/hub.h"
#include "switch_session.h"

struct switch_ep;
struct switch_events;
struct switch_fabric;

struct switch_pep {
	struct fid_pep pep_fid;
	struct switch_fabric *fabric;
	struct switch_hub_member member;
	struct fi_info *info;
	struct switch_events *eq;
	struct core_listener *listener;
	bool told_misfit; /* somebody did not fit, and the log says so */
	bool listening;
};

/* info->handle of a connection request, until it is accepted or rejected. */
struct switch_connreq {
	struct fid fid;
	struct switch_ep *ep;		 /* opened for it */
	const struct core_ops *core_ops; /* for answering */
	struct core_request *request;
	struct sess_request preamble;
};

/* Turns away and frees a request (info->handle) that the application never
 * saw, because its event queue or passive endpoint was closed (peer/cm.c).
 * Any lock but the queue's may be held. */
void switch_connreq_drop(struct fid *handle);

int switch_pep_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **pep,
		    void *context);

#endif
