/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Writes docs/sequences.md: two engines talk to each other over the link of the tests,
 * and what they do is drawn as it happens, one diagram for each way of moving data and
 * of ending a session.  "make diagrams" writes the page, and sequences.sh compares the
 * committed one with what the engines do now.
 *
 * It sees packets as the link delivers them, and the engine's actions because the linker
 * puts its own sess_next() and sess_done() in front of the engine's (--wrap).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link.h"
#include "session/wire.h"
#include "tools/draw.h"

enum { LABEL_MAX = 512, OPS_MAX = 16, RMA_MAX = 64 };

static struct link *net;
static struct link_node *a, *b;
static struct link_end *ab, *ba;
static struct link_op *ops[OPS_MAX];
static unsigned op_cnt;
static bool strange_hello;
static const struct sess_io *rmas[RMA_MAX]; /* with the core */
static const char *rma_names[RMA_MAX];

static const char *error_name(int error)
{
	switch (error) {
	case 0:
		return "ok";
	case ECANCELED:
		return "ECANCELED";
	case ECONNRESET:
		return "ECONNRESET";
	case ECONNREFUSED:
		return "ECONNREFUSED";
	case EPROTO:
		return "EPROTO";
	default:
		return strerror(error);
	}
}

/* -- packets -------------------------------------------------------------------------- */

static size_t put_record(char *text, size_t size, const struct wire_record *record)
{
	static const char *const ways[] = {"inline", "read", "write", "copy"};
	static const char *const statuses[] = {"", ": canceled", ": failed", ": closed"};
	bool abort = record->flags & WIRE_ABORT;

	switch (record->type) {
	case WIRE_HELLO:
		return (size_t)snprintf(text, size, "HELLO");
	case WIRE_REFUSE:
		return (size_t)snprintf(text, size, "REFUSE");
	case WIRE_INLINE:
		return (size_t)snprintf(text, size, "INLINE %zu%s", record->len,
					record->flags & WIRE_ACK ? ", wants DONE" : "");
	case WIRE_START:
		return (size_t)snprintf(text, size, "START %zu of %llu, %s%s%s", record->len,
					(unsigned long long)record->total, ways[record->way],
					record->desc_cnt ? ", key" : "",
					record->flags & WIRE_HELD ? ", held" : "");
	case WIRE_SEGMENT:
		return (size_t)snprintf(text, size, "SEGMENT %zu at %llu", record->len,
					(unsigned long long)record->offset);
	case WIRE_GO:
		return (size_t)snprintf(text, size, "GO %llu", (unsigned long long)record->total);
	case WIRE_SINK:
		return (size_t)snprintf(text, size, "SINK, key");
	case WIRE_WRITTEN:
		return (size_t)snprintf(text, size, "WRITTEN");
	case WIRE_DONE:
		return (size_t)snprintf(text, size, "DONE%s", statuses[record->status]);
	case WIRE_CANCEL:
		return (size_t)snprintf(text, size, "CANCEL");
	case WIRE_BUDGET:
		return (size_t)snprintf(text, size, "BUDGET");
	case WIRE_BYE:
		return (size_t)snprintf(text, size, "BYE%s", abort ? ": abort" : "");
	default:
		return (size_t)snprintf(text, size, "record %u", record->type);
	}
}

/* The same several times in a row is said once. */
static void describe(const uint8_t *packet, size_t len, char *text)
{
	char last[LABEL_MAX / 2] = "", each[LABEL_MAX / 2];
	struct wire_header header;
	struct wire_record record;
	size_t at = WIRE_HEADER_LEN, used = 0;
	unsigned times = 0;
	long took;

	text[0] = '\0';
	if (wire_get_header(packet, len, &header))
		link_die(net, "a packet without a header");
	if (!header.record_cnt)
		snprintf(text, LABEL_MAX, "(credits)");
	for (unsigned i = 0; i <= header.record_cnt && used < LABEL_MAX - 100; i++) {
		each[0] = '\0';
		if (i < header.record_cnt) {
			took = wire_get_record(packet + at, len - at, &record);
			if (took < 0)
				link_die(net, "a packet that cannot be read");
			at += (size_t)took;
			put_record(each, sizeof(each), &record);
		}
		if (times && strcmp(each, last)) {
			if (times > 1)
				used += (size_t)snprintf(text + used, LABEL_MAX - used, "%s%u x %s",
							 used ? " + " : "", times, last);
			else
				used += (size_t)snprintf(text + used, LABEL_MAX - used, "%s%s",
							 used ? " + " : "", last);
			times = 0;
		}
		times++;
		memcpy(last, each, sizeof(last));
	}
}

