/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Many peers and threads at once: a server that 64 clients keep busy returns every byte
 * correctly, over one connectionless endpoint and over 64 connected ones; and several threads
 * share one endpoint, or share a domain with an endpoint each.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { CLIENTS = 64, MESSAGES = 20, WINDOW = 3, SLOTS = 64, LARGE = 1 << 20 };

static uint64_t key_of(const struct func_team *team, int client, int number)
{
	return func_mix(team->seed + (uint64_t)client * 1000 + (uint64_t)number);
}

static size_t len_of(const struct func_team *team, int client, int number)
{
	uint64_t state = key_of(team, client, number) + 1;

	return 1 + func_rand_len(&state, LARGE - 1);
}

/* -- the server --------------------------------------------------------- */

struct slot {
	struct func_req req;
	struct func_node *node;
	char *buf;
	bool echoing;
};

static void slot_receive(struct slot *slot)
{
	slot->echoing = false;
	FUNC_POST(slot->node, fi_recv(slot->node->ep, slot->buf, LARGE, NULL, FI_ADDR_UNSPEC,
				      func_fresh(&slot->req)));
}

/* The remote CQ data tell which client sent which message. */
static void slot_echo(struct func_team *team, struct slot *slot)
{
	uint64_t data = slot->req.entry.data;
	int client = (int)(data >> 32), number = (int)(data & 0xffffffff);
	size_t len = slot->req.entry.len;

	FUNC_TRUE(client > 0 && client <= CLIENTS && number < MESSAGES);
	FUNC_EQ(len, len_of(team, client, number));
	func_verify(slot->buf, len, key_of(team, client, number));
	slot->echoing = true;
	FUNC_POST(slot->node, fi_senddata(slot->node->ep, slot->buf, len, NULL, data,
					  slot->node->peer[client], func_fresh(&slot->req)));
}

static void serve(struct func_team *team, struct func_node *node, struct slot *slots, int cnt)
{
	int i, echoed = 0;

	for (i = 0; i < cnt; i++)
		slot_receive(&slots[i]);
	while (echoed < CLIENTS * MESSAGES) {
		func_idle(node);
		for (i = 0; i < cnt; i++) {
			if (!func_done(&slots[i].req))
				continue;
			FUNC_EQ(slots[i].req.err, 0);
			if (slots[i].echoing) {
				echoed++;
				slot_receive(&slots[i]);
			} else {
				slot_echo(team, &slots[i]);
			}
		}
	}
}

static void server_rdm(struct func_team *team)
{
	struct slot *slots = calloc(SLOTS, sizeof(*slots));
	struct func_node node;
	struct func_addr addr;
	int i;

	func_open(&node, &(struct func_conf){.caps = FI_MSG});
	func_name(&node.ep->fid, &addr);
	func_publish(team, 0, &addr);
	for (i = 1; i <= CLIENTS; i++)
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, i, &node)->bytes, 1, &node.peer[i],
				     0, NULL),
			1);
	func_say(team, 0, 1);
	for (i = 0; i < SLOTS; i++)
		slots[i] = (struct slot){.node = &node, .buf = func_alloc(LARGE)};
	serve(team, &node, slots, SLOTS);
	func_meet(team, &node);
	func_close(&node);
	for (i = 0; i < SLOTS; i++)
		free(slots[i].buf);
	free(slots);
}

static void server_msg(struct func_team *team)
{
	struct func_node *conns = calloc(CLIENTS, sizeof(*conns)), node;
	struct slot *slots = calloc(CLIENTS, sizeof(*slots));
	int i, asked = 0, connected = 0;
	struct func_event event;
	struct func_addr addr;

	func_listen(&node, &(struct func_conf){.type = FI_EP_MSG, .caps = FI_MSG});
	func_name(&node.pep->fid, &addr);
	func_publish(team, 0, &addr);
	while (connected < CLIENTS) {
		func_event(&node, &event);
		FUNC_EQ(event.err, 0);
		if (event.type == FI_CONNREQ) {
			func_accept(&conns[asked], &node, event.info, NULL, 0);
			slots[asked] =
				(struct slot){.node = &conns[asked], .buf = func_alloc(LARGE)};
			asked++;
		} else {
			FUNC_EQ(event.type, FI_CONNECTED);
			connected++;
		}
	}
	func_say(team, 0, 1);
	serve(team, &conns[0], slots, CLIENTS);
	func_meet(team, &conns[0]);
	for (i = 0; i < CLIENTS; i++) {
		func_close(&conns[i]);
		free(slots[i].buf);
	}
	func_close(&node);
	free(slots);
	free(conns);
}

/* -- a client ----------------------------------------------------------- */

static void client_open(struct func_team *team, int rank, struct func_node *node,
			const struct func_conf *conf)
{
	struct func_event event;
	struct func_addr addr;

	if (conf->type == FI_EP_MSG) {
		func_connect(node, conf, func_addr_of(team, 0, NULL), NULL, 0);
		FUNC_EVENT(node, &event, FI_CONNECTED);
	} else {
		func_open(node, conf);
		func_name(&node->ep->fid, &addr);
		func_publish(team, rank, &addr);
		FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, 0, node)->bytes, 1,
				     &node->peer[0], 0, NULL),
			1);
	}
	func_hear(team, node, 0, 1);
}

struct turn {
	struct func_req in, out;
	char *in_buf, *out_buf;
};

static void turn_send(struct func_team *team, struct func_node *node, struct turn *turn, int rank,
		      int number)
{
	size_t len = len_of(team, rank, number);

	func_fill(turn->out_buf, len, key_of(team, rank, number));
	FUNC_POST(node, fi_recv(node->ep, turn->in_buf, LARGE, NULL, FI_ADDR_UNSPEC,
				func_fresh(&turn->in)));
	FUNC_POST(node, fi_senddata(node->ep, turn->out_buf, len, NULL,
				    (uint64_t)rank << 32 | (uint64_t)number, node->peer[0],
				    func_fresh(&turn->out)));
}

