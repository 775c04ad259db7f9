/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a session sends next.  A small send is appended to the open packet at once, so
 * that its memory is free again; everything else waits in a queue until the core asks:
 * control first, then segments and sends in turn, as far as the credits of their class
 * allow.
 */
#include <errno.h>

#include "session/internal.h"

static void fail_send(struct sess *sess, struct sess_op *op, int error)
{
	STAILQ_REMOVE_HEAD(&sess->sends, link);
	sess->pending--;
	op_done(op, error);
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

	while ((op = STAILQ_FIRST(&sess->sends)) && record_room(sess, packet)) {
		if (!op->xfer && !prepare_send(sess, op)) {
			if (op == STAILQ_FIRST(&sess->sends))
				return; /* its memory is being registered */
			continue;
		}
		if (op->xfer && op->xfer->stage == XFER_REGISTERING)
			return;
		/* Taken out first: the record's list uses the same link. */
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		added = op->xfer && op->xfer->ops != &sess_inline_ops
				? record_add_start(sess, packet, op->xfer)
				: record_add_inline(sess, packet, op);
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
		if (record_add_segment(sess, packet, xfer))
			return;
	}
	add_sends(sess, packet);
	sess->bulk_turn = true;
	xfer = TAILQ_FIRST(&sess->bulk);
	if (xfer && !packet->record_cnt && sess->state < SESS_FAILED)
		record_add_segment(sess, packet, xfer);
}

/* Appends a small send to the open packet.  False: it has to queue. */
bool schedule_append(struct sess *sess, struct sess_op *op)
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
	return record_add_inline(sess, sess->packet, op);
}

/* -- what the core is given ------------------------------------------------------------- */

void schedule_ready(struct sess *sess)
{
	if (sess->state < SESS_FAILED && sess->path_up && sess->work_list != &sess->engine->blocked)
		engine_set_work(sess, &sess->engine->ready);
}

bool schedule_has_work(const struct sess *sess)
{
	return sess->packet || sess->refused || sess->hello_due || sess->bye_due ||
	       sess->credit.owed || !STAILQ_EMPTY(&sess->controls) || !STAILQ_EMPTY(&sess->sends) ||
	       !TAILQ_EMPTY(&sess->bulk);
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
	record_added(sess, packet, wire_put_bye(packet->bytes + packet->len, WIRE_ABORT));
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

	if (!sess->bye_due || record_room(sess, packet) < WIRE_BYE_LEN)
		return;
	/* Something came since: session_progress_close() says when it is over. */
	if (sess->pending || !STAILQ_EMPTY(&sess->controls)) {
		sess->bye_due = false;
		return;
	}
	TAILQ_EACH_SAFE (xfer, &sess->xfers, link, next)
		xfer_leave(xfer);
	record_added(sess, packet, wire_put_bye(packet->bytes + packet->len, 0));
	sess->bye_due = false;
	sess->bye_sent = true;
	sess->bye_seq = sess->credit.tx_next;
}

/*
 * The next packet for the core, or NULL.  Controls go first, then data, as
 * far as the credits of their class allow.  A packet that the core refused
 * is offered again as it is.
 */
struct sess_packet *schedule_next(struct sess *sess)
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
	control = !STAILQ_EMPTY(&sess->controls) || sess->bye_due || record_budget_due(sess, 2);
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
	record_add_controls(sess, packet);
	record_add_budget(sess, packet);
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
