/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching: tags with ignored bits, order of messages that match the same receive, tagged and
 * untagged messages apart, receives from one source, receives that are too small, fi_cancel,
 * FI_PEEK, FI_MULTI_RECV.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { SENT_WORD, POSTED_WORD, LARGE = 300000 };

static void send_tag(struct func_team *team, struct func_node *node, int to, uint64_t tag,
		     size_t len)
{
	struct func_req req = {.done = 0};
	struct func_xfer send = {.tagged = true,
				 .buf = func_alloc(len),
				 .len = len,
				 .tag = tag,
				 .addr = node->peer[to]};

	func_fill(send.buf, len, team->seed + tag);
	func_send(node, &send, &req);
	FUNC_DONE(node, &req);
	free(send.buf);
}

/* A receive of up to LARGE bytes, whose message may come at any time. */
struct pending {
	struct func_req req;
	void *buf;
};

static void post_tag(struct func_node *node, struct pending *pending, uint64_t tag, uint64_t ignore,
		     fi_addr_t from)
{
	struct func_xfer recv = {
		.tagged = true, .len = LARGE, .tag = tag, .ignore = ignore, .addr = from};

	recv.buf = pending->buf = func_alloc(LARGE);
	func_recv(node, &recv, &pending->req);
}

static void got_tag(struct func_team *team, struct func_node *node, struct pending *pending,
		    uint64_t tag, size_t len)
{
	FUNC_DONE(node, &pending->req);
	FUNC_EQ(pending->req.entry.tag, tag);
	FUNC_EQ(pending->req.entry.len, len);
	func_verify(pending->buf, len, team->seed + tag);
	free(pending->buf);
}

/* Sends without waiting: the completions may depend on the receiver. */
static void send_all(struct func_team *team, struct func_node *node, const uint64_t *tags,
		     const size_t *lens, int cnt)
{
	struct func_req req[16] = {{.done = 0}};
	void *buf[16];
	int i;

	for (i = 0; i < cnt; i++) {
		struct func_xfer send = {
			.tagged = true, .len = lens[i], .tag = tags[i], .addr = node->peer[1]};

		send.buf = buf[i] = func_alloc(lens[i]);
		func_fill(send.buf, lens[i], team->seed + tags[i]);
		func_send(node, &send, &req[i]);
	}
	func_say(team, SENT_WORD, 1);
	for (i = 0; i < cnt; i++) {
		FUNC_DONE(node, &req[i]);
		free(buf[i]);
	}
}

