/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues: connection events, the outcome of asynchronous insertions, and entries that
 * the application writes.
 *
 * They belong to a fabric and have a lock of their own, the innermost of all,
 * so that events are pushed from anywhere.  Reading one progresses everything
 * below the fabric, since an application that waits for a connection may read
 * nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/eq.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/opt.h"
#include "api/trywait.h"
#include "api/wait_set.h"
#include "base/compat.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "progress/wait.h"

static ssize_t switch_eq_read(struct fid_eq *fid, uint32_t *event, void *buf, size_t len,
			      uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	ssize_t ret = switch_events_take(&eq->events, event, buf, len, flags);

	if (ret != -FI_EAGAIN)
		return ret;
	switch_hub_progress(eq->events.hub);
	return switch_events_take(&eq->events, event, buf, len, flags);
}

static int eq_trywait(struct switch_wait *wait, bool *ready, bool *signaled)
{
	struct switch_events *events = container_of(wait, struct switch_events, wait);
	int ret = switch_hub_trywait(events->hub);

	pthread_mutex_lock(&events->lock);
	*signaled |= switch_wait_arm(wait);
	if (!STAILQ_EMPTY(&events->list)) {
		*ready = true;
		ret = -FI_EAGAIN;
	}
	pthread_mutex_unlock(&events->lock);
	return ret;
}

/* A blocking read. */
struct eq_waiter {
	struct switch_waiter waiter; /* first */
	struct fid_eq *fid;
	uint32_t *event;
	void *buf;
	size_t len;
	uint64_t flags;
};

static struct switch_events *events_of(const struct switch_waiter *waiter)
{
	return container_of(waiter->wait, struct switch_events, wait);
}

static void eq_get_up(struct switch_waiter *waiter)
{
	struct switch_events *events = events_of(waiter);

	pthread_mutex_lock(&events->lock);
	switch_wait_leave(&events->wait, &waiter->sleeper);
	pthread_mutex_unlock(&events->lock);
}

static ssize_t eq_look(struct switch_waiter *waiter, bool may_sleep)
{
	const struct eq_waiter *read = (struct eq_waiter *)waiter;
	struct switch_events *events = events_of(waiter);
	ssize_t ret;

	eq_get_up(waiter);
	ret = switch_eq_read(read->fid, read->event, read->buf, read->len, read->flags);
	if (ret != -FI_EAGAIN || !may_sleep || switch_hub_trywait(events->hub))
		return ret;
	pthread_mutex_lock(&events->lock);
	if (STAILQ_EMPTY(&events->list))
		switch_wait_enter(&events->wait, &waiter->sleeper);
	pthread_mutex_unlock(&events->lock);
	return ret;
}

static ssize_t eq_give_up(struct switch_waiter *waiter, int why)
{
	eq_get_up(waiter);
	return why == -FI_ETIMEDOUT ? -FI_EAGAIN : why;
}

static ssize_t switch_eq_sread(struct fid_eq *fid, uint32_t *event, void *buf, size_t len,
			       int timeout, uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	struct eq_waiter read = {
		.waiter = {.wait = &eq->events.wait,
			   .sleeper = switch_sleeper(timeout),
			   .spins = SWITCH_SPINS,
			   .look = eq_look,
			   .give_up = eq_give_up},
		.fid = fid,
		.event = event,
		.buf = buf,
		.len = len,
		.flags = flags,
	};

	return eq->events.wait.epoll_fd < 0 ? -FI_ENOSYS : switch_wait_block(&read.waiter);
}

static ssize_t switch_eq_readerr(struct fid_eq *fid, struct fi_eq_err_entry *entry, uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	const uint32_t api = eq->fabric->fabric_fid.api_version;

	return switch_events_take_error(&eq->events, entry, FI_VERSION_GE(api, FI_VERSION(1, 5)),
					flags);
}

static ssize_t switch_eq_write(struct fid_eq *fid, uint32_t event, const void *buf, size_t len,
			       uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	int ret;

	if (!eq->app_writes)
		return -FI_ENOSYS;
	if (flags || !buf || !len)
		return -FI_EINVAL;
	ret = switch_events_write(&eq->events, event, buf, len);
	return ret ? ret : (ssize_t)len;
}

static const char *switch_eq_strerror(struct fid_eq *fid, int prov_errno, const void *err_data,
				      char *buf, size_t len)
{
	(void)fid, (void)err_data;
	return switch_strerror(prov_errno, buf, len);
}

/* -- object -------------------------------------------------------------- */

static int switch_eq_control(struct fid *fid, int command, void *arg)
{
	return switch_wait_control(&container_of(fid, struct switch_eq, eq_fid.fid)->events.wait,
				   command, arg);
}

static int switch_eq_close(struct fid *fid)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid.fid);
	int ret = switch_hub_del_queue(&eq->fabric->hub, &eq->events);

	if (ret)
		return ret;
	switch_wait_fini(&eq->events.wait);
	switch_events_fini(&eq->events);
	free(eq);
	return 0;
}

static struct fi_ops switch_eq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_eq_close,
	.bind = switch_no_bind,
	.control = switch_eq_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_eq switch_eq_ops = {
	.size = sizeof(struct fi_ops_eq),
	.read = switch_eq_read,
	.readerr = switch_eq_readerr,
	.write = switch_eq_write,
	.sread = switch_eq_sread,
	.strerror = switch_eq_strerror,
};

int switch_eq_open(struct fid_fabric *fabric_fid, struct fi_eq_attr *attr, struct fid_eq **eq_fid,
		   void *context)
{
	struct switch_fabric *fabric = container_of(fabric_fid, struct switch_fabric, fabric_fid);
	struct switch_eq *eq;
	int ret;

	if (!attr || attr->flags & ~(FI_WRITE | FI_AFFINITY))
		return -FI_EINVAL;
	ret = switch_wait_check(attr->wait_obj, attr->wait_set);
	if (ret)
		return ret;
	eq = calloc(1, sizeof(*eq));
	if (!eq)
		return -FI_ENOMEM;
	eq->eq_fid.fid.fclass = FI_CLASS_EQ;
	eq->eq_fid.fid.context = context;
	eq->eq_fid.fid.ops = &switch_eq_fid_ops;
	eq->eq_fid.ops = &switch_eq_ops;
	eq->fabric = fabric;
	eq->app_writes = attr->flags & FI_WRITE;
	switch_events_init(&eq->events);
	ret = switch_wait_open(&eq->events.wait, attr->wait_obj, NULL);
	eq->events.wait.trywait = eq_trywait;
	if (!ret) {
		ret = switch_hub_add_queue(&fabric->hub, &eq->events);
		if (ret)
			switch_wait_fini(&eq->events.wait);
	}
	if (ret) {
		switch_events_fini(&eq->events);
		free(eq);
		return ret;
	}
	if (attr->wait_obj == FI_WAIT_SET)
		ret = switch_waitset_enter(attr->wait_set, fabric, &eq->events.wait);
	if (ret) {
		switch_eq_close(&eq->eq_fid.fid);
		return ret;
	}
	*eq_fid = &eq->eq_fid;
	return 0;
}
