/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Send buffers, and pools of them, for messages that the core does not take as they lie.
 */
#ifndef CORE_TX_H
#define CORE_TX_H

#include <sys/queue.h>

#include "core/common/base.h"
#include "core/common/line.h"

enum {
	CORE_TX_MAX = 256, /* send buffers of a pool */
};

/* A send buffer: messages are copied where the core does not take them as they
 * lie. */
struct core_tx {
	struct core_out out; /* first; kind CORE_KIND_TX */
	struct core_tx_pool *pool;
	struct core_io *io; /* to report as done; NULL: it was, when it was copied */
	void *frame;	    /* the adapter's: who a message of its own goes to; else NULL */
	void *data;	    /* the core's prefix first */
	void *desc;
	struct fid_mr *mr;
	SLIST_ENTRY(core_tx) link;     /* in pool->free */
	SLIST_ENTRY(core_tx) all_link; /* in pool->all */
};

struct core_tx_pool {
	struct fid_ep *ep; /* what a core of FI_MR_ENDPOINT registers for */
	void *owner;	   /* the adapter's */
	SLIST_HEAD(, core_tx) free;
	SLIST_HEAD(, core_tx) all;
	size_t cnt, busy; /* all, and those that are not free */
};

/* A send buffer with this message in it.  Returns 0, -FI_EAGAIN while all are out,
 * or another negative errno. */
int core_tx_fill(struct core_base *base, struct core_tx_pool *pool, const struct iovec *iov,
		 size_t cnt, size_t len, struct core_tx **tx);
/* Sends it, with a completion; the core's answer. */
ssize_t core_tx_send(const struct core_base *base, struct fid_ep *ep, fi_addr_t addr,
		     struct core_tx *tx, size_t len);
void core_tx_put(struct core_tx *tx);
void core_tx_pool_free(struct core_base *base, struct core_tx_pool *pool);

#endif
