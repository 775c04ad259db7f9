/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Data arrives: every function that sends meets every function that receives, at every size,
 * expected and unexpected, in both directions, over connectionless and connected endpoints,
 * in every mode of moving data.  Then many random messages at once.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rdma/fi_domain.h>

#include "lib/func_common.h"

enum {
	RDM = FI_EP_RDM,
	MSG = FI_EP_MSG,
	TAGGED = 1 << 8, /* in func_case.arg, beside the type of the endpoint */
	SHORT = 1 << 9,	 /* few sizes */
	SIZE_MAX_TESTED = 4 << 20,
	POSTED_WORD = 0, /* the receiver has posted this many receives */
	SENT_WORD = 1,	 /* the sender has posted this many sends */
};

static const size_t sizes[] = {0,     1,     64,    1024,   4096,    32767,
			       32768, 32769, 65536, 262144, 1048576, SIZE_MAX_TESTED};

static struct func_conf conf_of(const struct func_team *team)
{
	long arg = team->func_case->arg;

	return (struct func_conf){
		.type = arg & (TAGGED - 1),
		.caps = arg & TAGGED ? FI_MSG | FI_TAGGED : FI_MSG,
	};
}

/* One message of the plan that both sides follow. */
struct step {
	struct func_xfer send, recv;
	bool expected;
	uint64_t key;
	int number;
};

static uint64_t recv_flags(const struct step *step)
{
	uint64_t flags = FI_RECV | (step->send.tagged ? FI_TAGGED : FI_MSG);

	if (step->send.how == FUNC_DATA || step->send.how == FUNC_INJECTDATA ||
	    (step->send.how == FUNC_MSG && (step->send.flags & FI_REMOTE_CQ_DATA)))
		flags |= FI_REMOTE_CQ_DATA;
	return flags;
}

static void receive(struct func_team *team, struct func_node *node, struct step *step)
{
	struct func_req req = {.done = 0};
	uint64_t flags = recv_flags(step);

	if (!step->expected)
		func_hear(team, node, SENT_WORD, step->number);
	memset(step->recv.buf, 0xee, step->recv.len);
	func_recv(node, &step->recv, &req);
	func_say(team, POSTED_WORD, step->number);
	FUNC_DONE(node, &req);
	FUNC_EQ(req.entry.len, step->send.len);
	FUNC_EQ(req.entry.flags & flags, flags);
	FUNC_EQ(req.entry.flags & (FI_SEND | FI_REMOTE_CQ_DATA), flags & FI_REMOTE_CQ_DATA);
	if (flags & FI_REMOTE_CQ_DATA)
		FUNC_EQ(req.entry.data, step->send.data);
	if (step->send.tagged)
		FUNC_EQ(req.entry.tag, step->send.tag);
	func_verify(step->recv.buf, step->send.len, step->key);
	FUNC_TRUE(step->recv.len == step->send.len ||
		  ((unsigned char *)step->recv.buf)[step->send.len] == 0xee);
}

static void transmit(struct func_team *team, struct func_node *node, struct step *step)
{
	struct func_req req = {.done = 0};

	if (step->expected)
		func_hear(team, node, POSTED_WORD, step->number);
	func_fill(step->send.buf, step->send.len, step->key);
	func_send(node, &step->send, &req);
	func_say(team, SENT_WORD, step->number);
	if (func_injects(step->send.how)) {
		memset(step->send.buf, 0xdd, step->send.len);
	} else {
		FUNC_DONE(node, &req);
		FUNC_EQ(req.entry.flags & (FI_SEND | FI_RECV), FI_SEND);
	}
	/* keeps both sides in step, so that no later message overtakes */
	func_hear(team, node, POSTED_WORD, step->number);
}

static void walk(struct func_team *team, struct func_node *node, struct step *step, bool sender)
{
	step->number++;
	step->key = func_mix(team->seed + (uint64_t)step->number);
	step->send.tag = step->recv.tag = step->key >> 8;
	step->send.data = ~step->key;
	if (sender)
		transmit(team, node, step);
	else
		receive(team, node, step);
}

static void all_ways(struct func_team *team, struct func_node *node, struct step *step, bool sender)
{
	bool large = step->send.len > 65536;
	enum func_how send, recv;

	for (send = FUNC_PLAIN; send < FUNC_HOWS; send++) {
		if (func_injects(send) && step->send.len > node->info->tx_attr->inject_size)
			continue;
		for (recv = FUNC_PLAIN; recv < FUNC_RECV_HOWS; recv++) {
			if (large && recv != send % FUNC_RECV_HOWS)
				continue;
			step->send.how = send;
			step->recv.how = recv;
			step->send.flags = recv == FUNC_V ? FI_REMOTE_CQ_DATA : 0;
			step->send.pieces = send == FUNC_V ? 4 : send == FUNC_MSG ? 3 : 1;
			step->recv.pieces = recv == FUNC_V ? 4 : recv == FUNC_MSG ? 2 : 1;
			for (step->expected = true;; step->expected = false) {
				walk(team, node, step, sender);
				if (!step->expected)
					break;
			}
		}
	}
}