static void client(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = team->func_case->arg, .caps = FI_MSG, .wait = FI_WAIT_FD};
	struct turn turns[WINDOW];
	int i, number, sent = 0, seen = 0;
	bool back[MESSAGES] = {false};
	struct func_node node;

	client_open(team, rank, &node, &conf);
	for (i = 0; i < WINDOW; i++) {
		turns[i].in_buf = func_alloc(LARGE);
		turns[i].out_buf = func_alloc(LARGE);
		turn_send(team, &node, &turns[i], rank, sent++);
	}
	for (i = 0; seen < MESSAGES; i = (i + 1) % WINDOW) {
		if (seen + WINDOW > MESSAGES && !func_done(&turns[i].in)) {
			func_idle(&node);
			continue;
		}
		FUNC_DONE(&node, &turns[i].in);
		FUNC_DONE(&node, &turns[i].out);
		number = (int)(turns[i].in.entry.data & 0xffffffff);
		FUNC_EQ(turns[i].in.entry.data >> 32, rank);
		FUNC_TRUE(number < MESSAGES && !back[number]);
		back[number] = true;
		FUNC_EQ(turns[i].in.entry.len, len_of(team, rank, number));
		func_verify(turns[i].in_buf, turns[i].in.entry.len, key_of(team, rank, number));
		atomic_store(&turns[i].in.done, 0);
		if (++seen && sent < MESSAGES)
			turn_send(team, &node, &turns[i], rank, sent++);
	}
	func_meet(team, &node);
	func_close(&node);
	for (i = 0; i < WINDOW; i++) {
		free(turns[i].in_buf);
		free(turns[i].out_buf);
	}
}

__attribute__((unused)) static void clients(struct func_team *team, int rank)
{
	if (rank)
		client(team, rank);
	else if (team->func_case->arg == FI_EP_MSG)
		server_msg(team);
	else
		server_rdm(team);
}

/* -- threads ------------------------------------------------------------ */

enum { THREADS = 4, THREAD_ROUNDS = 60, THREAD_MAX = 300000 };

struct worker {
	struct func_team *team;
	struct func_node node;
	fi_addr_t peer; /* the same worker's endpoint in the other process */
	int rank, number;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct func_node *node = &worker->node;
	char *in_buf = func_alloc(THREAD_MAX), *out_buf = func_alloc(THREAD_MAX);
	uint64_t tag, state = worker->team->seed + (uint64_t)worker->number;
	struct func_req in, out;
	size_t len;
	int i;

	for (i = 0; i < THREAD_ROUNDS; i++) {
		len = func_rand_len(&state, THREAD_MAX);
		tag = (uint64_t)worker->number << 32 | (uint64_t)i;
		func_fill(out_buf, len, tag + (uint64_t)worker->rank);
		if (i % 2)
			FUNC_POST(node, fi_tsend(node->ep, out_buf, len, NULL, worker->peer, tag,
						 func_fresh(&out)));
		FUNC_POST(node, fi_trecv(node->ep, in_buf, THREAD_MAX, NULL, FI_ADDR_UNSPEC, tag, 0,
					 func_fresh(&in)));
		if (i % 2 == 0)
			FUNC_POST(node, fi_tsend(node->ep, out_buf, len, NULL, worker->peer, tag,
						 func_fresh(&out)));
		FUNC_DONE(node, &in);
		FUNC_DONE(node, &out);
		FUNC_EQ(in.entry.len, len);
		func_verify(in_buf, len, tag + (uint64_t)!worker->rank);
	}
	free(in_buf);
	free(out_buf);
	return NULL;
}

/* arg: whether each thread has an endpoint of its own */
static void threads(struct func_team *team, int rank)
{
	struct func_conf conf = {.threading = FI_THREAD_SAFE};
	struct worker workers[THREADS];
	struct func_node node;
	struct func_addr *names = (struct func_addr *)team->space;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.team = team,
					     .node = node,
					     .peer = node.peer[!rank],
					     .rank = rank,
					     .number = i};
		workers[i].node.borrows = true;
		workers[i].node.info = fi_dupinfo(node.info);
		if (team->func_case->arg) {
			func_open_ep(&workers[i].node);
			func_name(&workers[i].node.ep->fid, &names[rank * THREADS + i]);
		}
	}
	func_meet(team, &node);
	for (i = 0; i < THREADS && team->func_case->arg; i++)
		FUNC_EQ(fi_av_insert(node.av, names[!rank * THREADS + i].bytes, 1, &workers[i].peer,
				     0, NULL),
			1);
	for (i = 0; i < THREADS; i++)
		FUNC_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (i = 0; i < THREADS; i++)
		FUNC_EQ(pthread_join(workers[i].thread, NULL), 0);
	func_meet(team, &node);
	for (i = 0; i < THREADS; i++) {
		if (!team->func_case->arg)
			workers[i].node.ep = NULL;
		func_close(&workers[i].node);
	}
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
#ifndef __SANITIZE_THREAD__ /* processes with one thread each: they take minutes, and              \
			       ThreadSanitizer finds nothing */
		{"64 clients, rdm", CLIENTS + 1, clients, FUNC_FEW, FI_EP_RDM},
		{"64 clients, msg", CLIENTS + 1, clients, FUNC_FEW, FI_EP_MSG},
#endif
		{"threads, one endpoint", 2, threads, FUNC_MODES, false},
		{"threads, an endpoint each", 2, threads, FUNC_MODES, true},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
