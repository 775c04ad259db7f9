/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receives whose memory many messages share (SESS_MULTI): where each message is placed, when
 * the receive ends, and what happens when it is canceled or closed, or when memory is short.
 */
#include "lib/sess_fixture.h"

enum { SPACE = 100000, LEAST = 1000 };

static struct link_op *recv_multi(struct link_node *node, size_t size, size_t least,
				  unsigned part_max)
{
	struct link_op *op = link_op_create(node, size, 1);

	op->op.flags = SESS_MULTI;
	op->op.multi_min = least;
	op->part_max = part_max;
	cr_assert_eq(link_recv(op), 0);
	return op;
}

/* Checks that this part holds the whole message at this place. */
static void expect_part(const struct link_op *part, const struct link_op *sent, const uint8_t *at,
			size_t len)
{
	cr_assert(!part->pending && part->completions == 1);
	cr_assert_eq(part->op.error, sent->op.len > len ? EMSGSIZE : 0);
	cr_assert_eq(part->op.iov[0].addr, at);
	cr_assert_eq(part->op.len, len);
	cr_assert_eq(part->op.full_len, sent->op.len);
	cr_assert_eq(memcmp(at, sent->op.iov[0].addr, len), 0);
}

static void destroy(struct link_op *whole)
{
	for (unsigned i = 0; i < whole->part_cnt; i++)
		link_op_destroy(whole->part[i]);
	link_op_destroy(whole);
}

static void shared(enum sess_way way, bool expected)
{
	static const size_t sizes[] = {100, 0, 30000, 5, 60000, 8000, 1500};
	struct link_config config = link_config();
	struct link_op *sent[7], *whole = NULL;
	const uint8_t *at;
	struct duo duo;

	config.engine.transfer = way;
	duo = duo_of(config);
	if (expected)
		whole = recv_multi(duo.b, SPACE, LEAST, LINK_PARTS);
	for (unsigned i = 0; i < 7; i++)
		sent[i] = send_plain(duo.ab, sizes[i], i);
	if (!expected) {
		link_run(duo.link);
		whole = recv_multi(duo.b, SPACE, LEAST, LINK_PARTS);
	}
	at = (uint8_t *)whole->op.iov[0].addr - (expected ? 0 : SPACE - whole->op.iov[0].len);
	link_run(duo.link);
	cr_assert(!whole->pending && !whole->op.error, "less is left than wanted");
	cr_assert_eq(whole->part_cnt, 7);
	for (unsigned i = 0; i < 7; i++) {
		expect_part(whole->part[i], sent[i], at, sizes[i]);
		at += sizes[i];
		expect_sent(sent[i]);
	}
	destroy(whole);
	duo_close(&duo);
}

Test(multi, messages_share_memory)
{
	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		shared((enum sess_way)way, true);
		shared((enum sess_way)way, false);
	}
	link_leak_check();
}

Test(multi, the_last_message_is_too_long)
{
	for (int way = SESS_READ; way <= SESS_AUTO; way++) {
		struct link_config config = link_config();
		struct link_op *whole, *next, *sent[3];
		const uint8_t *at;
		struct duo duo;

		config.engine.transfer = (enum sess_way)way;
		duo = duo_of(config);
		whole = recv_multi(duo.b, 50000, 0, LINK_PARTS);
		next = recv_plain(duo.b, 100);
		at = whole->op.iov[0].addr;
		sent[0] = send_plain(duo.ab, 49000, 0);
		sent[1] = send_plain(duo.ab, 20000, 1);
		sent[2] = send_plain(duo.ab, 100, 2);
		link_run(duo.link);
		cr_assert(!whole->pending && !whole->op.error);
		expect_part(whole->part[0], sent[0], at, 49000);
		expect_part(whole->part[1], sent[1], at + 49000, 1000);
		expect_sent(sent[0]);
		link_op_destroy(sent[1]); /* its send may or may not report the error */
		expect_sent(sent[2]);
		expect_received(next, 100, 2);
		destroy(whole);
		duo_close(&duo);
	}
}

Test(multi, canceled)
{
	struct duo duo = duo_of(link_config());
	struct link_op *whole = recv_multi(duo.b, SPACE, LEAST, LINK_PARTS), *sent, *other;

	sent = send_plain(duo.ab, 50000, 1);
	link_run(duo.link);
	cr_assert(whole->pending);
	cr_assert_eq(sess_cancel(&whole->op), 0);
	other = send_plain(duo.ab, 10, 2);
	link_run(duo.link);
	cr_assert(!whole->pending);
	cr_assert_eq(whole->op.error, ECANCELED);
	cr_assert_eq(whole->part_cnt, 1, "nothing is received any more");
	expect_sent(sent);
	expect_sent(other);
	destroy(whole);
	duo_close(&duo);
}

Test(multi, the_endpoint_closes)
{
	struct duo duo = duo_of(link_config());
	struct link_op *whole = recv_multi(duo.b, SPACE, LEAST, LINK_PARTS), *sent;

	sent = send_plain(duo.ab, 50, 1);
	link_run(duo.link);
	sess_ep_close(duo.b->ep, ECANCELED);
	link_run(duo.link);
	cr_assert(!whole->pending);
	cr_assert_eq(whole->op.error, ECANCELED);
	expect_sent(sent);
	destroy(whole);
	duo_close(&duo);
}

/* If there is no memory for a part the receive ends, and the message matches the next receive. */
Test(multi, no_memory_for_a_part)
{
	struct duo duo = duo_of(link_config());
	struct link_op *whole = recv_multi(duo.b, SPACE, LEAST, 1), *next, *sent[2];
	const uint8_t *at = whole->op.iov[0].addr;

	next = recv_plain(duo.b, 100);
	sent[0] = send_plain(duo.ab, 70, 0);
	sent[1] = send_plain(duo.ab, 80, 1);
	link_run(duo.link);
	cr_assert(!whole->pending);
	cr_assert_eq(whole->op.error, ENOMEM);
	expect_part(whole->part[0], sent[0], at, 70);
	expect_received(next, 80, 1);
	expect_sent(sent[0]);
	expect_sent(sent[1]);
	destroy(whole);
	duo_close(&duo);
}

Test(multi, what_is_refused)
{
	struct duo duo = duo_of(link_config());
	struct link_op *two = link_op_create(duo.b, 100, 2), *none = link_op_create(duo.b, 0, 1);
	struct link_op *peek = link_op_create(duo.b, 100, 1);

	two->op.flags = SESS_MULTI;
	cr_assert_eq(link_recv(two), -EINVAL);
	none->op.flags = SESS_MULTI;
	cr_assert_eq(link_recv(none), -EINVAL);
	peek->op.flags = SESS_MULTI | SESS_PEEK;
	cr_assert_eq(link_recv(peek), -EINVAL);
	link_op_destroy(two);
	link_op_destroy(none);
	link_op_destroy(peek);
	duo_close(&duo);
}
