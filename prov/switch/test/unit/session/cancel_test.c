/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sends that are cancelled at each step of their life: each completes once, its message
 * arrives as a whole or never, and the budget it took comes back.
 */
#include "lib/sess_fixture.h"

/* Cancels a send after some steps: it completes once, and its message arrives as a whole or
 * never. */
static void cancel_after(enum sess_way way, unsigned steps, bool receive_first, unsigned later)
{
	struct link_config config = forced(way);
	struct link_op *received, *sent, *marker;
	struct duo duo;

	config.engine.eager_budget = 1;
	duo = duo_of(config);
	duo.link->habits.reg_later = later;
	received = receive_first ? recv_plain(duo.b, 100000) : NULL;
	sent = send_plain(duo.ab, 100000, 1);
	link_progress(duo.a);
	while (steps-- && link_step(duo.link))
		;
	if (sent->pending) {
		int ret = sess_cancel(&sent->op);

		cr_assert(!ret || ret == -ENOENT);
		/* Cancelling again changes nothing. */
		ret = sess_cancel(&sent->op);
		cr_assert(!ret || ret == -ENOENT);
	}
	link_run(duo.link);
	if (!received)
		received = recv_plain(duo.b, 100000);
	marker = send_plain(duo.ab, 10, 2);
	link_run(duo.link);
	cr_assert(!sent->pending);
	if (sent->op.error) {
		cr_assert_eq(sent->op.error, ECANCELED);
		expect_received(received, 10, 2);
	} else {
		expect_received(received, 100000, 1);
		received = recv_plain(duo.b, 10);
		link_run(duo.link);
		expect_received(received, 10, 2);
	}
	link_op_destroy(sent);
	expect_sent(marker);
	cr_assert_eq(duo.a->downs, 0);
	duo_close(&duo);
}

Test(cancel, canceled_at_every_step)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++)
		for (unsigned steps = 0; steps < 16; steps++)
			for (unsigned how = 0; how < 4; how++)
				cancel_after((enum sess_way)way, steps, how & 1, how & 2 ? 100 : 0);
	link_leak_check();
}

Test(cancel, canceled_before_it_is_up)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b);
	struct link_op *first = send_plain(ab, 10, 1), *second = send_plain(ab, 100000, 2);
	struct link_op *third = send_plain(ab, 10, 3), *received = recv_plain(b, 10);

	cr_assert_eq(sess_cancel(&second->op), 0);
	cr_assert_eq(sess_cancel(&first->op), 0);
	link_run(link);
	expect_error(first, ECANCELED);
	expect_error(second, ECANCELED);
	expect_sent(third);
	expect_received(received, 10, 3);
	link_destroy(link);
	link_leak_check();
}

/* A cancelled transfer that never left returns the eager budget that it took; otherwise all
 * later ones would have to wait for GO. */
Test(cancel, cancel_returns_the_budget)
{
	struct link_config config = forced(SESS_COPY);
	struct duo duo;
	struct link_op *small, *large;

	duo = duo_of(config);
	for (unsigned i = 0; i < 50; i++) {
		/* There is no room for the large one's START behind the small one. */
		small = send_plain(duo.ab, 300, i);
		large = send_plain(duo.ab, 8000, i);
		link_act(duo.a);
		cr_assert(large->pending);
		sess_cancel(&large->op);
		link_run(duo.link);
		expect_sent(small);
		small = recv_plain(duo.b, 9000);
		link_run(duo.link);
		expect_received(small, 300, i);
		if (large->op.error) {
			expect_error(large, ECANCELED);
		} else {
			expect_sent(large);
			large = recv_plain(duo.b, 9000);
			link_run(duo.link);
			expect_received(large, 8000, i);
		}
	}
	cr_assert_leq(duo.ab->sess->eager_sent - duo.ab->sess->eager_released,
		      config.engine.eager_budget);
	cr_assert_eq(duo.ab->sess->eager_sent, duo.ba->sess->eager_came);
	duo_close(&duo);
	link_leak_check();
}
