/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Transfers for which the preferred way is impossible: a side cannot read or write, its
 * memory cannot be a target, its keys are too long for the other side, or a registration
 * fails.
 */
#include "lib/sess_fixture.h"

/* -- one side that cannot ------------------------------------------------------------- */

Test(fallback, peer_that_cannot_read_is_written_to)
{
	struct link_config can = link_config(), cannot = link_config();
	struct duo duo;

	cannot.core.can_read = false;
	duo = duo_open(&can, &cannot);
	for (unsigned i = 0; i < 3; i++) {
		struct link_op *there = send_plain(duo.ab, 100000, i);
		struct link_op *back = send_plain(duo.ba, 100000, i);
		struct link_op *in = recv_plain(duo.a, 100000), *out = recv_plain(duo.b, 100000);

		link_run(duo.link);
		expect_sent(there);
		expect_sent(back);
		expect_received(in, 100000, i);
		expect_received(out, 100000, i);
	}
	cr_assert_eq(stats_of(duo.ab).tx_msgs[SESS_WRITE], 3);
	cr_assert_eq(stats_of(duo.ba).tx_msgs[SESS_READ], 3);
	cr_assert_eq(stats_of(duo.ba).rx_msgs[SESS_WRITE], 3);
	cr_assert_eq(stats_of(duo.ab).rx_msgs[SESS_READ], 3);
	duo_close(&duo);
}

/* Memory of a side that cannot be a target is never registered for its peer; the peer's
 * memory is, for transfers in both directions. */
static void no_target(bool both, enum sess_way transfer, enum sess_way there, enum sess_way back)
{
	struct link_config a = forced(transfer), b = a;
	struct duo duo;

	b.core.read_target = b.core.write_target = false;
	if (both)
		a.core.read_target = a.core.write_target = false;
	duo = duo_open(&a, &b);
	for (unsigned i = 0; i < 3; i++) {
		struct link_op *out = send_plain(duo.ab, 300000, i);
		struct link_op *home = send_plain(duo.ba, 300000, i + 9);
		struct link_op *in, *arrived = recv_plain(duo.b, 300000);

		link_run(duo.link);
		in = recv_plain(duo.a, 300000);
		link_run(duo.link);
		expect_sent(out);
		expect_sent(home);
		expect_received(arrived, 300000, i);
		expect_received(in, 300000, i + 9);
	}
	cr_assert_eq(stats_of(duo.ab).tx_msgs[there], 3);
	cr_assert_eq(stats_of(duo.ba).tx_msgs[back], 3);
	cr_assert_eq(stats_of(duo.ba).registrations, 0, "exposed for way %d", transfer);
	cr_assert_eq(stats_of(duo.ab).registrations, both ? 0 : 6);
	duo_close(&duo);
}

Test(fallback, memory_of_one_that_is_no_target)
{
	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		if (way == SESS_COPY)
			continue;
		no_target(false, (enum sess_way)way, SESS_READ, SESS_WRITE);
		no_target(true, (enum sess_way)way, SESS_COPY, SESS_COPY);
	}
	link_leak_check();
}

/* A key that is too long for the other side is not sent to it. */
Test(fallback, longer_keys_are_for_their_own_side)
{
	struct link_config longer = link_config();
	const struct link_config shorter = link_config();
	struct duo duo;

	longer.core.key_len = 16;
	duo = duo_open(&longer, &shorter);
	for (unsigned i = 0; i < 2; i++) {
		struct link_op *sent = send_plain(i ? duo.ba : duo.ab, 100000, i);
		struct link_op *received = recv_plain(i ? duo.a : duo.b, 100000);

		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 100000, i);
	}
	cr_assert_eq(stats_of(duo.ab).tx_msgs[SESS_WRITE], 1, "with the other side's key");
	cr_assert_eq(stats_of(duo.ba).tx_msgs[SESS_READ], 1, "with the sender's key");
	duo_close(&duo);
}

/* -- memory that cannot be registered ------------------------------------------------------- */

static void unregistered(enum sess_way way, bool local, size_t size)
{
	struct link_config config = link_config();
	struct duo duo;

	config.core.local_mem = local;
	config.core.can_read = way == SESS_READ;
	config.core.can_write = way == SESS_WRITE;
	duo = duo_of(config);
	for (unsigned chance = 30; chance <= 100; chance += 35) {
		for (unsigned cnt = 1; cnt <= 4; cnt++) {
			struct link_op *sent, *received = recv_flags(duo.b, size, cnt, 0, 0, 0);

			sent = send_flags(duo.ab, size, cnt, cnt, 0, 0);
			duo.link->habits.reg_fail = chance;
			link_run(duo.link);
			expect_sent(sent);
			expect_received(received, size, cnt);
		}
	}
	cr_assert_eq(duo.a->downs, 0);
	cr_assert_gt(stats_of(duo.ab).tx_msgs[SESS_COPY], 0);
	cr_assert_gt(stats_of(duo.ab).fallbacks + stats_of(duo.ba).fallbacks, 0);
	duo_close(&duo);
}

Test(fallback, unregistered_memory_is_copied)
{
	for (unsigned local = 0; local < 2; local++) {
		unregistered(SESS_READ, local, 100000);
		unregistered(SESS_WRITE, local, 100000);
	}
	link_leak_check();
}

Test(fallback, unregistered_memory_fails_where_forced)
{
	for (unsigned i = 0; i < 2; i++) {
		struct duo duo = duo_of(forced(i ? SESS_WRITE : SESS_READ));
		struct link_op *sent, *received = recv_plain(duo.b, 100000);

		duo.link->habits.reg_fail = 100;
		sent = send_plain(duo.ab, 100000, 1);
		link_run(duo.link);
		expect_error(sent, ENOBUFS);
		if (i) /* announced, and refused by the receiver */
			expect_error(received, ENOBUFS);
		duo.link->habits.reg_fail = 0;
		if (i)
			received = recv_plain(duo.b, 100000);
		sent = send_plain(duo.ab, 100000, 2);
		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 100000, 2);
		duo_close(&duo);
	}
	link_leak_check();
}
