/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages by each way: sizes, pieces, expected and unexpected, too short a receive,
 * delivery, remote data, and what is sent beyond the budget of unmatched data.
 */
#include "lib/sess_fixture.h"

static const size_t sizes[] = {0,    1,	   511,	  512,	 513,	 4051,	  4052,	  4053,
			       8000, 8192, 32767, 32768, 100000, 1000000, 3000000};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static enum sess_way way_for(enum sess_way way, size_t size)
{
	if (size <= 4052)
		return SESS_INLINE;
	if (way == SESS_AUTO)
		return size < 32768 ? SESS_COPY : SESS_READ;
	return way;
}

/* Sends one message over the session and checks in the statistics which way it went. */
static void one(struct duo *duo, size_t size, unsigned cnt, enum sess_way way, bool expected,
		unsigned flags)
{
	struct sess_stats before = stats_of(duo->ab), after;
	struct link_op *sent, *received = NULL;
	uint64_t tag = flags & SESS_TAGGED ? 3 : 0;

	if (expected)
		received = recv_flags(duo->b, size + 9, 5 - cnt, flags & SESS_TAGGED, tag, 0);
	sent = send_flags(duo->ab, size, cnt, (uint32_t)size, flags, tag);
	link_run(duo->link);
	if (!expected) {
		cr_assert(!(flags & SESS_DELIVERY) || sent->pending, "nobody has it yet");
		received = recv_flags(duo->b, size + 9, 5 - cnt, flags & SESS_TAGGED, tag, 0);
		link_run(duo->link);
	}
	cr_assert_eq(!!(received->op.flags & SESS_DATA), !!(flags & SESS_DATA));
	if (flags & SESS_DATA)
		cr_assert_eq(received->op.data, ~(uint64_t)size);
	cr_assert_eq(received->op.source, duo->a->idx);
	expect_sent(sent);
	expect_received(received, size, (uint32_t)size);
	after = stats_of(duo->ab);
	for (unsigned i = 0; i < SESS_WAYS; i++) {
		bool here = i == way_for(way, size);

		cr_assert_eq(after.tx_msgs[i], before.tx_msgs[i] + here);
		cr_assert_eq(after.tx_bytes[i], before.tx_bytes[i] + (here ? size : 0));
	}
	after = stats_of(duo->ba);
	cr_assert_gt(after.rx_msgs[way_for(way, size)], 0);
}

static void every_size(struct link_config config, enum sess_way way)
{
	struct duo duo = duo_of(config);

	for (unsigned i = 0; i < SIZES; i++) {
		for (unsigned cnt = 1; cnt <= 4; cnt++) {
			if (sizes[i] > 200000 && cnt != 3)
				continue;
			one(&duo, sizes[i], cnt, way, true, 0);
			one(&duo, sizes[i], cnt, way, false, SESS_TAGGED);
			one(&duo, sizes[i], cnt, way, true, SESS_DELIVERY | SESS_DATA);
			one(&duo, sizes[i], cnt, way, false,
			    SESS_TAGGED | SESS_DELIVERY | SESS_DATA);
		}
	}
	cr_assert_eq(duo.link->reads > 0, way == SESS_READ || way == SESS_AUTO);
	cr_assert_eq(duo.link->writes > 0, way == SESS_WRITE);
	cr_assert_eq(stats_of(duo.ab).tx_msgs[SESS_INLINE], stats_of(duo.ba).rx_msgs[SESS_INLINE]);
	duo_close(&duo);
	link_leak_check();
}

Test(xfer, by_read)
{
	every_size(forced(SESS_READ), SESS_READ);
}

Test(xfer, by_write)
{
	every_size(forced(SESS_WRITE), SESS_WRITE);
}

Test(xfer, by_copy)
{
	every_size(forced(SESS_COPY), SESS_COPY);
}

Test(xfer, by_choice)
{
	every_size(link_config(), SESS_AUTO);
}

/* A core that requires registered local memory, takes one piece per operation, promises no
 * order of writes and sends, and addresses memory by offset. */
