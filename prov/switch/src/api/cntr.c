/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters of completed and of failed operations.
 *
 * The calls are the application's and take the domain's lock.  Reading a counter
 * progresses the whole domain.
 */
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/cntr.h"
#include "api/domain.h"
#include "api/no.h"
#include "api/trywait.h"
#include "base/compat.h"
#include "progress/completion.h"
#include "progress/pump.h"
#include "progress/wait.h"

static uint64_t cntr_look(struct switch_cntr *cntr, const uint64_t *which)
{
	uint64_t value;

	switch_pump_lock(&cntr->domain->pump);
	switch_pump_progress(&cntr->domain->pump);
	cntr->count.moved = false;
	value = *which;
	switch_pump_unlock(&cntr->domain->pump);
	return value;
}

static uint64_t switch_cntr_read(struct fid_cntr *fid)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_look(cntr, &cntr->count.value);
}

static uint64_t switch_cntr_readerr(struct fid_cntr *fid)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_look(cntr, &cntr->count.errors);
}

static void cntr_change(struct switch_cntr *cntr, uint64_t *which, uint64_t value)
{
	/* fi_poll(3): a change that the application made itself is not reported */
	if (which == &cntr->count.value)
		cntr->count.changed = false;
	else if (*which != value)
		cntr->count.changed = true;
	*which = value;
	cntr->count.moved = true;
	switch_wait_signal(&cntr->count.wait);
}

static int cntr_set(struct switch_cntr *cntr, uint64_t *which, uint64_t value)
{
	switch_pump_lock(&cntr->domain->pump);
	cntr_change(cntr, which, value);
	switch_pump_unlock(&cntr->domain->pump);
	return 0;
}

static int cntr_increase(struct switch_cntr *cntr, uint64_t *which, uint64_t value)
{
	switch_pump_lock(&cntr->domain->pump);
	cntr_change(cntr, which, *which + value);
	switch_pump_unlock(&cntr->domain->pump);
	return 0;
}

static int switch_cntr_increase(struct fid_cntr *fid, uint64_t value)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_increase(cntr, &cntr->count.value, value);
}

static int switch_cntr_set(struct fid_cntr *fid, uint64_t value)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_set(cntr, &cntr->count.value, value);
}

static int switch_cntr_adderr(struct fid_cntr *fid, uint64_t value)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_increase(cntr, &cntr->count.errors, value);
}

static int switch_cntr_seterr(struct fid_cntr *fid, uint64_t value)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);

	return cntr_set(cntr, &cntr->count.errors, value);
}

bool switch_cntr_polled(struct switch_cntr *cntr)
{
	const bool changed = cntr->count.changed;

	cntr->count.changed = false;
	return changed;
}

static struct switch_cntr *cntr_of(struct switch_wait *wait)
{
	return container_of(wait, struct switch_cntr, count.wait);
}

/* Whether the counter has changed since the application last read it. */
static bool cntr_is_ready(struct switch_wait *wait)
{
	return cntr_of(wait)->count.moved;
}

static int cntr_trywait(struct switch_wait *wait, bool *ready, bool *signaled)
{
	return switch_waitable_try(cntr_of(wait)->domain, wait, cntr_is_ready, ready, signaled);
}

struct cntr_waiter {
	struct switch_waiter waiter; /* first */
	uint64_t threshold;
	uint64_t errors; /* failed operations that were counted when the wait began */
};

/* 0 or -FI_EAVAIL when the wait is over, else -FI_EAGAIN. */
static int cntr_check(const struct switch_count *count, const struct cntr_waiter *cond)
{
	if (count->value >= cond->threshold)
		return 0;
	return count->errors != cond->errors ? -FI_EAVAIL : -FI_EAGAIN;
}

