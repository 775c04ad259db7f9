/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A connection request that was not answered yet.
 */
#ifndef CORE_RDM_REQUEST_H
#define CORE_RDM_REQUEST_H

#include <sys/queue.h>

#include "core/core.h"
#include "core/rdm/frame.h"

/* Owned by whoever was told of it until it is answered (and, while held, its
 * event released). */
struct core_request {
	LIST_ENTRY(core_request) link;
	struct core_listener *listener;
	struct core_port *port; /* of the listener, which may be closed */
	struct fi_info *info;
	unsigned due; /* enum core_request_due */
	uint32_t peer_id;
	uint64_t secret;
	size_t name_len, data_len;
	uint8_t name[CORE_ADDR_MAX], data[CORE_RDM_CM_DATA];
};

/* A REQUEST came for this port.  Returns 1 with an event, or 0: it was turned away. */
int core_rdm_request(struct core_port *port, const struct core_rdm_frame *frame,
		     struct core_event *event);
void core_rdm_request_answered(struct core_request *request);
void core_rdm_request_release(struct core_request *request);
void core_rdm_reject(struct core_request *request, const void *data, size_t len);
void core_rdm_requests_drop(struct core_domain *domain);

#endif
