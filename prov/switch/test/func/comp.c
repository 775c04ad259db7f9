/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completions: their contents and their moment: formats, levels, selective completion,
 * counters, injected buffers, FI_MORE.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { POSTED_WORD, DONE_WORD, LARGE = 300000 };

static const size_t sizes[] = {0, 40, 5000, LARGE};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Reads every format of entries, from one queue and from two. */
static void formats(struct func_team *team, int rank)
{
	struct func_conf conf = {.format = (enum fi_cq_format)(team->func_case->arg & 15),
				 .two_cqs = team->func_case->arg & 16};
	struct func_req sent = {.done = 0}, got = {.done = 0};
	char *out = func_alloc(LARGE), *in = func_alloc(LARGE);
	struct func_node node;
	size_t i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < SIZES; i++) {
		func_fill(out, sizes[i], team->seed + i);
		FUNC_POST(&node, fi_trecv(node.ep, in, LARGE, NULL, FI_ADDR_UNSPEC, i, 0,
					  func_fresh(&got)));
		FUNC_POST(&node, fi_tsenddata(node.ep, out, sizes[i], NULL, 77 + i,
					      node.peer[!rank], i, func_fresh(&sent)));
		FUNC_DONE(&node, &sent);
		FUNC_DONE(&node, &got);
		func_verify(in, sizes[i], team->seed + i);
		if (conf.format >= FI_CQ_FORMAT_MSG) {
			FUNC_EQ(got.entry.len, sizes[i]);
			FUNC_EQ(got.entry.flags &
					(FI_RECV | FI_TAGGED | FI_REMOTE_CQ_DATA | FI_SEND),
				FI_RECV | FI_TAGGED | FI_REMOTE_CQ_DATA);
			FUNC_EQ(sent.entry.flags & (FI_SEND | FI_TAGGED | FI_RECV),
				FI_SEND | FI_TAGGED);
		}
		if (conf.format >= FI_CQ_FORMAT_DATA)
			FUNC_EQ(got.entry.data, 77 + i);
		if (conf.format >= FI_CQ_FORMAT_TAGGED)
			FUNC_EQ(got.entry.tag, i);
	}
	func_meet(team, &node);
	func_close(&node);
	free(out);
	free(in);
}

/* FI_DELIVERY_COMPLETE: if the receive was posted before, the receiver's own buffer, which
 * the sender can see, holds the data when the send completes. */
static void delivery(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = team->func_case->arg};
	struct func_req req = {.done = 0};
	struct func_xfer x = {.how = FUNC_MSG, .tagged = false, .flags = FI_DELIVERY_COMPLETE};
	struct func_node node;
	int i;

	func_join(team, rank, &node, &conf);
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < SIZES * 4; i++) {
		x.len = sizes[i % SIZES];
		x.buf = rank ? team->space : team->space + LARGE;
		x.flags = rank	  ? 0
			  : i & 4 ? FI_DELIVERY_COMPLETE | FI_COMPLETION
				  : FI_DELIVERY_COMPLETE;
		if (rank == 0) {
			func_hear(team, &node, POSTED_WORD, i + 1);
			func_fill(x.buf, x.len, team->seed + (uint64_t)i);
			func_send(&node, &x, &req);
			FUNC_DONE(&node, &req);
			func_verify(team->space, x.len, team->seed + (uint64_t)i);
			func_say(team, DONE_WORD, i + 1);
		} else {
			memset(team->space, 0, LARGE);
			func_recv(&node, &x, &req);
			func_say(team, POSTED_WORD, i + 1);
			func_hear(team, &node, DONE_WORD, i + 1);
			FUNC_DONE(&node, &req);
		}
	}
	func_meet(team, &node);
	func_close(&node);
}

/* Every level of completion, by flag and as the endpoint's default, of
 * messages that come expected and unexpected. */
static void levels(struct func_team *team, int rank)
{
	static const uint64_t level[] = {FI_INJECT_COMPLETE, FI_TRANSMIT_COMPLETE,
					 FI_DELIVERY_COMPLETE, 0};
	struct func_conf conf = {.tx_op_flags = (uint64_t)team->func_case->arg};
	char *buf = func_alloc(LARGE);
	struct func_xfer x = {.buf = buf, .tagged = true};
	struct func_req req = {.done = 0};
	struct func_node node;
	int i;

	func_join(team, rank, &node, &conf);
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < SIZES * 4 * 2; i++) {
		x.how = rank == 0 && i & 1 ? FUNC_MSG : FUNC_PLAIN;
		x.flags = level[i / 2 % 4];
		x.len = sizes[i / 8];
		x.tag = (uint64_t)i;
		if (rank == 0)
			func_fill(buf, x.len, team->seed + x.tag);
		FUNC_POST(&node,
			  rank ? func_try_recv(&node, &x, &req) : func_try_send(&node, &x, &req));
		FUNC_DONE(&node, &req);
		if (rank == 1)
			func_verify(buf, x.len, team->seed + x.tag);
		else
			memset(buf, 0, x.len);
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
}

