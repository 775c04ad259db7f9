/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Poll sets and wait sets: they report the objects that have something and no others, wake
 * for each kind of object, and keep the objects that they contain in use.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/func_common.h"

/* 2.x still has poll sets and wait sets, but warns. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { SENDS, RECEIVES, BOTH };

static char name_of[BOTH]; /* the address of each element is the context of an object */

/* An endpoint that sends to itself, with queues or counters of its own. */
struct self {
	struct func_node node;
	struct fid_cq *cq[BOTH];
	struct fid_cntr *cntr[BOTH];
	fi_addr_t addr;
};

static void self_open(struct self *self, struct fid_wait *set)
{
	struct fi_cq_attr cq_attr = {.format = FI_CQ_FORMAT_TAGGED,
				     .wait_obj = set ? FI_WAIT_SET : FI_WAIT_NONE,
				     .wait_set = set};
	struct fi_cntr_attr cntr_attr = {.events = FI_CNTR_EVENTS_COMP,
					 .wait_obj = set ? FI_WAIT_SET : FI_WAIT_NONE,
					 .wait_set = set};
	struct func_node *node = &self->node;

	FUNC_OK(fi_domain(node->fabric, node->info, &node->domain, NULL));
	for (int i = 0; i < BOTH; i++) {
		FUNC_OK(fi_cq_open(node->domain, &cq_attr, &self->cq[i], &name_of[i]));
		FUNC_OK(fi_cntr_open(node->domain, &cntr_attr, &self->cntr[i], &name_of[i]));
	}
	FUNC_OK(fi_av_open(node->domain, &(struct fi_av_attr){.type = FI_AV_TABLE}, &node->av,
			   NULL));
	FUNC_OK(fi_endpoint(node->domain, node->info, &node->ep, NULL));
	FUNC_OK(fi_ep_bind(node->ep, &node->av->fid, 0));
	FUNC_OK(fi_ep_bind(node->ep, &self->cq[SENDS]->fid, FI_TRANSMIT));
	FUNC_OK(fi_ep_bind(node->ep, &self->cq[RECEIVES]->fid, FI_RECV));
	FUNC_OK(fi_ep_bind(node->ep, &self->cntr[SENDS]->fid, FI_SEND));
	FUNC_OK(fi_ep_bind(node->ep, &self->cntr[RECEIVES]->fid, FI_RECV));
	FUNC_OK(fi_enable(node->ep));
	self->addr = func_know(node, node->ep);
}

static void self_close(struct self *self)
{
	FUNC_OK(fi_close(&self->node.ep->fid));
	FUNC_OK(fi_close(&self->node.av->fid));
	for (int i = 0; i < BOTH; i++) {
		FUNC_OK(fi_close(&self->cq[i]->fid));
		FUNC_OK(fi_close(&self->cntr[i]->fid));
	}
	FUNC_OK(fi_close(&self->node.domain->fid));
}

static void open_fabric(struct self *self)
{
	struct func_conf conf = {.wait = FI_WAIT_NONE};

	func_open_fabric(&self->node, &conf, func_need_info(&conf, NULL));
}

static void close_fabric(struct self *self)
{
	FUNC_OK(fi_close(&self->node.fabric->fid));
	fi_freeinfo(self->node.info);
}

/* The set must report exactly these contexts, one bit each. */
static void expect(struct fid_poll *set, unsigned want)
{
	void *context[BOTH + 1];
	unsigned got = 0;
	int cnt = fi_poll(set, context, BOTH + 1);

	FUNC_TRUE(cnt >= 0);
	for (int i = 0; i < cnt; i++)
		for (int j = 0; j < BOTH; j++)
			got |= (context[i] == &name_of[j]) << j;
	FUNC_EQ(got, want);
	FUNC_EQ(cnt, __builtin_popcount(want));
}

