/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection requests of the adapter for connection-oriented cores: made of a listener's
 * events, freed once they are answered and released.  Called through core_msg_ops, by
 * core_msg_cm_poll() and by core/msg/open.c, under the lock of the domain or of the
 * passive endpoint's owner.  It makes no path: core_msg_accept() does.
 */
#include <stdlib.h>

#include <rdma/fi_cm.h>

#include "core/common/listener.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"
#include "core/msg/request.h"

/* Frees the request if it waits for nothing else. */
static void request_done(struct core_request *request, enum core_request_due what)
{
	request->due &= ~(unsigned)what;
	if (request->due)
		return;
	if (request->domain)
		LIST_REMOVE(request, link);
	fi_freeinfo(request->info);
	free(request);
}

void core_msg_request_answered(struct core_request *request)
{
	core_msg_listener_put(request->listener);
	request->listener = NULL;
	request_done(request, CORE_REQUEST_ANSWER);
}

void core_msg_request_release(struct core_request *request)
{
	request_done(request, CORE_REQUEST_RELEASE);
}

void core_msg_reject(struct core_request *request, const void *data, size_t len)
{
	int ret;

	/* the tcp core copies the data into a buffer of that size without a check */
	if (len > CORE_MSG_CM_DATA)
		len = 0;
	ret = fi_reject(request->listener->pep, request->info->handle, data, len);
	if (ret) /* with verbs, if the peer has left */
		CORE_INFO(EP_CTRL, "fi_reject: %s\n", fi_strerror(-ret));
	core_msg_request_answered(request);
}

void core_msg_requests_drop(struct core_domain *domain)
{
	struct core_request *request;
	bool answered;

	while ((request = LIST_FIRST(&domain->requests))) {
		answered = !(request->due & CORE_REQUEST_ANSWER);
		core_msg_request_release(request);
		if (!answered)
			core_msg_reject(request, NULL, 0);
	}
}

bool core_msg_request_next(struct core_listener *listener, union core_msg_cm *cm,
			   struct core_event *event)
{
	struct core_request *request;
	size_t len;

	if (!core_msg_listener_event(listener, cm, &len))
		return false;
	request = calloc(1, sizeof(*request));
	if (!request) {
		core_failed("connection request", -FI_ENOMEM);
		fi_reject(listener->pep, cm->entry.info->handle, NULL, 0);
		fi_freeinfo(cm->entry.info);
		return false;
	}
	request->listener = listener;
	request->info = cm->entry.info;
	atomic_fetch_add(&listener->refs, 1);
	request->domain = listener->domain;
	request->due = CORE_REQUEST_ANSWER;
	if (request->domain) {
		LIST_INSERT_HEAD(&request->domain->requests, request, link);
		request->due |= CORE_REQUEST_RELEASE;
	}
	*event = (struct core_event){
		.type = CORE_REQUEST,
		.user = listener->user,
		.listener = listener,
		.request = request,
		.data = cm->entry.data,
		.len = len,
		.info = request->info,
		.addr = request->info->dest_addr,
		.addr_len = request->info->dest_addrlen,
		.token = request->domain ? request : NULL,
	};
	return true;
}
