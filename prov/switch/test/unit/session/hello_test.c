/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How sessions begin: the contents of the hello, refusals and the reason that both sides
 * report, silent peers, the preamble of the connection, crossing connects in every order, and
 * restarted peers.
 */
#include <string.h>

#include "lib/sess_fixture.h"

/* -- hello --------------------------------------------------------------------------- */

Test(hello, tells_the_name_and_comes_up)
{
	struct duo duo = duo_of(link_config());
	size_t len;

	cr_assert(!memcmp(sess_peer_name(duo.ab->sess, &len), "node 1", 7));
	cr_assert_eq(len, 7);
	cr_assert(!memcmp(sess_peer_name(duo.ba->sess, &len), "node 0", 7));
	cr_assert_eq(duo.a->ups, 1);
	cr_assert_eq(duo.b->ups, 1);
	cr_assert_eq(sess_user(duo.ab->sess), duo.ab);
	cr_assert_eq(sess_source(duo.ab->sess), duo.b->idx);
	cr_assert_str_eq(sess_reason(duo.ab->sess), "");
	cr_assert_leq(duo.link->longest_packet, WIRE_HELLO_MAX);
	duo_close(&duo);
	link_leak_check();
}

Test(hello, sends_wait_until_it_is_up)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b);
	struct link_op *sent[30], *received[30];

	for (unsigned i = 0; i < 30; i++) {
		sent[i] = send_plain(ab, i * 1500, i);
		received[i] = recv_plain(b, i * 1500);
	}
	cr_assert(!sess_is_up(ab->sess));
	cr_assert(sess_is_open(ab->sess));
	link_run(link);
	for (unsigned i = 0; i < 30; i++) {
		expect_sent(sent[i]);
		expect_received(received[i], i * 1500, i);
	}
	link_destroy(link);
	link_leak_check();
}

/* Where the field of a hello begins in its packet. */
enum { AT = WIRE_HEADER_LEN };

struct change {
	size_t at;
	uint8_t value, from; /* the node that sent the hello */
	uint8_t len;	     /* bytes that change: the first becomes value, the others 0 */
};

static void change_hello(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	const struct change *change = link->tap_arg;

	if (len <= AT || packet[AT] != WIRE_HELLO || to->peer_idx != change->from)
		return;
	for (unsigned i = 1; i < change->len; i++)
		packet[AT + change->at + i] = 0;
	packet[AT + change->at] = change->value;
}

/* Connects while one byte of the opener's or the answerer's hello is changed, and checks the
 * error and the reason at both ends. */
static void refused(struct change change, int opener, int answerer, const char *reason)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *ba;
	struct link_op *sent = send_plain(ab, 10, 1);

	link->tap = change_hello;
	link->tap_arg = &change;
	link_run(link);
	ba = TAILQ_FIRST(&b->ends);
	cr_assert_eq(ab->error, opener, "%s", ab->reason);
	cr_assert_eq(ba->error, answerer, "%s", ba->reason);
	cr_assert_str_eq(change.from ? ab->reason : ba->reason, reason);
	if (opener == ECONNREFUSED)
		cr_assert_str_eq(ab->reason, reason, "the other side hears the reason");
	expect_error(sent, opener);
	link->tap = NULL;
	link_destroy(link);
	link_leak_check();
}

Test(hello, another_version)
{
	refused((struct change){8, 3, 0, 1}, ECONNREFUSED, EPROTO, "no common protocol version");
	refused((struct change){10, 0, 0, 1}, ECONNREFUSED, EPROTO, "no common protocol version");
}

/* A peer that sends the hello of version 1 is told why it is refused, and our side reports
 * the same. */
