/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets: when sends leave and when they share a packet, how bursts change that, how many
 * packets credits and grants cost, and that nothing starves with small windows.
 */
#include "lib/sess_fixture.h"

/* -- coalescing ----------------------------------------------------------------- */

static uint64_t packets_of(const struct duo *duo)
{
	return stats_of(duo->ab).tx_packets;
}

Test(packet, a_lone_send_leaves_at_once)
{
	struct duo duo = duo_of(link_config());
	uint64_t before = packets_of(&duo);
	struct link_op *op = send_plain(duo.ab, 8, 1);

	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before + 1);
	link_run(duo.link);
	expect_sent(op);
	duo_close(&duo);
}

Test(packet, sends_before_the_core_asks_share_a_packet)
{
	struct duo duo = duo_of(link_config());
	uint64_t before = packets_of(&duo);
	struct link_op *op[10];

	for (unsigned i = 0; i < 10; i++)
		op[i] = send_plain(duo.ab, 8, i);
	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before + 1);
	cr_assert_eq(stats_of(duo.ab).coalesced_records, 9);
	link_run(duo.link);
	for (unsigned i = 0; i < 10; i++)
		expect_sent(op[i]);
	duo_close(&duo);
}

Test(packet, more_holds_until_progress_or_flush)
{
	struct duo duo = duo_of(link_config());
	uint64_t before = packets_of(&duo);
	struct link_op *op[3];

	op[0] = send_flags(duo.ab, 8, 1, 1, SESS_MORE, 0);
	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before);
	op[1] = send_plain(duo.ab, 8, 2);
	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before + 1, "a send without MORE takes it along");
	op[2] = send_flags(duo.ab, 8, 1, 3, SESS_MORE, 0);
	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before + 1);
	sess_flush(duo.a->engine);
	link_act(duo.a);
	cr_assert_eq(packets_of(&duo), before + 2);
	link_run(duo.link);
	for (unsigned i = 0; i < 3; i++)
		expect_sent(op[i]);
	op[0] = send_flags(duo.ab, 8, 1, 1, SESS_MORE, 0);
	link_progress(duo.a);
	cr_assert_eq(packets_of(&duo), before + 3);
	link_run(duo.link);
	expect_sent(op[0]);
	duo_close(&duo);
}

/* Sends are held back until a packet is full; then it leaves. */
Test(packet, a_full_packet_does_not_wait)
{
	struct duo duo = duo_of(link_config());
	uint64_t before = packets_of(&duo);
	struct link_op *op[10];

	for (unsigned i = 0; i < 10; i++) {
		op[i] = send_flags(duo.ab, 500, 1, i, SESS_MORE, 0);
		link_act(duo.a);
	}
	cr_assert_eq(packets_of(&duo), before + 2, "the ninth did not fit");
	link_run(duo.link);
	for (unsigned i = 0; i < 10; i++)
		expect_sent(op[i]);
	duo_close(&duo);
}

/* A round of sends, each offered to the core at once, then progress.  Returns the number of
 * packets that left before progress. */
static uint64_t burst(struct duo *duo, unsigned sends)
{
	struct link_op *op[16];
	uint64_t before = packets_of(duo), left;

	for (unsigned i = 0; i < sends; i++) {
		op[i] = send_plain(duo->ab, 8, i);
		link_act(duo->a);
	}
	left = packets_of(duo) - before;
	duo->link->now += 1000;
	link_run(duo->link);
	for (unsigned i = 0; i < sends; i++)
		expect_sent(op[i]);
	return left;
}

Test(packet, bursts_are_learned_and_unlearned)
{
	struct link_config config = link_config();
	struct duo duo;

	config.core.credits = 64;
	duo = duo_of(config);
	cr_assert_eq(burst(&duo, 8), 8, "nothing is known yet");
	cr_assert_eq(burst(&duo, 8), 8);
	cr_assert_eq(burst(&duo, 8), 1, "the first leaves, the rest waits");
	cr_assert_eq(burst(&duo, 8), 1);
	cr_assert_eq(burst(&duo, 1), 1, "a lone send never waits");
	cr_assert_eq(burst(&duo, 8), 8, "and unlearns");
	duo_close(&duo);
}

/* If an application posts and then computes without asking for progress, its sends are held
 * back once, and then not again for a time that grows. */
Test(packet, late_progress_unlearns)
{
	struct link_config config = link_config();
	struct duo duo;
	struct link_op *op[8];
	unsigned rounds = 0;

	config.core.credits = 64;
	duo = duo_of(config);
	burst(&duo, 8);
	burst(&duo, 8);
	for (unsigned i = 0; i < 8; i++) {
		op[i] = send_plain(duo.ab, 8, i);
		link_act(duo.a);
	}
	duo.link->now += 10000000;
	link_run(duo.link);
	for (unsigned i = 0; i < 8; i++)
		expect_sent(op[i]);
	while (burst(&duo, 8) == 8)
		rounds++;
	cr_assert_eq(rounds, 4, "twice as many as before");
	duo_close(&duo);
}

