/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The core in memory: see link.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#if defined(__SANITIZE_ADDRESS__)
#define LINK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LINK_ASAN 1
#endif
#endif
#ifdef LINK_ASAN
#include <sanitizer/lsan_interface.h>
#endif

#define GUARD	  24 /* bytes around each piece of an operation's memory */
#define UNTOUCHED 0xa5

enum event_type {
	EV_DELIVER, /* a packet to end */
	EV_PLACE,   /* the data of io are moved */
	EV_DONE,    /* io is over */
	EV_REG,	    /* the answer to REGISTER */
	EV_RETRY,   /* node asks for progress */
	EV_REQUEST, /* a connection request of end arrives at node */
	EV_ANSWER,  /* other accepted the request of end */
	EV_UP,	    /* the path that end accepted is up */
	EV_DOWN,    /* the path of end broke */
	EV_CLOSED,  /* end is closed */
};

struct link_event {
	TAILQ_ENTRY(link_event) link;
	uint64_t due;
	enum event_type type;
	struct link_node *node;
	struct link_end *end, *other;
	struct link_io *io;
	uint8_t *packet;
	size_t len;
	bool lost;
	uint64_t conn;
	uint8_t preamble[SESS_PREAMBLE_LEN];
	int error;
	struct sess_xfer *xfer;
	struct sess_mem *mem;
};

/* What the core was given. */
struct link_io {
	TAILQ_ENTRY(link_io) link;
	struct link_end *end;
	struct sess_io *io;
	enum sess_action_type type;
	struct sess_iov iov[SESS_SEND_IOV_MAX];
	unsigned iov_cnt;
	size_t len;
	uint64_t raddr;
	uint8_t key[SESS_KEY_MAX];
	size_t key_len;
	uint8_t *copy; /* a packet as it was taken; data of a write once it is done */
	bool placed, done;
	bool in_order; /* a write that arrives before the packets behind it */
	bool lost;
	int error;
};

/* A registration. */
struct sess_mem {
	TAILQ_ENTRY(sess_mem) link;
	struct link_node *node;
	uint8_t *addr;
	size_t len;
	unsigned access;
	uint8_t key[SESS_KEY_MAX];
	size_t key_len;
};

/* -- chance, memory, failure -------------------------------------------------- */

static uint64_t mix(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The engine's source of chance has no context: one for all of a process. */
static uint64_t engine_chance;

static void engine_random(void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len--)
		*to++ = (uint8_t)mix(&engine_chance);
}

uint64_t link_rand(struct link *link, uint64_t n)
{
	return mix(&link->rng) % n;
}

static bool percent(struct link *link, unsigned chance)
{
	return chance && link_rand(link, 100) < chance;
}

static uint64_t delay(struct link *link)
{
	return 1 + link_rand(link, link->habits.delay_max ? link->habits.delay_max : 1);
}

void link_die(const struct link *link, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "link (SEED=%llu, at %llu ns): ", (unsigned long long)link->seed,
		(unsigned long long)link->now);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* Not malloc(): tests make that one fail for the engine. */
static void *get_memory(size_t len)
{
	void *memory = aligned_alloc(16, (len + 16) & ~(size_t)15);

	if (!memory)
		abort();
	memset(memory, 0, len);
	return memory;
}

/* -- events ---------------------------------------------------------------------- */

static void event_insert(struct link *link, struct link_event *event)
{
	struct link_event *before;

	TAILQ_FOREACH_REVERSE(before, &link->events, link_events, link)
	if (before->due <= event->due)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&link->events, before, event, link);
	else
		TAILQ_INSERT_HEAD(&link->events, event, link);
}

static struct link_event *event_at(struct link *link, enum event_type type, struct link_end *end,
				   uint64_t due)
{
	struct link_event *event = get_memory(sizeof(*event));

	event->type = type;
	event->end = end;
	event->node = end ? end->node : NULL;
	event->due = due;
	event_insert(link, event);
	return event;
}

