/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A connection request that was not answered yet.
 */
#ifndef CORE_RDM_REQUEST_H
#define CORE_RDM_REQUEST_H

#include <sys/queue.h>

#include "core/core.h"
#include "core/rdm/frame.h"

/* Owned by whoever polled its event, until it answers the request; freed when it is answered
 * and the event released.  Under the lock of its listener. */
struct core_request {
	LIST_ENTRY(core_request) link;	/* in the domain's requests */
	struct core_listener *listener; /* a reference, until it is answered */
	struct core_port
		*port; /* at which it came, though the listener may be closed; a reference */
	struct fi_info *info;
	unsigned due;	  /* enum core_request_due */
	uint32_t peer_id; /* of the path at the peer */
	uint64_t secret;
	size_t name_len, data_len;
	uint8_t name[CORE_ADDR_MAX], data[CORE_RDM_CM_DATA];
};

/* A REQUEST came to this port.  Returns 1 with an event, or 0: it was rejected. */
int core_rdm_request(struct core_port *port, const struct core_rdm_frame *frame,
		     struct core_event *event);
/* The request was answered, and drops its reference to the listener. */
void core_rdm_request_answered(struct core_request *request);
/* The event of the request was released. */
void core_rdm_request_release(struct core_request *request);
void core_rdm_reject(struct core_request *request, const void *data, size_t len);
/* Rejects the unanswered requests of a domain that is closed. */
void core_rdm_requests_drop(struct core_domain *domain);

#endif