static void ignore(struct func_team *team, int rank)
{
	static const uint64_t tags[] = {0x1001, 0x2002, 0x1003, 0x2004, 0x1003};
	static const size_t lens[] = {10, LARGE, 0, 20000, 5};
	struct pending in[5] = {{.buf = NULL}};
	struct func_node node;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == 0) {
		send_all(team, &node, tags, lens, 5);
	} else {
		func_hear(team, &node, SENT_WORD, 1);
		post_tag(&node, &in[0], 0x0004, 0xf000, FI_ADDR_UNSPEC);
		post_tag(&node, &in[1], 0x1000, 0x0fff, FI_ADDR_UNSPEC);
		post_tag(&node, &in[2], 0x1003, 0, FI_ADDR_UNSPEC);
		post_tag(&node, &in[3], 0x5555, UINT64_MAX, FI_ADDR_UNSPEC);
		post_tag(&node, &in[4], 0x1003, 0, FI_ADDR_UNSPEC);
		got_tag(team, &node, &in[4], 0x1003, 5);
		got_tag(team, &node, &in[3], 0x2002, LARGE);
		got_tag(team, &node, &in[2], 0x1003, 0);
		got_tag(team, &node, &in[1], 0x1001, 10);
		got_tag(team, &node, &in[0], 0x2004, 20000);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* Messages of one sender that fit the same receive are matched in the order
 * sent, whatever their sizes; half of the receives are posted before. */
static void order(struct func_team *team, int rank)
{
	enum { CNT = 64, HALF = CNT / 2 };
	struct func_req *req = calloc(CNT, sizeof(*req));
	unsigned char *buf = func_alloc((size_t)CNT * LARGE);
	struct func_xfer x = {.tagged = team->func_case->arg, .tag = 7};
	struct func_node node;
	uint64_t state = team->seed;
	int i;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (i = 0; i < CNT; i++) {
		if (i == 0 && rank == 0)
			func_hear(team, &node, POSTED_WORD, 1);
		if (i == HALF && rank == 1) {
			func_say(team, POSTED_WORD, 1);
			func_hear(team, &node, SENT_WORD, 1);
		}
		x.buf = buf + (size_t)i * LARGE;
		x.len = rank ? LARGE : func_rand_len(&state, LARGE);
		if (rank == 0)
			func_fill(x.buf, x.len, team->seed + (uint64_t)i);
		FUNC_POST(&node, rank ? func_try_recv(&node, &x, &req[i])
				      : func_try_send(&node, &x, &req[i]));
	}
	if (rank == 0)
		func_say(team, SENT_WORD, 1);
	for (i = 0; i < CNT; i++) {
		FUNC_DONE(&node, &req[i]);
		if (rank == 0)
			continue;
		FUNC_EQ(req[i].entry.len, func_rand_len(&state, LARGE));
		func_verify(buf + (size_t)i * LARGE, req[i].entry.len, team->seed + (uint64_t)i);
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
	free(req);
}

/* An untagged message never lands in a tagged receive, nor the reverse. */
static void apart(struct func_team *team, int rank)
{
	struct func_req tagged = {.done = 0}, plain = {.done = 0};
	struct func_node node;
	char t[32], p[32];

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == 0) {
		FUNC_POST(&node, fi_send(node.ep, "plain", 6, NULL, node.peer[1], &plain));
		FUNC_POST(&node, fi_tsend(node.ep, "tagged", 7, NULL, node.peer[1], 0, &tagged));
	} else {
		FUNC_POST(&node, fi_trecv(node.ep, t, sizeof(t), NULL, FI_ADDR_UNSPEC, 0,
					  UINT64_MAX, &tagged));
		FUNC_POST(&node, fi_recv(node.ep, p, sizeof(p), NULL, FI_ADDR_UNSPEC, &plain));
	}
	FUNC_DONE(&node, &tagged);
	FUNC_DONE(&node, &plain);
	FUNC_TRUE(!rank || (!strcmp(t, "tagged") && !strcmp(p, "plain")));
	func_meet(team, &node);
	func_close(&node);
}

/* Two senders use one tag: each receive takes messages only from its source, and
 * fi_cq_readfrom names the sender. */
static void directed(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE,
				 .av = team->func_case->arg ? FI_AV_MAP : FI_AV_TABLE};
	struct pending in[5] = {{.buf = NULL}};
	struct func_node node;
	size_t len = rank == 1 ? 100 : 200000;
	char word[8];

	func_join(team, rank, &node, &conf);
	if (rank) {
		send_tag(team, &node, 0, 1, len);
		send_tag(team, &node, 0, 1, len + 1);
		func_hear(team, &node, POSTED_WORD, 1);
		FUNC_POST(&node, fi_send(node.ep, rank == 1 ? "one" : "two", 4, NULL, node.peer[0],
					 func_fresh(&in[0].req)));
		FUNC_DONE(&node, &in[0].req);
	} else {
		post_tag(&node, &in[0], 1, 0, node.peer[2]);
		post_tag(&node, &in[1], 1, 0, node.peer[1]);
		got_tag(team, &node, &in[1], 1, 100);
		FUNC_EQ(in[1].req.src, node.peer[1]);
		post_tag(&node, &in[2], 1, 0, FI_ADDR_UNSPEC);
		post_tag(&node, &in[3], 1, 0, FI_ADDR_UNSPEC);
		got_tag(team, &node, &in[0], 1, 200000);
		FUNC_EQ(in[0].req.src, node.peer[2]);
		FUNC_DONE(&node, &in[2].req);
		FUNC_DONE(&node, &in[3].req);
		FUNC_EQ(in[2].req.entry.len + in[3].req.entry.len, 101 + 200001);
		free(in[2].buf);
		free(in[3].buf);
		FUNC_POST(&node, fi_recv(node.ep, word, sizeof(word), NULL, node.peer[2],
					 func_fresh(&in[4].req)));
		func_say(team, POSTED_WORD, 1);
		FUNC_DONE(&node, &in[4].req);
		FUNC_TRUE(!strcmp(word, "two"));
		FUNC_POST(&node, fi_recv(node.ep, word, sizeof(word), NULL, node.peer[1],
					 func_fresh(&in[4].req)));
		FUNC_DONE(&node, &in[4].req);
		FUNC_TRUE(!strcmp(word, "one"));
	}
	func_meet(team, &node);
	func_close(&node);
}

