/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random runs: two to four endpoints with random configurations, crossing connects, every
 * kind of message, cancels, refusals, failing registrations and broken paths.  Proves that
 * each message arrives unharmed, once, and in an order that its receives allow; that each
 * operation completes once; and that nothing is left.  SEED=n repeats a run, ROUNDS=n makes it
 * longer.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/link.h"

enum {
	NODES = 4,
	MESSAGES = 150,
	RECEIVES_OUT = 24,
	SENDS_OUT = 24,
	BIGGEST = 60000,
};

struct message {
	struct link_op *op;
	struct link_end *end;
	struct link_op *receive; /* the receive that got it */
	unsigned from, to;
	size_t size;
	uint64_t tag;
	bool tagged, delivery, canceled;
};

struct world {
	struct link *link;
	struct message message[MESSAGES];
	unsigned message_cnt;
	struct link_op *receive[4 * MESSAGES + 16];
	struct {
		uint64_t tag, ignore, source;
		bool tagged, canceled;
	} want[4 * MESSAGES + 16];
	unsigned receive_cnt;
	bool may_break, broken, may_fail, over;
};

static uint64_t pick(struct world *world, unsigned cnt, const uint64_t *from)
{
	return from[link_rand(world->link, cnt)];
}

#define PICK(world, ...)                                                                           \
	pick(world, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

/* Prints the seed if the condition does not hold. */
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			link_die(world->link, __VA_ARGS__);                                        \
	} while (0)

static bool one_in(struct world *world, unsigned n)
{
	return !link_rand(world->link, n);
}

static void add_node(struct world *world)
{
	struct link_config config = link_config();

	config.core.buffer_size = (uint32_t)PICK(world, 512, 700, 1024, 4096, 16384);
	config.core.credits = (uint32_t)PICK(world, 4, 4, 5, 8, 16, 64);
	config.core.send_iov_limit = (uint32_t)PICK(world, 1, 2, 4, 5);
	config.core.rma_iov_limit = (uint32_t)PICK(world, 1, 2, 4);
	config.core.copy_max = (uint32_t)PICK(world, 1, 64, 512, 4096);
	config.engine.transfer =
		(enum sess_way)PICK(world, SESS_AUTO, SESS_AUTO, SESS_READ, SESS_WRITE, SESS_COPY);
	config.core.can_read = !one_in(world, 4);
	config.core.can_write = !one_in(world, 4);
	config.core.read_target = !one_in(world, 4);
	config.core.write_target = !one_in(world, 4);
	config.core.local_mem = one_in(world, 3);
	config.core.send_after_write = one_in(world, 2);
	config.core.virtual_addr = one_in(world, 2);
	config.core.rma_max = PICK(world, SIZE_MAX, SESS_RMA_MIN, 100000);
	config.core.stage = (uint32_t)PICK(world, 0, 300, 2000, 20000);
	config.core.chunk = PICK(world, 1000, 4096, 100000);
	config.core.threshold[SESS_READ] = PICK(world, 1, 2000, 16384, UINT64_MAX);
	config.core.threshold[SESS_WRITE] = PICK(world, 1, 2000, 16384, UINT64_MAX);
	config.engine.initial = PICK(world, 1, 300, 4096);
	config.engine.eager_budget = PICK(world, 1, 4096, 30000, 200000);
	config.engine.unexpected_max = PICK(world, 1, 3000, 1000000);
	config.engine.throttle = PICK(world, 1, 2000, 50000, 1 << 20);
	config.engine.first_seq =
		(uint32_t)PICK(world, 0, 1, UINT32_MAX, UINT32_MAX - 30, 1u << 31);
	link_node(world->link, &config);
}

/* -- random events ------------------------------------------------------------ */

static void send_one(struct world *world)
{
	struct message *message = &world->message[world->message_cnt];
	struct link_node *from = world->link->node[link_rand(world->link, world->link->node_cnt)];
	struct link_node *to = world->link->node[link_rand(world->link, world->link->node_cnt)];
	struct link_end *end = link_end(from, to);
	struct link_op *op;
	size_t size = PICK(world, 0, 1, 8, 100, 300, 512, 513, 2000, 4000, 5000, 20000, BIGGEST);

	if (from->op_cnt > SENDS_OUT + RECEIVES_OUT || world->message_cnt == MESSAGES)
		return;
	if (!end)
		end = link_connect(from, to);
	size = link_rand(world->link, size + 1);
	op = link_op_create(from, size, 1 + (unsigned)link_rand(world->link, 4));
	link_op_fill(op, world->message_cnt);
	op->op.flags = SESS_DATA;
	op->op.data = world->message_cnt;
	op->op.tag = 0;
	if (one_in(world, 2)) {
		op->op.flags |= SESS_TAGGED;
		op->op.tag = link_rand(world->link, 4);
	}
	if (one_in(world, 4))
		op->op.flags |= SESS_DELIVERY;
	if (one_in(world, 4))
		op->op.flags |= SESS_MORE;
	if (one_in(world, 4) && size <= sess_engine_inline_max(from->engine))
		op->op.flags |= SESS_INJECT;
	*message = (struct message){
		.op = op,
		.end = end,
		.from = from->idx,
		.to = to->idx,
		.size = size,
		.tag = op->op.tag,
		.tagged = op->op.flags & SESS_TAGGED,
		.delivery = op->op.flags & SESS_DELIVERY,
	};
	if (link_send(end->sess, op)) {
		link_op_destroy(op);
		return;
	}
	world->message_cnt++;
}

