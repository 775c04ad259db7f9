/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Paths of the adapter for connection-oriented cores, and the events of their
 * connections.  Called through core_msg_ops and by core_msg_poll() under the
 * domain's lock.  It never shuts an endpoint down: fi_shutdown of the tcp core
 * may block, fi_close does not.  Where that is unsafe, core/msg/sever.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/msg/msg.h"

/* -- paths -------------------------------------------------------------- */

static uint16_t core_msg_port(const void *addr, size_t len)
{
	const struct sockaddr *sa = addr;

	if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET)
		return ((const struct sockaddr_in *)addr)->sin_port;
	if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)addr)->sin6_port;
	return 0;
}

/* True if one of our listeners has this port: a path cannot have it too. */
static bool core_msg_port_taken(const struct core_domain *domain, uint16_t port)
{
	struct core_listener *listener;
	uint8_t addr[CORE_ADDR_MAX];
	size_t len;

	if (!port)
		return false;
	LIST_FOREACH (listener, &domain->listeners, link) {
		len = sizeof(addr);
		if (!fi_getname(&listener->pep->fid, addr, &len) &&
		    core_msg_port(addr, len) == port)
			return true;
	}
	return false;
}

int core_msg_ep_info(const struct core_domain *domain, const struct fi_info *info,
		     struct core_msg_ep_info *copy)
{
	if (info->src_addrlen > sizeof(copy->src_addr))
		return -FI_EINVAL;
	copy->info = *info;
	copy->ep_attr = *info->ep_attr;
	copy->info.ep_attr = &copy->ep_attr;
	copy->info.next = NULL;
	if (copy->info.handle && copy->info.handle->fclass != FI_CLASS_PEP)
		copy->info.handle = NULL;
	copy->ep_attr.rx_ctx_cnt = domain->rx_ctx_cnt;
	if (info->src_addr) {
		memcpy(copy->src_addr, info->src_addr, info->src_addrlen);
		copy->info.src_addr = copy->src_addr;
		if (core_msg_port_taken(domain, core_msg_port(copy->src_addr, info->src_addrlen)))
			core_addr_port_clear(copy->src_addr, info->src_addrlen);
	}
	return 0;
}

static int core_msg_ep_bind(struct core_path *path)
{
	struct core_domain *domain = path->domain;
	struct fid *cq = &path->queue->cq->fid;
	struct fid_ep *ep = path->line.ep;
	int ret;

	ret = fi_ep_bind(ep, &domain->eq->fid, 0);
	if (ret)
		return ret;
	ret = fi_ep_bind(ep, cq, FI_TRANSMIT | FI_SELECTIVE_COMPLETION);
	if (ret)
		return ret;
	/* selective here would silence shared receives on the tcp core */
	ret = fi_ep_bind(ep, cq, FI_RECV);
	if (ret)
		return ret;
	return domain->srx ? fi_ep_bind(ep, &domain->srx->fid, 0) : 0;
}

/* Each peer can hold a buffer with a message that has only half arrived, for as long as
 * it likes: there are twice as many while that is cheap, and never fewer than one for
 * each and some for those who do send. */
static int core_msg_pool_follow(struct core_domain *domain)
{
	const size_t spare = domain->base.buffer_cnt / 2 + 1;

	if (domain->path_cnt * 2 > domain->pool.cnt)
		core_pool_double(&domain->base, &domain->pool);
	if (domain->path_cnt + spare <= domain->pool.cnt)
		return 0;
	return core_pool_grow(&domain->base, &domain->pool, spare);
}

/* What the peer may send has to find a buffer: nobody holds it back. */
static int core_msg_pool_reserve(struct core_domain *domain, struct core_pool *pool, size_t paths)
{
	const size_t need = paths * domain->window;
	int ret = 0;

	if (domain->path_cnt * domain->window > domain->rx_max)
		return core_failed("receive buffers for one more peer", -FI_ENOSPC);
	if (need > pool->cnt)
		ret = core_pool_grow(&domain->base, pool, need - pool->cnt);
	if (!ret && !SLIST_EMPTY(&domain->base.idle))
		ret = core_failed("receive buffers for one more peer", -FI_ENOSPC);
	return ret;
}

static int core_msg_path_receive(struct core_path *path)
{
	struct core_domain *domain = path->domain;

	if (!domain->srx)
		path->pool.ep = path->line.ep;
	if (domain->window)
		return domain->srx ? core_msg_pool_reserve(domain, &domain->pool, domain->path_cnt)
				   : core_msg_pool_reserve(domain, &path->pool, 1);
	if (!domain->srx)
		return core_pool_grow(&domain->base, &path->pool, domain->base.buffer_cnt);
	return core_msg_pool_follow(domain);
}