Test(xfer, over_a_demanding_core)
{
	static const enum sess_way ways[] = {SESS_READ, SESS_WRITE, SESS_COPY};

	for (unsigned i = 0; i < 3; i++) {
		struct link_config config = forced(ways[i]);

		config.core.local_mem = true;
		config.core.send_iov_limit = 1;
		config.core.send_after_write = false;
		config.core.virtual_addr = false;
		every_size(config, ways[i]);
	}
}

/* Pieces of memory, chunks of RMA and both sides' limits that do not align with each other. */
Test(xfer, in_odd_chunks)
{
	static const enum sess_way ways[] = {SESS_READ, SESS_WRITE};

	for (unsigned i = 0; i < 2; i++) {
		struct link_config config = forced(ways[i]), peer;
		struct duo duo;

		config.core.rma_iov_limit = 3;
		config.core.chunk = 9970;
		config.core.buffer_size = 512;
		config.core.credits = 4;
		peer = config;
		peer.core.rma_max = 5010;
		peer.core.rma_iov_limit = 1;
		duo = duo_open(&config, &peer);
		for (unsigned cnt = 1; cnt <= 4; cnt++) {
			struct link_op *sent = send_flags(duo.ab, 30000, cnt, cnt, 0, 0);
			struct link_op *received = recv_flags(duo.b, 30000, 5 - cnt, 0, 0, 0);

			link_run(duo.link);
			expect_sent(sent);
			expect_received(received, 30000, cnt);
		}
		duo_close(&duo);
	}
	link_leak_check();
}

/* Memory is registered while the announcement has to wait for a credit. */
Test(xfer, is_registered_before_a_credit_comes)
{
	struct link_config config = forced(SESS_READ);
	struct link_op *sent, *received, *ahead[4], *ahead_received[4];
	struct sess_stats stats;
	unsigned cnt = 0;
	struct duo duo;

	config.core.credits = 4;
	duo = duo_of(config);
	while (credit_may_send(&duo.ab->link->credit, CREDIT_DATA)) {
		cr_assert_lt(cnt, 4);
		ahead_received[cnt] = recv_plain(duo.b, 3000);
		ahead[cnt++] = send_plain(duo.ab, 3000, 1);
		link_act(duo.a);
	}
	received = recv_plain(duo.b, 100000);
	sent = send_plain(duo.ab, 100000, 2);
	link_act(duo.a);
	stats = stats_of(duo.ab);
	cr_assert_eq(stats.registrations, 1);
	cr_assert_eq(stats.tx_msgs[SESS_READ], 0, "START has no credit yet");
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, 100000, 2);
	while (cnt--) {
		expect_sent(ahead[cnt]);
		expect_received(ahead_received[cnt], 3000, 1);
	}
	duo_close(&duo);
	link_leak_check();
}

Test(xfer, both_ways_at_once)
{
	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		struct link_config config = forced((enum sess_way)way);
		struct link_op *op[4][20];
		struct duo duo;

		config.core.credits = 4;
		config.core.buffer_size = 512;
		duo = duo_of(config);
		for (unsigned i = 0; i < 20; i++) {
			op[0][i] = send_plain(duo.ab, 50000 + i, i);
			op[1][i] = send_plain(duo.ba, 50000 + i, i);
			op[2][i] = recv_plain(duo.a, 50000 + i);
			op[3][i] = recv_plain(duo.b, 50000 + i);
		}
		link_run(duo.link);
		for (unsigned i = 0; i < 20; i++) {
			expect_sent(op[0][i]);
			expect_sent(op[1][i]);
			expect_received(op[2][i], 50000 + i, i);
			expect_received(op[3][i], 50000 + i, i);
		}
		duo_close(&duo);
	}
	link_leak_check();
}

/* The core reports START as sent after SINK has come, while the memory to write from is still
 * being registered: that must not begin the write. */
Test(xfer, start_done_while_registering)
{
	struct link_config config = forced(SESS_WRITE);

	config.core.local_mem = true;
	for (unsigned i = 0; i < 200; i++) {
		struct duo duo = duo_of(config);
		struct link_op *received = recv_plain(duo.b, 10000), *sent;

		for (unsigned k = 0; k < i; k++)
			link_rand(duo.link, 2);
		duo.link->habits.reg_later = 100;
		sent = send_plain(duo.ab, 10000, i);
		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 10000, i);
		duo_close(&duo);
	}
	link_leak_check();
}

