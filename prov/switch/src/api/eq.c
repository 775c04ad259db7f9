/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues: connection events, the outcome of asynchronous insertions, and
 * what the application writes.
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

#include "api/domain.h"
#include "api/eq.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/opt.h"
#include "base/compat.h"
#include "base/switch.h"
#include "peer/pep.h"
#include "progress/wait.h"

#define SPIN_READS 20 /* before a blocking read sleeps */

/* Owned by the queue from push to read. */
struct switch_event {
	STAILQ_ENTRY(switch_event) link;
	uint32_t event;
	bool failed;   /* for readerr: err, and data is its err_data */
	bool from_app; /* written by the application: opaque */
	struct fi_eq_err_entry err;
	size_t len;
	max_align_t data[];
};

STAILQ_HEAD(event_list, switch_event);

static struct switch_event *event_create(uint32_t event, const void *data, size_t len)
{
	struct switch_event *new = malloc(sizeof(*new) + len);

	if (!new)
		return NULL;
	memset(new, 0, sizeof(*new));
	new->event = event;
	new->len = len;
	if (len)
		memcpy(new->data, data, len);
	return new;
}

/* With what it holds: the application will never see it. */
static void event_drop(struct switch_event *event)
{
	if (event->event == FI_CONNREQ && !event->failed && !event->from_app) {
		struct fi_eq_cm_entry entry;

		memcpy(&entry, event->data, sizeof(entry));
		if (entry.info && entry.info->handle)
			switch_connreq_drop(entry.info->handle);
		fi_freeinfo(entry.info);
	}
	free(event);
}

static fid_t event_fid(const struct switch_event *event)
{
	fid_t fid = event->err.fid;

	if (!event->failed) /* fi_eq_entry and fi_eq_cm_entry both begin with it */
		memcpy(&fid, event->data, sizeof(fid));
	return fid;
}

static int eq_queue(struct switch_eq *eq, struct switch_event *event)
{
	if (!event) {
		SW_WARN(EQ, "an event is lost: no memory\n");
		return -FI_ENOMEM;
	}
	pthread_mutex_lock(&eq->lock);
	STAILQ_INSERT_TAIL(&eq->events, event, link);
	switch_wait_signal(&eq->wait);
	pthread_mutex_unlock(&eq->lock);
	return 0;
}

int switch_eq_push(struct switch_eq *eq, uint32_t event, const void *buf, size_t len)
{
	return eq_queue(eq, event_create(event, buf, len));
}

int switch_eq_push_error(struct switch_eq *eq, fid_t fid, void *context, int err, int prov_errno,
			 const void *data, size_t data_len)
{
	struct switch_event *event = event_create(0, data, data_len);

	if (event) {
		event->failed = true;
		event->err.fid = fid;
		event->err.context = context;
		event->err.err = err;
		event->err.prov_errno = prov_errno;
	}
	return eq_queue(eq, event);
}

int switch_eq_push_av_error(struct switch_eq *eq, fid_t fid, void *context, int err, uint64_t idx)
{
	struct switch_event *event = event_create(0, NULL, 0);

	if (event) {
		event->failed = true;
		event->err.fid = fid;
		event->err.context = context;
		event->err.data = idx;
		event->err.err = err;
		event->err.prov_errno = err;
	}
	return eq_queue(eq, event);
}

void switch_eq_remove(struct switch_eq *eq, fid_t fid)
{
	struct event_list keep = STAILQ_HEAD_INITIALIZER(keep);
	struct event_list drop = STAILQ_HEAD_INITIALIZER(drop);
	struct switch_event *event;

	pthread_mutex_lock(&eq->lock);
	while ((event = STAILQ_FIRST(&eq->events))) {
		const bool gone = !event->from_app && event_fid(event) == fid;

		STAILQ_REMOVE_HEAD(&eq->events, link);
		if (gone)
			STAILQ_INSERT_TAIL(&drop, event, link);
		else
			STAILQ_INSERT_TAIL(&keep, event, link);
	}
	STAILQ_CONCAT(&eq->events, &keep);
	pthread_mutex_unlock(&eq->lock);
	while ((event = STAILQ_FIRST(&drop))) {
		STAILQ_REMOVE_HEAD(&drop, link);
		event_drop(event);
	}
}

/* -- reading ------------------------------------------------------------- */

