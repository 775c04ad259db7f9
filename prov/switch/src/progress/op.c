/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A domain's operations: where they come from, and what becomes of one that is
 * complete.
 *
 * Called by the message calls, by the pump for each completion, and by the
 * queues that hand completions out.  The domain's lock is held.  Memory is
 * given back when the domain is closed, never before.
 */
#include <assert.h>
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/cntr.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/ep.h"
#include "base/compat.h"
#include "peer/source.h"
#include "progress/op.h"
#include "switch_session.h"

enum {
	CHUNK_FIRST = 32,
	CHUNK_MOST = 1024,
};

struct switch_op_chunk {
	SLIST_ENTRY(switch_op_chunk) link;
	size_t cnt;
	struct switch_op ops[];
};

static int ops_grow(struct switch_domain *domain)
{
	struct switch_op_chunk *last = SLIST_FIRST(&domain->op_chunks), *chunk;
	size_t cnt = last ? last->cnt * 2 : CHUNK_FIRST;

	if (cnt > CHUNK_MOST)
		cnt = CHUNK_MOST;
	chunk = calloc(1, sizeof(*chunk) + cnt * sizeof(chunk->ops[0]));
	if (!chunk)
		return -FI_ENOMEM;
	chunk->cnt = cnt;
	for (size_t i = cnt; i--;)
		STAILQ_INSERT_HEAD(&domain->free_ops, &chunk->ops[i].sess, link);
	SLIST_INSERT_HEAD(&domain->op_chunks, chunk, link);
	return 0;
}

struct switch_op *switch_op_alloc(struct switch_domain *domain)
{
	struct switch_op *op;

	if (STAILQ_EMPTY(&domain->free_ops) && ops_grow(domain))
		return NULL;
	op = container_of(STAILQ_FIRST(&domain->free_ops), struct switch_op, sess);
	STAILQ_REMOVE_HEAD(&domain->free_ops, link);
	op->rx = NULL;
	op->whole = NULL;
	op->silent = false;
	op->stranger = NULL;
	return op;
}

void switch_op_free(struct switch_domain *domain, struct switch_op *op)
{
	if (op->ep)
		op->ep->tx_left++;
	if (op->rx && !op->whole)
		op->rx->left++;
	if (op->stranger)
		switch_stranger_release(domain, op->stranger);
	op->ep = NULL;
	op->rx = NULL;
	STAILQ_INSERT_HEAD(&domain->free_ops, &op->sess, link);
}

void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep)
{
	op->cq = ep->rx_cq;
	op->cntr = op->sess.flags & SESS_PEEK ? NULL : ep->rx_cntr;
	op->wants_entry |= !ep->rx_selective;
}

/* A receive of a shared context reports to the endpoint that its message came
 * to; without one (it was canceled, or there is no such message) to any. */
static void find_receiver(struct switch_domain *domain, struct switch_op *op)
{
	const struct switch_ep *ep = op->rx->ep;

	if (!ep) {
		ep = op->sess.user ? op->sess.user : switch_rx_ep(op->rx);
		op->cq = NULL;
		op->cntr = NULL;
		if (ep)
			switch_op_report_to(op, ep);
	}
	if (ep && !ep->source)
		op->sess.source = FI_ADDR_NOTAVAIL;
	else if (ep && domain->names_sources)
		switch_name_source(op, ep);
}

/* Counts it, and queues its entry or frees it. */
static void report(struct switch_domain *domain, struct switch_op *op)
{
	const bool failed = op->sess.error;

	if (op->rx)
		find_receiver(domain, op);
	if (op->cntr)
		switch_cntr_add(op->cntr, failed);
	if (op->cq && (op->wants_entry || failed))
		switch_cq_push(op->cq, op);
	else
		switch_op_free(domain, op);
}

/* -- FI_MULTI_RECV ------------------------------------------------------------ */

struct sess_op *switch_op_part(struct sess_op *sess_whole)
{
	struct switch_op *whole = container_of(sess_whole, struct switch_op, sess);
	struct switch_op *part = switch_op_alloc(whole->rx->domain);

	if (!part)
		return NULL;
	part->rx = whole->rx;
	part->cq = whole->cq;
	part->cntr = whole->cntr;
	part->context = whole->context;
	part->cq_flags = whole->cq_flags;
	part->wants_entry = whole->wants_entry;
	part->whole = whole;
	whole->parts++;
	return &part->sess;
}

/* Both are complete, the part last: the application gets its memory back. */
static void end_whole(struct switch_domain *domain, struct switch_op *whole)
{
	whole->cq_flags |= FI_MULTI_RECV;
	report(domain, whole);
}

/* The last part says that the memory is free; an error has an entry of its own. */
static void part_complete(struct switch_domain *domain, struct switch_op *part)
{
	struct switch_op *whole = part->whole;
	const bool last = !--whole->parts && whole->ended;

	if (last && !whole->sess.error) {
		part->cq_flags |= FI_MULTI_RECV;
		part->wants_entry = true;
		switch_op_free(domain, whole);
	}
	report(domain, part);
	if (last && whole->sess.error)
		end_whole(domain, whole);
}

void switch_op_complete(struct switch_domain *domain, struct switch_op *op)
{
	if (op->whole) {
		part_complete(domain, op);
	} else if (op->sess.flags & SESS_MULTI) {
		op->ended = true;
		if (!op->parts)
			end_whole(domain, op);
	} else {
		report(domain, op);
	}
}

static bool is_of(const struct switch_op *op, const struct switch_ep *ep,
		  const struct switch_rx *rx)
{
	return (op->ep && op->ep == ep) || (op->rx && op->rx == rx);
}

void switch_op_forget(struct switch_domain *domain, const struct switch_ep *ep,
		      const struct switch_rx *rx)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &domain->op_chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (!is_of(op, ep, rx))
				continue;
			op->ep = NULL;
			op->rx = NULL;
			op->cq = NULL;
			op->cntr = NULL;
		}
	}
}

int switch_op_cancel(struct switch_domain *domain, const struct switch_ep *ep,
		     const struct switch_rx *rx, const void *context)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &domain->op_chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (is_of(op, ep, rx) && !op->silent && op->context == context &&
			    !sess_cancel(&op->sess))
				return 0;
		}
	}
	return -FI_ENOENT;
}

void switch_op_fini(struct switch_domain *domain)
{
	struct switch_op_chunk *chunk;

	while ((chunk = SLIST_FIRST(&domain->op_chunks))) {
		SLIST_REMOVE_HEAD(&domain->op_chunks, link);
		free(chunk);
	}
	STAILQ_INIT(&domain->free_ops);
}
