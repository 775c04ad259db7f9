/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session and its links: the session outlives a link that is closed in order, continues
 * over the next one, and does not end when a further link fails to come up.
 */
#include "lib/sess_fixture.h"

enum { SMALL = 100, LARGE = 50000 };

static void exchange(struct duo *duo, size_t size, uint32_t pattern)
{
	struct link_op *there = recv_plain(duo->b, size), *back = recv_plain(duo->a, size);
	struct link_op *sent[] = {send_plain(duo->ab, size, pattern),
				  send_plain(duo->ba, size, pattern + 1)};

	link_run(duo->link);
	expect_sent(sent[0]);
	expect_sent(sent[1]);
	expect_received(there, size, pattern);
	expect_received(back, size, pattern + 1);
}

/* Both sides give up the link that the session has, in order. */
static void leave_link(struct duo *duo)
{
	struct sess *a = duo->ab->sess, *b = duo->ba->sess;

	sess_link_close(duo->ab->link);
	sess_link_close(duo->ba->link);
	link_run(duo->link);
	cr_assert_null(duo->ab->link);
	cr_assert_null(duo->ba->link);
	cr_assert_null(sess_link(a));
	cr_assert(sess_is_up(a) && sess_is_up(b), "the sessions go on");
}

Test(link, a_session_goes_on_over_its_next_link)
{
	struct duo duo = duo_of(link_config());
	struct sess *a = duo.ab->sess, *b = duo.ba->sess;
	const uint32_t id = duo.ab->link->id;
	uint32_t numbers;

	for (unsigned round = 0; round < 40; round++) { /* numbers wrap on the way */
		struct link_op *waiting, *received;

		exchange(&duo, SMALL, 10 * round);
		exchange(&duo, LARGE, 10 * round + 2);
		numbers = a->numbers.tx_next;
		leave_link(&duo);

		/* A message sent now waits for the next link. */
		received = recv_plain(duo.b, SMALL);
		waiting = link_op_create(duo.a, SMALL, 1);
		link_op_fill(waiting, 77);
		cr_assert_eq(link_send(a, waiting), 0);
		link_run(duo.link);
		cr_assert(waiting->pending && received->pending);

		if (round & 1)
			link_connect_again(duo.a, a, duo.b, b);
		else
			link_connect_again(duo.b, b, duo.a, a);
		link_run(duo.link);
		duo.ab = link_end(duo.a, duo.b);
		duo.ba = link_end(duo.b, duo.a);
		expect_sent(waiting);
		expect_received(received, SMALL, 77);
		cr_assert_eq(duo.ab->sess, a);
		cr_assert_neq(duo.ab->link->id, id);
		cr_assert_gt(credit_diff(a->numbers.tx_next, numbers), 0, "numbers go on");
	}
	cr_assert_eq(duo.a->ups, 1);
	cr_assert_eq(duo.a->downs, 0);
	duo_close(&duo);
}

/* A session without a link can be closed: with no path to send BYE on, it ends after its
 * close timeout. */
Test(link, a_session_between_two_links_ends)
{
	struct duo duo = duo_of(link_config());
	struct link_op *waiting = link_op_create(duo.a, SMALL, 1);

	exchange(&duo, LARGE, 1);
	leave_link(&duo);
	cr_assert_eq(link_send(TAILQ_FIRST(&duo.a->ep->sessions), waiting), 0);
	sess_ep_abort(duo.a->ep, ECONNRESET);
	link_run(duo.link);
	expect_error(waiting, ECONNRESET);
	cr_assert_eq(duo.a->downs, 1);
	duo_close(&duo);
}

/* A second link ends alone if it does not come up or if its peer is another one. */
Test(link, a_link_that_fails_to_open_ends_alone)
{
	struct duo duo = duo_of(link_config());
	struct sess_request stranger = {.session_id = 1, .cookie = 2, .instance = 3};
	struct link_end *second;
	struct sess_link *link;

	cr_assert_eq(sess_link_accept(duo.ba->sess, duo.b->core, &stranger, NULL, &link), -EINVAL);
	duo.link->habits.deaf = true;
	second = link_connect_again(duo.a, duo.ab->sess, duo.b, duo.ba->sess);
	link_wait(duo.link, 2 * duo.a->config.engine.hello_timeout);
	cr_assert_null(second->sess, "it was given up");
	cr_assert_eq(second->error, ETIMEDOUT);
	cr_assert(sess_is_up(duo.ab->sess));
	exchange(&duo, LARGE, 1);
	duo_close(&duo);
}

