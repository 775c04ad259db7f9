/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching: tags and masks, receives for one source, order, expected and unexpected messages,
 * peek, claim, discard, cancel; and how much unmatched data an endpoint keeps.
 */
#include "lib/sess_fixture.h"

/* Sends a tagged message with 16 bytes of payload. */
static struct link_op *tagged(struct link_end *end, uint64_t tag, uint32_t pattern)
{
	return send_flags(end, 16, 1, pattern, SESS_TAGGED | SESS_DATA, tag);
}

static struct link_op *want(struct link_node *node, uint64_t tag, uint64_t ignore)
{
	return recv_flags(node, 16, 1, SESS_TAGGED, tag, ignore);
}

/* Either the receives or the messages come first. */
static void tags_and_masks(bool expected)
{
	struct duo duo = duo_of(link_config());
	struct link_op *op[4] = {NULL}, *sent[4];

	for (unsigned round = 0; round < 2; round++) {
		if ((round == 0) == expected) {
			op[0] = want(duo.b, 5, 0);
			op[1] = want(duo.b, 0x10, 0xf);
			op[2] = want(duo.b, 0, UINT64_MAX);
			op[3] = want(duo.b, 5, 0);
		} else {
			sent[0] = tagged(duo.ab, 0x1f, 1); /* op 1 */
			sent[1] = tagged(duo.ab, 5, 2);	   /* op 0 */
			sent[2] = tagged(duo.ab, 5, 3);	   /* op 2: posted before 3 */
			sent[3] = tagged(duo.ab, 5, 4);	   /* op 3 */
		}
		link_run(duo.link);
	}
	cr_assert_eq(op[1]->op.tag, 0x1f);
	cr_assert_eq(op[1]->op.data, ~UINT64_C(1));
	cr_assert_eq(op[1]->op.source, duo.a->idx);
	cr_assert(op[1]->op.flags & SESS_DATA);
	expect_received(op[0], 16, 2);
	expect_received(op[1], 16, 1);
	expect_received(op[2], 16, 3);
	expect_received(op[3], 16, 4);
	for (unsigned i = 0; i < 4; i++)
		expect_sent(sent[i]);
	duo_close(&duo);
	link_leak_check();
}

Test(match, expected_tags_and_masks)
{
	tags_and_masks(true);
}

Test(match, unexpected_tags_and_masks)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent[3], *op;

	sent[0] = tagged(duo.ab, 0x1f, 1);
	sent[1] = tagged(duo.ab, 5, 2);
	sent[2] = tagged(duo.ab, 5, 3);
	link_run(duo.link);
	cr_assert_eq(stats_of(duo.ba).unexpected_msgs, 3);
	op = want(duo.b, 5, 0);
	link_run(duo.link);
	expect_received(op, 16, 2);
	op = want(duo.b, 0, UINT64_MAX);
	link_run(duo.link);
	cr_assert_eq(op->op.tag, 0x1f);
	expect_received(op, 16, 1);
	op = want(duo.b, 4, 1);
	link_run(duo.link);
	expect_received(op, 16, 3);
	for (unsigned i = 0; i < 3; i++)
		expect_sent(sent[i]);
	duo_close(&duo);
	link_leak_check();
}

Test(match, tagged_and_plain_do_not_mix)
{
	struct duo duo = duo_of(link_config());
	struct link_op *plain = recv_plain(duo.b, 16), *any = want(duo.b, 0, UINT64_MAX);
	struct link_op *first = tagged(duo.ab, 0, 1), *second = send_plain(duo.ab, 16, 2);

	link_run(duo.link);
	cr_assert(!(plain->op.flags & SESS_DATA));
	expect_received(any, 16, 1);
	expect_received(plain, 16, 2);
	expect_sent(first);
	expect_sent(second);
	duo_close(&duo);
}

