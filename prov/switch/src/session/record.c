/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Putting records into a packet: a whole message, an announcement, a segment, a
 * record of control.  Each says whether there was room.
 */
#include <string.h>

#include "session/internal.h"

/* Bytes that still fit; none behind application memory. */
size_t record_room(const struct sess_packet *packet)
{
	return packet->tail_cnt || packet->record_cnt == UINT8_MAX
		       ? 0
		       : packet->io.link->packet_max - packet->len;
}

void record_added(struct sess_packet *packet, size_t len)
{
	struct sess_stats *stats = &packet->io.link->sess->stats;

	packet->len += (uint32_t)len;
	if (packet->record_cnt++)
		stats->coalesced_records++;
	stats->tx_records++;
}

/* Puts len bytes of the op's memory from offset behind the records: copied
 * while small or injected, else sent from where they are. */
static void add_payload(struct sess_packet *packet, const struct sess_op *op, uint64_t offset,
			size_t len)
{
	const struct sess_core_config *config = &packet->io.link->core->config;
	struct sess_iov part[SESS_IOV_MAX];

	if (len > config->copy_max && !config->local_mem && !(op->flags & SESS_INJECT)) {
		unsigned part_cnt = iov_slice(op->iov, op->iov_cnt, offset, len, part);

		if (part_cnt < config->send_iov_limit) {
			memcpy(packet->tail, part, sizeof(part));
			packet->tail_cnt = (uint8_t)part_cnt;
			packet->tail_len = (uint32_t)len;
			return;
		}
	}
	iov_gather(op->iov, op->iov_cnt, offset, packet->bytes + packet->len, len);
	packet->len += (uint32_t)len;
}

static void count_sent(struct sess *sess, enum sess_way way, size_t len)
{
	sess->stats.tx_msgs[way]++;
	sess->stats.tx_bytes[way] += len;
}

/* A whole message in one record.  False: no room. */
static bool put_inline(struct sess_packet *packet, const struct sess_op *op, uint32_t id)
{
	uint8_t flags = (uint8_t)inline_wire_flags(op->flags);
	size_t head = wire_inline_len(flags);

	if (head + op->len > record_room(packet))
		return false;
	wire_put_inline(packet->bytes + packet->len, flags, (uint16_t)op->len, op->tag, op->data,
			id);
	record_added(packet, head);
	add_payload(packet, op, 0, op->len);
	packet->has_data = true;
	count_sent(packet->io.link->sess, SESS_INLINE, op->len);
	return true;
}

bool record_add_inline(struct sess_packet *packet, struct sess_op *op)
{
	if (!put_inline(packet, op, 0))
		return false;
	op->state = OP_PACKED;
	STAILQ_INSERT_TAIL(&packet->ops, op, link);
	packet->must_leave |= !(op->flags & SESS_INJECT);
	return true;
}

bool record_add_acked(struct sess_packet *packet, struct sess_xfer *xfer)
{
	if (packet->xfer || !put_inline(packet, xfer->op, xfer->id))
		return false;
	xfer->op->state = OP_MOVING;
	xfer->stage = XFER_AWAITED;
	xfer->io_out++;
	packet->xfer = xfer;
	packet->must_leave = true;
	return true;
}

/*
 * How much of left bytes goes into a packet with room: as much as fits, but so
 * that the last packet is too long for the core to report it as sent before it
 * is.  May be 0: the next packet takes it all.
 */
static size_t leave_last(const struct sess_link *link, uint64_t left, size_t with_room)
{
	uint64_t last = link->core->config.stage;

	if (left <= with_room)
		return (size_t)left;
	if (last + WIRE_HEADER_LEN + WIRE_SEGMENT_LEN > link->packet_max ||
	    left - with_room >= last)
		return with_room;
	return left > last ? (size_t)(left - last) : 0;
}

bool record_add_start(struct sess_packet *packet, struct sess_xfer *xfer)
{
	struct sess_op *op = xfer->op;
	uint8_t flags = (uint8_t)inline_wire_flags(op->flags);
	unsigned desc_cnt = xfer->ops->tells_memory ? xfer->mem_cnt : 0;
	size_t key_len = desc_cnt ? xfer->own_key_len : 0;
	size_t head = wire_start_len(flags, desc_cnt, key_len), left = record_room(packet);

	if (head > left || packet->xfer)
		return false;
	xfer->ops->offer(xfer);
	if (!xfer->ops->waits(xfer) && !packet->record_cnt)
		xfer->initial = leave_last(packet->io.link, xfer->total, left - head);
	/* A portion that fills a packet is worth one of its own. */
	if (xfer->initial > left - head && packet->record_cnt)
		return false;
	if (xfer->initial > left - head)
		xfer->initial = left - head;
	if (xfer->held)
		flags |= WIRE_HELD;
	wire_put_start(packet->bytes + packet->len, flags, (uint16_t)xfer->initial, xfer->id,
		       xfer->total, op->tag, op->data, xfer->ops->way, xfer->own, desc_cnt,
		       key_len);
	record_added(packet, head);
	add_payload(packet, op, 0, xfer->initial);
	packet->xfer = xfer;
	packet->must_leave = true;
	xfer->io_out++;
	packet->has_data = true;
	op->state = OP_MOVING;
	count_sent(packet->io.link->sess, xfer->ops->way, xfer->total);
	xfer->stage = XFER_OFFERED;
	xfer->ops->offered(xfer);
	return true;
}

