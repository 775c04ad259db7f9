/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scheduling: which packet a session sends next.  A small send is appended to the open packet
 * at once, so that its memory is free again; everything else waits in a queue until the next
 * packet is built: control records first, then segments and sends in turn, as far as the
 * credits of their class allow.
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

void schedule_prepare_first(struct sess *sess)
{
	const struct sess_way_ops *ops;
	struct sess_op *op;

	while (sess->link && sess->state < SESS_FAILED && (op = STAILQ_FIRST(&sess->sends)) &&
	       !op->xfer) {
		ops = select_way(sess->link, op->len);
		if (!ops && !(op->flags & SESS_DELIVERY))
			return;
		op->xfer = xfer_create(sess->link, op, ops ? ops : &sess_inline_ops);
		if (op->xfer) {
			op->xfer->ops->prepare(op->xfer);
			return;
		}
		fail_send(sess, op, ENOBUFS);
	}
}

void schedule_withdraw(struct sess *sess)
{
	struct sess_op *op = STAILQ_FIRST(&sess->sends);
	struct sess_xfer *xfer = op ? op->xfer : NULL;

	if (!xfer)
		return;
	op->xfer = NULL;
	xfer->op = NULL; /* the peer has not heard of the transfer */
	xfer_finish(xfer, 0);
}

void schedule_heed_full(struct sess *sess)
{
	const struct sess_op *op = STAILQ_FIRST(&sess->sends);

	if (!op || !sess->link || !select_heeds_full(sess->link, op->len))
		return;
	schedule_withdraw(sess);
	schedule_prepare(sess);
}

static void add_sends(struct sess *sess, struct sess_packet *packet)
{
	struct sess_op *op;
	bool added;

	while ((op = STAILQ_FIRST(&sess->sends)) && record_room(packet)) {
		if (op->xfer && op->xfer->stage == XFER_REGISTERING)
			return;
		/* Taken out first: the record's list uses the same link. */
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		added = op->xfer ? op->xfer->ops->announce(packet, op->xfer)
				 : record_add_inline(packet, op);
		if (!added) {
			STAILQ_INSERT_HEAD(&sess->sends, op, link);
			return;
		}
		schedule_prepare(sess);
	}
}

/* Adds one segment, then sends, so that a send waits behind one segment at most.  A send
 * whose memory is being registered gives up its turn. */
static void add_data(struct sess_link *link, struct sess_packet *packet)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer = TAILQ_FIRST(&sess->bulk);

	if (xfer && (sess->bulk_turn || STAILQ_EMPTY(&sess->sends))) {
		sess->bulk_turn = false;
		if (record_add_segment(packet, xfer))
			return;
	}
	add_sends(sess, packet);
	sess->bulk_turn = true;
	xfer = TAILQ_FIRST(&sess->bulk);
	if (xfer && !packet->record_cnt)
		record_add_segment(packet, xfer);
}

/* -- the open packet ------------------------------------------------------------------ */

bool schedule_append(struct sess_link *link, struct sess_op *op)
{
	if (!link->packet) {
		if (!credit_may_send(&link->credit, CREDIT_DATA))
			return false;
		link->packet = packet_alloc(link);
		if (!link->packet)
			return false;
	} else if (!link->packet->has_data && !credit_may_send(&link->credit, CREDIT_DATA)) {
		return false;
	}
	return record_add_inline(link->packet, op);
}

/* -- packets for the core --------------------------------------------------------------- */

void schedule_ready(struct sess *sess)
{
	if (sess->link)
		sess_link_ready(sess->link);
}

bool schedule_has_work(const struct sess_link *link)
{
	const struct sess *sess = link->sess;

	if (link->packet || link->refused || link->due & LINK_HELLO || link->credit.owed)
		return true;
	return link == sess->link && (sess->bye & BYE_DUE || !STAILQ_EMPTY(&sess->controls) ||
				      !STAILQ_EMPTY(&sess->sends) || !TAILQ_EMPTY(&sess->bulk));
}

/* Nothing but an acknowledgement and credits. */
static struct sess_packet *grant(struct sess_link *link)
{
	struct sess_packet *packet;

