/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fuzz target: arbitrary packets sent to one engine that has transfers under way in both
 * directions.  The input is a program.  Each step is a packet (raw bytes, or records built from
 * a few bytes so that deep states are reached) or an event of the application or the core.
 * Headers carry the right session, cookie and packet number, or the engine would drop every
 * packet.
 */
#include <errno.h>
#include <string.h>

#include "fuzz/fuzz_input.h"
#include "session/internal.h"

enum { STEPS_MAX = 400 };

struct victim {
	struct link *link;
	struct link_node *node;
	struct fuzz_ops ops;
};

/* A transfer id made of few slots and few generations, so that it often names a transfer that
 * exists. */
static uint32_t next_id(struct input *in)
{
	uint8_t byte = next8(in);

	return (1u + (byte >> 6)) << TABLE_SLOT_BITS | (byte & 15);
}

static struct sess *session(struct victim *victim)
{
	struct link_end *end = TAILQ_FIRST(&victim->node->ends);

	return end ? end->sess : NULL;
}

/* -- packets ------------------------------------------------------------------- */

enum { KEY_LEN = 8 };

static size_t put_hello(const struct victim *victim, struct input *in, uint8_t *p)
{
	const struct sess *sess = TAILQ_FIRST(&victim->node->ends)->sess;
	uint8_t wrong = next8(in);
	struct wire_hello hello = {
		.version_min = wrong == 1 ? 3 : 2,
		.version_max = wrong == 2 ? 0 : 3,
		.byte_order = wrong == 3 ? 0x0201 : WIRE_BYTE_ORDER,
		.window = wrong == 4 ? 3 : 8,
		.rma_iov_limit = 4,
		.key_len = wrong == 5 ? 200 : 8,
		.caps = next8(in),
		.buffer_size = wrong == 6 ? 511 : 512u + next8(in),
		.attempt = 1,
		.peer_attempt = sess_link(sess)->attempt + (wrong == 7),
		.instance = sess->peer_instance + (wrong == 8),
		.exts = wrong > 8
				? next8(in)
				: 1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET,
		.eager_budget = next64(in),
		.rma_max = next64(in),
		.name_len = next8(in) % (SESS_NAME_MAX + 1),
		.next_seq = 0,
	};

	return wire_put_hello(p, &hello);
}

static size_t put_start(struct input *in, uint8_t flags, uint8_t *p, size_t room)
{
	struct wire_desc desc[WIRE_DESC_MAX];
	enum sess_way way = (enum sess_way)(1 + next8(in) % 3);
	unsigned cnt = way == SESS_READ ? flags >> 5 & 3 : 0;
	uint64_t sum = next_descs(in, desc, cnt), total = next64(in);
	uint16_t len = (uint16_t)next64(in);
	size_t head;
	uint32_t id;

	flags &= flags & 16 ? WIRE_TAGGED | WIRE_DATA | WIRE_ACK : WIRE_TAGGED | WIRE_HELD;
	head = wire_start_len(flags, cnt, KEY_LEN);
	if (head >= room)
		return 0;
	len = (uint16_t)(len % (room - head));
	id = next_id(in);
	wire_put_start(p, flags, len, id, cnt ? len + sum : total, next8(in) & 3, 6, way, desc, cnt,
		       KEY_LEN);
	return head + len;
}

/* Puts a record of correct layout whose fields have arbitrary values.  Returns its length in
 * bytes. */
static size_t put_record(const struct victim *victim, struct input *in, uint8_t *p, size_t room)
{
	struct wire_desc desc[WIRE_DESC_MAX];
	enum wire_type type = (enum wire_type)(1 + next8(in) % (WIRE_TYPES - 1));
	uint8_t flags = next8(in);
	unsigned cnt = 1 + (flags >> 6);
	uint64_t tag;
	uint32_t id;
	uint16_t len;
	size_t head;

	switch (type) {
	case WIRE_HELLO:
		return put_hello(victim, in, p);
	case WIRE_REFUSE:
		return wire_put_refuse(p, flags, next8(in));
	case WIRE_INLINE:
		flags &= WIRE_TAGGED | WIRE_DATA | WIRE_ACK;
		head = wire_inline_len(flags);
		len = (uint16_t)(next64(in) % (room - head));
		tag = next8(in) & 3;
		wire_put_inline(p, flags, len, tag, 5, next_id(in));
		return head + len;
	case WIRE_START:
		return put_start(in, flags, p, room);
	case WIRE_SEGMENT:
		len = (uint16_t)(1 + next64(in) % (room - WIRE_SEGMENT_LEN - 1));
		id = next_id(in);
		wire_put_segment(p, len, id, next64(in));
		return WIRE_SEGMENT_LEN + (size_t)len;
	case WIRE_GO:
		id = next_id(in);
		return wire_put_go(p, id, next64(in));
	case WIRE_SINK:
		next_descs(in, desc, cnt);
		return wire_put_sink(p, next_id(in), desc, cnt, KEY_LEN);
	case WIRE_BUDGET:
		return wire_put_budget(p, next64(in));
	case WIRE_BYE:
		return wire_put_bye(p, flags & WIRE_ABORT);
	default:
		return wire_put_reply(p, type, flags & 3, next_id(in));
	}
}