static struct link_event *event_soon(struct link *link, enum event_type type, struct link_end *end)
{
	return event_at(link, type, end, link->now + delay(link));
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* -- what the core is given --------------------------------------------------------- */

static bool overlap(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const char *x = a, *y = b;

	return a_len && b_len && x < y + b_len && y < x + a_len;
}

static void gather(const struct link_io *io, uint8_t *to)
{
	for (unsigned i = 0; i < io->iov_cnt; to += io->iov[i++].len)
		memcpy(to, io->iov[i].addr, io->iov[i].len);
}

static void check_local(struct link_node *node, const struct sess_iov *iov, unsigned access)
{
	const struct sess_mem *mem;

	if (!node->config.local_mem)
		return;
	TAILQ_FOREACH (mem, &node->mems, link)
		if (mem == iov->mem && mem->access & access && (uint8_t *)iov->addr >= mem->addr &&
		    (uint8_t *)iov->addr + iov->len <= mem->addr + mem->len)
			return;
	link_die(node->link, "local memory is not registered");
}

static struct link_io *io_take(struct link_end *end, const struct sess_action *action)
{
	struct link_io *io = get_memory(sizeof(*io));

	io->end = end;
	io->io = action->io;
	io->type = action->type;
	memcpy(io->iov, action->iov, sizeof(io->iov));
	io->iov_cnt = action->iov_cnt;
	io->len = action->len;
	io->raddr = action->raddr;
	for (unsigned i = 0; i < sizeof(io->io->core) / sizeof(io->io->core[0]); i++)
		io->io->core[i] = UINT64_MAX;
	if (io->type != SESS_ACT_SEND) {
		memcpy(io->key, action->key, action->key_len);
		io->key_len = action->key_len;
	}
	if (!end->open) {
		io->error = EPIPE;
		io->placed = true;
	}
	TAILQ_INSERT_TAIL(&end->ios, io, link);
	return io;
}

static void check_action(struct link_end *end, const struct sess_action *action)
{
	const struct sess_config *config = &end->node->config;
	struct link *link = end->node->link;
	size_t len = 0;

	for (unsigned i = 0; i < action->iov_cnt; i++)
		len += action->iov[i].len;
	if (len != action->len || !len || end->closing)
		link_die(link, "an action of %zu bytes says %zu", len, action->len);
	if (action->type == SESS_ACT_SEND) {
		if (action->iov_cnt > config->send_iov_limit || len > config->buffer_size)
			link_die(link, "a packet of %u pieces, %zu bytes", action->iov_cnt, len);
		return;
	}
	if (action->iov_cnt > config->rma_iov_limit || len > config->rma_max || len > config->chunk)
		link_die(link, "an RMA operation of %u pieces, %zu bytes", action->iov_cnt, len);
	for (unsigned i = 0; i < action->iov_cnt; i++)
		check_local(end->node, &action->iov[i],
			    action->type == SESS_ACT_READ ? SESS_ACCESS_LOCAL_WRITE
							  : SESS_ACCESS_LOCAL_READ);
}

/* What the core has but copied goes out with its next call. */
static void push_kept(struct link_end *end)
{
	struct link *link = end->node->link;
	struct link_event *event;

	while ((event = TAILQ_FIRST(&end->kept))) {
		TAILQ_REMOVE(&end->kept, event, link);
		event->lost = !end->open;
		event->due = end->last_sent = at_least(end->last_sent, link->now + delay(link));
		event_insert(link, event);
	}
}

/* Packets of a path arrive in order and finish in order; neither waits for
 * the other.  Returns what is done at once, as it was but copied. */
static struct link_io *take_send(struct link_end *end, const struct sess_action *action)
{
	struct link *link = end->node->link;
	bool kept = action->may_buffer && action->len < end->node->config.stage;
	struct link_io *io = io_take(end, action);
	struct link_event *event;