static void arrived(struct link_op *op, void *arg);

static void receive_one(struct world *world, struct link_node *node, bool anything, bool tagged)
{
	unsigned i = world->receive_cnt;
	size_t size = PICK(world, 10, 600, 6000, BIGGEST, BIGGEST, BIGGEST);
	struct link_op *op;

	op = link_op_create(node, anything ? BIGGEST : size,
			    1 + (unsigned)link_rand(world->link, 4));
	if (tagged)
		op->op.flags = SESS_TAGGED;
	if (!anything) {
		if (tagged) {
			op->op.tag = link_rand(world->link, 4);
			op->op.ignore = PICK(world, 0, 0, 3, UINT64_MAX);
		}
		if (one_in(world, 3))
			op->op.source = link_rand(world->link, world->link->node_cnt);
	} else {
		op->op.ignore = tagged ? UINT64_MAX : 0;
	}
	op->done = arrived;
	op->arg = world;
	world->want[i].tagged = tagged;
	world->want[i].tag = op->op.tag;
	world->want[i].ignore = op->op.ignore;
	world->want[i].source = op->op.source;
	world->receive[i] = op;
	world->receive_cnt++;
	op->pattern = i;
	CHECK(!link_recv(op), "a receive was refused");
}

static void receive_somewhere(struct world *world)
{
	struct link_node *node = world->link->node[link_rand(world->link, world->link->node_cnt)];
	unsigned out = 0;

	for (unsigned i = 0; i < world->receive_cnt; i++)
		out += world->receive[i]->pending && world->receive[i]->node == node;
	if (out < RECEIVES_OUT && world->receive_cnt < 2 * MESSAGES)
		receive_one(world, node, false, one_in(world, 2));
}

static void cancel_one(struct world *world)
{
	unsigned i;

	if (one_in(world, 2) && world->message_cnt) {
		i = (unsigned)link_rand(world->link, world->message_cnt);
		if (!world->message[i].op->pending)
			return;
		world->message[i].canceled = true;
		sess_cancel(&world->message[i].op->op);
	} else if (world->receive_cnt) {
		i = (unsigned)link_rand(world->link, world->receive_cnt);
		if (!world->receive[i]->pending)
			return;
		world->want[i].canceled = true;
		sess_cancel(&world->receive[i]->op);
	}
}

static void break_one(struct world *world)
{
	struct link_node *node = world->link->node[link_rand(world->link, world->link->node_cnt)];
	struct link_end *end = TAILQ_FIRST(&node->ends);

	if (!world->may_break || !end || !end->sess || end->closing)
		return;
	world->broken = true;
	if (one_in(world, 3))
		sess_abort(end->sess, ECANCELED);
	else
		link_break(end);
}

/* -- checks ---------------------------------------------------------------------- */

static bool fits(const struct world *world, unsigned want, const struct message *message)
{
	return world->want[want].tagged == message->tagged &&
	       !((world->want[want].tag ^ message->tag) & ~world->want[want].ignore) &&
	       (world->want[want].source == SESS_SOURCE_ANY ||
		world->want[want].source == message->from);
}

static void arrived(struct link_op *op, void *arg)
{
	struct world *world = arg;
	unsigned id = (unsigned)op->op.data;
	struct message *message;
	size_t space = 0, len;

	if (op->op.error && op->op.error != EMSGSIZE) {
		bool canceled = op->op.error == ECANCELED &&
				(world->over || world->want[op->pattern].canceled);

		CHECK(canceled || world->broken || (op->op.error == ENOBUFS && world->may_fail),
		      "a receive failed: %d", op->op.error);
		return;
	}
	CHECK(op->op.flags & SESS_DATA && op->op.data < world->message_cnt, "what is this?");
	message = &world->message[id];
	for (unsigned i = 0; i < op->op.iov_cnt; i++)
		space += op->op.iov[i].len;
	len = message->size < space ? message->size : space;
	CHECK(!message->receive, "message %u came twice", id);
	CHECK(message->to == op->node->idx, "message %u went astray", id);
	CHECK(fits(world, op->pattern, message), "message %u met the wrong receive", id);
	CHECK(op->op.source == message->from && op->op.tag == message->tag,
	      "message %u is described wrongly", id);
	CHECK(op->op.full_len == message->size && op->op.len == len &&
		      op->op.error == (len < message->size ? EMSGSIZE : 0),
	      "message %u of %zu bytes: %zu of %zu came, error %d", id, message->size, op->op.len,
	      op->op.full_len, op->op.error);
	CHECK(link_op_holds(op, id, len), "message %u was damaged", id);
	message->receive = op;
}

