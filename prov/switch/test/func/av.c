/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors of both types: inserting in every way, looking up, removing, reusing an
 * entry for another peer, invalid addresses, and peers whose address is inserted late or
 * never.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

static struct func_conf conf_of(const struct func_team *team)
{
	return (struct func_conf){.caps = FI_MSG | FI_TAGGED | FI_SOURCE | FI_DIRECTED_RECV,
				  .av = (enum fi_av_type)team->func_case->arg};
}

static struct sockaddr_in sin_of(const char *host, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	FUNC_EQ(inet_pton(AF_INET, host, &sin.sin_addr), 1);
	return sin;
}

static void expect_entry(struct func_node *node, fi_addr_t fi_addr, const char *host, uint16_t port)
{
	struct sockaddr_in want = sin_of(host, port), got = {.sin_port = 0};
	size_t len = sizeof(got);

	FUNC_OK(fi_av_lookup(node->av, fi_addr, &got, &len));
	FUNC_EQ(len, sizeof(got));
	FUNC_EQ(got.sin_family, AF_INET);
	FUNC_EQ(ntohs(got.sin_port), port);
	FUNC_EQ(ntohl(got.sin_addr.s_addr), ntohl(want.sin_addr.s_addr));
}

/* Every call that inserts: a lookup returns the address that was inserted. */
static void insert(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct sockaddr_in many[3], got = {.sin_port = 0};
	fi_addr_t fi_addr[9];
	struct func_node node;
	size_t i, len = 4;

	(void)rank;
	func_open(&node, &conf);
	for (i = 0; i < 3; i++)
		many[i] = sin_of("127.0.0.1", (uint16_t)(4001 + i));
	FUNC_EQ(fi_av_insert(node.av, many, 3, fi_addr, 0, NULL), 3);
	FUNC_EQ(fi_av_insertsvc(node.av, "127.0.0.5", "4004", &fi_addr[3], 0, NULL), 1);
	FUNC_EQ(fi_av_insertsym(node.av, "127.0.0.1", 2, "5000", 2, &fi_addr[4], 0, NULL), 4);
	FUNC_EQ(fi_av_insert(node.av, many, 0, NULL, 0, NULL), 0);
	for (i = 0; i < 3; i++)
		expect_entry(&node, fi_addr[i], "127.0.0.1", (uint16_t)(4001 + i));
	expect_entry(&node, fi_addr[3], "127.0.0.5", 4004);
	expect_entry(&node, fi_addr[4], "127.0.0.1", 5000);
	expect_entry(&node, fi_addr[5], "127.0.0.1", 5001);
	expect_entry(&node, fi_addr[6], "127.0.0.2", 5000);
	expect_entry(&node, fi_addr[7], "127.0.0.2", 5001);
	if (conf.av == FI_AV_TABLE) {
		for (i = 0; i < 8; i++)
			FUNC_EQ(fi_addr[i], i);
		many[1] = sin_of("127.0.0.1", 4009);
		FUNC_EQ(fi_av_insert(node.av, &many[1], 1, NULL, 0, NULL), 1);
		expect_entry(&node, 8, "127.0.0.1", 4009);
	}
	FUNC_OK(fi_av_lookup(node.av, fi_addr[0], &got,
			     &len)); /* too little room: the address is cut */
	FUNC_EQ(len, sizeof(got));
	FUNC_TRUE(!memcmp(&got, &many[0], 4) && got.sin_addr.s_addr == 0);
	func_close(&node);
}

static void straddr(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct sockaddr_in sin = sin_of("127.0.0.1", 4001);
	const char *want = "fi_sockaddr_in://127.0.0.1:4001";
	size_t len = 100, need = strlen(want) + 1;
	struct func_node node;
	char text[100];

	(void)rank;
	func_open(&node, &conf);
	FUNC_TRUE(fi_av_straddr(node.av, &sin, text, &len) == text);
	FUNC_TRUE(!strcmp(text, want));
	FUNC_EQ(len, need);
	len = 10;
	memset(text, 'x', sizeof(text));
	fi_av_straddr(node.av, &sin, text, &len);
	FUNC_EQ(len, need);
	FUNC_TRUE(memchr(text, 0, 10) && text[10] == 'x');
	func_close(&node);
}

