/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations that the core has, and the part of a path that both adapters share: where its
 * operations go, and which are out.  An adapter embeds struct core_path_base as the first
 * member of its struct core_path.
 */
#ifndef CORE_PATH_H
#define CORE_PATH_H

#include <sys/queue.h>

#include <rdma/fi_endpoint.h>

#include "core/core.h"

struct core_domain_base;
struct core_tx_pool;

/* The struct that the context of a completion points to. */
enum core_kind {
	CORE_KIND_NONE,	 /* none: it is over, and the core must not complete it again */
	CORE_KIND_SEND,	 /* struct core_out */
	CORE_KIND_WRITE, /* struct core_out */
	CORE_KIND_READ,	 /* struct core_out */
	CORE_KIND_RX,	 /* struct core_rx */
	CORE_KIND_TX,	 /* struct core_tx */
};

/* The first member of every operation and buffer; its address is the context. */
struct core_ctx {
	struct fi_context2 core; /* first; used by the core in FI_CONTEXT mode */
	enum core_kind kind;
};

/* An operation that the core has.  It lies in the driver's struct core_io, or in a send
 * buffer, and is the adapter's until it is reported. */
struct core_out {
	struct core_ctx ctx;
	struct core_path *path;
	TAILQ_ENTRY(core_out) link; /* in the path's list */
};

TAILQ_HEAD(core_outs, core_out);

_Static_assert(sizeof(struct core_out) <= sizeof(struct core_io),
	       "an operation fits the scratch that the driver lends");

/* Where a path is in its life, in this order. */
enum core_path_state {
	CORE_PATH_CONNECTING, /* waits for the peer's answer, or until ours is on its way */
	CORE_PATH_UP,	      /* moves data until it breaks or is closed */
	CORE_PATH_DEAD,	      /* was refused or broke; waits for path_close */
	CORE_PATH_SEVERED,    /* closed; waits for the core to give its reads back */
	CORE_PATH_DRAINING,   /* closed; waits for the last completions of its operations */
};

/* The first member of both adapters' struct core_path, which owns and frees it: where its
 * operations go, and which the core has.  Under the domain's lock. */
struct core_path_base {
	struct core_domain_base *domain;
	enum core_path_state state;
	void *user;	   /* comes back in events */
	struct fid_ep *ep; /* NULL once closed */
	fi_addr_t addr;	   /* FI_ADDR_UNSPEC where ep is connected */
	struct core_tx_pool *tx;
	struct core_outs outs;
	unsigned out_cnt;  /* operations in outs */
	unsigned tx_cnt;   /* those of them in send buffers */
	unsigned read_cnt; /* reads among them */
};

static inline struct core_path_base *core_path_base_of(struct core_path *path)
{
	return (struct core_path_base *)path;
}

/* Fills the base of a path that connects; the adapter sets ep, and addr if it has one. */
void core_path_base_init(struct core_path_base *base, struct core_domain_base *domain,
			 struct core_tx_pool *tx, void *user);
/* The error of an operation on a path that is not up: -FI_ENOTCONN before it was,
 * -FI_ECONNRESET once it broke, -FI_ESHUTDOWN once it was closed. */
int core_path_refuse(const struct core_path_base *base);
/* Put an operation, whose kind is set, on the list of those that are out, and take it off. */
void core_path_out_add(struct core_path_base *base, struct core_out *out);
void core_path_out_remove(struct core_path_base *base, struct core_out *out);

#endif
