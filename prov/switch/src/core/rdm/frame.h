/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The adapter's own messages, which make connections of a connectionless core.
 */
#ifndef CORE_RDM_FRAME_H
#define CORE_RDM_FRAME_H

#include <sys/queue.h>

#include "core/core.h"

struct core_peer;
struct core_port;

enum {
	CORE_RDM_CM_DATA = 256, /* longest connection data */
	CORE_RDM_FRAME_MAX = 32 + CORE_ADDR_MAX + CORE_RDM_CM_DATA,
};

enum core_rdm_type {
	CORE_RDM_REQUEST = 1, /* name, data; from */
	CORE_RDM_ACCEPT,      /* name, data; to, from */
	CORE_RDM_REJECT,      /* data; to */
	CORE_RDM_CLOSE,	      /* to */
};

/* The adapter's own messages.  to and from are ids of paths; secret was chosen
 * by who opened the path, and both sides repeat it. */
struct core_rdm_frame {
	enum core_rdm_type type;
	uint32_t to, from;
	uint64_t secret;
	const void *name, *data;
	size_t name_len, data_len;
};

/* -- core/rdm/frame.c ----------------------------------------------------- */

size_t core_rdm_frame_build(const struct core_rdm_frame *frame, uint8_t *buf);

/* Anybody may have sent it.  False: it is not a frame. */
bool core_rdm_frame_parse(const void *buf, size_t len, struct core_rdm_frame *frame);

/* -- core/rdm/sendq.c ----------------------------------------------------- */

/* A frame that the core did not take yet. */
struct core_rdm_waiting {
	TAILQ_ENTRY(core_rdm_waiting) link;
	struct core_port *port;
	struct core_peer *peer;
	struct core_path *path; /* NULL: nobody waits for it */
	uint64_t until;		/* then it is given up, in core_rdm_now()'s milliseconds */
	size_t len;
	uint8_t bytes[];
};

/* Sends it, or keeps it for core_rdm_frames_flush(). path: told if that fails;
 * NULL: nobody is. */
int core_rdm_frame_send(struct core_port *port, struct core_peer *peer, struct core_path *path,
			const struct core_rdm_frame *frame);
/* Sends it to a peer of this name, which need not have a path; fails silently. */
void core_rdm_frame_answer(struct core_port *port, const void *name, size_t name_len,
			   const struct core_rdm_frame *frame);
void core_rdm_frames_flush(struct core_domain *domain);
/* Of a path that is given up: those that the core has are nobody's from here on, as
 * far as a port has room for such.  A core may hold them as long as the peer is silent. */
void core_rdm_frames_orphan(struct core_path *path);
/* The port is freed, and the core did not return them. */
void core_rdm_frames_lost(struct core_port *port);
/* Forgets those that wait: of this path, or all (NULL). */
void core_rdm_frames_drop(struct core_domain *domain, const struct core_path *path);

#endif
