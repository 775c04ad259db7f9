/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Incoming messages: a message finds its receive, a read or write its memory region, an
 * answer its operation.
 *
 * Writes are late on purpose: unless the sender asked for delivery or sent CQ data, a write
 * is acknowledged at once and applied two passes after the next message of the same sender,
 * or much later.
 */
#include <stdlib.h>
#include <string.h>

#include "mock.h"

enum {
	LATE_ALONE = 256, /* passes by which a write is late */
	LATE_BEHIND = 2,  /* passes after the message that overtook it */
};

void mock_in_free(struct mock_in *in)
{
	mock_conn_release(in->conn);
	free(in);
}

static const struct fi_rma_iov *in_rma(const struct mock_in *in)
{
	return (const struct fi_rma_iov *)in->body;
}

static const uint8_t *in_data(const struct mock_in *in, size_t *len)
{
	const size_t rma = in->head.rma_cnt * sizeof(struct fi_rma_iov);

	*len = in->head.len - rma;
	return in->body + rma;
}

/* -- messages ----------------------------------------------------------------- */

static bool is_put(const struct mock_in *in)
{
	return in->head.type == MOCK_PUT;
}

static void deliver(struct mock_in *in, struct mock_op *op)
{
	const size_t prefix = is_put(in) ? 0 : mock_config.prefix_size;
	size_t len, fit;
	const uint8_t *data = in_data(in, &len);

	fit = is_put(in) ? len : mock_op_fill(op, data, len);
	op->entry.flags = is_put(in) ? FI_RMA | FI_REMOTE_WRITE : FI_MSG | FI_RECV;
	op->entry.flags |= in->head.flags & FI_REMOTE_CQ_DATA;
	op->entry.len = fit + prefix;
	op->entry.olen = len - fit;
	op->entry.data = in->head.data;
	if (!is_put(in) && in->head.flags & FI_DELIVERY_COMPLETE)
		mock_wire_answer(in->conn, in->head.id, 0, NULL, 0);
	mock_op_finish(op, fit < len ? FI_ETRUNC : 0);
	mock_in_free(in);
}

void mock_serve_posted(struct mock_ep *ep)
{
	struct mock_in *in;
	struct mock_op *op;

	while ((in = STAILQ_FIRST(&ep->arrived)) && (op = TAILQ_FIRST(&ep->posted))) {
		STAILQ_REMOVE_HEAD(&ep->arrived, link);
		TAILQ_REMOVE(&ep->posted, op, link);
		deliver(in, op);
	}
	if (in && !mock_config.rm)
		mock_violation("a message arrived at %s, which has no receive posted (MOCK_RM=0)",
			       ep->name);
}

/* Queues a message behind the earlier ones, or before them if the mock keeps no order. */
static void arrive(struct mock_ep *ep, struct mock_in *in)
{
	if (mock_config.sas)
		STAILQ_INSERT_TAIL(&ep->arrived, in, link);
	else
		STAILQ_INSERT_HEAD(&ep->arrived, in, link);
}

static void serve_msg(struct mock_in *in)
{
	struct mock_domain *domain = in->conn->domain;
	struct mock_in *late;

	STAILQ_FOREACH (late, &domain->late, link)
		if (late->conn == in->conn && late->due > domain->pass + LATE_BEHIND)
			late->due = domain->pass + LATE_BEHIND;
	arrive(in->conn->ep, in);
}

/* -- writes and reads ------------------------------------------------------------ */

/* Finds the target memory of all pieces.  Returns 0, or EACCES. */
static int resolve(const struct mock_in *in, uint64_t access, struct iovec *iov)
{
	if (in->head.rma_cnt > MOCK_IOV_MAX)
		mock_violation("a request of %llu pieces", (unsigned long long)in->head.rma_cnt);
	for (size_t i = 0; i < in->head.rma_cnt; i++) {
		const struct fi_rma_iov *rma = &in_rma(in)[i];

		iov[i].iov_base = mock_mr_remote(in->conn->ep, rma, access);
		iov[i].iov_len = rma->len;
		if (!iov[i].iov_base)
			return FI_EACCES;
	}
	return 0;
}

static int put(const struct mock_in *in)
{
	struct iovec iov[MOCK_IOV_MAX];
	size_t len;
	const uint8_t *data = in_data(in, &len);
	const int error = resolve(in, FI_REMOTE_WRITE, iov);

	for (size_t i = 0; i < in->head.rma_cnt && !error; i++) {
		memcpy(iov[i].iov_base, data, iov[i].iov_len);
		data += iov[i].iov_len;
	}
	return error;
}

static void notify(struct mock_in *in)
{
	if (mock_config.mode & FI_RX_CQ_DATA)
		arrive(in->conn->ep, in);
	else
		deliver(in, mock_op_notice(in->conn->ep));
}

static void serve_put(struct mock_in *in)
{
	const bool tells = in->head.flags & FI_REMOTE_CQ_DATA;
	const bool now = tells || in->head.flags & FI_DELIVERY_COMPLETE;
	struct mock_domain *domain = in->conn->domain;
	struct iovec iov[MOCK_IOV_MAX];
	const int error = now ? put(in) : resolve(in, FI_REMOTE_WRITE, iov);

	mock_wire_answer(in->conn, in->head.id, error, NULL, 0);
	if (error) {
		mock_in_free(in);
	} else if (tells) {
		notify(in);
	} else if (now) {
		mock_in_free(in);
	} else {
		in->due = domain->pass + LATE_ALONE;
		STAILQ_INSERT_TAIL(&domain->late, in, link);
	}
}

void mock_serve_late(struct mock_domain *domain)
{
	struct mock_in *in, *next;

	for (in = STAILQ_FIRST(&domain->late); in; in = next) {
		next = STAILQ_NEXT(in, link);
		if (in->conn->ep && domain->pass < in->due)
			continue;
		STAILQ_REMOVE(&domain->late, in, mock_in, link);
		if (in->conn->ep)
			put(in); /* writes nothing if the region was closed meanwhile */
		mock_in_free(in);
	}
}

static void serve_get(struct mock_in *in)
{
	struct iovec iov[MOCK_IOV_MAX];
	const int error = resolve(in, FI_REMOTE_READ, iov);
	uint8_t *body = NULL;
	size_t len = 0, at = 0;

	for (size_t i = 0; i < in->head.rma_cnt && !error; i++)
		len += iov[i].iov_len;
	if (len)
		body = mock_alloc(len);
	for (size_t i = 0; i < in->head.rma_cnt && !error; i++) {
		memcpy(body + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	mock_wire_answer(in->conn, in->head.id, error, body, len);
	mock_in_free(in);
}

static void serve_ack(struct mock_in *in)
{
	struct mock_op *op;

	LIST_FOREACH (op, &in->conn->domain->ops, all)
		if (op->conn == in->conn && op->id == in->head.id && !op->done)
			break;
	if (op) {
		if (op->kind == MOCK_READ && !in->head.status)
			mock_op_fill(op, in->body, in->head.len);
		mock_op_finish(op, (int)in->head.status);
	}
	mock_in_free(in);
}

void mock_serve(struct mock_in *in)
{
	switch (in->head.type) {
	case MOCK_MSG:
		serve_msg(in);
		return;
	case MOCK_PUT:
		serve_put(in);
		return;
	case MOCK_GET:
		serve_get(in);
		return;
	case MOCK_ACK:
		serve_ack(in);
		return;
	default:
		mock_violation("a packet of type %u", in->head.type);
	}
}
