/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages within one process and one thread: an endpoint sends to itself, and two endpoints
 * send to each other, in one domain and in two.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { LARGE = 2 << 20 };

static const size_t sizes[] = {0, 1, 4000, 16384, 100000, LARGE};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct pair {
	struct func_node from, to;
	fi_addr_t dest;
	bool same; /* from and to are one endpoint */
	char *out, *in;
};

/* Makes progress on both nodes; with two domains each needs its own. */
static void both_idle(struct pair *pair)
{
	func_idle(&pair->from);
	if (!pair->same)
		func_idle(&pair->to);
}

static void both_until(struct pair *pair, struct func_req *req)
{
	while (!func_done(req))
		both_idle(pair);
}

static void both_send(struct pair *pair, const struct func_xfer *x, struct func_req *req)
{
	ssize_t ret;

	while ((ret = func_try_send(&pair->from, x, req)) == -FI_EAGAIN)
		both_idle(pair);
	FUNC_OK(ret);
}

static void post_recv(struct pair *pair, struct func_xfer *x, struct func_req *req)
{
	struct func_xfer recv = *x;

	recv.buf = pair->in;
	recv.addr = FI_ADDR_UNSPEC;
	if (func_injects(recv.how) || recv.how == FUNC_DATA)
		recv.how = FUNC_PLAIN;
	recv.flags = 0;
	func_recv(&pair->to, &recv, req);
}

static void one_message(struct pair *pair, struct func_xfer *x, size_t room, bool expected)
{
	struct func_req sent = {.done = 0}, got = {.done = 0};
	struct func_xfer recv = *x;
	size_t fits = x->len < room ? x->len : room;

	recv.len = room;
	memset(pair->in, 0xee, LARGE + 1);
	func_fill(pair->out, x->len, x->tag);
	x->buf = pair->out;
	x->addr = pair->dest;
	if (expected)
		post_recv(pair, &recv, &got);
	func_mark(__FILE__, __LINE__, "a message");
	both_send(pair, x, &sent);
	if (func_injects(x->how))
		memset(pair->out, 0, x->len);
	if (!expected)
		post_recv(pair, &recv, &got);
	both_until(pair, &got);
	if (!func_injects(x->how)) {
		both_until(pair, &sent);
		FUNC_EQ(sent.err, 0);
	}
	FUNC_EQ(got.err, x->len > room ? FI_ETRUNC : 0);
	FUNC_EQ(got.olen, x->len - fits);
	FUNC_EQ(got.entry.len, fits);
	func_verify(pair->in, fits, x->tag);
	FUNC_EQ((unsigned char)pair->in[fits], 0xee);
	if (x->tagged)
		FUNC_EQ(got.entry.tag, x->tag);
	if (x->how == FUNC_DATA || x->how == FUNC_INJECTDATA)
		FUNC_EQ(got.entry.data, x->data);
}

static void every_message(struct pair *pair, uint64_t seed)
{
	struct func_xfer x = {.data = ~seed};
	size_t i, max = pair->from.info->tx_attr->inject_size;
	int variant;

	for (i = 0; i < SIZES; i++) {
		for (variant = 0; variant < FUNC_HOWS * 4; variant++) {
			x.how = (enum func_how)(variant % FUNC_HOWS);
			x.tagged = variant / FUNC_HOWS & 1;
			x.flags = FI_DELIVERY_COMPLETE;
			x.pieces = x.how == FUNC_V || x.how == FUNC_MSG ? 3 : 1;
			x.tag = seed + (uint64_t)variant;
			x.len = sizes[i];
			if (func_injects(x.how) && x.len > max)
				x.len = max;
			one_message(pair, &x, x.len, variant / FUNC_HOWS & 2);
			if (x.len && !func_injects(x.how) && func_is_switch())
				one_message(pair, &x, x.len / 2, variant / FUNC_HOWS & 2);
		}
	}
}

static fi_addr_t insert(struct func_node *node, struct func_node *peer)
{
	fi_addr_t fi_addr;

	fi_addr = func_know(node, peer->ep);
	return fi_addr;
}

