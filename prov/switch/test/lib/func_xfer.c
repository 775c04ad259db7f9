/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, operations: see lib/func_xfer.h.
 */
#include <rdma/fi_endpoint.h>
#include <rdma/fi_tagged.h>

#include "lib/func_xfer.h"

static int slice(const struct func_xfer *xfer, struct iovec iov[4])
{
	int i, cnt = xfer->pieces ? xfer->pieces : 1;
	size_t pos = 0, end;

	for (i = 0; i < cnt; i++) {
		end = i + 1 < cnt ? xfer->len * (size_t)(i * i + 1) / 16 : xfer->len;
		iov[i].iov_base = (char *)xfer->buf + pos;
		iov[i].iov_len = end - pos;
		pos = end;
	}
	return cnt;
}

static ssize_t try_tagged_send(struct func_node *node, const struct func_xfer *x,
			       struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg_tagged msg = {.msg_iov = iov,
				    .iov_count = cnt,
				    .addr = x->addr,
				    .tag = x->tag,
				    .context = req,
				    .data = x->data};

	switch (x->how) {
	case FUNC_V:
		return fi_tsendv(node->ep, iov, NULL, cnt, x->addr, x->tag, req);
	case FUNC_MSG:
		return fi_tsendmsg(node->ep, &msg, x->flags);
	case FUNC_INJECT:
		return fi_tinject(node->ep, x->buf, x->len, x->addr, x->tag);
	case FUNC_DATA:
		return fi_tsenddata(node->ep, x->buf, x->len, NULL, x->data, x->addr, x->tag, req);
	case FUNC_INJECTDATA:
		return fi_tinjectdata(node->ep, x->buf, x->len, x->data, x->addr, x->tag);
	default:
		return fi_tsend(node->ep, x->buf, x->len, NULL, x->addr, x->tag, req);
	}
}

ssize_t func_try_send(struct func_node *node, const struct func_xfer *x, struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg msg = {
		.msg_iov = iov, .iov_count = cnt, .addr = x->addr, .context = req, .data = x->data};

	func_fresh(req);
	if (x->tagged)
		return try_tagged_send(node, x, req);
	switch (x->how) {
	case FUNC_V:
		return fi_sendv(node->ep, iov, NULL, cnt, x->addr, req);
	case FUNC_MSG:
		return fi_sendmsg(node->ep, &msg, x->flags);
	case FUNC_INJECT:
		return fi_inject(node->ep, x->buf, x->len, x->addr);
	case FUNC_DATA:
		return fi_senddata(node->ep, x->buf, x->len, NULL, x->data, x->addr, req);
	case FUNC_INJECTDATA:
		return fi_injectdata(node->ep, x->buf, x->len, x->data, x->addr);
	default:
		return fi_send(node->ep, x->buf, x->len, NULL, x->addr, req);
	}
}

ssize_t func_try_recv(struct func_node *node, const struct func_xfer *x, struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg msg = {.msg_iov = iov, .iov_count = cnt, .addr = x->addr, .context = req};
	struct fi_msg_tagged tmsg = {.msg_iov = iov,
				     .iov_count = cnt,
				     .addr = x->addr,
				     .tag = x->tag,
				     .ignore = x->ignore,
				     .context = req};

	func_fresh(req);
	if (x->how == FUNC_V && x->tagged)
		return fi_trecvv(node->ep, iov, NULL, cnt, x->addr, x->tag, x->ignore, req);
	if (x->how == FUNC_V)
		return fi_recvv(node->ep, iov, NULL, cnt, x->addr, req);
	if (x->how == FUNC_MSG && x->tagged)
		return fi_trecvmsg(node->ep, &tmsg, x->flags);
	if (x->how == FUNC_MSG)
		return fi_recvmsg(node->ep, &msg, x->flags);
	if (x->tagged)
		return fi_trecv(node->ep, x->buf, x->len, NULL, x->addr, x->tag, x->ignore, req);
	return fi_recv(node->ep, x->buf, x->len, NULL, x->addr, req);
}