Test(hello, version_1_is_refused_with_a_reason)
{
	static const uint8_t old_hello[] = {
		1, 0, 75, 0,	0x4f, 0x46, 0x53, 0x57, 1,    0,    1,	  0, 0x02, 0x01, 64,
		0, 9, 0,  0,	0,    0,    0x40, 0,	0,    5,    0,	  0, 0,	   6,	 0,
		0, 0, 8,  7,	6,    5,    4,	  3,	2,    1,    0,	  0, 0x10, 0,	 0,
		0, 0, 0,  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0,	   32,	 0,
		1, 3, 0,  0,	0,    0,    0,	  0,	0,    0,    0,	  0, 'a',  'b',	 'c'};
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *ba;

	link->habits.silent = true;
	link_run(link);
	ba = TAILQ_FIRST(&b->ends);
	link->habits.silent = false;
	forge(ba, 1, old_hello, sizeof(old_hello));
	link_run(link);
	cr_assert_eq(ba->error, EPROTO);
	cr_assert_str_eq(ba->reason, "no common protocol version");
	cr_assert_eq(ab->error, ECONNREFUSED, "REFUSE says it");
	cr_assert_str_eq(ab->reason, "no common protocol version");
	link_destroy(link);
	link_leak_check();
}

Test(hello, hosts_are_told)
{
	struct link_config here = link_config(), there = here;
	const void *host;
	struct duo duo;
	size_t len;

	memcpy(here.engine.host, "here", here.engine.host_len = 4);
	duo = duo_open(&here, &there);
	host = sess_peer_host(duo.ba->sess, &len);
	cr_assert_eq(len, 4);
	cr_assert(!memcmp(host, "here", 4));
	sess_peer_host(duo.ab->sess, &len);
	cr_assert_eq(len, 0);
	duo_close(&duo);
}

Test(hello, limits_out_of_bounds)
{
	refused((struct change){14, 3, 0, 1}, ECONNREFUSED, EPROTO,
		"control buffers, window or RMA operations too small");
	refused((struct change){21, 1, 0, 1}, ECONNREFUSED, EPROTO,
		"control buffers, window or RMA operations too small");
}

/* RMA operations limited to one byte, and to one byte less than the smallest useful size. */
Test(hello, rma_operations_that_are_too_small)
{
	static const uint64_t sizes[] = {1, SESS_RMA_MIN - 1};

	for (unsigned i = 0; i < 2; i++) {
		struct link_config config = link_config(), small = config;
		struct link_op *sent, *received;
		struct duo duo;

		/* Our own engine with so low a limit offers neither reads nor writes. */
		small.core.rma_max = sizes[i];
		duo = duo_open(&config, &small);
		received = recv_plain(duo.b, 100000);
		sent = send_plain(duo.ab, 100000, 3);
		link_run(duo.link);
		expect_received(received, 100000, 3);
		expect_sent(sent);
		cr_assert_eq(stats_of(duo.ab).tx_msgs[SESS_COPY], 1);
		duo_close(&duo);
	}
	/* A hello that offers them nevertheless is refused. */
	refused((struct change){48, 1, 0, 8}, ECONNREFUSED, EPROTO,
		"control buffers, window or RMA operations too small");
	link_leak_check();
}

Test(hello, another_byte_order)
{
	refused((struct change){12, 1, 0, 1}, ECONNREFUSED, EPROTO, "another byte order");
}

Test(hello, another_instance_than_it_connected_with)
{
	refused((struct change){33, 0, 0, 1}, ECONNREFUSED, EPROTO,
		"the hello answers another attempt");
}

Test(hello, answer_that_does_not_fit)
{
	refused((struct change){8, 3, 1, 1}, EPROTO, ECONNRESET, "no common protocol version");
	refused((struct change){28, 77, 1, 1}, EPROTO, ECONNRESET,
		"the hello answers another attempt");
	refused((struct change){14, 2, 1, 1}, EPROTO, ECONNRESET,
		"control buffers, window or RMA operations too small");
}

Test(hello, malformed)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b);
	struct change change = {4, 0, 0, 1};

	link->tap = change_hello;
	link->tap_arg = &change;
	link_run(link);
	cr_assert_eq(TAILQ_FIRST(&b->ends)->error, EPROTO);
	cr_assert_str_eq(TAILQ_FIRST(&b->ends)->reason, "a hello that is malformed");
	cr_assert_eq(ab->error, ECONNREFUSED, "the path is closed without an answer");
	link_destroy(link);
	link_leak_check();
}

Test(hello, a_later_version_that_still_speaks_ours)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct change change = {10, 9, 0, 1};

	link->tap = change_hello;
	link->tap_arg = &change;
	link_pair(link, &config, &config);
	link_destroy(link);
}