enum { ROOMS = 5, TRUNC_MAX = 4 << 20 };
static const size_t lens_tried[] = {1, 100, 5000, 17000, LARGE, TRUNC_MAX};
static const size_t rooms_tried[ROOMS] = {0, 1, 64, 16384, 40000};

static void too_small(struct func_team *team, struct func_node *node, struct func_xfer *x,
		      int number)
{
	size_t len = lens_tried[number / (2 * ROOMS)], room = rooms_tried[number % ROOMS];
	size_t fits = len < room ? len : room;
	struct func_req req = {.done = 0};

	if (!(number & 1))
		func_hear(team, node, SENT_WORD, number + 1);
	x->len = room;
	memset(x->buf, 0xee, TRUNC_MAX);
	func_recv(node, x, &req);
	func_say(team, POSTED_WORD, number + 1);
	FUNC_WAIT(node, &req, len > room ? FI_ETRUNC : 0);
	FUNC_EQ(req.entry.tag, x->tag);
	FUNC_EQ(req.entry.len, fits);
	FUNC_EQ(req.olen, len - fits);
	func_verify(x->buf, fits, team->seed + x->tag);
	FUNC_EQ(((unsigned char *)x->buf)[fits], 0xee);
}

/* A receive that is too small takes what fits; later messages are not affected. */
static void truncation(struct func_team *team, int rank)
{
	int number, cnt = (int)(sizeof(lens_tried) / sizeof(lens_tried[0])) * ROOMS * 2;
	struct func_xfer x = {.buf = func_alloc(TRUNC_MAX + 1), .tagged = true};
	struct func_conf conf = {.type = team->func_case->arg};
	struct func_req req = {.done = 0};
	struct func_node node;

	func_join(team, rank, &node, &conf);
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	for (number = 0; number < cnt; number++) {
		x.tag = (uint64_t)number;
		if (rank == 1) {
			too_small(team, &node, &x, number);
			continue;
		}
		if (number & 1)
			func_hear(team, &node, POSTED_WORD, number + 1);
		x.len = lens_tried[number / (2 * ROOMS)];
		func_fill(x.buf, x.len, team->seed + x.tag);
		func_send(&node, &x, &req);
		func_say(team, SENT_WORD, number + 1);
		FUNC_DONE(&node, &req);
	}
	func_meet(team, &node);
	func_close(&node);
	free(x.buf);
}

/* A cancelled receive completes once, with FI_ECANCELED; a message that comes then goes to
 * the next receive.  Cancelling a completed receive has no effect. */
