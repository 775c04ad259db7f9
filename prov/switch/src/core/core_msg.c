/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The adapter for connection-oriented cores (tcp, verbs, sockets): domain and
 * data.  One completion queue (with some cores two), one event queue and, where
 * the core has it, one shared receive context serve all paths.  Called through core_msg_ops under
 * the domain's lock; it takes no lock, never blocks, never reads a message.
 *
 * The tcp core frees a read twice when its endpoint is closed while the answer
 * is half read, and later hands the entry to two operations.  Therefore
 * caps.rma_pins_path: such a path is closed when its reads are done or the
 * peer is gone.  For the rest see core_msg_domain_close().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core_msg.h"

/* -- capabilities ------------------------------------------------------- */

static const char *core_msg_prov(const struct fi_info *info)
{
	return info->fabric_attr->prov_name ? info->fabric_attr->prov_name : "";
}

void core_msg_caps(const struct fi_info *info, struct core_caps *caps)
{
	const uint64_t rma = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
	const char *prov = core_msg_prov(info);
	bool tcp = !strcmp(prov, "tcp") || !strcmp(prov, "net");
	uint64_t mode = info->domain_attr->mr_mode, bits = info->caps & rma;

	/* FI_RMA without any of the four means all of them (fi_getinfo(3)) */
	if ((info->caps & FI_RMA) && !bits)
		bits = rma;
	if (!(info->caps & FI_RMA))
		bits = 0;

	memset(caps, 0, sizeof(*caps));
	caps->iov_limit = info->tx_attr->iov_limit;
	if (caps->iov_limit > CORE_IOV_MAX)
		caps->iov_limit = CORE_IOV_MAX;
	/* the pieces are local ones: rma_iov_limit counts the remote ones */
	caps->rma_iov_limit = caps->iov_limit;
	caps->inject_size = info->tx_attr->inject_size;
	caps->rma_max = info->ep_attr->max_msg_size;
	caps->cm_data_size = CORE_MSG_CM_DATA_MIN;
	caps->key_size = info->domain_attr->mr_key_size;
	caps->can_read = bits & FI_READ;
	caps->can_write = bits & FI_WRITE;
	caps->read_target = bits & FI_REMOTE_READ;
	caps->write_target = bits & FI_REMOTE_WRITE;
	caps->mr_local = mode & FI_MR_LOCAL;
	caps->mr_virt_addr = mode & FI_MR_VIRT_ADDR;
	caps->mr_prov_key = mode & FI_MR_PROV_KEY;
	caps->send_after_write = info->tx_attr->msg_order & FI_ORDER_SAW;
	caps->flow_control = tcp || !strcmp(prov, "sockets");
	caps->rma_pins_path = tcp;
	caps->stage_size = tcp ? CORE_MSG_TCP_STAGE : 0;
}

static const struct core_caps *core_msg_domain_caps(const struct core_domain *domain)
{
	return &domain->caps;
}

/* -- domain ------------------------------------------------------------- */

/*
 * Closes everything, in an order that no core object outlives what it points
 * to.  A path that still has reads out is closed like the others: the tcp
 * core then corrupts its pool of transfers, but the pool is only freed as a
 * whole when the completion queue is closed, and nothing takes from it in
 * between, since no operation is posted and no queue is read from here on.
 */
static void core_msg_domain_close(struct core_domain *domain)
{
	struct core_listener *listener;
	struct core_path *path;
	int ret;

	LIST_FOREACH (path, &domain->paths, link) {
		if (path->ep)
			fi_close(&path->ep->fid);
	}
	core_msg_requests_drop(domain);
	while ((listener = LIST_FIRST(&domain->listeners)))
		core_msg_listener_close(listener);
	if (domain->srx)
		fi_close(&domain->srx->fid);
	core_msg_queues_close(domain);
	if (domain->eq)
		fi_close(&domain->eq->fid);
	while ((path = LIST_FIRST(&domain->paths)))
		core_msg_path_free(path);
	core_msg_pool_free(domain, &domain->pool);
	if (domain->domain) {
		ret = fi_close(&domain->domain->fid);
		if (ret)
			core_msg_failed("closing the core's domain", ret);
	}
	if (domain->cm_fd >= 0)
		close(domain->cm_fd);
	free(domain);
}