/* The first packet is these records. */
static void no_switch(uint8_t record_cnt, const void *records, size_t len)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *ba;

	link->habits.silent = true;
	link_run(link);
	ba = TAILQ_FIRST(&b->ends);
	forge(ba, record_cnt, records, len);
	link_run(link);
	cr_assert_eq(ba->error, EPROTO);
	cr_assert_str_eq(ba->reason, "a first packet that is no hello");
	cr_assert_eq(ab->error, ECONNREFUSED, "the path went before the hello came");
	link_destroy(link);
	link_leak_check();
}

/* Something else than a hello first, or a hello that is not alone. */
Test(hello, no_switch)
{
	const struct wire_hello hello = {.version_min = WIRE_VERSION, .version_max = WIRE_VERSION};
	uint8_t records[WIRE_HELLO_MAX + WIRE_INLINE_LEN];
	size_t len;

	no_switch(1, records, wire_put_inline(records, 0, 0, 0, 0, 0));
	len = wire_put_hello(records, &hello);
	no_switch(0, records, len);
	no_switch(1, records, len + 1);
	len += wire_put_inline(records + len, 0, 0, 0, 0, 0);
	no_switch(1, records, len);
	no_switch(2, records, len);
}

Test(hello, silence_is_bounded_and_harms_no_other)
{
	struct link_config config = link_config();
	struct duo duo = duo_of(config);
	struct link_node *c = link_node(duo.link, &config);
	struct link_op *waits, *sent, *received;
	struct link_end *ac;

	duo.link->habits.deaf = true;
	ac = link_connect(duo.a, c);
	waits = send_plain(ac, 10, 1);
	link_wait(duo.link, config.engine.hello_timeout / 2);
	received = recv_plain(duo.b, 10);
	sent = send_plain(duo.ab, 10, 2);
	link_wait(duo.link, config.engine.hello_timeout / 4);
	expect_sent(sent);
	expect_received(received, 10, 2);
	cr_assert(waits->pending);
	link_wait(duo.link, config.engine.hello_timeout);
	cr_assert_eq(ac->error, ETIMEDOUT);
	expect_error(waits, ETIMEDOUT);
	cr_assert(sess_is_up(duo.ab->sess));
	duo_close(&duo);
	link_leak_check();
}

/* Both ends give up a path that loses all packets. */
Test(hello, silent_path)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b);

	link->habits.silent = true;
	link_wait(link, 2 * config.engine.hello_timeout);
	cr_assert_eq(ab->error, ETIMEDOUT);
	cr_assert_not_null(TAILQ_FIRST(&b->ends));
	cr_assert(TAILQ_FIRST(&b->ends)->down);
	link_destroy(link);
	link_leak_check();
}

/* A session between two new nodes, of which the second never answers. */
static struct link_end *unanswered(struct link *link)
{
	const struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab;

	link->habits.deaf = true;
	ab = link_connect(a, b);
	link_run(link);
	return ab;
}

/* The core reports the connection as accepted, but without our preamble. */
Test(hello, answer_without_preamble)
{
	struct link *link = link_create(1);
	struct link_end *ab = unanswered(link);

	sess_path_up(sess_link(ab->sess), NULL);
	cr_assert(TAILQ_EMPTY(&ab->node->engine->failing), "it is torn down");
	link_run(link);
	cr_assert_eq(ab->error, EPROTO);
	link_destroy(link);
}

Test(hello, path_that_cannot_be_made)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b);
	struct link_op *sent = send_plain(ab, 10, 1);

	link->habits.deaf = true;
	sess_path_down(sess_link(ab->sess), EHOSTUNREACH);
	link_run(link);
	cr_assert_eq(ab->error, EHOSTUNREACH);
	expect_error(sent, EHOSTUNREACH);
	link_destroy(link);
	link_leak_check();
}

/* -- crossing connects ------------------------------------------------------------------- */

