/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The choice of the way: the whole table, for every combination of both sides' capabilities,
 * forced and not; and the sizes at which the way changes.
 */
#include "lib/sess_fixture.h"

enum { INLINE_MAX = 4096 - 20 - 24 };

/* The way of large messages for each combination of operations that both sides allow. */
static const struct {
	bool read, write;
	enum sess_way automatic, forced_read, forced_write;
} expected[] = {
	{false, false, SESS_COPY, SESS_COPY, SESS_COPY},
	{true, false, SESS_READ, SESS_READ, SESS_READ},
	{false, true, SESS_WRITE, SESS_WRITE, SESS_WRITE},
	{true, true, SESS_READ, SESS_READ, SESS_WRITE},
};

static enum sess_way way_of(const struct sess_link *link, uint64_t len)
{
	const struct sess_way_ops *ops = select_way(link, len);

	return ops ? ops->way : SESS_INLINE;
}

/* The inputs of the choice. */
static struct chooser {
	struct sess_engine engine;
	struct sess_core core;
	struct sess sess;
	struct sess_link link;
} chooser;

static struct sess_link *chooser_set(unsigned ours, unsigned peers, enum sess_way transfer)
{
	chooser.engine.config = link_config().engine;
	chooser.engine.config.transfer = transfer;
	chooser.core.config = link_config().core;
	chooser.core.config.can_read = ours & WIRE_CAN_READ;
	chooser.core.config.can_write = ours & WIRE_CAN_WRITE;
	chooser.core.config.read_target = ours & WIRE_READ_TARGET;
	chooser.core.config.write_target = ours & WIRE_WRITE_TARGET;
	chooser.sess = (struct sess){.engine = &chooser.engine};
	chooser.link = (struct sess_link){
		.sess = &chooser.sess,
		.core = &chooser.core,
		.packet_max = 4096,
		.peer_caps = peers,
	};
	select_build(&chooser.link);
	return &chooser.link;
}

Test(select, whole_table)
{
	for (unsigned bits = 0; bits < 256; bits++) {
		unsigned ours = bits & 15, peers = bits >> 4;
		bool read = ours & WIRE_READ_TARGET && peers & WIRE_CAN_READ;
		bool write = ours & WIRE_CAN_WRITE && peers & WIRE_WRITE_TARGET;
		unsigned row = read + 2 * write;
		const struct sess_link *link;

		cr_assert(expected[row].read == read && expected[row].write == write);
		link = chooser_set(ours, peers, SESS_AUTO);
		cr_assert_eq(way_of(link, 0), SESS_INLINE);
		cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
		cr_assert_eq(way_of(link, INLINE_MAX + 1), SESS_COPY);
		cr_assert_eq(way_of(link, chooser.core.config.threshold[SESS_READ] - 1), SESS_COPY);
		cr_assert_eq(way_of(link, chooser.core.config.threshold[SESS_READ]),
			     expected[row].automatic);
		cr_assert_eq(way_of(link, UINT64_MAX), expected[row].automatic);

		link = chooser_set(ours, peers, SESS_READ);
		cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
		cr_assert_eq(way_of(link, INLINE_MAX + 1), expected[row].forced_read);
		cr_assert_eq(way_of(link, UINT64_MAX), expected[row].forced_read);
		link = chooser_set(ours, peers, SESS_WRITE);
		cr_assert_eq(way_of(link, INLINE_MAX + 1), expected[row].forced_write);
		link = chooser_set(ours, peers, SESS_COPY);
		cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
		cr_assert_eq(way_of(link, INLINE_MAX + 1), SESS_COPY);
		cr_assert_eq(way_of(link, UINT64_MAX), SESS_COPY);
	}
}

Test(select, threshold_below_inline)
{
	struct sess_link *link = chooser_set(15, 15, SESS_AUTO);

	chooser.core.config.threshold[SESS_READ] = chooser.core.config.threshold[SESS_WRITE] = 100;
	select_build(link);
	cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
	cr_assert_eq(way_of(link, INLINE_MAX + 1), SESS_READ);
}

/* Each way has a threshold of its own; where several are reached, read is
 * preferred to write, whichever threshold is the lower one. */
Test(select, thresholds_of_their_own)
{
	enum { LOW = 10000, HIGH = 50000 };
	static const uint64_t never = UINT64_MAX;
	static const struct {
		uint64_t read, write; /* thresholds */
		unsigned ours;
		enum sess_way low, middle, high; /* below LOW, then below HIGH, then */
	} cases[] = {
		{LOW, HIGH, 15, SESS_COPY, SESS_READ, SESS_READ},
		{HIGH, LOW, 15, SESS_COPY, SESS_WRITE, SESS_READ},
		{LOW, HIGH, 15 & ~WIRE_READ_TARGET, SESS_COPY, SESS_COPY, SESS_WRITE},
		{HIGH, LOW, 15 & ~WIRE_CAN_WRITE, SESS_COPY, SESS_COPY, SESS_READ},
		{HIGH, HIGH, 15, SESS_COPY, SESS_COPY, SESS_READ},
		{never, LOW, 15, SESS_COPY, SESS_WRITE, SESS_WRITE},
		{never, never, 15, SESS_COPY, SESS_COPY, SESS_COPY},
		{never, 1, 15, SESS_WRITE, SESS_WRITE, SESS_WRITE},
		{HIGH, 1, 15, SESS_WRITE, SESS_WRITE, SESS_READ},
		{1, HIGH, 15, SESS_READ, SESS_READ, SESS_READ},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sess_link *link = chooser_set(cases[i].ours, 15, SESS_AUTO);

		chooser.core.config.threshold[SESS_READ] = cases[i].read;
		chooser.core.config.threshold[SESS_WRITE] = cases[i].write;
		select_build(link);
		cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
		cr_assert_eq(way_of(link, INLINE_MAX + 1), cases[i].low, "case %u", i);
		cr_assert_eq(way_of(link, LOW - 1), cases[i].low, "case %u", i);
		cr_assert_eq(way_of(link, LOW), cases[i].middle, "case %u", i);
		cr_assert_eq(way_of(link, HIGH - 1), cases[i].middle, "case %u", i);
		cr_assert_eq(way_of(link, HIGH), cases[i].high, "case %u", i);
		cr_assert_eq(way_of(link, UINT64_MAX), cases[i].high, "case %u", i);
	}
}

