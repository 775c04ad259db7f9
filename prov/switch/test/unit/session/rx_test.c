/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A receive context that two endpoints share: which endpoint's message a receive gets, what
 * its completion tells, and what happens when one endpoint is closed.
 */
#include <string.h>

#include "lib/sess_fixture.h"

/* Node b has two endpoints with one context.  Node a is connected to the first, c to the
 * second, which link_node.ep names from then on. */
struct shared {
	struct link *link;
	struct link_node *a, *b, *c;
	struct link_end *ab, *cb, *ba, *bc;
	struct sess_rx *rx;
	struct sess_ep *first;
};

static int second_user;

static struct shared shared_open(struct link_config config)
{
	struct shared shared = {.link = link_create(1)};

	shared.a = link_node(shared.link, &config);
	shared.b = link_node(shared.link, &config);
	shared.c = link_node(shared.link, &config);
	shared.first = shared.b->ep;
	cr_assert_eq(sess_rx_create(shared.b->engine, &shared.rx), 0);
	sess_ep_share_rx(shared.first, shared.rx);
	shared.ab = link_connect(shared.a, shared.b);
	link_run(shared.link);
	cr_assert_eq(sess_ep_create(shared.b->engine, &second_user, &shared.b->ep), 0);
	sess_ep_share_rx(shared.b->ep, shared.rx);
	shared.cb = link_connect(shared.c, shared.b);
	link_run(shared.link);
	shared.ba = link_end(shared.b, shared.a);
	shared.bc = link_end(shared.b, shared.c);
	cr_assert(shared.ab->up && shared.cb->up);
	return shared;
}

/* Closes the first endpoint, as its application would. */
static void close_first(struct shared *shared)
{
	sess_ep_close(shared->first, ECANCELED);
	sess_ep_destroy(shared->first);
	shared->first = NULL;
	link_act(shared->b);
	link_run(shared->link);
}

static void shared_close(struct shared *shared)
{
	expect_books_balance(shared->rx);
	if (shared->first)
		close_first(shared);
	expect_books_balance(shared->rx);
	sess_rx_close(shared->rx, ECANCELED);
	link_act(shared->b);
	sess_ep_close(shared->b->ep, ECANCELED);
	sess_rx_destroy(shared->rx);
	link_destroy(shared->link);
}

static void each_way(void (*check)(enum sess_way way))
{
	static const enum sess_way ways[] = {SESS_COPY, SESS_READ, SESS_WRITE};

	for (unsigned i = 0; i < 3; i++)
		check(ways[i]);
}

static void first_come(enum sess_way way)
{
	static const size_t sizes[] = {10, 50000, 0, 3000, 200000, 700};
	struct link_config config = link_config();
	struct link_op *sent[6], *received[6];
	struct shared shared;

	config.engine.transfer = way;
	shared = shared_open(config);
	for (unsigned i = 0; i < 6; i++)
		received[i] = recv_plain(shared.b, 200000);
	for (unsigned i = 0; i < 6; i++) {
		sent[i] = send_plain(i % 2 ? shared.cb : shared.ab, sizes[i], i);
		link_run(shared.link);
	}
	for (unsigned i = 0; i < 6; i++) {
		void *user = received[i]->op.user;

		cr_assert_eq(user, i % 2 ? (void *)&second_user : (void *)shared.b);
		expect_received(received[i], sizes[i], i);
		expect_sent(sent[i]);
	}
	cr_assert_eq(sess_ep_busy(shared.first), 0);
	cr_assert_eq(sess_ep_busy(shared.b->ep), 0);
	shared_close(&shared);
}

Test(rx, receives_take_what_comes_to_either_endpoint)
{
	each_way(first_come);
}

static void unexpected(enum sess_way way)
{
	struct link_config config = link_config();
	struct link_op *sent[4], *received[4];
	struct shared shared;

	config.engine.transfer = way;
	shared = shared_open(config);
	for (unsigned i = 0; i < 4; i++) {
		sent[i] = send_plain(i % 2 ? shared.cb : shared.ab, 20000 * i, i);
		link_run(shared.link);
	}
	for (unsigned i = 0; i < 4; i++)
		received[i] = recv_plain(shared.b, 100000);
	link_run(shared.link);
	for (unsigned i = 0; i < 4; i++) {
		void *user = received[i]->op.user;

		cr_assert_eq(user, i % 2 ? (void *)&second_user : (void *)shared.b);
		expect_received(received[i], 20000 * i, i);
		expect_sent(sent[i]);
	}
	shared_close(&shared);
}

Test(rx, messages_wait_in_the_order_in_which_they_came)
{
	each_way(unexpected);
}

Test(rx, closing_an_endpoint_drops_its_messages_and_no_others)
{
	struct shared shared = shared_open(link_config());
	struct link_op *dropped = send_plain(shared.ab, 100, 1), *kept, *received, *waits;

	link_run(shared.link);
	kept = send_plain(shared.cb, 200, 2);
	link_run(shared.link);
	expect_sent(dropped); /* inline: it had left */
	close_first(&shared);
	received = recv_plain(shared.b, 1000);
	link_run(shared.link);
	expect_received(received, 200, 2);
	expect_sent(kept);
	waits = recv_plain(shared.b, 1000);
	kept = send_plain(shared.cb, 300, 3);
	link_run(shared.link);
	expect_received(waits, 300, 3);
	expect_sent(kept);
	cr_assert_eq(shared.rx->kept, 0);
	shared_close(&shared);
}

