/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that no correct engine sends: each breaks one rule, fails its own session with a
 * reason, and harms no other session.  Packets that name no session are dropped.
 */
#include <stdlib.h>

#include "lib/link_internal.h"
#include "lib/sess_fixture.h"

/* The victim is b; a is the attacker; c has a session with b that must survive. */
struct trio {
	struct duo duo;
	struct link_end *cb;
};

static struct trio trio_open(struct link_config config)
{
	struct trio trio = {.duo = duo_of(config)};
	struct link_node *c = link_node(trio.duo.link, &config);

	trio.cb = link_connect(c, trio.duo.b);
	link_run(trio.duo.link);
	return trio;
}

/* The session of a and b has failed for this reason, and that of c still works. */
static void expect_failed(struct trio *trio, const char *reason)
{
	struct link_op *received, *sent;

	link_run(trio->duo.link);
	cr_assert_eq(trio->duo.ba->error, EPROTO);
	cr_assert_str_eq(trio->duo.ba->reason, reason);
	cr_assert_null(trio->duo.ab->sess, "the other side hears of it");
	cr_assert_neq(trio->duo.ab->error, 0);
	received = recv_flags(trio->duo.b, 50000, 1, SESS_TAGGED, 99, 0);
	sent = send_flags(trio->cb, 50000, 1, 5, SESS_TAGGED, 99);
	link_run(trio->duo.link);
	expect_sent(sent);
	expect_received(received, 50000, 5);
	sess_ep_close(trio->duo.b->ep, ECANCELED);
	link_run(trio->duo.link);
	duo_close(&trio->duo);
	link_leak_check();
}

/* Forges these records while no transfer is under way. */
static void breaks(const char *reason, uint8_t record_cnt, const void *records, size_t len)
{
	struct trio trio = trio_open(link_config());

	forge(trio.duo.ba, record_cnt, records, len);
	expect_failed(&trio, reason);
}

static uint8_t buf[600];

Test(input, malformed_records)
{
	breaks("a malformed record", 1, "", 0);
	breaks("a malformed record", 1, "\0\0\0\0", 4);
	breaks("a malformed record", 1, "\x03\0\xff\0", 4);
	breaks("a malformed record", 2, "\x03\0\0\0", 4);
	breaks("bytes behind the last record", 1, "\x03\0\0\0x", 5);
	breaks("bytes behind the last record", 0, "x", 1);
}

/* A wrong header fails the session that it names; a packet that names no session is dropped. */
Test(input, headers)
{
	struct trio trio = trio_open(link_config());
	struct sess *sess = trio.duo.ba->sess;
	struct wire_header header = {
		.session_id = sess_link(sess)->id,
		.cookie = sess_link(sess)->cookie,
		.seq = sess->numbers.rx_next,
		.ack = sess->numbers.tx_acked,
		.window = (uint16_t)(sess_link(sess)->credit.tx_limit - sess->numbers.tx_acked),
		.flags = 0x80,
	};

	wire_put_header(buf, &header);
	for (size_t len = 0; len < WIRE_HEADER_LEN; len++)
		sess_input(trio.duo.b->engine, buf, len);
	header.cookie++;
	wire_put_header(buf, &header);
	sess_input(trio.duo.b->engine, buf, WIRE_HEADER_LEN);
	header.cookie--;
	header.session_id ^= 1 << 19;
	wire_put_header(buf, &header);
	sess_input(trio.duo.b->engine, buf, WIRE_HEADER_LEN);
	header.session_id ^= 1 << 19;
	wire_put_header(buf, &header);
	cr_assert(sess_is_up(sess));
	cr_assert_eq(stats_of(trio.duo.ba).rx_packets, 1, "the hello");
	sess_input(trio.duo.b->engine, buf, WIRE_HEADER_LEN);
	expect_failed(&trio, "reserved flags of a packet");
}

Test(input, hello_again)
{
	const struct wire_hello hello = {0};

	breaks("a record that may not come now", 1, buf, wire_put_hello(buf, &hello));
	breaks("a record that may not come now", 1, buf, wire_put_refuse(buf, 1, 1));
}

Test(input, records_for_no_transfer)
{
	breaks("data for a transfer that does not exist", 1, buf,
	       (wire_put_segment(buf, 1, 1u << 20, 0), WIRE_SEGMENT_LEN + 1));
	breaks("data for a transfer that does not exist", 1, buf,
	       wire_put_reply(buf, WIRE_WRITTEN, WIRE_OK, 1u << 20));
	breaks("a budget that does not add up", 1, buf, wire_put_budget(buf, 1));
}