static void cancel(struct func_team *team, int rank)
{
	struct pending in[3] = {{.buf = NULL}};
	struct func_node node;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == 0) {
		func_hear(team, &node, POSTED_WORD, 1);
		send_tag(team, &node, 1, 5, LARGE);
		send_tag(team, &node, 1, 5, 50);
	} else {
		post_tag(&node, &in[0], 5, 0, FI_ADDR_UNSPEC);
		post_tag(&node, &in[1], 5, 0, FI_ADDR_UNSPEC);
		FUNC_OK(fi_cancel(&node.ep->fid, &in[0].req));
		FUNC_WAIT(&node, &in[0].req, FI_ECANCELED);
		free(in[0].buf);
		func_say(team, POSTED_WORD, 1);
		got_tag(team, &node, &in[1], 5, LARGE);
		fi_cancel(&node.ep->fid, &in[1].req);
		fi_cancel(&node.ep->fid, &in[2]);
		post_tag(&node, &in[2], 5, 0, FI_ADDR_UNSPEC);
		got_tag(team, &node, &in[2], 5, 50);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* A send of fi_inject has no context: fi_cancel with a NULL context means the receive. */
static void cancel_nothing(struct func_team *team, int rank)
{
	struct func_req req = {.done = 0};
	struct fi_cq_err_entry error = {0};
	struct fi_cq_tagged_entry entry;
	struct func_node node;
	char buf[8];

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM, .caps = FI_MSG});
	if (rank == 0) {
		FUNC_POST(&node, fi_inject(node.ep, "injected", 8, node.peer[1]));
		FUNC_POST(&node, fi_recv(node.ep, buf, 8, NULL, FI_ADDR_UNSPEC, NULL));
		FUNC_OK(fi_cancel(&node.ep->fid, NULL));
		func_mark(__FILE__, __LINE__, "what was canceled");
		while (fi_cq_read(node.rx_cq, &entry, 1) == -FI_EAGAIN)
			sched_yield();
		FUNC_EQ(fi_cq_readerr(node.rx_cq, &error, 0), 1);
		FUNC_EQ(error.err, FI_ECANCELED);
		FUNC_EQ(error.flags & (FI_SEND | FI_RECV), FI_RECV);
	} else {
		FUNC_POST(&node, fi_recv(node.ep, buf, 8, NULL, FI_ADDR_UNSPEC, &req));
		FUNC_DONE(&node, &req);
		FUNC_TRUE(!memcmp(buf, "injected", 8));
	}
	func_meet(team, &node);
	func_close(&node);
}

/* -- FI_MULTI_RECV -------------------------------------------------------- */

enum { MULTI_CNT = 400, MULTI_BUFS = 2, MULTI_SPACE = 1 << 20, MULTI_LEAST = 4096 };

/* A posted buffer, and the part of it that completions reported. */
struct multi {
	char *buf;
	size_t used;
	bool posted;
};

static size_t multi_len(const struct func_team *team, uint64_t number)
{
	uint64_t state = func_mix(team->seed + number);

	return func_rand_len(&state, MULTI_SPACE / 5);
}

static void multi_post(struct func_node *node, struct multi *multi)
{
	const struct iovec iov = {.iov_base = multi->buf, .iov_len = MULTI_SPACE};
	const struct fi_msg msg = {
		.msg_iov = &iov,
		.iov_count = 1,
		.addr = FI_ADDR_UNSPEC,
		.context = multi,
	};

	memset(multi->buf, 0xee, MULTI_SPACE);
	multi->used = 0;
	multi->posted = true;
	FUNC_POST(node, fi_recvmsg(node->ep, &msg, FI_MULTI_RECV | FI_COMPLETION));
}

/* Checks a message: complete, or as much of it as the buffer had room for. */
static void multi_got(struct func_team *team, struct multi *multi,
		      const struct fi_cq_tagged_entry *entry)
{
	size_t len = multi_len(team, entry->data);

	FUNC_TRUE(entry->flags & FI_RECV && entry->flags & FI_REMOTE_CQ_DATA);
	FUNC_EQ(entry->len, len);
	FUNC_TRUE((char *)entry->buf >= multi->buf &&
		  (char *)entry->buf + len <= multi->buf + MULTI_SPACE);
	func_verify(entry->buf, len, team->seed + entry->data);
	multi->used += len;
	if (entry->flags & FI_MULTI_RECV) {
		FUNC_TRUE(MULTI_SPACE - multi->used < MULTI_LEAST);
		multi->posted = false;
	}
}

/* Reads a completion.  Returns 0 if a message came and fitted, else the error of the entry. */
static int multi_read(struct func_node *node, struct fi_cq_tagged_entry *entry)
{
	struct fi_cq_err_entry err = {0};
	ssize_t ret;

	while ((ret = fi_cq_read(node->rx_cq, entry, 1)) == -FI_EAGAIN)
		sched_yield();
	if (ret != -FI_EAVAIL) {
		FUNC_EQ(ret, 1);
		return 0;
	}
	FUNC_EQ(fi_cq_readerr(node->rx_cq, &err, 0), 1);
	*entry = (struct fi_cq_tagged_entry){.op_context = err.op_context,
					     .flags = err.flags,
					     .len = err.len,
					     .buf = err.buf,
					     .data = err.data};
	return err.err;
}

