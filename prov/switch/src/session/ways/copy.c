/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Copy: the rest travels as segments in packets.  Within the budget for
 * unmatched data that the receiver gave they follow START at once, beyond it
 * they wait for GO.  The other ways fall back to it: GO may answer any
 * announcement.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

static bool usable(const struct sess_link *link)
{
	(void)link;
	return true;
}

/* -- sender ---------------------------------------------------------------------- */

static void prepare(struct sess_xfer *xfer)
{
	xfer->stage = XFER_READY;
}

static void offer(struct sess_xfer *xfer)
{
	const struct sess *sess = xfer->sess;

	xfer->held = sess->peer_full || xfer->total > sess->eager_budget ||
		     sess->eager_sent - sess->eager_released > sess->eager_budget - xfer->total;
	xfer->initial = sess->peer_full ? 0 : xfer->total;
}

static void moved(struct sess_xfer *xfer)
{
	if (xfer->ack)
		xfer->stage = XFER_AWAITED;
	else
		xfer_finish(xfer, 0);
}

static void send_rest(struct sess_xfer *xfer)
{
	xfer->stage = XFER_SENDING;
	if (xfer->mem_cnt)
		xfer_release(xfer); /* xfer_released() goes on */
	else if (xfer->issued < xfer->want)
		xfer_queue(xfer, WORK_BULK);
}

static void offered(struct sess_xfer *xfer)
{
	if (xfer->held)
		return;
	xfer->sess->eager_sent += xfer->total;
	xfer->want = xfer->total - xfer->initial;
	send_rest(xfer);
}

static void count_as_copied(struct sess_xfer *xfer)
{
	struct sess_stats *stats = &xfer->sess->stats;

	stats->tx_msgs[xfer->ops->way]--;
	stats->tx_bytes[xfer->ops->way] -= xfer->total;
	stats->tx_msgs[SESS_COPY]++;
	stats->tx_bytes[SESS_COPY] += xfer->total;
}

bool copy_go_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	if (!record->total || record->total > xfer->total - xfer->initial)
		return false;
	xfer->want = record->total;
	xfer->ack = xfer->op->flags & SESS_DELIVERY; /* a write was to hear of its end anyway */
	count_as_copied(xfer);
	xfer->ops = &sess_copy_ops;
	send_rest(xfer);
	return true;
}

bool copy_instead(struct sess_xfer *xfer)
{
	if (xfer->sess->engine->config.transfer != SESS_AUTO) {
		STAILQ_REMOVE(&xfer->sess->sends, xfer->op, sess_op, link);
		xfer->op->state = OP_MOVING;
		schedule_prepare(xfer->sess);
		schedule_ready(xfer->sess);
		xfer_finish(xfer, ENOBUFS);
		return false;
	}
	xfer->ops = &sess_copy_ops;
	prepare(xfer);
	if (xfer->mem_cnt)
		xfer_release(xfer);
	return true;
}

static void issued(struct sess_xfer *xfer)
{
	xfer_unqueue(xfer); /* when the last packet has left, moved() */
}

static bool waits(const struct sess_xfer *xfer)
{
	return xfer->held;
}

/* -- receiver --------------------------------------------------------------------- */

static bool check(struct sess_xfer *xfer, const struct wire_record *record)
{
	struct sess *sess = xfer->sess;

	if (record->desc_cnt)
		return false;
	if (xfer->held)
		return true;
	if (xfer->total > sess->own_budget - (sess->eager_came - sess->eager_freed))
		return false;
	sess->eager_came += xfer->total;
	xfer->expect = xfer->total - xfer->initial;
	return true;
}

static void finish_if_whole(struct sess_xfer *xfer)
{
	if (xfer->came < xfer->expect)
		return;
	xfer->answer = xfer->ack;
	xfer_finish(xfer, 0);
}

/* Copies the wanted part of a segment to the application, and drops the rest. */
static void take(struct sess_xfer *xfer, const uint8_t *from, uint64_t offset, uint64_t len)
{
	struct sess_op *op = xfer->op;

	if (offset >= xfer->want)
		return;
	if (len > xfer->want - offset)
		len = xfer->want - offset;
	xfer->moved += iov_scatter(op->iov, op->iov_cnt, xfer->initial + offset, from, len);
}

/* The sender is asked for the wanted bytes in segments. */
static void ask(struct sess_xfer *xfer)
{
	struct sess_control *control;

	xfer->ops = &sess_copy_ops;
	xfer->stage = XFER_GATHERING;
	xfer->expect = xfer->want;
	xfer_release(xfer);
	control = control_add(xfer->sess, WIRE_GO, xfer->id);
	if (control)
		control->want = xfer->want;
}

void copy_ask_instead(struct sess_xfer *xfer)
{
	if (xfer->sess->engine->config.transfer == xfer->ops->way) {
		xfer->answer = true;
		xfer->status = WIRE_FAILED;
		xfer_finish(xfer, ENOBUFS);
	} else {
		ask(xfer);
	}
}

static void matched(struct sess_xfer *xfer, const uint8_t *stored, size_t have)
{
	struct sess *sess = xfer->sess;

	if (xfer->held) {
		if (xfer->want) {
			ask(xfer);
		} else {
			xfer->answer = true;
			xfer_finish(xfer, 0);
		}
		return;
	}
	sess->eager_freed += xfer->total;
	schedule_ready(sess); /* the budget may be due */
	xfer->stage = XFER_GATHERING;
	take(xfer, stored + xfer->initial, 0, have - xfer->initial);
	finish_if_whole(xfer);
}

static bool segment_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	struct sess_message *message = xfer->message;

	if (record->offset != xfer->came || record->len > xfer->expect - xfer->came)
		return false;
	xfer->came += record->len;
	if (xfer->stage == XFER_UNMATCHED) {
		memcpy(message->bytes + message->have, record->payload, record->len);
		message->have += record->len;
	} else {
		take(xfer, record->payload, record->offset, record->len);
		finish_if_whole(xfer);
	}
	return true;
}

/* Segments that are under way find their transfer, and nobody wants them. */
static void leave(struct sess_xfer *xfer)
{
	if (xfer->came < xfer->expect) {
		xfer->stage = XFER_GATHERING;
		xfer->ack = false;
	} else {
		xfer_finish(xfer, 0);
	}
}

bool copy_budget_came(struct sess *sess, uint64_t released)
{
	if (released < sess->eager_released || released > sess->eager_sent)
		return false;
	sess->eager_released = released;
	return true;
}

static void registered(struct sess_xfer *xfer, int error)
{
	(void)xfer; /* copying registers nothing */
	(void)error;
}

const struct sess_way_ops sess_copy_ops = {
	.way = SESS_COPY,
	.name = "copy",
	.usable = usable,
	.prepare = prepare,
	.offer = offer,
	.announce = record_add_start,
	.offered = offered,
	.waits = waits,
	.check = check,
	.matched = matched,
	.registered = registered,
	.issued = issued,
	.moved = moved,
	.came =
		{
			[WIRE_GO] = copy_go_came,
			[WIRE_DONE] = reply_done_came,
			[WIRE_SEGMENT] = segment_came,
			[WIRE_CANCEL] = reply_cancel_came,
		},
	.leave = leave,
};