/* A path with an enabled endpoint whose receives are posted.  On failure the
 * core's endpoint is closed again. */
static int core_msg_path_create(struct core_domain *domain, struct fi_info *info, void *user,
				struct core_path **path)
{
	struct core_path *p;
	int ret;

	p = calloc(1, sizeof(*p));
	if (!p)
		return core_failed("path", -FI_ENOMEM);
	p->domain = domain;
	p->user = user;
	p->state = CORE_MSG_CONNECTING;
	TAILQ_INIT(&p->line.outs);
	p->line.addr = FI_ADDR_UNSPEC;
	p->line.tx = &domain->tx;
	ret = fi_endpoint(domain->base.domain, info, &p->line.ep, p);
	if (ret) {
		free(p);
		return core_failed("fi_endpoint", ret);
	}
	LIST_INSERT_HEAD(&domain->paths, p, link);
	p->queue = core_msg_queue_choose(domain);
	p->queue->path_cnt++;
	domain->path_cnt++;
	domain->cm_pending++;

	ret = core_msg_ep_bind(p);
	if (!ret)
		ret = fi_enable(p->line.ep);
	if (ret) {
		core_failed("binding an endpoint", ret);
		goto fail;
	}
	ret = core_msg_path_receive(p);
	if (ret)
		goto fail;
	*path = p;
	return 0;

fail:
	p->silent = true;
	core_msg_path_close(p);
	return ret;
}

/* Some cores (sockets) ask the network within the call; others say so later, as
 * our users expect. */
static bool refused_at_once(int error)
{
	switch (error) {
	case -FI_ECONNREFUSED:
	case -FI_ECONNRESET:
	case -FI_ETIMEDOUT:
	case -FI_EHOSTUNREACH:
	case -EHOSTDOWN:
	case -FI_ENETUNREACH:
	case -FI_EIO: /* whoever listens there hung up */
		return true;
	default:
		return false;
	}
}

int core_msg_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path)
{
	struct core_msg_ep_info copy;
	struct core_path *p;
	int ret;

	(void)from; /* a connection cannot start at the address that it listens at */
	if (len > domain->base.caps.cm_data_size)
		return -FI_EINVAL;
	ret = core_msg_ep_info(domain, info, &copy);
	if (ret)
		return ret;
	copy.info.dest_addr = (void *)addr;
	copy.info.dest_addrlen = addr_len;
	ret = core_msg_path_create(domain, &copy.info, user, &p);
	if (ret)
		return ret;
	ret = fi_connect(p->line.ep, addr, data, len);
	if (refused_at_once(ret)) {
		p->state = CORE_MSG_DEAD;
		p->error = core_peer_error(-ret);
		p->refused = true;
		domain->cm_pending--;
		core_msg_limbo_enter(p);
		ret = 0;
	}
	if (ret) {
		core_failed("fi_connect", ret);
		p->silent = true;
		core_msg_path_close(p);
		return ret;
	}
	*path = p;
	return 0;
}

int core_msg_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path)
{
	struct core_path *p;
	int ret = -FI_EINVAL;

	if (len > domain->base.caps.cm_data_size)
		goto fail;
	request->info->ep_attr->rx_ctx_cnt = domain->rx_ctx_cnt;
	ret = core_msg_path_create(domain, request->info, user, &p);
	if (ret)
		goto fail;
	ret = fi_accept(p->line.ep, data, len);
	if (ret) {
		core_failed("fi_accept", ret);
		p->silent = true;
		core_msg_path_close(p);
		goto fail;
	}
	core_msg_request_answered(request);
	*path = p;
	return 0;

fail:
	/* frees the core's side of the request, whoever has its socket now */
	core_msg_reject(request, NULL, 0);
	return ret;
}

int core_msg_path_peer(struct core_path *path, void *addr, size_t *len)
{
	return path->line.ep ? fi_getpeer(path->line.ep, addr, len) : -FI_ESHUTDOWN;
}

int core_msg_path_name(struct core_path *path, void *addr, size_t *len)
{
	return path->line.ep ? fi_getname(&path->line.ep->fid, addr, len) : -FI_ESHUTDOWN;
}

void core_msg_path_shut(struct core_path *path)
{
	int ret;

	if (path->state == CORE_MSG_CONNECTING || path->state == CORE_MSG_LEAVING)
		path->domain->cm_pending--;
	path->state = CORE_MSG_GONE;
	path->pool.ep = NULL;
	core_msg_queue_closing(path);
	ret = fi_close(&path->line.ep->fid);
	if (ret)
		core_failed("closing an endpoint", ret);
	path->line.ep = NULL;
	core_msg_queue_touched(path->domain);
	core_msg_limbo_enter(path);
}

