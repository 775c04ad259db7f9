/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared contexts and aliases: receives that several endpoints share, reported by the
 * endpoint that the message came to; aliases of an endpoint with flags of their own; and the
 * calls that neither of them offers.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

enum { ROUNDS = 40, LEN_MAX = 400000 };

/* Returns the length of the number-th message of a client, which both sides compute. */
static size_t len_of(struct func_team *team, int client, int number)
{
	uint64_t state = func_mix(team->seed + (uint64_t)client * 1000 + (uint64_t)number);

	return 8 + func_rand_len(&state, LEN_MAX - 8);
}

static uint64_t key_of(struct func_team *team, int client, int number)
{
	return func_mix(team->seed ^ (uint64_t)client << 32 ^ (uint64_t)number);
}

/* -- many clients, one context ---------------------------------------------------- */

static void client_send(struct func_team *team, int rank, struct func_node *node, fi_addr_t to)
{
	char *buf = func_alloc(LEN_MAX);
	struct func_req req;

	for (int i = 0; i < ROUNDS; i++) {
		size_t len = len_of(team, rank, i);

		func_fill(buf, len, key_of(team, rank, i));
		memcpy(buf, &rank, sizeof(rank));
		FUNC_POST(node, fi_send(node->ep, buf, len, NULL, to, func_fresh(&req)));
		FUNC_DONE(node, &req);
	}
	free(buf);
}

/* Gives the second endpoint a queue of its own: entries in it belong to that endpoint. */
static void second_queue(struct func_node *second)
{
	struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_TAGGED};

	FUNC_OK(fi_cq_open(second->domain, &attr, &second->rx_cq, NULL));
	second->tx_cq = second->rx_cq;
}

static void check_message(struct func_team *team, char *buf, struct func_req *req, int *next)
{
	int client, number;

	memcpy(&client, buf, sizeof(client));
	FUNC_TRUE(client == 1 || client == 2);
	number = next[client]++; /* in the order in which this client sent them */
	FUNC_EQ(req->entry.len, len_of(team, client, number));
	func_fill(buf, sizeof(client), key_of(team, client, number));
	func_verify(buf, req->entry.len, key_of(team, client, number));
}

/* Receives the clients' messages with receives of the context; each must be reported by the
 * queue of the endpoint that it came to. */
static void serve(struct func_team *team, struct func_node *first, struct func_node *second)
{
	enum { POSTED = 8 };
	char *buf = func_alloc((size_t)POSTED * LEN_MAX);
	struct func_req req[POSTED];
	int next[3] = {0};

	for (int i = 0; i < POSTED; i++)
		FUNC_POST(first, fi_recv(first->srx, buf + (size_t)i * LEN_MAX, LEN_MAX, NULL,
					 FI_ADDR_UNSPEC, func_fresh(&req[i])));
	for (int i = 0; i < 2 * ROUNDS; i++) {
		char *at = buf + (size_t)(i % POSTED) * LEN_MAX;
		struct func_req *mine = &req[i % POSTED];
		int client;

		func_mark(__FILE__, __LINE__, "a message by the shared context");
		while (!func_done(mine)) {
			func_poll(first);
			if (func_done(mine)) {
				memcpy(&client, at, sizeof(client));
				FUNC_EQ(client, 1);
			} else if (func_poll(second) && func_done(mine)) {
				memcpy(&client, at, sizeof(client));
				FUNC_EQ(client, 2);
			}
		}
		FUNC_EQ(mine->err, 0);
		check_message(team, at, mine, next);
		if (i < 2 * ROUNDS - POSTED)
			FUNC_POST(first, fi_recv(first->srx, at, LEN_MAX, NULL, FI_ADDR_UNSPEC,
						 func_fresh(mine)));
	}
	FUNC_EQ(next[1], ROUNDS);
	FUNC_EQ(next[2], ROUNDS);
	free(buf);
}

static void close_second(struct func_node *second)
{
	struct fid_cq *cq = second->rx_cq;

	FUNC_ERR(fi_close(&second->srx->fid), FI_EBUSY);
	FUNC_ERR(fi_close(&second->stx->fid), FI_EBUSY);
	func_close_ep(second);
	FUNC_OK(fi_close(&cq->fid));
	fi_freeinfo(second->info);
}