static void multi_receive(struct func_team *team, struct func_node *node)
{
	struct multi multi[MULTI_BUFS];
	struct fi_cq_tagged_entry entry;
	struct multi *one;
	int i, err;

	for (i = 0; i < MULTI_BUFS; i++) {
		multi[i].buf = func_alloc(MULTI_SPACE);
		multi_post(node, &multi[i]);
	}
	for (i = 0; i < MULTI_CNT; i++) {
		func_mark(__FILE__, __LINE__, "the next message");
		err = multi_read(node, &entry);
		one = entry.op_context;
		FUNC_TRUE(one->posted);
		if (err) { /* the last message of a buffer may be truncated */
			FUNC_EQ(err, FI_ETRUNC);
			func_verify(entry.buf, entry.len, team->seed + entry.data);
			FUNC_TRUE(entry.len < multi_len(team, entry.data));
			one->used = MULTI_SPACE;
			one->posted = !(entry.flags & FI_MULTI_RECV);
		} else {
			multi_got(team, one, &entry);
		}
		if (!one->posted)
			multi_post(node, one);
	}
	for (i = 0; i < MULTI_BUFS; i++) {
		FUNC_OK(fi_cancel(&node->ep->fid, &multi[i]));
		FUNC_EQ(multi_read(node, &entry), FI_ECANCELED);
		FUNC_TRUE(entry.op_context == &multi[i] && entry.flags & FI_MULTI_RECV);
		free(multi[i].buf);
	}
}

/* Receives messages of all sizes into a few large buffers, which are posted again when they
 * are used up. */
static void multi_recv(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = (enum fi_ep_type)team->func_case->arg,
				 .caps = FI_MSG | FI_MULTI_RECV};
	char *buf = func_alloc(MULTI_SPACE);
	struct func_req req = {.done = 0};
	size_t least = MULTI_LEAST, size = sizeof(least);
	struct func_node node;
	uint64_t i;

	func_join(team, rank, &node, &conf);
	FUNC_OK(fi_setopt(&node.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &least, size));
	least = 0;
	FUNC_OK(fi_getopt(&node.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &least, &size));
	FUNC_EQ(least, MULTI_LEAST);
	if (rank == 1) {
		multi_receive(team, &node);
	} else {
		for (i = 0; i < MULTI_CNT; i++) {
			size_t len = multi_len(team, i);

			func_fill(buf, len, team->seed + i);
			FUNC_POST(&node, fi_senddata(node.ep, buf, len, NULL, i, node.peer[1],
						     func_fresh(&req)));
			FUNC_DONE(&node, &req);
		}
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
}

/* Cancels receives at random moments while messages come: each receive completes once, with
 * all of its message or with FI_ECANCELED, and no message is lost. */
static void cancel_race(struct func_team *team, int rank)
{
	enum { CNT = 200, LEN = 30000 };
	uint64_t state = team->seed + (uint64_t)rank;
	struct func_req req = {.done = 0};
	struct func_xfer x = {.buf = func_alloc(LEN)};
	struct func_node node;
	int got = 0;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
	while (got < CNT) {
		x.len = rank ? LEN : got % 2 ? LEN : 10;
		func_fill(x.buf, rank ? 0 : x.len, team->seed + (uint64_t)got);
		FUNC_POST(&node,
			  rank ? func_try_recv(&node, &x, &req) : func_try_send(&node, &x, &req));
		if (rank && func_rand(&state) % 2) {
			func_idle(&node);
			fi_cancel(&node.ep->fid, &req);
		}
		FUNC_UNTIL(&node, func_done(&req));
		if (rank && req.err == FI_ECANCELED)
			continue;
		FUNC_EQ(req.err, 0);
		if (rank)
			func_verify(x.buf, got % 2 ? LEN : 10, team->seed + (uint64_t)got);
		got++;
	}
	func_meet(team, &node);
	func_close(&node);
	free(x.buf);
}