Test(match, directed_receives)
{
	struct link_config config = link_config();
	struct duo duo = duo_of(config);
	struct link_node *c = link_node(duo.link, &config);
	struct link_end *cb = link_connect(c, duo.b);
	struct link_op *from_c, *from_any, *sent[2];

	link_run(duo.link);
	from_c = link_op_create(duo.b, 16, 1);
	from_c->op.source = c->idx;
	cr_assert_eq(link_recv(from_c), 0);
	from_any = recv_plain(duo.b, 16);
	sent[0] = send_plain(duo.ab, 16, 1);
	link_run(duo.link);
	expect_received(from_any, 16, 1);
	cr_assert(from_c->pending);
	sent[1] = send_plain(cb, 16, 2);
	link_run(duo.link);
	cr_assert_eq(from_c->op.source, c->idx);
	expect_received(from_c, 16, 2);
	expect_sent(sent[0]);
	expect_sent(sent[1]);
	duo_close(&duo);
}

/* A peer's source address becomes known late: it holds for the messages that came before, too. */
Test(match, source_named_late)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent, *op = link_op_create(duo.b, 16, 1);

	sess_set_source(duo.ba->sess, SESS_SOURCE_ANY);
	sent = send_plain(duo.ab, 16, 1);
	link_run(duo.link);
	sess_set_source(duo.ba->sess, 33);
	cr_assert_eq(sess_source(duo.ba->sess), 33);
	op->op.source = 33;
	cr_assert_eq(link_recv(op), 0);
	link_run(duo.link);
	cr_assert_eq(op->op.source, 33);
	expect_received(op, 16, 1);
	expect_sent(sent);
	duo_close(&duo);
}

Test(match, peek_finds_and_leaves)
{
	struct duo duo = duo_of(link_config());
	struct link_op *op, *sent;

	op = recv_flags(duo.b, 16, 1, SESS_TAGGED | SESS_PEEK, 7, 0);
	link_run(duo.link);
	expect_error(op, ENOMSG);
	sent = tagged(duo.ab, 7, 1);
	link_run(duo.link);
	for (unsigned i = 0; i < 2; i++) {
		op = recv_flags(duo.b, 16, 1, SESS_TAGGED | SESS_PEEK, 0, UINT64_MAX);
		link_run(duo.link);
		cr_assert_eq(op->op.tag, 7);
		cr_assert_eq(op->op.len, 16);
		cr_assert_eq(op->op.source, duo.a->idx);
		cr_assert(link_op_holds(op, 0, 0), "a peek moves nothing");
		expect_error(op, 0);
	}
	op = want(duo.b, 7, 0);
	link_run(duo.link);
	expect_received(op, 16, 1);
	expect_sent(sent);
	duo_close(&duo);
}

/* Claims messages of any size; the rest of a large one is fetched when the claim is received. */
static void claims(size_t size, void *context)
{
	struct duo duo = duo_of(link_config());
	struct link_op *first, *second, *op, *other;

	first = send_flags(duo.ab, size, 1, 1, SESS_TAGGED, 7);
	second = send_flags(duo.ab, size, 1, 2, SESS_TAGGED, 7);
	link_run(duo.link);
	op = link_op_create(duo.b, size, 1);
	op->op.flags = SESS_TAGGED | SESS_PEEK | SESS_CLAIM;
	op->op.tag = 7;
	op->op.claim = context;
	cr_assert_eq(link_recv(op), 0);
	link_run(duo.link);
	cr_assert(!op->pending && !op->op.error);
	other = recv_flags(duo.b, size, 1, SESS_TAGGED, 7, 0);
	link_run(duo.link);
	expect_received(other, size, 2);
	op->op.flags = SESS_TAGGED | SESS_CLAIM;
	cr_assert_eq(link_recv(op), 0);
	link_run(duo.link);
	expect_received(op, size, 1);
	op = link_op_create(duo.b, size, 1);
	op->op.flags = SESS_TAGGED | SESS_CLAIM;
	op->op.claim = context;
	cr_assert_eq(link_recv(op), 0);
	link_run(duo.link);
	expect_error(op, ENOMSG);
	expect_sent(first);
	expect_sent(second);
	duo_close(&duo);
	link_leak_check();
}

Test(match, claimed)
{
	int context;

	claims(16, &context);
	claims(10000, &context);
	claims(100000, &context);
}

/* The context of a claim may be any pointer, also NULL. */
Test(match, claimed_without_a_name)
{
	claims(16, NULL);
	claims(100000, NULL);
}

/* What is claimed is found by nobody else, not even when its sender gets another name; of so
 * many messages there is an index by source. */