bool record_add_segment(struct sess_packet *packet, struct sess_xfer *xfer)
{
	size_t left = record_room(packet);
	uint64_t len = xfer->want - xfer->issued;

	if (left < WIRE_SEGMENT_LEN + 1 || packet->xfer)
		return false;
	len = leave_last(packet->io.link, len, left - WIRE_SEGMENT_LEN);
	if (!len)
		return false;
	/* Do not split bytes that fit the next packet whole. */
	if (packet->record_cnt && len < xfer->want - xfer->issued &&
	    left < packet->io.link->packet_max / 2)
		return false;
	wire_put_segment(packet->bytes + packet->len, (uint16_t)len, xfer->id, xfer->issued);
	record_added(packet, WIRE_SEGMENT_LEN);
	add_payload(packet, xfer->op, xfer->initial + xfer->issued, len);
	packet->xfer = xfer;
	packet->must_leave = true;
	xfer->io_out++;
	packet->has_data = true;
	xfer->issued += len;
	if (xfer->issued == xfer->want)
		xfer->ops->issued(xfer);
	else
		xfer_queue(xfer, WORK_BULK); /* to the end: the others' turn */
	return true;
}

/* -- records of control --------------------------------------------------------------- */

static size_t go_len(const struct sess_control *control)
{
	(void)control;
	return WIRE_GO_LEN;
}

static size_t put_go(uint8_t *at, const struct sess_control *control)
{
	return wire_put_go(at, control->id, control->want);
}

static size_t sink_len(const struct sess_control *control)
{
	const struct sess_xfer *xfer = control->xfer;

	return WIRE_SINK_LEN + xfer->mem_cnt * (WIRE_DESC_LEN + (size_t)xfer->own_key_len);
}

static size_t put_sink(uint8_t *at, const struct sess_control *control)
{
	struct sess_xfer *xfer = control->xfer;

	xfer->stage = XFER_SUNK; /* not before: WRITTEN ends it */
	return wire_put_sink(at, control->id, xfer->own, xfer->mem_cnt, xfer->own_key_len);
}

static size_t reply_len(const struct sess_control *control)
{
	(void)control;
	return WIRE_REPLY_LEN;
}

static size_t put_reply(uint8_t *at, const struct sess_control *control)
{
	return wire_put_reply(at, control->type, control->status, control->id);
}

/* WRITTEN may leave ahead of the end of its writes only over their own link, where the core
 * keeps it behind them. */
static bool written_waits(const struct sess_control *control, const struct sess_link *link)
{
	const struct sess_xfer *xfer = table_find(&link->sess->engine->xfers, control->id);

	return xfer && xfer->link != link && xfer->stage == XFER_WRITING;
}

/* By type: the length of the record, the function that writes it, and whether it has to wait
 * before it goes over this link (NULL: never). */
static const struct {
	size_t (*len)(const struct sess_control *control);
	size_t (*put)(uint8_t *at, const struct sess_control *control);
	bool (*waits)(const struct sess_control *control, const struct sess_link *link);
} control_format[WIRE_TYPES] = {
	[WIRE_GO] = {go_len, put_go, NULL},
	[WIRE_SINK] = {sink_len, put_sink, NULL},
	[WIRE_WRITTEN] = {reply_len, put_reply, written_waits},
	[WIRE_DONE] = {reply_len, put_reply, NULL},
	[WIRE_CANCEL] = {reply_len, put_reply, NULL},
};

/* Whether the record fits the packet, and may leave in it. */
static bool takes_control(const struct sess_packet *packet, const struct sess_control *control)
{
	bool (*const waits)(const struct sess_control *control, const struct sess_link *link) =
		control_format[control->type].waits;

	return control_format[control->type].len(control) <= record_room(packet) &&
	       !(waits && waits(control, packet->io.link));
}

static void add_control(struct sess_packet *packet, const struct sess_control *control)
{
	record_added(packet,
		     control_format[control->type].put(packet->bytes + packet->len, control));
	if (control->op) {
		STAILQ_INSERT_TAIL(&packet->ops, control->op, link);
		packet->must_leave = true;
	}
}

void record_add_controls(struct sess_packet *packet)
{
	struct sess *sess = packet->io.link->sess;
	struct sess_control *control;

	while ((control = STAILQ_FIRST(&sess->controls)) && takes_control(packet, control)) {
		add_control(packet, control);
		control_remove(sess);
	}
}

/* The peer is told how many of its unmatched bytes found a receive when they are half of its
 * budget, or less where a packet leaves anyway. */
bool record_budget_due(const struct sess *sess, unsigned fraction)
{
	return sess->eager_freed - sess->eager_told > sess->own_budget / fraction &&
	       !(sess->bye & BYE_SENT);
}

void record_add_budget(struct sess_packet *packet)
{
	struct sess *sess = packet->io.link->sess;

	if (!record_budget_due(sess, 8) || record_room(packet) < WIRE_BUDGET_LEN)
		return;
	record_added(packet, wire_put_budget(packet->bytes + packet->len, sess->eager_freed));
	sess->eager_told = sess->eager_freed;
}