static void input_packet(struct victim *victim, uint8_t kind, struct input *in)
{
	struct sess *sess = session(victim);
	uint8_t packet[8192] = {0};
	struct wire_header header;
	size_t len = WIRE_HEADER_LEN;

	if (!sess)
		return;
	header = (struct wire_header){
		.session_id = sess_link(sess)->id,
		.cookie = sess_link(sess)->cookie,
		.seq = sess->numbers.rx_next,
		.ack = sess->numbers.tx_next - (kind & 1),
		.window = (uint16_t)(victim->node->config.core.credits + 2),
		.record_cnt = kind >> 1 & 3,
		.flags = kind & 8 ? next8(in) : 0,
	};
	if (kind & 16) {
		size_t raw = next8(in);

		if (raw > (size_t)(in->end - in->p))
			raw = (size_t)(in->end - in->p);
		memcpy(packet + len, in->p, raw);
		in->p += raw;
		len += raw;
	} else {
		for (unsigned i = 0; i < header.record_cnt; i++)
			len += put_record(victim, in, packet + len, 2000);
	}
	wire_put_header(packet, &header);
	fuzz_deliver(victim->node->engine, packet, len);
}

/* -- the application and the core ------------------------------------------------ */

static struct link_op *new_op(struct victim *victim, size_t size, uint8_t bits)
{
	struct link_op *op = fuzz_op_create(&victim->ops, victim->node, size, 1 + (bits >> 6));

	if (!op)
		return NULL;
	op->op.flags = bits & (SESS_TAGGED | SESS_DATA);
	op->op.tag = bits & SESS_TAGGED ? bits >> 2 & 3 : 0;
	return op;
}

static void receive(struct victim *victim, struct input *in)
{
	uint8_t bits = next8(in), how = next8(in);
	struct link_op *op = new_op(victim, next64(in) % 50000, bits);

	if (!op)
		return;
	op->op.flags &= (uint16_t)~SESS_DATA;
	if (op->op.flags & SESS_TAGGED && how & 1)
		op->op.ignore = UINT64_MAX;
	op->op.flags |= fuzz_recv_flags(how);
	op->op.claim = how & 16 ? victim : NULL;
	link_recv(op);
}

static void submit(struct victim *victim, struct input *in)
{
	uint8_t bits = next8(in), how = next8(in);
	struct link_op *op = new_op(victim, next64(in) % 50000, bits);

	if (!op || !session(victim))
		return;
	op->op.flags |= fuzz_send_flags(how);
	link_send(session(victim), op);
}

static void core_does(struct victim *victim, struct input *in)
{
	uint8_t what = next8(in);

	switch (what % 8) {
	case 0:
		link_wait(victim->link, victim->node->config.engine.close_timeout / 3);
		break;
	case 1:
		if (session(victim))
			link_break(TAILQ_FIRST(&victim->node->ends));
		break;
	case 2:
		if (session(victim))
			sess_close(session(victim));
		break;
	case 3:
		if (session(victim))
			sess_abort(session(victim), ECANCELED);
		break;
	case 4:
		victim->link->habits.refuse = what & 16 ? 50 : 0;
		break;
	case 5:
		victim->link->habits.reg_fail = what & 16 ? 50 : 0;
		break;
	case 6:
		sess_ep_close(victim->node->ep, ECANCELED);
		break;
	default:
		if (session(victim))
			sess_set_source(session(victim), what);
	}
}

static void step(struct victim *victim, struct input *in)
{
	uint8_t what = next8(in);

	switch (what >> 5) {
	case 0 ... 2:
		input_packet(victim, what & 31, in);
		break;
	case 3:
		input_packet(victim, what & 15, in);
		link_progress(victim->node);
		break;
	case 4:
		for (unsigned i = what & 31; i && link_step(victim->link); i--)
			;
		break;
	case 5:
		receive(victim, in);
		break;
	case 6:
		submit(victim, in);
		break;
	default:
		if (what & 16)
			core_does(victim, in);
		else
			fuzz_op_cancel(&victim->ops, what);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct victim victim = {.link = link_create(1)};
	struct link_config config = link_config();
	uint8_t how = next8(&in);

	config.core.buffer_size = 1024;
	config.core.credits = 8;
	config.engine.transfer = (enum sess_way)(how & 3 ? how & 3 : SESS_AUTO);
	config.core.local_mem = how & 4;
	config.core.send_after_write = how & 8;
	config.core.threshold[SESS_READ] = config.core.threshold[SESS_WRITE] = 1500;
	config.engine.initial = 100;
	config.engine.eager_budget = 5000;
	config.engine.unexpected_max = how & 16 ? 2000 : 100000;
	config.core.chunk = 1000;
	victim.link->habits.hostile = true;
	victim.link->habits.silent = how & 32; /* the session has received no hello yet */
	link_node(victim.link, &config);
	victim.node = link_node(victim.link, &config);
	link_connect(victim.link->node[0], victim.node);
	link_run(victim.link);
	victim.node = victim.link->node[how >> 6 & 1];
	victim.link->habits.silent = true;
	for (unsigned i = 0; i < STEPS_MAX && in.p < in.end; i++)
		step(&victim, &in);
	link_destroy(victim.link);
	fuzz_ops_destroy(&victim.ops);
	return 0;
}