static void packet_came(struct link *link, struct link_end *to, uint8_t *packet, size_t len)
{
	char text[LABEL_MAX];

	(void)link;
	if (strange_hello && to->node == b && packet[WIRE_HEADER_LEN] == WIRE_HELLO)
		memcpy(packet + WIRE_HEADER_LEN + 8, "\x63\0\x63", 4); /* both versions 99 */
	describe(packet, len, text);
	if (to->node == b)
		arrow(ENGINE_A, ENGINE_B, "%s", text);
	else
		arrow(ENGINE_B, ENGINE_A, "%s", text);
}

/* -- what the engines ask for ---------------------------------------------------------- */

const struct sess_action *__real_sess_next(struct sess_engine *engine);
const struct sess_action *__wrap_sess_next(struct sess_engine *engine);
void __real_sess_done(struct sess_engine *engine, struct sess_io *io, int error);
void __wrap_sess_done(struct sess_engine *engine, struct sess_io *io, int error);

static void remember(const struct sess_io *io, const char *name)
{
	for (unsigned i = 0; i < RMA_MAX; i++) {
		if (!rmas[i]) {
			rmas[i] = io;
			rma_names[i] = name;
			return;
		}
	}
}

static void completed(unsigned engine, unsigned app, const struct sess_op *op)
{
	if (op->error)
		arrow(engine, app, "%s %s", op->flags & SESS_RECV ? "recv" : "send",
		      error_name(op->error));
	else
		arrow(engine, app, "%s %zu", op->flags & SESS_RECV ? "received" : "sent", op->len);
}

static void down(unsigned engine, unsigned app, const struct sess_action *action)
{
	const char *reason = sess_reason(action->sess);

	arrow(engine, app, "down: %s", error_name(action->error));
	if (!*reason)
		return;
	remark(ENGINE_A, ENGINE_B, reason);
}

const struct sess_action *__wrap_sess_next(struct sess_engine *engine)
{
	const struct sess_action *action = __real_sess_next(engine);
	bool is_b = b && engine == b->engine;
	unsigned from = is_b ? ENGINE_B : ENGINE_A, app = is_b ? APP_B : APP_A;

	if (!action || !drawing)
		return action;
	switch (action->type) {
	case SESS_ACT_COMPLETE:
		completed(from, app, action->op);
		break;
	case SESS_ACT_SEND: /* seen when it is delivered */
		break;
	case SESS_ACT_READ:
		arrow(from, CORE, "read %zu", action->len);
		remember(action->io, "read");
		break;
	case SESS_ACT_WRITE:
		arrow(from, CORE, "write %zu", action->len);
		remember(action->io, "written");
		break;
	case SESS_ACT_REGISTER:
		arrow(from, CORE, "register: %s",
		      action->access & SESS_ACCESS_REMOTE_READ	  ? "be read"
		      : action->access & SESS_ACCESS_REMOTE_WRITE ? "be written"
								  : "local");
		break;
	case SESS_ACT_DEREGISTER:
		arrow(from, CORE, "release");
		break;
	case SESS_ACT_UP:
		arrow(from, app, "up");
		break;
	case SESS_ACT_BYE:
		arrow(from, app, "bye");
		break;
	case SESS_ACT_DOWN:
		down(from, app, action);
		break;
	case SESS_ACT_CONNECT:
		arrow(from, app, "connect again");
		break;
	case SESS_ACT_LINK_DOWN:
		arrow(from, app, "link down");
		break;
	}
	return action;
}

void __wrap_sess_done(struct sess_engine *engine, struct sess_io *io, int error)
{
	for (unsigned i = 0; i < RMA_MAX; i++) {
		if (rmas[i] != io)
			continue;
		rmas[i] = NULL;
		arrow(CORE, b && engine == b->engine ? ENGINE_B : ENGINE_A, "%s",
		      error ? error_name(error) : rma_names[i]);
	}
	__real_sess_done(engine, io, error);
}

/* -- what the applications do ------------------------------------------------------------ */

/* Two engines whose link takes no longer for one thing than for another. */
static void open_quiet(const struct link_config *first, const struct link_config *second)
{
	drawing = false;
	net = link_create(1);
	net->habits.delay_max = 1;
	net->tap = packet_came;
	a = link_node(net, first);
	b = second ? link_node(net, second) : NULL;
	lanes = second ? (unsigned)LANES : ENGINE_A + 1;
}

