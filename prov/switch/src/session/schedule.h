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
/* The first send in the queue, or the link, is another: chooses the way of the send, and
 * begins to register what that needs.  Does nothing where it was chosen already. */
void schedule_prepare_first(struct sess *sess);
static inline void schedule_prepare(struct sess *sess)
{
	if (!STAILQ_EMPTY(&sess->sends))
		schedule_prepare_first(sess);
}
/* The link that the way of the first send was chosen for takes no more: it is chosen again
 * for the next one. */
void schedule_withdraw(struct sess *sess);
/* The peer's storage became full, or has room again. */
void schedule_heed_full(struct sess *sess);
/* The session may have something to send. */
void schedule_ready(struct sess *sess);
/* The link has something to send, whether or not it has the credits for it. */
bool schedule_has_work(const struct sess_link *link);

#endif
