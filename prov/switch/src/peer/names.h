/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The names of peers: the entries of an address vector, by fi_addr_t and by address.
 */
#ifndef SWITCH_NAMES_H
#define SWITCH_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>

#include "base/addr.h"

struct names_entry;
struct switch_core;
struct switch_rdm;
struct switch_sources;

/* Embedded in an address vector.  The domain's lock covers it. */
struct switch_names {
	uint32_t format;		/* of the addresses */
	const struct switch_core *core; /* is told the number of peers */
	struct switch_sources *sources; /* are told when entries have user ids */
	LIST_HEAD(, switch_rdm) rdms;	/* endpoints that are told of added and removed entries */
	size_t stride;			/* from entry to entry, bytes */
	uint8_t **chunks;
	size_t chunk_cnt, chunk_room;
	uint32_t end;	   /* entries from here on were never used */
	uint32_t hole;	   /* no free entry lies below this */
	uint32_t hole_cnt; /* free entries below end */
	uint32_t twin_cnt; /* entries that are not in the table */
	struct names_entry *table;
	fi_addr_t *user_ids; /* of all entries if one has one, else NULL */
	size_t user_id_cnt;
};

/* For addresses of the format of this domain's info. */
void switch_names_init(struct switch_names *names, const struct fi_info *info,
		       const struct switch_core *core, struct switch_sources *sources);
void switch_names_fini(struct switch_names *names);
/* 0 with the new index, or a positive error.  user_id: its number, or NULL. */
int switch_names_add(struct switch_names *names, const struct switch_addr *addr,
		     const fi_addr_t *user_id, fi_addr_t *fi_addr);
/* 0, or -FI_EINVAL: there is no such entry. */
int switch_names_del(struct switch_names *names, fi_addr_t fi_addr);
/* NULL if there is no such entry (removed, or never inserted). */
const struct switch_addr *switch_names_get(const struct switch_names *names, fi_addr_t fi_addr);
/* The entry with this address, FI_ADDR_NOTAVAIL if there is none.  With
 * several equal entries the first inserted. */
fi_addr_t switch_names_find(const struct switch_names *names, const void *addr, size_t len);
/* The number by which completions name the peer with this entry (FI_AV_USER_ID). */
fi_addr_t switch_names_user_id(const struct switch_names *names, fi_addr_t fi_addr);

#endif