/* A forced way that is impossible is replaced by another, whatever the thresholds are. */
Test(select, forced_regardless_of_thresholds)
{
	struct sess_link *link = chooser_set(15 & ~WIRE_READ_TARGET, 15, SESS_READ);

	chooser.core.config.threshold[SESS_READ] = chooser.core.config.threshold[SESS_WRITE] =
		UINT64_MAX;
	select_build(link);
	cr_assert_eq(way_of(link, INLINE_MAX), SESS_INLINE);
	cr_assert_eq(way_of(link, INLINE_MAX + 1), SESS_WRITE);
}

/* If the sides have different thresholds, the sender's decides. */
Test(select, unequal_thresholds)
{
	enum { SIZE = 30000 };
	struct link_config copies = link_config(), reads = link_config();
	struct link_op *sent, *received;
	struct duo duo;

	copies.core.threshold[SESS_READ] = copies.core.threshold[SESS_WRITE] = UINT64_MAX;
	reads.core.threshold[SESS_READ] = 1;
	duo = duo_open(&copies, &reads);
	received = recv_plain(duo.b, SIZE);
	sent = send_plain(duo.ab, SIZE, 1);
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, SIZE, 1);
	received = recv_plain(duo.a, SIZE);
	sent = send_plain(duo.ba, SIZE, 2);
	link_run(duo.link);
	expect_sent(sent);
	expect_received(received, SIZE, 2);
	cr_assert_eq(stats_of(duo.ab).tx_msgs[SESS_COPY], 1);
	cr_assert_eq(stats_of(duo.ab).rx_msgs[SESS_READ], 1);
	cr_assert_eq(stats_of(duo.ba).rx_msgs[SESS_COPY], 1);
	cr_assert_eq(stats_of(duo.ba).tx_msgs[SESS_READ], 1);
	duo_close(&duo);
	link_leak_check();
}

Test(select, peer_without_storage)
{
	struct sess_link *link = chooser_set(15, 15, SESS_AUTO);

	chooser.sess.peer_full = true;
	cr_assert_eq(way_of(link, 0), SESS_COPY);
	cr_assert_eq(way_of(link, 100), SESS_COPY);
	cr_assert_eq(way_of(link, chooser.core.config.threshold[SESS_READ]), SESS_READ);
}

/* The smaller of both sides' buffers counts. */
Test(select, unequal_buffers)
{
	struct link_config small = link_config(), large = link_config();
	struct duo duo;

	small.core.buffer_size = 512;
	large.core.buffer_size = 65536;
	duo = duo_open(&large, &small);
	cr_assert_eq(sess_link(duo.ab->sess)->packet_max, 512);
	cr_assert_eq(sess_link(duo.ba->sess)->packet_max, 512);
	cr_assert_eq(way_of(duo.ab->link, 512 - 44), SESS_INLINE);
	cr_assert_eq(way_of(duo.ab->link, 512 - 43), SESS_COPY);
	cr_assert_eq(sess_engine_inline_max(duo.a->engine), 65536 - 44);
	duo_close(&duo);
}

Test(select, configurations_that_are_refused)
{
	const struct sess_core_config zero = {0};
	struct link_config config = link_config();
	struct sess_engine *engine;
	struct sess_core *core;

	config.engine.transfer = SESS_AUTO + 1;
	cr_assert_eq(sess_engine_create(&config.engine, &engine), -EINVAL);
	config = link_config();
	config.engine.random = NULL;
	cr_assert_eq(sess_engine_create(&config.engine, &engine), -EINVAL);
	config.engine = (struct sess_config){.random = link_config().engine.random};
	cr_assert_eq(sess_engine_create(&config.engine, &engine), 0, "zeros are defaults");
	cr_assert_eq(engine->config.transfer, SESS_AUTO);

	config.core.buffer_size = SESS_BUFFER_MIN - 1;
	cr_assert_eq(sess_core_create(engine, &config.core, NULL, &core), -EINVAL);
	config.core.buffer_size = SESS_BUFFER_MAX + 1;
	cr_assert_eq(sess_core_create(engine, &config.core, NULL, &core), -EINVAL);
	config = link_config();
	config.core.credits = SESS_CREDITS_MIN - 1;
	cr_assert_eq(sess_core_create(engine, &config.core, NULL, &core), -EINVAL);
	config.core.credits = SESS_CREDITS_MAX + 1;
	cr_assert_eq(sess_core_create(engine, &config.core, NULL, &core), -EINVAL);
	cr_assert_eq(sess_core_create(engine, &zero, NULL, &core), 0, "zeros are defaults");
	cr_assert_eq(core->config.buffer_size, 32832);
	cr_assert_eq(core->config.credits, 64);
	sess_core_destroy(core);
	sess_engine_destroy(engine);
	link_leak_check();
}
