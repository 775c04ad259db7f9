/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Waiting: blocking reads of completion and event queues, their descriptors with fi_trywait,
 * timeouts, fi_cq_signal, counters, and progress while the application only computes.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/func_common.h"

/* 2.x still has poll sets and wait sets, but warns. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { LARGE = 1 << 20, READY_WORD = 0, DONE_WORD = 1 };
enum { SREAD = FI_WAIT_UNSPEC, SREAD_FD = FI_WAIT_FD, POLL_FD = 100 };

static void wait_by_poll(struct func_node *node)
{
	struct fid *fid = &node->rx_cq->fid;
	struct pollfd pollfd = {.events = POLLIN};
	int ret;

	FUNC_OK(fi_control(fid, FI_GETWAIT, &pollfd.fd));
	ret = fi_trywait(node->fabric, &fid, 1);
	if (ret == -FI_EAGAIN)
		return;
	FUNC_OK(ret);
	FUNC_EQ(poll(&pollfd, 1, -1), 1);
}

/* Waits for a request only in the way that the case is about. */
static void block(struct func_node *node, struct func_req *req, int how)
{
	struct fi_cq_tagged_entry entry;
	struct func_req *other;
	ssize_t ret;

	func_mark(__FILE__, __LINE__, "a blocking read");
	while (!func_done(req)) {
		if (how == POLL_FD) {
			wait_by_poll(node);
			ret = fi_cq_read(node->rx_cq, &entry, 1);
		} else {
			ret = fi_cq_sread(node->rx_cq, &entry, 1, NULL, -1);
		}
		if (ret == -FI_EAGAIN)
			continue;
		FUNC_EQ(ret, 1);
		other = entry.op_context;
		FUNC_TRUE(other && !func_done(other));
		other->entry = entry;
		atomic_store(&other->done, 1);
	}
}

/* Sends messages to and fro, and sleeps until each comes. */
static void pingpong(struct func_team *team, int rank)
{
	enum { ROUNDS = 60 };
	int how = (int)team->func_case->arg & 0xff;
	struct func_conf conf = {.wait = how == SREAD ? FI_WAIT_UNSPEC : FI_WAIT_FD,
				 .type = team->func_case->arg >> 8,
				 .caps = FI_MSG};
	struct func_req sent = {.done = 0}, got = {.done = 0};
	char *buf = func_alloc(LARGE);
	uint64_t state = team->seed;
	struct func_node node;
	size_t len;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < ROUNDS; i++) {
		len = func_rand_len(&state, LARGE);
		if ((i & 1) == rank) {
			func_fill(buf, len, team->seed + (uint64_t)i);
			FUNC_POST(&node, fi_send(node.ep, buf, len, NULL, node.peer[!rank],
						 func_fresh(&sent)));
			block(&node, &sent, how);
		} else {
			FUNC_POST(&node, fi_recv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC,
						 func_fresh(&got)));
			block(&node, &got, how);
			FUNC_EQ(got.entry.len, len);
			func_verify(buf, len, team->seed + (uint64_t)i);
		}
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
}

static long since_ms(const struct timespec *from)
{
	struct timespec to;

	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from->tv_sec) * 1000 + (to.tv_nsec - from->tv_nsec) / 1000000;
}

/* Nothing comes: a read ends after its timeout, and not before. */
static void timeouts(struct func_team *team, int rank)
{
	struct func_conf conf = {.wait = FI_WAIT_UNSPEC, .counters = true};
	struct func_conf conf_msg = {.type = FI_EP_MSG, .caps = FI_MSG};
	char buf[sizeof(struct fi_eq_cm_entry)];
	struct fi_cq_tagged_entry entry;
	struct func_node node;
	struct timespec from;
	uint32_t event;

	(void)rank;
	if (team->func_case->arg == FI_EP_MSG) {
		func_listen(&node, &conf_msg);
		clock_gettime(CLOCK_MONOTONIC, &from);
		FUNC_ERR(fi_eq_sread(node.eq, &event, buf, sizeof(buf), 60, 0), FI_EAGAIN);
		FUNC_TRUE(since_ms(&from) >= 59);
		FUNC_ERR(fi_eq_read(node.eq, &event, buf, sizeof(buf), 0), FI_EAGAIN);
		func_close(&node);
		return;
	}
	func_open(&node, &conf);
	clock_gettime(CLOCK_MONOTONIC, &from);
	FUNC_ERR(fi_cq_sread(node.rx_cq, &entry, 1, NULL, 60), FI_EAGAIN);
	FUNC_TRUE(since_ms(&from) >= 59);
	FUNC_ERR(fi_cq_sread(node.rx_cq, &entry, 1, NULL, 0), FI_EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &from);
	FUNC_ERR(fi_cntr_wait(node.rx_cntr, 1, 60), FI_ETIMEDOUT);
	FUNC_TRUE(since_ms(&from) >= 59);
	func_close(&node);
}