/* -- refusals ---------------------------------------------------------------------- */

Test(packet, what_the_core_refuses_is_offered_again)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent[40], *received[40];

	duo.link->habits.refuse = 80;
	for (unsigned i = 0; i < 40; i++) {
		received[i] = recv_plain(duo.b, 100000);
		sent[i] = send_plain(duo.ab, i * 2500, i);
	}
	link_run(duo.link);
	for (unsigned i = 0; i < 40; i++) {
		expect_received(received[i], i * 2500, i);
		expect_sent(sent[i]);
	}
	duo_close(&duo);
	link_leak_check();
}

/* -- injected sends ------------------------------------------------------------------- */

/* Injected memory may be changed after the call, whatever its size, and whether the message
 * leaves at once or has to wait. */
static void inject(uint32_t copy_max, bool up)
{
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_node *a, *b;
	struct link_end *ab;
	static const size_t sizes[] = {0, 1, 100, 600, 2000, 4096 - 44};
	struct link_op *sent[6], *received[6];

	config.core.copy_max = copy_max;
	a = link_node(link, &config);
	b = link_node(link, &config);
	ab = link_connect(a, b);
	if (up)
		link_run(link);
	for (unsigned i = 0; i < 6; i++) {
		sent[i] = send_flags(ab, sizes[i], 2, i, SESS_INJECT, 0);
		received[i] = recv_plain(b, sizes[i]);
	}
	link_run(link);
	for (unsigned i = 0; i < 6; i++) {
		expect_received(received[i], sizes[i], i);
		expect_sent(sent[i]);
	}
	sent[0] = link_op_create(a, 4096 - 43, 1);
	sent[0]->op.flags = SESS_INJECT;
	cr_assert_eq(link_send(ab->sess, sent[0]), -EMSGSIZE);
	link_op_destroy(sent[0]);
	link_destroy(link);
	link_leak_check();
}

Test(packet, injected_memory_is_free_at_once)
{
	inject(4096, true);
	inject(64, true);
	inject(64, false);
}

/* -- a core that reports packets as sent that it has only copied --------------------- */

/* An application that makes no more calls after its last completion: the messages it sent
 * arrive, and a peer that sent to it learns that its messages arrived. */
static void sleeper(enum sess_way way, size_t size, bool sends, uint32_t stage)
{
	struct link_config config = link_config();
	struct link_op *mine[3], *theirs[3];
	struct duo duo;

	config.engine.transfer = way;
	config.core.stage = stage;
	config.engine.eager_budget = size & 1 ? 1 : 200000;
	duo = duo_of(config);
	for (unsigned i = 0; i < 3; i++) {
		unsigned flags = i == 1 ? SESS_DELIVERY : 0;

		mine[i] =
			sends ? send_flags(duo.ab, size, 1, i, flags, 0) : recv_plain(duo.a, size);
		theirs[i] =
			sends ? recv_plain(duo.b, size) : send_flags(duo.ba, size, 1, i, flags, 0);
	}
	link_progress(duo.a);
	link_progress(duo.b);
	do
		duo.a->asleep = !duo.a->op_cnt;
	while (link_step(duo.link));
	for (unsigned i = 0; i < 3; i++) {
		expect_sent(sends ? mine[i] : theirs[i]);
		expect_received(sends ? theirs[i] : mine[i], size, i);
	}
	duo.a->asleep = false;
	duo_close(&duo);
}

Test(packet, asleep_with_the_last_completion)
{
	static const size_t sizes[] = {0,    100,  1500, 4000,	4100, 4099,
				       8100, 8101, 9000, 50000, 50001};
	static const uint32_t stages[] = {0, 100, 2000, 4000, 9000};

	for (int way = SESS_READ; way <= SESS_AUTO; way++)
		for (unsigned i = 0; i < 11; i++)
			for (unsigned k = 0; k < 5; k++)
				for (unsigned sends = 0; sends < 2; sends++)
					sleeper((enum sess_way)way, sizes[i], sends, stages[k]);
	link_leak_check();
}

/* -- credits ------------------------------------------------------------------------- */

