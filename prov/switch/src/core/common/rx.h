/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive buffers, and pools of them that are posted to one endpoint or shared context.
 */
#ifndef CORE_RX_H
#define CORE_RX_H

#include <sys/queue.h>

#include "core/common/domain.h"
#include "core/common/path.h"

/*
 * A receive buffer, owned by its chunk.  A page of its memory exists once the core has
 * written there, and the core fills one buffer after the other, so small messages would
 * soon cost a page in each.  Therefore the first bytes (the heads) of all buffers of a
 * chunk lie side by side, and a message that is longer is put together when it has come.
 */
struct core_rx {
	struct core_ctx ctx;
	struct core_pool *pool;
	void *head; /* CORE_HEAD bytes; NULL: the buffer is in one piece */
	void *data; /* room for a whole message behind the core's prefix */
	void *desc;
	SLIST_ENTRY(core_rx) link; /* in base->idle */
};

/* Buffers that are allocated and registered together; owned and freed by their pool. */
struct core_chunk {
	SLIST_ENTRY(core_chunk) link;
	void *mem;
	struct fid_mr *mr; /* NULL unless the core wants local memory registered */
	size_t cnt;
	struct core_rx rx[];
};

/* Receive buffers that are posted to one endpoint or shared context.  Owned by the path,
 * port or domain that it lies in, freed with core_pool_free(), under the domain's lock. */
struct core_pool {
	struct fid_ep *ep; /* NULL: it is closed, or about to be: nothing is posted any more */
	void *owner;	   /* the adapter's, which finds its port by it */
	SLIST_HEAD(, core_chunk) chunks;
	size_t cnt; /* all buffers */
	size_t run; /* receives completed since the completion queue was last read empty */
	bool grown; /* the pool has grown since then, and does not grow again until the queue is
		       empty */
};

/* The message in a buffer that the core has filled.  *len: bytes that the core reports, then
 * those of the message. */
const void *core_rx_data(const struct core_domain_base *base, struct core_rx *rx, size_t *len);
/* Counts a receive whose completion was read.  False: it failed, and the buffer is posted
 * again. */
bool core_rx_came(struct core_domain_base *base, struct core_rx *rx, int error);
/* Posts the buffer, or keeps it for core_rx_retry(). */
void core_rx_post(struct core_domain_base *base, struct core_rx *rx);
/* Posts the buffers that the core did not take before. */
void core_rx_retry(struct core_domain_base *base);
/* Allocates and posts cnt more buffers; 0 or a negative errno. */
int core_pool_grow(struct core_domain_base *base, struct core_pool *pool, size_t cnt);
/* Doubles the number of buffers, up to buffer_max. */
void core_pool_double(struct core_domain_base *base, struct core_pool *pool);
/* Called after each poll, with whether the queue was read empty: grows a pool all of whose
 * buffers were used before that. */
void core_pool_check(struct core_domain_base *base, struct core_pool *pool, bool empty);
/* Frees the buffers.  The endpoint they were posted to is closed, and no completion of theirs
 * can be in a queue any more; some cores never complete what an endpoint had. */
void core_pool_free(struct core_domain_base *base, struct core_pool *pool);

#endif