/* Messages on a link that is closed still arrive. */
Test(link, a_link_that_closes_ends_what_it_carries)
{
	struct duo duo = duo_of(link_config());
	struct link_op *sent, *received = recv_plain(duo.b, LARGE);

	sent = send_plain(duo.ab, LARGE, 5);
	link_act(duo.a);
	while (received->pending || sent->pending)
		cr_assert(link_step(duo.link));
	expect_sent(sent);
	expect_received(received, LARGE, 5);
	leave_link(&duo);
	link_connect_again(duo.a, TAILQ_FIRST(&duo.a->ep->sessions), duo.b,
			   TAILQ_FIRST(&duo.b->ep->sessions));
	link_run(duo.link);
	duo.ab = link_end(duo.a, duo.b);
	duo.ba = link_end(duo.b, duo.a);
	exchange(&duo, LARGE, 7);
	duo_close(&duo);
}

/* A send that has chosen its way but not left goes over the next link. */
Test(link, a_send_that_waits_changes_its_link)
{
	static const enum sess_way ways[] = {SESS_READ, SESS_WRITE, SESS_COPY};

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct link_config config = link_config();
		struct link_op *waiting, *received;
		struct sess_stats stats;
		struct duo duo;

		config.engine.transfer = ways[i];
		duo = duo_of(config);
		received = recv_plain(duo.b, LARGE);
		waiting = send_plain(duo.ab, LARGE, 9);
		cr_assert_eq(duo.ab->link->xfer_cnt, 1, "its way is chosen");
		leave_link(&duo);
		cr_assert(waiting->pending && received->pending);
		link_connect_again(duo.a, TAILQ_FIRST(&duo.a->ep->sessions), duo.b,
				   TAILQ_FIRST(&duo.b->ep->sessions));
		link_run(duo.link);
		duo.ab = link_end(duo.a, duo.b);
		duo.ba = link_end(duo.b, duo.a);
		expect_sent(waiting);
		expect_received(received, LARGE, 9);
		stats = stats_of(duo.ab);
		cr_assert_eq(stats.tx_msgs[ways[i]], 1);
		duo_close(&duo);
	}
	link_leak_check();
}

static void change_secret(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	const size_t at = WIRE_HEADER_LEN + WIRE_HELLO_LEN + WIRE_EXT_LEN;

	(void)link;
	(void)to;
	if (len > at && packet[WIRE_HEADER_LEN] == WIRE_HELLO)
		packet[at + WIRE_SECRET_LEN - 1] ^= 1;
}

/* A peer that does not know the session's secret cannot add a link to it, and harms nobody. */
Test(link, a_link_without_the_secret_is_turned_away)
{
	struct duo duo = duo_of(link_config());
	struct link_end *second;

	duo.link->tap = change_secret;
	second = link_connect_again(duo.a, duo.ab->sess, duo.b, duo.ba->sess);
	link_run(duo.link);
	cr_assert_null(second->sess, "it is over");
	duo.link->tap = NULL;
	cr_assert(sess_is_up(duo.ab->sess) && sess_is_up(duo.ba->sess));
	exchange(&duo, LARGE, 1);
	duo_close(&duo);
}

/* Turns a hello that resumes the session into that of a new session, which must be refused. */
static void change_type(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	const size_t at = WIRE_HEADER_LEN + WIRE_HELLO_LEN;

	(void)link;
	(void)to;
	if (len > at && packet[WIRE_HEADER_LEN] == WIRE_HELLO)
		packet[at] = 99;
}

Test(link, a_link_that_does_not_resume_is_turned_away)
{
	struct duo duo = duo_of(link_config());
	struct link_end *second;

	duo.link->tap = change_type;
	second = link_connect_again(duo.a, duo.ab->sess, duo.b, duo.ba->sess);
	link_run(duo.link);
	cr_assert_null(second->sess, "it is over");
	duo.link->tap = NULL;
	exchange(&duo, LARGE, 1);
	duo_close(&duo);
}

