/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A domain's operations: where they come from and go back to.
 *
 * Called by the message calls, for each completion, and by the queues that hand
 * completions out.  The pump's lock is held.  Memory is given back when the domain
 * is closed, never before.
 */
#include <assert.h>
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/compat.h"
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

void switch_op_init(struct switch_op_pool *pool)
{
	STAILQ_INIT(&pool->idle);
	SLIST_INIT(&pool->chunks);
}

static int ops_grow(struct switch_op_pool *pool)
{
	struct switch_op_chunk *last = SLIST_FIRST(&pool->chunks), *chunk;
	size_t cnt = last ? last->cnt * 2 : CHUNK_FIRST;

	if (cnt > CHUNK_MOST)
		cnt = CHUNK_MOST;
	chunk = calloc(1, sizeof(*chunk) + cnt * sizeof(chunk->ops[0]));
	if (!chunk)
		return -FI_ENOMEM;
	chunk->cnt = cnt;
	for (size_t i = cnt; i--;)
		STAILQ_INSERT_HEAD(&pool->idle, &chunk->ops[i].sess, link);
	SLIST_INSERT_HEAD(&pool->chunks, chunk, link);
	return 0;
}

struct switch_op *switch_op_alloc(struct switch_op_pool *pool)
{
	struct switch_op *op;

	if (STAILQ_EMPTY(&pool->idle) && ops_grow(pool))
		return NULL;
	op = container_of(STAILQ_FIRST(&pool->idle), struct switch_op, sess);
	STAILQ_REMOVE_HEAD(&pool->idle, link);
	op->room = NULL;
	op->rx = NULL;
	op->buffer = NULL;
	op->silent = false;
	op->unknown = NULL;
	return op;
}

void switch_op_free(struct switch_op_pool *pool, struct switch_op *op)
{
	if (op->room)
		++*op->room;
	op->room = NULL;
	op->ep = NULL;
	op->rx = NULL;
	STAILQ_INSERT_HEAD(&pool->idle, &op->sess, link);
}

static bool is_of(const struct switch_op *op, const struct switch_ep *ep,
		  const struct switch_rx *rx)
{
	return (op->ep && op->ep == ep) || (op->rx && op->rx == rx);
}

void switch_op_forget(struct switch_op_pool *pool, const struct switch_ep *ep,
		      const struct switch_rx *rx)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &pool->chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (!is_of(op, ep, rx))
				continue;
			op->room = NULL;
			op->ep = NULL;
			op->rx = NULL;
			op->queue = NULL;
			op->count = NULL;
		}
	}
}

int switch_op_cancel(struct switch_op_pool *pool, const struct switch_ep *ep,
		     const struct switch_rx *rx, const void *context)
{
	struct switch_op_chunk *chunk;

	SLIST_FOREACH (chunk, &pool->chunks, link) {
		for (size_t i = 0; i < chunk->cnt; i++) {
			struct switch_op *op = &chunk->ops[i];

			if (is_of(op, ep, rx) && !op->silent && op->context == context &&
			    !sess_cancel(&op->sess))
				return 0;
		}
	}
	return -FI_ENOENT;
}

void switch_op_fini(struct switch_op_pool *pool)
{
	struct switch_op_chunk *chunk;

	while ((chunk = SLIST_FIRST(&pool->chunks))) {
		SLIST_REMOVE_HEAD(&pool->chunks, link);
		free(chunk);
	}
	STAILQ_INIT(&pool->idle);
}
