/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Closing.  A close right after the last completion loses nothing; an operation that is still
 * outstanding is given up in bounded time, and does not touch its memory afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { LARGE = 1 << 20, SENT_WORD = 0, READY_WORD = 1 };

/* -- nothing is lost ---------------------------------------------------- */

enum { ROUNDS = 12, CNT = 16 };

/* Opens an endpoint for each round, sends messages, and closes everything at once. */
static void send_and_close(struct func_team *team, uint64_t *state, int round, char *buf)
{
	struct func_req req[CNT];
	struct func_node node;
	struct func_xfer x = {.tagged = true};
	struct func_addr peer;
	int i;

	peer = *func_addr_of(team, 0, NULL);
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	FUNC_EQ(fi_av_insert(node.av, peer.bytes, 1, &x.addr, 0, NULL), 1);
	for (i = 0; i < CNT; i++) {
		x.len = func_rand_len(state, LARGE);
		x.tag = (uint64_t)(round * CNT + i);
		x.buf = buf + (size_t)i * LARGE;
		x.how = x.len <= node.info->tx_attr->inject_size && i % 2 ? FUNC_INJECT
									  : FUNC_PLAIN;
		func_fill(x.buf, x.len, team->seed + x.tag);
		func_send(&node, &x, &req[i]);
		if (x.how == FUNC_INJECT)
			atomic_store(&req[i].done, 1);
	}
	for (i = 0; i < CNT; i++)
		FUNC_DONE(&node, &req[i]);
	func_close(&node);
	func_say(team, SENT_WORD, round + 1);
}

static void lossless(struct func_team *team, int rank)
{
	struct func_req req = {.done = 0};
	uint64_t state = team->seed;
	char *buf = func_alloc((size_t)CNT * LARGE);
	struct func_node node;
	struct func_addr addr;
	int round, i, slow;
	size_t len;

	if (rank == 1) {
		for (round = 0; round < ROUNDS; round++)
			send_and_close(team, &state, round, buf);
		free(buf);
		return;
	}
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	for (i = 0; i < ROUNDS * CNT; i++) {
		len = func_rand_len(&state, LARGE);
		for (slow = (int)(func_mix(state) % 100); slow; slow--)
			func_idle(&node);
		FUNC_POST(&node, fi_trecv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, (uint64_t)i, 0,
					  func_fresh(&req)));
		FUNC_DONE(&node, &req);
		FUNC_EQ(req.entry.len, len);
		func_verify(buf, len, team->seed + (uint64_t)i);
	}
	func_hear(team, &node, SENT_WORD, ROUNDS);
	func_close(&node);
	free(buf);
}

/* All processes close at the same moment, right after their traffic. */
static void all_at_once(struct func_team *team, int rank)
{
	struct func_req in[8], out[8];
	struct func_node node;
	char buf[8][64];
	int i, round;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < team->size; i++)
			atomic_store(&team->named[i], 0);
		func_meet(team, NULL);
		func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
		for (i = 0; i < team->size; i++) {
			FUNC_POST(&node, fi_recv(node.ep, buf[i], 64, NULL, FI_ADDR_UNSPEC,
						 func_fresh(&in[i])));
			FUNC_POST(&node, fi_send(node.ep, &rank, sizeof(rank), NULL, node.peer[i],
						 func_fresh(&out[i])));
		}
		for (i = 0; i < team->size; i++) {
			FUNC_DONE(&node, &in[i]);
			FUNC_DONE(&node, &out[i]);
		}
		func_close(&node);
		func_meet(team, NULL);
	}
}

enum { SOON = 1 };

/* An endpoint is closed although its send is not matched: that takes no longer than
 * CLOSE_TIMEOUT (the case's arg), and a receive that is posted late completes once: with an
 * error, or with the whole of a message that had already arrived.  The core takes its
 * operations back; that it has them is noticed however short the time is. */