/* -- a thread that waits in a queue ------------------------------------- */

struct sleeper {
	struct func_node *node;
	size_t threshold; /* 0: no threshold */
	struct fi_cq_tagged_entry entry, more[3];
	ssize_t ret;
	atomic_int tid;
	unsigned long slept;
	atomic_int about; /* the thread is about to sleep */
	atomic_int woken;
};

static void *sleep_in_cq(void *arg)
{
	struct sleeper *sleeper = arg;

	atomic_store(&sleeper->tid, func_tid());
	atomic_store(&sleeper->about, 1);
	sleeper->ret = fi_cq_sread(sleeper->node->rx_cq, &sleeper->entry,
				   sleeper->threshold ? 4 : 1, (void *)sleeper->threshold, -1);
	atomic_store(&sleeper->woken, 1);
	return NULL;
}

/* fi_cq_signal wakes a thread that sleeps already or is about to sleep. */
static void signalled(struct func_team *team, int rank)
{
	struct func_conf conf = {.wait = (enum fi_wait_obj)team->func_case->arg,
				 .threading = FI_THREAD_SAFE};
	struct func_node node;
	struct sleeper sleeper;
	pthread_t thread;
	int i;

	(void)rank;
	func_open(&node, &conf);
	for (i = 0; i < 50; i++) {
		func_mark(__FILE__, __LINE__, "fi_cq_signal");
		sleeper = (struct sleeper){.node = &node};
		FUNC_EQ(pthread_create(&thread, NULL, sleep_in_cq, &sleeper), 0);
		while (i % 2 && !atomic_load(&sleeper.about))
			sched_yield();
		FUNC_OK(fi_cq_signal(node.rx_cq));
		FUNC_EQ(pthread_join(thread, NULL), 0);
		FUNC_TRUE(sleeper.ret == -FI_EAGAIN || sleeper.ret == -FI_ECANCELED);
	}
	func_close(&node);
}

/* A signal wakes all threads that sleep, and has no later effect; if none sleeps, the next
 * call that waits notices it, once. */
static void signalled_once(struct func_team *team, int rank)
{
	enum { THREADS = 3 };
	struct func_conf conf = {.wait = FI_WAIT_FD, .threading = FI_THREAD_SAFE};
	struct pollfd pollfd = {.events = POLLIN};
	struct sleeper sleeper[THREADS];
	struct fi_cq_tagged_entry entry;
	pthread_t thread[THREADS];
	struct fid_poll *set;
	struct func_node node;
	struct fid *fid;
	void *context;

	(void)rank;
	(void)team;
	func_open(&node, &conf);
	fid = &node.rx_cq->fid;
	FUNC_OK(fi_control(fid, FI_GETWAIT, &pollfd.fd));
	FUNC_OK(fi_poll_open(node.domain, &(struct fi_poll_attr){.flags = 0}, &set));
	FUNC_OK(fi_poll_add(set, fid, 0));
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < THREADS; j++) {
			sleeper[j] = (struct sleeper){.node = &node};
			FUNC_EQ(pthread_create(&thread[j], NULL, sleep_in_cq, &sleeper[j]), 0);
			func_until_asleep(&sleeper[j].tid, &sleeper[j].slept);
		}
		FUNC_OK(fi_trywait(node.fabric, &fid, 1));
		FUNC_OK(fi_cq_signal(node.rx_cq));
		func_mark(__FILE__, __LINE__, "fi_cq_signal to several");
		for (int j = 0; j < THREADS; j++) {
			FUNC_EQ(pthread_join(thread[j], NULL), 0);
			FUNC_EQ(sleeper[j].ret, -FI_EAGAIN);
		}
		FUNC_EQ(poll(&pollfd, 1, -1), 1);
		FUNC_OK(fi_trywait(node.fabric, &fid, 1));
		FUNC_EQ(poll(&pollfd, 1, 0), 0);

		FUNC_OK(fi_cq_signal(node.rx_cq));
		FUNC_EQ(poll(&pollfd, 1, -1), 1);
		FUNC_ERR(fi_trywait(node.fabric, &fid, 1), FI_EAGAIN);
		FUNC_OK(fi_trywait(node.fabric, &fid, 1));
		FUNC_EQ(poll(&pollfd, 1, 0), 0);

		FUNC_OK(fi_cq_signal(node.rx_cq));
		FUNC_ERR(fi_cq_read(node.rx_cq, &entry, 1), FI_EAGAIN);
		FUNC_OK(fi_trywait(node.fabric, &fid, 1));

		FUNC_OK(fi_cq_signal(node.rx_cq));
		FUNC_EQ(fi_poll(set, &context, 1), 1);
		FUNC_EQ(fi_poll(set, &context, 1), 0);
	}
	FUNC_OK(fi_poll_del(set, fid, 0));
	FUNC_OK(fi_close(&set->fid));
	func_close(&node);
}

