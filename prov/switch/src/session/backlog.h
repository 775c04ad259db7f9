/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The backlog: memory that peers make us keep.  It is counted, and its peers are throttled
 * and limited. */
#ifndef SESSION_BACKLOG_H
#define SESSION_BACKLOG_H

#include "session/engine.h"
#include "session/ep.h"
#include "session/session.h"

/* The peer makes us keep so many bytes more, or fewer. */
void backlog_add(struct sess *sess, uint64_t bytes);
void backlog_remove(struct sess *sess, uint64_t bytes);
/* The application took a message that was piled up. */
void backlog_taken(struct sess *sess);
/* The endpoint, in no context's list, is about to change to another one. */
void backlog_move(struct sess_ep *ep, struct sess_rx *to);
/* Fixes the peer's first window and its eager budget: before our hello tells them, and
 * before the peer's, which may be ahead of ours. */
void backlog_greet(struct sess_link *link);
/* The peer may send so many more packets. */
void backlog_promise(struct sess_link *link, int32_t packets);
/* The link is about to close, or to go down: nothing more is promised over it. */
void backlog_forget_link(struct sess_link *link);
/* A packet is about to tell the peer its window. */
void backlog_grant(struct sess_link *link);
void backlog_progress(struct sess_engine *engine);
/* Returns when it wants to look again, or SESS_NEVER. */
uint64_t backlog_tick(struct sess_engine *engine, uint64_t now);
/* The session is about to fail, or to end: it gives no more credits. */
void backlog_forget(struct sess *sess);
/* The session is over: the receive context owns its whole messages from here on. */
void backlog_orphan(struct sess *sess);
/* Drops the unmatched messages of an expelled session. */
void backlog_drop(struct sess *sess);
/* Frees what exceeds the limits; may fail this session, or another one. */
void backlog_enforce(struct sess *sess);
/* The limits of the engine, now that it has a core like this one: bytes that a context
 * keeps at most, but for the last record, and answers that wait in one session. */
void backlog_limits(struct sess_engine *engine, const struct sess_core_config *core);
/* A record of this session was handled. */
static inline void backlog_check(struct sess *sess)
{
	if (sess->ep->rx->kept > sess->engine->backlog_max ||
	    sess->answer_cnt > sess->engine->answers_max)
		backlog_enforce(sess);
}

#endif