	io->copy = get_memory(io->len);
	gather(io, io->copy);
	io->placed = true;
	link->packets++;
	if (io->len > link->longest_packet)
		link->longest_packet = io->len;
	if (end->open && end->peer) {
		push_kept(end);
		end->last_sent = at_least(end->last_sent, link->now + delay(link));
		event = event_at(link, EV_DELIVER, end->peer, end->last_sent);
		event->other = end;
		event->packet = get_memory(io->len);
		event->len = io->len;
		memcpy(event->packet, io->copy, io->len);
		if (kept) {
			TAILQ_REMOVE(&link->events, event, link);
			TAILQ_INSERT_TAIL(&end->kept, event, link);
		}
	}
	if (kept)
		return io;
	end->last_done = at_least(end->last_done, link->now + delay(link));
	event_at(link, EV_DONE, end, end->last_done)->io = io;
	return NULL;
}

/* Writes arrive before the packets behind them if the core promises so; else
 * their completion means that they arrived, as a read's does. */
static void take_rma(struct link_end *end, const struct sess_action *action)
{
	struct link *link = end->node->link;
	struct link_io *io = io_take(end, action);
	uint64_t due = link->now + delay(link);

	io->in_order = action->type == SESS_ACT_WRITE && end->node->config.send_after_write;
	if (action->type == SESS_ACT_WRITE)
		link->writes++;
	else
		link->reads++;
	if (io->in_order)
		end->last_sent = due = at_least(end->last_sent, due);
	if (!io->placed)
		event_at(link, EV_PLACE, end, due)->io = io;
	event_at(link, EV_DONE, end, io->in_order ? link->now + delay(link) : due + delay(link))
		->io = io;
}

static struct sess_mem *find_mem(struct link_node *node, const struct link_io *io, unsigned access)
{
	struct sess_mem *mem;

	TAILQ_FOREACH (mem, &node->mems, link) {
		uint64_t base = node->config.virtual_addr ? (uintptr_t)mem->addr : 0;

		if (mem->key_len == io->key_len && !memcmp(mem->key, io->key, io->key_len) &&
		    mem->access & access && io->raddr >= base && io->len <= mem->len &&
		    io->raddr - base <= mem->len - io->len)
			return mem;
	}
	return NULL;
}

static void io_free_if_over(struct link_io *io)
{
	if (!io->done || !io->placed)
		return;
	free(io->copy);
	free(io);
}

static void place(struct link *link, struct link_io *io)
{
	struct link_node *target;
	struct sess_mem *mem;
	uint8_t *there;

	if (io->placed)
		return;
	io->placed = true;
	if (io->lost || !io->end->peer || !io->end->peer->open) {
		if (!io->error)
			io->error = EIO;
		io_free_if_over(io);
		return;
	}
	target = io->end->peer->node;
	mem = find_mem(target, io,
		       io->type == SESS_ACT_READ ? SESS_ACCESS_REMOTE_READ
						 : SESS_ACCESS_REMOTE_WRITE);
	if (!mem) {
		if (!link->habits.hostile)
			link_die(link, "%s of memory that is not registered",
				 io->type == SESS_ACT_READ ? "a read" : "a write");
		if (io->key[0] & 1)
			io->error = EACCES;
		io_free_if_over(io);
		return;
	}
	there = mem->addr + (io->raddr - (target->config.virtual_addr ? (uintptr_t)mem->addr : 0));
	if (io->type == SESS_ACT_WRITE) {
		if (io->done)
			memcpy(there, io->copy, io->len);
		else
			gather(io, there);
	} else {
		for (unsigned i = 0; i < io->iov_cnt; there += io->iov[i++].len)
			memcpy(io->iov[i].addr, there, io->iov[i].len);
	}
	io_free_if_over(io);
}

static void close_if_drained(struct link_end *end)
{
	if (end->closing && TAILQ_EMPTY(&end->ios))
		event_soon(end->node->link, EV_CLOSED, end);
}

static void io_done(struct link *link, struct link_io *io)
{
	struct link_end *end = io->end;
	struct sess_io *done = io->io;
	int error = io->error;
	uint8_t *now;

	if (io->type == SESS_ACT_SEND) {
		now = get_memory(io->len);
		gather(io, now);
		if (memcmp(now, io->copy, io->len))
			link_die(link, "a packet was changed before it was sent");
		free(now);
	} else if (io->type == SESS_ACT_WRITE && !io->placed) {
		io->copy = get_memory(io->len);
		gather(io, io->copy);
	}
	io->done = true;
	TAILQ_REMOVE(&end->ios, io, link);
	io_free_if_over(io);
	sess_done(end->node->engine, done, error);
	close_if_drained(end);
}

/* -- paths ------------------------------------------------------------------------------ */

static void lose_packets(struct link *link, const struct link_end *from)
{
	struct link_event *event;

	TAILQ_FOREACH (event, &link->events, link)
		if (event->type == EV_DELIVER && event->other == from)
			event->lost = true;
}

/* Nothing goes out or comes in any more; what is under way comes back. */
static void cut(struct link_end *end, bool lose)
{
	struct link *link = end->node->link;
	struct link_io *io;

	if (!end->open)
		return;
	end->open = false;
	if (lose)
		lose_packets(link, end);
	TAILQ_FOREACH (io, &end->ios, link) {
		io->lost = lose || !io->in_order;
		if (io->type != SESS_ACT_SEND || link_rand(link, 2))
			io->error = ECANCELED;
	}
	if (end->peer && end->peer->open)
		event_at(link, EV_DOWN, end->peer,
			 at_least(end->last_sent, link->now) + delay(link))
			->error = lose ? ECONNRESET : 0;
}

void link_break(struct link_end *end)
{
	struct link *link = end->node->link;
	struct link_end *peer = end->peer;

	if (!end->open)
		return;
	cut(end, true);
	event_soon(link, EV_DOWN, end)->error = ECONNRESET;
	if (peer)
		cut(peer, true);
}

struct link_end *link_end(struct link_node *at, struct link_node *to)
{
	struct link_end *end;