/* One thread sleeps in the queue while another posts the operation that will wake it. */
static void post_beside(struct func_team *team, int rank)
{
	struct func_conf conf = {
		.wait = FI_WAIT_FD, .threading = FI_THREAD_SAFE, .selective = FI_TRANSMIT};
	struct func_req got = {.done = 0}, sent = {.done = 0};
	char *buf = func_alloc(LARGE);
	struct sleeper sleeper;
	struct func_node node;
	pthread_t thread;
	ssize_t ret;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < 20; i++) {
		sleeper = (struct sleeper){.node = &node};
		FUNC_POST(&node,
			  fi_recv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, func_fresh(&got)));
		if (rank == 1) {
			FUNC_DONE(&node, &got);
			FUNC_POST(&node,
				  fi_send(node.ep, buf, got.entry.len, NULL, node.peer[0], &sent));
			continue;
		}
		func_mark(__FILE__, __LINE__, "post beside a sleeper");
		FUNC_EQ(pthread_create(&thread, NULL, sleep_in_cq, &sleeper), 0);
		while (!atomic_load(&sleeper.about))
			sched_yield();
		while ((ret = fi_inject(node.ep, "wake", i % 5, node.peer[1])) == -FI_EAGAIN)
			sched_yield();
		FUNC_OK(ret);
		FUNC_EQ(pthread_join(thread, NULL), 0);
		FUNC_EQ(sleeper.ret, 1);
		FUNC_TRUE(sleeper.entry.op_context == &got);
		FUNC_EQ(sleeper.entry.len, i % 5);
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
}

/* A thread that waits for a request, in the way that the case is about. */
struct blocker {
	struct func_node *node;
	struct func_req *req;
	int how;
	atomic_int tid;
	unsigned long slept;
};

static void *wait_for_request(void *arg)
{
	struct blocker *blocker = arg;

	atomic_store(&blocker->tid, func_tid());
	block(blocker->node, blocker->req, blocker->how);
	return NULL;
}

/* One thread sleeps until the peer answers, which happens only after the peer has got
 * everything that another thread posts meanwhile.  That thread posts in bursts again and
 * again, which makes the engine hold sends back. */
static void burst_beside(struct func_team *team, int rank)
{
	enum { ROUNDS = 12, BURST = 6 };
	struct func_conf conf = {
		.wait = FI_WAIT_FD, .threading = FI_THREAD_SAFE, .selective = FI_TRANSMIT};
	struct func_req answer = {.done = 0}, sent = {.done = 0}, got[BURST] = {{.done = 0}};
	struct blocker blocker;
	struct func_node node;
	pthread_t thread;
	char byte[BURST];
	ssize_t ret;
	int i;

	func_join(team, rank, &node, &conf);
	for (int round = 0; round < ROUNDS; round++) {
		if (rank == 1) {
			for (i = 0; i < BURST; i++)
				FUNC_POST(&node, fi_recv(node.ep, &byte[i], 1, NULL, FI_ADDR_UNSPEC,
							 func_fresh(&got[i])));
			for (i = 0; i < BURST; i++)
				FUNC_DONE(&node, &got[i]);
			FUNC_POST(&node, fi_send(node.ep, byte, 1, NULL, node.peer[0], &sent));
			continue;
		}
		FUNC_POST(&node,
			  fi_recv(node.ep, byte, 1, NULL, FI_ADDR_UNSPEC, func_fresh(&answer)));
		blocker = (struct blocker){
			.node = &node, .req = &answer, .how = (int)team->func_case->arg};
		FUNC_EQ(pthread_create(&thread, NULL, wait_for_request, &blocker), 0);
		func_until_asleep(&blocker.tid, &blocker.slept);
		for (i = 0; i < BURST; i++) {
			while ((ret = fi_inject(node.ep, "x", 1, node.peer[1])) == -FI_EAGAIN)
				sched_yield();
			FUNC_OK(ret);
		}
		func_mark(__FILE__, __LINE__, "the answer to a burst");
		FUNC_EQ(pthread_join(thread, NULL), 0);
	}
	func_meet(team, &node);
	func_close(&node);
}

