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
#include "base/compat.h"
#include "progress/pump.h"
#include "progress/wait.h"

#define SPIN_READS 20 /* before a wait sleeps */

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
	/* fi_poll(3): not what the application did to the value itself */
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

bool switch_cntr_ready(const struct switch_cntr *cntr)
{
	return cntr->count.moved;
}

bool switch_cntr_polled(struct switch_cntr *cntr)
{
	const bool changed = cntr->count.changed;

	cntr->count.changed = false;
	return changed;
}

int switch_cntr_trywait(struct switch_cntr *cntr, bool *signaled)
{
	int ret = switch_pump_trywait(&cntr->domain->pump);

	*signaled |= switch_wait_arm(&cntr->count.wait);
	return switch_cntr_ready(cntr) ? -FI_EAGAIN : ret;
}

/* 0 or -FI_EAVAIL when the wait is over, else -FI_EAGAIN. */
static int cntr_check(const struct switch_cntr *cntr, uint64_t threshold, uint64_t errors)
{
	if (cntr->count.value >= threshold)
		return 0;
	return cntr->count.errors != errors ? -FI_EAVAIL : -FI_EAGAIN;
}

/* One pass of a wait: what cntr_check() says, after progress; with -FI_EAGAIN
 * the thread has entered if it may sleep. */
static int cntr_pass(struct switch_cntr *cntr, uint64_t threshold, uint64_t errors, bool may_sleep,
		     struct switch_sleeper *sleeper)
{
	int ret;

	switch_pump_lock(&cntr->domain->pump);
	switch_wait_leave(&cntr->count.wait, sleeper);
	switch_pump_progress(&cntr->domain->pump);
	ret = cntr_check(cntr, threshold, errors);
	if (ret == -FI_EAGAIN && may_sleep && !switch_pump_trywait(&cntr->domain->pump)) {
		ret = cntr_check(cntr, threshold, errors);
		if (ret == -FI_EAGAIN)
			switch_wait_enter(&cntr->count.wait, sleeper);
	}
	switch_pump_unlock(&cntr->domain->pump);
	return ret;
}

static void cntr_leave(struct switch_cntr *cntr, struct switch_sleeper *sleeper)
{
	switch_pump_lock(&cntr->domain->pump);
	switch_wait_leave(&cntr->count.wait, sleeper);
	switch_pump_unlock(&cntr->domain->pump);
}

static int switch_cntr_wait(struct fid_cntr *fid, uint64_t threshold, int timeout)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid);
	struct switch_sleeper sleeper = switch_sleeper(timeout);
	uint64_t errors;
	int ret;

	if (cntr->count.wait.epoll_fd < 0)
		return -FI_ENOSYS;
	switch_pump_lock(&cntr->domain->pump);
	errors = cntr->count.errors;
	switch_pump_unlock(&cntr->domain->pump);
	for (unsigned pass = 0;; pass++) {
		ret = cntr_pass(cntr, threshold, errors, pass >= SPIN_READS, &sleeper);
		if (ret != -FI_EAGAIN)
			return ret;
		ret = switch_wait_sleep(&cntr->count.wait, &sleeper);
		if (ret && ret != -FI_EAGAIN)
			break;
	}
	cntr_leave(cntr, &sleeper);
	return ret;
}

static int switch_cntr_control(struct fid *fid, int command, void *arg)
{
	return switch_wait_control(&container_of(fid, struct switch_cntr, cntr_fid.fid)->count.wait,
				   command, arg);
}

static int switch_cntr_close(struct fid *fid)
{
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid.fid);
	struct switch_domain *domain = cntr->domain;

	switch_pump_lock(&domain->pump);
	if (cntr->count.refs) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	switch_wait_fini(&cntr->count.wait);
	free(cntr);
	return 0;
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
	switch_pump_lock(&domain->pump);
	ret = switch_wait_open(&cntr->count.wait, attr->wait_obj, &domain->pump);
	if (!ret)
		domain->refs++;
	switch_pump_unlock(&domain->pump);
	if (ret) {
		free(cntr);
		return ret;
	}
	if (attr->wait_obj == FI_WAIT_SET)
		ret = switch_waitset_enter(attr->wait_set, domain->fabric, &cntr->count.wait,
					   &cntr->cntr_fid.fid);
	if (ret) {
		switch_cntr_close(&cntr->cntr_fid.fid);
		return ret;
	}
	*cntr_fid = &cntr->cntr_fid;
	return 0;
}