/* An operation of ours that may be half here, or that the core gave back without
 * having seen the end of the connection. */
static bool core_msg_path_pinned(const struct core_path *path)
{
	return path->domain->base.caps.rma_pins_path && path->state == CORE_MSG_UP &&
	       (path->line.read_cnt || path->read_failed);
}

void core_msg_path_close(struct core_path *path)
{
	if (!core_msg_path_pinned(path)) {
		core_msg_path_shut(path);
		return;
	}
	path->state = CORE_MSG_LEAVING;
	path->domain->cm_pending++;
	path->severed = !core_msg_path_sever(path);
}

void core_msg_path_free(struct core_path *path)
{
	LIST_REMOVE(path, link);
	path->queue->path_cnt--;
	path->domain->path_cnt--;
	core_pool_free(&path->domain->base, &path->pool);
	free(path);
}

/* -- events of the domain's queue --------------------------------------- */

/* The connection of a path is over; returns how many events that makes. */
static int core_msg_path_over(struct core_path *path, int error, const void *data, size_t len,
			      struct core_event *event)
{
	switch (path->state) {
	case CORE_MSG_CONNECTING:
		path->state = CORE_MSG_DEAD;
		path->domain->cm_pending--;
		*event = (struct core_event){
			.type = CORE_REFUSED,
			.error = error ? error : FI_ECONNREFUSED,
			.path = path,
			.user = path->user,
			.data = data,
			.len = len,
		};
		return 1;
	case CORE_MSG_UP:
		/* told when everything that arrived before has been */
		path->state = CORE_MSG_DEAD;
		path->error = error;
		core_msg_limbo_enter(path);
		return 0;
	case CORE_MSG_LEAVING:
		/* the core has flushed the reads */
		core_msg_path_shut(path);
		return 0;
	default:
		return 0;
	}
}

static int core_msg_cm_error(struct core_domain *domain, union core_msg_cm *cm,
			     struct core_event *event)
{
	struct fi_eq_err_entry err = {.err_data = cm->bytes, .err_data_size = sizeof(cm->bytes)};
	struct core_path *path;
	size_t len;

	if (fi_eq_readerr(domain->eq, &err, 0) < 0 || !err.fid)
		return 0;
	path = err.fid->context;
	len = err.err_data ? err.err_data_size : 0;
	if (len > sizeof(cm->bytes))
		len = sizeof(cm->bytes);
	/* a core may lend its own memory, until the next call */
	if (len && err.err_data != cm->bytes)
		memcpy(cm->bytes, err.err_data, len);
	CORE_INFO(EQ, "connection failed: %s\n", fi_strerror(abs(err.err)));
	return core_msg_path_over(path, core_peer_error(abs(err.err)), len ? cm->bytes : NULL, len,
				  event);
}

static int core_msg_cm_event(uint32_t type, union core_msg_cm *cm, size_t len,
			     struct core_event *event)
{
	struct core_path *path = cm->entry.fid->context;

	if (type == FI_SHUTDOWN)
		return core_msg_path_over(path, 0, NULL, 0, event);
	if (type != FI_CONNECTED || path->state != CORE_MSG_CONNECTING)
		return 0;
	path->state = CORE_MSG_UP;
	path->domain->cm_pending--;
	*event = (struct core_event){
		.type = CORE_CONNECTED,
		.path = path,
		.user = path->user,
		.data = len ? cm->entry.data : NULL,
		.len = len,
	};
	return 1;
}

int core_msg_cm_poll(struct core_domain *domain, struct core_event *events, int max)
{
	struct core_listener *listener;
	uint32_t type;
	bool more = false;
	ssize_t ret;
	int n = 0;

	while (n < max) {
		ret = core_msg_eq_read(domain->eq, &type, &domain->cm[n]);
		if (ret == -FI_EAVAIL)
			n += core_msg_cm_error(domain, &domain->cm[n], &events[n]);
		else if (ret < 0)
			break;
		else
			n += core_msg_cm_event(type, &domain->cm[n], core_msg_cm_len(ret),
					       &events[n]);
	}
	LIST_FOREACH (listener, &domain->listeners, link) {
		listener->idle_reads = 0;
		while (n < max && core_msg_request_next(listener, &domain->cm[n], &events[n]))
			n++;
		more |= listener->idle_reads >= CORE_MSG_ACCEPTS;
	}
	domain->cm_due = more || n == max;
	domain->slept = false;
	return n;
}
