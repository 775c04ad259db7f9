/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions that end in order: with traffic under way, from either side or from both,
 * against a silent peer, and behind a BYE.  The link sees to it that each operation
 * completes once and that no memory is touched or registered afterwards.
 */
#include "lib/sess_fixture.h"

/* -- in order --------------------------------------------------------------------- */

/* Closes an endpoint right behind its last send: every message arrives, whether its receive
 * was posted before or is posted when the session is long over. */
static void close_behind(enum sess_way way, size_t size, bool expected)
{
	struct link_config config = forced(way);
	struct link_op *sent[8], *received[8];
	struct duo duo;

	config.engine.eager_budget = 100000;
	config.engine.unexpected_max = 64 << 20;
	duo = duo_of(config);
	for (unsigned i = 0; i < 8; i++)
		sent[i] = send_plain(duo.ab, size, i);
	for (unsigned i = 0; expected && i < 8; i++)
		received[i] = recv_plain(duo.b, size);
	sess_ep_close(duo.a->ep, ECANCELED);
	link_run(duo.link);
	expect_over(duo.ab, 0);
	expect_over(duo.ba, 0);
	cr_assert(duo.ba->bye);
	for (unsigned i = 0; !expected && i < 8; i++)
		received[i] = recv_plain(duo.b, size);
	link_run(duo.link);
	for (unsigned i = 0; i < 8; i++) {
		expect_sent(sent[i]);
		expect_received(received[i], size, i);
	}
	duo_close(&duo);
}

Test(session, closing_right_behind_a_send_loses_nothing)
{
	close_behind(SESS_AUTO, 0, true);
	close_behind(SESS_AUTO, 100, true);
	close_behind(SESS_AUTO, 4000, true);
	for (int way = SESS_READ; way < SESS_WAYS; way++)
		close_behind((enum sess_way)way, 100000, true);
	link_leak_check();
}

/* Copied messages that have arrived completely count as sent for their sender: they outlive
 * the session. */
Test(session, closing_leaves_what_came_unmatched)
{
	close_behind(SESS_AUTO, 100, false);
	close_behind(SESS_AUTO, 4000, false);
	close_behind(SESS_COPY, 10000, false);
	link_leak_check();
}

/* If both sides close at once, neither waits for the other's messages: they are not
 * delivered, and their sends fail. */
Test(session, both_close_at_once)
{
	for (unsigned steps = 0; steps < 40; steps++) {
		struct duo duo = duo_of(forced(SESS_READ));
		struct link_op *there = send_plain(duo.ab, 20000, 1);
		struct link_op *back = send_plain(duo.ba, 20000, 2);
		struct link_op *in = recv_plain(duo.a, 20000), *out = recv_plain(duo.b, 20000);

		link_progress(duo.a);
		for (unsigned i = 0; i < steps; i++)
			link_step(duo.link);
		sess_ep_close(duo.a->ep, ESHUTDOWN);
		sess_ep_close(duo.b->ep, ESHUTDOWN);
		link_run(duo.link);
		expect_over(duo.ab, 0);
		expect_over(duo.ba, 0);
		cr_assert_eq(there->op.error, out->op.error ? ECONNRESET : 0);
		cr_assert_eq(back->op.error, in->op.error ? ECONNRESET : 0);
		cr_assert(!in->pending && !out->pending);
		link_op_destroy(there);
		link_op_destroy(back);
		link_op_destroy(in);
		link_op_destroy(out);
		duo_close(&duo);
	}
	link_leak_check();
}

Test(session, closed_before_it_is_up)
{
	for (unsigned sends = 0; sends < 2; sends++) {
		struct link *link = link_create(1);
		struct link_config config = link_config();
		struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
		struct link_end *ab = link_connect(a, b);
		struct link_op *sent = NULL, *late, *received = NULL;

		if (sends) {
			received = recv_plain(b, 50000);
			sent = send_plain(ab, 50000, 1);
		}
		sess_close(ab->sess);
		cr_assert(!sess_is_open(ab->sess));
		late = link_op_create(a, 1, 1);
		cr_assert_eq(link_send(ab->sess, late), -ESHUTDOWN);
		link_op_destroy(late);
		link_run(link);
		expect_over(ab, 0);
		if (sends) {
			expect_sent(sent);
			expect_received(received, 50000, 1);
		}
		link_destroy(link);
	}
	link_leak_check();
}

