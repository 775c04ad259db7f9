/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What both adapters keep of an open core domain.  An adapter embeds struct core_base as
 * the first member of its struct core_domain.
 */
#ifndef CORE_BASE_H
#define CORE_BASE_H

#include <sys/queue.h>

#include "core/core.h"

enum {
	CORE_BATCH = 16, /* events of one poll */
	CORE_READS = 64, /* times that a poll reads a queue: some of it is no event */
	CORE_KEYS = 32,	 /* random keys drawn at once: 256 bytes */
	CORE_HEAD = 512, /* bytes of a receive buffer that lie apart */
};

struct core_rx;

/* The first member of both adapters' struct core_domain. */
struct core_base {
	struct fid_domain *domain;
	struct core_caps caps;
	uint64_t write_flags; /* of a write after which a send may say that it arrived */
	size_t prefix;	      /* bytes in front of each message that are the core's */
	bool async_iov;	      /* the core reads lists of pieces until the end */
	size_t buffer_size, buffer_cnt, buffer_max;
	size_t head_size;	    /* CORE_HEAD, or 0 where buffers are in one piece */
	SLIST_HEAD(, core_rx) idle; /* could not be posted: tried again at each poll */
	size_t out_cnt, rx_cnt;	    /* in the core's hands */
	/* a buffer is about to be posted where none was; may be NULL */
	void (*starved)(struct core_base *base);
	uint64_t keys[CORE_KEYS];
	unsigned key_cnt;
};

static inline struct core_base *core_base_of(struct core_domain *domain)
{
	return (struct core_base *)domain;
}

/* core_ops.caps */
const struct core_caps *core_base_caps(const struct core_domain *domain);
void core_base_init(struct core_base *base, const struct fi_info *info,
		    const struct core_attr *attr);

/*
 * Completions that were read from a queue are counted (seen).  When the count has reached
 * this mark, what the core had at the time of the call has come back, or never will: a
 * core returns it before what it is given from then on.
 */
static inline uint64_t core_base_drain_at(const struct core_base *base, uint64_t seen)
{
	return seen + base->out_cnt + base->rx_cnt;
}

static inline bool core_base_drained(uint64_t seen, uint64_t drain_at)
{
	return (int64_t)(seen - drain_at) >= 0;
}

/* Bytes from one buffer of a message to the next. */
static inline size_t core_base_stride(const struct core_base *base)
{
	return (base->prefix + base->buffer_size + 63) & ~(size_t)63;
}

#endif