static ssize_t cntr_wait_look(struct switch_waiter *waiter, bool may_sleep)
{
	const struct cntr_waiter *cond = (struct cntr_waiter *)waiter;
	struct switch_cntr *cntr = cntr_of(waiter->wait);
	struct switch_pump *pump = &cntr->domain->pump;
	int ret;

	switch_pump_lock(pump);
	switch_wait_leave(waiter->wait, &waiter->sleeper);
	switch_pump_progress(pump);
	ret = cntr_check(&cntr->count, cond);
	if (ret == -FI_EAGAIN && may_sleep && !switch_pump_trywait(pump)) {
		ret = cntr_check(&cntr->count, cond);
		if (ret == -FI_EAGAIN)
			switch_wait_enter(waiter->wait, &waiter->sleeper);
	}
	switch_pump_unlock(pump);
	return ret;
}

static ssize_t cntr_give_up(struct switch_waiter *waiter, int why)
{
	struct switch_pump *pump = &cntr_of(waiter->wait)->domain->pump;

	switch_pump_lock(pump);
	switch_wait_leave(waiter->wait, &waiter->sleeper);
	switch_pump_unlock(pump);
	return why;
}

static int switch_cntr_wait(struct fid_cntr *fid, uint64_t threshold, int timeout)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);
	struct cntr_waiter cond = {
		.waiter = {.wait = &cntr->count.wait,
			   .sleeper = switch_sleeper(timeout),
			   .spins = SWITCH_SPINS,
			   .restarts = true,
			   .look = cntr_wait_look,
			   .give_up = cntr_give_up},
		.threshold = threshold,
	};

	if (cntr->count.wait.epoll_fd < 0)
		return -FI_ENOSYS;
	switch_pump_lock(&cntr->domain->pump);
	cond.errors = cntr->count.errors;
	switch_pump_unlock(&cntr->domain->pump);
	return (int)switch_wait_block(&cond.waiter);
}

static int switch_cntr_control(struct fid *fid, int command, void *arg)
{
	return switch_wait_control(&container_of(fid, struct switch_cntr, cntr_fid.fid)->count.wait,
				   command, arg);
}

static int switch_cntr_close(struct fid *fid)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid.fid);
	int ret = switch_waitable_close(cntr->domain, &cntr->count.wait, &cntr->count.refs);

	if (!ret)
		free(cntr);
	return ret;
}

static struct fi_ops switch_cntr_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_cntr_close,
	.bind = switch_no_bind,
	.control = switch_cntr_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_cntr switch_cntr_ops = {
	.size = sizeof(struct fi_ops_cntr),
	.read = switch_cntr_read,
	.readerr = switch_cntr_readerr,
	.add = switch_cntr_increase,
	.set = switch_cntr_set,
	.wait = switch_cntr_wait,
	.adderr = switch_cntr_adderr,
	.seterr = switch_cntr_seterr,
};

int switch_cntr_open(struct fid_domain *domain_fid, struct fi_cntr_attr *attr,
		     struct fid_cntr **cntr_fid, void *context)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_cntr *cntr;
	int ret;

	if (!attr || attr->flags || attr->events != FI_CNTR_EVENTS_COMP)
		return -FI_EINVAL;
	ret = switch_wait_check(attr->wait_obj, attr->wait_set);
	if (ret)
		return ret;
	cntr = calloc(1, sizeof(*cntr));
	if (!cntr)
		return -FI_ENOMEM;
	cntr->cntr_fid.fid.fclass = FI_CLASS_CNTR;
	cntr->cntr_fid.fid.context = context;
	cntr->cntr_fid.fid.ops = &switch_cntr_fid_ops;
	cntr->cntr_fid.ops = &switch_cntr_ops;
	cntr->domain = domain;
	ret = switch_waitable_open(domain, &cntr->count.wait, attr->wait_obj, attr->wait_set,
				   cntr_trywait);
	if (ret) {
		free(cntr);
		return ret;
	}
	*cntr_fid = &cntr->cntr_fid;
	return 0;
}
