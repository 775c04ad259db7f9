/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connection-oriented cores: one completion queue (with some
 * cores two), one event queue and, where the core has it, one shared receive context
 * serve all paths.  Called through core_msg_ops under the domain's lock.  It reads no
 * queue and never blocks.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include <rdma/fi_cm.h>

#include "core/common/caps.h"
#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"
#include "core/msg/path.h"
#include "core/msg/request.h"

void core_msg_caps(const struct fi_info *info, struct core_caps *caps)
{
	core_caps_init(info, caps);
	caps->cm_data_size = CORE_MSG_CM_DATA_MIN;
	caps->tells_end = true;
	caps->flow_control = core_is_tcp(info) || core_is(info, "sockets");
	caps->rma_pins_path = core_is_tcp(info) && FI_VERSION_LT(fi_version(), FI_VERSION(1, 18));
}

/* -- opening and closing ------------------------------------------------ */

/*
 * Closes everything, in such an order that no object of the core outlives what it points
 * to.  A path that still has reads out is closed like the others: the tcp core then
 * corrupts its pool of transfers, but it frees that pool as a whole when the completion
 * queue is closed, and takes nothing from it before, since no operation is posted and no
 * queue is read from here on.
 */
void core_msg_domain_close(struct core_domain *domain)
{
	struct core_listener *listener;
	struct core_path *path;

	LIST_FOREACH (path, &domain->paths, link)
		CORE_CLOSE(path->base.ep, "an endpoint");
	core_msg_requests_drop(domain);
	while ((listener = LIST_FIRST(&domain->listeners)))
		core_msg_listener_close(listener);
	CORE_CLOSE(domain->srx, "shared receives");
	core_msg_queues_close(domain);
	CORE_CLOSE(domain->eq, "an event queue");
	while ((path = LIST_FIRST(&domain->paths)))
		core_msg_path_free(path);
	core_pool_free(&domain->base, &domain->pool);
	core_tx_pool_free(&domain->base, &domain->tx);
	CORE_CLOSE(domain->base.domain, "the core's domain");
	core_fd_close(domain->cm_fd);
	free(domain);
}

static int core_msg_domain_eq_open(struct core_domain *domain)
{
	int ret, fd;

	ret = core_msg_eq_open(domain->fabric, &domain->eq, &fd);
	if (!ret)
		ret = core_epoll_open(&domain->cm_fd);
	return ret ? ret : core_epoll_add(domain->cm_fd, fd, EPOLLIN);
}

static int core_msg_srx_open(struct core_domain *domain, struct fi_info *info)
{
	struct fi_rx_attr attr = *info->rx_attr;
	int ret;

	if (info->ep_attr->rx_ctx_cnt != FI_SHARED_CONTEXT)
		return 0;
	if (domain->window)
		attr.size = domain->rx_max; /* room for more peers than by default */
	ret = fi_srx_context(domain->base.domain, &attr, &domain->srx, NULL);
	while (ret && attr.size / 2 > info->rx_attr->size) {
		attr.size /= 2;
		ret = fi_srx_context(domain->base.domain, &attr, &domain->srx, NULL);
	}
	if (ret)
		return core_failed("fi_srx_context", ret);
	if (domain->window)
		domain->rx_max = attr.size;
	/* completions go to the queue that an endpoint is bound to; some cores want the
	 * shared context bound to one too, others refuse that */
	ret = fi_ep_bind(domain->srx, &domain->waited.cq->fid, FI_RECV);
	if (ret)
		CORE_INFO(CORE, "the shared receive context is not bound to a queue: %s\n",
			  fi_strerror(-ret));
	domain->pool.ep = domain->srx;
	return core_pool_grow(&domain->base, &domain->pool, domain->base.buffer_cnt);
}

/* Asks the core how much connection data it carries.  Only an endpoint can be asked, and
 * the only one that every core makes without a peer is a passive one. */
static void core_msg_ask_cm_data(struct core_domain *domain, const struct fi_info *info)
{
	struct fi_info copy = *info;
	struct fid_pep *pep;

	copy.next = NULL;
	copy.handle = NULL;
	copy.src_addr = NULL; /* a listener may listen there */
	copy.src_addrlen = 0;
	if (fi_passive_ep(domain->fabric, &copy, &pep, NULL))
		return;
	domain->base.caps.cm_data_size = core_msg_pep_cm_size(pep);
	core_fid_close(&pep->fid, "a passive endpoint");
}

/* A buffer is posted while the core has none.  It may have read a message that came before,
 * which then makes no descriptor readable: only a poll finds it. */
static void core_msg_starved(struct core_domain_base *base)
{
	core_msg_wake((struct core_domain *)base);
}

int core_msg_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain)
{
	struct core_domain *d;
	int ret = -FI_ENOMEM;

	if (!attr->buffer_size || !attr->buffer_cnt || !attr->buffer_max)
		return core_failed("receive buffers", -FI_EINVAL);
	d = calloc(1, sizeof(*d));
	if (!d)
		return core_failed("core domain", ret);
	d->fabric = fabric;
	d->waited_fd = d->cm_fd = d->polled.epoll_fd = d->wake_fd = -1;
	d->rx_ctx_cnt = info->ep_attr->rx_ctx_cnt;
	TAILQ_INIT(&d->draining);
	core_domain_base_init(&d->base, info, attr);
	d->base.starved = core_msg_starved;
	core_msg_caps(info, &d->base.caps);
	d->window = d->base.caps.flow_control ? 0 : attr->path_cnt;

	ret = fi_domain(fabric, info, &d->base.domain, NULL);
	if (ret) {
		core_failed("fi_domain", ret);
		goto fail;
	}
	ret = core_msg_queues_open(d, core_is(info, "tcp") &&
					      FI_VERSION_LT(fi_version(), FI_VERSION(1, 18)));
	if (ret)
		goto fail;
	ret = core_msg_domain_eq_open(d);
	if (ret)
		goto fail;
	ret = core_msg_srx_open(d, info);
	if (ret)
		goto fail;
	core_msg_ask_cm_data(d, info);
	*domain = d;
	return 0;

fail:
	core_msg_domain_close(d);
	return ret;
}

/* -- waiting ------------------------------------------------------------ */

int core_msg_wait_fds(struct core_domain *domain, int *fds, int max)
{
	int n = 0;

	if (n < max)
		fds[n++] = domain->waited_fd;
	if (n < max)
		fds[n++] = domain->wake_fd;
	if (n < max && domain->polled.queue.cq)
		fds[n++] = domain->polled.epoll_fd;
	if (n < max)
		fds[n++] = domain->cm_fd;
	return n;
}

int core_msg_trywait(struct core_domain *domain)
{
	struct core_listener *listener;
	int ret;

	if (domain->cm_due || !TAILQ_EMPTY(&domain->draining) || !SLIST_EMPTY(&domain->base.idle))
		return -FI_EAGAIN;
	ret = core_msg_queue_trywait(domain);
	if (ret)
		return ret;
	ret = core_msg_eq_trywait(domain->fabric, domain->eq);
	LIST_FOREACH (listener, &domain->listeners, link) {
		if (ret)
			break;
		ret = core_msg_eq_trywait(domain->fabric, listener->eq);
	}
	domain->cm_due = ret;
	domain->slept = !ret;
	return ret;
}

/* Remembered for core_msg_queue_choose(): having paths in both queues costs a system call
 * and half a megabyte more. */
void core_msg_expect(struct core_domain *domain, size_t peers)
{
	if (peers > domain->expected)
		domain->expected = peers;
}
