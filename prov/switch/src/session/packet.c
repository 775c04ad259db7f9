/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Building packets.  A small send is appended to the session's open packet at
 * once, so that its memory is free again; everything else waits in a queue
 * until the core asks.  A packet gets its number, credit and header when it is
 * offered to the core.  Also here: learning when to hold sends back so that
 * they share a packet (docs/protocol.md, coalescing).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

/* A burst is so many sends between two calls for progress. */
#define BURST_SENDS 4
#define BURST_NEED_MAX 256

/* -- packets and control records ---------------------------------------------- */

static struct sess_packet *packet_alloc(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;
	struct sess_packet *packet = SLIST_FIRST(&engine->spare_packets);

	if (packet) {
		SLIST_REMOVE_HEAD(&engine->spare_packets, spare);
		engine->spare_packet_cnt--;
	} else {
		packet = malloc(sizeof(*packet) + engine->config.buffer_size);
		if (!packet)
			return NULL;
	}
	packet->io.kind = IO_PACKET;
	packet->io.sess = sess;
	STAILQ_INIT(&packet->ops);
	packet->xfer = NULL;
	packet->tail_cnt = 0;
	packet->tail_len = 0;
	packet->record_cnt = 0;
	packet->is_hello = false;
	packet->has_data = false;
	packet->must_leave = false;
	packet->len = WIRE_HEADER_LEN;
	return packet;
}

void packet_free(struct sess_engine *engine, struct sess_packet *packet)
{
	if (engine->spare_packet_cnt == SPARE_MAX) {
		free(packet);
		return;
	}
	SLIST_INSERT_HEAD(&engine->spare_packets, packet, spare);
	engine->spare_packet_cnt++;
}

/* It answers the peer: the others are for operations of our own. */
static bool is_answer(const struct sess_control *control)
{
	return control->type == WIRE_DONE || control->type == WIRE_GO ||
	       control->type == WIRE_SINK;
}

struct sess_control *packet_control(struct sess *sess, enum wire_type type, uint32_t id)
{
	struct sess_engine *engine = sess->engine;
	struct sess_control *control = STAILQ_FIRST(&engine->spare_controls);

	if (sess->bye_sent || sess->state >= SESS_FAILED)
		return NULL;
	if (control) {
		STAILQ_REMOVE_HEAD(&engine->spare_controls, link);
		engine->spare_control_cnt--;
	} else {
		control = malloc(sizeof(*control));
		if (!control) {
			session_fail(sess, ENOMEM, "no memory for a control record");
			return NULL;
		}
	}
	*control = (struct sess_control){.type = type, .id = id};
	STAILQ_INSERT_TAIL(&sess->controls, control, link);
	if (is_answer(control)) {
		sess->answer_cnt++;
		backlog_add(sess, sizeof(*control));
	}
	packet_ready(sess);
	return control;
}

void packet_op_done(struct sess *sess, struct sess_op *op, int error)
{
	sess->pending--;
	/* A receive has its data whatever becomes of the answer. */
	engine_op_done(op, op->flags & SESS_RECV ? op->error : error);
}

void packet_answer(struct sess *sess, uint32_t id, enum wire_status status, struct sess_op *op)
{
	struct sess_control *control = packet_control(sess, WIRE_DONE, id);

	if (control) {
		control->status = status;
		control->op = op;
	}
	if (op && control) {
		op->state = OP_PACKED;
		op->xfer = NULL;
		sess->pending++;
	} else if (op) {
		engine_op_done(op, op->error);
	}
}

/* Takes the first record of control out of the queue. */
void packet_control_remove(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;
	struct sess_control *control = STAILQ_FIRST(&sess->controls);

	STAILQ_REMOVE_HEAD(&sess->controls, link);
	if (is_answer(control)) {
		sess->answer_cnt--;
		backlog_remove(sess, sizeof(*control));
	}
	if (engine->spare_control_cnt == SPARE_MAX) {
		free(control);
		return;
	}
	STAILQ_INSERT_HEAD(&engine->spare_controls, control, link);
	engine->spare_control_cnt++;
}

void packet_ready(struct sess *sess)
{
	if (sess->state < SESS_FAILED && sess->path_up &&
	    sess->work_list != &sess->engine->blocked)
		engine_set_work(sess, &sess->engine->ready);
}