static void msg_server(struct func_team *team, const struct func_conf *conf)
{
	struct func_node first, second;
	struct func_event event;
	struct func_addr addr;

	func_listen(&first, conf);
	func_name(&first.pep->fid, &addr);
	func_publish(team, 0, &addr);
	FUNC_EVENT(&first, &event, FI_CONNREQ);
	func_accept(&first, &first, event.info, NULL, 0);
	FUNC_EVENT(&first, &event, FI_CONNECTED);
	func_say(team, 0, 1);
	FUNC_EVENT(&first, &event, FI_CONNREQ);
	second = first;
	second.borrows = true;
	second.info = event.info;
	second_queue(&second);
	func_open_ep(&second);
	FUNC_OK(fi_accept(second.ep, NULL, 0));
	FUNC_EVENT(&first, &event, FI_CONNECTED);
	serve(team, &first, &second);
	func_meet(team, &first);
	close_second(&second);
	func_close(&first);
}

/* Client 1 connects first, so that its endpoint is the first. */
static void msg_client(struct func_team *team, int rank, const struct func_conf *conf)
{
	struct func_event event;
	struct func_node node;

	if (rank == 2)
		func_hear(team, NULL, 0, 1);
	func_connect(&node, conf, func_addr_of(team, 0, NULL), NULL, 0);
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	client_send(team, rank, &node, 0);
	func_meet(team, &node);
	func_close(&node);
}

static void msg(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .shared = rank == 0};

	if (rank)
		msg_client(team, rank, &conf);
	else
		msg_server(team, &conf);
}

static void rdm(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG, .shared = rank == 0};
	struct func_node node, second;
	struct func_addr addr;
	fi_addr_t to;

	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	if (rank) {
		const struct func_addr *server = func_addr_of(team, rank - 1, &node);

		FUNC_EQ(fi_av_insert(node.av, server->bytes, 1, &to, 0, NULL), 1);
		client_send(team, rank, &node, to);
		func_meet(team, &node);
		func_close(&node);
		return;
	}
	second = node;
	second.borrows = true;
	second.info = fi_dupinfo(node.info);
	second_queue(&second);
	func_open_ep(&second);
	func_publish(team, 0, &addr);
	func_name(&second.ep->fid, &addr);
	func_publish(team, 1, &addr);
	serve(team, &node, &second);
	func_meet(team, &node);
	close_second(&second);
	func_close(&node);
}

/* -- what a context refuses, and its end --------------------------------------------- */