/* A reader that waits for several entries does not keep them from other readers. */
static void threshold(struct func_team *team, int rank)
{
	struct func_conf conf = {.wait = FI_WAIT_FD, .threading = FI_THREAD_SAFE};
	struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_TAGGED,
				  .wait_obj = FI_WAIT_FD,
				  .wait_cond = FI_CQ_COND_THRESHOLD};
	struct fi_cq_tagged_entry entry;
	struct sleeper sleeper;
	struct fid_poll *set;
	struct func_node node;
	pthread_t thread;
	struct fid *fid;
	fi_addr_t self;
	void *context;
	int i;

	(void)rank;
	(void)team;
	func_open_fabric(&node, &conf, func_need_info(&conf, NULL));
	FUNC_OK(fi_domain(node.fabric, node.info, &node.domain, NULL));
	FUNC_OK(fi_cq_open(node.domain, &attr, &node.rx_cq, NULL));
	fid = &node.rx_cq->fid;
	FUNC_OK(fi_av_open(node.domain, &(struct fi_av_attr){.type = FI_AV_TABLE}, &node.av, NULL));
	FUNC_OK(fi_poll_open(node.domain, &(struct fi_poll_attr){.flags = 0}, &set));
	FUNC_OK(fi_poll_add(set, fid, 0));
	FUNC_OK(fi_endpoint(node.domain, node.info, &node.ep, NULL));
	FUNC_OK(fi_ep_bind(node.ep, &node.av->fid, 0));
	FUNC_OK(fi_ep_bind(node.ep, fid, FI_TRANSMIT | FI_RECV));
	FUNC_OK(fi_enable(node.ep));
	self = func_know(&node, node.ep);

	sleeper = (struct sleeper){.node = &node, .threshold = 3};
	FUNC_EQ(pthread_create(&thread, NULL, sleep_in_cq, &sleeper), 0);
	func_until_asleep(&sleeper.tid, &sleeper.slept);
	for (i = 0; i < 2; i++) { /* each send to itself completes, though no receive takes it */
		FUNC_OK(fi_send(node.ep, NULL, 0, NULL, self, NULL));
		func_until_asleep(&sleeper.tid, &sleeper.slept);
	}
	FUNC_EQ(fi_poll(set, &context, 1), 1);
	FUNC_ERR(fi_trywait(node.fabric, &fid, 1), FI_EAGAIN);
	FUNC_EQ(fi_cq_read(node.rx_cq, &entry, 1), 1);
	for (i = 0; i < 2; i++)
		FUNC_OK(fi_send(node.ep, NULL, 0, NULL, self, NULL));
	func_mark(__FILE__, __LINE__, "a threshold");
	FUNC_EQ(pthread_join(thread, NULL), 0);
	FUNC_EQ(sleeper.ret, 3);

	/* a signal or the timeout ends the wait, and returns the entries there are */
	sleeper = (struct sleeper){.node = &node, .threshold = 3};
	FUNC_EQ(pthread_create(&thread, NULL, sleep_in_cq, &sleeper), 0);
	func_until_asleep(&sleeper.tid, &sleeper.slept);
	FUNC_OK(fi_send(node.ep, NULL, 0, NULL, self, NULL));
	FUNC_OK(fi_cq_signal(node.rx_cq));
	FUNC_EQ(pthread_join(thread, NULL), 0);
	FUNC_EQ(sleeper.ret, 1);
	FUNC_OK(fi_send(node.ep, NULL, 0, NULL, self, NULL));
	FUNC_EQ(fi_cq_sread(node.rx_cq, &sleeper.entry, 4, (void *)2, 10), 1);
	FUNC_ERR(fi_cq_sread(node.rx_cq, &sleeper.entry, 4, (void *)2, 10), FI_EAGAIN);

	FUNC_OK(fi_poll_del(set, fid, 0));
	FUNC_OK(fi_close(&set->fid));
	FUNC_OK(fi_close(&node.ep->fid));
	FUNC_OK(fi_close(&node.av->fid));
	FUNC_OK(fi_close(fid));
	FUNC_OK(fi_close(&node.domain->fid));
	FUNC_OK(fi_close(&node.fabric->fid));
	fi_freeinfo(node.info);
}