/* Each side connects after a number of events, and both send at once. */
static void cross(uint64_t seed, unsigned apart)
{
	struct link *link = link_create(seed);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab = link_connect(a, b), *ba;
	struct link_op *there = send_plain(ab, 40000, 1), *back;
	struct link_op *in = recv_plain(a, 40000), *out = recv_plain(b, 40000);

	for (unsigned i = 0; i < apart; i++)
		link_step(link);
	ba = link_end(b, a);
	if (!ba)
		ba = link_connect(b, a);
	back = send_plain(ba, 40000, 2);
	link_run(link);
	expect_sent(there);
	expect_sent(back);
	expect_received(in, 40000, 2);
	expect_received(out, 40000, 1);
	cr_assert_eq(a->ups, 1, "one session");
	cr_assert_eq(b->ups, 1);
	cr_assert_eq(a->downs, 0);
	cr_assert_eq(b->downs, 0);
	cr_assert_eq(TAILQ_NEXT(TAILQ_FIRST(&a->ends), node_link), NULL);
	link_destroy(link);
}

Test(hello, crossing_connects_make_one_session)
{
	for (uint64_t seed = 0; seed < 100; seed++)
		for (unsigned apart = 0; apart < 4; apart++)
			cross(seed, apart);
	link_leak_check();
}

/* The rule for crossing connects, state by state: the request of the smaller instance wins. */
Test(hello, crossing_rule)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
	struct link_end *ab;
	struct sess_request request = {.instance = a->ep->instance, .attempt = 1};

	link->habits.silent = true;
	ab = link_connect(a, b);
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_SELF);
	cr_assert(sess_ep_is_self(a->ep, &request));
	request.instance = a->ep->instance - 1;
	cr_assert(!sess_ep_is_self(a->ep, &request));
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_ADOPT);
	request.instance = a->ep->instance + 1;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_REFUSE);
	link_run(link);
	cr_assert(!sess_is_up(ab->sess));
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_LATE, "path up, no hello yet");
	request.instance = a->ep->instance - 1;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_RENEW);
	link_wait(link, 2 * config.engine.hello_timeout);

	link->habits.silent = false;
	ab = link_connect(a, b);
	link_run(link);
	cr_assert(sess_is_up(ab->sess));
	request.instance = b->ep->instance;
	request.attempt = sess_link(ab->sess)->peer_attempt;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_LATE, "a late loser");
	request.attempt--;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_LATE);
	request.attempt += 2;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_RENEW, "it gave up");
	request.instance++;
	request.attempt = 1;
	cr_assert_eq(sess_crossing(ab->sess, &request), SESS_CROSS_RENEW, "it restarted");
	link_destroy(link);
	link_leak_check();
}

/* One side lost its session and connects anew while the other still has it. */
Test(hello, renewed)
{
	struct duo duo = duo_of(link_config());
	struct link_op *lost = send_plain(duo.ba, 40000, 1), *sent, *received;
	struct link_end *ab;

	link_run(duo.link);
	duo.link->habits.lose_on_close = true;
	duo.link->habits.delay_max = 1000000;
	sess_abort(duo.ab->sess, ECANCELED);
	link_act(duo.a); /* the other side hears of it late */
	duo.link->habits.delay_max = 1;
	ab = link_connect(duo.a, duo.b);
	sent = send_plain(ab, 10, 2);
	received = recv_plain(duo.b, 10);
	link_run(duo.link);
	expect_error(lost, ECONNRESET);
	expect_sent(sent);
	expect_received(received, 10, 2);
	cr_assert_eq(duo.b->downs, 1);
	cr_assert(sess_is_up(link_end(duo.b, duo.a)->sess));
	duo_close(&duo);
	link_leak_check();
}

/* Newcomers that claim the name of either side may come as often as they like: what both
 * sides send because of that leaves them the credits to go on. */
Test(hello, probes_block_nobody)
{
	struct duo duo = duo_of(link_config());
	struct link_op *received = recv_plain(duo.b, 10), *sent;

	for (unsigned i = 0; i < SESS_CREDITS_MAX; i++) {
		sess_probe(duo.ab->sess);
		link_act(duo.a);
		sess_probe(duo.ba->sess);
		link_act(duo.b);
	}
	cr_assert_geq(stats_of(duo.ab).tx_packets, 2, "a packet besides the hello");
	sent = send_plain(duo.ab, 10, 1);
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, 10, 1);
	duo_close(&duo);
	link_leak_check();
}

