/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An address of a peer in the address vector of a connectionless core.
 */
#ifndef CORE_RDM_PEER_H
#define CORE_RDM_PEER_H

#include <sys/queue.h>

#include "core/core.h"
#include "core/rdm/hash.h"

/* An address in the core's address vector.  It stays there for a while when nobody
 * uses it any more: the peer may still be sending to us, and what we sent last may be
 * on its way, neither of which a core bears without the address (shm, fi_av(3)). */
struct core_peer {
	UT_hash_handle hh;	     /* in domain->peers, by name */
	TAILQ_ENTRY(core_peer) link; /* refs 0: in domain->idle_peers, the oldest first */
	fi_addr_t addr;
	unsigned refs; /* paths, and frames that wait or that the core has */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX];
};

/* Anybody may have sent it: whether it may be given to the core, or to who accepts. */
bool core_rdm_is_name(const struct core_domain *domain, const void *name, size_t len);
int core_rdm_peer_get(struct core_domain *domain, const void *name, size_t len,
		      struct core_peer **peer);
void core_rdm_peer_put(struct core_domain *domain, struct core_peer *peer);
/* At the end, when nobody has one. */
void core_rdm_peers_free(struct core_domain *domain);

#endif
