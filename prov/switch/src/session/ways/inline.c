/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inline: a whole message in one record of one packet.  The sender's half is
 * in the packet builder; with delivery asked for, a transfer of this way waits
 * for the peer's DONE.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

_Static_assert(SESS_TAGGED == (int)WIRE_TAGGED && SESS_DATA == (int)WIRE_DATA,
	       "operations and records share these flags");

uint16_t inline_wire_flags(uint16_t op_flags)
{
	return (uint16_t)((op_flags & (SESS_TAGGED | SESS_DATA)) |
			  (op_flags & SESS_DELIVERY ? WIRE_ACK : 0));
}

static void receive(struct sess_op *op, const void *payload, size_t len)
{
	op->len = iov_scatter(op->iov, op->iov_cnt, 0, payload, len);
	op->full_len = len;
	op->error = op->len < len ? EMSGSIZE : 0;
}

/* -- stored messages --------------------------------------------------------------- */

static void deliver(struct sess_op *op, struct sess_message *message)
{
	receive(op, message->bytes, message->have);
	op_done(op, op->error);
}

static void discard(struct sess_message *message, enum wire_status status)
{
	(void)message; /* nobody waits for it */
	(void)status;
}

static void orphan(struct sess_message *message, int error)
{
	(void)message; /* it can still be received */
	(void)error;
}

const struct message_kind message_stored = {deliver, discard, orphan};

static void deliver_acked(struct sess_op *op, struct sess_message *message)
{
	struct sess_xfer *xfer = message->xfer;

	receive(op, message->bytes, message->have);
	control_answer(xfer->sess, xfer->id, WIRE_OK, op);
	xfer->message = NULL;
	xfer_finish(xfer, 0);
}

static void discard_acked(struct sess_message *message, enum wire_status status)
{
	struct sess_xfer *xfer = message->xfer;

	xfer->status = status;
	xfer->message = NULL;
	xfer->answer = true;
	xfer_finish(xfer, 0);
}

static void orphan_acked(struct sess_message *message, int error)
{
	(void)error;
	message->xfer->message = NULL;
	message->xfer = NULL;
	message->kind = &message_stored;
}

const struct message_kind message_acked = {deliver_acked, discard_acked, orphan_acked};

/* -- receiving --------------------------------------------------------------------- */

static void store(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_message *message =
		message_create(sess, record->flags, record->tag, record->len);

	sess->stats.unexpected_msgs++;
	if (message && record->flags & WIRE_ACK) {
		message->xfer = xfer_create(link, NULL, &sess_inline_ops);
		if (message->xfer) {
			message->kind = &message_acked;
			message->xfer->incoming = true;
			message->xfer->id = record->id;
			message->xfer->ack = true;
			message->xfer->stage = XFER_UNMATCHED;
			message->xfer->message = message;
			xfer_count(message->xfer);
		}
	}
	if (!message || (record->flags & WIRE_ACK && !message->xfer)) {
		if (message)
			message_forget(message);
		session_fail(sess, ENOMEM, "no memory for an unexpected message");
		return;
	}
	message->data = record->data;
	message->total = record->len;
	message->have = record->len;
	memcpy(message->bytes, record->payload, record->len);
}

/* A side that closes keeps messages whose senders want no answer, for receives that are
 * still to come; an endpoint that is closed has no use for those either. */
static bool turned_down(struct sess *sess, const struct wire_record *record)
{
	struct sess_control *done;

	if (sess->state != SESS_CLOSING || !(record->flags & WIRE_ACK))
		return sess->ep->closed;
	done = control_add(sess, WIRE_DONE, record->id);
	if (done)
		done->status = WIRE_CLOSED;
	return true;
}

void inline_came(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_op *op =
		match_posted(sess->ep, record->flags, record->tag, sess->source, record->len);

	sess->stats.rx_msgs[SESS_INLINE]++;
	sess->stats.rx_bytes[SESS_INLINE] += record->len;
	if (!op) {
		if (!turned_down(sess, record))
			store(link, record);
		return;
	}
	op->flags = (uint16_t)((op->flags & ~SESS_DATA) | (record->flags & WIRE_DATA));
	op->tag = record->tag;
	op->data = record->data;
	op->source = sess->source;
	receive(op, record->payload, record->len);
	if (record->flags & WIRE_ACK)
		control_answer(sess, record->id, WIRE_OK, op);
	else
		op_done(op, op->error);
}

static bool usable(const struct sess_link *link)
{
	(void)link;
	return true;
}

static void prepare(struct sess_xfer *xfer)
{
	xfer->stage = XFER_READY;
}

/* The whole message is in the packet. */
static bool waits(const struct sess_xfer *xfer)
{
	(void)xfer;
	return false;
}

const struct sess_way_ops sess_inline_ops = {
	.way = SESS_INLINE,
	.name = "inline",
	.usable = usable,
	.prepare = prepare,
	.announce = record_add_acked,
	.waits = waits,
	.came = {[WIRE_DONE] = reply_done_came},
	.leave = xfer_end,
};