/* A reply to a transfer that is over counts as stale, not as an error. */
Test(input, stale_replies)
{
	struct duo duo = duo_of(link_config());

	duo.link->habits.silent = true;
	for (int type = WIRE_DONE; type <= WIRE_CANCEL; type++)
		forge(duo.ba, 1, buf, wire_put_reply(buf, (enum wire_type)type, WIRE_OK, 1u << 20));
	forge(duo.ba, 1, buf, wire_put_go(buf, 1u << 20, 5));
	link_run(duo.link);
	cr_assert(sess_is_up(duo.ba->sess));
	cr_assert_eq(stats_of(duo.ba).stale, 2);
	link_break(duo.ab);
	duo_close(&duo);
	link_leak_check();
}

Test(input, starts_that_contradict_themselves)
{
	struct wire_desc desc[2] = {{.len = 100}, {.len = UINT64_MAX - 50}};
	static const char reason[] = "a START that contradicts itself";

	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 99, 0, 0, SESS_READ, desc, 1, 8));
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 49, 0, 0, SESS_READ, desc, 2, 8));
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 50, 0, 0, SESS_READ, desc, 0, 8));
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_WRITE, desc, 1, 8));
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_COPY, desc, 1, 8));
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 0, 0, 0, SESS_WRITE, desc, 0, 8));
	breaks(reason, 1, buf,
	       wire_put_start(buf, WIRE_HELD, 0, 1, 100, 0, 0, SESS_READ, desc, 1, 8));
	/* An announcement beyond the eager budget. */
	breaks(reason, 1, buf,
	       wire_put_start(buf, 0, 0, 1, UINT64_MAX, 0, 0, SESS_COPY, desc, 0, 8));
	/* A descriptor whose range wraps around the address space. */
	desc[0] = (struct wire_desc){.addr = UINT64_MAX - 10, .len = 100};
	breaks(reason, 1, buf, wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_READ, desc, 1, 8));
}

Test(input, start_for_what_we_cannot)
{
	struct wire_desc desc = {.len = 100};
	struct link_config config = link_config();
	struct trio trio;

	config.core.can_read = false;
	config.core.write_target = false;
	trio = trio_open(config);
	forge(trio.duo.ba, 1, buf, wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_READ, &desc, 1, 8));
	expect_failed(&trio, "a START that contradicts itself");
	trio = trio_open(config);
	forge(trio.duo.ba, 1, buf, wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_WRITE, NULL, 0, 8));
	expect_failed(&trio, "a START that contradicts itself");
}

Test(input, two_transfers_with_one_id)
{
	size_t len = wire_put_start(buf, WIRE_HELD, 0, 1, 100, 0, 0, SESS_COPY, NULL, 0, 0);

	memcpy(buf + len, buf, len);
	breaks("two transfers with one id", 2, buf, 2 * len);
}

Test(input, segments_that_do_not_fit)
{
	size_t start = wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_COPY, NULL, 0, 0);
	static const char reason[] = "data that do not fit their transfer";

	/* A segment that does not begin where the last one ended, or that ends beyond the
	 * message. */
	wire_put_segment(buf + start, 10, 1, 5);
	breaks(reason, 2, buf, start + WIRE_SEGMENT_LEN + 10);
	wire_put_segment(buf + start, 101, 1, 0);
	breaks(reason, 2, buf, start + WIRE_SEGMENT_LEN + 101);
	wire_put_reply(buf + start, WIRE_WRITTEN, WIRE_OK, 1);
	breaks(reason, 2, buf, start + WIRE_REPLY_LEN);
	/* A segment of a transfer that waits for its receive. */
	start = wire_put_start(buf, WIRE_HELD, 0, 1, 100, 0, 0, SESS_COPY, NULL, 0, 0);
	wire_put_segment(buf + start, 10, 1, 0);
	breaks(reason, 2, buf, start + WIRE_SEGMENT_LEN + 10);
	start = wire_put_start(buf, 0, 0, 1, 100, 0, 0, SESS_WRITE, NULL, 0, 0);
	wire_put_segment(buf + start, 10, 1, 0);
	breaks(reason, 2, buf, start + WIRE_SEGMENT_LEN + 10);
}

/* WRITTEN comes before SINK has left: the queued SINK record, which refers to our memory,
 * must not outlive the transfer. */