/* Sends messages in both directions, one by one, with their receives posted. */
static void traffic(struct duo *duo, unsigned there, unsigned back, size_t size)
{
	unsigned cnt = there > back ? there : back;
	struct link_op *op[4];

	for (unsigned i = 0; i < cnt; i++) {
		memset(op, 0, sizeof(op));
		if (i < there) {
			op[0] = send_plain(duo->ab, size, i);
			op[1] = recv_plain(duo->b, size);
		}
		if (i < back) {
			op[2] = send_plain(duo->ba, size, i);
			op[3] = recv_plain(duo->a, size);
		}
		if (link_rand(duo->link, 3))
			link_run(duo->link);
		else
			for (unsigned k = 0; k < 5; k++)
				link_step(duo->link);
		link_run(duo->link);
		for (unsigned k = 0; k < 4; k += 2) {
			if (!op[k])
				continue;
			expect_sent(op[k]);
			expect_received(op[k + 1], size, i);
		}
	}
}

/* Sends all messages in both directions at once. */
static void crowd(struct duo *duo, unsigned there, unsigned back, size_t size)
{
	struct link_op *sent[2][100], *received[2][100];
	unsigned cnt[2] = {there, back};

	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < cnt[side]; i++) {
			received[side][i] = recv_plain(side ? duo->a : duo->b, size);
			sent[side][i] = send_plain(side ? duo->ba : duo->ab, size, i);
		}
	}
	link_run(duo->link);
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < cnt[side]; i++) {
			expect_received(received[side][i], size, i);
			expect_sent(sent[side][i]);
		}
	}
}

static void starve(uint32_t credits, enum sess_way way, size_t size)
{
	struct link_config config = link_config();
	struct duo duo;
	struct sess_stats stats[2];

	config.core.credits = credits;
	config.core.buffer_size = 512;
	config.engine.transfer = way;
	duo = duo_of(config);
	traffic(&duo, 50, 0, size);
	traffic(&duo, 0, 50, size);
	traffic(&duo, 30, 30, size);
	crowd(&duo, 100, 0, size);
	crowd(&duo, 100, 100, size);
	for (unsigned side = 0; side < 2; side++)
		stats[side] = stats_of(side ? duo.ba : duo.ab);
	/* Each grant answers packets of the other side, so that grants never answer grants. */
	for (unsigned side = 0; side < 2; side++) {
		uint64_t others = stats[!side].tx_packets - stats[!side].tx_credit_packets;

		cr_assert_leq(stats[side].tx_credit_packets, 2 * others + 4,
			      "%lu grants for %lu packets",
			      (unsigned long)stats[side].tx_credit_packets, (unsigned long)others);
	}
	cr_assert_eq(stats[0].failures + stats[1].failures, 0);
	duo_close(&duo);
}

Test(packet, nothing_starves)
{
	static const uint32_t windows[] = {4, 5, 7, 16};

	for (unsigned i = 0; i < 4; i++) {
		starve(windows[i], SESS_AUTO, 10);
		starve(windows[i], SESS_AUTO, 450);
		starve(windows[i], SESS_COPY, 3000);
		starve(windows[i], SESS_READ, 3000);
		starve(windows[i], SESS_WRITE, 3000);
	}
	link_leak_check();
}

/* Traffic in one direction costs a grant for each half of a window, and no more. */
Test(packet, one_way_traffic_costs_few_grants)
{
	struct link_config config = link_config();
	struct duo duo;
	struct sess_stats there, back;

	config.core.credits = 64;
	duo = duo_of(config);
	for (unsigned i = 0; i < 640; i++) {
		struct link_op *sent = send_plain(duo.ab, 8, i), *received = recv_plain(duo.b, 8);

		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 8, i);
	}
	there = stats_of(duo.ab);
	back = stats_of(duo.ba);
	cr_assert_eq(there.tx_packets - 1, 640);
	cr_assert_eq(there.tx_credit_packets, 0);
	cr_assert_eq(back.tx_credit_packets, 20);
	cr_assert_eq(there.credit_stalls, 0);
	duo_close(&duo);
}

/* A reply to each message carries the credits: there is no other packet. */
Test(packet, ping_pong_costs_no_grants)
{
	struct duo duo = duo_of(link_config());

	for (unsigned i = 0; i < 200; i++) {
		struct link_op *received = recv_plain(duo.b, 8), *sent = send_plain(duo.ab, 8, i);
		struct link_op *back = recv_plain(duo.a, 8), *answer;

		link_run(duo.link);
		answer = send_plain(duo.ba, 8, i);
		link_run(duo.link);
		expect_sent(sent);
		expect_sent(answer);
		expect_received(received, 8, i);
		expect_received(back, 8, i);
	}
	cr_assert_eq(stats_of(duo.ab).tx_credit_packets, 0);
	cr_assert_eq(stats_of(duo.ba).tx_credit_packets, 0);
	duo_close(&duo);
}

