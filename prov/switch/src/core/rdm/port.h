/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An endpoint of a connectionless core, at which listeners listen and paths begin.
 */
#ifndef CORE_RDM_PORT_H
#define CORE_RDM_PORT_H

#include <sys/queue.h>

#include "core/common/rx.h"
#include "core/common/tx.h"

/* What only a port has that paths of endpoints share which never listen. */
struct core_port_share {
	bool kept; /* the domain has a reference */
	size_t asked_len;
	uint8_t asked[CORE_ADDR_MAX]; /* the address that it was opened for */
};

/*
 * A core endpoint: of a listener and the paths that begin there, or of those of
 * endpoints that never listen.  refs counts listener, paths,
 * requests and frames that wait; the last one closes it.  Its buffers stay
 * until no completion can name them.
 */
struct core_port {
	LIST_ENTRY(core_port) link; /* in domain->ports, then in domain->closed_ports */
	struct core_domain *domain;
	struct fid_ep *ep; /* NULL once closed; pool.ep: once it is to be */
	struct core_pool pool;
	struct core_tx_pool tx;
	struct core_listener *listener; /* who is told of requests; NULL: they are turned away */
	struct core_port_share *share;	/* NULL: no more paths are to begin here, or a listener's */
	unsigned refs;
	unsigned orphan_cnt; /* frames that the core has, and nobody waits for */
	uint64_t drain_at;   /* closed: value of domain->seen that nothing of ours comes after */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX]; /* the address that it has */
};

/* For info's source address (NULL or taken: any). */
int core_rdm_port_open(struct core_domain *domain, const struct fi_info *info,
		       struct core_port **port);
/* One without a listener, for endpoints that never listen, at info's source address: until
 * core_rdm_ports_unshare(), or if that says which port, as long as it is used. */
int core_rdm_port_share(struct core_domain *domain, const struct fi_info *info,
			struct core_port **port);
/* No endpoint is left that could use those: they go with their last path.  A process that
 * exits now leaves nothing of them behind, as a core may (shm: a file). */
void core_rdm_ports_unshare(struct core_domain *domain);
void core_rdm_port_get(struct core_port *port);
void core_rdm_port_put(struct core_port *port);
/* The queue was empty: nothing of closed ports comes any more. */
void core_rdm_ports_drained(struct core_domain *domain);
/* Frees the buffers of ports that are through (all: of every closed one). */
void core_rdm_ports_reap(struct core_domain *domain, bool all);
void core_rdm_port_close(struct core_port *port);

#endif