	if (!link->credit.owed || !credit_may_send(&link->credit, CREDIT_GRANT))
		return NULL;
	packet = packet_alloc(link);
	if (!packet) {
		sess_link_fail(link, ENOMEM, "no memory for a packet");
		return NULL;
	}
	return packet_close(packet);
}

static struct sess_packet *last_word(struct sess_link *link)
{
	struct sess_packet *packet;

	if (!(link->due & (LINK_ABORT | LINK_REFUSE)) || link->refused)
		return NULL;
	packet = packet_alloc(link);
	if (!packet)
		return NULL;
	if (link->due & LINK_REFUSE) {
		hello_build(link, packet);
		return packet;
	}
	link->due &= (uint8_t)~LINK_ABORT;
	if (!credit_may_send(&link->credit, CREDIT_GRANT)) {
		packet_free(packet);
		return NULL;
	}
	record_added(packet, wire_put_bye(packet->bytes + packet->len, WIRE_ABORT));
	return packet_close(packet);
}

static struct sess_packet *say_hello(struct sess_link *link)
{
	struct sess_packet *packet = packet_alloc(link);

	if (!packet) {
		sess_link_fail(link, ENOMEM, "no memory for the hello");
		return NULL;
	}
	backlog_greet(link);
	hello_build(link, packet);
	return packet;
}

static void add_bye(struct sess *sess, struct sess_packet *packet)
{
	struct sess_xfer *xfer, *next;

	if (!(sess->bye & BYE_DUE) || record_room(packet) < WIRE_BYE_LEN)
		return;
	/* Something came since: session_progress_close() says when it is over. */
	if (sess->pending || !STAILQ_EMPTY(&sess->controls)) {
		sess->bye &= (uint8_t)~BYE_DUE;
		return;
	}
	TAILQ_EACH_SAFE (xfer, &sess->xfers, entry, next)
		xfer_leave(xfer);
	record_added(packet, wire_put_bye(packet->bytes + packet->len, 0));
	sess->bye = (uint8_t)((sess->bye & ~BYE_DUE) | BYE_SENT);
	sess->bye_seq = sess->numbers.tx_next;
}

/* Whether something waits that has the credits of its class. */
static bool may_send(struct sess_link *link)
{
	const struct sess_credit *credit = &link->credit;
	const struct sess *sess = link->sess;
	const bool data = (link->packet && link->packet->has_data) || !STAILQ_EMPTY(&sess->sends) ||
			  !TAILQ_EMPTY(&sess->bulk);
	const bool control =
		!STAILQ_EMPTY(&sess->controls) || sess->bye & BYE_DUE || record_budget_due(sess, 2);

	if (data && credit_may_send(credit, CREDIT_DATA))
		return true;
	if (data && !link->stalled_on_credit) {
		link->stalled_on_credit = true;
		link->sess->stats.credit_stalls++;
	}
	return control && credit_may_send(credit, CREDIT_CONTROL);
}

/* The next packet of records.  Controls go first, then data. */
static struct sess_packet *fill(struct sess_link *link)
{
	struct sess *sess = link->sess;
	struct sess_packet *packet = link->packet ? link->packet : packet_alloc(link);

	if (!packet) {
		sess_link_fail(link, ENOMEM, "no memory for a packet");
		return NULL;
	}
	link->packet = packet;
	if (!STAILQ_EMPTY(&sess->controls))
		record_add_controls(packet);
	record_add_budget(packet);
	if (credit_may_send(&link->credit, CREDIT_DATA)) {
		link->stalled_on_credit = false;
		add_data(link, packet);
	}
	add_bye(sess, packet);
	if (packet->record_cnt)
		return packet_close(packet);
	link->packet = NULL; /* all that is queued waits for memory, or for writes to end */
	packet_free(packet);
	return grant(link);
}

struct sess_packet *schedule_next(struct sess_link *link)
{
	if (link->state == LINK_DOWN)
		return last_word(link);
	if (link->refused)
		return link->refused;
	if (link->due & LINK_HELLO)
		return say_hello(link);
	if (link->state == LINK_OPENING || link->out_cnt >= PACKETS_OUT_MAX)
		return NULL; /* its end goes on */
	if (link != link->sess->link)
		return link->packet ? packet_close(link->packet) : grant(link);
	return may_send(link) ? fill(link) : grant(link);
}
