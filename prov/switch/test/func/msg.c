/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connected endpoints: requests, answers and refusals with data both ways,
 * events of exact size, names, shutdown, and nothing lost when an endpoint is
 * closed right after its last completion.  The server opens its domain only
 * when a request has come.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/func_common.h"

enum { DATA_LEN = 24, POSTED_WORD = 0 };

static struct func_conf conf_msg(void)
{
	return (struct func_conf){.type = FI_EP_MSG, .caps = FI_MSG};
}

static void listen_at(struct func_team *team, int rank, struct func_node *node)
{
	struct func_conf conf = conf_msg();
	struct func_addr addr;

	func_listen(node, &conf);
	func_name(&node->pep->fid, &addr);
	func_publish(team, rank, &addr);
}

static void dial(struct func_team *team, int to, struct func_node *node, const void *data,
		 size_t len)
{
	struct func_conf conf = conf_msg();

	func_connect(node, &conf, func_addr_of(team, to, NULL), data, len);
}

static void send_one(struct func_node *node, void *buf, size_t len, uint64_t key)
{
	struct func_req req = {.done = 0};

	func_fill(buf, len, key);
	FUNC_POST(node, fi_send(node->ep, buf, len, NULL, 0, &req));
	FUNC_DONE(node, &req);
}

static void recv_one(struct func_node *node, void *buf, size_t len, uint64_t key)
{
	struct func_req req = {.done = 0};

	FUNC_POST(node, fi_recv(node->ep, buf, len, NULL, 0, &req));
	FUNC_DONE(node, &req);
	FUNC_EQ(req.entry.len, len);
	func_verify(buf, len, key);
}

/* Returns the most data that a connection request may carry. */
static size_t cm_data_size(struct func_node *node)
{
	size_t size = 0, len = sizeof(size);
	fid_t fid = node->ep ? &node->ep->fid : &node->pep->fid;

	FUNC_OK(fi_getopt(fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &size, &len));
	FUNC_EQ(len, sizeof(size));
	return size;
}

/* Data goes with the request and with its answer; events are of exact size. */
static void cm_data(struct func_team *team, int rank)
{
	bool silent = team->func_case->arg;
	char ask[DATA_LEN], answer[DATA_LEN], buf[64];
	size_t len = silent ? 0 : DATA_LEN;
	struct func_event event;
	struct func_node node;

	func_fill(ask, DATA_LEN, team->seed);
	func_fill(answer, DATA_LEN, team->seed + 1000);
	if (rank == 0) {
		listen_at(team, rank, &node);
		FUNC_TRUE(cm_data_size(&node) >= DATA_LEN);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		FUNC_EQ(event.len, sizeof(struct fi_eq_cm_entry) + len);
		FUNC_TRUE(event.fid == &node.pep->fid && event.info && event.info->handle);
		FUNC_TRUE(!memcmp(event.data, ask, len));
		func_accept(&node, &node, event.info, answer, len);
		FUNC_EVENT(&node, &event, FI_CONNECTED);
		FUNC_EQ(event.len, sizeof(struct fi_eq_cm_entry));
	} else {
		dial(team, 0, &node, ask, len);
		FUNC_TRUE(cm_data_size(&node) >= DATA_LEN);
		FUNC_EVENT(&node, &event, FI_CONNECTED);
		FUNC_EQ(event.len, sizeof(struct fi_eq_cm_entry) + len);
		FUNC_TRUE(!memcmp(event.data, answer, len));
	}
	FUNC_TRUE(event.fid == &node.ep->fid);
	if (rank)
		send_one(&node, buf, sizeof(buf), team->seed);
	else
		recv_one(&node, buf, sizeof(buf), team->seed);
	func_meet(team, &node);
	func_close(&node);
}

