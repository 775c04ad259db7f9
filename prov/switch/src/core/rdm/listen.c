/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listeners of the adapter for connectionless cores, and requests that came to
 * them.  A listener is a port whose requests somebody is told of; a passive
 * one has a domain of its own, under its own lock.
 */
#include <stdlib.h>
#include <string.h>

#include "core/rdm/rdm.h"

enum {
	REQUESTS_MOST = 4096, /* that a domain keeps unanswered: anybody may send them */
};

/* -- answers ---------------------------------------------------------------------- */

static void send_reject(struct core_port *port, const void *name, size_t name_len, uint32_t to,
			uint64_t secret, const void *data, size_t len)
{
	const struct core_rdm_frame frame = {
		.type = CORE_RDM_REJECT,
		.to = to,
		.secret = secret,
		.data = data,
		.data_len = len,
	};
	struct core_peer *peer;

	if (core_rdm_peer_get(port->domain, name, name_len, &peer))
		return;
	core_rdm_frame_send(port, peer, NULL, &frame);
	core_rdm_peer_put(port->domain, peer);
}

/* -- listeners ----------------------------------------------------------------------- */

static void listener_lock(struct core_listener *listener)
{
	if (listener->passive)
		pthread_mutex_lock(&listener->lock);
}

static void listener_unlock(struct core_listener *listener)
{
	if (listener->passive)
		pthread_mutex_unlock(&listener->lock);
}

static void listener_put(struct core_listener *listener)
{
	if (atomic_fetch_sub(&listener->refs, 1) != 1)
		return;
	if (listener->passive) {
		if (listener->domain)
			core_rdm_domain_close(listener->domain);
		pthread_mutex_destroy(&listener->lock);
		fi_freeinfo(listener->info);
	}
	free(listener);
}

static struct core_listener *listener_create(void *user, bool passive)
{
	struct core_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->user = user;
	l->passive = passive;
	atomic_init(&l->refs, 1);
	if (passive)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

int core_rdm_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener)
{
	struct core_listener *l = listener_create(user, false);
	int ret;

	if (!l)
		return core_failed("listener", -FI_ENOMEM);
	ret = core_rdm_port_open(domain, info, &l->port);
	if (ret) {
		listener_put(l);
		return core_failed("opening an endpoint to listen", ret);
	}
	l->domain = domain;
	l->listens = true;
	l->port->listener = l;
	LIST_INSERT_HEAD(&domain->listeners, l, link);
	*listener = l;
	return 0;
}

int core_rdm_listener_name(struct core_listener *listener, void *addr, size_t *len)
{
	const size_t room = *len;
	int ret = -FI_EOPBADSTATE;

	listener_lock(listener);
	if (listener->port) {
		*len = listener->port->name_len;
		memcpy(addr, listener->port->name, *len < room ? *len : room);
		ret = *len > room ? -FI_ETOOSMALL : 0;
	}
	listener_unlock(listener);
	return ret;
}

static void listener_drop_port(struct core_listener *listener)
{
	if (!listener->port)
		return;
	listener->port->listener = NULL;
	core_rdm_port_put(listener->port);
	listener->port = NULL;
}

void core_rdm_listener_close(struct core_listener *listener)
{
	listener_lock(listener);
	if (!listener->passive)
		LIST_REMOVE(listener, link);
	listener_drop_port(listener);
	listener_unlock(listener);
	listener_put(listener);
}

/* -- requests ------------------------------------------------------------------------- */

/* The core's info of a request, as an endpoint that accepts would get it. */
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
	request->held = true;
	atomic_fetch_add(&port->listener->refs, 1);
	core_rdm_port_get(port);
	LIST_INSERT_HEAD(&port->domain->requests, request, link);
	port->domain->request_cnt++;
	return request;
}

int core_rdm_request(struct core_port *port, const struct core_rdm_frame *frame,
		     struct core_event *event)
{
	struct core_request *request = NULL;