/* A closing session continues when the last send that it waits for is cancelled. */
Test(session, closing_goes_on_after_a_cancel)
{
	struct link_config config = link_config();
	struct link_op *sent[20];
	struct duo duo;

	config.core.credits = 4;
	config.core.buffer_size = 512;
	duo = duo_of(config);
	duo.link->habits.silent = true;
	for (unsigned i = 0; i < 20; i++)
		sent[i] = send_plain(duo.ab, 400, i);
	link_run(duo.link);
	cr_assert(!sent[0]->pending && sent[19]->pending);
	sess_close(duo.ab->sess);
	link_run(duo.link);
	for (unsigned i = 0; i < 20; i++)
		if (sess_cancel(&sent[i]->op))
			cr_assert_lt(i, 3, "send %u has not left", i);
	link_run(duo.link);
	cr_assert(duo.ab->sess->bye & BYE_SENT);
	duo.link->habits.silent = false;
	link_wait(duo.link, 2 * config.engine.close_timeout);
	for (unsigned i = 0; i < 20; i++)
		link_op_destroy(sent[i]);
	duo_close(&duo);
	link_leak_check();
}

/* The receiver closes: messages that it has not taken are not delivered, and a later receive
 * does not take them, although their announcement is still there. */
static void receiver_closes(enum sess_way way, size_t size, bool delivery)
{
	struct link_config config = forced(way);
	struct link_op *sent, *received;
	struct duo duo;

	config.engine.eager_budget = delivery ? 100000 : 1;
	duo = duo_of(config);
	sent = send_flags(duo.ab, size, 1, 1, delivery ? SESS_DELIVERY : 0, 0);
	link_run(duo.link);
	sess_close(duo.ba->sess);
	received = recv_plain(duo.b, size);
	link_run(duo.link);
	expect_over(duo.ab, 0);
	expect_over(duo.ba, 0);
	cr_assert(!sent->pending);
	if (received->pending) {
		cr_assert_eq(sess_cancel(&received->op), 0);
		link_run(duo.link);
		cr_assert_eq(sent->op.error, ECONNRESET);
	}
	link_op_destroy(sent);
	link_op_destroy(received);
	duo_close(&duo);
}

Test(session, receiver_closes)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		receiver_closes((enum sess_way)way, 50000, false);
		receiver_closes((enum sess_way)way, 50000, true);
		receiver_closes((enum sess_way)way, 100, true);
	}
	link_leak_check();
}

/* Segments are still coming when the receiver has said BYE: a receive that is
 * posted now waits for another peer. */
Test(session, receiver_closes_amid_segments)
{
	struct link_config config = forced(SESS_COPY);
	struct link_op *sent, *received;
	struct duo duo;

	config.engine.eager_budget = 100000;
	duo = duo_of(config);
	sent = send_plain(duo.ab, 50000, 1);
	link_progress(duo.a);
	while (!duo.b->ep->rx->kept)
		link_step(duo.link);
	sess_close(duo.ba->sess);
	link_act(duo.b);
	cr_assert(duo.ba->sess->bye & BYE_SENT);
	cr_assert(TAILQ_EMPTY(&duo.b->ep->messages));
	received = recv_plain(duo.b, 50000);
	link_run(duo.link);
	expect_over(duo.ab, 0);
	expect_over(duo.ba, 0);
	cr_assert(received->pending);
	cr_assert(!sent->pending);
	link_op_destroy(sent);
	sess_cancel(&received->op);
	link_run(duo.link);
	expect_error(received, ECANCELED);
	duo_close(&duo);
	link_leak_check();
}

/* A message that finds its receive when BYE is due but has not left is completed first. */
Test(session, bye_waits_for_what_was_matched_meanwhile)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		struct link_config config = forced((enum sess_way)way);
		struct link_op *sent, *received;
		struct duo duo;

		config.engine.eager_budget = 1;
		duo = duo_of(config);
		received = recv_plain(duo.b, 50000);
		sent = send_plain(duo.ab, 50000, 1);
		link_progress(duo.a);
		sess_close(duo.ba->sess);
		cr_assert(duo.ba->sess->bye & BYE_DUE);
		while (!received->op.xfer)
			cr_assert(link_step(duo.link));
		link_run(duo.link);
		expect_over(duo.ab, 0);
		expect_over(duo.ba, 0);
		expect_sent(sent);
		expect_received(received, 50000, 1);
		duo_close(&duo);
	}
	link_leak_check();
}

/* Each side has announced a message for which there is no receive yet. */
Test(session, both_close_with_announcements)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		struct link_config config = forced((enum sess_way)way);
		struct link_op *there, *back;
		struct duo duo;

		config.engine.eager_budget = 1;
		duo = duo_of(config);
		there = send_plain(duo.ab, 50000, 1);
		back = send_flags(duo.ba, way == SESS_READ ? 10 : 50000, 1, 2, SESS_DELIVERY, 0);
		link_run(duo.link);
		sess_close(duo.ab->sess);
		sess_close(duo.ba->sess);
		link_run(duo.link);
		expect_over(duo.ab, 0);
		expect_over(duo.ba, 0);
		expect_error(there, ECONNRESET);
		expect_error(back, ECONNRESET);
		duo_close(&duo);
	}
	link_leak_check();
}

