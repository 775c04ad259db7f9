/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The memory that peers can make an endpoint keep: its bounds hold whatever the peers
 * send and however many they are, and after sessions that left messages behind.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sess_fixture.h"

/* Forges a packet of a peer that has consumed every packet sent to it and gives at least
 * window credits. */
static void forge_giving(struct link_end *to, unsigned window, uint8_t record_cnt,
			 const void *records, size_t len)
{
	struct sess *sess = to->sess;
	const struct sess_credit *credit = &sess_link(sess)->credit;
	const int32_t left = credit_diff(credit->tx_limit, credit->numbers->tx_next);
	uint8_t *packet = malloc(WIRE_HEADER_LEN + len);
	const struct wire_header header = {
		.session_id = sess_link(sess)->id,
		.cookie = sess_link(sess)->cookie,
		.seq = credit->numbers->rx_next,
		.ack = credit->numbers->tx_next,
		.window = (uint16_t)(left > (int32_t)window ? left : (int32_t)window),
		.record_cnt = record_cnt,
	};

	cr_assert_not_null(packet);
	wire_put_header(packet, &header);
	memcpy(packet + WIRE_HEADER_LEN, records, len);
	sess_input(to->node->engine, packet, WIRE_HEADER_LEN + len);
	free(packet);
	if (to->sess)
		link_act(to->node);
}

/* Returns whether the peer may send data now, or may do so after the victim's application has
 * asked for progress in vain for a while. */
static bool may_send(const struct link_end *end)
{
	for (unsigned idle = 0; idle < 100; idle++) {
		if (!end->sess || end->sess->state != SESS_OPEN)
			return false;
		if (credit_left(&sess_link(end->sess)->credit) > (int32_t)CREDIT_DATA)
			return true;
		link_progress(end->node);
		while (link_step(end->node->link))
			;
	}
	return false;
}

static void expect_expelled(struct link_end *end, const char *reason)
{
	end->node->link->node[end->peer_idx]->silent = false;
	link_run(end->node->link);
	cr_assert(end->down);
	cr_assert_str_eq(end->reason, reason);
	cr_assert_eq(end->error, ENOBUFS);
}

/* Puts pairs of START and CANCEL; the victim owes a DONE for each pair.  Returns their length. */
static size_t put_canceled(uint8_t *records, unsigned cnt, uint32_t *id)
{
	size_t len = 0;

	for (unsigned i = 0; i < cnt; i++, ++*id) {
		len += wire_put_start(records + len, WIRE_HELD, 0, *id, 100000, 0, 0, SESS_COPY,
				      NULL, 0, 0);
		len += wire_put_reply(records + len, WIRE_CANCEL, WIRE_OK, *id);
	}
	return len;
}

/* A peer gives just enough credit for a grant and none for an answer. */
Test(backlog, answers_that_nobody_takes_are_bounded)
{
	static uint8_t records[4096];
	struct link_config config = link_config();
	struct duo duo = duo_of(config);
	const unsigned most = duo.a->engine->answers_max;
	uint32_t id = 0;
	size_t len;

	duo.a->silent = true;
	/* the victim uses up the credits that it had */
	while (credit_may_send(&sess_link(duo.ba->sess)->credit, CREDIT_CONTROL)) {
		len = put_canceled(records, 1, &id);
		forge_giving(duo.ba, 0, 2, records, len);
	}
	while (may_send(duo.ba)) {
		cr_assert_leq(duo.ba->sess->answer_cnt, most);
		cr_assert_leq(duo.ba->sess->kept,
			      most * sizeof(struct sess_control) + sizeof(struct sess_xfer));
		len = put_canceled(records, 100, &id);
		forge_giving(duo.ba, CREDIT_CONTROL, 200, records, len);
	}
	expect_expelled(duo.ba, "more answers waiting than a peer can cause that takes them");
	cr_assert_eq(duo.b->ep->rx->kept, 0);
	duo_close(&duo);
	link_leak_check();
}

/* A victim with four peers: an honest one, whose message waits for its receive, and three
 * that flood the victim. */
struct crowd {
	struct link *link;
	struct link_node *victim;
	struct link_end *honest; /* the end at the honest peer */
	struct link_end *at[3];	 /* the victim's ends of the flooding peers */
	struct link_op *waiting;
};

enum { HONEST_SIZE = 700, HONEST_TAG = 77 };