static void err_data_free(struct switch_eq *eq)
{
	free(eq->err_data);
	eq->err_data = NULL;
}

/* What a reader needs room for.  Connection data, whose length the peer chooses,
 * are cut to what there is, as fi_eq(3) says. */
static size_t least_room(const struct switch_event *event)
{
	const bool cm = event->event == FI_CONNREQ || event->event == FI_CONNECTED ||
			event->event == FI_SHUTDOWN;

	return cm && !event->from_app ? sizeof(struct fi_eq_cm_entry) : event->len;
}

static ssize_t eq_take(struct switch_eq *eq, uint32_t *event, void *buf, size_t len, uint64_t flags)
{
	struct switch_event *first;
	ssize_t ret;

	pthread_mutex_lock(&eq->lock);
	err_data_free(eq);
	first = STAILQ_FIRST(&eq->events);
	if (!first) {
		ret = -FI_EAGAIN;
	} else if (first->failed) {
		ret = -FI_EAVAIL;
	} else if (len < least_room(first)) {
		ret = -FI_ETOOSMALL;
	} else {
		ret = len < first->len ? (ssize_t)len : (ssize_t)first->len;
		*event = first->event;
		memcpy(buf, first->data, (size_t)ret);
		if (!(flags & FI_PEEK)) {
			STAILQ_REMOVE_HEAD(&eq->events, link);
			free(first); /* what it holds is the reader's now */
		}
	}
	pthread_mutex_unlock(&eq->lock);
	return ret;
}

static ssize_t switch_eq_read(struct fid_eq *fid, uint32_t *event, void *buf, size_t len,
			      uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	ssize_t ret = eq_take(eq, event, buf, len, flags);

	if (ret != -FI_EAGAIN)
		return ret;
	switch_fabric_progress(eq->fabric);
	return eq_take(eq, event, buf, len, flags);
}

bool switch_eq_ready(struct switch_eq *eq)
{
	bool ready;

	pthread_mutex_lock(&eq->lock);
	ready = !STAILQ_EMPTY(&eq->events);
	pthread_mutex_unlock(&eq->lock);
	return ready;
}

int switch_eq_trywait(struct switch_eq *eq, bool *signaled)
{
	int ret = switch_fabric_trywait(eq->fabric);

	pthread_mutex_lock(&eq->lock);
	*signaled |= switch_wait_arm(&eq->wait);
	if (!STAILQ_EMPTY(&eq->events))
		ret = -FI_EAGAIN;
	pthread_mutex_unlock(&eq->lock);
	return ret;
}

/* Before a thread sleeps, unless there is an event; and after it slept. */
static void eq_enter(struct switch_eq *eq, struct switch_sleeper *sleeper)
{
	if (switch_fabric_trywait(eq->fabric))
		return;
	pthread_mutex_lock(&eq->lock);
	if (STAILQ_EMPTY(&eq->events))
		switch_wait_enter(&eq->wait, sleeper);
	pthread_mutex_unlock(&eq->lock);
}

static void eq_leave(struct switch_eq *eq, struct switch_sleeper *sleeper)
{
	pthread_mutex_lock(&eq->lock);
	switch_wait_leave(&eq->wait, sleeper);
	pthread_mutex_unlock(&eq->lock);
}

static ssize_t switch_eq_sread(struct fid_eq *fid, uint32_t *event, void *buf, size_t len,
			       int timeout, uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	struct switch_sleeper sleeper = switch_sleeper(timeout);
	ssize_t ret;

	if (eq->wait.epoll_fd < 0)
		return -FI_ENOSYS;
	for (unsigned pass = 0;; pass++) {
		ret = switch_eq_read(fid, event, buf, len, flags);
		if (ret != -FI_EAGAIN)
			return ret;
		if (pass >= SPIN_READS)
			eq_enter(eq, &sleeper);
		ret = switch_wait_sleep(&eq->wait, &sleeper);
		eq_leave(eq, &sleeper);
		if (ret)
			return ret == -FI_ETIMEDOUT ? -FI_EAGAIN : ret;
	}
}

/*
 * Fields one by one: before 1.5 the application's struct ends at err_data.  An
 * application of that age, or one that brings no buffer of its own, is shown
 * ours, which lives until the next read.
 */