static void pending(struct func_team *team, int rank)
{
	struct func_req req = {.done = 0};
	char *buf = func_alloc(LARGE), timeout[24];
	struct func_node node;

	FUNC_SKIP_IF(team->func_case->arg == SOON && strcmp(func_core(), "tcp"),
		     "%s takes nothing back by itself", func_core());
	snprintf(timeout, sizeof(timeout), "%ld", team->func_case->arg);
	setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", timeout, 1);
	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == 1) {
		func_fill(buf, LARGE, team->seed);
		FUNC_POST(&node, fi_tsend(node.ep, buf, LARGE, NULL, node.peer[0], 1, &req));
		func_poll(&node);
		func_close(&node);
		func_say(team, SENT_WORD, 1);
	} else {
		func_hear(team, &node, SENT_WORD, 1);
		FUNC_POST(&node, fi_trecv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, 1, 0, &req));
		fi_cancel(&node.ep->fid, &req); /* may be too late: the receive fails by itself */
		FUNC_UNTIL(&node, func_done(&req));
		if (!req.err)
			func_verify(buf, LARGE, team->seed);
		func_close(&node);
	}
	free(buf);
}

/* The core still reads from a peer that makes no progress: once fi_close has succeeded, the
 * memory is not written to any more.  Over a core that cannot give up operations fi_close may
 * return -FI_EBUSY, and the memory stays in use. */
static void still_read(struct func_team *team, int rank)
{
	struct func_req req = {.done = 0};
	char *buf = func_alloc(LARGE);
	struct func_node node;
	int ret;

	setenv("FI_OFI_SWITCH_TRANSFER", "read", 1);
	if (rank == 0)
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "50", 1);
	func_join(team, rank, &node, &(struct func_conf){.caps = FI_MSG});
	if (rank == 1) {
		FUNC_POST(&node, fi_send(node.ep, buf, 1, NULL, node.peer[0], &req));
		FUNC_DONE(&node, &req); /* they are connected: the next message leaves at once */
		func_hear(team, &node, READY_WORD, 1);
		FUNC_POST(&node,
			  fi_send(node.ep, buf, LARGE, NULL, node.peer[0], func_fresh(&req)));
		func_say(team, SENT_WORD, 1);
		func_hear(team, NULL, READY_WORD, 2);
		FUNC_UNTIL(&node, func_done(&req)); /* with or without an error */
		func_close(&node);
		free(buf);
		return;
	}
	FUNC_POST(&node, fi_recv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, &req));
	FUNC_DONE(&node, &req);
	func_say(team, READY_WORD, 1);
	func_hear(team, NULL, SENT_WORD, 1);
	FUNC_POST(&node, fi_recv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, func_fresh(&req)));
	for (int i = 0; i < 1000; i++)
		fi_cq_read(node.rx_cq, NULL, 0);
	func_mark(__FILE__, __LINE__, "closing");
	ret = fi_close(&node.ep->fid);
	FUNC_TRUE(!ret || (ret == -FI_EBUSY && strcmp(func_core(), "tcp")));
	memset(buf, 0x77, ret ? 0 : LARGE);
	func_say(team, READY_WORD, 2);
	if (ret) {
		while ((ret = fi_close(&node.ep->fid)) == -FI_EBUSY)
			;
		FUNC_OK(ret);
		memset(buf, 0x77, LARGE);
	}
	node.ep = NULL;
	func_mark(__FILE__, __LINE__, "the sender to end");
	while (!atomic_load(&team->dead[1]))
		fi_cq_read(node.rx_cq, NULL, 0);
	for (int i = 0; i < LARGE; i++)
		FUNC_EQ(buf[i], 0x77);
	func_close(&node);
	free(buf);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"lossless", 2, lossless, FUNC_MODES, 0},
		{"all at once", 5, all_at_once, 0, 0},
		{"pending", 2, pending, FUNC_MODES | FUNC_SWITCH, 300},
		{"pending, and given up soon", 2, pending, FUNC_MODES | FUNC_SWITCH, SOON},
		{"read while closing", 2, still_read, FUNC_SWITCH, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
