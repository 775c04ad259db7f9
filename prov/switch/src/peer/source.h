/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sources of received messages, as completions name them.
 */
#ifndef SWITCH_SOURCE_H
#define SWITCH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"

struct switch_names;
struct switch_op;
struct switch_unknown;

/* The unknown sources of a domain.  Its lock covers them. */
struct switch_sources {
	struct switch_unknown *by_addr;	   /* uthash */
	struct switch_unknown *by_id;	   /* uthash: the same by number */
	TAILQ_HEAD(, switch_unknown) idle; /* without references, oldest first */
	size_t idle_cnt;
	uint64_t last_id;
	bool wanted; /* completions need switch_source_name() */
};

void switch_sources_init(struct switch_sources *sources);
void switch_sources_fini(struct switch_sources *sources);
/* The engine's key for a peer of this address that is in no address vector. *held gives up
 * its reference and gets one to this source; NULL when memory is short. */
uint64_t switch_source_key(struct switch_sources *sources, const struct switch_addr *addr,
			   struct switch_unknown **held);
/* Gives up a reference; NULL is fine. */
void switch_unknown_release(struct switch_unknown *unknown);
const struct switch_addr *switch_unknown_addr(const struct switch_unknown *unknown);
/* Names the source of a complete receive: replaces the engine's key by the fi_addr_t for
 * the application.  For an unknown source the receive ends with FI_EADDRNOTAVAIL, unless it
 * has another error. names: the entries of its endpoint's address vector. */
void switch_source_name(struct switch_sources *sources, const struct switch_names *names,
			struct switch_op *op);

#endif
