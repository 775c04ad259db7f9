/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions that end at once: by sess_abort, or because their path breaks, at any
 * moment of the traffic.  The link sees to it that each operation completes once
 * and that no memory is touched or registered afterwards.
 */
#include "lib/sess_fixture.h"

static void sleep_at_the_hello(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	(void)packet;
	(void)len;
	to->node->asleep = to->node == link->node[1];
}

/* The opener's hello brings the answerer up, and the answerer aborts before it has answered:
 * its first packet must then be a hello, not BYE. */
Test(abort, aborted_before_the_hello)
{
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *ba;

	link->tap = sleep_at_the_hello;
	while (!b->asleep)
		cr_assert(link_step(link), "no hello");
	ba = link_end(b, a);
	cr_assert(sess_is_up(ba->sess));
	sess_abort(ba->sess, ECANCELED);
	link->tap = NULL;
	b->asleep = false;
	link_run(link);
	cr_assert_eq(ba->error, ECANCELED);
	cr_assert_eq(ab->error, ECONNREFUSED, "%s (error %d)", ab->reason, ab->error);
	link_destroy(link);
}

Test(abort, aborted)
{
	struct duo duo = duo_of(link_config());
	struct link_op *there = send_plain(duo.ab, 100000, 1);
	struct link_op *back = send_plain(duo.ba, 100000, 2), *late = link_op_create(duo.a, 1, 1);

	link_run(duo.link);
	sess_abort(duo.ab->sess, ECANCELED);
	cr_assert_eq(link_send(duo.ab->sess, late), -ECANCELED);
	link_op_destroy(late);
	link_run(duo.link);
	expect_over(duo.ab, ECANCELED);
	expect_over(duo.ba, ECONNRESET);
	expect_error(there, ECANCELED);
	expect_error(back, ECONNRESET);
	cr_assert_eq(stats_of(duo.ab).failures, 1);
	duo_close(&duo);
	link_leak_check();
}

enum ending { BREAK, ABORT, PEER_ABORTS, ENDINGS };

/* The path breaks, or one side aborts, while operations of every kind are under way in both
 * directions. */
static void end_at(const struct link_config *config, unsigned steps, enum ending ending)
{
	struct duo duo = duo_open(config, config);
	struct link_op *op[24];

	duo.link->habits.reg_later = 50;
	duo.link->habits.lose_on_close = steps & 1;
	for (unsigned i = 0; i < 12; i++) {
		struct link_end *end = i & 1 ? duo.ab : duo.ba;
		struct link_node *to = i & 1 ? duo.b : duo.a;

		op[i] = send_flags(end, i * 5000, 1 + i % 4, i, i & 2 ? SESS_DELIVERY : 0, 0);
		op[12 + i] = recv_flags(to, i * 5000, 1 + i % 3, 0, 0, 0);
	}
	for (unsigned i = 0; i < 2; i++)
		link_progress(duo.link->node[i]);
	for (unsigned i = 0; i < steps; i++)
		link_step(duo.link);
	if (ending == BREAK)
		link_break(duo.ab);
	else
		sess_abort(ending == ABORT ? duo.ab->sess : duo.ba->sess, ECANCELED);
	link_run(duo.link);
	cr_assert_null(duo.ab->sess);
	cr_assert_null(duo.ba->sess);
	cr_assert_neq(duo.ab->error, 0);
	sess_ep_close(duo.a->ep, ENOTCONN);
	sess_ep_close(duo.b->ep, ENOTCONN);
	link_run(duo.link);
	for (unsigned i = 0; i < 24; i++) {
		cr_assert(!op[i]->pending);
		cr_assert_eq(op[i]->completions, 1);
		if (i < 12 && i & 2 && !op[i]->op.error)
			cr_assert_eq(op[12 + i]->op.error, 0, "it was told to be delivered");
		link_op_destroy(op[i]);
	}
	duo_close(&duo);
}

Test(abort, path_broken_at_every_step)
{
	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		struct link_config config = forced((enum sess_way)way);

		config.core.credits = 6;
		config.core.buffer_size = 1024;
		config.core.local_mem = way == SESS_WRITE;
		for (unsigned steps = 0; steps < 400; steps += 1 + steps / 8)
			for (int ending = BREAK; ending < ENDINGS; ending++)
				end_at(&config, steps, (enum ending)ending);
	}
	link_leak_check();
}

/* The session has failed and its path is being closed: a message that was only announced on
 * it no longer matches a new receive. */
Test(abort, receive_between_failure_and_close)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		struct link_config config = forced((enum sess_way)way);
		struct link_op *sent, *whole, *received, *waits;
		struct duo duo;

		config.engine.eager_budget = 1;
		duo = duo_of(config);
		whole = send_plain(duo.ab, 10, 1);
		sent = send_plain(duo.ab, 50000, 2);
		link_run(duo.link);
		sess_abort(duo.ba->sess, ECANCELED);
		received = recv_plain(duo.b, 50000);
		waits = recv_plain(duo.b, 50000);
		link_run(duo.link);
		expect_received(received, 10, 1);
		cr_assert(waits->pending);
		expect_sent(whole);
		expect_error(sent, ECONNRESET);
		sess_cancel(&waits->op);
		link_run(duo.link);
		expect_error(waits, ECANCELED);
		duo_close(&duo);
	}
	link_leak_check();
}
