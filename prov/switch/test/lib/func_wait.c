/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, requests and waiting: see lib/func_wait.h.
 */
#include <sched.h>
#include <string.h>

#include "lib/func_wait.h"

enum { POLL_MAX = 16, IDLE_MS = 5 };

struct func_req *func_fresh(struct func_req *req)
{
	if (!req)
		return NULL;
	req->err = 0;
	req->olen = 0;
	req->src = FI_ADDR_NOTAVAIL;
	memset(&req->entry, 0, sizeof(req->entry));
	atomic_store(&req->done, 0);
	return req;
}

/* Records a completion in its request; a second one ends the test. */
static void finish(struct func_req *req, const struct fi_cq_tagged_entry *entry, int err)
{
	const char *file;
	int line;

	if (!req)
		func_fail(__FILE__, __LINE__, "a completion without context, error %d (%s)", err,
			  fi_strerror(err));
	if (atomic_load(&req->done) && !req->multi) {
		file = func_marked(&line);
		func_fail(__FILE__, __LINE__, "completed twice at %s:%d: error %d, then %d", file,
			  line, req->err, err);
	}
	req->entry = *entry;
	req->err = err;
	atomic_fetch_add_explicit(&req->done, 1, memory_order_release);
	func_progressed();
}

static void cq_error(struct fid_cq *cq)
{
	struct fi_cq_err_entry error = {0};
	struct fi_cq_tagged_entry entry;
	struct func_req *req;
	ssize_t ret;

	ret = fi_cq_readerr(cq, &error, 0);
	if (ret == -FI_EAGAIN) /* another thread has read the error */
		return;
	FUNC_EQ(ret, 1);
	entry = (struct fi_cq_tagged_entry){error.op_context, error.flags, error.len,
					    error.buf,	      error.data,  error.tag};
	req = error.op_context;
	FUNC_TRUE(error.err > 0);
	if (req) {
		req->olen = error.olen;
		req->prov_errno = error.prov_errno;
	}
	finish(req, &entry, error.err);
}

static size_t entry_size(enum fi_cq_format format)
{
	switch (format) {
	case FI_CQ_FORMAT_CONTEXT:
		return sizeof(struct fi_cq_entry);
	case FI_CQ_FORMAT_MSG:
		return sizeof(struct fi_cq_msg_entry);
	case FI_CQ_FORMAT_DATA:
		return sizeof(struct fi_cq_data_entry);
	default:
		return sizeof(struct fi_cq_tagged_entry);
	}
}

/* Reads a completion queue. timeout: milliseconds to block if it is empty; 0 for queues that
 * cannot block. */
static int poll_cq(struct func_node *node, struct fid_cq *cq, int timeout)
{
	struct fi_cq_tagged_entry buf[POLL_MAX], entry;
	size_t size = entry_size(node->conf.format);
	fi_addr_t src[POLL_MAX];
	ssize_t i, ret;

	if (timeout)
		ret = fi_cq_sreadfrom(cq, buf, POLL_MAX, src, NULL, timeout);
	else
		ret = fi_cq_readfrom(cq, buf, POLL_MAX, src);
	if (ret == -FI_EAGAIN || (timeout && ret == -FI_EINTR))
		return 0;
	if (ret == -FI_EAVAIL) {
		cq_error(cq);
		return 1;
	}
	FUNC_OK(ret);
	FUNC_TRUE(ret > 0 && ret <= POLL_MAX);
	for (i = 0; i < ret; i++) {
		memset(&entry, 0, sizeof(entry));
		memcpy(&entry, (char *)buf + (size_t)i * size, size);
		if (entry.op_context)
			((struct func_req *)entry.op_context)->src = src[i];
		finish(entry.op_context, &entry, 0);
	}
	return (int)ret;
}

int func_poll(struct func_node *node)
{
	int cnt = 0;

	if (node->rx_cq)
		cnt += poll_cq(node, node->rx_cq, 0);
	if (node->tx_cq != node->rx_cq)
		cnt += poll_cq(node, node->tx_cq, 0);
	return cnt;
}

void func_idle(struct func_node *node)
{
	if (node && func_poll(node))
		return;
	if (node && node->rx_cq && node->rx_cq == node->tx_cq && node->conf.wait != FI_WAIT_NONE)
		poll_cq(node, node->rx_cq, IDLE_MS);
	else
		sched_yield();
}