static void expect_value(struct func_node *node, struct fid_cntr *cntr, uint64_t value)
{
	FUNC_UNTIL(node, fi_cntr_read(cntr) >= value);
	FUNC_EQ(fi_cntr_read(cntr), value);
}

/* Selective completion: only operations that ask for an entry, or fail, have one; the
 * counters count all. */
static void selective(struct func_team *team, int rank)
{
	enum { CNT = 40 };
	struct func_conf conf = {.selective = FI_TRANSMIT | FI_RECV, .counters = true};
	struct func_req *req = calloc(CNT, sizeof(*req));
	char *buf = func_alloc((size_t)CNT * 20000);
	struct func_node node;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < CNT; i++) {
		struct func_xfer x = {
			.how = i % 4 ? FUNC_MSG : FUNC_PLAIN,
			.flags = i % 4 == 1 ? FI_COMPLETION : 0,
			.buf = buf + (size_t)i * 20000,
			.len = i % 3 == 0 ? 20000 : 8,
			.tagged = i & 1,
			.addr = rank ? FI_ADDR_UNSPEC : node.peer[1],
		};

		if (rank == 1 && i == 6)
			x.len = 4; /* of 20000: reported as an error */
		if (rank == 0)
			func_fill(x.buf, x.len, team->seed + (uint64_t)i);
		FUNC_POST(&node, rank ? func_try_recv(&node, &x, &req[i])
				      : func_try_send(&node, &x, &req[i]));
	}
	expect_value(&node, rank ? node.rx_cntr : node.tx_cntr, rank ? CNT - 1 : CNT);
	expect_value(&node, rank ? node.tx_cntr : node.rx_cntr, 0);
	if (rank)
		FUNC_UNTIL(&node, fi_cntr_readerr(node.rx_cntr) == 1);
	func_meet(team, &node);
	while (func_poll(&node))
		;
	for (i = 0; i < CNT; i++) {
		FUNC_EQ(func_done(&req[i]), i % 4 == 1 || (rank && i == 6));
		FUNC_EQ(req[i].err, rank && i == 6 ? FI_ETRUNC : 0);
		if (rank && i != 6)
			func_verify(buf + (size_t)i * 20000, i % 3 == 0 ? 20000 : 8,
				    team->seed + (uint64_t)i);
	}
	func_close(&node);
	free(buf);
	free(req);
}

/* Selective completion with FI_COMPLETION as the endpoint's default flag: the plain calls
 * have an entry, fi_sendmsg does not. */
static void selective_default(struct func_team *team, int rank)
{
	struct func_conf conf = {.selective = FI_TRANSMIT, .tx_op_flags = FI_COMPLETION};
	struct func_req req[4] = {{.done = 0}};
	struct func_xfer x = {.tagged = true, .len = 100, .buf = func_alloc(100)};
	struct func_node node;
	int i;

	func_join(team, rank, &node, &conf);
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < 4; i++) {
		x.how = i % 2 && !rank ? FUNC_MSG : FUNC_PLAIN;
		FUNC_POST(&node, rank ? func_try_recv(&node, &x, &req[i])
				      : func_try_send(&node, &x, &req[i]));
		if (rank || i % 2 == 0)
			FUNC_DONE(&node, &req[i]);
	}
	func_meet(team, &node);
	while (func_poll(&node))
		;
	FUNC_TRUE(rank || (!func_done(&req[1]) && !func_done(&req[3])));
	func_close(&node);
	free(x.buf);
}

/* Injected memory may be changed at once; there is no entry, but the counter counts. */
static void inject(struct func_team *team, int rank)
{
	enum { CNT = 200 };
	struct func_conf conf = {.counters = true};
	struct func_req req = {.done = 0};
	struct func_xfer x = {.tagged = true};
	struct func_node node;
	size_t max;
	int i;

	func_join(team, rank, &node, &conf);
	max = node.info->tx_attr->inject_size;
	x.buf = func_alloc(max);
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < CNT; i++) {
		x.how = rank ? FUNC_PLAIN : i % 3 ? FUNC_INJECT : FUNC_MSG;
		x.flags = i % 3 ? 0 : FI_INJECT;
		x.tag = (uint64_t)i;
		x.len = rank ? max : max * (size_t)i / (CNT - 1);
		if (rank == 0)
			func_fill(x.buf, x.len, team->seed + x.tag);
		FUNC_POST(&node,
			  rank ? func_try_recv(&node, &x, &req) : func_try_send(&node, &x, &req));
		if (rank == 0)
			memset(x.buf, 0xdd, x.len);
		if (rank || i % 3 == 0)
			FUNC_DONE(&node, &req);
		if (rank)
			func_verify(x.buf, max * (size_t)i / (CNT - 1), team->seed + x.tag);
	}
	expect_value(&node, rank ? node.rx_cntr : node.tx_cntr, CNT);
	func_meet(team, &node);
	func_close(&node);
	free(x.buf);
}