/* An invalid address is not inserted, and the valid ones beside it are. */
static void bad(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct sockaddr_in many[3];
	fi_addr_t fi_addr[3] = {1, 1, 1};
	int i, status[3] = {-1, -1, -1};
	struct func_node node;

	(void)rank;
	func_open(&node, &conf);
	for (i = 0; i < 3; i++)
		many[i] = sin_of("127.0.0.1", (uint16_t)(4001 + i));
	many[1].sin_family = 99;
	FUNC_EQ(fi_av_insert(node.av, many, 3, fi_addr, FI_SYNC_ERR, status), 2);
	FUNC_EQ(status[0], 0);
	FUNC_TRUE(status[1] > 0);
	FUNC_EQ(status[2], 0);
	FUNC_TRUE(fi_addr[1] == FI_ADDR_NOTAVAIL);
	expect_entry(&node, fi_addr[0], "127.0.0.1", 4001);
	expect_entry(&node, fi_addr[2], "127.0.0.1", 4003);
	FUNC_EQ(fi_av_insert(node.av, &many[1], 1, fi_addr, 0, NULL), 0);
	FUNC_TRUE(fi_addr[0] == FI_ADDR_NOTAVAIL);
	FUNC_TRUE(fi_av_insertsvc(node.av, "no such host.", "1", fi_addr, 0, NULL) <= 0);
	func_close(&node);
}

/* -- with traffic ------------------------------------------------------- */

static void send_to(struct func_node *node, fi_addr_t to, uint64_t tag)
{
	struct func_req req = {.done = 0};

	FUNC_POST(node, fi_tsend(node->ep, &tag, sizeof(tag), NULL, to, tag, &req));
	FUNC_DONE(node, &req);
}

static fi_addr_t recv_from(struct func_node *node, fi_addr_t from, uint64_t tag)
{
	struct func_req req = {.done = 0};
	uint64_t got;

	FUNC_POST(node, fi_trecv(node->ep, &got, sizeof(got), NULL, from, tag, 0, &req));
	FUNC_DONE(node, &req);
	FUNC_EQ(got, tag);
	return req.src;
}

