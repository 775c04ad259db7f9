/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations of the application, which are their own entries in its queues.
 */
#ifndef SWITCH_OP_H
#define SWITCH_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "switch_session.h"

struct switch_count;
struct switch_ep;
struct switch_op_chunk;
struct switch_queue;
struct switch_rx;
struct switch_unknown;

/*
 * An operation of the application, and its own entry in the completion
 * queue: a queue is a list of finished operations, so that it can neither
 * overrun nor allocate.  From the domain's free list; back there when its
 * completion was read or is not wanted.
 */
struct switch_op {
	struct sess_op sess; /* first */
	size_t *room; /* the count of free places that it took one from and gives it back to; or
			 NULL */
	struct switch_ep *ep; /* of a send; NULL once the endpoint is closed */
	struct switch_rx *rx; /* of a receive, where it was posted; NULL once that is closed */
	struct switch_queue *queue; /* NULL: no entry is wanted, errors included */
	struct switch_count *count; /* or NULL */
	void *context;
	uint64_t cq_flags; /* FI_SEND | FI_TAGGED ... as the entry reports them */
	bool wants_entry;  /* false: an entry only on error */
	bool silent;	   /* fi_inject and the like: no context to cancel it by */
	struct switch_unknown
		*unknown; /* of an error: the unknown source that sent the message, or NULL */

	/* FI_MULTI_RECV: of a buffer, its slots that are not complete, and whether it is
	 * itself; of a slot, its buffer */
	unsigned slots;
	bool ended;
	struct switch_op *buffer;
};

/* All operations of a domain. */
struct switch_op_pool {
	STAILQ_HEAD(, sess_op) idle;
	SLIST_HEAD(, switch_op_chunk) chunks;
};

void switch_op_init(struct switch_op_pool *pool);
/* NULL when memory is short.  Its room, ep, rx and buffer are NULL, it is not silent; the
 * caller sets the rest. */
struct switch_op *switch_op_alloc(struct switch_op_pool *pool);
void switch_op_free(struct switch_op_pool *pool, struct switch_op *op);
/* An endpoint (or NULL) and a receive context are being closed: completions of their
 * operations that are still to come are dropped, entries already queued stay. */
void switch_op_forget(struct switch_op_pool *pool, const struct switch_ep *ep,
		      const struct switch_rx *rx);
/* fi_cancel: calls back an operation with this context, a send of ep (or NULL)
 * or a receive of rx.  0 or -FI_ENOENT. */
int switch_op_cancel(struct switch_op_pool *pool, const struct switch_ep *ep,
		     const struct switch_rx *rx, const void *context);
/* Frees the chunks; no operation may be in the engine or in a queue. */
void switch_op_fini(struct switch_op_pool *pool);
#endif
