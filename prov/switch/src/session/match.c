/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching: receives that wait for messages and messages that wait for
 * receives, each in the order in which they came.  Both are of a receive
 * context, an endpoint's own or one that several share.  An unmatched message
 * lives in storage of its exact size, never in a control buffer; how much of that is
 * kept is for session/backlog.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

struct match_queue *match_queue(struct sess_rx *rx, uint16_t flags)
{
	return flags & SESS_TAGGED ? &rx->tagged : &rx->plain;
}

bool match_fits(const struct sess_op *op, uint64_t tag, uint64_t source)
{
	return !((op->tag ^ tag) & ~op->ignore) &&
	       (op->source == SESS_SOURCE_ANY || op->source == source);
}

void match_unpost(struct sess_op *op)
{
	index_receive_remove(match_queue(op->rx, op->flags), op);
}

/* The first receive that takes such a message, unlinked, or its next part; or
 * NULL.  Untagged receives have tag and ignore 0, as untagged messages have. */
struct sess_op *match_posted(struct sess_ep *ep, uint16_t flags, uint64_t tag, uint64_t source,
			     uint64_t len)
{
	const struct match_queue *queue = match_queue(ep->rx, flags);
	struct sess_op *op, *part;

	while ((op = index_receive_find(queue, ep->rx, tag, source))) {
		if (op->flags & SESS_MULTI) {
			part = multi_part(op, ep, len);
			if (part)
				return part;
			continue; /* it has ended */
		}
		match_unpost(op);
		match_begin(op, ep);
		return op;
	}
	return NULL;
}

/* -- storage ------------------------------------------------------------------ */

size_t match_message_size(const struct sess_message *message)
{
	return sizeof(*message) + (message->small ? (size_t)SMALL_MESSAGE : message->size);
}

struct sess_message *match_new_message(struct sess *sess, uint16_t flags, uint64_t tag, size_t size)
{
	struct sess_rx *rx = sess->ep->rx;
	struct sess_engine *engine = rx->engine;
	struct sess_message *message = TAILQ_FIRST(&engine->spare_messages);
	bool small = size <= SMALL_MESSAGE;

	if (small && message) {
		TAILQ_REMOVE(&engine->spare_messages, message, link);
		engine->spare_message_cnt--;
	} else {
		message = malloc(sizeof(*message) + (small ? (size_t)SMALL_MESSAGE : size));
		if (!message)
			return NULL;
	}
	*message = (struct sess_message){
		.ep = sess->ep,
		.flags = flags & (SESS_TAGGED | SESS_DATA),
		.small = small,
		.size = size,
		.source = sess->source,
		.tag = tag,
		.sess = sess,
		.counted = !sess->is_self,
	};
	index_message_add(match_queue(rx, flags), message);
	TAILQ_INSERT_TAIL(&sess->ep->messages, message, ep_link);
	TAILQ_INSERT_TAIL(&sess->messages, message, sess_link);
	backlog_add(sess, match_message_size(message));
	return message;
}

/* Frees a message that is in no list any more. */
void match_drop(struct sess_message *message)
{
	struct sess_rx *rx = message->ep->rx;
	struct sess_engine *engine = rx->engine;

	TAILQ_REMOVE(&message->ep->messages, message, ep_link);
	TAILQ_REMOVE(message->sess ? &message->sess->messages : &rx->orphans, message, sess_link);
	if (message->sess) {
		backlog_remove(message->sess, match_message_size(message));
	} else if (message->counted) {
		rx->kept -= match_message_size(message);
		rx->orphaned -= match_message_size(message);
	}
	if (!message->small || engine->spare_message_cnt == SPARE_MAX) {
		free(message);
		return;
	}
	TAILQ_INSERT_HEAD(&engine->spare_messages, message, link);
	engine->spare_message_cnt++;
}

/* Out of the list of those that wait. */
static void take(struct sess_message *message)
{
	struct sess_rx *rx = message->ep->rx;

	if (message->claimed)
		TAILQ_REMOVE(&rx->claimed, message, link);
	else
		index_message_remove(match_queue(rx, message->flags), message);
}

/* Takes a message that met no receive out of its list, and frees it. */
void match_forget(struct sess_message *message)
{
	take(message);
	match_drop(message);
}

/* -- receives -------------------------------------------------------------------- */

