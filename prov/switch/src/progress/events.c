/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The events of an event queue, from push to read.  A lock of their own, the innermost of
 * all, covers them, so that they are pushed from anywhere.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "base/switch.h"
#include "progress/events.h"
#include "progress/wait.h"

/* Owned by the queue from push to read. */
struct switch_event {
	STAILQ_ENTRY(switch_event) link;
	uint32_t event;
	bool failed;			  /* for readerr: err, and data is its err_data */
	void (*drop)(struct fid *handle); /* of a connection request that nobody will see */
	bool from_app;			  /* written by the application: opaque */
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

/* Frees an event that the application will never see, with what it holds. */
static void event_drop(struct switch_event *event)
{
	if (event->event == FI_CONNREQ && !event->failed && !event->from_app) {
		struct fi_eq_cm_entry entry;

		memcpy(&entry, event->data, sizeof(entry));
		if (event->drop && entry.info && entry.info->handle)
			event->drop(entry.info->handle);
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

static int enqueue(struct switch_events *events, struct switch_event *event)
{
	if (!event) {
		SW_WARN(EQ, "an event is lost: no memory\n");
		return -FI_ENOMEM;
	}
	pthread_mutex_lock(&events->lock);
	STAILQ_INSERT_TAIL(&events->list, event, link);
	switch_wait_signal(&events->wait);
	pthread_mutex_unlock(&events->lock);
	return 0;
}

int switch_events_push(struct switch_events *events, uint32_t event, const void *buf, size_t len)
{
	return enqueue(events, event_create(event, buf, len));
}

int switch_events_push_request(struct switch_events *events, const void *buf, size_t len,
			       void (*drop)(struct fid *handle))
{
	struct switch_event *event = event_create(FI_CONNREQ, buf, len);

	if (event)
		event->drop = drop;
	return enqueue(events, event);
}

int switch_events_write(struct switch_events *events, uint32_t event, const void *buf, size_t len)
{
	struct switch_event *new = event_create(event, buf, len);

	if (new)
		new->from_app = true;
	return enqueue(events, new);
}

int switch_events_push_error(struct switch_events *events, fid_t fid, void *context, int err,
			     int prov_errno, const void *data, size_t data_len)
{
	struct switch_event *event = event_create(0, data, data_len);

	if (event) {
		event->failed = true;
		event->err.fid = fid;
		event->err.context = context;
		event->err.err = err;
		event->err.prov_errno = prov_errno;
	}
	return enqueue(events, event);
}

int switch_events_push_av_error(struct switch_events *events, fid_t fid, void *context, int err,
				uint64_t idx)
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
	return enqueue(events, event);
}

void switch_events_remove(struct switch_events *events, fid_t fid)
{
	struct event_list keep = STAILQ_HEAD_INITIALIZER(keep);
	struct event_list drop = STAILQ_HEAD_INITIALIZER(drop);
	struct switch_event *event;

	pthread_mutex_lock(&events->lock);
	while ((event = STAILQ_FIRST(&events->list))) {
		const bool gone = !event->from_app && event_fid(event) == fid;

		STAILQ_REMOVE_HEAD(&events->list, link);
		if (gone)
			STAILQ_INSERT_TAIL(&drop, event, link);
		else
			STAILQ_INSERT_TAIL(&keep, event, link);
	}
	STAILQ_CONCAT(&events->list, &keep);
	pthread_mutex_unlock(&events->lock);
	while ((event = STAILQ_FIRST(&drop))) {
		STAILQ_REMOVE_HEAD(&drop, link);
		event_drop(event);
	}
}

/* -- reading ------------------------------------------------------------- */

static void err_data_free(struct switch_events *events)
{
	free(events->err_data);
	events->err_data = NULL;
}

/* Bytes of the shortest buffer that this event fits.  Connection data, whose length the
 * peer chooses, are truncated, as fi_eq(3) says. */
static size_t least_room(const struct switch_event *event)
{
	const bool cm = event->event == FI_CONNREQ || event->event == FI_CONNECTED ||
			event->event == FI_SHUTDOWN;

	return cm && !event->from_app ? sizeof(struct fi_eq_cm_entry) : event->len;
}

ssize_t switch_events_take(struct switch_events *events, uint32_t *event, void *buf, size_t len,
			   uint64_t flags)
{
	struct switch_event *first;
	ssize_t ret;

	pthread_mutex_lock(&events->lock);
	err_data_free(events);
	first = STAILQ_FIRST(&events->list);
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
			STAILQ_REMOVE_HEAD(&events->list, link);
			free(first); /* the reader owns what it holds */
		}
	}
	pthread_mutex_unlock(&events->lock);
	return ret;
}

bool switch_events_ready(struct switch_events *events)
{
	bool ready;

	pthread_mutex_lock(&events->lock);
	ready = !STAILQ_EMPTY(&events->list);
	pthread_mutex_unlock(&events->lock);
	return ready;
}

/*
 * Writes field by field: the struct of an application from before 1.5 ends at err_data.  An
 * application of that age, and one that brings no buffer, gets a pointer to our copy, which is
 * valid until the next read.
 */
static void entry_write_error(struct switch_events *events, struct fi_eq_err_entry *entry,
			      struct switch_event *event, bool has_size)
{
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
		events->err_data = len ? malloc(len) : NULL;
		if (events->err_data)
			memcpy(events->err_data, event->data, len);
		else
			len = 0;
		entry->err_data = events->err_data;
	}
	if (has_size)
		entry->err_data_size = len;
}

ssize_t switch_events_take_error(struct switch_events *events, struct fi_eq_err_entry *entry,
				 bool has_size, uint64_t flags)
{
	struct switch_event *first;
	ssize_t ret = -FI_EAGAIN;

	pthread_mutex_lock(&events->lock);
	err_data_free(events);
	first = STAILQ_FIRST(&events->list);
	if (first && first->failed) {
		entry_write_error(events, entry, first, has_size);
		if (!(flags & FI_PEEK)) {
			STAILQ_REMOVE_HEAD(&events->list, link);
			free(first);
		}
		ret = sizeof(*entry);
	}
	pthread_mutex_unlock(&events->lock);
	return ret;
}

/* -- object -------------------------------------------------------------- */

void switch_events_init(struct switch_events *events)
{
	STAILQ_INIT(&events->list);
	pthread_mutex_init(&events->lock, NULL);
}

void switch_events_fini(struct switch_events *events)
{
	struct switch_event *event;

	while ((event = STAILQ_FIRST(&events->list))) {
		STAILQ_REMOVE_HEAD(&events->list, link);
		event_drop(event);
	}
	err_data_free(events);
	pthread_mutex_destroy(&events->lock);
}