static void variants(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct step step = {.number = 0};
	struct func_node node;
	size_t i, sender;

	func_join(team, rank, &node, &conf);
	step.send.buf = func_alloc(SIZE_MAX_TESTED);
	step.recv.buf = func_alloc(SIZE_MAX_TESTED + 64);
	step.send.tagged = step.recv.tagged = team->func_case->arg & TAGGED;
	step.send.addr = step.recv.addr = node.peer[!rank];
	step.recv.addr = FI_ADDR_UNSPEC;
	for (sender = 0; sender < 2; sender++) {
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if ((team->func_case->arg & SHORT) && i % 3 != 1)
				continue;
			step.send.len = sizes[i];
			step.recv.len = sizes[i] + (i & 1 ? 64 : 0);
			all_ways(team, &node, &step, (int)sender == rank);
		}
	}
	func_meet(team, &node);
	func_close(&node);
	free(step.send.buf);
	free(step.recv.buf);
}

/* -- many at once ------------------------------------------------------- */

enum { STORM = 300, WINDOW = 24, STORM_MAX = 400000 };

struct slot {
	struct func_req req;
	struct func_xfer xfer;
	unsigned char *buf;
	size_t len;
	int number; /* number of its message, -1: none */
};

/* Computes message number n of this rank; both sides compute the same. */
static void plan(const struct func_team *team, int from, int number, struct func_xfer *send,
		 uint64_t *key)
{
	uint64_t state = func_mix(team->seed * 2 + (uint64_t)from) + (uint64_t)number * 8;

	*key = func_rand(&state);
	send->len = func_rand_len(&state, STORM_MAX);
	send->how = (enum func_how)(func_rand(&state) % FUNC_HOWS);
	send->pieces = (int)(func_rand(&state) % 4) + 1;
	send->tagged = team->func_case->arg & TAGGED;
	send->tag = (uint64_t)number;
	send->data = *key;
	send->flags = number % 3 ? 0 : FI_REMOTE_CQ_DATA;
}

static void storm_send(struct func_team *team, struct func_node *node, int rank, struct slot *slot,
		       int number)
{
	struct func_xfer *send = &slot->xfer;
	uint64_t key;

	plan(team, rank, number, send, &key);
	if (func_injects(send->how) && send->len > node->info->tx_attr->inject_size)
		send->how = FUNC_PLAIN;
	if (send->how != FUNC_V && send->how != FUNC_MSG)
		send->pieces = 1;
	send->buf = slot->buf;
	send->addr = node->peer[!rank];
	func_fill(slot->buf, send->len, key);
	func_send(node, send, &slot->req);
	if (func_injects(send->how)) {
		memset(slot->buf, 0xdd, send->len);
		atomic_store(&slot->req.done, 1);
	}
}

static void storm_recv(struct func_team *team, struct func_node *node, struct slot *slot,
		       int number)
{
	struct func_xfer recv = {
		.how = (enum func_how)(number % FUNC_RECV_HOWS),
		.pieces = number % FUNC_RECV_HOWS ? number % 4 + 1 : 1,
		.tagged = team->func_case->arg & TAGGED,
		.buf = slot->buf,
		.len = STORM_MAX,
		.tag = (uint64_t)number,
		.addr = FI_ADDR_UNSPEC,
	};

	slot->number = number;
	func_recv(node, &recv, &slot->req);
}

static void storm_check(struct func_team *team, int rank, struct slot *slot)
{
	struct func_xfer send;
	uint64_t key;

	plan(team, !rank, slot->number, &send, &key);
	FUNC_EQ(slot->req.err, 0);
	FUNC_EQ(slot->req.entry.len, send.len);
	if (slot->req.entry.flags & FI_REMOTE_CQ_DATA)
		FUNC_EQ(slot->req.entry.data, key);
	func_verify(slot->buf, send.len, key);
	slot->number = -1;
}

/* Returns the number of the message that a receive is for.  Untagged messages come in the
 * order sent, so their receives are posted in that order; the receives of tagged ones are
 * posted in swapped pairs. */
static int recv_number(const struct func_team *team, int idx)
{
	return team->func_case->arg & TAGGED ? idx ^ 1 : idx;
}

