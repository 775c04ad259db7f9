/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait objects as the application sees them: the kinds that are offered, their descriptor,
 * fi_trywait; and the steps that queues and counters of a domain share when they are opened,
 * closed and waited for.
 */
#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/cntr.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/eq.h"
#include "api/trywait.h"
#include "api/wait_set.h"
#include "base/compat.h"
#include "progress/pump.h"
#include "progress/wait.h"

int switch_wait_try(struct switch_wait *wait, bool *ready, bool *signaled)
{
	return wait->epoll_fd < 0 ? -FI_EINVAL : wait->trywait(wait, ready, signaled);
}

/* The wait object of a fid; NULL: an object of this kind has none. */
static struct switch_wait *wait_of(struct fid *fid)
{
	switch (fid->fclass) {
	case FI_CLASS_CQ:
		return &container_of(fid, struct switch_cq, cq_fid.fid)->queue.wait;
	case FI_CLASS_CNTR:
		return &container_of(fid, struct switch_cntr, cntr_fid.fid)->count.wait;
	case FI_CLASS_EQ:
		return &container_of(fid, struct switch_eq, eq_fid.fid)->events.wait;
	case FI_CLASS_WAIT:
		return switch_waitset_wait(fid);
	default:
		return NULL;
	}
}

int switch_trywait(struct fid_fabric *fabric, struct fid **fids, int count)
{
	bool ready = false, signaled = false;
	struct switch_wait *wait;
	int ret = 0;

	(void)fabric;
	for (int i = 0; i < count && !ret; i++) {
		wait = wait_of(fids[i]);
		ret = wait ? switch_wait_try(wait, &ready, &signaled) : -FI_ENOSYS;
	}
	return ret;
}

int switch_wait_control(const struct switch_wait *wait, int command, void *arg)
{
	if (command != FI_GETWAIT && command != FI_GETWAITOBJ)
		return -FI_ENOSYS;
	if (!arg)
		return -FI_EINVAL;
	if (command == FI_GETWAITOBJ) {
		*(enum fi_wait_obj *)arg = wait->obj;
		return 0;
	}
	if (wait->epoll_fd < 0)
		return -FI_ENODATA;
	*(int *)arg = wait->epoll_fd;
	return 0;
}

int switch_wait_check(enum fi_wait_obj wait_obj, const struct fid_wait *set)
{
	switch (wait_obj) {
	case FI_WAIT_NONE:
	case FI_WAIT_UNSPEC:
	case FI_WAIT_FD:
	case FI_WAIT_YIELD:
		return 0;
	case FI_WAIT_SET:
		return set ? 0 : -FI_EINVAL;
	default:
		return -FI_ENOSYS;
	}
}

/* -- of a domain ------------------------------------------------------------------ */

int switch_waitable_open(struct switch_domain *domain, struct switch_wait *wait,
			 enum fi_wait_obj wait_obj, struct fid_wait *set,
			 switch_trywait_fn *trywait)
{
	int ret;

	switch_pump_lock(&domain->pump);
	ret = switch_wait_open(wait, wait_obj, &domain->pump);
	wait->trywait = trywait;
	if (!ret)
		domain->refs++;
	switch_pump_unlock(&domain->pump);
	if (ret || wait_obj != FI_WAIT_SET)
		return ret;
	ret = switch_waitset_enter(set, domain->fabric, wait);
	if (!ret)
		return 0;
	switch_pump_lock(&domain->pump);
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	switch_wait_fini(wait);
	return ret;
}

int switch_waitable_close(struct switch_domain *domain, struct switch_wait *wait, const int *refs)
{
	bool busy;

	switch_pump_lock(&domain->pump);
	busy = *refs;
	if (!busy)
		domain->refs--;
	switch_pump_unlock(&domain->pump);
	if (busy)
		return -FI_EBUSY;
	switch_wait_fini(wait);
	return 0;
}

int switch_waitable_try(struct switch_domain *domain, struct switch_wait *wait,
			bool (*is_ready)(struct switch_wait *wait), bool *ready, bool *signaled)
{
	int ret;

	switch_pump_lock(&domain->pump);
	ret = switch_pump_trywait(&domain->pump);
	*signaled |= switch_wait_arm(wait);
	if (is_ready(wait)) {
		*ready = true;
		ret = -FI_EAGAIN;
	}
	switch_pump_unlock(&domain->pump);
	return ret;
}
