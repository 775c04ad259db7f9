/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tagged calls: each translates its arguments for api/post.c.
 */
#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_tagged.h>

#include "api/handle.h"
#include "api/post.h"

static ssize_t tagged_recv(struct fid_ep *fid, void *buf, size_t len, void *desc,
			   fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = &desc,
		.addr = src_addr,
		.context = context,
		.tagged = true,
		.tag = tag,
		.ignore = ignore,
	};

	return switch_post_recv(handle->rx, &args, handle->rx_op_flags & FI_COMPLETION);
}

static ssize_t tagged_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			    fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct switch_args args = {
		.iov = iov,
		.iov_cnt = count,
		.desc = desc,
		.addr = src_addr,
		.context = context,
		.tagged = true,
		.tag = tag,
		.ignore = ignore,
	};

	return switch_post_recv(handle->rx, &args, handle->rx_op_flags & FI_COMPLETION);
}

static ssize_t tagged_recvmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	const struct switch_args args = {
		.iov = msg->msg_iov,
		.iov_cnt = flags & FI_DISCARD ? 0 : msg->iov_count, /* which ignores them */
		.desc = msg->desc,
		.addr = msg->addr,
		.context = msg->context,
		.tagged = true,
		.tag = msg->tag,
		.ignore = msg->ignore,
	};

	return switch_post_recv(switch_handle_of(&fid->fid)->rx, &args, flags);
}

static ssize_t tagged_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			   fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = &desc,
		.addr = dest_addr,
		.context = context,
		.tagged = true,
		.tag = tag,
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags);
}

static ssize_t tagged_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			    fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct switch_args args = {
		.iov = iov,
		.iov_cnt = count,
		.desc = desc,
		.addr = dest_addr,
		.context = context,
		.tagged = true,
		.tag = tag,
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags);
}

static ssize_t tagged_sendmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	const struct switch_args args = {
		.iov = msg->msg_iov,
		.iov_cnt = msg->iov_count,
		.desc = msg->desc,
		.addr = msg->addr,
		.context = msg->context,
		.data = msg->data,
		.tagged = true,
		.tag = msg->tag,
	};

	return switch_post_send(switch_handle_of(&fid->fid)->ep, &args, flags);
}

static ssize_t tagged_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
			     uint64_t tag)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = NULL,
		.addr = dest_addr,
		.silent = true,
		.tagged = true,
		.tag = tag,
	};

	return switch_post_send(handle->ep, &args, FI_INJECT);
}

static ssize_t tagged_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			       uint64_t data, fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = &desc,
		.addr = dest_addr,
		.context = context,
		.data = data,
		.tagged = true,
		.tag = tag,
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags | FI_REMOTE_CQ_DATA);
}

static ssize_t tagged_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
				 fi_addr_t dest_addr, uint64_t tag)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = NULL,
		.addr = dest_addr,
		.data = data,
		.silent = true,
		.tagged = true,
		.tag = tag,
	};

	return switch_post_send(handle->ep, &args, FI_INJECT | FI_REMOTE_CQ_DATA);
}

struct fi_ops_tagged switch_tagged_ops = {
	.size = sizeof(struct fi_ops_tagged),
	.recv = tagged_recv,
	.recvv = tagged_recvv,
	.recvmsg = tagged_recvmsg,
	.send = tagged_send,
	.sendv = tagged_sendv,
	.sendmsg = tagged_sendmsg,
	.inject = tagged_inject,
	.senddata = tagged_senddata,
	.injectdata = tagged_injectdata,
};
