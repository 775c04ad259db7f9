/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A connection: a link to a peer, and the name by which this side knows the peer.
 */
#ifndef SWITCH_CONN_H
#define SWITCH_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "base/compat.h"
#include "core/core.h"
#include "peer/data.h"
#include "progress/link.h"
#include "switch_session.h"

struct switch_local;
struct switch_unknown;

/*
 * Owned by the pump from its making until the link is gone: longer than its endpoint if
 * that is closed first.
 */
struct switch_conn {
	struct switch_link link;    /* first */
	struct switch_local *local; /* NULL once it is closed */

	/* RDM */
	fi_addr_t fi_addr;		 /* the peer's, FI_ADDR_NOTAVAIL if unknown */
	LIST_ENTRY(switch_conn) unnamed; /* peers that are in no address vector */
	bool is_unnamed;
	/* The other end is surely the peer of this name: we connected to the name, and a request
	 * in the name took the place of our own only when that peer said so. */
	bool is_sure;
	struct switch_addr addr;	/* the peer's name: its IP address, its listener's port */
	struct switch_unknown *unknown; /* the unknown source that it is, or NULL */
	struct switch_nonce nonce;	/* of our request */
	/* While we connect to the peer (peer/claim.c): a request in its name, which waits for an
	 * answer; and the peer's word over our own connection. */
	struct core_request *claim; /* NULL: none */
	struct sess_request claimant;
	bool claim_has_proof;
	struct switch_proof claim_proof;
	bool yields; /* our connection gives way to the request with this proof: */
	struct switch_proof winner;

	/* MSG: the peer's data with its answer, for FI_CONNECTED or the error */
	void *cm_data;
	size_t cm_data_len;
};

static inline struct switch_conn *switch_conn_of(struct switch_link *link)
{
	return container_of(link, struct switch_conn, link);
}

/* A new conn without session or path; NULL when memory is short. */
struct switch_conn *switch_conn_create(struct switch_local *local, fi_addr_t fi_addr);
/* Opens a path for a conn whose session connects; data follow our preamble.
 * 0 or a negative errno with nothing changed. */
int switch_conn_open_path(struct switch_conn *conn, const void *addr, size_t addr_len,
			  const void *data, size_t len);
/* Answers a request for a conn whose session accepts.  Consumes the request. */
int switch_conn_accept_path(struct switch_conn *conn, struct core_request *request,
			    const void *data, size_t len);
/* The endpoint is closed: its sessions linger without it. */
void switch_conn_leave(struct switch_local *local);

/* Slots of struct switch_front. */
int switch_conn_data(struct switch_link *link, const void *data, size_t len);
void switch_conn_connect(struct switch_link *link);
void switch_conn_up(struct switch_link *link);
void switch_conn_bye(struct switch_link *link);
void switch_conn_down(struct switch_link *link, int error);
void switch_conn_gone(struct switch_link *link);
bool switch_conn_refused(struct switch_link *link, const void *data, size_t len);

#endif