Test(input, written_before_sink_left)
{
	struct link_config config = link_config();
	struct trio trio;
	struct link_op *received;

	config.engine.transfer = SESS_WRITE;
	trio = trio_open(config);
	received = recv_plain(trio.duo.b, 50000);
	trio.duo.link->habits.refuse = 100;
	link_progress(trio.duo.b);
	trio.duo.link->habits.refuse = 0;
	forge(trio.duo.ba, 1, buf,
	      wire_put_start(buf, 0, 0, 1, 50000, 0, 0, SESS_WRITE, NULL, 0, 0));
	/* SINK is ready, but there is no credit for it. */
	sess_link(trio.duo.ba->sess)->credit.tx_limit = trio.duo.ba->sess->numbers.tx_next;
	link_act(trio.duo.b);
	forge(trio.duo.ba, 1, buf, wire_put_reply(buf, WIRE_WRITTEN, WIRE_OK, 1));
	link_act(trio.duo.b);
	cr_assert_not_null(trio.duo.ba);
	link_run(trio.duo.link);
	cr_assert_eq(trio.duo.ba->error, EPROTO);
	cr_assert_str_eq(trio.duo.ba->reason, "data that do not fit their transfer");
	expect_error(received, EPROTO);
	duo_close(&trio.duo);
	link_leak_check();
}

/* -- replies that do not fit the transfer -------------------------------------------------- */

/* b has sent a message to a, which answers with the wrong reply in buf. */
static void answers(enum sess_way way, unsigned flags, uint64_t eager, size_t len)
{
	struct link_config config = link_config();
	struct link_op *sent;
	struct trio trio;
	uint32_t id;

	config.engine.transfer = way;
	config.engine.eager_budget = eager;
	trio = trio_open(config);
	trio.duo.link->habits.silent = true;
	sent = send_flags(trio.duo.ba, 50000, 1, 1, flags, 0);
	link_run(trio.duo.link);
	cr_assert(sent->pending);
	id = sent->op.xfer->id;
	memcpy(buf + 4, &id, sizeof(id)); /* tests run where the wire's order is ours */
	forge(trio.duo.ba, 1, buf, len);
	trio.duo.link->habits.silent = false;
	link_run(trio.duo.link);
	cr_assert_eq(trio.duo.ba->error, EPROTO, "way %d", way);
	cr_assert_str_eq(trio.duo.ba->reason, "a reply that does not fit its transfer");
	expect_error(sent, EPROTO);
	duo_close(&trio.duo);
	link_leak_check();
}

Test(input, replies_that_do_not_fit)
{
	struct wire_desc desc[2] = {{.addr = 4096, .len = 50000}, {.addr = 4096, .len = 0}};

	/* GO for more bytes than there are, or for none. */
	answers(SESS_READ, 0, 1, wire_put_go(buf, 0, 50001));
	answers(SESS_WRITE, 0, 1, wire_put_go(buf, 0, 0));
	answers(SESS_COPY, 0, 1, wire_put_go(buf, 0, UINT64_MAX));
	/* SINK with descriptors for more than the rest, with an empty one, and for a transfer
	 * of another way. */
	answers(SESS_WRITE, 0, 1, wire_put_sink(buf, 0, desc, 1, 8));
	desc[0].len = 100;
	answers(SESS_WRITE, 0, 1, wire_put_sink(buf, 0, desc, 2, 8));
	desc[0].len = desc[1].len = 30000; /* each alone would fit */
	answers(SESS_WRITE, 0, 1, wire_put_sink(buf, 0, desc, 2, 8));
	answers(SESS_READ, 0, 1, wire_put_sink(buf, 0, desc, 1, 8));
	answers(SESS_COPY, 0, 1, wire_put_sink(buf, 0, desc, 1, 8));
	/* GO for bytes that were sent already. */
	answers(SESS_COPY, SESS_DELIVERY, 100000, wire_put_go(buf, 0, 10));
}

/* The core answers the sender's registration; nothing else happens. */
static void answer_registration(struct link *link)
{
	struct link_event *event;

	TAILQ_FOREACH (event, &link->events, link)
		if (event->type == EV_REG)
			break;
	cr_assert_not_null(event);
	TAILQ_REMOVE(&link->events, event, link);
	link_core_answer(event->node, event->xfer, event->mem);
	free(event);
}

/* What b sends is two pieces, of which the core registers one: that is released, and may not
 * be yet when SINK comes once more. */