Test(match, claimed_then_named)
{
	enum { CNT = 40 };
	struct duo duo = duo_of(link_config());
	struct link_op *sent[CNT], *op;

	for (unsigned i = 0; i < CNT; i++)
		sent[i] = tagged(duo.ab, 7, i);
	link_run(duo.link);
	op = recv_flags(duo.b, 0, 1, SESS_TAGGED | SESS_PEEK | SESS_CLAIM, 7, 0);
	link_run(duo.link);
	expect_error(op, 0);
	sess_set_source(duo.ba->sess, 33);
	for (unsigned i = 1; i < CNT; i++) {
		op = link_op_create(duo.b, 16, 1);
		op->op.flags = SESS_TAGGED;
		op->op.tag = 7;
		op->op.source = 33;
		cr_assert_eq(link_recv(op), 0);
		link_run(duo.link);
		expect_received(op, 16, i);
	}
	op = recv_flags(duo.b, 16, 1, SESS_TAGGED | SESS_CLAIM, 7, 0);
	link_run(duo.link);
	cr_assert_eq(op->op.source, 33);
	expect_received(op, 16, 0);
	for (unsigned i = 0; i < CNT; i++)
		expect_sent(sent[i]);
	duo_close(&duo);
	link_leak_check();
}

/* The sender may cancel a message whose announcement was claimed. */
Test(match, claimed_then_called_back)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent, *op, *others[3];

	others[0] = tagged(duo.ab, 1, 1);
	sent = send_flags(duo.ab, 100000, 1, 2, SESS_TAGGED, 7);
	others[1] = tagged(duo.ab, 1, 3);
	link_run(duo.link);
	op = recv_flags(duo.b, 0, 1, SESS_TAGGED | SESS_PEEK | SESS_CLAIM, 7, 0);
	link_run(duo.link);
	expect_error(op, 0);
	cr_assert_eq(sess_cancel(&sent->op), 0);
	link_run(duo.link);
	expect_error(sent, ECANCELED);
	op = recv_flags(duo.b, 0, 1, SESS_TAGGED | SESS_CLAIM, 7, 0);
	link_run(duo.link);
	expect_error(op, ENOMSG);
	others[2] = tagged(duo.ab, 1, 5);
	link_run(duo.link);
	for (unsigned i = 0; i < 3; i++) {
		op = want(duo.b, 1, 0);
		link_run(duo.link);
		expect_received(op, 16, 1 + 2 * i);
		expect_sent(others[i]);
	}
	duo_close(&duo);
	link_leak_check();
}

Test(match, discarded)
{
	static const size_t sizes[] = {16, 10000, 100000};

	for (unsigned i = 0; i < 3; i++) {
		struct duo duo = duo_of(link_config());
		struct link_op *op, *sent;

		sent = send_flags(duo.ab, sizes[i], 1, 1, SESS_TAGGED | SESS_DELIVERY, 7);
		link_run(duo.link);
		op = recv_flags(duo.b, 0, 1, SESS_TAGGED | SESS_PEEK | SESS_DISCARD, 7, 0);
		link_run(duo.link);
		expect_error(op, 0);
		expect_sent(sent);
		sent = send_flags(duo.ab, sizes[i], 1, 1, SESS_TAGGED, 7);
		link_run(duo.link);
		op = recv_flags(duo.b, 0, 1, SESS_TAGGED | SESS_PEEK | SESS_CLAIM, 7, 0);
		link_run(duo.link);
		op->op.flags = SESS_TAGGED | SESS_CLAIM | SESS_DISCARD;
		cr_assert_eq(link_recv(op), 0);
		link_run(duo.link);
		expect_error(op, 0);
		expect_sent(sent);
		cr_assert_eq(duo.b->ep->rx->kept, 0);
		duo_close(&duo);
		link_leak_check();
	}
}

Test(match, receives_that_are_refused)
{
	struct duo duo = duo_of(link_config());
	struct link_op *op = link_op_create(duo.b, 16, 1);

	op->op.flags = SESS_DISCARD;
	cr_assert_eq(link_recv(op), -EINVAL);
	op->op.flags = 0;
	op->op.iov_cnt = SESS_IOV_MAX + 1;
	cr_assert_eq(link_recv(op), -EINVAL);
	op->op.iov_cnt = 1;
	sess_ep_close(duo.b->ep, ECANCELED);
	cr_assert_eq(link_recv(op), -EINVAL);
	link_op_destroy(op);
	duo_close(&duo);
}