/* A refusal reaches the client with its data; the listener continues. */
static void refuse(struct func_team *team, int rank)
{
	struct func_event event;
	struct func_node node;
	char why[DATA_LEN];
	int round, i;

	func_fill(why, DATA_LEN, team->seed);
	if (rank == 0)
		listen_at(team, rank, &node);
	for (round = 0; round < 3; round++) {
		if (rank == 0) {
			FUNC_EVENT(&node, &event, FI_CONNREQ);
			FUNC_OK(fi_reject(node.pep, event.info->handle, round ? why : NULL,
					  round ? DATA_LEN : 0));
			fi_freeinfo(event.info);
			continue;
		}
		dial(team, 0, &node, NULL, 0);
		func_event(&node, &event);
		FUNC_EQ(event.err, FI_ECONNREFUSED);
		FUNC_TRUE(event.fid == &node.ep->fid);
		FUNC_EQ(event.data_len, round ? DATA_LEN : 0);
		FUNC_TRUE(!memcmp(event.data, why, event.data_len));
		for (i = 0; i < 100; i++) /* the rest of that connection goes away meanwhile */
			func_idle(&node);
		FUNC_ERR(fi_connect(node.ep, team->addr[0].bytes, NULL, 0), FI_EOPBADSTATE);
		func_close(&node);
	}
	if (rank == 1)
		dial(team, 0, &node, NULL, 0);
	else
		FUNC_EVENT(&node, &event, FI_CONNREQ);
	if (rank == 0)
		func_accept(&node, &node, event.info, NULL, 0);
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	func_meet(team, &node);
	func_close(&node);
}

/* No endpoint listens at the address: an error event comes, and nothing hangs. */
static void nobody(struct func_team *team, int rank)
{
	struct func_event event;
	struct func_node node;

	listen_at(team, rank, &node);
	func_close(&node);
	dial(team, rank, &node, NULL, 0);
	func_event(&node, &event);
	FUNC_TRUE(event.err > 0);
	FUNC_TRUE(event.fid == &node.ep->fid);
	func_close(&node);
}

static uint16_t port_of(const struct func_addr *addr)
{
	struct sockaddr_in sin;

	FUNC_EQ(addr->len, sizeof(sin));
	memcpy(&sin, addr->bytes, sizeof(sin));
	FUNC_EQ(sin.sin_family, AF_INET);
	FUNC_EQ(sin.sin_addr.s_addr, inet_addr(FUNC_HOST));
	return ntohs(sin.sin_port);
}

/* The addresses at both ends, and the result of a buffer that is too small for one. */
static void names(struct func_team *team, int rank)
{
	struct func_addr name, peer = {.len = sizeof(peer.bytes)}, small = {.len = 4};
	struct func_conf conf = conf_msg();
	struct func_node node;

	func_join(team, rank, &node, &conf);
	func_name(&node.ep->fid, &name);
	FUNC_OK(fi_getpeer(node.ep, peer.bytes, &peer.len));
	FUNC_TRUE(port_of(&name) && port_of(&peer));
	if (rank == 1)
		FUNC_EQ(port_of(&peer), port_of(func_addr_of(team, 0, &node)));
	FUNC_ERR(fi_getpeer(node.ep, small.bytes, &small.len), FI_ETOOSMALL);
	FUNC_EQ(small.len, peer.len);
	small.len = 4;
	FUNC_ERR(fi_getname(&node.ep->fid, small.bytes, &small.len), FI_ETOOSMALL);
	FUNC_EQ(small.len, name.len);
	func_meet(team, &node);
	func_close(&node);
}