void match_describe(struct sess_op *op, const struct sess_message *message)
{
	op->flags = (uint16_t)((op->flags & ~SESS_DATA) | (message->flags & SESS_DATA));
	op->tag = message->tag;
	op->data = message->data;
	op->source = message->source;
	op->full_len = message->total;
}

/* A message, out of its list, meets its receive. */
static void deliver(struct sess_op *op, struct sess_message *message)
{
	match_describe(op, message);
	if (message->sess)
		backlog_taken(message->sess);
	if (message->loop)
		self_deliver(op, message);
	else if (message->xfer && message->xfer->ops != &sess_inline_ops)
		xfer_match(message->xfer, op, message->bytes, message->have);
	else
		inline_deliver(op, message);
	match_drop(message);
}

/* Nobody will receive the message: thrown away by the application (OK), or
 * its endpoint is closed. */
static void discard(struct sess_message *message, enum wire_status status)
{
	take(message);
	if (message->sess)
		backlog_taken(message->sess);
	if (message->loop)
		engine_op_done(message->loop, status == WIRE_OK ? 0 : ECANCELED);
	else if (message->xfer)
		xfer_discard(message->xfer, status);
	match_drop(message);
}

static struct sess_message *find_unexpected(struct sess_rx *rx, const struct sess_op *op)
{
	return index_message_find(match_queue(rx, op->flags), op);
}

static struct sess_message *find_claimed(struct sess_rx *rx, const struct sess_op *op)
{
	struct sess_message *message;

	TAILQ_FOREACH(message, &rx->claimed, link)
		if (message->claim == op->claim)
			return message;
	return NULL;
}

/* fi_tagged(3): look at the first match, perhaps keep it or throw it away. */
static void peek(struct sess_rx *rx, struct sess_op *op)
{
	struct sess_message *message = find_unexpected(rx, op);

	if (!message) {
		engine_op_done(op, ENOMSG);
		return;
	}
	match_begin(op, message->ep);
	match_describe(op, message);
	op->len = message->total;
	if (op->flags & SESS_DISCARD) {
		discard(message, WIRE_OK);
	} else if (op->flags & SESS_CLAIM) {
		take(message);
		message->claim = op->claim;
		message->claimed = true;
		TAILQ_INSERT_TAIL(&rx->claimed, message, link);
	}
	engine_op_done(op, 0);
}

static void claim(struct sess_rx *rx, struct sess_op *op)
{
	struct sess_message *message = find_claimed(rx, op);

	if (!message) {
		engine_op_done(op, ENOMSG);
		return;
	}
	match_begin(op, message->ep);
	if (op->flags & SESS_DISCARD) {
		match_describe(op, message);
		discard(message, WIRE_OK);
		engine_op_done(op, 0);
	} else {
		take(message);
		deliver(op, message);
	}
}

static void end_posted(struct match_queue *queue, int error)
{
	struct sess_op *op;

	while ((op = TAILQ_FIRST(&queue->posted))) {
		index_receive_remove(queue, op);
		engine_op_done(op, error);
	}
}

void match_init(struct sess_op *op, struct sess_rx *rx)
{
	op->ep = NULL;
	op->rx = rx;
	op->sess = NULL;
	op->xfer = NULL;
	op->held = NULL;
	op->error = 0;
	op->data = 0;
	op->len = 0;
	op->full_len = 0;
	op->state = OP_POSTED;
}

void match_begin(struct sess_op *op, struct sess_ep *ep)
{
	op->ep = ep;
	ep->busy++;
}

static void post(struct sess_op *op)
{
	index_receive_add(match_queue(op->rx, op->flags), op);
}

/* What is there already takes its parts, as far as they go. */
static void recv_multi(struct sess_rx *rx, struct sess_op *whole)
{
	struct sess_message *message;
	struct sess_op *part;

	post(whole);
	while (whole->state == OP_POSTED && (message = find_unexpected(rx, whole))) {
		part = multi_part(whole, message->ep, message->total);
		if (!part)
			return;
		take(message);
		deliver(part, message);
	}
	if (whole->state == OP_POSTED && rx->ended)
		end_posted(match_queue(rx, whole->flags), rx->ended);
}

static bool is_sound(const struct sess_op *op)
{
	const uint16_t probe = SESS_PEEK | SESS_CLAIM;

	if (op->iov_cnt > SESS_IOV_MAX || (op->flags & SESS_DISCARD && !(op->flags & probe)))
		return false;
	return !(op->flags & SESS_MULTI) ||
	       (op->iov_cnt == 1 && op->iov[0].len && !(op->flags & probe));
}

