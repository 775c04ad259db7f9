/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A connection request that was not answered yet.
 */
#ifndef CORE_MSG_REQUEST_H
#define CORE_MSG_REQUEST_H

#include <sys/queue.h>

#include "core/core.h"
#include "core/msg/eq.h"

/* Owned by whoever polled its event, until it answers the request; freed when it is answered
 * and the event released.  Under the lock of the domain, or of whoever answers it. */
struct core_request {
	LIST_ENTRY(core_request) link;	/* in the domain's requests */
	struct core_domain *domain;	/* NULL: of a passive endpoint */
	struct core_listener *listener; /* NULL once answered */
	struct fi_info *info;
	unsigned due; /* enum core_request_due */
};

/* The next request of a listener as an event; false: there is none.  cm: room for its
 * connection data, in use until the event is released. */
bool core_msg_request_next(struct core_listener *listener, union core_msg_cm *cm,
			   struct core_event *event);
/* The request was answered, and drops its reference to the listener. */
void core_msg_request_answered(struct core_request *request);
/* The event of the request was released. */
void core_msg_request_release(struct core_request *request);
/* Rejects the unanswered requests of a domain that is closed. */
void core_msg_requests_drop(struct core_domain *domain);
void core_msg_reject(struct core_request *request, const void *data, size_t len);

#endif