static void storm(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct slot out[WINDOW], in[WINDOW];
	int i, sent = 0, posted = 0, received = 0;
	struct func_node node;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < WINDOW; i++) {
		out[i] = (struct slot){.req.done = 1, .buf = func_alloc(STORM_MAX)};
		in[i] = (struct slot){.number = -1, .buf = func_alloc(STORM_MAX)};
	}
	while (sent < STORM || received < STORM) {
		for (i = 0; i < WINDOW; i++) {
			if (in[i].number >= 0 && func_done(&in[i].req)) {
				storm_check(team, rank, &in[i]);
				received++;
			}
			if (in[i].number < 0 && posted < STORM)
				storm_recv(team, &node, &in[i], recv_number(team, posted++));
			if (sent < STORM && func_done(&out[i].req)) {
				FUNC_EQ(out[i].req.err, 0);
				storm_send(team, &node, rank, &out[i], sent++);
			}
		}
		func_idle(&node);
	}
	for (i = 0; i < WINDOW; i++)
		FUNC_DONE(&node, &out[i].req);
	func_meet(team, &node);
	func_close(&node);
	for (i = 0; i < WINDOW; i++) {
		free(out[i].buf);
		free(in[i].buf);
	}
}

/* -- memory that the application registered ----------------------------- */

static void registered(struct func_team *team, int rank)
{
	enum { LEN = 1 << 20 };
	struct func_conf conf = conf_of(team);
	struct func_req req = {.done = 0};
	struct func_node node;
	struct fid_mr *mr;
	void *buf = func_alloc(LEN);
	int round;

	func_join(team, rank, &node, &conf);
	FUNC_OK(fi_mr_reg(node.domain, buf, LEN, FI_SEND | FI_RECV, 0, 1, 0, &mr, NULL));
	for (round = 0; round < 4; round++) {
		if ((round & 1) == rank) {
			func_fill(buf, LEN, team->seed + (uint64_t)round);
			FUNC_POST(&node, fi_send(node.ep, buf, LEN, fi_mr_desc(mr),
						 node.peer[!rank], func_fresh(&req)));
		} else {
			FUNC_POST(&node, fi_recv(node.ep, buf, LEN, fi_mr_desc(mr), FI_ADDR_UNSPEC,
						 func_fresh(&req)));
		}
		FUNC_DONE(&node, &req);
		func_verify(buf, LEN, team->seed + (uint64_t)round);
	}
	func_meet(team, &node);
	FUNC_OK(fi_close(&mr->fid));
	func_close(&node);
	free(buf);
}

/* Waits until the clock that deadlines use has advanced once. */
static void one_tick(void)
{
	struct timespec then, now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &then);
	do {
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	} while (now.tv_nsec == then.tv_nsec);
}

/* A process that seldom asks for progress accepts a peer within as few asks as any other:
 * both sides go round by round, with one ask and one tick of the clock in each. */
static void seldom(struct func_team *team, int rank)
{
	enum { ASKED, ANSWERED, THROUGH, MOST = 64 };
	struct func_conf conf = {.caps = FI_MSG};
	struct func_req req;
	struct func_node node;
	struct func_addr addr;
	uint64_t word = 9;
	fi_addr_t peer;

	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	if (rank == 0) {
		FUNC_OK(fi_recv(node.ep, &word, sizeof(word), NULL, FI_ADDR_UNSPEC,
				func_fresh(&req)));
		for (int round = 1; round <= MOST && !func_done(&req); round++) {
			func_poll(&node);
			func_say(team, ASKED, round);
			func_hear(team, NULL, ANSWERED, round);
			one_tick();
		}
		func_say(team, THROUGH, 1);
		FUNC_TRUE(func_done(&req));
		FUNC_EQ(word, 9);
	} else {
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 0, NULL)->bytes, 1, &peer, 0,
				     NULL),
			1);
		FUNC_OK(fi_send(node.ep, &word, sizeof(word), NULL, peer, func_fresh(&req)));
		for (int round = 1; !atomic_load(&team->word[THROUGH]); round++) {
			FUNC_UNTIL(&node, atomic_load(&team->word[ASKED]) >= round ||
						  atomic_load(&team->word[THROUGH]));
			one_tick();
			while (func_poll(&node))
				;
			func_say(team, ANSWERED, round);
		}
		FUNC_DONE(&node, &req);
	}
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"variants, rdm", 2, variants, FUNC_MODES, RDM},
		{"variants, rdm tagged", 2, variants, FUNC_MODES, RDM | TAGGED},
		{"variants, msg", 2, variants, FUNC_MODES, MSG | SHORT},
		{"variants, msg tagged", 2, variants, FUNC_MODES, MSG | TAGGED | SHORT},
		{"storm, rdm", 2, storm, FUNC_MODES, RDM},
		{"storm, rdm tagged", 2, storm, FUNC_MODES, RDM | TAGGED},
		{"storm, msg", 2, storm, FUNC_MODES, MSG},
		{"storm, msg tagged", 2, storm, FUNC_MODES, MSG | TAGGED},
		{"registered, rdm", 2, registered, FUNC_MODES, RDM},
		{"registered, msg", 2, registered, FUNC_MODES, MSG},
		{"asked seldom", 2, seldom, FUNC_SWITCH, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
