/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The part of an open core domain that both adapters share.  An adapter embeds struct
 * core_domain_base as the first member of its struct core_domain.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <sys/queue.h>

#include "core/core.h"

enum {
	CORE_BATCH = 16, /* events that one poll reports at most */
	CORE_READS = 64, /* reads of a queue in one poll: an entry need not make an event */
	CORE_KEYS = 32,	 /* random keys drawn at once: 256 bytes */
	CORE_HEAD = 512, /* bytes at the start of a receive buffer that lie apart */
};

struct core_rx;

/* The first member of both adapters' struct core_domain, which owns and frees it; under the
 * domain's lock. */
struct core_domain_base {
	struct fid_domain *domain;
	struct core_caps caps;
	uint64_t write_flags; /* of a write whose arrival a later send may announce */
	size_t prefix;	/* bytes that the core wants in front of each message (FI_MSG_PREFIX) */
	bool async_iov; /* lists of pieces must stay until an operation is over (FI_ASYNC_IOV) */
	size_t buffer_size, buffer_cnt, buffer_max; /* as in struct core_attr */
	size_t head_size;	    /* CORE_HEAD, or 0 where buffers are in one piece */
	SLIST_HEAD(, core_rx) idle; /* buffers that the core refused: each poll posts them */
	size_t out_cnt, rx_cnt;	    /* operations and receives that the core has */
	/* called before a buffer is posted while the core has none; may be NULL */
	void (*starved)(struct core_domain_base *base);
	uint64_t keys[CORE_KEYS]; /* drawn ahead; key_cnt of them are unused */
	unsigned key_cnt;
};

static inline struct core_domain_base *core_domain_base_of(struct core_domain *domain)
{
	return (struct core_domain_base *)domain;
}

/* core_ops.caps */
const struct core_caps *core_domain_caps(const struct core_domain *domain);
/* Fills base, which is all zero, from a core's fi_info and the sizes that a user asks for. */
void core_domain_base_init(struct core_domain_base *base, const struct fi_info *info,
			   const struct core_attr *attr);

/*
 * Returns the value of seen, which counts the completions that were read from a queue, at
 * which all operations that the core has now are drained.  Once seen has reached that value,
 * an operation that the core had at the time of this call has completed or never will: a core
 * completes it before operations that are posted later.
 */
static inline uint64_t core_drain_at(const struct core_domain_base *base, uint64_t seen)
{
	return seen + base->out_cnt + base->rx_cnt;
}

static inline bool core_drained(uint64_t seen, uint64_t drain_at)
{
	return (int64_t)(seen - drain_at) >= 0;
}

/* Bytes from the start of one buffer to that of the next: whole cache lines. */
static inline size_t core_buffer_stride(const struct core_domain_base *base)
{
	return (base->prefix + base->buffer_size + 63) & ~(size_t)63;
}

#endif