/* One side closes its endpoint after some steps of a transfer. */
static void close_at(enum sess_way way, bool receiver, unsigned steps, unsigned later)
{
	struct link_config config = forced(way);
	struct link_op *sent[3], *received[3];
	struct duo duo;

	config.core.credits = 4;
	duo = duo_of(config);
	duo.link->habits.reg_later = later;
	for (unsigned i = 0; i < 3; i++) {
		sent[i] = send_flags(duo.ab, 30000 * i, 2, i, i == 2 ? SESS_DELIVERY : 0, 0);
		received[i] = i == 1 ? NULL : recv_plain(duo.b, 60000);
	}
	link_progress(duo.a);
	for (unsigned i = 0; i < steps; i++)
		link_step(duo.link);
	sess_ep_close(receiver ? duo.b->ep : duo.a->ep, ECANCELED);
	if (!receiver)
		received[1] = recv_plain(duo.b, 60000);
	link_run(duo.link);
	expect_over(duo.ab, 0);
	expect_over(duo.ba, 0);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(!sent[i]->pending);
		cr_assert(receiver || !sent[i]->op.error);
		cr_assert(!received[i] || receiver || !received[i]->op.error);
		if (i == 2 && !sent[i]->op.error)
			cr_assert_eq(received[i]->op.error, 0, "it was told to be delivered");
		link_op_destroy(sent[i]);
		if (received[i])
			link_op_destroy(received[i]);
	}
	duo_close(&duo);
}

Test(session, closed_at_every_step)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++)
		for (unsigned steps = 0; steps < 60; steps += 1 + steps / 20)
			for (unsigned how = 0; how < 4; how++)
				close_at((enum sess_way)way, how & 1, steps, how & 2 ? 100 : 0);
	link_leak_check();
}

/* A send that waits for its registration when the peer sends BYE, and that the application
 * cancels as well. */
Test(session, canceled_after_bye)
{
	struct duo duo = duo_of(forced(SESS_READ));
	struct link_op *sent;

	duo.link->habits.reg_later = 100;
	duo.link->habits.delay_max = 1000000;
	sent = send_plain(duo.ab, 50000, 1);
	link_progress(duo.a);
	cr_assert(sent->op.xfer->registering);
	session_bye_came(duo.ab->sess, false);
	cr_assert_eq(sess_cancel(&sent->op), -ENOENT);
	link_run(duo.link);
	expect_error(sent, ECONNRESET);
	link_break(duo.ab);
	duo_close(&duo);
	link_leak_check();
}

/* sess_leave(): a side whose packets are all sent ends without waiting for an answer.  The
 * peer still gets everything, and its session ends in order even if it finds the path closed
 * first. */
Test(session, left_behind_its_bye)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent, *received;

	sent = send_plain(duo.ab, 100, 1);
	link_act(duo.a);
	sess_leave(duo.ab->sess); /* has no effect on an open session */
	cr_assert(sess_is_open(duo.ab->sess));
	duo.b->asleep = true;
	sess_ep_close(duo.a->ep, ECANCELED);
	link_run(duo.link);
	cr_assert_not_null(duo.ab->sess);
	sess_leave(duo.ab->sess);
	link_run(duo.link);
	expect_over(duo.ab, 0);
	duo.b->asleep = false;
	received = recv_plain(duo.b, 100);
	link_run(duo.link);
	if (duo.ba->sess) {
		sess_path_down(sess_link(duo.ba->sess), 0);
		link_run(duo.link);
	}
	expect_over(duo.ba, 0);
	cr_assert(duo.ba->bye);
	expect_sent(sent);
	expect_received(received, 100, 1);
	duo_close(&duo);
	link_leak_check();
}

/* The path is closed behind the peer's BYE, before our own BYE was sent: the session still
 * ends in order. */
Test(session, path_closed_right_behind_a_bye)
{
	struct duo duo = duo_of(link_config());
	struct link_op *late = send_plain(duo.ba, 100000, 1);

	session_bye_came(duo.ba->sess, false);
	sess_path_down(sess_link(duo.ba->sess), 0);
	link_run(duo.link);
	expect_over(duo.ba, 0);
	expect_error(late, ECONNRESET);
	duo_close(&duo);
	link_leak_check();
}

/* -- time ------------------------------------------------------------------------------ */