int sess_recv(struct sess_rx *rx, struct sess_op *op)
{
	struct sess_message *message;

	if (rx->closed || !is_sound(op))
		return -EINVAL;
	op->flags |= SESS_RECV;
	match_init(op, rx);
	if (op->flags & SESS_MULTI) {
		recv_multi(rx, op);
	} else if (op->flags & SESS_PEEK) {
		peek(rx, op);
	} else if (op->flags & SESS_CLAIM) {
		claim(rx, op);
	} else if ((message = find_unexpected(rx, op))) {
		match_begin(op, message->ep);
		take(message);
		deliver(op, message);
	} else if (rx->ended) {
		engine_op_done(op, rx->ended);
	} else {
		post(op);
	}
	return 0;
}

/* -- contexts ------------------------------------------------------------------------- */

void match_rx_init(struct sess_rx *rx, struct sess_engine *engine)
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
	match_rx_init(*rx, engine);
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
	end_posted(&rx->plain, error);
	end_posted(&rx->tagged, error);
}

void match_rx_fini(struct sess_rx *rx)
{
	index_fini(&rx->plain);
	index_fini(&rx->tagged);
}

void sess_rx_destroy(struct sess_rx *rx)
{
	match_rx_fini(rx);
	free(rx);
}

/* -- ends --------------------------------------------------------------------------- */

/* Those that share theirs go on. */
void sess_ep_end(struct sess_ep *ep, int error)
{
	struct sess_rx *own = &ep->own_rx;

	own->ended = error;
	end_posted(&own->plain, error);
	end_posted(&own->tagged, error);
}

/* What comes from here on meets the endpoint's own context, where nobody waits. */
void match_close(struct sess_ep *ep, int error)
{
	struct sess_message *message;

	sess_rx_close(&ep->own_rx, error);
	while ((message = TAILQ_FIRST(&ep->messages)))
		discard(message, WIRE_CLOSED);
	sess_ep_share_rx(ep, &ep->own_rx);
}

static void forget_loops(struct message_list *list, struct sess *sess, int error)
{
	struct sess_message *message, *next;

	TAILQ_EACH_SAFE(message, list, link, next) {
		if (!message->loop || message->loop->sess != sess)
			continue;
		take(message);
		engine_op_done(message->loop, error);
		match_drop(message);
	}
}

void match_forget_session(struct sess *sess, int error)
{
	struct sess_rx *rx = sess->ep->rx;

	if (!sess->is_self)
		return;
	forget_loops(&rx->plain.unexpected, sess, error);
	forget_loops(&rx->tagged.unexpected, sess, error);
	forget_loops(&rx->claimed, sess, error);
}

/* Receives posted for this peer and no other can never match. */
void match_fail_source(struct sess *sess, int error)
{
	struct sess_rx *rx = sess->ep->rx;
	struct match_queue *const queues[] = {&rx->plain, &rx->tagged};
	struct sess_op *op, *next;

	if (sess->source == SESS_SOURCE_ANY)
		return;
	for (unsigned i = 0; i < 2; i++) {
		TAILQ_EACH_SAFE(op, &queues[i]->posted, posted, next) {
			if (op->source != sess->source)
				continue;
			index_receive_remove(queues[i], op);
			engine_op_done(op, error);
		}
	}
}

void sess_set_source(struct sess *sess, uint64_t source)
{
	struct sess_message *message;

	sess->source = source;
	TAILQ_FOREACH (message, &sess->messages, sess_link) {
		if (message->claimed)
			message->source = source;
		else
			index_message_source(match_queue(sess->ep->rx, message->flags), message,
					     source);
	}
}

int sess_cancel(struct sess_op *op)
{
	struct sess *sess;

	switch ((enum op_state)op->state) {
	case OP_POSTED:
		match_unpost(op);
		engine_op_done(op, ECANCELED);
		return 0;
	case OP_QUEUED:
		if (op->xfer)
			return xfer_cancel(op);
		sess = op->sess;
		STAILQ_REMOVE(&sess->sends, op, sess_op, link);
		sess->pending--;
		engine_op_done(op, ECANCELED);
		session_progress_close(sess);
		return 0;
	case OP_MOVING:
		return op->flags & SESS_RECV ? -ENOENT : xfer_cancel(op);
	case OP_LOOPED:
		return self_cancel(op);
	case OP_IDLE:
	case OP_PACKED:
	case OP_DONE:
		break;
	}
	return -ENOENT;
}