/* -- too short a receive ----------------------------------------------------------- */

static void truncated(enum sess_way way, size_t size, size_t space, bool expected, bool delivery)
{
	struct duo duo = duo_of(forced(way));
	struct link_op *received = NULL, *sent;

	if (expected)
		received = recv_flags(duo.b, space, 2, 0, 0, 0);
	sent = send_flags(duo.ab, size, 3, 9, delivery ? SESS_DELIVERY : 0, 0);
	link_run(duo.link);
	if (!expected)
		received = recv_flags(duo.b, space, 2, 0, 0, 0);
	link_run(duo.link);
	expect_sent(sent);
	cr_assert_eq(received->op.len, space);
	cr_assert_eq(received->op.full_len, size);
	cr_assert(link_op_holds(received, 9, space));
	expect_error(received, EMSGSIZE);
	/* The session goes on. */
	received = recv_plain(duo.b, size);
	sent = send_plain(duo.ab, size, 5);
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, size, 5);
	duo_close(&duo);
}

Test(xfer, truncated)
{
	static const size_t spaces[] = {0, 1, 99, 1024, 1025, 4000, 50000, 99999};

	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		for (unsigned i = 0; i < 8; i++) {
			for (unsigned how = 0; how < 4; how++) {
				truncated((enum sess_way)way, 100000, spaces[i], how & 1, how & 2);
				if (spaces[i] < 100)
					truncated((enum sess_way)way, 100, spaces[i], how & 1,
						  how & 2);
			}
		}
	}
	link_leak_check();
}

/* RMA moves no more than fits into the receive. */
Test(xfer, truncated_moves_only_what_fits)
{
	struct duo duo = duo_of(forced(SESS_READ));
	struct link_op *received = recv_plain(duo.b, 70000), *sent = send_plain(duo.ab, 1000000, 1);

	link_run(duo.link);
	expect_sent(sent);
	expect_error(received, EMSGSIZE);
	cr_assert_eq(duo.link->reads, 2, "64 KiB, and the rest");
	received = recv_plain(duo.b, 500);
	sent = send_plain(duo.ab, 1000000, 1);
	link_run(duo.link);
	expect_sent(sent);
	expect_error(received, EMSGSIZE);
	cr_assert_eq(duo.link->reads, 2, "the initial portion is enough");
	duo_close(&duo);
}

/* -- unmatched data ---------------------------------------------------------------------------- */

/* Segments within the eager budget are sent unasked; transfers beyond it wait for GO. */
Test(xfer, eager_budget)
{
	struct link_config config = forced(SESS_COPY);
	struct link_op *sent[20], *op;
	struct duo duo;

	config.engine.eager_budget = 50000;
	duo = duo_of(config);
	for (unsigned i = 0; i < 20; i++)
		sent[i] = send_plain(duo.ab, 20000, i);
	link_run(duo.link);
	cr_assert(!sent[0]->pending && !sent[1]->pending);
	for (unsigned i = 2; i < 20; i++)
		cr_assert(sent[i]->pending);
	cr_assert_leq(duo.b->ep->rx->kept,
		      50000 + 20 * (4096 + sizeof(struct sess_message) + sizeof(struct sess_xfer)));
	for (unsigned i = 0; i < 20; i++) {
		op = recv_plain(duo.b, 20000);
		link_run(duo.link);
		expect_received(op, 20000, i);
		expect_sent(sent[i]);
	}
	/* The budget has been released by the receives. */
	for (unsigned i = 0; i < 6; i++) {
		sent[0] = send_plain(duo.ab, 20000, i);
		link_run(duo.link);
		cr_assert(!sent[0]->pending, "message %u had to wait", i);
		expect_sent(sent[0]);
		op = recv_plain(duo.b, 20000);
		link_run(duo.link);
		expect_received(op, 20000, i);
	}
	duo_close(&duo);
	link_leak_check();
}
