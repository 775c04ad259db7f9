/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive buffers, and pools of them that are posted to one endpoint or shared context.
 */
#ifndef CORE_RX_H
#define CORE_RX_H

#include <sys/queue.h>

#include "core/common/base.h"
#include "core/common/line.h"

/*
 * A receive buffer.  Its memory exists once the core fills it, page by page,
 * and the core fills one buffer after the other: small messages would soon have
 * a page in each.  So the first bytes of all buffers of a chunk lie side by
 * side, and a message that is longer is put together when it came.
 */
struct core_rx {
	struct core_ctx ctx;
	struct core_pool *pool;
	void *head; /* NULL: not apart */
	void *data; /* room for a whole message, the core's prefix in front of it */
	void *desc;
	SLIST_ENTRY(core_rx) link; /* in base->idle */
};

/* Buffers allocated and registered together. */
struct core_chunk {
	SLIST_ENTRY(core_chunk) link;
	void *mem;
	struct fid_mr *mr; /* NULL unless the core wants local memory registered */
	size_t cnt;
	struct core_rx rx[];
};

/* Receive buffers posted to one queue: the domain's shared one, or an
 * endpoint's own. */
struct core_pool {
	struct fid_ep *ep; /* NULL: closed, nothing is posted any more */
	void *owner;	   /* the adapter's */
	SLIST_HEAD(, core_chunk) chunks;
	size_t cnt;
	size_t run; /* completed since the completion queue was last read empty */
	bool grown; /* in this run */
};

/* The message that the core has put into the buffer; *len is what the core
 * says, and then the message's. */
const void *core_rx_data(const struct core_base *base, struct core_rx *rx, size_t *len);
/* A completion of the buffer was read.  False: it failed, and the buffer is posted again. */
bool core_rx_came(struct core_base *base, struct core_rx *rx, int error);
/* Posts the buffer, or keeps it for core_rx_retry(). */
void core_rx_post(struct core_base *base, struct core_rx *rx);
void core_rx_retry(struct core_base *base);
/* Allocates and posts cnt more buffers; 0 or a negative errno. */
int core_pool_grow(struct core_base *base, struct core_pool *pool, size_t cnt);
/* Twice as many, as far as buffer_max goes. */
void core_pool_double(struct core_base *base, struct core_pool *pool);
/* A completion of one of its buffers was read; the queue was read empty. */
void core_pool_check(struct core_base *base, struct core_pool *pool, bool empty);
/* The queue they were posted to is closed and no completion names them: some cores
 * never give back what an endpoint had when it was closed. */
void core_pool_free(struct core_base *base, struct core_pool *pool);

#endif
