/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peers that end.  When a peer is killed, exits or is restarted, every operation completes
 * once, other peers are not affected, and a later send either reaches the new peer or fails.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rdma/fi_ext_switch.h>

#include "lib/func_common.h"

enum { LARGE = 1 << 20, READY_WORD = 1 };

/* -- a peer is killed --------------------------------------------------- */

enum { SURVIVOR, VICTIM, BYSTANDER, WINDOW = 8, TOGETHER = 40 };

static void echo_once(struct func_node *node, int peer, char *buf, bool first)
{
	struct func_req in = {.done = 0}, out = {.done = 0};

	FUNC_POST(node, fi_trecv(node->ep, buf, 50000, NULL, FI_ADDR_UNSPEC, 1000, 0, &in));
	if (!first)
		FUNC_DONE(node, &in);
	FUNC_POST(node, fi_tsend(node->ep, buf + 50000, first ? 50000 : 9, NULL, node->peer[peer],
				 1000, &out));
	FUNC_DONE(node, &out);
	FUNC_DONE(node, &in);
}

/* Exchanges large messages until the process kills itself amid them. */
static void be_killed(struct func_team *team, struct func_node *node, char *buf)
{
	struct func_req in[WINDOW] = {{.done = 1}}, out[WINDOW] = {{.done = 1}};
	uint64_t state = team->seed;
	int i, left = (int)(func_rand(&state) % 400);

	for (i = 0; i < WINDOW; i++)
		in[i].done = out[i].done = 1;
	atomic_store(&team->doomed[VICTIM], 1);
	for (i = 0;; i = (i + 1) % WINDOW) {
		if (func_done(&in[i]))
			FUNC_POST(node, fi_trecv(node->ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, 1, 0,
						 func_fresh(&in[i])));
		if (func_done(&out[i]))
			FUNC_POST(node, fi_tsend(node->ep, buf + LARGE, LARGE, NULL,
						 node->peer[SURVIVOR], 2, func_fresh(&out[i])));
		func_poll(node);
		if (!left--)
			raise(SIGKILL);
	}
}

/* Sends once more to the victim.  Returns 0, or the error of this or an earlier send. */
static int send_again(struct func_node *node, struct func_req *req, char *buf)
{
	ssize_t ret;

	if (!func_done(req) || req->err)
		return req->err;
	do {
		func_idle(node);
		ret = fi_tsend(node->ep, buf, LARGE, NULL, node->peer[VICTIM], 1, func_fresh(req));
	} while (ret == -FI_EAGAIN);
	atomic_store(&req->done, ret != 0);
	return (int)-ret;
}

/* Keeps sends to and receives from the victim outstanding until one fails; then all that are
 * left must complete, unmatched receives after fi_cancel. */
static void survive(struct func_team *team, struct func_node *node, char *buf)
{
	struct func_req in[WINDOW], out[WINDOW];
	int i, failed = 0, rounds = 0;

	for (i = 0; i < WINDOW; i++) {
		FUNC_POST(node, fi_trecv(node->ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, 2, 0,
					 func_fresh(&in[i])));
		FUNC_POST(node, fi_tsend(node->ep, buf + LARGE, LARGE, NULL, node->peer[VICTIM], 1,
					 func_fresh(&out[i])));
	}
	for (i = 0; !failed; i = (i + 1) % WINDOW) {
		if (rounds < TOGETHER && rounds++ >= 0)
			echo_once(node, BYSTANDER, buf + 2 * LARGE, true);
		func_idle(node);
		if (func_done(&in[i]) && !in[i].err)
			FUNC_POST(node, fi_trecv(node->ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, 2, 0,
						 func_fresh(&in[i])));
		failed = send_again(node, &out[i], buf + LARGE);
	}
	for (i = 0; i < WINDOW; i++) {
		FUNC_UNTIL(node, func_done(&out[i]));
		if (!func_done(&in[i]))
			fi_cancel(&node->ep->fid, &in[i]);
		FUNC_UNTIL(node, func_done(&in[i]));
	}
	for (; rounds < TOGETHER; rounds++)
		echo_once(node, BYSTANDER, buf + 2 * LARGE, true);
	FUNC_UNTIL(node, atomic_load(&team->dead[VICTIM]));
}