static struct crowd crowd_open(struct link_config config)
{
	struct crowd crowd = {.link = link_create(1)};
	struct link_node *node;

	crowd.victim = link_node(crowd.link, &config);
	node = link_node(crowd.link, &config);
	crowd.honest = link_connect(node, crowd.victim);
	link_run(crowd.link);
	crowd.waiting = send_flags(crowd.honest, HONEST_SIZE, 1, 5, SESS_TAGGED, HONEST_TAG);
	link_run(crowd.link);
	for (unsigned i = 0; i < 3; i++) {
		node = link_node(crowd.link, &config);
		link_connect(node, crowd.victim);
		link_run(crowd.link);
		crowd.at[i] = link_end(crowd.victim, node);
	}
	return crowd;
}

/* The engines of the flooding peers drop all packets; the test forges the packets that they
 * send. */
static void crowd_silence(struct crowd *crowd)
{
	for (unsigned i = 0; i < 3; i++)
		crowd->link->node[crowd->at[i]->peer_idx]->silent = true;
}

/* Receives the honest peer's message and checks that its session is intact. */
static void crowd_close(struct crowd *crowd)
{
	struct link_op *op = recv_flags(crowd->victim, HONEST_SIZE, 1, SESS_TAGGED, HONEST_TAG, 0);

	link_run(crowd->link);
	expect_received(op, HONEST_SIZE, 5);
	expect_sent(crowd->waiting);
	cr_assert(!crowd->honest->down);
	link_destroy(crowd->link);
	link_leak_check();
}

/* Each flooding peer in turn sends whole messages, which match no receive, as long as it may. */
static void flood(struct crowd *crowd, const void *record, size_t len)
{
	const uint64_t most = crowd->victim->engine->backlog_max;
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < 3; i++) {
			if (!may_send(crowd->at[i]))
				continue;
			any = true;
			forge_giving(crowd->at[i], 16, 1, record, len);
			cr_assert_leq(crowd->victim->ep->rx->kept, most);
		}
	}
}

static void expect_bounded(size_t payload_len)
{
	static uint8_t record[4000];
	struct link_config config = link_config();
	struct crowd crowd;
	size_t len;

	config.engine.unexpected_max = 100000;
	config.engine.throttle = UINT64_MAX; /* without it they would soon get no credits */
	crowd = crowd_open(config);
	crowd_silence(&crowd);
	len = wire_put_inline(record, 0, (uint16_t)payload_len, 0, 0, 0) + payload_len;
	flood(&crowd, record, len);
	for (unsigned i = 0; i < 3; i++)
		expect_expelled(crowd.at[i], "more unmatched messages than it was allowed");
	/* Their messages are freed as well, and other peers are not throttled for them. */
	cr_assert_lt(crowd.victim->ep->rx->kept, 10000u);
	cr_assert(!crowd.victim->ep->rx->full);
	crowd_close(&crowd);
}

Test(backlog, what_all_sessions_leave_is_bounded)
{
	expect_bounded(3000);
	expect_bounded(0);
}

/* A peer announces transfers of which it sends no segment and which match no receive. */
Test(backlog, transfers_that_never_end_are_bounded)
{
	static uint8_t records[4096];
	struct link_config config = link_config();
	struct crowd crowd;
	size_t len;

	config.engine.unexpected_max = 100000;
	config.engine.throttle = UINT64_MAX;
	crowd = crowd_open(config);
	crowd_silence(&crowd);
	for (uint32_t id = 0; may_send(crowd.at[0]);) {
		len = 0;
		for (unsigned i = 0; i < 150; i++)
			len += wire_put_start(records + len, 0, 0, id++, 1, 0, 0, SESS_COPY, NULL,
					      0, 0);
		forge_giving(crowd.at[0], 16, 150, records, len);
		cr_assert_leq(crowd.victim->ep->rx->kept, crowd.victim->engine->backlog_max);
	}
	expect_expelled(crowd.at[0], "more unmatched messages than it was allowed");
	crowd_close(&crowd);
}

/* -- unmatched messages of closed sessions ------------------------------------------ */

