/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait sets: one wait object for several queues and counters of a fabric, which
 * name it when they are opened (FI_WAIT_SET).  Each keeps a wait object of its
 * own, which is in the set's.
 *
 * Owned by the application.  A queue or counter enters when it is open, and
 * leaves when it is closed, without holding a lock.
 */
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/fabric.h"
#include "api/no.h"
#include "api/trywait.h"
#include "api/wait_set.h"
#include "base/compat.h"
#include "progress/hub.h"
#include "progress/wait.h"

struct switch_waitset {
	struct fid_wait wait_fid;
	struct switch_fabric *fabric;
	pthread_mutex_t lock;
	struct switch_wait wait;
	struct switch_wait **members;
	size_t cnt;
};

static void set_leave(struct switch_wait *wait)
{
	struct switch_waitset *set = wait->set;
	size_t i = 0;

	pthread_mutex_lock(&set->lock);
	switch_wait_del_fd(&set->wait, wait->epoll_fd);
	while (set->members[i] != wait)
		i++;
	for (set->cnt--; i < set->cnt; i++)
		set->members[i] = set->members[i + 1];
	pthread_mutex_unlock(&set->lock);
}

int switch_waitset_enter(struct fid_wait *fid, struct switch_fabric *fabric,
			 struct switch_wait *wait)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid);
	struct switch_wait **members;
	int ret = -FI_ENOMEM;

	if (set->fabric != fabric)
		return -FI_EINVAL;
	pthread_mutex_lock(&set->lock);
	members = realloc(set->members, (set->cnt + 1) * sizeof(members[0]));
	if (members) {
		set->members = members;
		ret = switch_wait_add_fd(&set->wait, wait->epoll_fd);
	}
	if (!ret) {
		members[set->cnt++] = wait;
		wait->set = set;
		wait->leave_set = set_leave;
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

/*
 * Looks at the members. 0 if the set's wait object will wake up for the next event; -FI_EAGAIN
 * if a member has something (*ready) or there is more to progress.  Because a look empties the
 * members' descriptors, it signals the other threads that wait for the set, even if the event
 * has been consumed (*signaled).  The set's lock is held.
 */
static int set_look(struct switch_waitset *set, bool *ready, bool *signaled)
{
	int ret = 0;

	*ready = *signaled = false;
	for (size_t i = 0; i < set->cnt && !*ready; i++) {
		int member_ret = switch_wait_try(set->members[i], ready, signaled);

		if (!ret)
			ret = member_ret;
	}
	if (*ready || *signaled)
		switch_wait_signal(&set->wait);
	return *ready ? -FI_EAGAIN : ret;
}

static struct switch_waitset *set_of(struct switch_wait *wait)
{
	return container_of(wait, struct switch_waitset, wait);
}

/* fi_trywait of a set does not report which member is ready. */
static int set_trywait(struct switch_wait *wait, bool *any_ready, bool *any_signaled)
{
	struct switch_waitset *set = set_of(wait);
	bool ready, signaled;
	int ret;

	(void)any_ready, (void)any_signaled;
	pthread_mutex_lock(&set->lock);
	ret = set_look(set, &ready, &signaled);
	switch_wait_arm(&set->wait);
	pthread_mutex_unlock(&set->lock);
	return ret;
}

struct switch_wait *switch_waitset_wait(struct fid *fid)
{
	return &container_of(fid, struct switch_waitset, wait_fid.fid)->wait;
}

/* 0 when the wait is over.  A thread that slept returns even if another thread has taken
 * the event that woke it. */
static ssize_t set_pass(struct switch_waiter *waiter, bool may_sleep)
{
	struct switch_waitset *set = set_of(waiter->wait);
	const bool slept = waiter->sleeper.entered;
	bool over, ready, signaled;
	int ret;

	(void)may_sleep;
	pthread_mutex_lock(&set->lock);
	over = switch_wait_leave(&set->wait, &waiter->sleeper);
	ret = set_look(set, &ready, &signaled);
	over |= ready || (slept && signaled);
	if (!over && !ret)
		switch_wait_enter(&set->wait, &waiter->sleeper);
	pthread_mutex_unlock(&set->lock);
	if (over)
		return 0;
	return ret ? ret : -FI_EAGAIN;
}

static ssize_t set_give_up(struct switch_waiter *waiter, int why)
{
	struct switch_waitset *set = set_of(waiter->wait);

	pthread_mutex_lock(&set->lock);
	switch_wait_leave(&set->wait, &waiter->sleeper);
	pthread_mutex_unlock(&set->lock);
	return why;
}

static int set_wait(struct fid_wait *fid, int timeout)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid);
	struct switch_waiter waiter = {
		.wait = &set->wait,
		.sleeper = switch_sleeper(timeout),
		.look = set_pass,
		.give_up = set_give_up,
	};

	return (int)switch_wait_block(&waiter);
}

static int set_control(struct fid *fid, int command, void *arg)
{
	return switch_wait_control(&container_of(fid, struct switch_waitset, wait_fid.fid)->wait,
				   command, arg);
}

static int set_close(struct fid *fid)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid.fid);
	size_t cnt;

	pthread_mutex_lock(&set->lock);
	cnt = set->cnt;
	pthread_mutex_unlock(&set->lock);
	if (cnt)
		return -FI_EBUSY;
	switch_hub_refer(&set->fabric->hub, -1);
	switch_wait_fini(&set->wait);
	pthread_mutex_destroy(&set->lock);
	free(set->members);
	free(set);
	return 0;
}

static struct fi_ops set_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = set_close,
	.bind = switch_no_bind,
	.control = set_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_wait set_ops = {
	.size = sizeof(struct fi_ops_wait),
	.wait = set_wait,
};

int switch_waitset_open(struct fid_fabric *fabric_fid, struct fi_wait_attr *attr,
			struct fid_wait **wait_fid)
{
	struct switch_waitset *set;
	int ret;

	if (!attr || attr->flags)
		return -FI_EINVAL;
	if (attr->wait_obj == FI_WAIT_NONE || switch_wait_check(attr->wait_obj, NULL))
		return -FI_ENOSYS;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -FI_ENOMEM;
	ret = switch_wait_open(&set->wait, attr->wait_obj, NULL);
	if (ret) {
		free(set);
		return ret;
	}
	set->wait.trywait = set_trywait;
	set->wait_fid.fid.fclass = FI_CLASS_WAIT;
	set->wait_fid.fid.ops = &set_fid_ops;
	set->wait_fid.ops = &set_ops;
	set->fabric = container_of(fabric_fid, struct switch_fabric, fabric_fid);
	pthread_mutex_init(&set->lock, NULL);
	switch_hub_refer(&set->fabric->hub, 1);
	*wait_fid = &set->wait_fid;
	return 0;
}