	TAILQ_FOREACH (end, &at->ends, node_link)
		if (end->peer_idx == to->idx && end->sess && !end->closing)
			return end;
	return NULL;
}

static struct link_end *end_create(struct link_node *node, unsigned peer_idx)
{
	struct link_end *end = get_memory(sizeof(*end));

	end->node = node;
	end->peer_idx = peer_idx;
	TAILQ_INIT(&end->ios);
	TAILQ_INIT(&end->kept);
	TAILQ_INSERT_TAIL(&node->ends, end, node_link);
	return end;
}

struct link_end *link_connect(struct link_node *from, struct link_node *to)
{
	struct link *link = from->link;
	struct link_end *end = end_create(from, to->idx);
	struct link_event *event;
	int ret = sess_connect(from->ep, end, to->idx, &end->sess);

	if (ret) {
		end->sess = NULL;
		end->error = -ret;
		return end;
	}
	end->conn = ++link->conns;
	event = event_soon(link, EV_REQUEST, end);
	event->node = to;
	event->conn = end->conn;
	sess_preamble(end->sess, (uint16_t)(1000 + from->idx), event->preamble);
	return end;
}

struct link_end *link_connect_self(struct link_node *node)
{
	struct link_end *end = end_create(node, node->idx);

	if (sess_connect_self(node->ep, end, node->idx, &end->sess))
		end->sess = NULL;
	return end;
}

/* The request of theirs is accepted for ours. */
static void bind_ends(struct link *link, struct link_end *ours, struct link_end *theirs,
		      uint64_t conn)
{
	struct link_event *event;

	ours->conn = 0;
	ours->peer = theirs;
	ours->open = true;
	event_soon(link, EV_UP, ours);
	event = event_soon(link, EV_ANSWER, theirs);
	event->other = ours;
	event->conn = conn;
	sess_preamble(ours->sess, (uint16_t)(1000 + ours->node->idx), event->preamble);
}

static void request_came(struct link *link, const struct link_event *event)
{
	struct link_node *node = event->node;
	struct link_end *theirs = event->end, *ours;
	struct sess_request request;

	if (link->habits.deaf)
		return;
	if (sess_request_parse(event->preamble, sizeof(event->preamble), &request) ||
	    request.port != 1000 + theirs->node->idx)
		link_die(link, "a preamble did not survive");
	ours = link_end(node, theirs->node);
	if (ours) {
		switch (sess_crossing(ours->sess, &request)) {
		case SESS_CROSS_REFUSE:
			return; /* they know: our own request is on its way to them */
		case SESS_CROSS_SELF:
			if (!sess_ep_is_self(node->ep, &request))
				link_die(link, "an endpoint does not know itself");
			sess_adopt_self(ours->sess);
			return;
		case SESS_CROSS_ADOPT:
			sess_adopt(ours->sess, &request);
			bind_ends(link, ours, theirs, event->conn);
			return;
		case SESS_CROSS_RENEW:
			sess_abort(ours->sess, ECONNRESET);
			break;
		}
	}
	ours = end_create(node, theirs->node->idx);
	if (!sess_accept(node->ep, &request, ours, theirs->node->idx, &ours->sess))
		bind_ends(link, ours, theirs, event->conn);
}

static void answer_came(struct link *link, const struct link_event *event)
{
	struct link_end *end = event->end, *other = event->other;
	struct sess_request answer;

	if (!end->sess || end->closing || end->conn != event->conn) {
		event_soon(link, EV_DOWN, other)->error = ECONNRESET;
		return;
	}
	end->conn = 0;
	end->peer = other;
	end->open = other->open;
	if (!other->open)
		event_soon(link, EV_DOWN, end)->error = ECONNRESET;
	if (sess_request_parse(event->preamble, sizeof(event->preamble), &answer))
		link_die(link, "an answer's preamble did not survive");
	sess_path_up(end->sess, &answer);
}

static void path_down(struct link *link, struct link_end *end, int error)
{
	end->open = false;
	lose_packets(link, end);
	if (end->sess && !end->closing)
		sess_path_down(end->sess, error);
}

/* What is in a packet, for whoever looks for the reason of a failure. */
static void trace(const struct link *link, const struct link_end *to, const uint8_t *p, size_t len)
{
	fprintf(stderr,
		"%9llu %u->%u seq %u ack %u window %u records %u flags %x, %zu bytes, first %u\n",
		(unsigned long long)link->now, to->peer_idx, to->node->idx,
		p[8] | p[9] << 8 | p[10] << 16 | (unsigned)p[11] << 24,
		p[12] | p[13] << 8 | p[14] << 16 | (unsigned)p[15] << 24, p[16] | p[17] << 8, p[18],
		p[19], len, len > 20 ? p[20] : 0);
}

static void deliver(struct link *link, struct link_event *event)
{
	struct link_end *end = event->end;

	if (event->lost || link->habits.silent || (!end->open && !end->closing))
		return;
	if (link->habits.corrupt && link_rand(link, 1000) < link->habits.corrupt)
		for (unsigned i = (unsigned)link_rand(link, 4); i < 4; i++)
			event->packet[link_rand(link, event->len)] ^=
				(uint8_t)(1u << link_rand(link, 8));
	if (link->trace)
		trace(link, end, event->packet, event->len);
	if (link->tap)
		link->tap(link, end, event->packet, event->len);
	sess_input(end->node->engine, event->packet, event->len);
}

static void closed(struct link_end *end)
{
	struct sess *sess = end->sess;

	end->sess = NULL;
	sess_stats(sess, &end->stats);
	snprintf(end->reason, sizeof(end->reason), "%s", sess_reason(sess));
	sess_closed(sess);
}

/* -- actions --------------------------------------------------------------------------------- */

static void check_memory_is_free(const struct link_op *op)
{
	struct link_node *node = op->node;
	const struct link_end *end;
	const struct link_io *io;
	const struct sess_mem *mem;

	TAILQ_FOREACH (end, &node->ends, node_link)
		TAILQ_FOREACH (io, &end->ios, link)
			for (unsigned i = 0; i < io->iov_cnt; i++)
				if (overlap(io->iov[i].addr, io->iov[i].len, op->buf, op->size))
					link_die(node->link,
						 "complete, but the core has the memory");
	TAILQ_FOREACH (mem, &node->mems, link)
		if (overlap(mem->addr, mem->len, op->buf, op->size))
			link_die(node->link, "complete, but the memory is registered");
}

static void complete(struct link_node *node, struct sess_op *sess_op)
{
	struct link_op *op = (struct link_op *)sess_op;

	if (!op->pending || op->node != node)
		link_die(node->link,
			 "an operation completed that was not pending (%u times before)",
			 op->completions);
	op->pending = false;
	op->completions++;
	node->op_cnt--;
	check_memory_is_free(op);
	if (op->done)
		op->done(op, op->arg);
}

static void answer_register(struct link *link, struct link_node *node, struct sess_xfer *xfer,
			    struct sess_mem *mem)
{
	if (mem)
		sess_registered(node->engine, xfer, 0, mem,
				node->config.virtual_addr ? (uintptr_t)mem->addr : 0, mem->key,
				mem->key_len);
	else
		sess_registered(node->engine, xfer, ENOMEM, NULL, 0, NULL, 0);
	(void)link;
}

static void register_memory(struct link_node *node, const struct sess_action *action)
{
	struct link *link = node->link;
	struct sess_mem *mem = NULL;
	struct sess_xfer *xfer = action->xfer;
	struct link_event *event;

	if (action->iov_cnt != 1 || !action->iov[0].len || !action->access)
		link_die(link, "a registration of nothing");
	if (!percent(link, link->habits.reg_fail)) {
		mem = get_memory(sizeof(*mem));
		mem->node = node;
		mem->addr = action->iov[0].addr;
		mem->len = action->iov[0].len;
		mem->access = action->access;
		mem->key_len = 8;
		engine_random(mem->key, mem->key_len);
		TAILQ_INSERT_TAIL(&node->mems, mem, link);
		node->mem_cnt++;
	}
	if (!percent(link, link->habits.reg_later)) {
		answer_register(link, node, xfer, mem);
		return;
	}
	event = event_soon(link, EV_REG, NULL);
	event->node = node;
	event->xfer = xfer;
	event->mem = mem;
}

static void release_memory(struct link_node *node, struct sess_mem *released)
{
	struct sess_mem *mem;

	TAILQ_FOREACH (mem, &node->mems, link)
		if (mem == released)
			break;
	if (!mem)
		link_die(node->link, "memory is released that is not registered");
	TAILQ_REMOVE(&node->mems, mem, link);
	node->mem_cnt--;
	free(mem);
}

static void give_to_core(struct link_node *node, const struct sess_action *action)
{
	struct link *link = node->link;
	struct link_end *end = action->user;
	struct link_io *done = NULL;

	check_action(end, action);
	if (percent(link, link->habits.refuse)) {
		sess_took(node->engine, -EAGAIN);
		if (!node->retry_set)
			event_soon(link, EV_RETRY, NULL)->node = node;
		node->retry_set = true;
		return;
	}
	if (!end->open && link_rand(link, 2)) {
		sess_took(node->engine, -EPIPE);
		return;
	}
	if (action->type == SESS_ACT_SEND)
		done = take_send(end, action);
	else
		take_rma(end, action);
	sess_took(node->engine, 0);
	if (done)
		io_done(link, done);
}

static void went_down(struct link_end *end, int error)
{
	if (end->closing)
		link_die(end->node->link, "DOWN was told twice");
	end->down = true;
	end->closing = true;
	end->error = error;
	end->node->downs++;
	cut(end, end->node->link->habits.lose_on_close);
	close_if_drained(end);
}

void link_act(struct link_node *node)
{
	const struct sess_action *action;
	struct link_end *end;

	while ((action = sess_next(node->engine))) {
		end = action->user;
		switch (action->type) {
		case SESS_ACT_COMPLETE:
			complete(node, action->op);
			break;
		case SESS_ACT_SEND:
		case SESS_ACT_READ:
		case SESS_ACT_WRITE:
			give_to_core(node, action);
			break;
		case SESS_ACT_REGISTER:
			register_memory(node, action);
			break;
		case SESS_ACT_DEREGISTER:
			release_memory(node, action->mem);
			break;
		case SESS_ACT_UP:
			if (end->up || end->down)
				link_die(node->link, "UP was told too late");
			end->up = true;
			node->ups++;
			break;
		case SESS_ACT_BYE:
			if (end->bye || end->down)
				link_die(node->link, "BYE was told too late");
			end->bye = true;
			node->byes++;
			break;
		case SESS_ACT_DOWN:
			went_down(end, action->error);
			break;
		}
	}
}

void link_progress(struct link_node *node)
{
	struct link_end *end;

	if (node->asleep)
		return;
	TAILQ_FOREACH (end, &node->ends, node_link)
		push_kept(end);
	sess_progress(node->engine, node->link->now);
	link_act(node);
	sess_tick(node->engine, node->link->now);
	link_act(node);
}

/* -- running ------------------------------------------------------------------------------------
 */

static void happen(struct link *link, struct link_event *event)
{
	switch (event->type) {
	case EV_DELIVER:
		deliver(link, event);
		break;
	case EV_PLACE:
		place(link, event->io);
		break;
	case EV_DONE:
		io_done(link, event->io);
		break;
	case EV_REG:
		answer_register(link, event->node, event->xfer, event->mem);
		break;
	case EV_RETRY:
		event->node->retry_set = false;
		break;
	case EV_REQUEST:
		request_came(link, event);
		break;
	case EV_ANSWER:
		answer_came(link, event);
		break;
	case EV_UP:
		if (event->end->sess && !event->end->closing)
			sess_path_up(event->end->sess, NULL);
		break;
	case EV_DOWN:
		path_down(link, event->end, event->error);
		break;
	case EV_CLOSED:
		closed(event->end);
		break;
	}
}

static struct link_event *next_event(struct link *link)
{
	struct link_event *event;

