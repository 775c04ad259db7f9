/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functions that the mock does not offer.  They must exist, because libfabric's inline
 * wrappers call the slots of these tables without a check.
 */
#include "mock.h"

int mock_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	(void)fid, (void)bfid, (void)flags;
	return -FI_ENOSYS;
}

int mock_no_control(struct fid *fid, int command, void *arg)
{
	(void)fid, (void)command, (void)arg;
	return -FI_ENOSYS;
}

int mock_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops, void *context)
{
	(void)fid, (void)name, (void)flags, (void)ops, (void)context;
	return -FI_ENOSYS;
}

/* -- domains ---------------------------------------------------------------- */

static int no_scalable_ep(struct fid_domain *fid, struct fi_info *info, struct fid_ep **ep,
			  void *context)
{
	(void)fid, (void)info, (void)ep, (void)context;
	return -FI_ENOSYS;
}

static int no_cntr_open(struct fid_domain *fid, struct fi_cntr_attr *attr, struct fid_cntr **cntr,
			void *context)
{
	(void)fid, (void)attr, (void)cntr, (void)context;
	return -FI_ENOSYS;
}

static int no_poll_open(struct fid_domain *fid, struct fi_poll_attr *attr, struct fid_poll **poll)
{
	(void)fid, (void)attr, (void)poll;
	return -FI_ENOSYS;
}

static int no_stx_ctx(struct fid_domain *fid, struct fi_tx_attr *attr, struct fid_stx **stx,
		      void *context)
{
	(void)fid, (void)attr, (void)stx, (void)context;
	return -FI_ENOSYS;
}

static int no_srx_ctx(struct fid_domain *fid, struct fi_rx_attr *attr, struct fid_ep **srx,
		      void *context)
{
	(void)fid, (void)attr, (void)srx, (void)context;
	return -FI_ENOSYS;
}

static int no_query_atomic(struct fid_domain *fid, enum fi_datatype type, enum fi_op op,
			   struct fi_atomic_attr *attr, uint64_t flags)
{
	(void)fid, (void)type, (void)op, (void)attr, (void)flags;
	return -FI_ENOSYS;
}

static int no_query_collective(struct fid_domain *fid, enum fi_collective_op op,
			       struct fi_collective_attr *attr, uint64_t flags)
{
	(void)fid, (void)op, (void)attr, (void)flags;
	return -FI_ENOSYS;
}

struct fi_ops_domain mock_domain_ops = {
	.size = offsetof(struct fi_ops_domain, endpoint2),
	.av_open = mock_av_open,
	.cq_open = mock_cq_open,
	.endpoint = mock_ep_open,
	.scalable_ep = no_scalable_ep,
	.cntr_open = no_cntr_open,
	.poll_open = no_poll_open,
	.stx_ctx = no_stx_ctx,
	.srx_ctx = no_srx_ctx,
	.query_atomic = no_query_atomic,
	.query_collective = no_query_collective,
};

/* -- endpoints ----------------------------------------------------------------- */

static int no_getopt(fid_t fid, int level, int name, void *value, size_t *len)
{
	(void)fid, (void)level, (void)name, (void)value, (void)len;
	return -FI_ENOPROTOOPT;
}

static int no_setopt(fid_t fid, int level, int name, const void *value, size_t len)
{
	(void)fid, (void)level, (void)name, (void)value, (void)len;
	return -FI_ENOPROTOOPT;
}

static int no_tx_ctx(struct fid_ep *fid, int i, struct fi_tx_attr *attr, struct fid_ep **ep,
		     void *context)
{
	(void)fid, (void)i, (void)attr, (void)ep, (void)context;
	return -FI_ENOSYS;
}

static int no_rx_ctx(struct fid_ep *fid, int i, struct fi_rx_attr *attr, struct fid_ep **ep,
		     void *context)
{
	(void)fid, (void)i, (void)attr, (void)ep, (void)context;
	return -FI_ENOSYS;
}

static ssize_t no_size_left(struct fid_ep *fid)
{
	(void)fid;
	return -FI_ENOSYS;
}

