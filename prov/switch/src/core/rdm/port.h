/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An endpoint of a connectionless core, at which listeners listen and paths begin.
 */
#ifndef CORE_RDM_PORT_H
#define CORE_RDM_PORT_H

#include <sys/queue.h>

#include "core/common/rx.h"
#include "core/common/tx.h"

/* Members that only a shared port has, at which paths of endpoints begin that never listen.
 * Owned by its port. */
struct core_port_share {
	bool kept; /* the domain has a reference */
	size_t asked_len;
	uint8_t asked[CORE_ADDR_MAX]; /* the address that it was opened for */
};

/*
 * An endpoint of the core: that of a listener and the paths that begin there, or a shared
 * one.  Owned by the domain, under its lock.  refs counts the listener, paths, requests and
 * frames that wait; the last one closes the endpoint.  core_rdm_ports_reap() frees the port
 * when no completion can name its buffers any more.
 */
struct core_port {
	LIST_ENTRY(core_port) link; /* in domain->ports, then in domain->closed_ports */
	struct core_domain *domain;
	struct fid_ep *ep; /* NULL once closed; pool.ep is NULL from when that is due */
	struct core_pool pool;
	struct core_tx_pool tx;
	struct core_listener
		*listener;	       /* to which requests are reported; NULL: they are rejected */
	struct core_port_share *share; /* NULL: a listener's, or not shared any more */
	unsigned refs;
	unsigned orphan_cnt; /* frames without a path that the core has */
	uint64_t drain_at; /* closed: value of domain->seen from which on none of its completions is
			      in the queue */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX]; /* the address that it has */
};

/* Opens a port at info's source address (NULL: any), with its receives posted and one
 * reference.  0 or a negative errno. */
int core_rdm_port_open(struct core_domain *domain, const struct fi_info *info,
		       struct core_port **port);
/* A shared port at info's source address, with one more reference; 0 or a negative errno.  It
 * stays open until core_rdm_ports_unshare(), or, if the address has a port number, as long as
 * it is used. */
int core_rdm_port_share(struct core_domain *domain, const struct fi_info *info,
			struct core_port **port);
/* No endpoint is left that could use shared ports: each is closed with its last path.  So a
 * process that exits now leaves nothing behind, as a core may (shm: a file). */
void core_rdm_ports_unshare(struct core_domain *domain);
/* Add and drop a reference. */
void core_rdm_port_get(struct core_port *port);
void core_rdm_port_put(struct core_port *port);
/* The queue was read empty: nothing of closed ports is there any more. */
void core_rdm_ports_drained(struct core_domain *domain);
/* Frees closed ports that are drained (all: every one whose endpoint the core has closed). */
void core_rdm_ports_reap(struct core_domain *domain, bool all);
/* Closes the endpoint, whatever refers to the port. */
void core_rdm_port_close(struct core_port *port);

#endif