static int core_msg_domain_eq_open(struct core_domain *domain)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret, fd;

	ret = core_msg_eq_open(domain->fabric, &domain->eq, &fd);
	if (ret)
		return ret;
	domain->cm_fd = epoll_create1(EPOLL_CLOEXEC);
	if (domain->cm_fd < 0)
		return core_msg_failed("epoll_create1", -errno);
	if (epoll_ctl(domain->cm_fd, EPOLL_CTL_ADD, fd, &event))
		return core_msg_failed("epoll_ctl", -errno);
	return 0;
}

static int core_msg_srx_open(struct core_domain *domain, struct fi_info *info)
{
	int ret;

	if (info->ep_attr->rx_ctx_cnt != FI_SHARED_CONTEXT)
		return 0;
	ret = fi_srx_context(domain->domain, info->rx_attr, &domain->srx, NULL);
	if (ret)
		return core_msg_failed("fi_srx_context", ret);
	/* completions follow the endpoints' binding; some cores want this one
	 * too, others know no such thing */
	ret = fi_ep_bind(domain->srx, &domain->far.cq->fid, FI_RECV);
	if (ret)
		CORE_MSG_INFO(CORE, "shared receives without a queue of their own: %s\n",
			      fi_strerror(-ret));
	domain->pool.ep = domain->srx;
	return core_msg_pool_grow(domain, &domain->pool, domain->buffer_cnt);
}

/* Asks the core how much connection data it carries; only an endpoint knows. */
static void core_msg_ask_cm_data(struct core_domain *domain, struct fi_info *info)
{
	struct core_msg_ep_info copy;
	size_t size = 0, len = sizeof(size);
	struct fid_ep *ep;

	if (core_msg_ep_info(domain, info, &copy))
		return;
	copy.info.src_addr = NULL; /* a listener may have it */
	copy.info.src_addrlen = 0;
	if (fi_endpoint(domain->domain, &copy.info, &ep, NULL))
		return;
	if (!fi_getopt(&ep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &size, &len) &&
	    size > CORE_MSG_CM_DATA_MIN)
		domain->caps.cm_data_size = size < CORE_MSG_CM_DATA ? size : CORE_MSG_CM_DATA;
	fi_close(&ep->fid);
}

