/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet came in.  Everything that it claims is checked before a handler
 * runs: header, addressee, number, credits, and for each record its layout
 * (session/wire.c) and whether its type may come in this state (the table here).
 * A packet that breaks a rule fails its session and touches no other.
 */
#include <errno.h>

#include "session/internal.h"

static void budget_came(struct sess_link *link, const struct wire_record *record)
{
	if (!copy_budget_came(link->sess, record->total))
		session_expel(link->sess, EPROTO, "a budget that does not add up");
}

static void bye_came(struct sess_link *link, const struct wire_record *record)
{
	session_bye_came(link->sess, record->flags & WIRE_ABORT);
}

#define UP (1u << SESS_OPEN | 1u << SESS_CLOSING)

/* By type: the states in which it may come (never behind the peer's BYE), how many
 * credits its packet leaves unused, whether it is dropped behind our own BYE, its
 * handler. */
static const struct {
	uint8_t states;
	uint8_t class; /* enum credit_class */
	bool brings;   /* something new: after our BYE nobody takes it */
	void (*came)(struct sess_link *link, const struct wire_record *record);
} rules[WIRE_TYPES] = {
	[WIRE_INLINE] = {UP, CREDIT_DATA, true, inline_came},
	[WIRE_START] = {UP, CREDIT_DATA, true, incoming_start},
	[WIRE_SEGMENT] = {UP, CREDIT_DATA, false, reply_data_came},
	[WIRE_GO] = {UP, CREDIT_CONTROL, false, reply_came},
	[WIRE_SINK] = {UP, CREDIT_CONTROL, false, reply_came},
	[WIRE_WRITTEN] = {UP, CREDIT_CONTROL, false, reply_data_came},
	[WIRE_DONE] = {UP, CREDIT_CONTROL, false, reply_came},
	[WIRE_CANCEL] = {UP, CREDIT_CONTROL, false, reply_withdrawal_came},
	[WIRE_BUDGET] = {UP, CREDIT_CONTROL, false, budget_came},
	/* the last word of a session that failed takes the last credit */
	[WIRE_BYE] = {UP, CREDIT_GRANT, false, bye_came},
};

/* Before the hello there is nothing but it; it is alone in its packet. */
static void greet(struct sess_link *link, const struct wire_header *header, const uint8_t *p,
		  size_t len)
{
	struct wire_record record;

	if (header->record_cnt != 1 || wire_get_record(p, len, &record) != (long)len)
		sess_link_expel(link, EPROTO, "a first packet that is no hello");
	else if (record.type == WIRE_HELLO && (link->has & LINK_PATH || !link->is_opener))
		hello_came(link, &record);
	else if (record.type == WIRE_REFUSE && link->is_opener)
		hello_refused(link, &record);
	else
		sess_link_expel(link, EPROTO, "a first packet that is no hello");
}

static void read_records(struct sess_link *link, unsigned cnt, const uint8_t *p, size_t len)
{
	const int32_t left = credit_left(&link->credit);
	struct sess *sess = link->sess;
	struct wire_record record;

	for (; cnt; cnt--) {
		long used = wire_get_record(p, len, &record);

		if (used < 0) {
			session_expel(sess, EPROTO, "a malformed record");
			return;
		}
		if (!(rules[record.type].states & 1u << sess->state) || sess->bye & BYE_SEEN) {
			session_expel(sess, EPROTO, "a record that may not come now");
			return;
		}
		if (left < (int32_t)rules[record.type].class) {
			session_expel(sess, EPROTO, "a record on credits that are kept for others");
			return;
		}
		sess->stats.rx_records++;
		if (!(sess->bye & BYE_SENT) || !rules[record.type].brings)
			rules[record.type].came(link, &record);
		backlog_check(sess);
		p += used;
		len -= (size_t)used;
	}
	if (len)
		session_expel(sess, EPROTO, "bytes behind the last record");
}

static void take_header(struct sess_link *link, const struct wire_header *header)
{
	struct sess *sess = link->sess;

	if (!credit_received(&link->credit, header->seq, header->record_cnt)) {
		session_expel(sess, EPROTO, "a packet out of order or beyond its credits");
		return;
	}
	backlog_promise(link, -1);
	if (!credit_update(&link->credit, header->ack, header->window)) {
		session_expel(sess, EPROTO, "credits that do not add up");
		return;
	}
	if (sess->peer_full != (bool)(header->flags & WIRE_FULL)) {
		sess->peer_full = !sess->peer_full;
		schedule_heed_full(sess);
	}
}

void sess_input(struct sess_engine *engine, const void *packet, size_t len)
{
	const uint8_t *p = packet;
	struct wire_header header;
	struct sess_link *link;
	struct sess *sess;

	if (wire_get_header(p, len, &header))
		return; /* it names nobody */
	link = table_find(&engine->links, header.session_id);
	if (!link || link->cookie != header.cookie || link->state == LINK_DOWN ||
	    link->sess->is_self)
		return; /* late, or a guess */
	sess = link->sess;
	sess->stats.rx_packets++;
	if (header.flags & ~WIRE_PACKET_FLAGS) {
		sess_link_expel(link, EPROTO, "reserved flags of a packet");
		engine_settle(engine);
		return;
	}
	if (!(link->has & LINK_GREETED)) {
		greet(link, &header, p + WIRE_HEADER_LEN, len - WIRE_HEADER_LEN);
		engine_settle(engine);
		return;
	}
	if (!header.record_cnt)
		sess->stats.rx_credit_packets++;
	take_header(link, &header);
	read_records(link, header.record_cnt, p + WIRE_HEADER_LEN, len - WIRE_HEADER_LEN);
	if (sess->state == SESS_CLOSING)
		session_progress_close(sess);
	if (!link->work_list && schedule_has_work(link))
		sess_link_ready(link);
	engine_settle(engine);
}