static void change_version(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	(void)to;
	if (len > WIRE_HEADER_LEN + 8 && packet[WIRE_HEADER_LEN] == WIRE_HELLO) {
		packet[WIRE_HEADER_LEN + 8]++;
		if (link->tap_arg) /* and the core takes no packet any more */
			link->habits.refuse = 100;
	}
}

/* A link that is refused has REFUSE to send when it goes down.  Whether the core takes that
 * packet, and whether it can send it, does not matter to the session. */
Test(link, a_link_that_is_refused_ends_alone)
{
	int no_room;

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct duo duo = duo_of(link_config());

		duo.link->rng = seed;
		duo.link->tap = change_version;
		duo.link->tap_arg = seed & 1 ? &no_room : NULL;
		link_connect_again(duo.a, duo.ab->sess, duo.b, duo.ba->sess);
		for (unsigned i = 0; i < 20; i++)
			link_step(duo.link);
		duo.link->habits.refuse = 0;
		link_run(duo.link);
		duo.link->tap = NULL;
		cr_assert(duo.ab->sess && sess_is_up(duo.ab->sess), "seed %u: %s", (unsigned)seed,
			  duo.ab->reason);
		cr_assert(duo.ba->sess && sess_is_up(duo.ba->sess), "seed %u: %s", (unsigned)seed,
			  duo.ba->reason);
		exchange(&duo, LARGE, 3);
		duo_close(&duo);
	}
	link_leak_check();
}

/* The only link of the node's only session: what its peer may send is what was promised. */
static void expect_promised(const struct link_node *node)
{
	const struct sess_link *link = sess_link(TAILQ_FIRST(&node->ep->sessions));

	cr_assert_eq(node->ep->rx->promised,
		     credit_left(&link->credit) * (int64_t)node->config.core.buffer_size,
		     "%lld bytes are promised, %d packets are left",
		     (long long)node->ep->rx->promised, credit_left(&link->credit));
}

/* Messages of all ways are under way in both directions when both sides close their link,
 * after so many steps.  Whatever they still need goes over the next link. */
static bool closed_after(enum sess_way way, unsigned steps)
{
	struct link_config config = link_config();
	struct link_op *sent[4], *received[4];
	struct sess *a, *b;
	struct duo duo;
	bool done = true;

	config.engine.transfer = way;
	config.core.local_mem = steps & 1;
	duo = duo_of(config);
	a = duo.ab->sess;
	b = duo.ba->sess;
	for (unsigned i = 0; i < 4; i++) {
		received[i] = recv_plain(i & 1 ? duo.a : duo.b, LARGE);
		sent[i] = send_plain(i & 1 ? duo.ba : duo.ab, i < 2 ? LARGE : SMALL, i);
	}
	for (unsigned i = 0; i < steps; i++)
		link_step(duo.link);
	for (unsigned i = 0; i < 4; i++)
		done = done && !sent[i]->pending && !received[i]->pending;
	sess_link_close(duo.ab->link);
	sess_link_close(duo.ba->link);
	link_run(duo.link);
	cr_assert_null(a->link);
	link_connect_again(duo.a, a, duo.b, b);
	link_run(duo.link);
	cr_assert(!duo.a->downs && !duo.b->downs, "way %d, %u steps", (int)way, steps);
	for (unsigned i = 0; i < 4; i++) {
		expect_sent(sent[i]);
		expect_received(received[i], i < 2 ? LARGE : SMALL, i);
	}
	cr_assert_not_null(a->link);
	cr_assert_eq(TAILQ_NEXT(TAILQ_FIRST(&a->links), sess_entry), NULL, "the first is over");
	cr_assert_eq(TAILQ_NEXT(TAILQ_FIRST(&b->links), sess_entry), NULL, "the first is over");
	cr_assert_eq(a->link->xfer_cnt, 0);
	expect_promised(duo.a);
	expect_promised(duo.b);
	duo_close(&duo);
	return done;
}

Test(link, transfers_end_over_the_next_link)
{
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		unsigned steps = 0;

		while (!closed_after((enum sess_way)way, steps))
			steps++;
		cr_assert_gt(steps, 10);
	}
	link_leak_check();
}
