/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A path of the adapter for connectionless cores: a connection made of messages.
 */
#ifndef CORE_RDM_PATH_H
#define CORE_RDM_PATH_H

#include <sys/queue.h>

#include "core/common/line.h"
#include "core/rdm/frame.h"
#include "core/rdm/hash.h"

struct core_peer;
struct core_port;

enum { /* core_path.due: events that are due, in this order */
       CORE_RDM_DUE_CONNECTED = 1 << 0,
       CORE_RDM_DUE_REFUSED = 1 << 1,
       CORE_RDM_DUE_BROKEN = 1 << 2,
       CORE_RDM_DUE_CLOSED = 1 << 3,
};

/* Allocated by connect and accept, freed when CORE_CLOSED is reported. */
struct core_path {
	struct core_line line; /* first */
	LIST_ENTRY(core_path) link;
	TAILQ_ENTRY(core_path) due_link;
	UT_hash_handle hh; /* in domain->by_id */
	struct core_domain *domain;
	struct core_port *port;
	struct core_peer *peer;
	uint32_t id, peer_id; /* peer_id: 0 until known */
	uint64_t secret;
	unsigned due;	   /* CORE_RDM_DUE_... */
	int error;	   /* of CORE_REFUSED and CORE_BROKEN */
	uint64_t drain_at; /* CORE_BROKEN: value of domain->seen that nothing of ours comes after */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX]; /* that it leads to, as it was asked for */
	uint8_t *data;		     /* that came with the answer */
	size_t data_len;
};

/* -- core/rdm/path.c ------------------------------------------------------ */

int core_rdm_path_create(struct core_port *port, const void *name, size_t name_len, void *user,
			 struct core_path **path);
void core_rdm_path_unlist(struct core_path *path);

void core_rdm_path_free(struct core_path *path);
int core_rdm_path_peer(struct core_path *path, void *addr, size_t *len);
int core_rdm_path_name(struct core_path *path, void *addr, size_t *len);

/* -- core/rdm/open.c ------------------------------------------------------ */

int core_rdm_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path);
int core_rdm_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path);
/* Its first frame was taken by the core. */
void core_rdm_path_sent(struct core_path *path);
/* A frame from the peer of a path (or from somebody who says so). */
void core_rdm_path_frame(struct core_port *port, const struct core_rdm_frame *frame);

/* -- core/rdm/close.c ----------------------------------------------------- */

void core_rdm_path_close(struct core_path *path);
/* After one of its operations is done: a closed path ends with the last one. */
void core_rdm_path_settle(struct core_path *path);
/* The peer does not answer to this path any more, or never did. */
void core_rdm_path_fail(struct core_path *path, int error);

void core_rdm_path_notify(struct core_path *path, enum core_rdm_type type);

/* -- core/rdm/due.c ------------------------------------------------------- */

/* Reports it at one of the next polls. */
void core_rdm_due_add(struct core_path *path, unsigned what);

int core_rdm_due_poll(struct core_domain *domain, bool empty, struct core_event *events, int max);

#endif