static void poll_set(struct func_team *team, int rank)
{
	const bool counters = team->func_case->arg;
	struct fi_cq_tagged_entry entry;
	struct fid *fid[BOTH];
	struct fid_poll *set;
	struct self self;
	void *context;
	int in, out = 3;

	(void)rank;
	open_fabric(&self);
	self_open(&self, NULL);
	for (int i = 0; i < BOTH; i++)
		fid[i] = counters ? &self.cntr[i]->fid : &self.cq[i]->fid;
	FUNC_OK(fi_poll_open(self.node.domain, &(struct fi_poll_attr){.flags = 0}, &set));
	FUNC_EQ(fi_poll(set, &context, 1), 0);
	FUNC_OK(fi_poll_add(set, fid[SENDS], 0));
	FUNC_OK(fi_poll_add(set, fid[RECEIVES], 0));
	FUNC_ERR(fi_poll_add(set, fid[SENDS], 0), FI_EBUSY);
	FUNC_ERR(fi_poll_add(set, &self.node.ep->fid, 0), FI_EINVAL);
	FUNC_ERR(fi_poll_add(set, NULL, 0), FI_EINVAL);
	expect(set, 0);

	FUNC_OK(fi_send(self.node.ep, &out, sizeof(out), NULL, self.addr, NULL));
	expect(set, 1 << SENDS);
	expect(set, counters ? 0 : 1 << SENDS); /* a change of a counter is reported once */
	FUNC_OK(fi_recv(self.node.ep, &in, sizeof(in), NULL, FI_ADDR_UNSPEC, NULL));
	expect(set, 1 << RECEIVES | (counters ? 0 : 1 << SENDS));
	FUNC_EQ(in, 3);
	for (int i = 0; i < BOTH; i++)
		FUNC_EQ(fi_cq_read(self.cq[i], &entry, 1), 1);
	expect(set, 0);
	if (counters) {
		FUNC_OK(fi_cntr_set(self.cntr[SENDS], 100));
		expect(set, 0); /* a value that the application set is not reported */
		FUNC_OK(fi_cntr_adderr(self.cntr[SENDS], 3)); /* an added error is reported */
		expect(set, 1 << SENDS);
		expect(set, 0);
		FUNC_OK(fi_cntr_seterr(self.cntr[SENDS], 2));
		expect(set, 1 << SENDS);
	}

	FUNC_OK(fi_send(self.node.ep, &out, sizeof(out), NULL, self.addr, NULL));
	FUNC_OK(fi_recv(self.node.ep, &in, sizeof(in), NULL, FI_ADDR_UNSPEC, NULL));
	FUNC_EQ(fi_poll(set, &context, 1), 1);
	FUNC_OK(fi_poll_del(set, fid[SENDS], 0));
	FUNC_ERR(fi_poll_del(set, fid[SENDS], 0), FI_EINVAL);
	expect(set, 1 << RECEIVES);
	FUNC_OK(fi_close(&self.node.ep->fid));
	FUNC_ERR(fi_close(fid[RECEIVES]), FI_EBUSY);
	FUNC_OK(fi_endpoint(self.node.domain, self.node.info, &self.node.ep, NULL));
	FUNC_ERR(fi_close(&set->fid), FI_EBUSY);
	FUNC_OK(fi_poll_del(set, fid[RECEIVES], 0));
	FUNC_OK(fi_close(&set->fid));
	self_close(&self);
	close_fabric(&self);
}

/* -- wait sets -------------------------------------------------------------------------- */

/* The event that another thread makes to wake the waiting one. */
struct cause {
	struct self *self;
	struct fid_eq *eq;
	enum { BY_SEND, BY_SIGNAL, BY_COUNTER, BY_EVENT } what;
};

static void *act(void *arg)
{
	struct fi_eq_entry entry = {.fid = NULL};
	struct cause *cause = arg;
	static int out;

	switch (cause->what) {
	case BY_SEND:
		FUNC_OK(fi_send(cause->self->node.ep, &out, sizeof(out), NULL, cause->self->addr,
				NULL));
		break;
	case BY_SIGNAL:
		FUNC_OK(fi_cq_signal(cause->self->cq[RECEIVES]));
		break;
	case BY_COUNTER:
		FUNC_OK(fi_cntr_add(cause->self->cntr[RECEIVES], 1));
		break;
	case BY_EVENT:
		FUNC_EQ(fi_eq_write(cause->eq, FI_NOTIFY, &entry, sizeof(entry), 0),
			(ssize_t)sizeof(entry));
		break;
	}
	return NULL;
}

static void wake_by(struct fid_wait *set, struct cause *cause)
{
	pthread_t thread;

	FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);
	FUNC_TRUE(!pthread_create(&thread, NULL, act, cause));
	func_mark(__FILE__, __LINE__, "fi_wait");
	FUNC_OK(fi_wait(set, -1));
	FUNC_TRUE(!pthread_join(thread, NULL));
	if (cause->what == BY_SIGNAL) /* a signal does not last */
		FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);
	else /* the entry stays until it is read */
		FUNC_OK(fi_wait(set, 0));
}