Test(match, canceled_receives)
{
	struct duo duo = duo_of(link_config());
	struct link_op *op[3], *sent;

	for (unsigned i = 0; i < 3; i++)
		op[i] = recv_plain(duo.b, 16);
	cr_assert_eq(sess_cancel(&op[1]->op), 0);
	cr_assert_eq(sess_cancel(&op[1]->op), -ENOENT, "once is enough");
	link_run(duo.link);
	cr_assert_eq(sess_cancel(&op[1]->op), -ENOENT, "too late");
	expect_error(op[1], ECANCELED);
	sent = send_plain(duo.ab, 16, 1);
	link_run(duo.link);
	expect_received(op[0], 16, 1);
	expect_sent(sent);
	cr_assert_eq(sess_cancel(&op[2]->op), 0);
	link_run(duo.link);
	expect_error(op[2], ECANCELED);
	duo_close(&duo);
}

Test(match, closing_the_endpoint_ends_its_receives)
{
	struct duo duo = duo_of(link_config());
	struct link_op *op = recv_plain(duo.b, 16), *other = want(duo.b, 1, 0);

	sess_ep_close(duo.b->ep, EBADF);
	link_run(duo.link);
	expect_error(op, EBADF);
	expect_error(other, EBADF);
	duo_close(&duo);
}

/* The only session of the endpoint is over: no message can come any more, and those that came
 * stay. */
Test(match, ended_endpoint)
{
	struct duo duo = duo_of(link_config());
	struct link_op *posted, *kept, *sent;

	posted = want(duo.b, 1, 0);
	sent = send_plain(duo.ab, 16, 1);
	link_run(duo.link);
	sess_ep_end(duo.b->ep, ENOTCONN);
	link_run(duo.link);
	expect_error(posted, ENOTCONN);
	kept = recv_plain(duo.b, 16);
	posted = recv_plain(duo.b, 16);
	link_run(duo.link);
	expect_received(kept, 16, 1);
	expect_error(posted, ENOTCONN);
	expect_sent(sent);
	duo_close(&duo);
	link_leak_check();
}

/* -- storage -------------------------------------------------------------------- */

/* A peer sends more than the receiver keeps: it then only announces its messages; nothing is
 * lost, the order stays, and memory is bounded, even if hardly anything may be kept. */
static void flood(uint64_t unexpected_max)
{
	struct link_config config = link_config();
	struct duo duo;
	struct link_op *sent[200], *op;

	config.engine.unexpected_max = unexpected_max;
	duo = duo_of(config);
	for (unsigned i = 0; i < 200; i++) {
		sent[i] = send_plain(duo.ab, 100 + i * 10 % 700, i);
		if (i % 7 == 0)
			link_run(duo.link);
	}
	link_run(duo.link);
	/* At most the messages that were in flight when the peer was told, and announcements. */
	cr_assert_leq(duo.b->ep->rx->kept,
		      unexpected_max + config.core.credits * config.core.buffer_size +
			      200 * (sizeof(struct sess_message) + sizeof(struct sess_xfer)));
	cr_assert(duo.b->ep->rx->full);
	for (unsigned i = 0; i < 200; i++) {
		op = recv_plain(duo.b, 900);
		link_run(duo.link);
		expect_received(op, 100 + i * 10 % 700, i);
		expect_sent(sent[i]);
	}
	cr_assert(!duo.b->ep->rx->full);
	cr_assert_eq(duo.b->ep->rx->kept, 0);
	/* Afterwards messages are sent as before. */
	op = recv_plain(duo.b, 100);
	sent[0] = send_plain(duo.ab, 100, 7);
	link_run(duo.link);
	expect_received(op, 100, 7);
	expect_sent(sent[0]);
	cr_assert_eq(stats_of(duo.ba).failures, 0);
	duo_close(&duo);
	link_leak_check();
}

Test(match, unexpected_storage_is_bounded)
{
	flood(10000);
}

