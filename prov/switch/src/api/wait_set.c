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
#include "api/wait_set.h"
#include "base/compat.h"
#include "progress/wait.h"

struct switch_waitset {
	struct fid_wait wait_fid;
	struct switch_fabric *fabric;
	pthread_mutex_t lock;
	struct switch_wait wait;
	struct fid **fids;
	size_t cnt;
};

int switch_waitset_enter(struct fid_wait *fid, struct switch_fabric *fabric,
			 struct switch_wait *wait, struct fid *owner)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid);
	struct fid **fids;
	int ret = -FI_ENOMEM;

	if (set->fabric != fabric)
		return -FI_EINVAL;
	pthread_mutex_lock(&set->lock);
	fids = realloc(set->fids, (set->cnt + 1) * sizeof(fids[0]));
	if (fids) {
		set->fids = fids;
		ret = switch_wait_add_fd(&set->wait, wait->epoll_fd);
	}
	if (!ret) {
		fids[set->cnt++] = owner;
		wait->set = set;
		wait->owner = owner;
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

void switch_waitset_leave(struct switch_wait *wait)
{
	struct switch_waitset *set = wait->set;
	size_t i = 0;

	pthread_mutex_lock(&set->lock);
	switch_wait_del_fd(&set->wait, wait->epoll_fd);
	while (set->fids[i] != wait->owner)
		i++;
	for (set->cnt--; i < set->cnt; i++)
		set->fids[i] = set->fids[i + 1];
	pthread_mutex_unlock(&set->lock);
}

/*
 * 0 if its wait object will wake up for whatever comes next.  -FI_EAGAIN: a
 * member has something (*ready), or there is more to progress.  Looking
 * empties the members' descriptors: who else waits for the set is told what
 * was found, even if nothing is left of it (*signaled).  The set's lock is held.
 */
static int set_look(struct switch_waitset *set, bool *ready, bool *signaled)
{
	int ret = 0;

	*ready = *signaled = false;
	for (size_t i = 0; i < set->cnt && !*ready; i++) {
		int member_ret = switch_fid_trywait(set->fids[i], ready, signaled);

		if (!ret)
			ret = member_ret;
	}
	if (*ready || *signaled)
		switch_wait_signal(&set->wait);
	return *ready ? -FI_EAGAIN : ret;
}

int switch_waitset_trywait(struct fid *fid)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid.fid);
	bool ready, signaled;
	int ret;

	pthread_mutex_lock(&set->lock);
	ret = set_look(set, &ready, &signaled);
	switch_wait_arm(&set->wait);
	pthread_mutex_unlock(&set->lock);
	return ret;
}

/* One pass of a wait: 0 when it is over, or -FI_EAGAIN; then the thread has
 * entered if it may sleep.  It does not matter to one that slept whether
 * another has taken what woke it. */
static int set_pass(struct switch_waitset *set, struct switch_sleeper *sleeper)
{
	const bool slept = sleeper->entered;
	bool over, ready, signaled;
	int ret;

	pthread_mutex_lock(&set->lock);
	over = switch_wait_leave(&set->wait, sleeper);
	ret = set_look(set, &ready, &signaled);
	over |= ready || (slept && signaled);
	if (!over && !ret)
		switch_wait_enter(&set->wait, sleeper);
	pthread_mutex_unlock(&set->lock);
	if (over)
		return 0;
	return ret ? ret : -FI_EAGAIN;
}

static int set_wait(struct fid_wait *fid, int timeout)
{
	struct switch_waitset *set = container_of(fid, struct switch_waitset, wait_fid);
	struct switch_sleeper sleeper = switch_sleeper(timeout);
	int ret;

	for (;;) {
		ret = set_pass(set, &sleeper);
		if (ret != -FI_EAGAIN)
			return ret;
		ret = switch_wait_sleep(&set->wait, &sleeper);
		if (ret)
			break;
	}
	pthread_mutex_lock(&set->lock);
	switch_wait_leave(&set->wait, &sleeper);
	pthread_mutex_unlock(&set->lock);
	return ret;
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
	pthread_mutex_lock(&set->fabric->lock);
	set->fabric->refs--;
	pthread_mutex_unlock(&set->fabric->lock);
	switch_wait_fini(&set->wait);
	pthread_mutex_destroy(&set->lock);
	free(set->fids);
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
	set->wait_fid.fid.fclass = FI_CLASS_WAIT;
	set->wait_fid.fid.ops = &set_fid_ops;
	set->wait_fid.ops = &set_ops;
	set->fabric = container_of(fabric_fid, struct switch_fabric, fabric_fid);
	pthread_mutex_init(&set->lock, NULL);
	pthread_mutex_lock(&set->fabric->lock);
	set->fabric->refs++;
	pthread_mutex_unlock(&set->fabric->lock);
	*wait_fid = &set->wait_fid;
	return 0;
}