/* -- coalescing ------------------------------------------------------------------ */

void packet_learn(struct sess_engine *engine, uint64_t now)
{
	if (engine->holding && now - engine->now > HELD_TOO_LONG) {
		engine->burst_rounds = 0;
		if (engine->burst_need < BURST_NEED_MAX)
			engine->burst_need *= 2;
	} else if (engine->burst_sends >= BURST_SENDS) {
		engine->burst_rounds++;
	} else if (engine->burst_sends) {
		engine->burst_rounds = 0;
	}
	engine->burst_sends = 0;
	engine->holding = false;
	engine->now = now;
}

/* Whether this send waits for others: never the first since the application
 * asked for progress, unless it says that more follow. */
bool packet_hold(struct sess *sess, const struct sess_op *op)
{
	struct sess_engine *engine = sess->engine;
	bool first = !engine->burst_sends++;

	if (op->flags & SESS_MORE)
		return true;
	if (first || engine->burst_rounds < engine->burst_need)
		return false;
	engine->holding = true;
	return true;
}

/* -- records ---------------------------------------------------------------------- */

/* Bytes that still fit; none behind application memory. */
static size_t room(const struct sess *sess, const struct sess_packet *packet)
{
	return packet->tail_cnt || packet->record_cnt == UINT8_MAX ? 0 :
								     sess->packet_max - packet->len;
}

static void add_record(struct sess *sess, struct sess_packet *packet, size_t len)
{
	packet->len += (uint32_t)len;
	if (packet->record_cnt++)
		sess->stats.coalesced_records++;
	sess->stats.tx_records++;
}

/* Puts len bytes of the op's memory from offset behind the records: copied
 * while small or injected, else sent from where they are. */
