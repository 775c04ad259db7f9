/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The data calls.  Each fills a struct mock_args and submits an operation. */
#include "mock.h"

static ssize_t post(struct fid_ep *fid, enum mock_kind kind, const struct mock_args *args)
{
	struct mock_ep *ep = container_of(fid, struct mock_ep, fid);
	struct mock_op *op;
	int ret;

	mock_enter(ep->domain);
	ret = mock_op_open(ep, kind, args, &op);
	if (!ret && kind == MOCK_RECV)
		TAILQ_INSERT_TAIL(&ep->posted, op, link);
	else if (!ret)
		mock_wire_send(mock_conn_to(ep, mock_av_name(ep->av, args->addr)), op);
	if (mock_config.eager)
		mock_wire_flush_all(ep->domain);
	mock_leave(ep->domain);
	return ret;
}

static uint64_t tx_flags(const struct fid_ep *fid)
{
	return container_of(fid, struct mock_ep, fid)->tx_flags;
}

/* -- receives -------------------------------------------------------------------- */

static ssize_t msg_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, void *context)
{
	const struct mock_args args = {
		.iov = iov,
		.desc = desc,
		.iov_cnt = count,
		.addr = src_addr,
		.flags = container_of(fid, struct mock_ep, fid)->rx_flags,
		.context = context,
	};

	return post(fid, MOCK_RECV, &args);
}

static ssize_t msg_recv(struct fid_ep *fid, void *buf, size_t len, void *desc, fi_addr_t src_addr,
			void *context)
{
	const struct iovec iov = {buf, len};

	return msg_recvv(fid, &iov, &desc, 1, src_addr, context);
}

static struct mock_args msg_args(const struct fi_msg *msg, uint64_t flags)
{
	return (struct mock_args){
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.iov_cnt = msg->iov_count,
		.addr = msg->addr,
		.data = msg->data,
		.flags = flags,
		.context = msg->context,
	};
}

static ssize_t msg_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	const struct mock_args args = msg_args(msg, flags);

	return post(fid, MOCK_RECV, &args);
}

/* -- sends ------------------------------------------------------------------------- */

static ssize_t msg_sendmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	const struct mock_args args = msg_args(msg, flags);

	return post(fid, MOCK_SEND, &args);
}

static ssize_t send_iov(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			uint64_t flags, uint64_t data, fi_addr_t dest_addr, void *context)
{
	const struct mock_args args = {
		.iov = iov,
		.desc = desc,
		.iov_cnt = count,
		.addr = dest_addr,
		.data = data,
		.flags = tx_flags(fid) | flags,
		.context = context,
	};

	return post(fid, MOCK_SEND, &args);
}

static ssize_t msg_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t dest_addr, void *context)
{
	return send_iov(fid, iov, desc, count, 0, 0, dest_addr, context);
}

static ssize_t msg_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			fi_addr_t dest_addr, void *context)
{
	const struct iovec iov = {(void *)buf, len};

	return send_iov(fid, &iov, &desc, 1, 0, 0, dest_addr, context);
}

static ssize_t msg_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			    uint64_t data, fi_addr_t dest_addr, void *context)
{
	const struct iovec iov = {(void *)buf, len};

	return send_iov(fid, &iov, &desc, 1, FI_REMOTE_CQ_DATA, data, dest_addr, context);
}

static ssize_t send_inject(struct fid_ep *fid, const void *buf, size_t len, uint64_t flags,
			   uint64_t data, fi_addr_t dest_addr)
{
	const struct iovec iov = {(void *)buf, len};
	const struct mock_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.addr = dest_addr,
		.data = data,
		.flags = FI_INJECT | flags,
		.no_completion = true,
	};

	return post(fid, MOCK_SEND, &args);
}

static ssize_t msg_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr)
{
	return send_inject(fid, buf, len, 0, 0, dest_addr);
}

static ssize_t msg_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr)
{
	return send_inject(fid, buf, len, FI_REMOTE_CQ_DATA, data, dest_addr);
}

struct fi_ops_msg mock_msg_ops = {
	.size = sizeof(struct fi_ops_msg),
	.recv = msg_recv,
	.recvv = msg_recvv,
	.recvmsg = msg_recvmsg,
	.send = msg_send,
	.sendv = msg_sendv,
	.sendmsg = msg_sendmsg,
	.inject = msg_inject,
	.senddata = msg_senddata,
	.injectdata = msg_injectdata,
};

