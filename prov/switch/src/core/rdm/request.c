/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection requests of the adapter for connectionless cores: made of frames that came to
 * a listener's port, freed once they are answered and released.  Called through
 * core_rdm_ops and by core_rdm_poll() under the domain's lock or the passive listener's.
 * It makes no path: core_rdm_accept() does.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/listener.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/listener.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

enum {
	REQUESTS_MOST =
		4096, /* requests that a domain keeps unanswered; any process may send them */
};

/* A core's info for the endpoint that accepts the request. */
static struct fi_info *request_info(const struct core_port *port,
				    const struct core_request *request)
{
	struct fi_info *info = fi_dupinfo(port->domain->info);

	if (!info)
		return NULL;
	free(info->src_addr);
	free(info->dest_addr);
	info->src_addr = malloc(port->name_len);
	info->dest_addr = malloc(request->name_len);
	if (!info->src_addr || !info->dest_addr) {
		fi_freeinfo(info);
		return NULL;
	}
	memcpy(info->src_addr, port->name, port->name_len);
	memcpy(info->dest_addr, request->name, request->name_len);
	info->src_addrlen = port->name_len;
	info->dest_addrlen = request->name_len;
	return info;
}

static struct core_request *request_create(struct core_port *port,
					   const struct core_rdm_frame *frame)
{
	struct core_request *request = NULL;

	if (port->domain->request_cnt < REQUESTS_MOST)
		request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->peer_id = frame->from;
	request->secret = frame->secret;
	request->name_len = frame->name_len;
	request->data_len = frame->data_len;
	memcpy(request->name, frame->name, frame->name_len);
	memcpy(request->data, frame->data, frame->data_len);
	request->info = request_info(port, request);
	if (!request->info) {
		free(request);
		return NULL;
	}
	request->listener = port->listener;
	request->port = port;
	request->due = CORE_REQUEST_ANSWER | CORE_REQUEST_RELEASE;
	atomic_fetch_add(&port->listener->refs, 1);
	core_rdm_port_get(port);
	LIST_INSERT_HEAD(&port->domain->requests, request, link);
	port->domain->request_cnt++;
	return request;
}

int core_rdm_request(struct core_port *port, const struct core_rdm_frame *frame,
		     struct core_event *event)
{
	const struct core_rdm_frame refusal = {
		.type = CORE_RDM_REJECT,
		.to = frame->from,
		.secret = frame->secret,
	};
	struct core_request *request = NULL;

	if (!frame->from || !core_rdm_is_name(port->domain, frame->name, frame->name_len))
		return 0;
	if (port->listener && core_rdm_listens(port->listener))
		request = request_create(port, frame);
	if (!request) {
		core_rdm_frame_answer(port, frame->name, frame->name_len, &refusal);
		return 0;
	}
	*event = (struct core_event){
		.type = CORE_REQUEST,
		.user = request->listener->user,
		.listener = request->listener,
		.request = request,
		.data = request->data,
		.len = request->data_len,
		.info = request->info,
		.addr = request->name,
		.addr_len = request->name_len,
		.token = request,
	};
	return 1;
}

/* Frees the request if it waits for nothing else.  Under the listener's lock; its reference
 * goes with the answer. */
static void request_done(struct core_request *request, enum core_request_due what)
{
	request->due &= ~(unsigned)what;
	if (request->due)
		return;
	LIST_REMOVE(request, link);
	request->port->domain->request_cnt--;
	core_rdm_port_put(request->port);
	fi_freeinfo(request->info);
	free(request);
}

void core_rdm_request_answered(struct core_request *request)
{
	struct core_listener *listener = request->listener;

	core_rdm_listener_lock(listener);
	request_done(request, CORE_REQUEST_ANSWER);
	core_rdm_listener_unlock(listener);
	core_rdm_listener_put(listener);
}

void core_rdm_request_release(struct core_request *request)
{
	request_done(request, CORE_REQUEST_RELEASE);
}

void core_rdm_reject(struct core_request *request, const void *data, size_t len)
{
	const struct core_rdm_frame frame = {
		.type = CORE_RDM_REJECT,
		.to = request->peer_id,
		.secret = request->secret,
		.data = data,
		.data_len = len > CORE_RDM_CM_DATA ? 0 : len,
	};

	core_rdm_listener_lock(request->listener);
	core_rdm_frame_answer(request->port, request->name, request->name_len, &frame);
	core_rdm_listener_unlock(request->listener);
	core_rdm_request_answered(request);
}

void core_rdm_requests_drop(struct core_domain *domain)
{
	struct core_request *request;
	bool answered;

	while ((request = LIST_FIRST(&domain->requests))) {
		answered = !(request->due & CORE_REQUEST_ANSWER);
		core_rdm_request_release(request);
		if (!answered)
			core_rdm_reject(request, NULL, 0);
	}
}