/* A receive that is cancelled, and one that is left at the end, match no message. */
static void leftovers(struct pair *pair)
{
	struct func_req req[2] = {{.done = 0}};

	FUNC_POST(&pair->to,
		  fi_trecv(pair->to.ep, pair->in, 1, NULL, FI_ADDR_UNSPEC, 1, 0, &req[0]));
	FUNC_OK(fi_cancel(&pair->to.ep->fid, &req[0]));
	both_until(pair, &req[0]);
	FUNC_EQ(req[0].err, FI_ECANCELED);
	FUNC_POST(&pair->to,
		  fi_trecv(pair->to.ep, pair->in, 1, NULL, FI_ADDR_UNSPEC, 2, 0, &req[1]));
	FUNC_POST(&pair->from, fi_tinject(pair->from.ep, pair->out, 1, pair->dest, 3));
}

enum { SELF, ONE_DOMAIN, TWO_DOMAINS };

static void talk(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = FI_EP_RDM};
	struct pair pair = {.out = func_alloc(LARGE), .in = func_alloc(LARGE + 1)};

	(void)rank;
	/* the only thread closes one of two domains, and the other cannot answer its BYE */
	if (team->func_case->arg == TWO_DOMAINS)
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "200", 1);
	func_open(&pair.from, &conf);
	pair.same = team->func_case->arg == SELF;
	if (pair.same) {
		pair.to = pair.from;
	} else if (team->func_case->arg == TWO_DOMAINS) {
		func_open(&pair.to, &conf);
	} else {
		func_open_beside(&pair.to, &pair.from);
	}
	pair.dest = insert(&pair.from, &pair.to);
	every_message(&pair, team->seed);
	leftovers(&pair);
	if (!pair.same)
		func_close(&pair.to);
	func_close(&pair.from);
	free(pair.out);
	free(pair.in);
}

/* Sends many messages to itself before the first receive is posted, and the reverse. */
static void flood(struct func_team *team, int rank)
{
	enum { CNT = 200, LEN = 30000 };
	struct func_req *sent = calloc(CNT, sizeof(*sent)), *got = calloc(CNT, sizeof(*got));
	char *out = func_alloc((size_t)CNT * LEN), *in = func_alloc((size_t)CNT * LEN);
	struct func_conf conf = {.type = FI_EP_RDM};
	size_t len, i, pass;
	struct func_node node;
	fi_addr_t self;

	(void)rank;
	func_open(&node, &conf);
	self = insert(&node, &node);
	func_fill(out, (size_t)CNT * LEN, team->seed);
	for (pass = 0; pass < 2; pass++) {
		memset(in, 0, (size_t)CNT * LEN);
		for (i = 0; i < 2 * CNT; i++) {
			len = i % CNT % 2 ? LEN : 16;
			if ((i < CNT) == (pass == 0))
				FUNC_POST(&node, fi_send(node.ep, out + i % CNT * LEN, len, NULL,
							 self, func_fresh(&sent[i % CNT])));
			else
				FUNC_POST(&node,
					  fi_recv(node.ep, in + i % CNT * LEN, LEN, NULL,
						  FI_ADDR_UNSPEC, func_fresh(&got[i % CNT])));
		}
		for (i = 0; i < CNT; i++) {
			len = i % 2 ? LEN : 16;
			FUNC_DONE(&node, &sent[i]);
			FUNC_DONE(&node, &got[i]);
			FUNC_EQ(got[i].entry.len, len);
			FUNC_TRUE(!memcmp(in + i * LEN, out + i * LEN, len));
		}
	}
	func_close(&node);
	free(out);
	free(in);
	free(sent);
	free(got);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"to itself", 1, talk, FUNC_MODES, SELF},
		{"two endpoints, one domain", 1, talk, FUNC_MODES, ONE_DOMAIN},
		{"two endpoints, two domains", 1, talk, FUNC_MODES, TWO_DOMAINS},
		{"flood to itself", 1, flood, FUNC_MODES, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