/* A removed entry is invalid; its place is used again for another peer. */
static void reuse(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct func_node node;
	fi_addr_t again;
	char buf[128];
	size_t len = sizeof(buf);

	func_join(team, rank, &node, &conf);
	if (rank) {
		recv_from(&node, FI_ADDR_UNSPEC, 1);
		if (rank == 2)
			recv_from(&node, FI_ADDR_UNSPEC, 2);
		else
			recv_from(&node, FI_ADDR_UNSPEC, 3);
		send_to(&node, node.peer[0], 4 + (uint64_t)rank);
	} else {
		send_to(&node, node.peer[1], 1);
		send_to(&node, node.peer[2], 1);
		FUNC_OK(fi_av_remove(node.av, &node.peer[1], 1, 0));
		FUNC_TRUE(!func_is_switch() || /* other providers may still know it */
			  fi_av_lookup(node.av, node.peer[1], buf, &len) < 0);
		FUNC_OK(fi_av_remove(node.av, &node.peer[2], 1, 0));
		FUNC_EQ(fi_av_insert(node.av, team->addr[2].bytes, 1, &again, 0, NULL), 1);
		if (conf.av == FI_AV_TABLE)
			FUNC_EQ(again, 1); /* the lowest free index */
		send_to(&node, again, 2);
		FUNC_EQ(fi_av_insert(node.av, team->addr[1].bytes, 1, &node.peer[1], 0, NULL), 1);
		send_to(&node, node.peer[1], 3);
		FUNC_TRUE(recv_from(&node, node.peer[1], 5) == node.peer[1]);
		FUNC_TRUE(recv_from(&node, again, 6) == again);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* A message of a peer that is closed and removed is not of the peer that gets its place. */
static void left_behind(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct func_req req = {.done = 0};
	struct func_node node;
	fi_addr_t again;
	int word = rank;

	func_join(team, rank, &node, &conf);
	if (rank) {
		if (rank == 2)
			func_hear(team, &node, 0, 1);
		FUNC_POST(&node,
			  fi_tsend(node.ep, &word, sizeof(word), NULL, node.peer[0], 7, &req));
		FUNC_DONE(&node, &req);
		if (rank == 2)
			func_hear(team, &node, 1, 1);
		func_close(&node);
		func_say(team, 2, rank);
		return;
	}
	func_hear(team, &node, 2, 1); /* its message has come, and its session is over */
	FUNC_OK(fi_av_remove(node.av, &node.peer[1], 1, 0));
	FUNC_OK(fi_av_remove(node.av, &node.peer[2], 1, 0));
	FUNC_EQ(fi_av_insert(node.av, team->addr[2].bytes, 1, &again, 0, NULL), 1);
	FUNC_POST(&node, fi_trecv(node.ep, &word, sizeof(word), NULL, again, 7, 0, &req));
	func_say(team, 0, 1);
	FUNC_DONE(&node, &req);
	FUNC_EQ(word, 2);
	FUNC_TRUE(req.src == again);
	FUNC_POST(&node, fi_trecv(node.ep, &word, sizeof(word), NULL, FI_ADDR_UNSPEC, 7, 0,
				  func_fresh(&req)));
	FUNC_DONE(&node, &req);
	FUNC_EQ(word, 1);
	FUNC_TRUE(req.src == FI_ADDR_NOTAVAIL || !func_is_switch());
	func_say(team, 1, 1);
	func_close(&node);
}

/* Messages of a peer that is in no address vector have no source address; once the peer is
 * inserted they have one, and can be answered. */
static void late(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct func_node node;
	struct func_addr addr;
	fi_addr_t peer;

	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	if (rank == 1) {
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 0, &node)->bytes, 1, &peer, 0,
				     NULL),
			1);
		send_to(&node, peer, 1);
		FUNC_TRUE(recv_from(&node, peer, 2) == peer);
		send_to(&node, peer, 3);
		send_to(&node, peer, 4);
	} else {
		FUNC_TRUE(recv_from(&node, FI_ADDR_UNSPEC, 1) == FI_ADDR_NOTAVAIL);
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 1, &node)->bytes, 1, &peer, 0,
				     NULL),
			1);
		send_to(&node, peer, 2);
		FUNC_TRUE(recv_from(&node, peer, 3) == peer);
		FUNC_OK(fi_av_remove(node.av, &peer, 1, 0));
		recv_from(&node, FI_ADDR_UNSPEC, 4);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* Completions name a peer by the id that the application gave it (FI_AV_USER_ID). */
static void user_ids(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	fi_addr_t peer, many[3] = {100, 200, 300};
	struct sockaddr_in others[3];
	struct func_node node;
	struct func_addr addr;

	conf.caps |= FI_AV_USER_ID;
	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	for (int i = 0; i < 3; i++)
		others[i] = sin_of("127.0.0.9", (uint16_t)(4001 + i));
	FUNC_ERR(fi_av_insert(node.av, others, 3, NULL, FI_AV_USER_ID, NULL), FI_EINVAL);
	FUNC_EQ(fi_av_insert(node.av, others, 3, many, FI_AV_USER_ID, NULL), 3);
	FUNC_TRUE(many[0] != 100 && many[0] != many[1]);
	expect_entry(&node, many[2], "127.0.0.9", 4003);
	peer = 0xabcdef;
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, !rank, &node)->bytes, 1, &peer,
			     FI_AV_USER_ID, NULL),
		1);
	FUNC_TRUE(peer != 0xabcdef);
	send_to(&node, peer, 1);
	FUNC_EQ(recv_from(&node, peer, 1), 0xabcdef);
	/* an entry without such an id has its index, even at a place that had an id before */
	FUNC_OK(fi_av_remove(node.av, &peer, 1, 0));
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, !rank, &node)->bytes, 1, &peer, 0, NULL),
		1);
	send_to(&node, peer, 2);
	FUNC_EQ(recv_from(&node, peer, 2), peer);
	func_meet(team, &node);
	func_close(&node);
}