/* Sends to an address without a process: that fails soon, with an error other than EAGAIN. */
static void certain_error(struct func_node *node, fi_addr_t addr, size_t len, char *buf)
{
	struct func_req req = {.done = 0};
	ssize_t ret;
	int i;

	for (i = 0; i < 3; i++) {
		func_mark(__FILE__, __LINE__, "a send to a dead peer");
		while ((ret = fi_tsend(node->ep, buf, len, NULL, addr, 1, func_fresh(&req))) ==
		       -FI_EAGAIN)
			func_idle(node);
		if (ret)
			continue;
		FUNC_UNTIL(node, func_done(&req));
		FUNC_TRUE(req.err > 0);
	}
}

static void killed(struct func_team *team, int rank)
{
	char *buf = func_alloc(3 * LARGE);
	struct func_node node;
	int i;

	func_own_host();
	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	if (rank == VICTIM)
		be_killed(team, &node, buf);
	if (rank == SURVIVOR) {
		survive(team, &node, buf);
		if (func_is_switch()) {
			certain_error(&node, node.peer[VICTIM], 10, buf);
			certain_error(&node, node.peer[VICTIM], LARGE, buf);
		}
		echo_once(&node, BYSTANDER, buf + 2 * LARGE, true);
	} else {
		for (i = 0; i <= TOGETHER; i++)
			echo_once(&node, SURVIVOR, buf + 2 * LARGE, false);
	}
	func_close(&node);
	free(buf);
}

/* A receive from the killed peer alone fails; one from any source stays posted. */
static void awaited(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV};
	struct func_req sent, from_it, from_any;
	struct func_node node;
	uint64_t word = 1;

	func_join(team, rank, &node, &conf);
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, node.peer[!rank], 1, 0,
			 func_fresh(&from_it)));
	FUNC_POST(&node, fi_tsend(node.ep, &word, sizeof(word), NULL, node.peer[!rank], 1,
				  func_fresh(&sent)));
	FUNC_DONE(&node, &sent);
	FUNC_DONE(&node, &from_it);
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, node.peer[!rank], 1, 0,
			 func_fresh(&from_it)));
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, FI_ADDR_UNSPEC, 1, 0,
			 func_fresh(&from_any)));
	func_meet(team, &node);
	if (rank) {
		atomic_store(&team->doomed[1], 1);
		raise(SIGKILL);
	}
	FUNC_WAIT(&node, &from_it, FI_ECONNRESET);
	FUNC_TRUE(!func_done(&from_any));
	FUNC_OK(fi_cancel(&node.ep->fid, &from_any));
	FUNC_WAIT(&node, &from_any, FI_ECANCELED);
	func_close(&node);
}

static void expect_gone(int err)
{
	if (err != FI_ECONNREFUSED)
		FUNC_EQ(err, FI_ECONNRESET);
}

/* The peer is killed before its session is up: it never looked at our request. */
static void awaited_in_vain(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV};
	struct func_req sent = {.done = 0}, from_it = {.done = 0}, from_any = {.done = 0};
	struct func_node node;
	struct func_addr addr;
	uint64_t word = 1;

	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	if (rank) {
		atomic_store(&team->doomed[1], 1);
		func_hear(team, NULL, 0, 1);
		raise(SIGKILL);
	}
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 1, &node)->bytes, 1, &node.peer[1], 0,
			     NULL),
		1);
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, node.peer[1], 1, 0, &from_it));
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, FI_ADDR_UNSPEC, 1, 0, &from_any));
	FUNC_POST(&node, fi_tsend(node.ep, &word, sizeof(word), NULL, node.peer[1], 1, &sent));
	func_poll(&node);
	func_say(team, 0, 1);
	FUNC_UNTIL(&node, func_done(&sent));
	expect_gone(sent.err);
	FUNC_WAIT(&node, &from_it, sent.err);
	FUNC_TRUE(!func_done(&from_any));
	FUNC_OK(fi_cancel(&node.ep->fid, &from_any));
	FUNC_WAIT(&node, &from_any, FI_ECANCELED);
	func_close(&node);
}