static void draw(void)
{
	drawing = true;
	heads();
}

static void open_pair(const struct link_config *first, const struct link_config *second)
{
	open_quiet(first, second);
	ab = link_connect(a, b);
	link_run(net);
	ba = link_end(b, a);
	draw();
}

static void open_alike(struct link_config config)
{
	open_pair(&config, &config);
}

static void close_all(void)
{
	drawing = false;
	for (unsigned i = 0; i < op_cnt; i++)
		if (ops[i]->pending)
			sess_cancel(&ops[i]->op);
	link_run(net);
	for (unsigned i = 0; i < op_cnt; i++)
		link_op_destroy(ops[i]);
	op_cnt = 0;
	strange_hello = false;
	link_destroy(net);
}

static struct link_op *send_over(struct link_node *node, struct sess *sess, size_t size,
				 unsigned flags, const char *how)
{
	struct link_op *op = ops[op_cnt++] = link_op_create(node, size, 1);

	link_op_fill(op, op_cnt);
	op->op.flags = (uint16_t)flags;
	if (node == b)
		arrow(APP_B, ENGINE_B, "send %zu%s", size, how);
	else
		arrow(APP_A, ENGINE_A, "send %zu%s", size, how);
	if (link_send(sess, op))
		link_die(net, "a send was refused");
	return op;
}

static struct link_op *send_from(struct link_end *end, size_t size, unsigned flags, const char *how)
{
	return send_over(end->node, end->sess, size, flags, how);
}

static struct link_op *recv_at(struct link_node *node, size_t size)
{
	struct link_op *op = ops[op_cnt++] = link_op_create(node, size, 1);

	if (node == b)
		arrow(APP_B, ENGINE_B, "receive %zu", size);
	else
		arrow(APP_A, ENGINE_A, "receive %zu", size);
	if (link_recv(op))
		link_die(net, "a receive was refused");
	return op;
}

static void opening(void)
{
	struct link_config config = link_config();

	open_quiet(&config, &config);
	draw();
	arrow(APP_A, ENGINE_A, "connect");
	link_connect(a, b);
	link_run(net);
}

static void refusal(void)
{
	strange_hello = true;
	opening();
}

static void one_inline(void)
{
	open_alike(link_config());
	recv_at(b, 64);
	send_from(ab, 64, 0, "");
	link_run(net);
}

static void delivery(void)
{
	open_alike(link_config());
	send_from(ab, 64, SESS_DELIVERY, ", delivery");
	link_run(net);
	recv_at(b, 64);
	link_run(net);
}

static void coalesced(void)
{
	open_alike(link_config());
	for (unsigned i = 0; i < 4; i++)
		recv_at(b, 64);
	for (unsigned i = 0; i < 4; i++)
		send_from(ab, 64, i < 3 ? SESS_MORE : 0, i < 3 ? ", more" : "");
	link_run(net);
}

static void by_read(void)
{
	open_alike(link_config());
	recv_at(b, 100000);
	send_from(ab, 100000, 0, "");
	link_run(net);
}

static void by_write(void)
{
	struct link_config config = link_config();

	config.core.can_read = false;
	open_alike(config);
	recv_at(b, 100000);
	send_from(ab, 100000, 0, "");
	link_run(net);
}

static struct link_config without_rma(void)
{
	struct link_config config = link_config();

	config.core.can_read = config.core.can_write = config.core.read_target =
		config.core.write_target = false;
	return config;
}

static void by_copy(void)
{
	open_alike(without_rma());
	send_from(ab, 12000, 0, "");
	link_run(net);
	recv_at(b, 12000);
	link_run(net);
}

static void copy_with_go(void)
{
	struct link_config config = without_rma();

	config.engine.eager_budget = 4096;
	open_alike(config);
	send_from(ab, 12000, 0, "");
	link_run(net);
	recv_at(b, 12000);
	link_run(net);
}

static void unregistered(void)
{
	open_alike(link_config());
	net->habits.reg_fail = 100;
	recv_at(b, 40000);
	send_from(ab, 40000, 0, "");
	link_run(net);
}

static void to_itself(void)
{
	struct link_config config = link_config();

	open_quiet(&config, NULL);
	ab = link_connect_self(a);
	link_run(net);
	draw();
	send_from(ab, 64, 0, "");
	link_run(net);
	recv_at(a, 64);
	link_run(net);
}