/* Expects a message of an unknown source, whose address comes with the error entry. */
static void expect_stranger(struct func_node *node, const struct func_addr *from, uint64_t word,
			    int err)
{
	struct sockaddr_in sin = {.sin_port = 0};
	struct fi_cq_err_entry entry = {.err_data = &sin, .err_data_size = sizeof(sin)};
	const size_t len = err == FI_ETRUNC ? sizeof(uint64_t) / 2 : sizeof(uint64_t);
	struct fi_cq_tagged_entry none;
	uint64_t in = 0;
	ssize_t ret;

	FUNC_OK(fi_trecv(node->ep, &in, len, NULL, FI_ADDR_UNSPEC, word, 0, &in));
	func_mark(__FILE__, __LINE__, "an error entry of an unknown source");
	while ((ret = fi_cq_read(node->rx_cq, &none, 1)) == -FI_EAGAIN)
		;
	FUNC_EQ(ret, -FI_EAVAIL);
	FUNC_EQ(fi_cq_readerr(node->rx_cq, &entry, 0), 1);
	FUNC_EQ(entry.err, err);
	FUNC_TRUE(entry.op_context == &in);
	FUNC_EQ(entry.len, len);
	FUNC_TRUE(!memcmp(&in, &word, len));
	FUNC_EQ(entry.err_data_size, sizeof(sin));
	FUNC_TRUE(!memcmp(&sin, from->bytes, sizeof(sin)));
}