/* The peer has not started yet.  A receive from it waits until this process sends to it, and
 * then fails as the send does; a receive that is posted again waits until the peer comes. */
static void awaited_early(struct func_team *team, int rank)
{
	struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV};
	struct func_req sent = {.done = 0}, from_it = {.done = 0};
	struct func_node node;
	struct func_addr addr;
	uint64_t word = 1;

	func_own_host();
	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, !rank, &node)->bytes, 1, &node.peer[!rank],
			     0, NULL),
		1);
	if (rank) {
		func_close_ep(&node);
		func_say(team, 0, 1);
		func_hear(team, NULL, 1, 1);
		func_close(&node);
		conf.src = func_addr_of(team, 1, NULL);
		func_open(&node, &conf);
		FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 0, &node)->bytes, 1, &node.peer[0],
				     0, NULL),
			1);
		FUNC_POST(&node,
			  fi_tsend(node.ep, &word, sizeof(word), NULL, node.peer[0], 1, &sent));
		FUNC_DONE(&node, &sent);
		func_close(&node);
		return;
	}
	func_hear(team, &node, 0, 1);
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, node.peer[1], 1, 0, &from_it));
	func_poll(&node);
	FUNC_TRUE(!func_done(&from_it));
	FUNC_POST(&node, fi_tsend(node.ep, &word, sizeof(word), NULL, node.peer[1], 1, &sent));
	FUNC_WAIT(&node, &sent, FI_ECONNREFUSED);
	FUNC_WAIT(&node, &from_it, FI_ECONNREFUSED);
	FUNC_OK(fi_trecv(node.ep, &word, sizeof(word), NULL, node.peer[1], 1, 0,
			 func_fresh(&from_it)));
	func_say(team, 1, 1);
	FUNC_DONE(&node, &from_it);
	func_close(&node);
}

/* -- a peer comes back -------------------------------------------------- */

enum { KILLED, CLOSED };

/* Sends with FI_DELIVERY_COMPLETE.  Returns 0 or the error. */
static int deliver(struct func_node *node, fi_addr_t addr, void *buf, size_t len)
{
	struct func_req req = {.done = 0};
	struct func_xfer x = {.how = FUNC_MSG,
			      .tagged = true,
			      .buf = buf,
			      .len = len,
			      .tag = 3,
			      .flags = FI_DELIVERY_COMPLETE,
			      .addr = addr};

	func_send(node, &x, &req);
	FUNC_UNTIL(node, func_done(&req));
	return req.err;
}

static void take(struct func_node *node, void *buf, size_t len, uint64_t key)
{
	struct func_req req = {.done = 0};

	FUNC_POST(node, fi_trecv(node->ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, 3, 0, &req));
	FUNC_DONE(node, &req);
	FUNC_EQ(req.entry.len, len);
	func_verify(buf, len, key);
}

static void answer(struct func_team *team, struct func_node *node, void *buf)
{
	fi_addr_t peer;

	FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, 0, node)->bytes, 1, &peer, 0, NULL), 1);
	func_fill(buf, LARGE, team->seed);
	FUNC_EQ(deliver(node, peer, buf, LARGE), 0);
}

/* Process 1 exchanges messages and ends; process 2 takes over its address. */
static void peer_lives(struct func_team *team, int rank, char *buf)
{
	struct func_conf conf = {.type = FI_EP_RDM};
	struct func_node node;
	struct func_addr addr;

	if (rank == 2) {
		FUNC_UNTIL(NULL, atomic_load(&team->dead[1]));
		conf.src = func_addr_of(team, 1, NULL);
	}
	func_open(&node, &conf);
	func_name(&node.ep->fid, &addr);
	if (rank == 2)
		FUNC_TRUE(!memcmp(addr.bytes, conf.src->bytes, addr.len));
	func_publish(team, rank, &addr);
	take(&node, buf, rank == 1 ? 100000 : 100, team->seed);
	answer(team, &node, buf);
	if (rank == 1 && team->func_case->arg == KILLED) {
		atomic_store(&team->doomed[1], 1);
		raise(SIGKILL);
	}
	func_close(&node);
}

