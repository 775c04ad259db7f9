/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The adapter for connectionless cores (shm, net, sockets, efa, psm3 ...):
 * domain and data.  Connections are made of messages of our own
 * (core/rdm/frame.c), which travel in order with all others; a message that
 * arrives does not say from whom, and need not.  One completion queue and one
 * address vector serve all endpoints.
 *
 * Such a core does not tell when a peer is gone, unless an operation fails, and
 * takes nothing back: a path that is given up waits for what it has out.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/rdm/rdm.h"

enum {
	GOODBYE_LEAST = 16, /* looks at the queue of a domain that closes */
	GOODBYE_MOST = 100, /* milliseconds that it takes at most */
};

/* -- capabilities ------------------------------------------------------------------- */

static void core_rdm_caps(const struct fi_info *info, struct core_caps *caps)
{
	const char *prov = info->fabric_attr->prov_name;

	core_caps_init(info, caps);
	caps->cm_data_size = CORE_RDM_CM_DATA;
	caps->keeps_sent = prov && !strcmp(prov, "shm");
	caps->addr_is_name = true;
	/* who asks for a connection has been granted nothing yet */
	caps->flow_control = info->domain_attr->resource_mgmt == FI_RM_ENABLED;
}

static const struct core_caps *core_rdm_domain_caps(const struct core_domain *domain)
{
	return &domain->base.caps;
}

/* -- domain --------------------------------------------------------------------------- */

/* Peers are told, as far as the core can be brought to it: it may throw away what
 * it has when an endpoint is closed. */
static void say_goodbye(struct core_domain *domain)
{
	struct core_event events[CORE_BATCH];
	struct core_listener *listener;
	struct core_path *path;
	const uint64_t until = core_rdm_now() + GOODBYE_MOST;

	while ((listener = LIST_FIRST(&domain->listeners)))
		core_rdm_listener_close(listener);
	core_rdm_requests_drop(domain);
	LIST_FOREACH (path, &domain->paths, link)
		core_rdm_path_close(path);
	for (unsigned i = 0; i < GOODBYE_LEAST || core_rdm_now() < until; i++) {
		int n = core_rdm_poll(domain, events, CORE_BATCH, true);

		while (n--)
			core_rdm_release(domain, &events[n]);
		sched_yield();
		if (LIST_EMPTY(&domain->paths) && TAILQ_EMPTY(&domain->waiting) &&
		    !domain->base.out_cnt && i >= GOODBYE_LEAST)
			return;
	}
}

/* Endpoints first: the core touches nothing of ours once they are closed. */
void core_rdm_domain_close(struct core_domain *domain)
{
	struct core_path *path;
	struct core_port *port;
	int ret;

	if (domain->cq)
		say_goodbye(domain);
	core_rdm_frames_drop(domain, NULL);
	while ((port = LIST_FIRST(&domain->ports)))
		core_rdm_port_close(port);
	while ((path = LIST_FIRST(&domain->paths)))
		core_rdm_path_free(path);
	core_rdm_ports_reap(domain, false); /* what the core did not close before */
	/* with its queue go the events that still stand for buffers */
	if (domain->cq)
		fi_close(&domain->cq->fid);
	core_rdm_ports_reap(domain, true);
	core_rdm_peers_free(domain);
	if (domain->av)
		fi_close(&domain->av->fid);
	if (domain->base.domain) {
		ret = fi_close(&domain->base.domain->fid);
		if (ret)
			core_failed("closing the core's domain", ret);
	}
	if (domain->wait_fd >= 0)
		close(domain->wait_fd);
	if (domain->timer_fd >= 0)
		close(domain->timer_fd);
	fi_freeinfo(domain->info);
	free(domain);
}

/* With a descriptor, where the core has such queues. */
static int open_cq(struct core_domain *domain)
{
	struct fi_cq_attr attr = {
		.size = domain->base.buffer_max + CORE_OUT_MAX,
		.format = FI_CQ_FORMAT_MSG,
		.wait_obj = FI_WAIT_FD,
	};
	int ret = fi_cq_open(domain->base.domain, &attr, &domain->cq, NULL);

	domain->has_fd = !ret;
	if (ret) {
		attr.wait_obj = FI_WAIT_NONE;
		ret = fi_cq_open(domain->base.domain, &attr, &domain->cq, NULL);
	}
	return ret ? core_failed("fi_cq_open", ret) : 0;
}

static int open_av(struct core_domain *domain)
{
	const enum fi_av_type type = domain->info->domain_attr->av_type;
	struct fi_av_attr attr = {.type = type == FI_AV_UNSPEC ? FI_AV_TABLE : type};
	int ret = fi_av_open(domain->base.domain, &attr, &domain->av, NULL);

	return ret ? core_failed("fi_av_open", ret) : 0;
}

static int wait_add(const struct core_domain *domain, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(domain->wait_fd, EPOLL_CTL_ADD, fd, &event)
		       ? core_failed("epoll_ctl", -errno)
		       : 0;
}