Test(session, silent_peer_bounds_the_close)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent = send_plain(duo.ab, 50000, 1);

	duo.link->habits.silent = true;
	sess_ep_close(duo.a->ep, ECANCELED);
	link_wait(duo.link, duo.a->config.engine.close_timeout / 2);
	cr_assert_not_null(duo.ab->sess);
	link_wait(duo.link, duo.a->config.engine.close_timeout);
	expect_over(duo.ab, ETIMEDOUT);
	expect_error(sent, ETIMEDOUT);
	duo_close(&duo);
	link_leak_check();
}

Test(session, deadlines_are_told)
{
	struct duo duo = duo_of(link_config());
	uint64_t now = duo.link->now;

	cr_assert_eq(sess_tick(duo.a->engine, now), SESS_NEVER);
	duo.link->habits.silent = true;
	sess_close(duo.ab->sess);
	cr_assert_eq(sess_tick(duo.a->engine, now), now + duo.a->config.engine.close_timeout);
	cr_assert_eq(sess_tick(duo.a->engine, now + 5), now + duo.a->config.engine.close_timeout);
	link_wait(duo.link, 3 * duo.a->config.engine.close_timeout);
	cr_assert_eq(sess_tick(duo.a->engine, duo.link->now), SESS_NEVER);
	duo_close(&duo);
}

/* -- statistics ----------------------------------------------------------------------------- */

Test(session, endpoint_sums_up)
{
	struct duo duo = duo_of(link_config());
	struct sess_stats stats;
	struct link_op *sent, *received;

	for (unsigned round = 0; round < 3; round++) {
		struct link_end *end = link_end(duo.a, duo.b);

		if (!end)
			end = link_connect(duo.a, duo.b);
		received = recv_plain(duo.b, 100);
		sent = send_plain(end, 100, 1);
		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 100, 1);
		sess_close(end->sess);
		link_run(duo.link);
	}
	sess_ep_stats(duo.a->ep, &stats);
	cr_assert_eq(stats.tx_msgs[SESS_INLINE], 3);
	cr_assert_eq(stats.tx_bytes[SESS_INLINE], 300);
	sess_ep_stats(duo.b->ep, &stats);
	cr_assert_eq(stats.rx_msgs[SESS_INLINE], 3);
	cr_assert_eq(stats.failures, 0);
	duo_close(&duo);
	link_leak_check();
}

/* Messages that wait for a session to come up go over another one to their peer, in their
 * order, before those that are sent over it later. */
Test(session, waiting_sends_move)
{
	struct duo duo = duo_of(link_config());
	const struct sess_request request = {.session_id = 1, .instance = 1, .attempt = 1};
	struct link_op *sent[4], *received[4], *canceled;
	struct link_end *other;

	link_run(duo.link);
	other = link_scripted(duo.a, duo.a->ep, &request, SESS_SOURCE_ANY);
	for (unsigned i = 0; i < 4; i++)
		received[i] = recv_plain(duo.b, 50000);
	sent[0] = send_plain(other, 100, 1);
	sent[1] = send_plain(other, 50000, 2);
	canceled = send_plain(other, 200, 5);
	sent[2] = send_plain(other, 100, 3);
	sess_move_sends(other->sess, duo.ab->sess);
	cr_assert_eq(other->sess->pending, 0);
	cr_assert_eq(sess_cancel(&canceled->op), 0);
	sent[3] = send_plain(duo.ab, 100, 4);
	link_run(duo.link);
	expect_error(canceled, ECANCELED);
	for (unsigned i = 0; i < 4; i++) {
		expect_sent(sent[i]);
		expect_received(received[i], i == 1 ? 50000 : 100, i + 1);
	}
	cr_assert_eq(duo.ab->sess->pending, 0);
	link_scripted_down(other, ECONNRESET);
	link_destroy(duo.link);
	link_leak_check();
}

/* They fail where that session is closing; one that waited only for them is closed then. */
Test(session, waiting_sends_do_not_move_to_a_session_that_closes)
{
	struct duo duo = duo_of(link_config());
	const struct sess_request request = {.session_id = 1, .instance = 1, .attempt = 1};
	struct link_op *sent;
	struct link_end *other;

	link_run(duo.link);
	other = link_scripted(duo.a, duo.a->ep, &request, SESS_SOURCE_ANY);
	sent = send_plain(other, 100, 1);
	sess_close(other->sess);
	cr_assert_eq(other->sess->state, SESS_OPENING, "it waits for its message");
	sess_close(duo.ab->sess);
	sess_move_sends(other->sess, duo.ab->sess);
	cr_assert_eq(other->sess->state, SESS_FAILED);
	link_run(duo.link);
	expect_error(sent, ECONNRESET);
	cr_assert_eq(other->error, 0);
	link_destroy(duo.link);
	link_leak_check();
}