Test(rx, what_is_announced_to_an_endpoint_that_closes_is_turned_down)
{
	struct link_config config = link_config();
	struct link_op *announced, *waits;
	struct shared shared;

	config.engine.transfer = SESS_READ;
	shared = shared_open(config);
	announced = send_plain(shared.ab, 300000, 1);
	link_run(shared.link);
	cr_assert(announced->pending);
	close_first(&shared);
	expect_error(announced, ECONNRESET);
	waits = recv_plain(shared.b, 1000);
	link_run(shared.link);
	cr_assert(waits->pending, "nothing is left for it");
	cr_assert_eq(sess_cancel(&waits->op), 0);
	link_act(shared.b);
	cr_assert_null(waits->op.user, "no endpoint had it");
	expect_error(waits, ECANCELED);
	shared_close(&shared);
}

/* Closing takes linear time: if it looked at the other endpoint's messages, this test would
 * take minutes. */
Test(rx, closing_does_not_look_at_the_messages_of_others)
{
	enum { CNT = 50000 };
	struct shared shared = shared_open(link_config());
	struct sess *self[2];

	cr_assert_eq(sess_connect_self(shared.b->ep, NULL, 1, &self[0]), 0);
	cr_assert_eq(sess_connect_self(shared.first, NULL, 2, &self[1]), 0);
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < CNT; i++) {
			struct link_op *op = link_op_create(shared.b, 4, 1);

			cr_assert_eq(link_send(self[s], op), 0);
			link_act(shared.b);
			expect_sent(op);
		}
	}
	sess_ep_close(shared.first, ECANCELED);
	cr_assert_eq(shared.first->own_rx.kept, 0);
	for (unsigned s = 0; s < 2; s++)
		sess_close(self[s]);
	sess_closed(self[0]);
	sess_closed(self[1]);
	shared_close(&shared);
}

Test(rx, an_endpoint_that_ends_leaves_shared_receives_alone)
{
	struct shared shared = shared_open(link_config());
	struct link_op *waits = recv_plain(shared.b, 1000), *sent;

	sess_ep_end(shared.first, ESHUTDOWN);
	link_act(shared.b);
	cr_assert(waits->pending);
	sent = send_plain(shared.cb, 5, 1);
	link_run(shared.link);
	expect_received(waits, 5, 1);
	expect_sent(sent);
	waits = recv_plain(shared.b, 1000);
	sess_rx_close(shared.rx, ECANCELED);
	link_act(shared.b);
	expect_error(waits, ECANCELED);
	shared_close(&shared);
}

Test(rx, what_is_looked_at_and_claimed_is_of_either_endpoint)
{
	struct shared shared = shared_open(link_config());
	struct link_op *sent, *op;
	int claim;

	sent = send_flags(shared.cb, 50, 1, 7, SESS_TAGGED, 42);
	link_run(shared.link);
	expect_sent(sent);
	op = link_op_create(shared.b, 100, 1);
	op->op.flags = SESS_TAGGED | SESS_PEEK | SESS_CLAIM;
	op->op.tag = 42;
	op->op.claim = &claim;
	cr_assert_eq(link_recv(op), 0);
	link_act(shared.b);
	cr_assert_eq(op->op.user, &second_user);
	cr_assert_eq(op->op.len, 50);
	link_op_destroy(op);
	op = link_op_create(shared.b, 100, 1);
	op->op.flags = SESS_TAGGED | SESS_CLAIM;
	op->op.claim = &claim;
	cr_assert_eq(link_recv(op), 0);
	link_act(shared.b);
	expect_received(op, 50, 7);
	shared_close(&shared);
}

Test(rx, one_piece_of_memory_for_messages_to_both)
{
	struct shared shared = shared_open(link_config());
	struct link_op *whole = link_op_create(shared.b, 10000, 1), *sent[4];

	whole->op.flags = SESS_MULTI;
	whole->op.multi_min = 1;
	whole->part_max = LINK_PARTS;
	cr_assert_eq(link_recv(whole), 0);
	for (unsigned i = 0; i < 4; i++) {
		sent[i] = send_plain(i % 2 ? shared.cb : shared.ab, 2500, i);
		link_run(shared.link);
	}
	cr_assert(!whole->pending);
	cr_assert_eq(whole->part_cnt, 4);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(whole->part[i]->op.user,
			     i % 2 ? (void *)&second_user : (void *)shared.b);
		cr_assert_eq(memcmp(whole->part[i]->op.iov[0].addr, sent[i]->op.iov[0].addr, 2500),
			     0);
		link_op_destroy(whole->part[i]);
		expect_sent(sent[i]);
	}
	link_op_destroy(whole);
	shared_close(&shared);
}

Test(rx, peers_of_every_endpoint_hear_that_it_is_full)
{
	struct link_config config = link_config();
	struct link_op *sent[40], *received;
	struct shared shared;

	config.engine.unexpected_max = 20000;
	shared = shared_open(config);
	for (unsigned i = 0; i < 40; i++) {
		sent[i] = send_plain(shared.ab, 1000, i);
		link_run(shared.link);
	}
	cr_assert(shared.rx->full);
	cr_assert(shared.ab->sess->peer_full);
	cr_assert(shared.cb->sess->peer_full, "it has sent nothing, and must not");
	for (unsigned i = 0; i < 40; i++) {
		received = recv_plain(shared.b, 1000);
		link_run(shared.link);
		expect_received(received, 1000, i);
		expect_sent(sent[i]);
		cr_assert_eq(shared.rx->full, shared.rx->kept > config.engine.unexpected_max / 2,
			     "full until half of it is received, or peers are told too often");
	}
	cr_assert(!shared.rx->full);
	cr_assert(!shared.ab->sess->peer_full);
	cr_assert(!shared.cb->sess->peer_full);
	shared_close(&shared);
}