static void strangers(struct func_team *team, int rank)
{
	struct func_conf conf = conf_of(team);
	struct func_node node;
	struct func_addr addr;
	fi_addr_t peer;

	if (rank == 0)
		conf.caps |= FI_SOURCE_ERR;
	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	if (rank) {
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 0, &node)->bytes, 1, &peer, 0,
				     NULL),
			1);
		for (uint64_t word = 1; word <= 4; word++) {
			send_to(&node, peer, word);
			func_hear(team, &node, 0, (int)word);
		}
	} else {
		const struct func_addr *from = func_addr_of(team, 1, &node);

		expect_stranger(&node, from, 1, FI_EADDRNOTAVAIL);
		func_say(team, 0, 1);
		expect_stranger(&node, from, 2, FI_ETRUNC);
		FUNC_EQ(fi_av_insert(node.av, from->bytes, 1, &peer, 0, NULL), 1);
		func_say(team, 0, 2);
		FUNC_EQ(recv_from(&node, peer, 3), peer);
		FUNC_OK(fi_av_remove(node.av, &peer, 1, 0));
		func_say(team, 0, 3);
		expect_stranger(&node, from, 4, FI_EADDRNOTAVAIL);
		func_say(team, 0, 4);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* An endpoint without FI_SOURCE does not report a message's source: not for a receive from
 * one source, not for FI_PEEK, neither with its own receives nor with shared ones. */
static void no_source(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV,
				 .shared = team->func_case->arg};
	struct func_req reqs[3] = {{.done = 0}};
	struct func_node node;
	uint64_t got = 0;
	struct iovec iov = {.iov_base = &got, .iov_len = sizeof(got)};
	struct fi_msg_tagged msg = {.msg_iov = &iov, .iov_count = 1, .tag = 2};
	struct fid_ep *ep;
	int i;

	func_join(team, rank, &node, &conf);
	ep = node.srx ? node.srx : node.ep;
	if (rank) {
		send_to(&node, node.peer[0], 2);
		send_to(&node, node.peer[0], 1);
	} else {
		for (i = 0; i < 3; i++)
			reqs[i].src = 77;
		FUNC_POST(&node,
			  fi_trecv(ep, &got, sizeof(got), NULL, node.peer[1], 1, 0, &reqs[0]));
		FUNC_DONE(&node, &reqs[0]);
		msg.addr = node.peer[1];
		msg.context = &reqs[1];
		FUNC_POST(&node, fi_trecvmsg(ep, &msg,
					     FI_PEEK)); /* this message came before the other one */
		FUNC_DONE(&node, &reqs[1]);
		msg.addr = FI_ADDR_UNSPEC;
		msg.context = &reqs[2];
		FUNC_POST(&node, fi_trecvmsg(ep, &msg, 0));
		FUNC_DONE(&node, &reqs[2]);
		FUNC_EQ(got, 2);
		for (i = 0; i < 3; i++)
			FUNC_TRUE(reqs[i].src == FI_ADDR_NOTAVAIL);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* Inserts far more entries than announced; the peer is the last of them. */
static void grow(struct func_team *team, int rank)
{
	enum { CNT = 3000 };
	struct func_conf conf = conf_of(team);
	fi_addr_t *fi_addr = calloc(CNT, sizeof(*fi_addr)), peer;
	struct sockaddr_in sin;
	struct func_node node;
	struct func_addr addr;
	int i;

	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	for (i = 0; i < CNT; i++) {
		sin = sin_of("127.0.0.9", (uint16_t)(i + 1));
		FUNC_EQ(fi_av_insert(node.av, &sin, 1, &fi_addr[i], 0, NULL), 1);
	}
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, !rank, &node)->bytes, 1, &peer, 0, NULL),
		1);
	send_to(&node, peer, 7);
	FUNC_TRUE(recv_from(&node, peer, 7) == peer);
	for (i = 0; i < CNT; i += 100)
		expect_entry(&node, fi_addr[i], "127.0.0.9", (uint16_t)(i + 1));
	FUNC_OK(fi_av_remove(node.av, fi_addr, CNT, 0));
	send_to(&node, peer, 8);
	FUNC_TRUE(recv_from(&node, peer, 8) == peer);
	func_meet(team, &node);
	func_close(&node);
	free(fi_addr);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"insert, table", 1, insert, 0, FI_AV_TABLE},
		{"insert, map", 1, insert, 0, FI_AV_MAP},
		{"straddr", 1, straddr, 0, FI_AV_TABLE},
		{"bad addresses, table", 1, bad, 0, FI_AV_TABLE},
		{"bad addresses, map", 1, bad, 0, FI_AV_MAP},
		{"reuse, table", 3, reuse, 0, FI_AV_TABLE},
		{"reuse, map", 3, reuse, 0, FI_AV_MAP},
		{"left behind", 3, left_behind, FUNC_SWITCH, FI_AV_TABLE},
		{"late, table", 2, late, 0, FI_AV_TABLE},
		{"late, map", 2, late, 0, FI_AV_MAP},
		{"user ids, table", 2, user_ids, FUNC_SWITCH, FI_AV_TABLE},
		{"user ids, map", 2, user_ids, FUNC_SWITCH, FI_AV_MAP},
		{"strangers", 2, strangers, FUNC_SWITCH, FI_AV_TABLE},
		{"no FI_SOURCE", 2, no_source, FUNC_SWITCH, false},
		{"no FI_SOURCE, shared", 2, no_source, FUNC_SWITCH, true},
		{"grow, table", 2, grow, 0, FI_AV_TABLE},
		{"grow, map", 2, grow, 0, FI_AV_MAP},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