static void entry_write_error(struct switch_eq *eq, struct fi_eq_err_entry *entry,
			      struct switch_event *event)
{
	const bool has_size = FI_VERSION_GE(eq->fabric->fabric_fid.api_version, FI_VERSION(1, 5));
	size_t len = event->len;

	entry->fid = event->err.fid;
	entry->context = event->err.context;
	entry->data = event->err.data;
	entry->err = event->err.err;
	entry->prov_errno = event->err.prov_errno;
	if (has_size && entry->err_data_size) {
		if (len > entry->err_data_size)
			len = entry->err_data_size;
		if (len)
			memcpy(entry->err_data, event->data, len);
	} else {
		eq->err_data = len ? malloc(len) : NULL;
		if (eq->err_data)
			memcpy(eq->err_data, event->data, len);
		else
			len = 0;
		entry->err_data = eq->err_data;
	}
	if (has_size)
		entry->err_data_size = len;
}

static ssize_t switch_eq_readerr(struct fid_eq *fid, struct fi_eq_err_entry *entry, uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	struct switch_event *first;
	ssize_t ret = -FI_EAGAIN;

	pthread_mutex_lock(&eq->lock);
	err_data_free(eq);
	first = STAILQ_FIRST(&eq->events);
	if (first && first->failed) {
		entry_write_error(eq, entry, first);
		if (!(flags & FI_PEEK)) {
			STAILQ_REMOVE_HEAD(&eq->events, link);
			free(first);
		}
		ret = sizeof(*entry);
	}
	pthread_mutex_unlock(&eq->lock);
	return ret;
}

static ssize_t switch_eq_write(struct fid_eq *fid, uint32_t event, const void *buf, size_t len,
			       uint64_t flags)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid);
	struct switch_event *new;
	int ret;

	if (!eq->app_writes)
		return -FI_ENOSYS;
	if (flags || !buf || !len)
		return -FI_EINVAL;
	new = event_create(event, buf, len);
	if (new)
		new->from_app = true;
	ret = eq_queue(eq, new);
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
	return switch_wait_control(&container_of(fid, struct switch_eq, eq_fid.fid)->wait, command,
				   arg);
}

static int switch_eq_close(struct fid *fid)
{
	struct switch_eq *eq = container_of(fid, struct switch_eq, eq_fid.fid);
	struct switch_fabric *fabric = eq->fabric;
	struct switch_event *event;

	pthread_mutex_lock(&fabric->lock);
	if (eq->refs) {
		pthread_mutex_unlock(&fabric->lock);
		return -FI_EBUSY;
	}
	LIST_REMOVE(eq, link);
	fabric->refs--;
	pthread_mutex_unlock(&fabric->lock);
	while ((event = STAILQ_FIRST(&eq->events))) {
		STAILQ_REMOVE_HEAD(&eq->events, link);
		event_drop(event);
	}
	err_data_free(eq);
	switch_wait_fini(&eq->wait);
	pthread_mutex_destroy(&eq->lock);
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

/* Every domain that event queues progress wakes this one too. */
static int eq_add_domains(struct switch_eq *eq)
{
	struct switch_domain *domain;
	int ret = 0;

	LIST_FOREACH (domain, &eq->fabric->domains, link)
		if (domain->pump.locked && !ret)
			ret = switch_wait_add_pump(&eq->wait, &domain->pump);
	return ret;
}

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
	STAILQ_INIT(&eq->events);
	pthread_mutex_init(&eq->lock, NULL);
	pthread_mutex_lock(&fabric->lock);
	ret = switch_wait_open(&eq->wait, attr->wait_obj, NULL);
	if (!ret) {
		ret = eq_add_domains(eq);
		if (ret)
			switch_wait_fini(&eq->wait);
	}
	if (!ret) {
		LIST_INSERT_HEAD(&fabric->eqs, eq, link);
		fabric->refs++;
	}
	pthread_mutex_unlock(&fabric->lock);
	if (ret) {
		pthread_mutex_destroy(&eq->lock);
		free(eq);
		return ret;
	}
	if (attr->wait_obj == FI_WAIT_SET)
		ret = switch_waitset_enter(attr->wait_set, fabric, &eq->wait, &eq->eq_fid.fid);
	if (ret) {
		switch_eq_close(&eq->eq_fid.fid);
		return ret;
	}
	*eq_fid = &eq->eq_fid;
	return 0;
}
