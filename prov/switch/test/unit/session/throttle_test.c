/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fewer credits while an application does not receive (engine.throttle): senders are
 * slowed to its pace, nothing is lost or stuck, and the credits grow again.
 */
#include "lib/sess_fixture.h"

static struct link_config throttling(uint64_t throttle)
{
	struct link_config config = link_config();

	config.engine.throttle = throttle;
	return config;
}

/* While the application receives, the unmatched messages take about as much memory as the
 * throttle allows, and every message comes. */
Test(throttle, a_flood_is_received_at_the_pace_of_the_receiver)
{
	enum { MESSAGES = 2000, SIZE = 1500 };
	static struct link_op *sent[MESSAGES];
	struct link_config config = throttling(20000);
	struct duo duo = duo_of(config);
	/* up to the throttle, and the packets for which credits were out by then */
	const uint64_t once = 20000 + (config.core.credits + 2u) * config.core.buffer_size;
	uint64_t most_late = 0;

	for (unsigned i = 0; i < MESSAGES; i++)
		sent[i] = send_plain(duo.ab, SIZE, i);
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct link_op *op = recv_plain(duo.b, SIZE);

		while (op->pending) {
			link_progress(duo.a);
			link_progress(duo.b);
			link_step(duo.link);
		}
		expect_received(op, SIZE, i);
		link_progress(duo.b);
		while (link_step(duo.link))
			;
		cr_assert_leq(duo.b->ep->rx->kept, 2 * once);
		if (i > MESSAGES / 2 && duo.b->ep->rx->kept > most_late)
			most_late = duo.b->ep->rx->kept;
	}
	cr_assert_leq(most_late, 20000 + 2 * (SESS_CREDITS_MIN + 1u) * config.core.buffer_size);
	cr_assert_gt(stats_of(duo.ba).throttles, 0);
	for (unsigned i = 0; i < MESSAGES; i++)
		expect_sent(sent[i]);
	duo_close(&duo);
	link_leak_check();
}

/* The last of so many messages of this size was received: receives those that were ahead of it,
 * in order. */
static void receive_the_others(const struct duo *duo, struct link_op *const *sent, unsigned cnt,
			       size_t size)
{
	for (unsigned i = 0; i < cnt - 1; i++) {
		struct link_op *op = recv_flags(duo->b, size, 1, SESS_TAGGED, 0, 0);

		link_run(duo->link);
		expect_received(op, size, i);
	}
	for (unsigned i = 0; i < cnt; i++)
		expect_sent(sent[i]);
}

/* A receive for the last of many messages: it comes, however many unmatched ones are ahead. */
static void wait_for_the_last(bool asleep)
{
	enum { MESSAGES = 500, SIZE = 1500 };
	static struct link_op *sent[MESSAGES];
	struct duo duo = duo_of(throttling(1));
	struct link_op *op = recv_flags(duo.b, SIZE, 1, SESS_TAGGED, 1, 0);

	for (unsigned i = 0; i < MESSAGES; i++)
		sent[i] = send_flags(duo.ab, SIZE, 1, i, SESS_TAGGED, i == MESSAGES - 1);
	if (asleep)
		link_wait(duo.link, 500000000);
	else
		link_run(duo.link);
	expect_received(op, SIZE, MESSAGES - 1);
	cr_assert_gt(stats_of(duo.ba).throttles, 3);
	receive_the_others(&duo, sent, MESSAGES, SIZE);
	cr_assert_eq(duo.b->ep->rx->kept, 0);
	duo_close(&duo);
	link_leak_check();
}

Test(throttle, what_stands_behind_unreceived_messages_comes)
{
	wait_for_the_last(false);
	wait_for_the_last(true);
}

/* The application receives the messages of one peer and waits for a message of another, whose
 * unmatched messages pile up. */
Test(throttle, a_busy_neighbour_does_not_keep_a_session_throttled)
{
	enum { MESSAGES = 100, SIZE = 1500 };
	static struct link_op *sent[MESSAGES];
	struct link_config config = throttling(1);
	struct duo duo = duo_of(config);
	struct link_node *c = link_node(duo.link, &config);
	struct link_end *cb = link_connect(c, duo.b);
	struct link_op *last = recv_flags(duo.b, SIZE, 1, SESS_TAGGED, 1, 0), *op, *from_c;

	link_run(duo.link);
	for (unsigned i = 0; i < MESSAGES; i++)
		sent[i] = send_flags(duo.ab, SIZE, 1, i, SESS_TAGGED, i == MESSAGES - 1);
	for (unsigned round = 0; last->pending; round++) {
		cr_assert_lt(round, 10000u, "it waits for ever");
		from_c = send_flags(cb, SIZE, 1, round, SESS_TAGGED, 2);
		while (duo.b->ep->rx->tagged.unexpected.tqh_first == NULL || from_c->pending)
			link_wait(duo.link, 1000);
		op = recv_flags(duo.b, SIZE, 1, SESS_TAGGED, 2, 0);
		while (op->pending)
			link_wait(duo.link, 1000);
		expect_received(op, SIZE, round);
		expect_sent(from_c);
		link_wait(duo.link, 300000);
	}
	expect_received(last, SIZE, MESSAGES - 1);
	receive_the_others(&duo, sent, MESSAGES, SIZE);
	link_destroy(duo.link);
	link_leak_check();
}

/* A session gets its credits back when few of its messages are unmatched; one message that is
 * received only at the very end does not prevent that. */
static void credits_grow(bool beside_one_that_waits)
{
	struct link_config config = throttling(3000);
	struct duo duo = duo_of(config);
	struct link_op *sent[40], *last = NULL, *op;

	if (beside_one_that_waits)
		last = send_flags(duo.ab, 10, 1, 99, SESS_TAGGED, 99);
	for (unsigned i = 0; i < 40; i++)
		sent[i] = send_plain(duo.ab, 1500, i);
	link_run(duo.link);
	cr_assert_eq(sess_link(duo.ba->sess)->credit.rx_grant, SESS_CREDITS_MIN);
	for (unsigned i = 0; i < 40; i++) {
		op = recv_plain(duo.b, 1500);
		link_run(duo.link);
		expect_received(op, 1500, i);
		expect_sent(sent[i]);
	}
	for (unsigned i = 0; i < 200; i++) {
		struct link_op *one = send_plain(duo.ab, 4000, i);

		op = recv_plain(duo.b, 4000);
		link_run(duo.link);
		expect_received(op, 4000, i);
		expect_sent(one);
	}
	cr_assert_eq(sess_link(duo.ba->sess)->credit.rx_grant, config.core.credits);
	if (last) {
		op = recv_flags(duo.b, 10, 1, SESS_TAGGED, 99, 0);
		link_run(duo.link);
		expect_received(op, 10, 99);
		expect_sent(last);
	}
	duo_close(&duo);
	link_leak_check();
}

Test(throttle, credits_grow_again)
{
	credits_grow(false);
	credits_grow(true);
}
