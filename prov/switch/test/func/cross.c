/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Crossing connects: endpoints that send to each other at the same instant end up with one
 * path, and every message arrives once.  The same holds for receives from that peer only,
 * because a connection that gives way to the other is no failure.  Each round opens new
 * endpoints, so that each round connects anew.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { PER_PEER = 4, LARGE = 70000 };

struct lane {
	struct func_req in[PER_PEER], out[PER_PEER];
	char *in_buf, *out_buf; /* PER_PEER pieces of LARGE bytes */
};

static uint64_t tag_of(int from, int to, int number)
{
	return (uint64_t)from << 32 | (uint64_t)to << 16 | (uint64_t)number;
}

static size_t len_of(int number, int round)
{
	return (number + round) % 4 == 3 ? LARGE : 16;
}

static void post_recvs(struct func_node *node, struct lane *lane, int me, int peer)
{
	int i;

	for (i = 0; i < PER_PEER; i++)
		FUNC_POST(node, fi_trecv(node->ep, lane->in_buf + i * LARGE, LARGE, NULL,
					 i % 2 ? node->peer[peer] : FI_ADDR_UNSPEC,
					 tag_of(peer, me, i), 0, func_fresh(&lane->in[i])));
}

static void post_sends(struct func_team *team, struct func_node *node, struct lane *lane, int me,
		       int peer, int round)
{
	size_t len;
	int i;

	for (i = 0; i < PER_PEER; i++) {
		len = len_of(i, round);
		func_fill(lane->out_buf + i * LARGE, len, team->seed + tag_of(me, peer, i));
		FUNC_POST(node,
			  fi_tsend(node->ep, lane->out_buf + i * LARGE, len, NULL, node->peer[peer],
				   tag_of(me, peer, i), func_fresh(&lane->out[i])));
	}
}

static void finish(struct func_team *team, struct func_node *node, struct lane *lane, int me,
		   int peer, int round)
{
	int i;

	for (i = 0; i < PER_PEER; i++) {
		FUNC_DONE(node, &lane->out[i]);
		FUNC_DONE(node, &lane->in[i]);
		FUNC_EQ(lane->in[i].entry.len, len_of(i, round));
		func_verify(lane->in_buf + i * LARGE, len_of(i, round),
			    team->seed + tag_of(peer, me, i));
	}
}

/* Checks that nothing came twice: a receive that takes any message gets none. */
static void nothing_else(struct func_team *team, struct func_node *node)
{
	struct func_req any = {.done = 0};
	char byte;

	func_meet(team, node);
	FUNC_POST(node, fi_trecv(node->ep, &byte, 1, NULL, FI_ADDR_UNSPEC, 0, UINT64_MAX, &any));
	func_poll(node);
	func_meet(team, node);
	FUNC_OK(fi_cancel(&node->ep->fid, &any));
	FUNC_WAIT(node, &any, FI_ECANCELED);
}

static void insert_all(struct func_team *team, int rank, struct func_node *node)
{
	struct func_addr addr;
	int i;

	func_name(&node->ep->fid, &addr);
	func_publish(team, rank, &addr);
	func_meet(team, node);
	for (i = 0; i < team->size; i++)
		FUNC_EQ(fi_av_insert(node->av, team->addr[i].bytes, 1, &node->peer[i], 0, NULL), 1);
}

static void cross(struct func_team *team, int rank)
{
	struct lane *lanes = calloc((size_t)team->size, sizeof(*lanes));
	uint64_t state = team->seed + (uint64_t)rank;
	struct func_node node;
	int i, round, first;

	for (i = 0; i < team->size; i++) {
		lanes[i].in_buf = func_alloc(PER_PEER * LARGE);
		lanes[i].out_buf = func_alloc(PER_PEER * LARGE);
	}
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM,
					     .caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV});
	for (round = 0; round < team->func_case->arg; round++) {
		if (round)
			func_open_ep(&node);
		insert_all(team, rank, &node);
		for (i = 0; i < team->size; i++)
			post_recvs(&node, &lanes[i], rank, i);
		func_meet(team, round % 2 ? &node : NULL);
		first = (int)(func_rand(&state) % (uint64_t)team->size);
		for (i = 0; i < team->size; i++)
			post_sends(team, &node, &lanes[(first + i) % team->size], rank,
				   (first + i) % team->size, round);
		for (i = 0; i < team->size; i++)
			finish(team, &node, &lanes[i], rank, i, round);
		nothing_else(team, &node);
		for (i = 0; i < team->size; i++)
			FUNC_OK(fi_av_remove(node.av, &node.peer[i], 1, 0));
		func_close_ep(&node);
		func_meet(team, &node);
	}
	func_close(&node);
	for (i = 0; i < team->size; i++) {
		free(lanes[i].in_buf);
		free(lanes[i].out_buf);
	}
	free(lanes);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"two", 2, cross, FUNC_MODES, 40},
		{"three", 3, cross, 0, 20},
		{"eight", 8, cross, FUNC_MODES, 6},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