/* -- reads and writes ------------------------------------------------------------------ */

static ssize_t rma_msg(struct fid_ep *fid, enum mock_kind kind, const struct fi_msg_rma *msg,
		       uint64_t flags)
{
	const struct mock_args args = {
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.iov_cnt = msg->iov_count,
		.rma = msg->rma_iov,
		.rma_cnt = msg->rma_iov_count,
		.addr = msg->addr,
		.data = msg->data,
		.flags = flags,
		.context = msg->context,
	};

	return post(fid, kind, &args);
}

static ssize_t rma_readmsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return rma_msg(fid, MOCK_READ, msg, flags);
}

static ssize_t rma_writemsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return rma_msg(fid, MOCK_WRITE, msg, flags);
}

/* Submits a read or write whose remote memory is one piece. */
static ssize_t rma_one(struct fid_ep *fid, enum mock_kind kind, struct mock_args *args,
		       uint64_t addr, uint64_t key)
{
	struct fi_rma_iov rma = {.addr = addr, .key = key};

	for (size_t i = 0; i < args->iov_cnt; i++)
		rma.len += args->iov[i].iov_len;
	args->rma = &rma;
	args->rma_cnt = 1;
	return post(fid, kind, args);
}

static ssize_t rma_readv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	struct mock_args args = {
		.iov = iov,
		.desc = desc,
		.iov_cnt = count,
		.addr = src_addr,
		.flags = tx_flags(fid) & ~FI_INJECT,
		.context = context,
	};

	return rma_one(fid, MOCK_READ, &args, addr, key);
}

static ssize_t rma_read(struct fid_ep *fid, void *buf, size_t len, void *desc, fi_addr_t src_addr,
			uint64_t addr, uint64_t key, void *context)
{
	const struct iovec iov = {buf, len};

	return rma_readv(fid, &iov, &desc, 1, src_addr, addr, key, context);
}

static ssize_t rma_writev(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			  fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	struct mock_args args = {
		.iov = iov,
		.desc = desc,
		.iov_cnt = count,
		.addr = dest_addr,
		.flags = tx_flags(fid),
		.context = context,
	};

	return rma_one(fid, MOCK_WRITE, &args, addr, key);
}

static ssize_t rma_write(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			 fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	const struct iovec iov = {(void *)buf, len};

	return rma_writev(fid, &iov, &desc, 1, dest_addr, addr, key, context);
}

static ssize_t rma_writedata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			     uint64_t data, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     void *context)
{
	const struct iovec iov = {(void *)buf, len};
	struct mock_args args = {
		.iov = &iov,
		.desc = &desc,
		.iov_cnt = 1,
		.addr = dest_addr,
		.data = data,
		.flags = tx_flags(fid) | FI_REMOTE_CQ_DATA,
		.context = context,
	};

	return rma_one(fid, MOCK_WRITE, &args, addr, key);
}

static ssize_t write_inject(struct fid_ep *fid, const void *buf, size_t len, uint64_t flags,
			    uint64_t data, fi_addr_t dest_addr, uint64_t addr, uint64_t key)
{
	const struct iovec iov = {(void *)buf, len};
	struct mock_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.addr = dest_addr,
		.data = data,
		.flags = FI_INJECT | flags,
		.no_completion = true,
	};

	return rma_one(fid, MOCK_WRITE, &args, addr, key);
}

static ssize_t rma_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
			  uint64_t addr, uint64_t key)
{
	return write_inject(fid, buf, len, 0, 0, dest_addr, addr, key);
}

static ssize_t rma_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr, uint64_t addr, uint64_t key)
{
	return write_inject(fid, buf, len, FI_REMOTE_CQ_DATA, data, dest_addr, addr, key);
}

struct fi_ops_rma mock_rma_ops = {
	.size = sizeof(struct fi_ops_rma),
	.read = rma_read,
	.readv = rma_readv,
	.readmsg = rma_readmsg,
	.write = rma_write,
	.writev = rma_writev,
	.writemsg = rma_writemsg,
	.inject = rma_inject,
	.writedata = rma_writedata,
	.injectdata = rma_injectdata,
};