/* FI_MORE: bursts arrive whole, and so does one that nothing follows. */
static void more(struct func_team *team, int rank)
{
	enum { CNT = 100, BURST = 10 };
	struct func_req *req = calloc(CNT, sizeof(*req));
	struct func_xfer x = {.len = 64};
	char *buf = func_alloc((size_t)CNT * x.len);
	struct func_node node;
	int i;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < CNT; i++) {
		x.buf = buf + (size_t)i * x.len;
		x.how = rank ? FUNC_PLAIN : FUNC_MSG;
		x.flags = i % BURST < BURST - 1 || i == CNT - 1 ? FI_MORE : 0;
		if (rank == 0)
			func_fill(x.buf, x.len, team->seed + (uint64_t)i);
		FUNC_POST(&node, rank ? func_try_recv(&node, &x, &req[i])
				      : func_try_send(&node, &x, &req[i]));
	}
	for (i = 0; i < CNT; i++) {
		FUNC_DONE(&node, &req[i]);
		func_verify(buf + (size_t)i * x.len, x.len, team->seed + (uint64_t)i);
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
	free(req);
}

/* Counters: set, add, errors, and waits with a timeout. */
static void counters(struct func_team *team, int rank)
{
	struct func_conf conf = {.counters = true};
	struct func_req req = {.done = 0};
	struct func_node node;
	char buf[8] = "counted";

	func_join(team, rank, &node, &conf);
	FUNC_EQ(fi_cntr_read(node.tx_cntr), 0);
	FUNC_OK(fi_cntr_set(node.tx_cntr, 5));
	FUNC_OK(fi_cntr_add(node.tx_cntr, 2));
	FUNC_OK(fi_cntr_seterr(node.tx_cntr, 3));
	FUNC_OK(fi_cntr_adderr(node.tx_cntr, 1));
	FUNC_EQ(fi_cntr_read(node.tx_cntr), 7);
	FUNC_EQ(fi_cntr_readerr(node.tx_cntr), 4);
	FUNC_ERR(fi_cntr_wait(node.rx_cntr, 1, 1), FI_ETIMEDOUT);
	FUNC_OK(fi_cntr_wait(node.tx_cntr, 7, -1));
	if (rank == 0)
		FUNC_POST(&node, fi_send(node.ep, buf, sizeof(buf), NULL, node.peer[1], &req));
	else
		FUNC_POST(&node, fi_recv(node.ep, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, &req));
	func_mark(__FILE__, __LINE__, "fi_cntr_wait");
	FUNC_OK(rank ? fi_cntr_wait(node.rx_cntr, 1, -1) : fi_cntr_wait(node.tx_cntr, 8, -1));
	FUNC_DONE(&node, &req);
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"format context", 2, formats, 0, FI_CQ_FORMAT_CONTEXT},
		{"format msg", 2, formats, 0, FI_CQ_FORMAT_MSG},
		{"format data", 2, formats, 0, FI_CQ_FORMAT_DATA},
		{"format tagged", 2, formats, FUNC_MODES, FI_CQ_FORMAT_TAGGED},
		{"format tagged, two queues", 2, formats, FUNC_MODES, FI_CQ_FORMAT_TAGGED | 16},
		{"delivery complete, rdm", 2, delivery, FUNC_MODES | FUNC_SWITCH, FI_EP_RDM},
		{"delivery complete, msg", 2, delivery, FUNC_MODES | FUNC_SWITCH, FI_EP_MSG},
		{"levels by flag", 2, levels, FUNC_MODES, 0},
		{"levels, inject by default", 2, levels, 0, FI_INJECT_COMPLETE},
		{"levels, transmit by default", 2, levels, 0, FI_TRANSMIT_COMPLETE},
		{"levels, delivery by default", 2, levels, FUNC_MODES, FI_DELIVERY_COMPLETE},
		{"selective", 2, selective, FUNC_MODES, 0},
		{"selective by default", 2, selective_default, 0, 0},
		{"inject", 2, inject, FUNC_MODES, 0},
		{"more", 2, more, FUNC_MODES, 0},
		{"counters", 2, counters, 0, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
