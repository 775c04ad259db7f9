/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching: receives that wait for messages and messages that wait for receives, each
 * in the order in which they came.
 */
#include <errno.h>

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

/* The first receive that takes such a message, unlinked, or its next slot; or
 * NULL.  Untagged receives have tag and ignore 0, as untagged messages have. */
struct sess_op *match_posted(struct sess_ep *ep, uint16_t flags, uint64_t tag, uint64_t source,
			     uint64_t len)
{
	const struct match_queue *queue = match_queue(ep->rx, flags);
	struct sess_op *op, *slot;

	while ((op = index_receive_find(queue, ep->rx, tag, source))) {
		if (op->flags & SESS_MULTI) {
			slot = multi_slot(op, ep, len);
			if (slot)
				return slot;
			continue; /* it has ended */
		}
		match_unpost(op);
		match_begin(op, ep);
		return op;
	}
	return NULL;
}

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
	message->kind->deliver(op, message);
	message_free(message);
}

/* Nobody will receive the message: thrown away by the application (OK), or
 * its endpoint is closed. */
void match_discard(struct sess_message *message, enum wire_status status)
{
	message_take(message);
	if (message->sess)
		backlog_taken(message->sess);
	message->kind->discard(message, status);
	message_free(message);
}

static struct sess_message *find_unexpected(struct sess_rx *rx, const struct sess_op *op)
{
	return index_message_find(match_queue(rx, op->flags), op);
}

static struct sess_message *find_claimed(struct sess_rx *rx, const struct sess_op *op)
{
	struct sess_message *message;

	TAILQ_FOREACH (message, &rx->claimed, link)
		if (message->claim == op->claim)
			return message;
	return NULL;
}

/* fi_tagged(3): look at the first match, perhaps keep it or throw it away. */
static void peek(struct sess_rx *rx, struct sess_op *op)
{
	struct sess_message *message = find_unexpected(rx, op);

	if (!message) {
		op_done(op, ENOMSG);
		return;
	}
	match_begin(op, message->ep);
	match_describe(op, message);
	op->len = message->total;
	if (op->flags & SESS_DISCARD) {
		match_discard(message, WIRE_OK);
	} else if (op->flags & SESS_CLAIM) {
		message_take(message);
		message->claim = op->claim;
		message->claimed = true;
		TAILQ_INSERT_TAIL(&rx->claimed, message, link);
	}
	op_done(op, 0);
}

static void claim(struct sess_rx *rx, struct sess_op *op)
{
	struct sess_message *message = find_claimed(rx, op);

	if (!message) {
		op_done(op, ENOMSG);
		return;
	}
	match_begin(op, message->ep);
	if (op->flags & SESS_DISCARD) {
		match_describe(op, message);
		match_discard(message, WIRE_OK);
		op_done(op, 0);
	} else {
		message_take(message);
		deliver(op, message);
	}
}

void match_end_posted(struct match_queue *queue, int error)
{
	struct sess_op *op;

	while ((op = TAILQ_FIRST(&queue->posted))) {
		index_receive_remove(queue, op);
		op_done(op, error);
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

/* Messages that are there already are given slots as long as memory is left. */
static void recv_multi(struct sess_rx *rx, struct sess_op *buffer)
{
	struct sess_message *message;
	struct sess_op *slot;

	post(buffer);
	while (buffer->state == OP_POSTED && (message = find_unexpected(rx, buffer))) {
		slot = multi_slot(buffer, message->ep, message->total);
		if (!slot)
			return;
		message_take(message);
		deliver(slot, message);
	}
	if (buffer->state == OP_POSTED && rx->ended)
		match_end_posted(match_queue(rx, buffer->flags), rx->ended);
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
		message_take(message);
		deliver(op, message);
	} else if (rx->ended) {
		op_done(op, rx->ended);
	} else {
		post(op);
	}
	engine_settle(rx->engine); /* there may have been no memory for an answer */
	return 0;
}
