/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listening for MSG endpoints: connection requests become events.  A request that does not
 * begin with this provider's preamble never reaches the application.  Lives under the lock of
 * its hub.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/cm.h"
#include "peer/data.h"
#include "peer/passive.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "switch_session.h"

enum {
	REQUESTS = 64, /* most requests taken in one look, because others want the lock */
};

static struct switch_connreq *connreq_create(const struct switch_passive *passive,
					     struct core_event *event)
{
	struct switch_connreq *connreq = calloc(1, sizeof(*connreq));

	if (!connreq)
		return NULL;
	connreq->fid.fclass = FI_CLASS_CONNREQ;
	connreq->core_ops = passive->core_ops;
	connreq->request = event->request;
	return connreq;
}

/* The fi_info for the endpoint that will accept: ours, with the core's addresses. */
static struct fi_info *connreq_info(struct switch_passive *passive, const struct core_event *event,
				    struct switch_connreq *connreq)
{
	const struct fi_info *core = event->info;
	struct fi_info *info = fi_dupinfo(passive->info);

	if (!info)
		return NULL;
	info->handle = &connreq->fid;
	if (switch_info_set_addr(&info->src_addr, &info->src_addrlen, core->src_addr,
				 core->src_addrlen) ||
	    switch_info_set_addr(&info->dest_addr, &info->dest_addrlen, core->dest_addr,
				 core->dest_addrlen)) {
		fi_freeinfo(info);
		return NULL;
	}
	return info;
}

static int push_connreq(struct switch_passive *passive, const struct core_event *event,
			struct switch_connreq *connreq)
{
	size_t len = event->len - SESS_PREAMBLE_LEN;
	struct fi_eq_cm_entry *entry = calloc(1, sizeof(*entry) + len);
	int ret = -FI_ENOMEM;

	if (!entry)
		return ret;
	entry->fid = passive->fid;
	entry->info = connreq_info(passive, event, connreq);
	memcpy(entry->data, (const uint8_t *)event->data + SESS_PREAMBLE_LEN, len);
	if (entry->info)
		ret = switch_events_push_request(passive->events, entry, sizeof(*entry) + len,
						 switch_connreq_drop);
	if (ret)
		fi_freeinfo(entry->info);
	free(entry);
	return ret;
}

static void request_came(struct switch_passive *passive, struct core_event *event)
{
	struct switch_connreq *connreq;
	struct sess_request preamble;

	if (sess_request_parse(event->data, event->len, &preamble)) {
		switch_refusal_warn(&passive->warned);
		passive->core_ops->reject(event->request, NULL, 0);
		event->request = NULL;
		return;
	}
	connreq = connreq_create(passive, event);
	if (connreq) {
		connreq->preamble = preamble;
		if (!push_connreq(passive, event, connreq)) {
			event->request = NULL;
			return;
		}
	}
	SW_WARN(EP_CTRL, "no memory for a peer that connects\n");
	free(connreq);
	passive->core_ops->reject(event->request, NULL, 0);
	event->request = NULL;
}

static void passive_progress(struct switch_hub_member *member)
{
	struct switch_passive *passive = container_of(member, struct switch_passive, member);
	struct core_event event;

	for (int cnt = 0; passive->listening && cnt < REQUESTS; cnt++) {
		if (passive->core_ops->passive_poll(passive->listener, &event) <= 0)
			return;
		request_came(passive, &event);
		passive->core_ops->passive_release(passive->listener, &event);
	}
}

static int passive_trywait(struct switch_hub_member *member)
{
	struct switch_passive *passive = container_of(member, struct switch_passive, member);

	return passive->listening ? passive->core_ops->passive_trywait(passive->listener) : 0;
}

void switch_connreq_drop(struct fid *handle)
{
	struct switch_connreq *connreq = container_of(handle, struct switch_connreq, fid);

	connreq->core_ops->reject(connreq->request, NULL, 0);
	free(connreq);
}

size_t switch_passive_cm_room(const struct switch_passive *passive)
{
	return switch_data_size(passive->core_ops->passive_cm_size(passive->listener)) -
	       SESS_PREAMBLE_LEN;
}

int switch_passive_open(struct switch_passive *passive, struct fid_fabric *core,
			struct fi_info *core_info)
{
	int ret;

	passive->member.progress = passive_progress;
	passive->member.trywait = passive_trywait;
	ret = passive->core_ops->passive_open(core, core_info, passive, &passive->listener);
	if (ret)
		return ret;
	pthread_mutex_lock(&passive->hub->lock);
	LIST_INSERT_HEAD(&passive->hub->members, &passive->member, entry);
	passive->hub->refs++;
	pthread_mutex_unlock(&passive->hub->lock);
	return 0;
}

void switch_passive_close(struct switch_passive *passive)
{
	struct switch_hub *hub = passive->hub;

	pthread_mutex_lock(&hub->lock);
	LIST_REMOVE(&passive->member, entry);
	if (passive->listening)
		switch_hub_del_fd(hub, passive->core_ops->passive_fd(passive->listener));
	if (passive->events) {
		switch_events_remove(passive->events, passive->fid);
		passive->events->refs--;
	}
	passive->core_ops->listener_close(passive->listener);
	hub->refs--;
	pthread_mutex_unlock(&hub->lock);
}

int switch_passive_listen(struct switch_passive *passive)
{
	struct switch_hub *hub = passive->hub;
	int ret;

	pthread_mutex_lock(&hub->lock);
	ret = passive->core_ops->passive_listen(passive->listener);
	if (!ret) {
		passive->listening = true;
		switch_hub_add_fd(hub, passive->core_ops->passive_fd(passive->listener));
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

void switch_passive_reject(struct switch_passive *passive, struct switch_connreq *connreq,
			   const void *data, size_t len)
{
	if (connreq->msg)
		connreq->msg->connreq = NULL;
	pthread_mutex_lock(&passive->hub->lock);
	passive->core_ops->reject(connreq->request, data, len);
	pthread_mutex_unlock(&passive->hub->lock);
	free(connreq);
}