static void registered_in_vain(bool sink_again)
{
	const struct wire_desc desc = {.addr = 4096, .len = 40000};
	struct link_config config = link_config();
	struct link_op *sent;
	struct trio trio;
	size_t len;

	config.engine.transfer = SESS_WRITE;
	config.core.local_mem = true;
	trio = trio_open(config);
	trio.duo.link->habits.silent = true;
	trio.duo.link->habits.reg_later = 100;
	sent = send_flags(trio.duo.ba, 50000, 2, 1, 0, 0);
	link_run(trio.duo.link);
	len = wire_put_sink(buf, sent->op.xfer->id, &desc, 1, 8);
	forge(trio.duo.ba, 1, buf, len);
	link_act(trio.duo.b);
	answer_registration(trio.duo.link);
	trio.duo.link->habits.reg_fail = 100;
	link_act(trio.duo.b);
	answer_registration(trio.duo.link);
	cr_assert_eq(trio.duo.b->mem_cnt, 1, "it is not released yet");
	if (!sink_again) {
		link_act(trio.duo.b);
		cr_assert_eq(trio.duo.b->mem_cnt, 0, "nobody needs it, and the peer may be slow");
	}
	forge(trio.duo.ba, 1, buf,
	      sink_again ? len : wire_put_reply(buf, WIRE_DONE, WIRE_FAILED, sent->op.xfer->id));
	trio.duo.link->habits = (struct link_habits){0};
	link_run(trio.duo.link);
	expect_error(sent, sink_again ? EPROTO : ENOBUFS);
	if (sink_again)
		cr_assert_str_eq(trio.duo.ba->reason, "a reply that does not fit its transfer");
	duo_close(&trio.duo);
	link_leak_check();
}

Test(input, memory_registered_in_vain)
{
	registered_in_vain(false);
	registered_in_vain(true);
}

/* -- headers ------------------------------------------------------------------------------- */

static void header(struct wire_header change, const char *reason)
{
	struct trio trio = trio_open(link_config());
	const struct sess *sess = trio.duo.ba->sess;
	uint8_t packet[WIRE_HEADER_LEN];
	struct wire_header right = {
		.session_id = sess_link(sess)->id,
		.cookie = sess_link(sess)->cookie,
		.seq = sess->numbers.rx_next + change.seq,
		.ack = sess->numbers.tx_acked + change.ack,
		.window = (uint16_t)(16 + change.window),
	};

	wire_put_header(packet, &right);
	sess_input(trio.duo.b->engine, packet, sizeof(packet));
	expect_failed(&trio, reason);
}

Test(input, headers_that_do_not_add_up)
{
	header((struct wire_header){.seq = 1}, "a packet out of order or beyond its credits");
	header((struct wire_header){.seq = UINT32_MAX},
	       "a packet out of order or beyond its credits");
	header((struct wire_header){.ack = 1}, "credits that do not add up");
	header((struct wire_header){.ack = UINT32_MAX}, "credits that do not add up");
	header((struct wire_header){.window = UINT16_MAX}, "credits that do not add up");
}

Test(input, packets_for_nobody_are_dropped)
{
	struct duo duo = duo_of(link_config());
	const struct sess *sess = duo.ba->sess;
	uint8_t packet[WIRE_HEADER_LEN + 4] = {0};
	const struct wire_header wrong[] = {
		{.session_id = 0, .cookie = sess_link(sess)->cookie, .record_cnt = 1},
		{.session_id = sess_link(sess)->id + 1,
		 .cookie = sess_link(sess)->cookie,
		 .record_cnt = 1},
		{.session_id = sess_link(sess)->id + (1u << 20),
		 .cookie = sess_link(sess)->cookie,
		 .record_cnt = 1},
		{.session_id = sess_link(sess)->id,
		 .cookie = sess_link(sess)->cookie + 1,
		 .record_cnt = 1},
		{.session_id = UINT32_MAX, .record_cnt = 1},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		wire_put_header(packet, &wrong[i]);
		sess_input(duo.b->engine, packet, sizeof(packet));
	}
	for (size_t len = 0; len < WIRE_HEADER_LEN; len++)
		sess_input(duo.b->engine, packet, len);
	link_run(duo.link);
	cr_assert(sess_is_up(duo.ba->sess));
	cr_assert_eq(stats_of(duo.ba).rx_packets, 1, "the hello");
	duo_close(&duo);
}

/* Every packet of a session may be damaged; nothing but that session suffers. */
Test(input, damaged_packets)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct link *link = link_create(seed);
		struct link_config config = link_config();
		struct link_node *a = link_node(link, &config), *b = link_node(link, &config);
		struct link_end *ab = link_connect(a, b);
		struct link_op *op[20];

		config.engine.transfer = (enum sess_way)(seed % 4 + 1);
		link->habits.corrupt = 100;
		link->habits.hostile = true;
		for (unsigned i = 0; i < 10; i++) {
			op[i] = send_plain(ab, i * 4000, i);
			op[10 + i] = recv_plain(b, i * 4000);
		}
		link_run(link);
		sess_ep_close(a->ep, ECANCELED);
		sess_ep_close(b->ep, ECANCELED);
		link_run(link);
		link_wait(link, 3 * config.engine.hello_timeout);
		for (unsigned i = 0; i < 20; i++) {
			cr_assert(!op[i]->pending);
			link_op_destroy(op[i]);
		}
		link_destroy(link);
	}
	link_leak_check();
}