/* Opens a session to b, sends messages one after the other, and closes it; so many times. */
static void come_and_go(struct duo *duo, unsigned sessions, unsigned messages, size_t size)
{
	for (unsigned i = 0; i < sessions; i++) {
		struct link_end *end = link_connect(duo->a, duo->b);

		link_run(duo->link);
		for (unsigned k = 0; k < messages; k++) {
			struct link_op *sent = send_plain(end, size, i * messages + k);

			link_run(duo->link);
			expect_sent(sent);
		}
		sess_close(end->sess);
		link_run(duo->link);
		cr_assert(end->down);
		cr_assert_eq(end->error, 0);
	}
}

Test(backlog, what_a_closed_session_left_is_received)
{
	struct duo duo = duo_of(link_config());

	sess_close(duo.ab->sess);
	link_run(duo.link);
	come_and_go(&duo, 3, 4, 1000);
	cr_assert_gt(duo.b->ep->rx->orphaned, 12 * 1000u);
	cr_assert_eq(duo.b->ep->rx->orphaned, duo.b->ep->rx->kept);
	for (unsigned i = 0; i < 12; i++) {
		struct link_op *op = recv_plain(duo.b, 1000);

		link_act(duo.b);
		expect_received(op, 1000, i);
	}
	cr_assert_eq(duo.b->ep->rx->kept, 0);
	cr_assert_eq(duo.b->ep->rx->orphaned, 0);
	duo_close(&duo);
	link_leak_check();
}

Test(backlog, what_closed_sessions_left_fills_nobody_up_and_is_bounded)
{
	enum { SIZE = 20000, MESSAGES = 30 };
	struct link_config config = link_config();
	struct sess_stats stats;
	struct link_op *op;
	struct sess_rx *rx;
	struct duo duo;
	uint64_t most;
	unsigned sessions = 0;

	config.engine.unexpected_max = 16 << 20;
	config.engine.eager_budget = 1 << 20;
	duo = duo_of(config);
	sess_close(duo.ab->sess);
	link_run(duo.link);
	rx = duo.b->ep->rx;
	most = duo.b->engine->backlog_max;
	do {
		come_and_go(&duo, 1, MESSAGES, SIZE);
		cr_assert_leq(rx->kept, most);
		cr_assert(!rx->full, "those who are here can do nothing about it");
		cr_assert_lt(++sessions, 2000u, "there is no end to it");
		sess_ep_stats(duo.b->ep, &stats);
	} while (stats.dropped_msgs < 2);
	cr_assert_eq(stats.failures, 0);
	/* The oldest messages were dropped, and no more of them than necessary. */
	cr_assert_geq(rx->kept, most - 2 * SIZE);
	op = recv_plain(duo.b, SIZE);
	link_act(duo.b);
	expect_received(op, SIZE, (uint32_t)stats.dropped_msgs % MESSAGES);
	duo_close(&duo);
	link_leak_check();
}

Test(backlog, what_a_peer_left_that_broke_the_rules_goes_with_it)
{
	static uint8_t record[1000];
	struct duo duo = duo_of(link_config());
	size_t len = wire_put_inline(record, 0, 900, 0, 0, 0) + 900;

	for (unsigned i = 0; i < 10; i++)
		forge_giving(duo.ba, 16, 1, record, len);
	cr_assert_gt(duo.b->ep->rx->kept, 9000u);
	forge_giving(duo.ba, 16, 1, "\xff\0\0\0", 4);
	link_run(duo.link);
	cr_assert(duo.ba->down);
	cr_assert_eq(duo.ba->error, EPROTO);
	cr_assert_eq(duo.b->ep->rx->kept, 0);
	cr_assert_eq(duo.b->ep->stats.dropped_msgs, 10);
	duo_close(&duo);
	link_leak_check();
}

/* -- packets ----------------------------------------------------------------------- */

/* The core takes packets and completes none, because the peer does not read. */
Test(backlog, packets_that_the_core_has_are_bounded)
{
	static uint8_t record[64];
	struct link_config config = link_config();
	struct duo duo;
	size_t len;

	config.core.credits = 1000;
	config.engine.unexpected_max = 64 << 20;
	duo = duo_of(config);
	duo.link->habits.delay_max = 1000000000;
	duo.ab->node->asleep = true;
	for (uint32_t id = 0; id < 500; id++) {
		len = wire_put_start(record, WIRE_HELD, 0, id, 100000, 0, 0, SESS_COPY, NULL, 0, 0);
		len += wire_put_reply(record + len, WIRE_CANCEL, WIRE_OK, id);
		forge_giving(duo.ba, 900, 2, record, len);
		cr_assert_leq(sess_link(duo.ba->sess)->out_cnt, (unsigned)PACKETS_OUT_MAX);
	}
	cr_assert_eq(sess_link(duo.ba->sess)->out_cnt, (unsigned)PACKETS_OUT_MAX);
	cr_assert_gt(duo.ba->sess->answer_cnt, 0);
	duo.a->asleep = false;
	link_break(duo.ab);
	link_run(duo.link);
	duo_close(&duo);
	link_leak_check();
}

