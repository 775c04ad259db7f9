/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session and the core path under it: how the path comes and goes.  The engine's link
 * (session/link.h) is another struct: the part of a session that belongs to one path.
 */
#ifndef SWITCH_LINK_H
#define SWITCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>

#include "core/core.h"
#include "switch_session.h"

struct switch_core;
struct switch_pump;

/*
 * Owned by the front end, which embeds it and frees it when it is told that the link is
 * gone: when the session is over and the core has closed every path that it had (a
 * crossing connect drops one for another).  The pump's lock covers it.  It is the user of
 * its session and of its paths.
 */
struct switch_link {
	LIST_ENTRY(switch_link) entry; /* in the pump */
	struct switch_pump *pump;
	const struct switch_core *core; /* the core that it goes over */
	struct sess *sess;		/* NULL before, and once it is over */
	struct core_path *path;		/* NULL before, after, and while the peer's is awaited */
	unsigned path_cnt;		/* paths whose CORE_CLOSED has not come */
	uint32_t session_id;
	bool pending; /* being made or closed: counted in the pump's cm_pending */
	bool down;    /* the engine gave the session up; the link ends when path_cnt is 0 */
	bool met;     /* the core has connected it */
	bool was_up;
};

/* A link without a session or a path, known to the pump. */
void switch_link_init(struct switch_link *link, struct switch_pump *pump);
/* Opens a path for a link whose session connects.  from: the listener at which it
 * begins, or NULL.  data: what travels with the request, our preamble first.  0 or a
 * negative errno with nothing changed. */
int switch_link_connect(struct switch_link *link, struct core_listener *from, struct fi_info *info,
			const void *addr, size_t addr_len, const void *data, size_t len);
/* Answers a request for a link whose session accepts.  Consumes the request. */
int switch_link_accept(struct switch_link *link, struct core_request *request, const void *data,
		       size_t len);
/* Gives up the path that it has now; its session stays. */
void switch_link_drop_path(struct switch_link *link);
/* Ends the link at once, with its session if it has one, even if paths are not closed. */
void switch_link_end(struct switch_link *link);

/* Events of the core; each ignores those of a path that the link has dropped. */
void switch_link_connected(const struct core_event *event);
void switch_link_refused(const struct core_event *event);
void switch_link_broken(const struct core_event *event);
void switch_link_path_closed(const struct core_event *event);
/* Actions of the engine. */
void switch_link_up(struct switch_link *link);
void switch_link_bye(struct switch_link *link);
void switch_link_down(struct switch_link *link, int error);

#endif