/* Of two messages from one source, the receive posted first that takes both
 * gets the first. */
static void check_order(const struct world *world)
{
	for (unsigned i = 0; i < world->message_cnt; i++) {
		const struct message *first = &world->message[i];

		for (unsigned k = i + 1; first->receive && k < world->message_cnt; k++) {
			const struct message *later = &world->message[k];

			if (later->receive && later->end == first->end &&
			    later->receive->pattern < first->receive->pattern &&
			    fits(world, later->receive->pattern, first))
				CHECK(false, "messages %u and %u are out of order", i, k);
		}
	}
}

static void check_sends(const struct world *world)
{
	for (unsigned i = 0; i < world->message_cnt; i++) {
		const struct message *message = &world->message[i];
		int error = message->op->op.error;

		CHECK(!message->op->pending, "send %u never completed", i);
		if (!error && (message->delivery || !world->broken))
			CHECK(message->receive, "message %u was lost", i);
		if (error && !world->broken) {
			CHECK((error == ECANCELED && message->canceled) ||
				      (error == ENOBUFS && world->may_fail),
			      "send %u failed: %d", i, error);
			CHECK(!message->receive, "message %u came though its send failed", i);
		}
	}
}

/* Posts receives for the remaining messages until every send is over. */
static void drain(struct world *world)
{
	struct link *link = world->link;
	bool busy = true;

	for (unsigned round = 0; busy && round < 3 * MESSAGES; round++) {
		link_run(link);
		busy = false;
		for (unsigned i = 0; i < link->node_cnt; i++) {
			unsigned plain = 0, tagged = 0;

			for (unsigned k = 0; k < world->receive_cnt; k++) {
				const struct link_op *op = world->receive[k];
				bool any = world->want[k].source == SESS_SOURCE_ANY &&
					   (!world->want[k].tagged ||
					    world->want[k].ignore == UINT64_MAX);

				if (op->pending && op->node == link->node[i] && any) {
					plain += !world->want[k].tagged;
					tagged += world->want[k].tagged;
				}
			}
			if (world->receive_cnt + 2 > sizeof(world->receive) / sizeof(void *))
				break;
			if (!plain)
				receive_one(world, link->node[i], true, false);
			if (!tagged)
				receive_one(world, link->node[i], true, true);
			busy |= !plain || !tagged;
		}
	}
	link_run(link);
}

static void act(struct world *world)
{
	switch (link_rand(world->link, 16)) {
	case 0 ... 4:
		send_one(world);
		break;
	case 5 ... 8:
		receive_somewhere(world);
		break;
	case 9:
		if (one_in(world, 3))
			cancel_one(world);
		break;
	case 10:
		if (one_in(world, 12))
			break_one(world);
		break;
	default:
		for (uint64_t n = link_rand(world->link, 30); n && link_step(world->link); n--)
			;
	}
}

static void round_of(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	struct link *link = world->link = link_create(seed);
	unsigned nodes;

	link->habits.delay_max = PICK(world, 1, 100, 10000);
	link->habits.refuse = (unsigned)PICK(world, 0, 0, 10, 60);
	link->habits.reg_fail = (unsigned)PICK(world, 0, 0, 0, 30);
	link->habits.reg_later = (unsigned)PICK(world, 0, 50, 100);
	link->habits.lose_on_close = one_in(world, 2);
	world->may_fail = link->habits.reg_fail;
	world->may_break = one_in(world, 3);
	nodes = 2 + (unsigned)link_rand(link, NODES - 1);
	for (unsigned i = 0; i < nodes; i++)
		add_node(world);
	for (unsigned i = 0; i < 10 * MESSAGES && world->message_cnt < MESSAGES; i++)
		act(world);
	drain(world);
	check_sends(world);
	check_order(world);
	if (!world->broken)
		for (unsigned i = 0; i < nodes; i++)
			CHECK(!link->node[i]->downs, "a session of node %u failed", i);
	world->over = true;
	link_destroy(link);
	for (unsigned i = 0; i < world->message_cnt; i++)
		link_op_destroy(world->message[i].op);
	for (unsigned i = 0; i < world->receive_cnt; i++)
		link_op_destroy(world->receive[i]);
	free(world);
}

Test(soak, anything_goes)
{
	const char *seed_text = getenv("SEED"), *rounds_text = getenv("ROUNDS");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : (uint64_t)time(NULL) * 1000003;
	unsigned rounds = rounds_text ? (unsigned)atoi(rounds_text) : UINT32_MAX;
	clock_t end = clock() + 2 * CLOCKS_PER_SEC;

	cr_log_info("SEED=%llu", (unsigned long long)seed);
	if (seed_text && !rounds_text)
		rounds = 1;
	for (unsigned i = 0; i < rounds; i++, seed++) {
		if (rounds == UINT32_MAX && clock() > end)
			break;
		round_of(seed);
	}
	link_leak_check();
}