static void restarted(struct func_team *team, int rank)
{
	char *buf = func_alloc(LARGE);
	struct func_node node;
	struct func_addr addr;
	fi_addr_t peer;
	int tries = 0;

	func_own_host();
	if (rank) {
		peer_lives(team, rank, buf);
		free(buf);
		return;
	}
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, 1, &node)->bytes, 1, &peer, 0, NULL), 1);
	func_fill(buf, LARGE, team->seed);
	FUNC_EQ(deliver(&node, peer, buf, 100000), 0);
	take(&node, buf, LARGE, team->seed);
	func_addr_of(team, 2, &node);
	func_fill(buf, LARGE, team->seed);
	while (deliver(&node, peer, buf, 100))
		FUNC_TRUE(++tries <= 2); /* sends that noticed that the old peer is gone */
	take(&node, buf, LARGE, team->seed);
	func_close(&node);
	free(buf);
}

/* -- exit without closing the domain ------------------------------------ */

enum { NAMES_WORD = 10, ASLEEP = 1 << 8 };

static uint64_t open_sessions(struct func_node *node)
{
	struct fi_switch_stats stats = {.size = sizeof(stats)};
	struct fi_switch_ops_ep *ops;

	FUNC_OK(fi_open_ops(&node->ep->fid, FI_SWITCH_EP_OPS, 0, (void **)&ops, NULL));
	FUNC_OK(ops->stats(node->ep, &stats));
	return stats.sessions;
}

/* The names of both processes are those of files, as long as the core has them open. */
static bool has_file(const struct func_addr *addr)
{
	const char *name = strstr(addr->bytes, "://");
	char path[200];

	FUNC_TRUE(name);
	snprintf(path, sizeof(path), "/dev/shm/%s", name + 3);
	return !access(path, F_OK);
}

/* Checks that no file is left when both processes have ended. */
static void watch_files(struct func_team *team)
{
	func_publish(team, 2, func_addr_of(team, 0, NULL)); /* takes part in func_join() */
	func_meet(team, NULL);
	func_hear(team, NULL, NAMES_WORD, 2);
	for (int i = 0; i < 2; i++)
		FUNC_UNTIL(NULL, atomic_load(&team->dead[i]));
	for (int i = 0; i < 2; i++)
		if (has_file(&team->addr[i]))
			func_fail(__FILE__, __LINE__, "process %d left %s behind", i,
				  team->addr[i].bytes);
}

static void note_name(struct func_team *team, int rank, struct func_node *node)
{
	func_name(&node->ep->fid, &team->addr[rank]);
	FUNC_TRUE(has_file(&team->addr[rank]));
	atomic_fetch_add(&team->word[NAMES_WORD], 1);
}

enum { BEHIND = 5 }; /* messages right before the end */

/* Makes no call of the provider until process 1 has left, which had given it some time.  The
 * messages that process 1 sent before must all be there. */
static void sleep_on(struct func_team *team, struct func_node *node)
{
	struct func_req in[BEHIND];
	uint64_t word[BEHIND];

	func_say(team, READY_WORD, 1);
	FUNC_UNTIL(NULL, atomic_load(&team->dead[1]));
	FUNC_TRUE(!has_file(&team->addr[1]));
	for (uint64_t i = 0; i < BEHIND; i++) {
		FUNC_POST(node, fi_recv(node->ep, &word[i], sizeof(word[i]), NULL, FI_ADDR_UNSPEC,
					func_fresh(&in[i])));
		FUNC_DONE(node, &in[i]);
		FUNC_EQ(word[i], i);
	}
}

static void send_behind(struct func_team *team, struct func_node *node)
{
	struct func_req out[BEHIND];
	uint64_t word[BEHIND];

	func_hear(team, NULL, READY_WORD, 1);
	for (uint64_t i = 0; i < BEHIND; i++) {
		word[i] = i;
		FUNC_POST(node, fi_send(node->ep, &word[i], sizeof(word[i]), NULL, node->peer[0],
					func_fresh(&out[i])));
		FUNC_DONE(node, &out[i]);
	}
}