static void refusals(struct func_team *team, int rank)
{
	struct func_conf conf = {.shared = true}, plain = {.shared = false};
	struct func_node node, other;
	struct fi_msg_tagged peek = {.addr = FI_ADDR_UNSPEC, .tag = 3};
	struct func_req req, waits, canceled;
	struct fid_ep *ep;
	size_t least = 100;
	size_t len = sizeof(least);
	char buf[64];

	(void)team, (void)rank;
	func_open(&node, &conf);
	FUNC_ERR(fi_recv(node.ep, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, func_fresh(&req)),
		 FI_EINVAL);
	FUNC_ERR(fi_send(node.srx, buf, sizeof(buf), NULL, 0, &req), FI_ENOSYS);
	FUNC_ERR(fi_tinject(node.srx, buf, 1, 0, 0), FI_ENOSYS);
	FUNC_OK(fi_setopt(&node.srx->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &least, len));
	least = 0;
	FUNC_OK(fi_getopt(&node.srx->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &least, &len));
	FUNC_EQ(least, 100);

	FUNC_OK(fi_trecv(node.srx, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, 1, 0,
			 func_fresh(&waits)));
	FUNC_ERR(fi_cancel(&node.srx->fid, &req), FI_ENOENT);
	FUNC_OK(fi_cancel(&node.srx->fid, &waits));
	FUNC_WAIT(&node, &waits, FI_ECANCELED);
	FUNC_OK(fi_trecv(node.srx, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, 1, 0,
			 func_fresh(&waits))); /* is dropped with the context */

	func_open(&other, &plain);
	FUNC_OK(fi_endpoint(other.domain, other.info, &ep, NULL));
	FUNC_ERR(fi_ep_bind(ep, &node.srx->fid, 0), FI_EINVAL);
	FUNC_OK(fi_close(&ep->fid));
	func_close(&other);

	FUNC_OK(fi_endpoint(node.domain, node.info, &ep, NULL));
	FUNC_OK(fi_ep_bind(ep, &node.tx_cq->fid, FI_TRANSMIT | FI_RECV));
	FUNC_OK(fi_ep_bind(ep, &node.av->fid, 0));
	FUNC_ERR(fi_enable(ep), FI_EOPBADSTATE);
	FUNC_OK(fi_ep_bind(ep, &node.srx->fid, 0));
	FUNC_ERR(fi_ep_bind(ep, &node.srx->fid, 0), FI_EBUSY);
	FUNC_ERR(fi_enable(ep), FI_EOPBADSTATE);
	/* an endpoint that is bound but not enabled reports nothing; the other one does */
	FUNC_OK(fi_trecv(node.srx, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, 2, 0,
			 func_fresh(&canceled)));
	FUNC_OK(fi_cancel(&node.srx->fid, &canceled));
	FUNC_WAIT(&node, &canceled, FI_ECANCELED);
	peek.context = func_fresh(&req);
	FUNC_OK(fi_trecvmsg(node.srx, &peek, FI_PEEK));
	FUNC_WAIT(&node, &req, FI_ENOMSG);
	FUNC_OK(fi_ep_bind(ep, &node.stx->fid, 0));
	FUNC_OK(fi_enable(ep));
	FUNC_OK(fi_close(&ep->fid));
	func_close(&node);
}

/* A context without an endpoint cannot report completions; an MSG endpoint that asked for a
 * shared context cannot receive before one is bound to it. */
static void lonely(struct func_team *team, int rank)
{
	struct func_conf conf = {.shared = true}, msg_conf = {.type = FI_EP_MSG, .shared = true};
	struct fi_msg_tagged peek = {.addr = FI_ADDR_UNSPEC, .tag = 3};
	struct func_req req;
	struct func_node node;
	struct fid_ep *ep;
	char buf[8];

	(void)team, (void)rank;
	func_open(&node, &conf);
	func_close_ep(&node);
	FUNC_OK(fi_trecv(node.srx, buf, sizeof(buf), NULL, FI_ADDR_UNSPEC, 1, 0, func_fresh(&req)));
	FUNC_OK(fi_cancel(&node.srx->fid, &req));
	peek.context = &req;
	FUNC_ERR(fi_trecvmsg(node.srx, &peek, FI_PEEK), FI_EOPBADSTATE);
	func_close(&node);

	func_open_fabric(&node, &msg_conf, func_need_info(&msg_conf, NULL));
	func_open_domain(&node);
	FUNC_OK(fi_endpoint(node.domain, node.info, &ep, NULL));
	FUNC_OK(fi_ep_bind(ep, &node.rx_cq->fid, FI_RECV));
	FUNC_ERR(fi_recv(ep, buf, sizeof(buf), NULL, 0, func_fresh(&req)), FI_EINVAL);
	FUNC_OK(fi_close(&ep->fid));
	func_close(&node);
}

/* A context opened without attributes gets those of the domain's info. */
static void directed(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_DIRECTED_RECV, .shared = true};
	struct func_req sent, from_it, from_other;
	struct func_node node, second;
	struct fid_ep *given;
	uint64_t word = 4, in[2] = {0};
	fi_addr_t to[2];

	(void)team, (void)rank;
	func_open(&node, &conf);
	func_close_ep(&node);
	given = node.srx;
	FUNC_OK(fi_srx_context(node.domain, NULL, &node.srx, NULL));
	FUNC_OK(fi_close(&given->fid));
	func_open_ep(&node);
	func_open_beside(&second, &node);
	to[0] = func_know(&node, node.ep);
	to[1] = func_know(&node, second.ep);
	FUNC_OK(fi_recv(node.srx, &in[0], sizeof(in[0]), NULL, to[1], func_fresh(&from_other)));
	FUNC_OK(fi_recv(node.srx, &in[1], sizeof(in[1]), NULL, to[0], func_fresh(&from_it)));
	FUNC_POST(&node, fi_send(node.ep, &word, sizeof(word), NULL, to[0], func_fresh(&sent)));
	FUNC_DONE(&node, &from_it);
	FUNC_EQ(in[1], 4);
	FUNC_TRUE(!func_done(&from_other));
	func_close(&second);
	func_close(&node);
}

