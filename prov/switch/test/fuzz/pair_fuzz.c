/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fuzz target: two engines connected by the test link.  The input configures them and is then
 * a schedule of the applications' calls and the core's behaviour.  It may also change bytes of
 * packets in flight; until it does, each message must arrive as it was sent.
 */
#include <errno.h>
#include <string.h>

#include "fuzz/fuzz_input.h"

enum { STEPS_MAX = 500 };

struct pair {
	struct link *link;
	struct input *in;
	struct fuzz_ops ops;
	bool mutate;  /* change the next packet */
	bool mutated; /* a packet has been changed */
};

static size_t next_size(struct input *in)
{
	static const uint16_t sizes[] = {0, 1, 60, 200, 480, 511, 1000, 2000, 5000, 20000, 40000};
	uint8_t byte = next8(in);

	return byte < 128 ? sizes[byte % 11] : byte * 8u;
}

/* Changes bytes of the packet, but not its session id and cookie, or the engine would drop it. */
static void tap(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	struct pair *pair = link->tap_arg;
	uint8_t how;
	size_t at;

	(void)to;
	if (!pair->mutate || len <= 8)
		return;
	pair->mutate = false;
	pair->mutated = true;
	link->habits.hostile = true;
	how = next8(pair->in);
	at = 8 + next8(pair->in) % (len - 8);
	for (unsigned i = 0; i <= (how & 3) && at + i < len; i++)
		packet[at + i] =
			how & 4 ? packet[at + i] ^ (uint8_t)(1 << (how >> 5)) : next8(pair->in);
}

static void arrived(struct link_op *op, void *arg)
{
	const struct pair *pair = arg;

	if (!(op->op.flags & SESS_RECV) || pair->mutated || op->op.flags & SESS_PEEK ||
	    (op->op.error && op->op.error != EMSGSIZE))
		return;
	if (!(op->op.flags & SESS_DATA) || (!(op->op.flags & SESS_DISCARD) &&
					    !link_op_holds(op, (uint32_t)op->op.data, op->op.len)))
		link_die(op->node->link, "a message was damaged");
}

static struct link_op *new_op(struct pair *pair, uint8_t bits)
{
	struct link_node *node = pair->link->node[bits >> 5 & 1];
	struct link_op *op;

	if (pair->ops.cnt == FUZZ_OPS_MAX)
		return NULL; /* consumes no byte of the input */
	op = fuzz_op_create(&pair->ops, node, next_size(pair->in), 1 + (bits & 3));
	op->op.flags = bits & 4 ? SESS_TAGGED : 0;
	op->op.tag = bits & 4 ? bits >> 3 & 1 : 0;
	op->done = arrived;
	op->arg = pair;
	return op;
}

static void receive(struct pair *pair)
{
	struct link_op *op = new_op(pair, next8(pair->in));
	uint8_t how = next8(pair->in);

	if (!op)
		return;
	if (op->op.flags & SESS_TAGGED && how & 1)
		op->op.ignore = UINT64_MAX;
	if (how & 2)
		op->op.source = how >> 2 & 1;
	if (how >> 5 == 1)
		op->op.flags |= SESS_PEEK;
	if (how >> 5 == 2)
		op->op.flags |= SESS_PEEK | SESS_CLAIM;
	if (how >> 5 == 3)
		op->op.flags |= SESS_CLAIM;
	if (how >> 5 == 4)
		op->op.flags |= SESS_PEEK | SESS_DISCARD;
	link_recv(op);
}

static void submit(struct pair *pair)
{
	struct link_op *op = new_op(pair, next8(pair->in));
	uint8_t how = next8(pair->in);
	struct link_node *to;
	struct link_end *end;

	if (!op)
		return;
	to = how & 128 ? op->node : pair->link->node[!op->node->idx];
	end = link_end(op->node, to);
	if (!end)
		end = link_connect(op->node, to);
	link_op_fill(op, pair->ops.cnt);
	op->op.data = pair->ops.cnt;
	op->op.flags |= SESS_DATA;
	op->op.flags |= fuzz_send_flags(how);
	link_send(end->sess, op);
}

static void disturb(struct pair *pair)
{
	uint8_t what = next8(pair->in);
	struct link_node *node = pair->link->node[what >> 7];
	struct link_end *end = link_end(node, pair->link->node[!node->idx]);
	struct link_habits *habits = &pair->link->habits;

	switch (what & 15) {
	case 0:
		if (end)
			link_break(end);
		break;
	case 1:
		if (end)
			sess_close(end->sess);
		break;
	case 2:
		if (end)
			sess_abort(end->sess, ECANCELED);
		break;
	case 3:
		link_wait(pair->link, node->config.engine.close_timeout / 2);
		break;
	case 4:
		sess_ep_close(node->ep, ECANCELED);
		break;
	case 5:
		habits->reg_fail = what & 64 ? 50 : 0;
		break;
	case 6:
		habits->refuse = what & 64 ? 50 : 0;
		break;
	case 7:
		habits->reg_later = what & 64 ? 50 : 0;
		break;
	case 8:
		habits->lose_on_close = what & 64;
		break;
	case 9:
		habits->delay_max = what & 64 ? 10 : 10000;
		break;
	case 10:
		link_connect(node, pair->link->node[!node->idx]);
		break;
	default:
		pair->mutate = true;
	}
}

static void step(struct pair *pair)
{
	uint8_t what = next8(pair->in);

	switch (what >> 5) {
	case 0 ... 1:
		for (unsigned i = what & 63; i && link_step(pair->link); i--)
			;
		break;
	case 2:
		link_act(pair->link->node[what & 1]);
		break;
	case 3:
	case 4:
		submit(pair);
		break;
	case 5:
		receive(pair);
		break;
	case 6:
		fuzz_op_cancel(&pair->ops, what);
		break;
	default:
		disturb(pair);
	}
}

static struct link_config make_config(struct input *in)
{
	struct link_config config = link_config();
	uint8_t how = next8(in), caps = next8(in);

	config.core.buffer_size = how & 1 ? 512 : 2048;
	config.core.credits = how & 2 ? 4 : 9;
	config.engine.transfer = (enum sess_way)(how >> 2 & 3 ? how >> 2 & 3 : SESS_AUTO);
	config.core.local_mem = how & 16;
	config.core.send_after_write = how & 32;
	config.core.virtual_addr = how & 64;
	config.core.send_iov_limit = how & 128 ? 1 : 4;
	config.core.can_read = !(caps & 1);
	config.core.can_write = !(caps & 2);
	config.core.read_target = !(caps & 4);
	config.core.write_target = !(caps & 8);
	config.core.rma_iov_limit = caps & 16 ? 1 : 3;
	config.engine.eager_budget = caps & 32 ? 1 : 10000;
	config.engine.unexpected_max = caps & 64 ? 1 : 30000;
	config.engine.initial = caps & 128 ? 1 : 300;
	config.core.copy_max = 100;
	config.core.threshold[SESS_READ] = config.core.threshold[SESS_WRITE] = 1500;
	config.core.chunk = 3000;
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct pair pair = {.in = &in};
	struct link_config config;

	pair.link = link_create(next8(&in));
	pair.link->tap = tap;
	pair.link->tap_arg = &pair;
	for (unsigned i = 0; i < 2; i++) {
		config = make_config(&in);
		link_node(pair.link, &config);
	}
	for (unsigned i = 0; i < STEPS_MAX && in.p < in.end; i++)
		step(&pair);
	link_destroy(pair.link);
	fuzz_ops_destroy(&pair.ops);
	return 0;
}
