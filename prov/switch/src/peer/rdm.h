/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reliable datagrams: sessions on demand, by address.
 */
#ifndef SWITCH_RDM_H
#define SWITCH_RDM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "core/core.h"
#include "peer/local.h"

struct switch_conn;
struct switch_names;
struct switch_pump;
struct switch_sources;

struct switch_rdm {
	struct switch_local local;  /* first */
	struct switch_names *names; /* of its address vector */
	LIST_ENTRY(switch_rdm) names_entry;
	struct switch_sources *sources;
	bool source_err; /* FI_SOURCE_ERR: messages of unknown sources are reported as errors */
	/* Replaces the wildcard address of an endpoint that listens on every interface by
	 * the one that carries furthest; 0 or a negative errno. */
	int (*own_addr)(const struct switch_local *local, struct switch_addr *name);
	struct switch_conn **conns; /* by fi_addr */
	size_t conn_cnt;
	LIST_HEAD(, switch_conn) unnamed; /* of peers that are not in the address vector */
	struct core_listener *listener;
	bool everywhere; /* listens on every interface; the name is that of one */
	struct switch_addr name;
};

extern const struct switch_role switch_rdm_role;

/* The first entry with the address of this one: an address that was inserted twice is one
 * peer. */
fi_addr_t switch_rdm_first(const struct switch_rdm *rdm, fi_addr_t fi_addr);
/* A peer connects to an RDM endpoint (struct switch_front). */
void switch_rdm_request(struct switch_pump *pump, struct core_event *event);
/* An entry was added to the endpoint's address vector; or the entry with this address was
 * removed, and another entry, unless FI_ADDR_NOTAVAIL, takes its place. */
void switch_rdm_named(struct switch_rdm *rdm, fi_addr_t fi_addr);
void switch_rdm_unnamed(struct switch_rdm *rdm, fi_addr_t fi_addr, const struct switch_addr *addr,
			fi_addr_t twin);

#endif