struct fi_ops_ep mock_ep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = mock_ep_cancel,
	.getopt = no_getopt,
	.setopt = no_setopt,
	.tx_ctx = no_tx_ctx,
	.rx_ctx = no_rx_ctx,
	.rx_size_left = no_size_left,
	.tx_size_left = no_size_left,
};

static int no_setname(fid_t fid, void *addr, size_t len)
{
	(void)fid, (void)addr, (void)len;
	return -FI_ENOSYS;
}

static int no_getpeer(struct fid_ep *fid, void *addr, size_t *len)
{
	(void)fid, (void)addr, (void)len;
	return -FI_ENOSYS;
}

static int no_connect(struct fid_ep *fid, const void *addr, const void *param, size_t len)
{
	(void)fid, (void)addr, (void)param, (void)len;
	return -FI_ENOSYS;
}

static int no_listen(struct fid_pep *fid)
{
	(void)fid;
	return -FI_ENOSYS;
}

static int no_accept(struct fid_ep *fid, const void *param, size_t len)
{
	(void)fid, (void)param, (void)len;
	return -FI_ENOSYS;
}

static int no_reject(struct fid_pep *fid, fid_t handle, const void *param, size_t len)
{
	(void)fid, (void)handle, (void)param, (void)len;
	return -FI_ENOSYS;
}

static int no_shutdown(struct fid_ep *fid, uint64_t flags)
{
	(void)fid, (void)flags;
	return -FI_ENOSYS;
}

static int no_join(struct fid_ep *fid, const void *addr, uint64_t flags, struct fid_mc **mc,
		   void *context)
{
	(void)fid, (void)addr, (void)flags, (void)mc, (void)context;
	return -FI_ENOSYS;
}

struct fi_ops_cm mock_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = no_setname,
	.getname = mock_ep_getname,
	.getpeer = no_getpeer,
	.connect = no_connect,
	.listen = no_listen,
	.accept = no_accept,
	.reject = no_reject,
	.shutdown = no_shutdown,
	.join = no_join,
};

/* -- tagged messages ---------------------------------------------------------- */

static ssize_t no_trecv(struct fid_ep *fid, void *buf, size_t len, void *desc, fi_addr_t addr,
			uint64_t tag, uint64_t ignore, void *context)
{
	(void)fid, (void)buf, (void)len, (void)desc, (void)addr, (void)tag, (void)ignore;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_trecvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t addr, uint64_t tag, uint64_t ignore, void *context)
{
	(void)fid, (void)iov, (void)desc, (void)count, (void)addr, (void)tag, (void)ignore;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_tmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	(void)fid, (void)msg, (void)flags;
	return -FI_ENOSYS;
}

static ssize_t no_tsend(struct fid_ep *fid, const void *buf, size_t len, void *desc, fi_addr_t addr,
			uint64_t tag, void *context)
{
	(void)fid, (void)buf, (void)len, (void)desc, (void)addr, (void)tag, (void)context;
	return -FI_ENOSYS;
}

static ssize_t no_tsendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t addr, uint64_t tag, void *context)
{
	(void)fid, (void)iov, (void)desc, (void)count, (void)addr, (void)tag, (void)context;
	return -FI_ENOSYS;
}

static ssize_t no_tinject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t addr,
			  uint64_t tag)
{
	(void)fid, (void)buf, (void)len, (void)addr, (void)tag;
	return -FI_ENOSYS;
}

static ssize_t no_tsenddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			    uint64_t data, fi_addr_t addr, uint64_t tag, void *context)
{
	(void)fid, (void)buf, (void)len, (void)desc, (void)data, (void)addr, (void)tag;
	(void)context;
	return -FI_ENOSYS;
}

static ssize_t no_tinjectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t addr, uint64_t tag)
{
	(void)fid, (void)buf, (void)len, (void)data, (void)addr, (void)tag;
	return -FI_ENOSYS;
}

struct fi_ops_tagged mock_no_tagged_ops = {
	.size = sizeof(struct fi_ops_tagged),
	.recv = no_trecv,
	.recvv = no_trecvv,
	.recvmsg = no_tmsg,
	.send = no_tsend,
	.sendv = no_tsendv,
	.sendmsg = no_tmsg,
	.inject = no_tinject,
	.senddata = no_tsenddata,
	.injectdata = no_tinjectdata,
};
