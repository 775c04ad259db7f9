/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A path of the adapter for connectionless cores: a connection made of messages.
 */
#ifndef CORE_RDM_PATH_H
#define CORE_RDM_PATH_H

#include <sys/queue.h>

#include "core/common/path.h"
#include "core/rdm/frame.h"
#include "core/rdm/hash.h"

struct core_peer;
struct core_port;

enum { /* core_path.due: events that wait for a poll to report them, in this order */
       CORE_RDM_DUE_CONNECTED = 1 << 0,
       CORE_RDM_DUE_REFUSED = 1 << 1,
       CORE_RDM_DUE_BROKEN = 1 << 2,
       CORE_RDM_DUE_CLOSED = 1 << 3,
};

/* Allocated by connect and accept, freed by core_rdm_due_poll() when it reports CORE_CLOSED,
 * or by core_rdm_domain_close(); under the domain's lock. */
struct core_path {
	struct core_path_base base;	 /* first */
	LIST_ENTRY(core_path) link;	 /* in domain->paths */
	TAILQ_ENTRY(core_path) due_link; /* due is not 0: in domain->due */
	UT_hash_handle hh;		 /* id is not 0: in domain->by_id */
	struct core_domain *domain;
	struct core_port *port; /* where it begins; a reference */
	struct core_peer *peer; /* where it leads to; a reference */
	uint32_t id, peer_id;	/* of the path, here and at the peer; 0: none (yet) */
	uint64_t secret;	/* that frames repeat */
	unsigned due;		/* CORE_RDM_DUE_... */
	int error;		/* of CORE_REFUSED and CORE_BROKEN */
	uint64_t drain_at; /* value of domain->seen from which on CORE_BROKEN may be reported */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX]; /* of the peer, as it was asked for */
	uint8_t *data;		     /* connection data of the answer; the path frees it */
	size_t data_len;
};

/* -- core/rdm/path.c ------------------------------------------------------ */

/* A path that connects, from port to the peer of this name.  Takes over a reference to port,
 * even if it fails.  0 or a negative errno. */
int core_rdm_path_create(struct core_port *port, const void *name, size_t name_len, void *user,
			 struct core_path **path);
/* Frames do not find the path any more. */
void core_rdm_path_unlist(struct core_path *path);
/* Frees a path; none of its operations is out. */
void core_rdm_path_free(struct core_path *path);
int core_rdm_path_peer(struct core_path *path, void *addr, size_t *len);
int core_rdm_path_name(struct core_path *path, void *addr, size_t *len);

/* -- core/rdm/open.c ------------------------------------------------------ */

int core_rdm_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path);
int core_rdm_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path);
/* The core took the first frame of a path: one that was accepted is up. */
void core_rdm_path_sent(struct core_path *path);
/* A frame came that names a path; any process may have sent it. */
void core_rdm_path_frame(struct core_port *port, const struct core_rdm_frame *frame);

/* -- core/rdm/close.c ----------------------------------------------------- */

void core_rdm_path_close(struct core_path *path);
/* An operation of the path is over: CORE_CLOSED is due behind the last one of a closed path. */
void core_rdm_path_settle(struct core_path *path);
/* The path is refused or broken, with this error (0: the peer closed or refused it). */
void core_rdm_path_fail(struct core_path *path, int error);
/* Sends a frame of this type to the peer; a failure is ignored. */
void core_rdm_path_notify(struct core_path *path, enum core_rdm_type type);

/* -- core/rdm/due.c ------------------------------------------------------- */

/* One of the next polls reports these events (CORE_RDM_DUE_...). */
void core_rdm_due_add(struct core_path *path, unsigned what);
/* Reports due events, and frees paths behind CORE_CLOSED; returns how many.  empty: the queue
 * was read empty, so that everything that arrived has been reported. */
int core_rdm_due_poll(struct core_domain *domain, bool empty, struct core_event *events, int max);

#endif