	if (!frame->from || !core_rdm_is_name(port->domain, frame->name, frame->name_len))
		return 0;
	if (port->listener && port->listener->listens)
		request = request_create(port, frame);
	if (!request) {
		send_reject(port, frame->name, frame->name_len, frame->from, frame->secret, NULL,
			    0);
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

/* Under the listener's lock; its reference goes with the request. */
static void request_free(struct core_request *request)
{
	LIST_REMOVE(request, link);
	request->port->domain->request_cnt--;
	core_rdm_port_put(request->port);
	fi_freeinfo(request->info);
	free(request);
}

void core_rdm_request_answered(struct core_request *request)
{
	struct core_listener *listener = request->listener;

	listener_lock(listener);
	request->answered = true;
	if (!request->held)
		request_free(request);
	listener_unlock(listener);
	listener_put(listener);
}

void core_rdm_request_release(struct core_request *request)
{
	request->held = false;
	if (request->answered)
		request_free(request);
}

void core_rdm_reject(struct core_request *request, const void *data, size_t len)
{
	listener_lock(request->listener);
	send_reject(request->port, request->name, request->name_len, request->peer_id,
		    request->secret, data, len > CORE_RDM_CM_DATA ? 0 : len);
	listener_unlock(request->listener);
	core_rdm_request_answered(request);
}

void core_rdm_requests_drop(struct core_domain *domain)
{
	struct core_request *request;

	while ((request = LIST_FIRST(&domain->requests))) {
		request->held = false;
		if (request->answered)
			request_free(request);
		else
			core_rdm_reject(request, NULL, 0);
	}
}

/* -- passive listeners ------------------------------------------------------------------ */

int core_rdm_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener)
{
	const struct core_attr attr = {
		.buffer_size = CORE_RDM_FRAME_MAX,
		.buffer_cnt = CORE_BATCH,
		.buffer_max = CORE_BATCH * CORE_BATCH,
		.path_cnt = 1,
	};
	struct core_listener *l = listener_create(user, true);
	int ret = -FI_ENOMEM;

	if (!l)
		return core_failed("listener", ret);
	l->lent.fclass = FI_CLASS_PEP;
	l->lent.context = l;
	l->info = fi_dupinfo(info);
	if (l->info)
		ret = core_rdm_domain_open(fabric, l->info, &attr, &l->domain);
	if (!ret)
		ret = core_rdm_port_open(l->domain, l->info, &l->port);
	if (ret) {
		listener_put(l);
		return core_failed("opening an endpoint to listen", ret);
	}
	l->port->listener = l;
	*listener = l;
	return 0;
}

/* Under the lock: gives up the port for one at this address. */
static int passive_move(struct core_listener *listener, void *addr, size_t len)
{
	struct fi_info info = *listener->info;
	struct core_port *port;
	int ret;

	info.src_addr = addr;
	info.src_addrlen = len;
	ret = core_rdm_port_open(listener->domain, &info, &port);
	if (ret)
		return core_failed("opening an endpoint to listen", ret);
	listener_drop_port(listener);
	listener->port = port;
	port->listener = listener;
	return 0;
}

int core_rdm_passive_setname(struct core_listener *listener, void *addr, size_t len)
{
	int ret = -FI_EOPBADSTATE;

	listener_lock(listener);
	if (!listener->listens && !listener->is_lent)
		ret = passive_move(listener, addr, len);
	listener_unlock(listener);
	return ret;
}

int core_rdm_passive_listen(struct core_listener *listener)
{
	int ret = 0;

	listener_lock(listener);
	if (listener->listens || listener->is_lent)
		ret = -FI_EOPBADSTATE;
	else
		listener->listens = true;
	listener_unlock(listener);
	return ret;
}

/* Its domain has no paths: all that is reported are requests, and messages of strangers,
 * of which as many are dropped as one read of the queue may take: a request behind them
 * does not wait for one look each. */
int core_rdm_passive_poll(struct core_listener *listener, struct core_event *event)
{
	int n = 0;

	listener_lock(listener);
	for (int looks = 0; looks < CORE_READS; looks++) {
		n = core_rdm_poll(listener->domain, event, 1, true);
		if (!n || event->type == CORE_REQUEST)
			break;
		core_rdm_release(listener->domain, event);
		n = 0;
	}
	listener_unlock(listener);
	return n;
}

void core_rdm_passive_release(struct core_listener *listener, struct core_event *event)
{
	listener_lock(listener);
	core_rdm_release(listener->domain, event);
	listener_unlock(listener);
}

int core_rdm_passive_trywait(struct core_listener *listener)
{
	int ret;

	listener_lock(listener);
	ret = core_rdm_trywait(listener->domain);
	listener_unlock(listener);
	return ret;
}

int core_rdm_passive_fd(struct core_listener *listener)
{
	return listener->domain->wait_fd;
}

/* The endpoint that connects opens a port of its own at the address. */
struct fid *core_rdm_passive_lend(struct core_listener *listener)
{
	struct fid *lent = NULL;

	listener_lock(listener);
	if (!listener->listens && !listener->is_lent) {
		listener->is_lent = true;
		listener_drop_port(listener);
		atomic_fetch_add(&listener->refs, 1);
		lent = &listener->lent;
	}
	listener_unlock(listener);
	return lent;
}

void core_rdm_passive_return(struct core_listener *listener, bool taken)
{
	listener_lock(listener);
	if (!taken && !core_rdm_port_open(listener->domain, listener->info, &listener->port)) {
		listener->port->listener = listener;
		listener->is_lent = false;
	}
	listener_unlock(listener);
	listener_put(listener);
}

size_t core_rdm_passive_cm_size(struct core_listener *listener)
{
	(void)listener;
	return CORE_RDM_CM_DATA;
}