/* -- counters ----------------------------------------------------------- */

static void cntr_wait(struct func_team *team, int rank)
{
	enum { CNT = 50, LEN = 40000 };
	struct func_conf conf = {.counters = true, .selective = FI_TRANSMIT | FI_RECV};
	struct func_req req = {.done = 0};
	char *buf = func_alloc((size_t)CNT * LEN);
	struct func_node node;
	int i, round;

	func_join(team, rank, &node, &conf);
	for (round = 1; round <= 4; round++) {
		for (i = 0; i < CNT; i++)
			FUNC_POST(&node, (round & 1) == rank
						 ? fi_send(node.ep, buf + i * LEN, i % 2 ? LEN : 9,
							   NULL, node.peer[!rank], &req)
						 : fi_recv(node.ep, buf + i * LEN, LEN, NULL,
							   FI_ADDR_UNSPEC, &req));
		func_mark(__FILE__, __LINE__, "fi_cntr_wait");
		FUNC_OK(fi_cntr_wait((round & 1) == rank ? node.tx_cntr : node.rx_cntr,
				     (uint64_t)CNT * (uint64_t)((round + 1) / 2), -1));
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
}

struct waiter {
	struct fid_cntr *cntr;
	uint64_t threshold;
	atomic_int tid;
	unsigned long slept;
	pthread_t thread;
	int ret;
};

static void *wait_for_cntr(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->tid, func_tid());
	waiter->ret = fi_cntr_wait(waiter->cntr, waiter->threshold, -1);
	return NULL;
}

static void waiter_start(struct waiter *waiter, struct fid_cntr *cntr, uint64_t threshold)
{
	*waiter = (struct waiter){.cntr = cntr, .threshold = threshold};
	FUNC_EQ(pthread_create(&waiter->thread, NULL, wait_for_cntr, waiter), 0);
	func_until_asleep(&waiter->tid, &waiter->slept);
}

static void waiter_end(struct waiter *waiter, int ret)
{
	func_mark(__FILE__, __LINE__, "fi_cntr_wait");
	FUNC_EQ(pthread_join(waiter->thread, NULL), 0);
	FUNC_EQ(waiter->ret, ret);
}

/* Several threads wait for one counter, each in another way and for its own value: none takes
 * the others' wake-up away. */
static void cntr_waiters(struct func_team *team, int rank)
{
	struct func_conf conf = {.wait = FI_WAIT_FD,
				 .threading = FI_THREAD_SAFE,
				 .progress = (enum fi_progress)team->func_case->arg,
				 .counters = true};
	struct pollfd pollfd = {.events = POLLIN};
	struct waiter early, late;
	struct func_node node;
	struct fid *fid;
	int i;

	(void)rank;
	func_open(&node, &conf);
	fid = &node.rx_cntr->fid;
	FUNC_OK(fi_control(fid, FI_GETWAIT, &pollfd.fd));
	for (i = 0; i < 100; i++) {
		FUNC_OK(fi_cntr_set(node.rx_cntr, 0));
		waiter_start(&late, node.rx_cntr, 10);
		waiter_start(&early, node.rx_cntr, 5);
		FUNC_EQ(fi_cntr_read(node.rx_cntr), 0);
		FUNC_OK(fi_trywait(node.fabric, &fid, 1));
		FUNC_OK(fi_cntr_add(node.rx_cntr, 6));
		if (i % 2) { /* the thread that uses the descriptor comes first, or last */
			FUNC_EQ(poll(&pollfd, 1, -1), 1);
			FUNC_EQ(fi_cntr_read(node.rx_cntr), 6);
			FUNC_OK(fi_trywait(node.fabric, &fid, 1));
		}
		waiter_end(&early, 0);
		func_until_asleep(&late.tid, &late.slept);
		if (!(i % 2)) {
			FUNC_EQ(poll(&pollfd, 1, 0), 1);
			FUNC_ERR(fi_trywait(node.fabric, &fid, 1), FI_EAGAIN);
		}
		if (i % 3) {
			FUNC_OK(fi_cntr_set(node.rx_cntr, 10));
			waiter_end(&late, 0);
		} else {
			FUNC_OK(fi_cntr_adderr(node.rx_cntr, 1));
			waiter_end(&late, -FI_EAVAIL);
		}
	}
	func_close(&node);
}

