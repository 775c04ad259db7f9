/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An address of a peer in the address vector of a connectionless core.
 */
#ifndef CORE_RDM_PEER_H
#define CORE_RDM_PEER_H

#include <sys/queue.h>

#include "core/core.h"
#include "core/rdm/hash.h"

/* An address in the core's address vector.  Owned by the domain, under its lock.  It stays
 * there for a while after its last use: the peer may still be sending to us, and what we sent
 * last may be on its way, neither of which a core bears without the address (shm, fi_av(3)).
 * Freed by the domain, the oldest idle one first. */
struct core_peer {
	UT_hash_handle hh;	     /* in domain->peers, by name */
	TAILQ_ENTRY(core_peer) link; /* refs 0: in domain->idle_peers */
	fi_addr_t addr;
	unsigned refs; /* paths, and frames that wait or that the core has */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX];
};

/* Whether a name, which any process may have sent, can be given to the core and to users. */
bool core_rdm_is_name(const struct core_domain *domain, const void *name, size_t len);
/* The peer of a name, with one more reference; 0 or a negative errno. */
int core_rdm_peer_get(struct core_domain *domain, const void *name, size_t len,
		      struct core_peer **peer);
/* Drops a reference. */
void core_rdm_peer_put(struct core_domain *domain, struct core_peer *peer);
/* Frees all peers of a domain that closes; none has a reference. */
void core_rdm_peers_free(struct core_domain *domain);

#endif