	TAILQ_FOREACH (event, &link->events, link)
		if (event->type == EV_PLACE || !event->node || !event->node->asleep)
			break;
	return event;
}

bool link_step(struct link *link)
{
	struct link_event *event;
	struct link_node *node;

	event = next_event(link);
	if (!event) { /* somebody may still ask for progress */
		for (unsigned i = 0; i < link->node_cnt; i++)
			link_progress(link->node[i]);
		event = next_event(link);
	}
	if (!event)
		return false;
	TAILQ_REMOVE(&link->events, event, link);
	link->now = at_least(link->now, event->due);
	node = event->node;
	happen(link, event);
	free(event->packet);
	free(event);
	link_progress(node);
	return true;
}

void link_run(struct link *link)
{
	do {
		for (unsigned i = 0; i < link->node_cnt; i++)
			link_progress(link->node[i]);
	} while (link_step(link));
}

void link_wait(struct link *link, uint64_t ns)
{
	uint64_t end = link->now + ns;

	for (;;) {
		struct link_event *event;
		uint64_t next = end;

		for (unsigned i = 0; i < link->node_cnt; i++) {
			uint64_t deadline = sess_tick(link->node[i]->engine, link->now);

			link_progress(link->node[i]);
			if (deadline < next)
				next = at_least(deadline, link->now + 1);
		}
		event = TAILQ_FIRST(&link->events);
		if (event && event->due <= next) {
			link_step(link);
			continue;
		}
		link->now = next;
		if (next == end)
			break;
	}
	for (unsigned i = 0; i < link->node_cnt; i++)
		link_progress(link->node[i]);
}

/* -- making and ending
 * ------------------------------------------------------------------------------ */

struct link *link_create(uint64_t seed)
{
	struct link *link = get_memory(sizeof(*link));