/* After a session has failed, the next one to the same peer starts afresh. */
Test(hello, next_session_is_fresh)
{
	struct duo duo = duo_of(link_config());

	for (unsigned i = 0; i < 10; i++) {
		struct link_end *end = i ? link_connect(duo.a, duo.b) : duo.ab;
		struct link_op *sent, *received = recv_plain(duo.b, 50000);

		sent = send_plain(end, 50000, i);
		link_run(duo.link);
		expect_sent(sent);
		expect_received(received, 50000, i);
		link_break(end);
		link_run(duo.link);
		cr_assert_null(end->sess);
	}
	duo_close(&duo);
	link_leak_check();
}

/* -- trying again ------------------------------------------------------------------------- */

enum { PAUSE = 25000000 }; /* nanoseconds: longer than until a peer is asked again */

/* A session whose peer said "try again", when CONNECT is due but not performed yet. */
static struct link_end *about_to_connect(struct link *link)
{
	struct link_end *ab = unanswered(link);

	sess_retry(ab->sess);
	sess_tick(ab->node->engine, link->now);
	sess_tick(ab->node->engine, link->now + PAUSE);
	cr_assert(ab->sess->tell & TELL_CONNECT);
	return ab;
}

/* It fails instead: DOWN is told, once, and CONNECT not at all. */
Test(hello, fails_when_it_was_to_connect_again)
{
	struct link *link = link_create(1);
	struct link_end *ab = about_to_connect(link);
	struct link_op *waits = send_plain(ab, 10, 1);

	sess_abort(ab->sess, ECANCELED);
	link_run(link);
	cr_assert(ab->down);
	cr_assert_eq(ab->error, ECANCELED);
	expect_error(waits, ECANCELED);
	link_destroy(link);
	link_leak_check();
}

/* The time for the hello and the pause are over at once. */
Test(hello, expires_when_it_is_to_connect_again)
{
	struct link *link = link_create(1);
	struct link_end *ab = unanswered(link);

	sess_retry(ab->sess);
	sess_tick(ab->node->engine, link->now);
	sess_tick(ab->node->engine, link->now + 2 * link_config().engine.hello_timeout);
	link_run(link);
	cr_assert(ab->down);
	cr_assert_eq(ab->error, ETIMEDOUT);
	link_destroy(link);
	link_leak_check();
}

/* The peer's request, or its own, is adopted instead: no other path is asked for. */
Test(hello, adopts_when_it_was_to_connect_again)
{
	for (unsigned self = 0; self < 2; self++) {
		struct link *link = link_create(1);
		struct link_end *ab = about_to_connect(link);
		const struct sess_request request = {.session_id = 1, .cookie = 2, .instance = 3};

		if (self)
			sess_adopt_self(ab->sess);
		else
			sess_adopt(ab->sess, &request);
		cr_assert_eq(ab->sess->tell, 0, "CONNECT is told all the same");
		cr_assert(TAILQ_EMPTY(&ab->node->engine->events));
		sess_abort(ab->sess, ECANCELED);
		link_run(link);
		cr_assert(ab->down);
		link_destroy(link);
	}
	link_leak_check();
}

/* A session that was to be closed when it is up turns out to lead to its own endpoint. */
Test(hello, closed_before_it_finds_itself)
{
	struct link *link = link_create(1);
	struct link_config config = link_config();
	struct link_node *a = link_node(link, &config);
	struct link_end *aa = link_connect(a, a);
	struct link_op *sent = send_plain(aa, 10, 1), *received = recv_plain(a, 10);

	sess_close(aa->sess);
	cr_assert(!sess_is_open(aa->sess));
	sess_adopt_self(aa->sess);
	cr_assert(TAILQ_EMPTY(&a->engine->failing), "it is torn down");
	link_run(link);
	expect_sent(sent);
	expect_received(received, 10, 1);
	cr_assert(aa->down);
	cr_assert_eq(aa->error, 0);
	link_destroy(link);
	link_leak_check();
}