static int open_wait(struct core_domain *domain)
{
	int ret;

	domain->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	domain->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (domain->wait_fd < 0 || domain->timer_fd < 0)
		return core_failed("descriptors to sleep on", -errno);
	ret = wait_add(domain, domain->timer_fd);
	if (ret || !domain->has_fd)
		return ret;
	ret = fi_control(&domain->cq->fid, FI_GETWAIT, &domain->cq_fd);
	return ret ? core_failed("descriptor of the completion queue", ret)
		   : wait_add(domain, domain->cq_fd);
}

int core_rdm_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain)
{
	struct core_domain *d;
	int ret = -FI_ENOMEM;

	if (attr->buffer_size < CORE_RDM_FRAME_MAX || !attr->buffer_cnt || !attr->buffer_max)
		return core_failed("receive buffers", -FI_EINVAL);
	d = calloc(1, sizeof(*d));
	if (!d)
		return core_failed("core domain", ret);
	d->fabric = fabric;
	d->wait_fd = d->timer_fd = -1;
	TAILQ_INIT(&d->due);
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->idle_peers);
	core_base_init(&d->base, info, attr);
	core_rdm_caps(info, &d->base.caps);
	d->info = fi_dupinfo(info);
	if (d->info)
		ret = fi_domain(fabric, info, &d->base.domain, NULL);
	if (ret)
		core_failed("fi_domain", ret);
	if (!ret && getrandom(&d->next_id, sizeof(d->next_id), 0) != sizeof(d->next_id))
		ret = core_failed("getrandom", -errno);
	if (!ret)
		ret = open_cq(d);
	if (!ret)
		ret = open_av(d);
	if (!ret)
		ret = open_wait(d);
	if (ret) {
		core_rdm_domain_close(d);
		return ret;
	}
	*domain = d;
	return 0;
}

static void core_rdm_expect(struct core_domain *domain, size_t peers)
{
	(void)domain, (void)peers;
}

/* -- data -------------------------------------------------------------------------------- */

static int refuse(const struct core_path *path)
{
	switch (path->state) {
	case CORE_RDM_CONNECTING:
		return -FI_ENOTCONN;
	case CORE_RDM_DEAD:
		return -FI_ECONNRESET;
	default:
		return -FI_ESHUTDOWN;
	}
}

/* A peer that is told of its connection may still be ahead of who accepted it. */
static int core_rdm_send(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, size_t len, bool may_buffer)
{
	if (path->state != CORE_RDM_UP)
		return refuse(path);
	return core_data_send(&path->domain->base, path, io, iov, desc, cnt, len, may_buffer);
}

static int core_rdm_read(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	if (path->state != CORE_RDM_UP)
		return refuse(path);
	return core_data_rma(&path->domain->base, path, io, CORE_KIND_READ, iov, desc, cnt, raddr,
			     key);
}

static int core_rdm_write(struct core_path *path, struct core_io *io, const struct iovec *iov,
			  void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	if (path->state != CORE_RDM_UP)
		return refuse(path);
	return core_data_rma(&path->domain->base, path, io, CORE_KIND_WRITE, iov, desc, cnt, raddr,
			     key);
}

static int core_rdm_mr_reg(struct core_domain *domain, struct core_path *path, const void *buf,
			   size_t len, uint64_t access, struct core_mr **mr, uint64_t *raddr,
			   uint64_t *key)
{
	return core_mr_reg(&domain->base, path ? path->line.ep : NULL, buf, len, access, mr, raddr,
			   key);
}

const struct core_ops core_rdm_ops = {
	.name = "rdm",
	.domain_open = core_rdm_domain_open,
	.domain_close = core_rdm_domain_close,
	.poll = core_rdm_poll,
	.release = core_rdm_release,
	.listen = core_rdm_listen,
	.listener_name = core_rdm_listener_name,
	.listener_close = core_rdm_listener_close,
	.connect = core_rdm_connect,
	.accept = core_rdm_accept,
	.reject = core_rdm_reject,
	.path_peer = core_rdm_path_peer,
	.path_name = core_rdm_path_name,
	.path_close = core_rdm_path_close,
	.send = core_rdm_send,
	.read = core_rdm_read,
	.write = core_rdm_write,
	.mr_reg = core_rdm_mr_reg,
	.mr_close = core_mr_close,
	.mr_desc = core_mr_desc,
	.wait_fds = core_rdm_wait_fds,
	.trywait = core_rdm_trywait,
	.expect = core_rdm_expect,
	.rest = core_rdm_ports_unshare,
	.caps = core_rdm_domain_caps,
	.info_caps = core_rdm_caps,
	.passive_open = core_rdm_passive_open,
	.passive_setname = core_rdm_passive_setname,
	.passive_listen = core_rdm_passive_listen,
	.passive_poll = core_rdm_passive_poll,
	.passive_release = core_rdm_passive_release,
	.passive_trywait = core_rdm_passive_trywait,
	.passive_fd = core_rdm_passive_fd,
	.passive_lend = core_rdm_passive_lend,
	.passive_return = core_rdm_passive_return,
	.passive_cm_size = core_rdm_passive_cm_size,
};