static void add_payload(struct sess *sess, struct sess_packet *packet, const struct sess_op *op,
			uint64_t offset, size_t len)
{
	const struct sess_config *config = &sess->engine->config;
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
static bool add_inline(struct sess *sess, struct sess_packet *packet, struct sess_op *op)
{
	uint8_t flags = (uint8_t)inline_wire_flags(op->flags);
	size_t head = wire_inline_len(flags);

	if (head + op->len > room(sess, packet) || (op->xfer && packet->xfer))
		return false;
	wire_put_inline(packet->bytes + packet->len, flags, (uint16_t)op->len, op->tag, op->data,
			op->xfer ? op->xfer->id : 0);
	add_record(sess, packet, head);
	add_payload(sess, packet, op, 0, op->len);
	packet->has_data = true;
	count_sent(sess, SESS_INLINE, op->len);
	if (op->xfer) {
		op->state = OP_MOVING;
		op->xfer->stage = XFER_AWAITED;
		packet->xfer = op->xfer;
		op->xfer->io_out++;
	} else {
		op->state = OP_PACKED;
		STAILQ_INSERT_TAIL(&packet->ops, op, link);
	}
	packet->must_leave |= op->xfer || !(op->flags & SESS_INJECT);
	return true;
}

/*
 * How much of left bytes goes into a packet with room: as much as fits, but so
 * that the last packet is too long for the core to report it as sent before it
 * is.  May be 0: the next packet takes it all.
 */
static size_t leave_last(const struct sess *sess, uint64_t left, size_t with_room)
{
	uint64_t last = sess->engine->config.stage;

	if (left <= with_room)
		return (size_t)left;
	if (last + WIRE_HEADER_LEN + WIRE_SEGMENT_LEN > sess->packet_max ||
	    left - with_room >= last)
		return with_room;
	return left > last ? (size_t)(left - last) : 0;
}

static bool add_start(struct sess *sess, struct sess_packet *packet, struct sess_xfer *xfer)
{
	struct sess_op *op = xfer->op;
	uint8_t flags = (uint8_t)inline_wire_flags(op->flags);
	unsigned desc_cnt = xfer->ops->way == SESS_READ ? xfer->mem_cnt : 0;
	size_t key_len = desc_cnt ? xfer->own_key_len : 0;
	size_t head = wire_start_len(flags, desc_cnt, key_len), left = room(sess, packet);

	if (xfer->ops == &sess_copy_ops && !xfer->held && !packet->record_cnt)
		xfer->initial = leave_last(sess, xfer->total, left - head);
	/* A portion that fills a packet is worth one of its own. */
	if (head > left || (xfer->initial > left - head && packet->record_cnt) || packet->xfer)
		return false;
	if (xfer->initial > left - head)
		xfer->initial = left - head;
	if (xfer->held)
		flags |= WIRE_HELD;
	wire_put_start(packet->bytes + packet->len, flags, (uint16_t)xfer->initial, xfer->id,
		       xfer->total, op->tag, op->data, xfer->ops->way, xfer->own, desc_cnt,
		       key_len);
	add_record(sess, packet, head);
	add_payload(sess, packet, op, 0, xfer->initial);
	packet->xfer = xfer;
	packet->must_leave = true;
	xfer->io_out++;
	packet->has_data = true;
	op->state = OP_MOVING;
	count_sent(sess, xfer->ops->way, xfer->total);
	xfer->stage = XFER_OFFERED;
	xfer->ops->offered(xfer);
	return true;
}

static bool add_segment(struct sess *sess, struct sess_packet *packet, struct sess_xfer *xfer)
{
	size_t left = room(sess, packet);
	uint64_t len = xfer->want - xfer->issued;

	if (left < WIRE_SEGMENT_LEN + 1 || packet->xfer)
		return false;
	len = leave_last(sess, len, left - WIRE_SEGMENT_LEN);
	if (!len)
		return false;
	/* Do not shred what fits the next packet whole. */
	if (packet->record_cnt && len < xfer->want - xfer->issued && left < sess->packet_max / 2)
		return false;
	wire_put_segment(packet->bytes + packet->len, (uint16_t)len, xfer->id, xfer->issued);
	add_record(sess, packet, WIRE_SEGMENT_LEN);
	add_payload(sess, packet, xfer->op, xfer->initial + xfer->issued, len);
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

static void add_control(struct sess *sess, struct sess_packet *packet,
			const struct sess_control *control)
{
	uint8_t *at = packet->bytes + packet->len;
	size_t len;

	switch (control->type) {
	case WIRE_GO:
		len = wire_put_go(at, control->id, control->want);
		break;
	case WIRE_SINK:
		len = wire_put_sink(at, control->id, control->xfer->own, control->xfer->mem_cnt,
				    control->xfer->own_key_len);
		control->xfer->stage = XFER_SUNK; /* not before: WRITTEN ends it */
		break;
	default:
		len = wire_put_reply(at, control->type, control->status, control->id);
		if (control->op)
			STAILQ_INSERT_TAIL(&packet->ops, control->op, link);
		packet->must_leave |= control->op != NULL;
		break;
	}
	add_record(sess, packet, len);
}

static size_t control_len(const struct sess_control *control)
{
	switch (control->type) {
	case WIRE_GO:
		return WIRE_GO_LEN;
	case WIRE_SINK:
		return WIRE_SINK_LEN +
		       control->xfer->mem_cnt *
			       (WIRE_DESC_LEN + (size_t)control->xfer->own_key_len);
	default:
		return WIRE_REPLY_LEN;
	}
}

static void add_controls(struct sess *sess, struct sess_packet *packet)
{
	struct sess_control *control;

	while ((control = STAILQ_FIRST(&sess->controls)) &&
	       control_len(control) <= room(sess, packet)) {
		add_control(sess, packet, control);
		packet_control_remove(sess);
	}
}

/* How many of the peer's unmatched bytes found a receive: told when it is
 * half of what the peer may have out, or some and a packet goes anyway. */
static bool budget_due(const struct sess *sess, unsigned fraction)
{
	return sess->eager_freed - sess->eager_told >
		       sess->own_budget / fraction &&
	       !sess->bye_sent;
}

static void add_budget(struct sess *sess, struct sess_packet *packet)
{
	if (!budget_due(sess, 8) || room(sess, packet) < WIRE_BUDGET_LEN)
		return;
	add_record(sess, packet,
		   wire_put_budget(packet->bytes + packet->len, sess->eager_freed));
	sess->eager_told = sess->eager_freed;
}

/* -- sends ------------------------------------------------------------------------- */

static void fail_send(struct sess *sess, struct sess_op *op, int error)
{
	STAILQ_REMOVE_HEAD(&sess->sends, link);
	sess->pending--;
	engine_op_done(op, error);
	session_progress_close(sess);
}

/* Chooses the way of the first send in the queue.  False: it has to wait. */
static bool prepare_send(struct sess *sess, struct sess_op *op)
{
	const struct sess_way_ops *ops = select_way(sess, op->len);

	if (!ops && !(op->flags & SESS_DELIVERY))
		return true;
	op->xfer = xfer_create(sess, op, ops ? ops : &sess_inline_ops);
	if (!op->xfer) {
		fail_send(sess, op, ENOBUFS);
		return false;
	}
	return op->xfer->ops->offer(op->xfer);
}

static void add_sends(struct sess *sess, struct sess_packet *packet)
{
	struct sess_op *op;
	bool added;

	while ((op = STAILQ_FIRST(&sess->sends)) && room(sess, packet)) {
		if (!op->xfer && !prepare_send(sess, op)) {
			if (op == STAILQ_FIRST(&sess->sends))
				return; /* its memory is being registered */
			continue;
		}
		if (op->xfer && op->xfer->stage == XFER_REGISTERING)
			return;
		/* Taken out first: the record's list uses the same link. */
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		added = op->xfer && op->xfer->ops != &sess_inline_ops ?
				add_start(sess, packet, op->xfer) :
				add_inline(sess, packet, op);
		if (!added) {
			STAILQ_INSERT_HEAD(&sess->sends, op, link);
			return;
		}
	}
}

/* One segment, then the turn of the sends: nothing waits behind more.  A send
 * whose memory is being registered gives up its turn. */
static void add_data(struct sess *sess, struct sess_packet *packet)
{
	struct sess_xfer *xfer = TAILQ_FIRST(&sess->bulk);

	if (xfer && (sess->bulk_turn || STAILQ_EMPTY(&sess->sends))) {
		sess->bulk_turn = false;
		if (add_segment(sess, packet, xfer))
			return;
	}
	add_sends(sess, packet);
	sess->bulk_turn = true;
	xfer = TAILQ_FIRST(&sess->bulk);
	if (xfer && !packet->record_cnt && sess->state < SESS_FAILED)
		add_segment(sess, packet, xfer);
}

/* -- the open packet ------------------------------------------------------------------ */

/* Appends a small send to the open packet.  False: it has to queue. */
bool packet_append_now(struct sess *sess, struct sess_op *op)
{
	if (!sess->packet) {
		if (!credit_may_send(&sess->credit, CREDIT_DATA))
			return false;
		sess->packet = packet_alloc(sess);
		if (!sess->packet)
			return false;
	} else if (!sess->packet->has_data && !credit_may_send(&sess->credit, CREDIT_DATA)) {
		return false;
	}
	return add_inline(sess, sess->packet, op);
}

/* -- what the core is given ------------------------------------------------------------- */

bool packet_has_work(const struct sess *sess)
{
	return sess->packet || sess->refused || sess->hello_due || sess->bye_due ||
	       sess->credit.owed || !STAILQ_EMPTY(&sess->controls) ||
	       !STAILQ_EMPTY(&sess->sends) || !TAILQ_EMPTY(&sess->bulk);
}

/* Number, credit, header: nothing changes it any more. */
static struct sess_packet *packet_close(struct sess *sess, struct sess_packet *packet)
{
	struct wire_header header = {
		.session_id = sess->peer_id,
		.cookie = sess->peer_cookie,
		.seq = sess->credit.tx_next,
		.ack = sess->credit.rx_next,
		.record_cnt = packet->record_cnt,
		.flags = sess->ep->rx->full ? WIRE_FULL : 0,
	};

	sess->told_full = sess->ep->rx->full;
	backlog_grant(sess);
	header.window = credit_window(&sess->credit);
	backlog_promise(sess, header.window - credit_left(&sess->credit));
	wire_put_header(packet->bytes, &header);
	credit_sent(&sess->credit);
	sess->stats.tx_packets++;
	if (!packet->record_cnt)
		sess->stats.tx_credit_packets++;
	if (packet == sess->packet)
		sess->packet = NULL;
	return packet;
}

/* Nothing but an acknowledgement and credits. */
static struct sess_packet *grant(struct sess *sess)
{
	struct sess_packet *packet;

	if (!sess->credit.owed || !credit_may_send(&sess->credit, CREDIT_GRANT))
		return NULL;
	packet = packet_alloc(sess);
	if (!packet) {
		session_fail(sess, ENOMEM, "no memory for a packet");
		return NULL;
	}
	return packet_close(sess, packet);
}

static struct sess_packet *last_word(struct sess *sess)
{
	struct sess_packet *packet;

	if ((!sess->abort_due && !sess->refuse_due) || sess->refused)
		return NULL;
	packet = packet_alloc(sess);
	if (!packet)
		return NULL;
	if (sess->refuse_due) {
		hello_build(sess, packet);
		return packet;
	}
	sess->abort_due = false;
	if (!credit_may_send(&sess->credit, CREDIT_GRANT)) {
		packet_free(sess->engine, packet);
		return NULL;
	}
	add_record(sess, packet, wire_put_bye(packet->bytes + packet->len, WIRE_ABORT));
	return packet_close(sess, packet);
}

static struct sess_packet *say_hello(struct sess *sess)
{
	struct sess_packet *packet = packet_alloc(sess);

	if (!packet) {
		session_fail(sess, ENOMEM, "no memory for the hello");
		return NULL;
	}
	backlog_greet(sess);
	hello_build(sess, packet);
	return packet;
}

static void add_bye(struct sess *sess, struct sess_packet *packet)
{
	struct sess_xfer *xfer, *next;

	if (!sess->bye_due || room(sess, packet) < WIRE_BYE_LEN)
		return;
	/* Something came since: session_progress_close() says when it is over. */
	if (sess->pending || !STAILQ_EMPTY(&sess->controls)) {
		sess->bye_due = false;
		return;
	}
	TAILQ_EACH_SAFE(xfer, &sess->xfers, link, next)
		xfer_leave(xfer);
	add_record(sess, packet, wire_put_bye(packet->bytes + packet->len, 0));
	sess->bye_due = false;
	sess->bye_sent = true;
	sess->bye_seq = sess->credit.tx_next;
}

/*
 * The next packet for the core, or NULL.  Controls go first, then data, as
 * far as the credits of their class allow.  A packet that the core refused
 * is offered again as it is.
 */
struct sess_packet *packet_next(struct sess *sess)
{
	struct sess_credit *credit = &sess->credit;
	struct sess_packet *packet = sess->refused;
	bool data, control;

	if (sess->state >= SESS_FAILED)
		return last_word(sess);
	if (packet)
		return packet;
	if (sess->hello_due)
		return say_hello(sess);
	if (sess->state < SESS_OPEN || sess->out_cnt >= PACKETS_OUT_MAX)
		return NULL; /* packet_done() goes on */

	packet = sess->packet;
	data = (packet && packet->has_data) || !STAILQ_EMPTY(&sess->sends) ||
	       !TAILQ_EMPTY(&sess->bulk);
	control = !STAILQ_EMPTY(&sess->controls) || sess->bye_due || budget_due(sess, 2);
	if (data && !credit_may_send(credit, CREDIT_DATA) && !sess->stalled_on_credit) {
		sess->stalled_on_credit = true;
		sess->stats.credit_stalls++;
	}
	if (!(data && credit_may_send(credit, CREDIT_DATA)) &&
	    !(control && credit_may_send(credit, CREDIT_CONTROL)))
		return grant(sess);

	if (!packet)
		packet = packet_alloc(sess);
	if (!packet) {
		session_fail(sess, ENOMEM, "no memory for a packet");
		return NULL;
	}
	sess->packet = packet;
	add_controls(sess, packet);
	add_budget(sess, packet);
	if (credit_may_send(credit, CREDIT_DATA)) {
		sess->stalled_on_credit = false;
		add_data(sess, packet);
	}
	if (sess->state >= SESS_FAILED)
		return last_word(sess);
	add_bye(sess, packet);
	if (!packet->record_cnt) { /* all that is queued waits for memory */
		sess->packet = NULL;
		packet_free(sess->engine, packet);
		return grant(sess);
	}
	return packet_close(sess, packet);
}