/* Both sides give up their link, in order; the next one is made by hand. */
static void second_link(void)
{
	struct sess *first, *other;

	open_alike(link_config());
	first = ab->sess;
	other = ba->sess;
	arrow(APP_A, ENGINE_A, "close link");
	sess_link_close(ab->link);
	arrow(APP_B, ENGINE_B, "close link");
	sess_link_close(ba->link);
	link_run(net);
	recv_at(b, 64);
	send_over(a, first, 64, 0, "");
	link_run(net);
	arrow(APP_A, ENGINE_A, "connect again");
	link_connect_again(a, first, b, other);
	link_run(net);
}

static void canceled(void)
{
	struct link_op *op;

	open_alike(link_config());
	op = send_from(ab, 100000, 0, "");
	link_run(net);
	arrow(APP_A, ENGINE_A, "cancel");
	if (sess_cancel(&op->op))
		link_die(net, "a send was not called back");
	link_run(net);
}

static void orderly(void)
{
	open_alike(link_config());
	recv_at(b, 64);
	send_from(ab, 64, 0, "");
	arrow(APP_A, ENGINE_A, "close");
	sess_close(ab->sess);
	link_run(net);
}

static void aborted(void)
{
	open_alike(link_config());
	send_from(ab, 100000, 0, "");
	send_from(ba, 100000, 0, "");
	link_run(net);
	arrow(APP_A, ENGINE_A, "abort");
	sess_abort(ab->sess, ECANCELED);
	link_run(net);
}

/* -- the page ----------------------------------------------------------------------------- */

static const struct {
	const char *title, *text;
	void (*run)(void);
} diagrams[] = {
	{"Opening",
	 "The core makes a path first, with a preamble in each direction. Then both say hello.",
	 opening},
	{"Hello, refused",
	 "The opener speaks a version that the answerer does not know. Its endpoint is told why.",
	 refusal},
	{"Inline", "A message that fits a packet goes in one record.", one_inline},
	{"Inline, complete on delivery",
	 "The sender asks to hear when the application has it. Here its receive is posted late.",
	 delivery},
	{"Coalesced", "The application says that more follows: one packet carries all.", coalesced},
	{"Read",
	 "The receiver can read: START tells where the rest lies. The core fetches it in pieces "
	 "into\n"
	 "the receiver's memory, and the sender's engine does not notice.",
	 by_read},
	{"Write",
	 "The receiver cannot read, the sender can write: SINK tells where to. WRITTEN goes "
	 "behind\n"
	 "the last write where the core keeps that order, as here, else after the writes are over.",
	 by_write},
	{"Copy, within the budget",
	 "No RMA on either side. What the receiver's budget holds goes before anybody asks for it.",
	 by_copy},
	{"Copy, with GO", "The same beyond the budget: segments wait for the receive.",
	 copy_with_go},
	{"Copy, where memory cannot be registered",
	 "Both could read, but the core registers nothing.", unregistered},
	{"To itself", "Nothing leaves the engine.", to_itself},
	{"Cancel", "An announced send is called back, and ends when the peer agrees.", canceled},
	{"A second link",
	 "The link is closed in order while the session lives; what is sent meanwhile waits for "
	 "the\n"
	 "next link. Nothing in the provider does this yet: here each side does it by hand.",
	 second_link},
	{"Orderly close", "What was accepted goes first, then BYE both ways.", orderly},
	{"Abort", "Both sides have announced a message that nobody receives yet.", aborted},
};

int main(void)
{
	printf("<!-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only -->\n"
	       "<!-- Written by prov/switch/test/tools/sequences.c: make diagrams -->\n"
	       "# What two engines say to each other\n\n"
	       "Each diagram was drawn by two engines as they did it, over the link of the tests\n"
	       "(buffers of 4,096 bytes, initial portions of 1,024, pieces of 65,536). Time runs\n"
	       "down. An arrow between the engines is a packet with its records (protocol.md), "
	       "drawn\n"
	       "when it is delivered; one to or from the core is an action of an engine, or what "
	       "became\n"
	       "of it. Numbers are bytes. \"key\" means that the record says where memory lies.\n");
	for (size_t i = 0; i < sizeof(diagrams) / sizeof(diagrams[0]); i++) {
		printf("\n## %s\n\n%s\n\n```\n", diagrams[i].title, diagrams[i].text);
		diagrams[i].run();
		close_all();
		printf("```\n");
	}
	return 0;
}