static void wait_set(struct func_team *team, int rank)
{
	struct fi_wait_attr attr = {.wait_obj = (enum fi_wait_obj)team->func_case->arg};
	struct fi_eq_attr eq_attr = {.flags = FI_WRITE, .wait_obj = FI_WAIT_SET};
	struct fi_cq_tagged_entry entry;
	struct self self, other;
	struct cause cause = {.self = &self};
	struct fi_eq_entry event;
	struct fid_wait *set;
	struct pollfd pollfd = {.events = POLLIN};
	enum fi_wait_obj obj;
	struct fid *fid;
	uint32_t type;
	int in;

	(void)rank;
	open_fabric(&self);
	FUNC_OK(fi_wait_open(self.node.fabric, &attr, &set));
	FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);
	self_open(&self, set);
	eq_attr.wait_set = set;
	FUNC_OK(fi_eq_open(self.node.fabric, &eq_attr, &cause.eq, NULL));
	FUNC_ERR(fi_close(&set->fid), FI_EBUSY);
	FUNC_OK(fi_control(&self.cq[SENDS]->fid, FI_GETWAITOBJ, &obj));
	FUNC_EQ(obj, FI_WAIT_SET);
	FUNC_OK(fi_control(&set->fid, FI_GETWAITOBJ, &obj));
	FUNC_EQ(obj, FI_WAIT_FD);
	open_fabric(&other);
	FUNC_ERR(fi_eq_open(other.node.fabric, &eq_attr, &other.node.eq, NULL), FI_EINVAL);
	close_fabric(&other);

	cause.what = BY_SEND; /* both its queue and its counter have something */
	wake_by(set, &cause);
	FUNC_EQ(fi_cq_read(self.cq[SENDS], &entry, 1), 1);
	FUNC_OK(fi_wait(set, 0)); /* the counter's change has not been reported yet */
	FUNC_EQ(fi_cntr_read(self.cntr[SENDS]), 1);
	cause.what = BY_SIGNAL;
	wake_by(set, &cause);
	cause.what = BY_COUNTER;
	wake_by(set, &cause);
	FUNC_EQ(fi_cntr_read(self.cntr[RECEIVES]), 1);
	cause.what = BY_EVENT;
	wake_by(set, &cause);
	FUNC_EQ(fi_eq_read(cause.eq, &type, &event, sizeof(event), 0), (ssize_t)sizeof(event));
	FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);
	/* the counter is set back and rises to its old value */
	FUNC_OK(fi_cntr_set(self.cntr[RECEIVES], 0));
	FUNC_OK(fi_cntr_add(self.cntr[RECEIVES], 1));
	FUNC_OK(fi_wait(set, 0));
	FUNC_EQ(fi_cntr_read(self.cntr[RECEIVES]), 1);
	FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);

	/* an application may wait on its descriptor with poll(2) */
	fid = &set->fid;
	FUNC_OK(fi_control(fid, FI_GETWAIT, &pollfd.fd));
	while (fi_trywait(self.node.fabric, &fid, 1) == -FI_EAGAIN)
		func_mark(__FILE__, __LINE__, "fi_trywait");
	FUNC_EQ(poll(&pollfd, 1, 0), 0);
	FUNC_OK(fi_recv(self.node.ep, &in, sizeof(in), NULL, FI_ADDR_UNSPEC, NULL));
	FUNC_EQ(poll(&pollfd, 1, -1), 1);
	FUNC_ERR(fi_trywait(self.node.fabric, &fid, 1), FI_EAGAIN);
	FUNC_EQ(fi_cq_read(self.cq[RECEIVES], &entry, 1), 1);
	FUNC_EQ(fi_cntr_read(self.cntr[RECEIVES]), 2);

	self_close(&self);
	FUNC_OK(fi_close(&cause.eq->fid));
	FUNC_OK(fi_close(&set->fid));
	close_fabric(&self);
}

struct waiter {
	struct fid_wait *set;
	atomic_int tid;
	unsigned long slept;
	pthread_t thread;
	int ret;
};

static void *wait_for_set(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->tid, func_tid());
	waiter->ret = fi_wait(waiter->set, -1);
	return NULL;
}

/* Several threads wait in one wait set: an event wakes them all, even if one of them takes it
 * meanwhile. */
static void wait_set_threads(struct func_team *team, int rank)
{
	enum { THREADS = 3 };
	struct fi_wait_attr attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct waiter waiter[THREADS];
	struct fid_wait *set;
	struct self self;

	(void)rank;
	(void)team;
	open_fabric(&self);
	FUNC_OK(fi_wait_open(self.node.fabric, &attr, &set));
	self_open(&self, set);
	for (uint64_t i = 1; i <= 100; i++) {
		for (int j = 0; j < THREADS; j++) {
			waiter[j] = (struct waiter){.set = set};
			FUNC_TRUE(
				!pthread_create(&waiter[j].thread, NULL, wait_for_set, &waiter[j]));
			func_until_asleep(&waiter[j].tid, &waiter[j].slept);
		}
		FUNC_OK(fi_cntr_add(self.cntr[SENDS], 1));
		FUNC_EQ(fi_cntr_read(self.cntr[SENDS]), i);
		func_mark(__FILE__, __LINE__, "fi_wait in several threads");
		for (int j = 0; j < THREADS; j++) {
			FUNC_TRUE(!pthread_join(waiter[j].thread, NULL));
			FUNC_OK(waiter[j].ret);
		}
		FUNC_ERR(fi_wait(set, 0), FI_ETIMEDOUT);
	}
	self_close(&self);
	FUNC_OK(fi_close(&set->fid));
	close_fabric(&self);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"poll set of queues", 1, poll_set, 0, false},
		{"poll set of counters", 1, poll_set, 0, true},
		{"wait set", 1, wait_set, 0, FI_WAIT_UNSPEC},
		{"wait set, several threads", 1, wait_set_threads, 0, 0},
		{"wait set with descriptor", 1, wait_set, 0, FI_WAIT_FD},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