/* Bulk does not hold up a small message for more than a segment or so. */
Test(packet, small_messages_pass_between_segments)
{
	struct link_config config = link_config();
	struct duo duo;
	struct link_op *bulk, *sink, *small, *received;

	config.engine.transfer = SESS_COPY;
	config.engine.eager_budget = 1;
	duo = duo_of(config);
	sink = recv_flags(duo.b, 1000000, 1, SESS_TAGGED, 1, 0);
	bulk = send_flags(duo.ab, 1000000, 1, 1, SESS_TAGGED, 1);
	link_progress(duo.a);
	for (unsigned i = 0; i < 100; i++)
		link_step(duo.link);
	cr_assert(bulk->pending);
	received = recv_plain(duo.b, 100);
	small = send_plain(duo.ab, 100, 2);
	link_progress(duo.a);
	for (unsigned i = 0; i < 200 && received->pending; i++)
		link_step(duo.link);
	cr_assert(bulk->pending);
	expect_received(received, 100, 2);
	link_run(duo.link);
	expect_sent(small);
	expect_sent(bulk);
	expect_received(sink, 1000000, 1);
	duo_close(&duo);
	link_leak_check();
}

/* The order in which the first large packets arrive. */
static unsigned arrivals, arrived_at[3];

static void count_arrivals(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	(void)link;
	(void)packet;
	if (len > 1000 && arrivals++ < 10)
		arrived_at[to->node->idx]++;
}

/* Sessions of one engine take turns. */
Test(packet, sessions_take_turns)
{
	struct link_config config = link_config();
	struct link_op *sent[20], *received[20];
	struct link_node *c;
	struct link_end *ac;
	struct duo duo;

	config.core.credits = 64;
	duo = duo_of(config);
	c = link_node(duo.link, &config);
	ac = link_connect(duo.a, c);
	link_run(duo.link);
	duo.link->habits.delay_max = 1;
	duo.link->tap = count_arrivals;
	for (unsigned i = 0; i < 20; i++) {
		sent[i] = send_plain(i < 10 ? duo.ab : ac, 3000, i);
		received[i] = recv_plain(i < 10 ? duo.b : c, 3000);
	}
	link_run(duo.link);
	cr_assert_eq(arrived_at[1], 5);
	cr_assert_eq(arrived_at[2], 5);
	for (unsigned i = 0; i < 20; i++) {
		expect_sent(sent[i]);
		expect_received(received[i], 3000, i);
	}
	duo_close(&duo);
	link_leak_check();
}

/* While the memory of one send is being registered, segments of another one go on. */
Test(packet, segments_do_not_wait_for_a_registration)
{
	struct link_config config = link_config();
	struct duo duo;
	struct link_op *bulk, *read, *sink[2];
	uint64_t before;

	config.core.credits = 64;
	config.core.threshold[SESS_READ] = config.core.threshold[SESS_WRITE] = 200000;
	config.engine.eager_budget = 1000000;
	config.engine.unexpected_max = 64 << 20;
	duo = duo_of(config);
	sink[0] = recv_plain(duo.b, 150000);
	sink[1] = recv_plain(duo.b, 300000);
	bulk = send_plain(duo.ab, 150000, 1);
	duo.link->habits.reg_later = 100;
	duo.link->habits.delay_max = 1000000;
	read = send_plain(duo.ab, 300000, 2);
	before = packets_of(&duo);
	link_act(duo.a);
	cr_assert_gt(packets_of(&duo), before + 20);
	link_run(duo.link);
	expect_sent(bulk);
	expect_sent(read);
	expect_received(sink[0], 150000, 1);
	expect_received(sink[1], 300000, 2);
	duo_close(&duo);
}

/* Returns whether the core may report a packet as sent that it has only copied, as fi_inject
 * does.  An application that sees a completion may never call again, so only sends without a
 * visible completion may leave in that way. */
static bool leaves_by_inject(unsigned flags)
{
	struct duo duo = duo_of(link_config());
	const struct sess_action *action;
	struct link_op *received, *sent;
	bool may_buffer;

	received = recv_plain(duo.b, 64);
	sent = link_op_create(duo.a, 64, 1);
	link_op_fill(sent, 1);
	sent->op.flags = (uint16_t)flags;
	cr_assert_eq(link_send(duo.ab->sess, sent), 0);
	action = sess_next(duo.a->engine);
	cr_assert_not_null(action);
	cr_assert_eq(action->type, SESS_ACT_SEND);
	may_buffer = action->may_buffer;
	sess_took(duo.a->engine, -EAGAIN); /* the link takes it */
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, 64, 1);
	duo_close(&duo);
	link_leak_check();
	return may_buffer;
}

Test(packet, only_injected_messages_leave_by_inject)
{
	cr_assert(leaves_by_inject(SESS_INJECT));
	cr_assert(!leaves_by_inject(0));
	cr_assert(!leaves_by_inject(SESS_DELIVERY));
	cr_assert(!leaves_by_inject(SESS_INJECT | SESS_DELIVERY));
}