/* While a context has no endpoint, a receive can be cancelled, and no completion is reported. */
static void canceled_alone(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG, .shared = true};
	struct func_req sent, canceled = {.done = 0}, got;
	uint64_t word = 5, in[2] = {0};
	struct func_node node;
	fi_addr_t to;

	(void)team, (void)rank;
	func_open(&node, &conf);
	func_close_ep(&node);
	FUNC_OK(fi_recv(node.srx, &in[0], sizeof(in[0]), NULL, FI_ADDR_UNSPEC, &canceled));
	FUNC_OK(fi_recv(node.srx, &in[1], sizeof(in[1]), NULL, FI_ADDR_UNSPEC, func_fresh(&got)));
	FUNC_OK(fi_cancel(&node.srx->fid, &canceled));
	FUNC_ERR(fi_cancel(&node.srx->fid, &canceled), FI_ENOENT);
	func_open_ep(&node);
	to = func_know(&node, node.ep);
	FUNC_POST(&node, fi_send(node.ep, &word, sizeof(word), NULL, to, func_fresh(&sent)));
	FUNC_DONE(&node, &got);
	FUNC_EQ(in[1], 5);
	FUNC_TRUE(!func_done(&canceled));
	func_close(&node);
}

/* One endpoint is closed, and the context receives the other's messages. */
static void half_closed(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG, .shared = true};
	struct func_node node, second;
	struct func_req sent, got;
	uint64_t word = 17, in = 0;
	fi_addr_t to[2];

	(void)team, (void)rank;
	func_open(&node, &conf);
	func_open_beside(&second, &node);
	to[0] = func_know(&node, node.ep);
	to[1] = func_know(&node, second.ep);
	/* an unexpected message waits at each endpoint; the second's is dropped with its
	 * endpoint */
	FUNC_POST(&node, fi_inject(node.ep, "lost", 4, to[1]));
	FUNC_POST(&node, fi_send(node.ep, &word, sizeof(word), NULL, to[0], func_fresh(&sent)));
	FUNC_DONE(&node, &sent);
	func_close_ep(&second);
	fi_freeinfo(second.info);
	FUNC_POST(&node,
		  fi_recv(node.srx, &in, sizeof(in), NULL, FI_ADDR_UNSPEC, func_fresh(&got)));
	FUNC_DONE(&node, &got);
	FUNC_EQ(in, 17);
	func_close(&node);
}

/* -- aliases ---------------------------------------------------------------------------- */

static void check_flags(struct fid_ep *ep, uint64_t which, uint64_t want)
{
	uint64_t flags = which;

	FUNC_OK(fi_control(&ep->fid, FI_GETOPSFLAG, &flags));
	FUNC_EQ(flags, want);
}

/* Sends a word to itself through this handle.  Returns true if the send had an entry. */
static bool has_entry(struct func_node *node, struct fid_ep *handle, fi_addr_t self)
{
	struct func_req sent, got;
	uint64_t word = 5, in = 0;

	FUNC_POST(node, fi_recv(node->ep, &in, sizeof(in), NULL, FI_ADDR_UNSPEC, func_fresh(&got)));
	FUNC_POST(node, fi_send(handle, &word, sizeof(word), NULL, self, func_fresh(&sent)));
	FUNC_DONE(node, &got);
	FUNC_EQ(in, 5);
	while (func_poll(node))
		;
	return func_done(&sent);
}