/* One side shuts down; the other sees FI_SHUTDOWN once, and its receives complete. */
static void shutdown_event(struct func_team *team, int rank)
{
	struct func_conf conf = conf_msg();
	struct func_req req[3] = {{.done = 0}};
	struct func_event event;
	struct func_node node;
	char buf[3][64];
	int i;

	func_join(team, rank, &node, &conf);
	if (rank == 1) {
		send_one(&node, buf[0], 64, team->seed);
		if (team->func_case->arg)
			FUNC_OK(fi_shutdown(node.ep, 0));
		func_close(&node);
		return;
	}
	for (i = 0; i < 3; i++)
		FUNC_POST(&node, fi_recv(node.ep, buf[i], 64, NULL, 0, &req[i]));
	FUNC_DONE(&node, &req[0]);
	func_verify(buf[0], 64, team->seed);
	FUNC_EVENT(&node, &event, FI_SHUTDOWN);
	FUNC_EQ(event.len, sizeof(struct fi_eq_cm_entry));
	FUNC_TRUE(event.fid == &node.ep->fid);
	if (func_is_switch()) {
		for (i = 1; i < 3; i++) {
			FUNC_UNTIL(&node, func_done(&req[i]));
			FUNC_TRUE(req[i].err > 0);
		}
	}
	FUNC_ERR(fi_eq_read(node.eq, &event.type, &event.data, sizeof(event.data), 0), FI_EAGAIN);
	func_close(&node);
}

/* Closing right after the last completion loses nothing, even if the receiver posts late. */
static void close_at_once(struct func_team *team, int rank)
{
	enum { ROUNDS = 12, CNT = 20, LEN = 200000 };
	struct func_conf conf = conf_msg();
	struct func_req req[CNT] = {{.done = 0}};
	uint64_t state = team->seed;
	char *buf = func_alloc((size_t)CNT * LEN);
	struct func_event event;
	struct func_node node;
	size_t lens[CNT];
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		atomic_store(&team->named[0], 0);
		func_meet(team, NULL);
		func_join(team, rank, &node, &conf);
		for (i = 0; i < CNT; i++) {
			lens[i] = func_rand_len(&state, LEN);
			if (rank == 1)
				func_fill(buf + (size_t)i * LEN, lens[i], state);
			func_fresh(&req[i]);
			FUNC_POST(&node, rank ? fi_send(node.ep, buf + (size_t)i * LEN, lens[i],
							NULL, 0, &req[i])
					      : fi_recv(node.ep, buf + (size_t)i * LEN, LEN, NULL,
							0, &req[i]));
			if (rank == 0 && i % 5 == round % 5)
				FUNC_DONE(&node, &req[i]);
		}
		for (i = 0; i < CNT; i++)
			FUNC_DONE(&node, &req[i]);
		if (rank == 0)
			FUNC_EVENT(&node, &event, FI_SHUTDOWN);
		func_close(&node);
		state = func_mix(team->seed + (uint64_t)round);
	}
	free(buf);
}

enum { CROWD_LEN = 100000, CROWD_ROUNDS = 5 };

static void crowd_client(struct func_team *team, int rank, char *buf)
{
	struct func_event event;
	struct func_node node;
	int round;

	dial(team, 0, &node, &rank, sizeof(rank));
	func_say(team, POSTED_WORD + rank, 1);
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	FUNC_EQ(event.data_len, 0);
	for (round = 0; round < CROWD_ROUNDS; round++) {
		send_one(&node, buf, CROWD_LEN, team->seed + (uint64_t)(rank + round));
		recv_one(&node, buf, CROWD_LEN, team->seed + (uint64_t)(rank - round));
	}
	func_meet(team, &node);
	func_close(&node);
}

/* Several clients of one listener: all requests are made before the first one is answered. */
static void crowd(struct func_team *team, int rank)
{
	int i, round, connected = 0, clients = team->size - 1;
	struct func_node node, conn[FUNC_MAX];
	char *buf = func_alloc(CROWD_LEN);
	struct func_event event;

	if (rank) {
		crowd_client(team, rank, buf);
		free(buf);
		return;
	}
	listen_at(team, rank, &node);
	for (i = 1; i <= clients; i++)
		func_hear(team, NULL, POSTED_WORD + i, 1);
	while (connected < clients) {
		func_event(&node, &event);
		FUNC_EQ(event.err, 0);
		if (event.type == FI_CONNREQ) {
			FUNC_EQ(event.data_len, sizeof(rank));
			memcpy(&rank, event.data, sizeof(rank));
			FUNC_TRUE(rank > 0 && rank <= clients);
			func_accept(&conn[rank], &node, event.info, NULL, 0);
		} else {
			FUNC_EQ(event.type, FI_CONNECTED);
			connected++;
		}
	}
	for (round = 0; round < CROWD_ROUNDS; round++) {
		for (i = clients; i > 0; i--) {
			recv_one(&conn[i], buf, CROWD_LEN, team->seed + (uint64_t)(i + round));
			send_one(&conn[i], buf, CROWD_LEN, team->seed + (uint64_t)(i - round));
		}
	}
	func_meet(team, &conn[1]);
	for (i = 1; i <= clients; i++)
		func_close(&conn[i]);
	func_close(&node);
	free(buf);
}

