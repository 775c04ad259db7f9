/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Send buffers, and pools of them, for messages that the core does not take as they lie.
 */
#ifndef CORE_TX_H
#define CORE_TX_H

#include <sys/queue.h>

#include "core/common/domain.h"
#include "core/common/path.h"

enum {
	CORE_TX_MAX = 256, /* send buffers of a pool */
};

/* A send buffer with a copy of a message.  Owned and freed by its pool; in use from
 * core_tx_fill() to core_tx_put(). */
struct core_tx {
	struct core_out out; /* first; kind CORE_KIND_TX */
	struct core_tx_pool *pool;
	struct core_io
		*io; /* to report as done; NULL: it was reported when the message was copied */
	void *frame; /* of the adapter's own messages: the receiver; else NULL */
	void *data;  /* the core's prefix, then the message */
	void *desc;
	struct fid_mr *mr;
	SLIST_ENTRY(core_tx) link;     /* in pool->free */
	SLIST_ENTRY(core_tx) all_link; /* in pool->all */
};

/* Owned by the port or domain that it lies in, freed with core_tx_pool_free(); under the
 * domain's lock. */
struct core_tx_pool {
	struct fid_ep *ep; /* that memory is registered for with FI_MR_ENDPOINT */
	void *owner;	   /* the adapter's, which finds its port by it */
	SLIST_HEAD(, core_tx) free;
	SLIST_HEAD(, core_tx) all;
	size_t cnt, busy; /* all, and those that are not free */
};

/* Takes a send buffer and copies the message of these pieces, len bytes in sum, into it.
 * Returns 0, -FI_EAGAIN while all are in use, or another negative errno. */
int core_tx_fill(struct core_domain_base *base, struct core_tx_pool *pool, const struct iovec *iov,
		 size_t cnt, size_t len, struct core_tx **tx);
/* Sends a filled buffer with a completion, to addr (FI_ADDR_UNSPEC where ep is connected);
 * returns the core's answer. */
ssize_t core_tx_send(const struct core_domain_base *base, struct fid_ep *ep, fi_addr_t addr,
		     struct core_tx *tx, size_t len);
/* Gives the buffer back to its pool. */
void core_tx_put(struct core_tx *tx);
/* Frees the buffers, as core_pool_free() does. */
void core_tx_pool_free(struct core_domain_base *base, struct core_tx_pool *pool);

#endif