Test(match, unexpected_storage_of_next_to_nothing)
{
	flood(1);
}

static struct link_op *want_from(struct link_node *node, uint64_t source)
{
	struct link_op *op = link_op_create(node, 16, 1);

	op->op.flags = SESS_TAGGED;
	op->op.ignore = UINT64_MAX;
	op->op.source = source;
	cr_assert_eq(link_recv(op), 0);
	return op;
}

static void canceled(struct link_op *op)
{
	cr_assert(op->pending);
	cr_assert_eq(sess_cancel(&op->op), 0);
	link_act(op->node);
	expect_error(op, ECANCELED);
}

Test(match, a_peer_gone_without_a_word_ends_receives_from_it_alone)
{
	struct duo duo = duo_of(link_config());
	struct link_op *from_it = want_from(duo.b, duo.a->idx);
	struct link_op *from_other = want_from(duo.b, duo.a->idx + 7);
	struct link_op *from_any = want_from(duo.b, SESS_SOURCE_ANY);

	link_break(duo.ab);
	link_run(duo.link);
	expect_error(from_it, ECONNRESET);
	canceled(from_other);
	canceled(from_any);
	duo_close(&duo);
}

Test(match, a_peer_that_closes_leaves_receives_from_it_waiting)
{
	struct duo duo = duo_of(link_config());
	struct link_op *from_it = want_from(duo.b, duo.a->idx);

	sess_close(duo.ab->sess);
	link_act(duo.a);
	link_run(duo.link);
	cr_assert(duo.ba->down);
	canceled(from_it);
	duo_close(&duo);
}

/* A session of a and b ends before it is up: at once, or when b has accepted it. */
static void gone_before_it_is_up(bool accepted, int error, int expected)
{
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *end = ab;
	struct link_node *at = accepted ? b : a, *other = accepted ? a : b;
	struct link_op *from_it = want_from(at, other->idx);
	struct link_op *from_other = want_from(at, other->idx + 7);
	struct link_op *from_any = want_from(at, SESS_SOURCE_ANY);
	struct link_op *again;

	while (accepted && !(end = link_end(b, a)))
		cr_assert(link_step(link));
	cr_assert_lt(end->sess->state, SESS_OPEN);
	sess_path_down(sess_link(end->sess), error);
	link_act(at);
	if (expected)
		expect_error(from_it, expected);
	else
		canceled(from_it);
	canceled(from_other);
	canceled(from_any);
	/* a receive that is posted later waits: the peer may still come */
	again = want_from(at, other->idx);
	link_run(link);
	canceled(again);
	link_destroy(link);
}

Test(match, a_peer_gone_before_it_is_up_ends_receives_from_it_alone)
{
	gone_before_it_is_up(false, ECONNREFUSED, ECONNREFUSED);
	gone_before_it_is_up(false, ECONNRESET, ECONNRESET);
	/* A peer that has connected but sent no hello may be anybody. */
	gone_before_it_is_up(true, ECONNRESET, 0);
	gone_before_it_is_up(true, 0, 0);
	link_leak_check();
}

/* A peer never answers, and the time for its hello runs out. */
Test(match, a_peer_that_never_answers_ends_receives_from_it_alone)
{
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_op *from_it = want_from(a, b->idx);

	link->habits.deaf = true;
	link_connect(a, b);
	link_wait(link, 31 * UINT64_C(1000000000));
	link_run(link);
	expect_error(from_it, ETIMEDOUT);
	link_destroy(link);
	link_leak_check();
}

/* This side gives a session up for another one with the same peer, which then serves the
 * receives. */
Test(match, a_session_given_up_before_it_is_up_leaves_receives)
{
	struct link_config config = link_config();
	struct link *link = link_create(1);
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_op *from_it = want_from(a, b->idx), *sent;

	sess_abort(link_connect(a, b)->sess, ECONNRESET);
	link_run(link);
	cr_assert(from_it->pending);
	link_connect(b, a);
	link_run(link);
	sent = send_flags(link_end(b, a), 16, 1, 5, SESS_TAGGED, 3);
	link_run(link);
	expect_sent(sent);
	expect_received(from_it, 16, 5);
	link_destroy(link);
	link_leak_check();
}