/* Process 1 exits first, without closing its domain; process 0 notices it and exits likewise. */
static void exits(struct func_team *team, int rank)
{
	const struct func_addr any = {.len = 0};
	const bool asleep = team->func_case->arg & ASLEEP;
	struct func_conf conf = {.prov = "shm;ofi_switch",
				 .type = (enum fi_ep_type)(team->func_case->arg & ~ASLEEP),
				 .addr_format = FI_ADDR_STR,
				 .src = &any};
	static struct func_node node; /* static, so that it is still reachable at exit */
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_event event;
	struct fi_info *info;
	uint64_t word = 7;

	if (asleep && rank == 1)
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "1000", 1);
	info = func_info(&conf, NULL);
	FUNC_SKIP_IF(!info, "the core shm has nothing for us here");
	fi_freeinfo(info);
	if (rank == 2) {
		watch_files(team);
		return;
	}
	func_join(team, rank, &node, &conf);
	FUNC_POST(&node, fi_recv(node.ep, &word, sizeof(word), NULL, FI_ADDR_UNSPEC, &in));
	FUNC_POST(&node, fi_send(node.ep, &word, sizeof(word), NULL, node.peer[!rank], &out));
	FUNC_DONE(&node, &in);
	FUNC_DONE(&node, &out);
	note_name(team, rank, &node);
	if (rank == 1) {
		if (asleep)
			send_behind(team, &node);
		func_close_ep(&node);
		return;
	}
	if (asleep)
		sleep_on(team, &node);
	FUNC_UNTIL(&node, atomic_load(&team->dead[1]));
	if (conf.type == FI_EP_MSG)
		FUNC_EVENT(&node, &event, FI_SHUTDOWN);
	FUNC_UNTIL(&node, !open_sessions(&node));
	func_close_ep(&node);
	if (node.pep)
		FUNC_OK(fi_close(&node.pep->fid));
}

static void killed_msg(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG};
	struct func_req in[WINDOW], out[WINDOW], late = {.done = 0};
	char *buf = func_alloc(2 * LARGE);
	struct func_event event;
	struct func_node node;
	ssize_t ret;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < WINDOW; i++) {
		FUNC_POST(&node, fi_recv(node.ep, buf, LARGE, NULL, 0, func_fresh(&in[i])));
		FUNC_POST(&node,
			  fi_send(node.ep, buf + LARGE, LARGE, NULL, 0, func_fresh(&out[i])));
	}
	func_meet(team, NULL);
	if (rank == 1) {
		atomic_store(&team->doomed[1], 1);
		FUNC_UNTIL(&node, func_done(&in[team->seed % (WINDOW - 1)]));
		raise(SIGKILL);
	}
	for (i = 0; i < WINDOW; i++) {
		FUNC_UNTIL(&node, func_done(&in[i]));
		FUNC_UNTIL(&node, func_done(&out[i]));
	}
	FUNC_EVENT(&node, &event, FI_SHUTDOWN);
	func_mark(__FILE__, __LINE__, "a send to a dead peer");
	while ((ret = fi_send(node.ep, buf, 10, NULL, 0, &late)) == -FI_EAGAIN)
		func_idle(&node);
	if (!ret) {
		FUNC_UNTIL(&node, func_done(&late));
		FUNC_TRUE(late.err > 0);
	}
	func_close(&node);
	free(buf);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"killed", 3, killed, FUNC_MODES, 0},
		{"killed, connected", 2, killed_msg, FUNC_MODES, 0},
		{"killed, and awaited", 2, awaited, FUNC_SWITCH, 0},
		{"killed before it is up, and awaited", 2, awaited_in_vain, FUNC_SWITCH, 0},
		{"not started yet, and awaited", 2, awaited_early, FUNC_SWITCH, 0},
		{"exits over shm, rdm", 3, exits, FUNC_SWITCH, FI_EP_RDM},
		{"exits over shm, msg", 3, exits, FUNC_SWITCH, FI_EP_MSG},
		{"exits over shm, unnoticed, rdm", 3, exits, FUNC_SWITCH, FI_EP_RDM | ASLEEP},
		{"exits over shm, unnoticed, msg", 3, exits, FUNC_SWITCH, FI_EP_MSG | ASLEEP},
		{"restarted, killed", 3, restarted, FUNC_MODES, KILLED},
		{"restarted, closed", 3, restarted, FUNC_MODES, CLOSED},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