static void alias(struct func_team *team, int rank)
{
	struct func_conf conf = {.selective = FI_TRANSMIT};
	uint64_t flags = FI_TRANSMIT | FI_COMPLETION;
	struct fid_ep *loud = NULL, *bad;
	struct func_addr addr, same;
	struct func_node node;
	fi_addr_t self;

	(void)team, (void)rank;
	func_open(&node, &conf);
	self = func_know(&node, node.ep);
	FUNC_OK(fi_ep_alias(node.ep, &loud, FI_TRANSMIT | FI_COMPLETION));
	FUNC_ERR(fi_ep_alias(node.ep, &bad, FI_COMPLETION), FI_EINVAL);
	FUNC_ERR(fi_ep_alias(node.ep, &bad, FI_TRANSMIT | FI_RECV), FI_EINVAL);
	FUNC_ERR(fi_ep_alias(node.ep, &bad, FI_TRANSMIT | FI_PEEK), FI_EINVAL);
	func_name(&node.ep->fid, &addr);
	func_name(&loud->fid, &same);
	FUNC_TRUE(same.len == addr.len && !memcmp(same.bytes, addr.bytes, addr.len));

	check_flags(node.ep, FI_TRANSMIT, 0);
	check_flags(loud, FI_TRANSMIT, FI_COMPLETION);
	check_flags(loud, FI_RECV, 0);
	FUNC_TRUE(!has_entry(&node, node.ep, self));
	FUNC_TRUE(has_entry(&node, loud, self));
	FUNC_OK(fi_control(&node.ep->fid, FI_SETOPSFLAG, &flags));
	FUNC_TRUE(has_entry(&node, node.ep, self));
	flags = FI_TRANSMIT;
	FUNC_OK(fi_control(&loud->fid, FI_SETOPSFLAG, &flags));
	FUNC_TRUE(!has_entry(&node, loud, self));
	FUNC_TRUE(has_entry(&node, node.ep, self));

	FUNC_ERR(fi_close(&node.ep->fid), FI_EBUSY);
	FUNC_OK(fi_close(&loud->fid));
	func_close(&node);
}

/* -- what is not offered answers so, and crashes nobody ------------------------------------ */

static void not_offered(struct func_team *team, int rank)
{
	struct func_conf conf = {.shared = team->func_case->arg};
	struct func_node node;
	struct fid_ep *ep;
	uint64_t word = 0;
	size_t cnt;

	(void)rank;
	func_open(&node, &conf);
	ep = conf.shared ? node.srx : node.ep;
	FUNC_ERR(fi_read(ep, &word, sizeof(word), NULL, 0, 0, 0, NULL), FI_ENOSYS);
	FUNC_ERR(fi_inject_write(ep, &word, sizeof(word), 0, 0, 0), FI_ENOSYS);
	FUNC_ERR(fi_atomic(ep, &word, 1, NULL, 0, 0, 0, FI_UINT64, FI_SUM, NULL), FI_ENOSYS);
	FUNC_ERR(fi_inject_atomic(ep, &word, 1, 0, 0, 0, FI_UINT64, FI_SUM), FI_ENOSYS);
	FUNC_ERR(fi_atomicvalid(ep, FI_UINT64, FI_SUM, &cnt), FI_EOPNOTSUPP);
	FUNC_ERR(fi_connect(ep, &word, NULL, 0), FI_ENOSYS);
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"receives for all, msg", 3, msg, FUNC_MODES, 0},
		{"receives for all, rdm", 3, rdm, FUNC_MODES, 0},
		{"refusals", 1, refusals, FUNC_SWITCH, 0},
		{"no endpoint", 1, lonely, FUNC_SWITCH, 0},
		{"canceled without endpoint", 1, canceled_alone, FUNC_SWITCH, 0},
		{"directed without attributes", 1, directed, FUNC_SWITCH, 0},
		{"one endpoint is closed", 1, half_closed, 0, 0},
		{"aliases", 1, alias, FUNC_SWITCH, 0},
		{"not offered by endpoints", 1, not_offered, FUNC_SWITCH, 0},
		{"not offered by contexts", 1, not_offered, FUNC_SWITCH, 1},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
