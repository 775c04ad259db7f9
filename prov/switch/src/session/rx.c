/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive contexts: an endpoint's own, or one that several share; and the end of
 * posted receives and unmatched messages when a context, an endpoint or a session ends.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

void rx_init(struct sess_rx *rx, struct sess_engine *engine)
{
	rx->engine = engine;
	TAILQ_INIT(&rx->eps);
	index_init(&rx->plain);
	index_init(&rx->tagged);
	TAILQ_INIT(&rx->claimed);
	TAILQ_INIT(&rx->orphans);
}

int sess_rx_create(struct sess_engine *engine, struct sess_rx **rx)
{
	*rx = calloc(1, sizeof(**rx));
	if (!*rx)
		return -ENOMEM;
	rx_init(*rx, engine);
	return 0;
}

struct sess_rx *sess_ep_rx(struct sess_ep *ep)
{
	return ep->rx;
}

void sess_ep_share_rx(struct sess_ep *ep, struct sess_rx *rx)
{
	TAILQ_REMOVE(&ep->rx->eps, ep, rx_link);
	backlog_move(ep, rx);
	ep->rx = rx;
	TAILQ_INSERT_TAIL(&rx->eps, ep, rx_link);
}

void sess_rx_close(struct sess_rx *rx, int error)
{
	rx->closed = true;
	match_end_posted(&rx->plain, error);
	match_end_posted(&rx->tagged, error);
}

void rx_fini(struct sess_rx *rx)
{
	index_fini(&rx->plain);
	index_fini(&rx->tagged);
}

void sess_rx_destroy(struct sess_rx *rx)
{
	rx_fini(rx);
	free(rx);
}

/* -- ends --------------------------------------------------------------------------- */

/* Those that share theirs go on. */
void sess_ep_end(struct sess_ep *ep, int error)
{
	struct sess_rx *own = &ep->own_rx;

	own->ended = error;
	match_end_posted(&own->plain, error);
	match_end_posted(&own->tagged, error);
}

/* Messages that come from here on meet the endpoint's own context, which has no receives. */
void rx_close_ep(struct sess_ep *ep, int error)
{
	struct sess_message *message;

	sess_rx_close(&ep->own_rx, error);
	while ((message = TAILQ_FIRST(&ep->messages)))
		match_discard(message, WIRE_CLOSED);
	sess_ep_share_rx(ep, &ep->own_rx);
}

void rx_forget_session(struct sess *sess, int error)
{
	struct sess_message *message, *next;

	TAILQ_EACH_SAFE (message, &sess->messages, sess_link, next)
		message->kind->orphan(message, error);
}

/* Receives posted for this peer and no other can never match. */
void rx_fail_source(struct sess *sess, int error)
{
	struct sess_rx *rx = sess->ep->rx;
	struct match_queue *const queues[] = {&rx->plain, &rx->tagged};
	struct sess_op *op, *next;

	if (sess->source == SESS_SOURCE_ANY)
		return;
	for (unsigned i = 0; i < 2; i++) {
		TAILQ_EACH_SAFE (op, &queues[i]->posted, posted, next) {
			if (op->source != sess->source)
				continue;
			index_receive_remove(queues[i], op);
			op_done(op, error);
		}
	}
}

static void name_message(struct sess_rx *rx, struct sess_message *message, uint64_t source)
{
	if (message->claimed)
		message->source = source;
	else
		index_message_source(match_queue(rx, message->flags), message, source);
}

void sess_set_source(struct sess *sess, uint64_t source)
{
	struct sess_message *message;

	sess->source = source;
	TAILQ_FOREACH (message, &sess->messages, sess_link)
		name_message(sess->ep->rx, message, source);
}

void sess_ep_rename_source(struct sess_ep *ep, uint64_t from, uint64_t to)
{
	struct sess_message *message;
	struct sess *sess;

	TAILQ_FOREACH (sess, &ep->sessions, ep_link)
		if (sess->source == from)
			sess_set_source(sess, to);
	TAILQ_FOREACH (message, &ep->rx->orphans, sess_link)
		if (message->source == from && message->ep == ep)
			name_message(ep->rx, message, to);
}