/* A client closes before it is refused, and a listener is closed with an unread request:
 * neither hangs, and nothing is left behind. */
static void unanswered(struct func_team *team, int rank)
{
	struct func_event event;
	struct func_node node;

	if (rank == 0) {
		listen_at(team, rank, &node);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		func_say(team, POSTED_WORD, 1);
		func_hear(team, NULL, POSTED_WORD, 2);
		fi_reject(node.pep, event.info->handle, NULL, 0);
		fi_freeinfo(event.info);
		func_mark(__FILE__, __LINE__, "a request");
		while (fi_eq_read(node.eq, &event.type, event.data, sizeof(event.data), FI_PEEK) ==
		       -FI_EAGAIN)
			sched_yield();
		FUNC_EQ(event.type, FI_CONNREQ);
		func_close(&node);
		return;
	}
	dial(team, 0, &node, NULL, 0);
	func_hear(team, &node, POSTED_WORD, 1);
	func_close(&node);
	func_say(team, POSTED_WORD, 2);
	dial(team, 0, &node, NULL, 0);
	func_event(&node, &event);
	FUNC_TRUE(event.err > 0);
	func_close(&node);
}

static bool same_addr(const struct func_addr *a, const struct func_addr *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

/* Connects from an address that was bound before by a passive endpoint, which is closed
 * meanwhile. */
static void from_passive(struct func_team *team, int rank)
{
	struct func_addr bound, name, peer = {.len = sizeof(peer.bytes)};
	struct func_conf conf = conf_msg();
	struct func_event event;
	struct func_node node;
	struct fid_pep *pep;
	struct fid_ep *other;
	char buf[64];

	if (rank == 0) {
		listen_at(team, rank, &node);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		func_accept(&node, &node, event.info, NULL, 0);
		FUNC_EVENT(&node, &event, FI_CONNECTED);
		FUNC_OK(fi_getpeer(node.ep, peer.bytes, &peer.len));
		FUNC_TRUE(same_addr(&peer, func_addr_of(team, 1, &node)));
		recv_one(&node, buf, sizeof(buf), team->seed);
		func_meet(team, &node);
		func_close(&node);
		return;
	}
	func_open_fabric(&node, &conf, func_need_info(&conf, func_addr_of(team, 0, NULL)));
	func_open_domain(&node);
	FUNC_OK(fi_passive_ep(node.fabric, node.info, &pep, NULL));
	func_name(&pep->fid, &bound);
	FUNC_TRUE(port_of(&bound));
	func_publish(team, rank, &bound);
	node.info->handle = &pep->fid;
	func_open_ep(&node);
	FUNC_ERR(fi_endpoint(node.domain, node.info, &other, NULL), FI_EBUSY);
	FUNC_OK(fi_pep_bind(pep, &node.eq->fid, 0));
	FUNC_ERR(fi_listen(pep), FI_EOPBADSTATE);
	FUNC_ERR(fi_setname(&pep->fid, bound.bytes, bound.len), FI_EOPBADSTATE);
	FUNC_OK(fi_close(&pep->fid));
	func_name(&node.ep->fid, &name);
	FUNC_TRUE(same_addr(&name, &bound));
	FUNC_OK(fi_connect(node.ep, team->addr[0].bytes, NULL, 0));
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	func_name(&node.ep->fid, &name);
	FUNC_TRUE(same_addr(&name, &bound));
	send_one(&node, buf, sizeof(buf), team->seed);
	func_meet(team, &node);
	func_close(&node);
}

struct reader {
	struct fid_eq *eq;
	atomic_int stop;
};

static void *read_no_error(void *arg)
{
	struct fi_eq_err_entry entry = {0};
	struct reader *reader = arg;

	while (!atomic_load(&reader->stop))
		FUNC_ERR(fi_eq_readerr(reader->eq, &entry, 0), FI_EAGAIN);
	return NULL;
}

/* Endpoints are closed while they connect and another thread reads errors: it must not get
 * errors of an endpoint that is gone. */
static void close_beside_reader(struct func_team *team, int rank)
{
	struct func_conf conf = conf_msg();
	struct reader reader = {.stop = 0};
	struct func_node listener, node;
	struct func_addr addr;
	pthread_t thread;

	(void)team, (void)rank;
	conf.threading = FI_THREAD_SAFE;
	func_listen(&listener, &conf);
	func_name(&listener.pep->fid, &addr);
	func_open_fabric(&node, &conf, func_need_info(&conf, &addr));
	func_open_domain(&node);
	reader.eq = node.eq;
	FUNC_EQ(pthread_create(&thread, NULL, read_no_error, &reader), 0);
	for (int i = 0; i < 100; i++) {
		func_mark(__FILE__, __LINE__, "closing beside a reader");
		func_open_ep(&node);
		FUNC_OK(fi_connect(node.ep, addr.bytes, NULL, 0));
		func_close_ep(&node);
	}
	atomic_store(&reader.stop, 1);
	FUNC_EQ(pthread_join(thread, NULL), 0);
	func_close(&node);
	func_close(&listener);
}

/* A passive endpoint that listens keeps its address; one that is never used gives it back. */
static void passive_kept(struct func_team *team, int rank)
{
	struct func_conf conf = conf_msg();
	struct func_addr bound;
	struct func_node node;
	struct fid_pep *pep;
	struct fid_ep *ep;

	func_own_host();
	listen_at(team, rank, &node);
	func_open_domain(&node);
	node.info->handle = &node.pep->fid;
	FUNC_ERR(fi_endpoint(node.domain, node.info, &ep, NULL), FI_EBUSY);

	node.info->handle = NULL;
	FUNC_OK(fi_passive_ep(node.fabric, node.info, &pep, NULL));
	func_name(&pep->fid, &bound);
	node.info->handle = &pep->fid;
	FUNC_OK(fi_endpoint(node.domain, node.info, &ep, NULL));
	FUNC_OK(fi_close(&ep->fid)); /* unused: the passive endpoint has its address again */
	FUNC_OK(fi_endpoint(node.domain, node.info, &ep, NULL));
	FUNC_OK(fi_close(&pep->fid));
	FUNC_OK(fi_close(&ep->fid));
	node.info->handle = NULL;
	func_close(&node);

	conf.src = &bound;
	func_open_fabric(&node, &conf, func_need_info(&conf, NULL));
	FUNC_OK(fi_passive_ep(node.fabric, node.info, &node.pep, NULL));
	FUNC_OK(fi_pep_bind(node.pep, &node.eq->fid, 0));
	FUNC_OK(fi_listen(node.pep));
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"connection data", 2, cm_data, 0, false},
		{"no connection data", 2, cm_data, 0, true},
		{"refusal", 2, refuse, 0, 0},
		{"nobody listens", 1, nobody, 0, 0},
		{"names", 2, names, 0, 0},
		{"close is seen", 2, shutdown_event, 0, false},
		{"shutdown is seen", 2, shutdown_event, 0, true},
		{"close at once", 2, close_at_once, FUNC_MODES, 0},
		{"close beside a reader of errors", 1, close_beside_reader, 0, 0},
		{"crowd", 9, crowd, FUNC_MODES, 0},
		{"unanswered", 2, unanswered, 0, 0},
		{"from a passive endpoint's address", 2, from_passive, 0, 0},
		{"passive endpoints keep their address", 1, passive_kept, FUNC_SWITCH, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
