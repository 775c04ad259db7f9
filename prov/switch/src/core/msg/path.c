/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Paths of the adapter for connection-oriented cores: the core's endpoint, bound to the
 * domain's queues, and the receives that it needs.  Called by the files that open and
 * close paths, under the domain's lock.  It connects nothing.
 */
#include <stdlib.h>

#include <rdma/fi_cm.h>

#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/path.h"

static int core_msg_ep_bind(struct core_path *path)
{
	struct core_domain *domain = path->domain;
	struct fid *cq = &path->queue->cq->fid;
	struct fid_ep *ep = path->base.ep;
	int ret;

	ret = fi_ep_bind(ep, &domain->eq->fid, 0);
	if (ret)
		return ret;
	ret = fi_ep_bind(ep, cq, FI_TRANSMIT | FI_SELECTIVE_COMPLETION);
	if (ret)
		return ret;
	/* FI_SELECTIVE_COMPLETION here would silence shared receives on the tcp core */
	ret = fi_ep_bind(ep, cq, FI_RECV);
	if (ret)
		return ret;
	return domain->srx ? fi_ep_bind(ep, &domain->srx->fid, 0) : 0;
}

/* Grows the shared pool with the number of paths.  A peer that stops in the middle of a
 * message holds a buffer for as long as it likes.  So there are two buffers for each path
 * while buffer_max allows that, and always one for each and some for peers that do send. */
static int core_msg_pool_follow(struct core_domain *domain)
{
	const size_t spare = domain->base.buffer_cnt / 2 + 1;

	if (domain->path_cnt * 2 > domain->pool.cnt)
		core_pool_double(&domain->base, &domain->pool);
	if (domain->path_cnt + spare <= domain->pool.cnt)
		return 0;
	return core_pool_grow(&domain->base, &domain->pool, spare);
}

/* Without flow control, a buffer must be posted for every message that peers may send. */
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

/* Posts the receives that a new path needs. */
static int core_msg_path_receive(struct core_path *path)
{
	struct core_domain *domain = path->domain;

	if (!domain->srx)
		path->pool.ep = path->base.ep;
	if (domain->window)
		return domain->srx ? core_msg_pool_reserve(domain, &domain->pool, domain->path_cnt)
				   : core_msg_pool_reserve(domain, &path->pool, 1);
	if (!domain->srx)
		return core_pool_grow(&domain->base, &path->pool, domain->base.buffer_cnt);
	return core_msg_pool_follow(domain);
}

int core_msg_path_create(struct core_domain *domain, struct fi_info *info, void *user,
			 struct core_path **path)
{
	struct core_path *p;
	int ret;

	p = calloc(1, sizeof(*p));
	if (!p)
		return core_failed("path", -FI_ENOMEM);
	p->domain = domain;
	core_path_base_init(&p->base, &domain->base, &domain->tx, user);
	ret = fi_endpoint(domain->base.domain, info, &p->base.ep, p);
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
		ret = fi_enable(p->base.ep);
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
	core_msg_path_discard(p);
	return ret;
}

void core_msg_path_free(struct core_path *path)
{
	LIST_REMOVE(path, link);
	path->queue->path_cnt--;
	path->domain->path_cnt--;
	core_pool_free(&path->domain->base, &path->pool);
	free(path);
}

int core_msg_path_peer(struct core_path *path, void *addr, size_t *len)
{
	return path->base.ep ? fi_getpeer(path->base.ep, addr, len) : -FI_ESHUTDOWN;
}

int core_msg_path_name(struct core_path *path, void *addr, size_t *len)
{
	return path->base.ep ? fi_getname(&path->base.ep->fid, addr, len) : -FI_ESHUTDOWN;
}
