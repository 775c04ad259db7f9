/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of the adapter for connectionless cores (shm, net, sockets, efa, psm3 ...), and
 * its calls that move data.  Connections are made of messages of our own
 * (core/rdm/frame.c), which travel in order with all others; a message that arrives does
 * not say from whom, and need not.  Called under the domain's lock.
 *
 * Such a core does not tell when a peer is gone, unless an operation fails, and takes
 * nothing back: a path that is given up waits for what it has out.
 */
#include "core/common/data.h"
#include "core/common/mr.h"
#include "core/rdm/domain.h"
#include "core/rdm/listener.h"
#include "core/rdm/path.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

static const struct core_caps *core_rdm_domain_caps(const struct core_domain *domain)
{
	return &domain->base.caps;
}

static void core_rdm_expect(struct core_domain *domain, size_t peers)
{
	(void)domain, (void)peers;
}

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