	link->seed = seed;
	link->rng = seed;
	engine_chance = ~seed;
	link->now = 1;
	link->habits.delay_max = 1000;
	link->trace = getenv("LINK_TRACE");
	TAILQ_INIT(&link->events);
	return link;
}

struct sess_config link_config(void)
{
	return (struct sess_config){
		.buffer_size = 4096,
		.credits = 16,
		.send_iov_limit = 4,
		.rma_iov_limit = 1,
		.copy_max = 512,
		.transfer = SESS_AUTO,
		.can_read = true,
		.can_write = true,
		.read_target = true,
		.write_target = true,
		.send_after_write = true,
		.virtual_addr = true,
		.rma_max = SIZE_MAX,
		.chunk = 64 << 10,
		.rndv_threshold = 32 << 10,
		.initial = 1024,
		.eager_budget = 64 << 10,
		.unexpected_max = 1 << 20,
		.hello_timeout = 1000000000,
		.close_timeout = 1000000000,
		.first_seq = UINT32_MAX - 20,
		.random = engine_random,
	};
}

struct link_node *link_node(struct link *link, const struct sess_config *config)
{
	struct link_node *node = get_memory(sizeof(*node));
	char name[] = "node 0";

	node->link = link;
	node->idx = link->node_cnt;
	node->config = *config;
	TAILQ_INIT(&node->ends);
	TAILQ_INIT(&node->mems);
	if (sess_engine_create(config, &node->engine) ||
	    sess_ep_create(node->engine, node, &node->ep))
		link_die(link, "no engine");
	name[5] += (char)node->idx;
	sess_ep_set_name(node->ep, name, sizeof(name));
	link->node[link->node_cnt++] = node;
	return node;
}

void link_pair(struct link *link, const struct sess_config *a, const struct sess_config *b)
{
	struct link_node *from = link_node(link, a), *to = link_node(link, b);

	link_connect(from, to);
	link_run(link);
	if (!link_end(from, to) || !link_end(to, from) || !sess_is_up(link_end(from, to)->sess) ||
	    !sess_is_up(link_end(to, from)->sess))
		link_die(link, "the session did not come up");
}

static void node_destroy(struct link_node *node)
{
	struct link_end *end;

	if (node->op_cnt || sess_ep_busy(node->ep))
		link_die(node->link, "%u operations never completed (busy: %u)", node->op_cnt,
			 sess_ep_busy(node->ep));
	if (node->mem_cnt)
		link_die(node->link, "%u registrations were not released", node->mem_cnt);
	while ((end = TAILQ_FIRST(&node->ends))) {
		if (end->sess)
			link_die(node->link, "a session did not end");
		TAILQ_REMOVE(&node->ends, end, node_link);
		free(end);
	}
	sess_ep_destroy(node->ep);
	sess_engine_destroy(node->engine);
	free(node);
}

void link_destroy(struct link *link)
{
	link->habits.silent = false;
	for (unsigned i = 0; i < link->node_cnt; i++)
		sess_ep_close(link->node[i]->ep, ECANCELED);
	link_run(link);
	link_wait(link, 20 * at_least(link->node[0]->config.close_timeout,
				      link->node[0]->config.hello_timeout));
	link_run(link);
	for (unsigned i = 0; i < link->node_cnt; i++)
		node_destroy(link->node[i]);
	if (!TAILQ_EMPTY(&link->events))
		link_die(link, "events are left");
	free(link);
}

/* -- operations
 * ---------------------------------------------------------------------------------------- */

static uint8_t pattern_byte(uint32_t pattern, size_t i)
{
	return (uint8_t)(pattern * 167 + i * 31 + (i >> 8) * 7 + (pattern >> 8));
}

struct link_op *link_op_create(struct link_node *node, size_t size, unsigned cnt)
{
	struct link_op *op = get_memory(sizeof(*op));
	size_t done = 0;

