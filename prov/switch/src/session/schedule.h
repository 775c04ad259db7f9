/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Scheduling: which packet a session sends next, over which link. */
#ifndef SESSION_SCHEDULE_H
#define SESSION_SCHEDULE_H

#include "session/packet.h"
#include "session/session.h"

/* The next packet for the core, or NULL.  One that the core refused is offered again as
 * it is. */
struct sess_packet *schedule_next(struct sess_link *link);
/* Appends a small send to the open packet.  False: it has to queue. */
bool schedule_append(struct sess_link *link, struct sess_op *op);
/* Chooses the way of the first send in the queue, and begins to register the memory that the
 * way needs.  Called when another send is the first, or the session has another link; does
 * nothing if the way is chosen already. */
void schedule_prepare_first(struct sess *sess);
static inline void schedule_prepare(struct sess *sess)
{
	if (!STAILQ_EMPTY(&sess->sends))
		schedule_prepare_first(sess);
}
/* Takes back the choice of the first send's way, which was made for a link that takes no more,
 * or for a peer whose storage was full or was not. */
void schedule_withdraw(struct sess *sess);
/* The peer's storage became full, or has room again: chooses again if that matters. */
void schedule_heed_full(struct sess *sess);
/* The session has something to send over its link. */
void schedule_ready(struct sess *sess);
/* Whether the link has something to send, as far as credits allow. */
bool schedule_has_work(const struct sess_link *link);

#endif
