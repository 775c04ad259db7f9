/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Refusals for the slots of libfabric's tables whose calls are not offered: its inline
 * wrappers call each slot unguarded.
 */
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "api/no.h"

int switch_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	(void)fid, (void)bfid, (void)flags;
	return -FI_ENOSYS;
}

int switch_no_control(struct fid *fid, int command, void *arg)
{
	(void)fid, (void)command, (void)arg;
	return -FI_ENOSYS;
}

int switch_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops, void *context)
{
	(void)fid, (void)name, (void)flags, (void)ops, (void)context;
	return -FI_ENOSYS;
}

int switch_no_setname(fid_t fid, void *addr, size_t addrlen)
{
	(void)fid, (void)addr, (void)addrlen;
	return -FI_ENOSYS;
}

int switch_no_getpeer(struct fid_ep *ep, void *addr, size_t *addrlen)
{
	(void)ep, (void)addr, (void)addrlen;
	return -FI_ENOSYS;
}

int switch_no_connect(struct fid_ep *ep, const void *addr, const void *param, size_t paramlen)
{
	(void)ep, (void)addr, (void)param, (void)paramlen;
	return -FI_ENOSYS;
}

int switch_no_listen(struct fid_pep *pep)
{
	(void)pep;
	return -FI_ENOSYS;
}

int switch_no_accept(struct fid_ep *ep, const void *param, size_t paramlen)
{
	(void)ep, (void)param, (void)paramlen;
	return -FI_ENOSYS;
}

int switch_no_reject(struct fid_pep *pep, fid_t handle, const void *param, size_t paramlen)
{
	(void)pep, (void)handle, (void)param, (void)paramlen;
	return -FI_ENOSYS;
}

int switch_no_shutdown(struct fid_ep *ep, uint64_t flags)
{
	(void)ep, (void)flags;
	return -FI_ENOSYS;
}

int switch_no_join(struct fid_ep *ep, const void *addr, uint64_t flags, struct fid_mc **mc,
		   void *context)
{
	(void)ep, (void)addr, (void)flags, (void)mc, (void)context;
	return -FI_ENOSYS;
}

int switch_no_tx_ctx(struct fid_ep *ep, int idx, struct fi_tx_attr *attr, struct fid_ep **tx_ep,
		     void *context)
{
	(void)ep, (void)idx, (void)attr, (void)tx_ep, (void)context;
	return -FI_ENOSYS;
}

int switch_no_rx_ctx(struct fid_ep *ep, int idx, struct fi_rx_attr *attr, struct fid_ep **rx_ep,
		     void *context)
{
	(void)ep, (void)idx, (void)attr, (void)rx_ep, (void)context;
	return -FI_ENOSYS;
}

ssize_t switch_no_size_left(struct fid_ep *ep)
{
	(void)ep;
	return -FI_ENOSYS;
}

ssize_t switch_no_cancel(fid_t fid, void *context)
{
	(void)fid, (void)context;
	return -FI_ENOENT;
}

static int no_getopt(fid_t fid, int level, int optname, void *optval, size_t *optlen)
{
	(void)fid, (void)level, (void)optname, (void)optval, (void)optlen;
	return -FI_ENOPROTOOPT;
}

int switch_no_setopt(fid_t fid, int level, int optname, const void *optval, size_t optlen)
{
	(void)fid, (void)level, (void)optname, (void)optval, (void)optlen;
	return -FI_ENOPROTOOPT;
}

struct fi_ops_ep switch_no_ep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = switch_no_cancel,
	.getopt = no_getopt,
	.setopt = switch_no_setopt,
	.tx_ctx = switch_no_tx_ctx,
	.rx_ctx = switch_no_rx_ctx,
	.rx_size_left = switch_no_size_left,
	.tx_size_left = switch_no_size_left,
};

static int no_getname(fid_t fid, void *addr, size_t *addrlen)
{
	(void)fid, (void)addr, (void)addrlen;
	return -FI_ENOSYS;
}

struct fi_ops_cm switch_no_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = switch_no_setname,
	.getname = no_getname,
	.getpeer = switch_no_getpeer,
	.connect = switch_no_connect,
	.listen = switch_no_listen,
	.accept = switch_no_accept,
	.reject = switch_no_reject,
	.shutdown = switch_no_shutdown,
	.join = switch_no_join,
};

/* -- one-sided operations ------------------------------------------------------- */

static ssize_t no_read(struct fid_ep *ep, void *buf, size_t len, void *desc, fi_addr_t src_addr,
		       uint64_t addr, uint64_t key, void *context)
{
	(void)ep, (void)buf, (void)len, (void)desc, (void)src_addr, (void)addr, (void)key;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_readv(struct fid_ep *ep, const struct iovec *iov, void **desc, size_t count,
			fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	(void)ep, (void)iov, (void)desc, (void)count, (void)src_addr, (void)addr, (void)key;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_rma_msg(struct fid_ep *ep, const struct fi_msg_rma *msg, uint64_t flags)
{
	(void)ep, (void)msg, (void)flags;
	return -FI_ENOSYS;
}

static ssize_t no_write(struct fid_ep *ep, const void *buf, size_t len, void *desc,
			fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	(void)ep, (void)buf, (void)len, (void)desc, (void)dest_addr, (void)addr, (void)key;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_writev(struct fid_ep *ep, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	(void)ep, (void)iov, (void)desc, (void)count, (void)dest_addr, (void)addr, (void)key;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_inject_write(struct fid_ep *ep, const void *buf, size_t len, fi_addr_t dest_addr,
			       uint64_t addr, uint64_t key)
{
	(void)ep, (void)buf, (void)len, (void)dest_addr, (void)addr, (void)key;
	return -FI_ENOSYS;
}

static ssize_t no_writedata(struct fid_ep *ep, const void *buf, size_t len, void *desc,
			    uint64_t data, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			    void *context)
{
	(void)ep, (void)buf, (void)len, (void)desc, (void)data, (void)dest_addr, (void)addr;
	(void)key, (void)context;
	return -FI_ENOSYS;
}

static ssize_t no_inject_writedata(struct fid_ep *ep, const void *buf, size_t len, uint64_t data,
				   fi_addr_t dest_addr, uint64_t addr, uint64_t key)
{
	(void)ep, (void)buf, (void)len, (void)data, (void)dest_addr, (void)addr, (void)key;
	return -FI_ENOSYS;
}

struct fi_ops_rma switch_no_rma_ops = {
	.size = sizeof(struct fi_ops_rma),
	.read = no_read,
	.readv = no_readv,
	.readmsg = no_rma_msg,
	.write = no_write,
	.writev = no_writev,
	.writemsg = no_rma_msg,
	.inject = no_inject_write,
	.writedata = no_writedata,
	.injectdata = no_inject_writedata,
};