	op->node = node;
	op->size = size + (cnt + 1) * (size_t)GUARD;
	op->buf = get_memory(op->size);
	memset(op->buf, UNTOUCHED, op->size);
	for (unsigned i = 0; i < cnt; i++) {
		size_t end = size / cnt * (i + 1);

		if (i + 1 == cnt)
			end = size;
		op->op.iov[i].addr = op->buf + done + (i + 1) * (size_t)GUARD;
		op->op.iov[i].len = end - done;
		done = end;
	}
	op->op.iov_cnt = (uint8_t)cnt;
	op->op.source = SESS_SOURCE_ANY;
	return op;
}

void link_op_destroy(struct link_op *op)
{
	if (op->pending)
		link_die(op->node->link, "an operation is still pending");
	free(op->buf);
	free(op);
}

void link_op_fill(struct link_op *op, uint32_t pattern)
{
	size_t at = 0;

	op->pattern = pattern;
	for (unsigned i = 0; i < op->op.iov_cnt; i++) {
		uint8_t *to = op->op.iov[i].addr;

		for (size_t k = 0; k < op->op.iov[i].len; k++)
			to[k] = pattern_byte(pattern, at++);
	}
}

bool link_op_holds(const struct link_op *op, uint32_t pattern, size_t len)
{
	const uint8_t *byte = op->buf, *end = op->buf + op->size;
	size_t at = 0;

	for (unsigned i = 0; i < op->op.iov_cnt; i++) {
		const uint8_t *piece = op->op.iov[i].addr, *behind = piece + op->op.iov[i].len;

		for (; byte < piece; byte++)
			if (*byte != UNTOUCHED)
				return false;
		for (; byte < behind; byte++, at++)
			if (*byte != (at < len ? pattern_byte(pattern, at) : UNTOUCHED))
				return false;
	}
	for (; byte < end; byte++)
		if (*byte != UNTOUCHED)
			return false;
	return true;
}

int link_send(struct sess *sess, struct link_op *op)
{
	int ret;

	op->pending = true;
	op->node->op_cnt++;
	ret = sess_send(sess, &op->op);
	if (ret) {
		op->pending = false;
		op->node->op_cnt--;
	} else if (op->op.flags & SESS_INJECT) {
		memset(op->buf, 0xee, op->size);
	}
	return ret;
}

int link_recv(struct link_op *op)
{
	int ret;

	op->pending = true;
	op->node->op_cnt++;
	ret = sess_recv(op->node->ep, &op->op);
	if (ret) {
		op->pending = false;
		op->node->op_cnt--;
	}
	return ret;
}

void link_leak_check(void)
{
#ifdef LINK_ASAN
	if (__lsan_do_recoverable_leak_check()) {
		fputs("link: memory leaked\n", stderr);
		abort();
	}
#endif
}
