/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Transfers of the peer: announced, and matched with a receive, stored, turned down or
 * thrown away.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

static bool sum_descs(const struct sess_xfer *xfer, uint64_t *sum)
{
	*sum = 0;
	for (unsigned i = 0; i < xfer->desc_cnt; i++) {
		const struct wire_desc *desc = &xfer->desc[i];

		if (!desc->len || desc->len > UINT64_MAX - *sum ||
		    desc->addr > UINT64_MAX - desc->len)
			return false;
		*sum += desc->len;
	}
	return true;
}

/* Takes the peer's descriptors.  False: they are not len bytes in all, or their
 * keys are longer than we said we can use. */
bool xfer_take_descs(struct sess_xfer *xfer, const struct wire_record *record, uint64_t len)
{
	uint64_t sum;

	if (record->key_len > xfer->core->config.key_len)
		return false;
	xfer->desc_cnt = record->desc_cnt;
	xfer->key_len = record->key_len;
	for (unsigned i = 0; i < record->desc_cnt; i++)
		wire_get_desc(record, i, &xfer->desc[i]);
	return sum_descs(xfer, &sum) && sum == len;
}

/* A receive was found (or op is NULL: nobody wants it). */
void incoming_match(struct sess_xfer *xfer, struct sess_op *op, const uint8_t *stored, size_t have)
{
	uint64_t rest = xfer->total - xfer->initial;
	size_t space = op ? iov_len(op->iov, op->iov_cnt) : 0;

	xfer->message = NULL;
	xfer->op = op;
	xfer->want = space > xfer->initial ? space - xfer->initial : 0;
	if (xfer->want > rest)
		xfer->want = rest;
	if (op) {
		xfer_uncount(xfer);
		op->xfer = xfer;
		op->state = OP_MOVING;
		xfer->sess->pending++;
		xfer->delivered = iov_scatter(op->iov, op->iov_cnt, 0, stored, xfer->initial);
	}
	xfer->ops->matched(xfer, stored, have);
}

/* -- messages that a START announced ------------------------------------------------ */

static void deliver(struct sess_op *op, struct sess_message *message)
{
	incoming_match(message->xfer, op, message->bytes, message->have);
}

static void discard(struct sess_message *message, enum wire_status status)
{
	message->xfer->status = status;
	incoming_match(message->xfer, NULL, message->bytes, message->have);
}

/* One that is here as a whole was received, as far as the peer is concerned; any other
 * never was. */
static void orphan(struct sess_message *message, int error)
{
	struct sess_xfer *xfer = message->xfer;
	struct sess_stats *stats = &xfer->sess->stats;

	(void)error;
	xfer->message = NULL;
	message->xfer = NULL;
	message->kind = &message_stored;
	if (message->have < message->total) {
		message_forget(message);
	} else {
		stats->rx_msgs[xfer->ops->way]++;
		stats->rx_bytes[xfer->ops->way] += xfer->total;
	}
}

const struct message_kind message_started = {deliver, discard, orphan};

static void store(struct sess_xfer *xfer, const struct wire_record *record)
{
	struct sess *sess = xfer->sess;
	bool whole = !xfer->ops->waits(xfer);
	struct sess_message *message = message_create(sess, record->flags, record->tag,
						      whole ? (size_t)xfer->total : record->len);

	if (!message) {
		session_fail(sess, ENOMEM, "no memory for an unexpected message");
		return;
	}
	sess->stats.unexpected_msgs++;
	message->data = record->data;
	message->total = record->total;
	message->have = record->len;
	message->kind = &message_started;
	message->xfer = xfer;
	memcpy(message->bytes, record->payload, record->len);
	xfer->message = message;
	xfer->stage = XFER_UNMATCHED;
}

static void turn_down(struct sess_xfer *xfer, const uint8_t *payload, size_t len)
{
	xfer->status = WIRE_CLOSED;
	incoming_match(xfer, NULL, payload, len);
}

/* We close: an unmatched message whose sender waits for our answer is turned
 * down, or both sides would wait for each other. */
void incoming_turn_down(struct sess_xfer *xfer)
{
	struct sess_message *message = xfer->message;

	if (!message || !(xfer->ack || xfer->ops->waits(xfer)))
		return;
	message->kind->discard(message, WIRE_CLOSED);
	message_forget(message);
}

/* Makes the receiver's half of a transfer.  NULL: the session failed. */
static struct sess_xfer *incoming_create(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_engine *engine = sess->engine;
	struct sess_xfer *xfer, *twin;
	struct xfer_key key;

	memset(&key, 0, sizeof(key));
	key.sess = sess;
	key.id = record->id;
	HASH_FIND(hh, engine->incoming, &key, sizeof(key), twin);
	if (twin) {
		session_expel(sess, EPROTO, "two transfers with one id");
		return NULL;
	}
	xfer = xfer_create(link, NULL, select_ops((enum sess_way)record->way));
	if (!xfer) {
		session_fail(sess, ENOMEM, "no memory for a transfer");
		return NULL;
	}
	xfer->incoming = true;
	xfer->id = record->id;
	xfer->key = key;
	xfer->total = record->total;
	xfer->initial = record->len;
	xfer->held = record->flags & WIRE_HELD;
	xfer->ack = record->flags & WIRE_ACK;
	xfer->stage = XFER_UNMATCHED;
	xfer_count(xfer);
	HASH_ADD(hh, engine->incoming, key, sizeof(xfer->key), xfer);
	if (!xfer->hh.tbl) {
		session_fail(sess, ENOMEM, "no memory for a transfer");
		return NULL;
	}
	return xfer;
}

void incoming_start(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer = incoming_create(link, record);
	struct sess_op *op;

	if (!xfer)
		return;
	if (!xfer->ops->check(xfer, record)) {
		session_expel(sess, EPROTO, "a START that contradicts itself");
		return;
	}
	op = match_posted(sess->ep, record->flags, record->tag, sess->source, record->total);
	if (!op) {
		if (sess->state == SESS_CLOSING)
			turn_down(xfer, record->payload, record->len);
		else
			store(xfer, record);
		return;
	}
	op->flags = (uint16_t)((op->flags & ~SESS_DATA) | (record->flags & WIRE_DATA));
	op->tag = record->tag;
	op->data = record->data;
	op->source = sess->source;
	incoming_match(xfer, op, record->payload, record->len);
}
