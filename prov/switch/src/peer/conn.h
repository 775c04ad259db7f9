/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session and the core path under it.
 */
#ifndef SWITCH_CONN_H
#define SWITCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "base/compat.h"
#include "core/core.h"
#include "switch_session.h"

struct switch_domain;
struct switch_ep;
struct switch_stranger;

/*
 * A session and the path it runs over.  Owned by the domain from its making
 * until the session is over and the core has closed every path it had (a
 * crossing connect drops one for another): longer than its endpoint if that
 * is closed first.
 */
struct switch_conn {
	LIST_ENTRY(switch_conn) link; /* in the domain */
	struct switch_domain *domain;
	struct switch_ep *ep;	/* NULL once it is closed */
	struct sess *sess;	/* NULL once it is over */
	struct core_path *path; /* NULL before, after, and while the peer's is awaited */
	unsigned path_cnt;	/* paths whose CORE_CLOSED has not come */
	uint32_t session_id;
	bool pending; /* counted in the domain's cm_pending */
	bool down;    /* the engine said so: ends when path_cnt is 0 */
	bool met;     /* the core has connected it */
	bool was_up;

	/* RDM */
	fi_addr_t fi_addr;		 /* the peer's, FI_ADDR_NOTAVAIL if unknown */
	LIST_ENTRY(switch_conn) unnamed; /* peers that are in no address vector */
	bool is_unnamed;
	struct switch_addr addr;	  /* the peer's name: its IP address, its listener's port */
	struct switch_stranger *stranger; /* as whom the engine knows it, or NULL */

	/* MSG: what the peer sent with its answer, for FI_CONNECTED or the error */
	void *cm_data;
	size_t cm_data_len;
};

/* A new conn without session or path, linked into the domain; NULL when
 * memory is short. */
struct switch_conn *switch_conn_create(struct switch_ep *ep, fi_addr_t fi_addr);
/* Opens a path for a conn whose session connects; data follow our preamble.
 * 0 or a negative errno with nothing changed. */
int switch_conn_open_path(struct switch_conn *conn, const void *addr, size_t addr_len,
			  const void *data, size_t len);
/* Answers a request for a conn whose session accepts.  Consumes the request. */
int switch_conn_accept_path(struct switch_conn *conn, struct core_request *request,
			    const void *data, size_t len);
/* Gives up the path it has now; its session stays. */
void switch_conn_drop_path(struct switch_conn *conn);
/* The session ends here, its path was never made. */
void switch_conn_end(struct switch_conn *conn);
/* The domain is closing: frees it whatever it waits for. */
void switch_conn_forget(struct switch_conn *conn);

/* A request without a preamble was refused: said once, as anybody may send many. */
void switch_conn_stranger(bool *told);
/* Events of the core; each ignores those of a path it has dropped. */
void switch_conn_connected(const struct core_event *event);
void switch_conn_refused(const struct core_event *event);
void switch_conn_broken(const struct core_event *event);
void switch_conn_path_closed(const struct core_event *event);
/* Actions of the engine. */
void switch_conn_up(struct switch_conn *conn);
void switch_conn_bye(struct switch_conn *conn);
void switch_conn_down(struct switch_conn *conn, int error);

#endif
