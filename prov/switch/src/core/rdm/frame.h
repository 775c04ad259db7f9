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
	CORE_RDM_CM_DATA = 256, /* bytes of the longest connection data */
	CORE_RDM_FRAME_MAX = 32 + CORE_ADDR_MAX + CORE_RDM_CM_DATA,
};

/* The types of frames, and the fields that they have beside secret. */
enum core_rdm_type {
	CORE_RDM_REQUEST = 1, /* name, data; from */
	CORE_RDM_ACCEPT,      /* name, data; to, from */
	CORE_RDM_REJECT,      /* data; to */
	CORE_RDM_CLOSE,	      /* to */
};

/* One of the adapter's own messages.  to and from are ids of paths at either side; secret is
 * drawn by the side that opens the path, and repeated in every frame.  name and data are the
 * caller's, or lie in the message that was parsed. */
struct core_rdm_frame {
	enum core_rdm_type type;
	uint32_t to, from;
	uint64_t secret;
	const void *name, *data;
	size_t name_len, data_len;
};

/* -- core/rdm/frame.c ----------------------------------------------------- */

/* Builds a frame in buf, of CORE_RDM_FRAME_MAX bytes; returns its length. */
size_t core_rdm_frame_build(const struct core_rdm_frame *frame, uint8_t *buf);
/* Parses a message, which any process may have sent.  False: it is no frame. */
bool core_rdm_frame_parse(const void *buf, size_t len, struct core_rdm_frame *frame);

/* -- core/rdm/sendq.c ----------------------------------------------------- */

/* A frame that the core did not take yet.  Owned by the domain, with a reference to port and
 * peer; freed when it is sent, given up or dropped. */
struct core_rdm_waiting {
	TAILQ_ENTRY(core_rdm_waiting) link;
	struct core_port *port;
	struct core_peer *peer;
	struct core_path *path; /* fails if the frame does; NULL: it has none */
	uint64_t until;		/* core_rdm_now() when it is given up, if it has no path */
	size_t len;
	uint8_t bytes[];
};

/* Sends a frame, or keeps it until core_rdm_frames_flush() can.  path: the path that is up
 * once the core has taken the frame, or fails with it; NULL: none.  0 or a negative errno. */
int core_rdm_frame_send(struct core_port *port, struct core_peer *peer, struct core_path *path,
			const struct core_rdm_frame *frame);
/* Sends a frame without a path to the peer of this name; a failure is ignored. */
void core_rdm_frame_answer(struct core_port *port, const void *name, size_t name_len,
			   const struct core_rdm_frame *frame);
/* Sends the frames that wait, as far as the core takes them. */
void core_rdm_frames_flush(struct core_domain *domain);
/* Takes the frames that the core has from a path that closes, as far as its port has room for
 * frames without a path, so that the path need not wait for them: a core may hold them as
 * long as the peer is silent. */
void core_rdm_frames_orphan(struct core_path *path);
/* Drops the references of frames that the core never completed; their port is freed. */
void core_rdm_frames_lost(struct core_port *port);
/* Frees the frames that wait: those of this path, or all (NULL). */
void core_rdm_frames_drop(struct core_domain *domain, const struct core_path *path);

#endif
