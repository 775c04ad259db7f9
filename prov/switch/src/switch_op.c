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

#include "switch.h"

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
	op->whole = NULL;
	return op;
}

void switch_op_free(struct switch_domain *domain, struct switch_op *op)
{
	if (op->ep && !op->whole) {
		if (op->sess.flags & SESS_RECV)
			op->ep->rx_left++;
		else
			op->ep->tx_left++;
	}
	op->ep = NULL;
	STAILQ_INSERT_HEAD(&domain->free_ops, &op->sess, link);
}

/* Counts it, and queues its entry or frees it. */
static void report(struct switch_domain *domain, struct switch_op *op)
{
	const bool failed = op->sess.error;

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
	struct switch_op *part = switch_op_alloc(whole->ep->domain);

	if (!part)
		return NULL;
	part->ep = whole->ep;
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

void switch_op_forget_ep(struct switch_domain *domain, struct switch_ep *ep)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &domain->op_chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (op->ep != ep)
				continue;
			op->ep = NULL;
			op->cq = NULL;
			op->cntr = NULL;
		}
	}
}

int switch_op_cancel(struct switch_domain *domain, struct switch_ep *ep, const void *context)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &domain->op_chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (op->ep == ep && op->context == context &&
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