/* -- progress without calls --------------------------------------------- */

static void compute_until(struct func_team *team, int word, int value)
{
	func_mark(__FILE__, __LINE__, "the other side, without calling libfabric");
	while (atomic_load(&team->word[word]) < value)
		sched_yield();
}

/* With automatic progress one side posts and then only computes: the other side still gets
 * its message, or the report of its delivery. */
static void automatic(struct func_team *team, int rank)
{
	static const size_t lens[] = {10, 20000, LARGE};
	struct func_conf conf = {
		.progress = FI_PROGRESS_AUTO, .type = team->func_case->arg & 0xff, .caps = FI_MSG};
	struct func_xfer x = {.how = FUNC_MSG, .buf = team->space};
	bool sender_computes = team->func_case->arg >> 8;
	struct func_req req = {.done = 0};
	struct func_node node;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < 6; i++) {
		x.len = lens[i % 3];
		x.addr = rank ? FI_ADDR_UNSPEC : node.peer[1];
		x.flags = rank ? 0 : FI_DELIVERY_COMPLETE;
		x.buf = rank ? team->space : team->space + LARGE;
		if (rank == 0) {
			func_hear(team, &node, READY_WORD, i + 1);
			func_fill(x.buf, x.len, team->seed + (uint64_t)i);
		}
		FUNC_POST(&node,
			  rank ? func_try_recv(&node, &x, &req) : func_try_send(&node, &x, &req));
		if (rank == 1)
			func_say(team, READY_WORD, i + 1);
		if (rank != sender_computes)
			compute_until(team, DONE_WORD, i + 1);
		FUNC_DONE(&node, &req);
		func_verify(team->space, x.len, team->seed + (uint64_t)i);
		if (rank == sender_computes)
			func_say(team, DONE_WORD, i + 1);
	}
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"blocking read, rdm", 2, pingpong, FUNC_MODES, SREAD | FI_EP_RDM << 8},
		{"blocking read, msg", 2, pingpong, FUNC_MODES, SREAD | FI_EP_MSG << 8},
		{"blocking read with descriptor", 2, pingpong, 0, SREAD_FD | FI_EP_RDM << 8},
		{"trywait and poll, rdm", 2, pingpong, FUNC_MODES, POLL_FD | FI_EP_RDM << 8},
		{"trywait and poll, msg", 2, pingpong, FUNC_MODES, POLL_FD | FI_EP_MSG << 8},
		{"timeouts of completions", 1, timeouts, 0, FI_EP_RDM},
		{"timeouts of events", 1, timeouts, 0, FI_EP_MSG},
		{"signal, unspec", 1, signalled, 0, FI_WAIT_UNSPEC},
		{"signal, descriptor", 1, signalled, 0, FI_WAIT_FD},
		{"signal, noticed once", 1, signalled_once, 0, 0},
		{"threshold", 1, threshold, 0, 0},
		{"post beside a sleeper", 2, post_beside, 0, 0},
		{"burst beside a sleeper", 2, burst_beside, 0, SREAD_FD},
		{"burst beside a poll", 2, burst_beside, 0, POLL_FD},
		{"wait for a counter", 2, cntr_wait, FUNC_MODES, 0},
		{"several wait for a counter", 1, cntr_waiters, 0, FI_PROGRESS_MANUAL},
		{"several wait for a counter, auto", 1, cntr_waiters, 0, FI_PROGRESS_AUTO},
		{"receiver computes, rdm", 2, automatic, FUNC_MODES, FI_EP_RDM},
		{"receiver computes, msg", 2, automatic, FUNC_MODES, FI_EP_MSG},
		{"sender computes, rdm", 2, automatic, FUNC_MODES, FI_EP_RDM | 1 << 8},
		{"sender computes, msg", 2, automatic, FUNC_MODES, FI_EP_MSG | 1 << 8},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
