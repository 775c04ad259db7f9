/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An endpoint that sends to itself, which is known at once or discovered while it connects:
 * nothing is sent over a path, and messages behave as with a peer.
 */
#include "lib/sess_fixture.h"

struct solo {
	struct link *link;
	struct link_node *node;
	struct link_end *end;
};

/* known: the driver knows it; otherwise the endpoint's own request comes back to it. */
static struct solo solo_open(bool known)
{
	struct solo solo = {.link = link_create(1)};
	struct link_config config = link_config();

	solo.node = link_node(solo.link, &config);
	if (known) {
		solo.end = link_connect_self(solo.node);
	} else {
		solo.end = link_connect(solo.node, solo.node);
		link_run(solo.link);
	}
	cr_assert(sess_is_up(solo.end->sess));
	return solo;
}

static void messages(bool known)
{
	static const size_t sizes[] = {0, 1, 100, 600, 5000, 300000};
	struct solo solo = solo_open(known);

	for (unsigned i = 0; i < 24; i++) {
		size_t size = sizes[i % 6];
		unsigned flags = i / 6 & 1 ? SESS_TAGGED | SESS_DATA : 0;
		struct link_op *sent, *received = NULL;

		if (i / 12)
			received = recv_flags(solo.node, size, 3, flags & SESS_TAGGED,
					      flags ? 5 : 0, 0);
		sent = send_flags(solo.end, size, 2, i, flags, flags ? 5 : 0);
		if (!received)
			received = recv_flags(solo.node, size, 3, flags & SESS_TAGGED,
					      flags ? 5 : 0, 0);
		link_run(solo.link);
		cr_assert_eq(!!(received->op.flags & SESS_DATA), !!flags);
		cr_assert_eq(received->op.source, solo.node->idx);
		expect_sent(sent);
		expect_received(received, size, i);
	}
	cr_assert_eq(solo.link->packets, 0);
	link_destroy(solo.link);
	link_leak_check();
}

Test(self, messages)
{
	messages(true);
	messages(false);
}

/* Small unexpected messages are copied, large ones wait for their receive; injected ones
 * never wait. */
Test(self, unexpected)
{
	struct solo solo = solo_open(true);
	struct link_op *small = send_plain(solo.end, 100, 1),
		       *large = send_plain(solo.end, 5000, 2);
	struct link_op *injected = send_flags(solo.end, 3000, 1, 3, SESS_INJECT, 0);
	struct link_op *delivery = send_flags(solo.end, 100, 1, 4, SESS_DELIVERY, 0);
	struct link_op *received;

	link_run(solo.link);
	cr_assert(!small->pending && large->pending && !injected->pending && delivery->pending);
	received = recv_plain(solo.node, 100);
	link_run(solo.link);
	expect_received(received, 100, 1);
	received = recv_plain(solo.node, 4000);
	link_run(solo.link);
	cr_assert_eq(received->op.len, 4000);
	cr_assert(link_op_holds(received, 2, 4000));
	expect_error(received, EMSGSIZE);
	received = recv_plain(solo.node, 3000);
	link_run(solo.link);
	expect_received(received, 3000, 3);
	received = recv_plain(solo.node, 100);
	link_run(solo.link);
	expect_received(received, 100, 4);
	expect_sent(small);
	expect_sent(large);
	expect_sent(injected);
	expect_sent(delivery);
	link_destroy(solo.link);
	link_leak_check();
}

Test(self, canceled_and_claimed)
{
	struct solo solo = solo_open(true);
	struct link_op *first = send_plain(solo.end, 5000, 1),
		       *second = send_plain(solo.end, 5000, 2);
	struct link_op *third = send_plain(solo.end, 5000, 3), *peek;

	cr_assert_eq(sess_cancel(&first->op), 0);
	link_run(solo.link);
	expect_error(first, ECANCELED);
	peek = link_op_create(solo.node, 5000, 1);
	peek->op.flags = SESS_PEEK | SESS_CLAIM;
	cr_assert_eq(link_recv(peek), 0);
	link_run(solo.link);
	cr_assert_eq(sess_cancel(&second->op), -ENOENT, "it is claimed");
	peek->op.flags = SESS_CLAIM;
	cr_assert_eq(link_recv(peek), 0);
	link_run(solo.link);
	expect_received(peek, 5000, 2);
	expect_sent(second);
	peek = recv_flags(solo.node, 0, 1, SESS_PEEK | SESS_DISCARD, 0, 0);
	link_run(solo.link);
	expect_error(peek, 0);
	expect_sent(third);
	link_destroy(solo.link);
	link_leak_check();
}

Test(self, closed)
{
	for (unsigned how = 0; how < 3; how++) {
		struct solo solo = solo_open(how & 1);
		struct link_op *waits = send_plain(solo.end, 5000, 1);
		struct link_op *copied = send_plain(solo.end, 100, 2);

		if (how < 2)
			sess_ep_close(solo.node->ep, ECANCELED);
		else
			sess_close(solo.end->sess);
		link_run(solo.link);
		cr_assert_null(solo.end->sess);
		expect_error(waits, ECANCELED);
		expect_sent(copied);
		link_destroy(solo.link);
	}
	link_leak_check();
}

/* The endpoint is closed before it found out that it is its own peer. */
Test(self, closed_while_connecting)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *node = link_node(link, &config);
	struct link_end *end = link_connect(node, node);
	struct link_op *sent = send_plain(end, 100, 1);

	sess_ep_close(node->ep, ECANCELED);
	link_run(link);
	cr_assert_null(end->sess);
	cr_assert(!sent->pending);
	link_op_destroy(sent);
	link_destroy(link);
	link_leak_check();
}