/* -- honest peers ------------------------------------------------------------------- */

/* The packets that peers may send before the receiver looks fit into the memory that it keeps
 * for them: no peer is expelled, however many they are. */
static void fan_in(enum sess_way way, size_t size, uint64_t unexpected_max)
{
	enum { PEERS = LINK_NODE_MAX - 1, EACH = 14 };
	struct link_op *sent[PEERS][EACH];
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_end *end[PEERS];
	struct link_node *victim;

	config.engine.unexpected_max = unexpected_max;
	config.engine.announced_max = (uint32_t)(unexpected_max / 2000);
	config.engine.throttle = 20000;
	config.engine.transfer = way;
	victim = link_node(link, &config);
	for (unsigned i = 0; i < PEERS; i++) {
		end[i] = link_connect(link_node(link, &config), victim);
		link_run(link);
	}
	victim->asleep = true;
	for (unsigned i = 0; i < PEERS; i++)
		for (unsigned k = 0; k < EACH; k++)
			sent[i][k] = send_plain(end[i], size, i * EACH + k);
	for (unsigned i = 0; i < PEERS; i++)
		link_progress(end[i]->node);
	while (link_step(link))
		;
	victim->asleep = false;
	link_run(link);
	cr_assert_leq(victim->ep->rx->kept, victim->engine->backlog_max);
	for (unsigned i = 0; i < PEERS * EACH; i++) {
		struct link_op *op = recv_plain(victim, size);

		link_run(link);
		cr_assert(!op->pending, "message %u does not come", i);
		cr_assert_eq(op->op.error, 0);
		cr_assert_eq(op->op.len, size);
		link_op_destroy(op);
	}
	for (unsigned i = 0; i < PEERS; i++) {
		cr_assert(!end[i]->down, "an honest peer was ended: %s", end[i]->reason);
		for (unsigned k = 0; k < EACH; k++)
			expect_sent(sent[i][k]);
	}
	cr_assert_eq(victim->ep->rx->kept, 0);
	link_destroy(link);
	link_leak_check();
}

Test(backlog, honest_peers_that_all_send_at_once_are_not_ended)
{
	fan_in(SESS_AUTO, 3800, 20000);
	fan_in(SESS_COPY, 20000, 200000);
}

/* The memory promised to a session (its credits and its eager budget) is released when it ends. */
Test(backlog, promises_end_with_their_sessions)
{
	struct duo duo = duo_of(link_config());
	struct sess_rx *rx = duo.b->ep->rx;

	cr_assert_eq(rx->promised,
		     credit_left(&duo.ba->link->credit) * (int64_t)duo.b->config.core.buffer_size);
	cr_assert_gt(rx->budgets, 0);
	link_break(duo.ab);
	link_run(duo.link);
	cr_assert_eq(rx->promised, 0);
	cr_assert_eq(rx->budgets, 0);
	duo_close(&duo);
}

/* A peer that sends data on the credits reserved for control records breaks the rules,
 * because such credits are replaced even while it is throttled. */
Test(backlog, data_on_credits_of_control_fail_the_session)
{
	static uint8_t record[4000];
	struct link_config config = link_config();
	size_t len = wire_put_inline(record, 0, 3000, 0, 0, 0) + 3000;
	unsigned cnt = 0;
	struct duo duo;

	config.engine.throttle = 3000;
	duo = duo_of(config);
	duo.a->silent = true;
	for (; duo.ba->sess && duo.ba->sess->state == SESS_OPEN; cnt++)
		forge_giving(duo.ba, 16, 1, record, len);
	cr_assert_leq(cnt, link_config().core.credits);
	duo.a->silent = false;
	link_run(duo.link);
	cr_assert_eq(duo.ba->error, EPROTO);
	cr_assert_str_eq(duo.ba->reason, "a record on credits that are kept for others");
	duo_close(&duo);
	link_leak_check();
}