static int core_msg_domain_open(struct fid_fabric *fabric, struct fi_info *info,
				const struct core_attr *attr, struct core_domain **domain)
{
	struct core_domain *d;
	int ret = -FI_ENOMEM;

	if (!attr->buffer_size || !attr->buffer_cnt || !attr->buffer_max)
		return core_msg_failed("receive buffers", -FI_EINVAL);
	d = calloc(1, sizeof(*d));
	if (!d)
		return core_msg_failed("core domain", ret);
	d->fabric = fabric;
	d->far_fd = d->cm_fd = d->near.epoll_fd = d->wake_fd = -1;
	d->rx_ctx_cnt = info->ep_attr->rx_ctx_cnt;
	d->buffer_size = attr->buffer_size;
	if (info->rx_attr->iov_limit > 1 && d->buffer_size > CORE_MSG_HEAD)
		d->head_size = CORE_MSG_HEAD;
	d->buffer_max = attr->buffer_max;
	if (info->rx_attr->size && d->buffer_max > info->rx_attr->size)
		d->buffer_max = info->rx_attr->size;
	d->buffer_cnt = attr->buffer_cnt < d->buffer_max ? attr->buffer_cnt : d->buffer_max;
	TAILQ_INIT(&d->limbo);
	core_msg_caps(info, &d->caps);
	/* without order between them, a message says that a write has arrived
	 * only if the write's completion says so */
	d->write_flags = FI_COMPLETION | (d->caps.send_after_write ? 0 : FI_DELIVERY_COMPLETE);

	ret = fi_domain(fabric, info, &d->domain, NULL);
	if (ret) {
		core_msg_failed("fi_domain", ret);
		goto fail;
	}
	d->polls_near = !strcmp(core_msg_prov(info), "tcp") &&
			FI_VERSION_LT(fi_version(), FI_VERSION(1, 18));
	ret = core_msg_queues_open(d);
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

static int core_msg_wait_fds(struct core_domain *domain, int *fds, int max)
{
	int n = 0;

	if (n < max)
		fds[n++] = domain->far_fd;
	if (n < max)
		fds[n++] = domain->wake_fd;
	if (n < max && domain->near.queue.cq)
		fds[n++] = domain->near.epoll_fd;
	if (n < max)
		fds[n++] = domain->cm_fd;
	return n;
}

static int core_msg_trywait(struct core_domain *domain)
{
	struct core_listener *listener;
	int ret;

	if (domain->cm_due || !TAILQ_EMPTY(&domain->limbo) || !SLIST_EMPTY(&domain->idle))
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
	return ret;
}

/* -- data --------------------------------------------------------------- */

static int core_msg_refuse(const struct core_path *path)
{
	switch (path->state) {
	case CORE_MSG_CONNECTING:
		return -FI_ENOTCONN;
	case CORE_MSG_DEAD:
		return -FI_ECONNRESET;
	default:
		return -FI_ESHUTDOWN;
	}
}

static struct core_msg_io *core_msg_io_init(struct core_path *path, struct core_io *io,
					    enum core_msg_kind kind)
{
	struct core_msg_io *mine = (struct core_msg_io *)io;

	mine->ctx.kind = kind;
	mine->path = path;
	return mine;
}

/* The core's answer to an operation with a completion. */
static int core_msg_io_taken(struct core_path *path, struct core_msg_io *io, const char *what,
			     ssize_t ret)
{
	core_msg_queue_touched(path->domain);
	if (ret) {
		io->ctx.kind = CORE_MSG_NONE;
		return ret == -FI_EAGAIN ? -FI_EAGAIN : core_msg_failed(what, (int)ret);
	}
	TAILQ_INSERT_TAIL(&path->ios, io, link);
	path->domain->io_cnt++;
	return 0;
}

static int core_msg_inject(struct core_path *path, const struct iovec *iov, size_t cnt, size_t len)
{
	uint8_t copy[CORE_MSG_INJECT_COPY];
	const void *buf = cnt ? iov[0].iov_base : NULL;
	size_t i, done = 0;
	ssize_t ret;

	if (cnt > 1) {
		for (i = 0; i < cnt; i++) {
			memcpy(copy + done, iov[i].iov_base, iov[i].iov_len);
			done += iov[i].iov_len;
		}
		buf = copy;
	}
	ret = fi_inject(path->ep, buf, len, FI_ADDR_UNSPEC);
	core_msg_queue_touched(path->domain);
	if (!ret)
		return 1;
	return ret == -FI_EAGAIN ? -FI_EAGAIN : core_msg_failed("fi_inject", (int)ret);
}

static int core_msg_send(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, size_t len, bool may_buffer)
{
	struct core_domain *domain = path->domain;
	struct core_msg_io *mine;
	struct fi_msg msg;

	if (path->state != CORE_MSG_UP)
		return core_msg_refuse(path);
	if (may_buffer && len <= domain->caps.inject_size &&
	    (cnt <= 1 || len <= CORE_MSG_INJECT_COPY))
		return core_msg_inject(path, iov, cnt, len);
	if (cnt > domain->caps.iov_limit)
		return -FI_EINVAL;
	if (domain->io_cnt >= CORE_MSG_IO_MAX)
		return -FI_EAGAIN;

	mine = core_msg_io_init(path, io, CORE_MSG_IO);
	msg = (struct fi_msg){
		.msg_iov = iov,
		.desc = desc,
		.iov_count = cnt,
		.addr = FI_ADDR_UNSPEC,
		.context = mine,
	};
	return core_msg_io_taken(path, mine, "fi_sendmsg",
				 fi_sendmsg(path->ep, &msg, FI_COMPLETION));
}

/* What reads and writes have in common; 0 if it may go to the core. */
static int core_msg_rma_init(struct core_path *path, const struct iovec *iov, void **desc,
			     size_t cnt, uint64_t raddr, uint64_t key, struct fi_rma_iov *rma,
			     struct fi_msg_rma *msg)
{
	size_t i;

	if (path->state != CORE_MSG_UP)
		return core_msg_refuse(path);
	if (cnt > path->domain->caps.rma_iov_limit)
		return -FI_EINVAL;
	if (path->domain->io_cnt >= CORE_MSG_IO_MAX)
		return -FI_EAGAIN;
	*rma = (struct fi_rma_iov){.addr = raddr, .key = key};
	for (i = 0; i < cnt; i++)
		rma->len += iov[i].iov_len;
	*msg = (struct fi_msg_rma){
		.msg_iov = iov,
		.desc = desc,
		.iov_count = cnt,
		.addr = FI_ADDR_UNSPEC,
		.rma_iov = rma,
		.rma_iov_count = 1,
	};
	return 0;
}

static int core_msg_read(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	struct core_msg_io *mine;
	struct fi_rma_iov rma;
	struct fi_msg_rma msg;
	int ret;

	ret = core_msg_rma_init(path, iov, desc, cnt, raddr, key, &rma, &msg);
	if (ret)
		return ret;
	msg.context = mine = core_msg_io_init(path, io, CORE_MSG_READ);
	ret = core_msg_io_taken(path, mine, "fi_readmsg",
				fi_readmsg(path->ep, &msg, FI_COMPLETION));
	if (!ret)
		path->read_cnt++;
	return ret;
}

static int core_msg_write(struct core_path *path, struct core_io *io, const struct iovec *iov,
			  void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	struct core_msg_io *mine;
	struct fi_rma_iov rma;
	struct fi_msg_rma msg;
	int ret;

	ret = core_msg_rma_init(path, iov, desc, cnt, raddr, key, &rma, &msg);
	if (ret)
		return ret;
	msg.context = mine = core_msg_io_init(path, io, CORE_MSG_IO);
	return core_msg_io_taken(path, mine, "fi_writemsg",
				 fi_writemsg(path->ep, &msg, path->domain->write_flags));
}

/* Both queues at once cost a system call and half a megabyte more. */
static void core_msg_expect(struct core_domain *domain, size_t peers)
{
	if (peers > domain->expected)
		domain->expected = peers;
}

const struct core_ops core_msg_ops = {
	.name = "msg",
	.domain_open = core_msg_domain_open,
	.domain_close = core_msg_domain_close,
	.poll = core_msg_poll,
	.release = core_msg_release,
	.listen = core_msg_listen,
	.listener_name = core_msg_listener_name,
	.listener_close = core_msg_listener_close,
	.connect = core_msg_connect,
	.accept = core_msg_accept,
	.reject = core_msg_reject,
	.path_peer = core_msg_path_peer,
	.path_name = core_msg_path_name,
	.path_close = core_msg_path_close,
	.send = core_msg_send,
	.read = core_msg_read,
	.write = core_msg_write,
	.mr_reg = core_msg_mr_reg,
	.mr_close = core_msg_mr_close,
	.mr_desc = core_msg_mr_desc,
	.wait_fds = core_msg_wait_fds,
	.trywait = core_msg_trywait,
	.expect = core_msg_expect,
	.caps = core_msg_domain_caps,
};