/* Looks for a message with this tag (FI_PEEK).  Returns 0 or FI_ENOMSG. */
static int look(struct func_node *node, struct func_req *req, uint64_t tag, uint64_t flags)
{
	struct func_xfer x = {.how = FUNC_MSG,
			      .tagged = true,
			      .tag = tag,
			      .flags = FI_PEEK | flags,
			      .addr = FI_ADDR_UNSPEC};

	func_recv(node, &x, req);
	FUNC_UNTIL(node, func_done(req));
	FUNC_TRUE(!req->err || req->err == FI_ENOMSG);
	return req->err;
}

/* FI_PEEK finds a message and leaves it queued; with FI_CLAIM it is kept for this context
 * until a receive with FI_CLAIM fetches it; with FI_DISCARD it is dropped. */
static void peek(struct func_team *team, int rank)
{
	static const uint64_t tags[] = {5, 5, 6, 7, 8};
	static const size_t lens[] = {100, 30000, LARGE, 10, LARGE};
	struct pending in = {.buf = NULL};
	struct func_xfer claim = {.how = FUNC_MSG,
				  .tagged = true,
				  .len = LARGE,
				  .tag = 5,
				  .flags = FI_CLAIM,
				  .addr = FI_ADDR_UNSPEC};
	struct func_req req = {.done = 0};
	const struct fi_msg_tagged nowhere = {
		.iov_count = 99, .addr = FI_ADDR_UNSPEC, .tag = 7, .context = &req};
	struct func_node node;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == 0) {
		send_all(team, &node, tags, lens, 5);
	} else {
		claim.buf = func_alloc(LARGE);
		FUNC_EQ(look(&node, &req, 99, 0), FI_ENOMSG);
		FUNC_UNTIL(&node, !look(&node, &req, 8, 0));
		FUNC_EQ(req.entry.len, LARGE);
		FUNC_EQ(look(&node, &req, 5, 0), 0);
		FUNC_EQ(req.entry.len, 100);
		FUNC_EQ(look(&node, &req, 5, FI_CLAIM), 0);
		FUNC_EQ(req.entry.len, 100);
		post_tag(&node, &in, 5, 0, FI_ADDR_UNSPEC);
		got_tag(team, &node, &in, 5, 30000);
		func_recv(&node, &claim, &req);
		FUNC_DONE(&node, &req);
		FUNC_EQ(req.entry.len, 100);
		func_verify(claim.buf, 100, team->seed + 5);
		/* with FI_PEEK any buffers are ignored */
		func_fresh(&req);
		FUNC_POST(&node, fi_trecvmsg(node.ep, &nowhere, FI_PEEK | FI_DISCARD));
		FUNC_DONE(&node, &req);
		FUNC_EQ(look(&node, &req, 7, 0), FI_ENOMSG);
		FUNC_EQ(look(&node, &req, 8, FI_CLAIM), 0);
		claim.tag = 8;
		func_recv(&node, &claim, &req);
		FUNC_DONE(&node, &req);
		FUNC_EQ(req.entry.len, LARGE);
		func_verify(claim.buf, LARGE, team->seed + 8);
		post_tag(&node, &in, 6, 0, FI_ADDR_UNSPEC);
		got_tag(team, &node, &in, 6, LARGE);
		free(claim.buf);
	}
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"ignored bits", 2, ignore, FUNC_MODES, 0},
		{"order", 2, order, FUNC_MODES, false},
		{"order, tagged", 2, order, FUNC_MODES, true},
		{"tagged and untagged apart", 2, apart, 0, 0},
		{"directed receive, table", 3, directed, FUNC_MODES, 0},
		{"directed receive, map", 3, directed, 0, 1},
		{"truncation, rdm", 2, truncation, FUNC_MODES | FUNC_SWITCH, FI_EP_RDM},
		{"truncation, msg", 2, truncation, FUNC_MODES | FUNC_SWITCH, FI_EP_MSG},
		{"cancel", 2, cancel, FUNC_MODES, 0},
		{"cancel without a context", 2, cancel_nothing, 0, 0},
		{"cancel at any moment", 2, cancel_race, FUNC_MODES, 0},
		{"one buffer for many, rdm", 2, multi_recv, FUNC_MODES, FI_EP_RDM},
		{"one buffer for many, msg", 2, multi_recv, FUNC_MODES, FI_EP_MSG},
		{"peek and claim", 2, peek, FUNC_MODES, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
