/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The untagged calls: each translates its arguments for api/post.c.
 */
#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>

#include "api/handle.h"
#include "api/post.h"

static ssize_t msg_recv(struct fid_ep *fid, void *buf, size_t len, void *desc, fi_addr_t src_addr,
			void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = &desc,
		.addr = src_addr,
		.context = context,
	};

	return switch_post_recv(handle->rx, &args, handle->rx_op_flags);
}

static ssize_t msg_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct switch_args args = {
		.iov = iov,
		.iov_cnt = count,
		.desc = desc,
		.addr = src_addr,
		.context = context,
	};

	return switch_post_recv(handle->rx, &args, handle->rx_op_flags);
}

static ssize_t msg_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	const struct switch_args args = {
		.iov = msg->msg_iov,
		.iov_cnt = msg->iov_count,
		.desc = msg->desc,
		.addr = msg->addr,
		.context = msg->context,
	};

	return switch_post_recv(switch_handle_of(&fid->fid)->rx, &args, flags);
}

static ssize_t msg_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			fi_addr_t dest_addr, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = &desc,
		.addr = dest_addr,
		.context = context,
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags);
}

static ssize_t msg_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t dest_addr, void *context)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct switch_args args = {
		.iov = iov,
		.iov_cnt = count,
		.desc = desc,
		.addr = dest_addr,
		.context = context,
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags);
}

static ssize_t msg_sendmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	const struct switch_args args = {
		.iov = msg->msg_iov,
		.iov_cnt = msg->iov_count,
		.desc = msg->desc,
		.addr = msg->addr,
		.context = msg->context,
		.data = msg->data,
	};

	return switch_post_send(switch_handle_of(&fid->fid)->ep, &args, flags);
}

static ssize_t msg_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr)
{
	struct switch_handle *handle = switch_handle_of(&fid->fid);
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct switch_args args = {
		.iov = &iov,
		.iov_cnt = 1,
		.desc = NULL,
		.addr = dest_addr,
		.silent = true,
	};

	return switch_post_send(handle->ep, &args, FI_INJECT);
}

static ssize_t msg_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			    uint64_t data, fi_addr_t dest_addr, void *context)
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
	};

	return switch_post_send(handle->ep, &args, handle->tx_op_flags | FI_REMOTE_CQ_DATA);
}

static ssize_t msg_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr)
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
	};

	return switch_post_send(handle->ep, &args, FI_INJECT | FI_REMOTE_CQ_DATA);
}

struct fi_ops_msg switch_msg_ops = {
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
