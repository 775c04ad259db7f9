/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hub of a fabric: its pumps and passive endpoints, and the event queues that progress
 * and wait for them.  Called by these objects when they are opened and closed, and by the
 * calls that read an event queue.
 */
#include <pthread.h>

#include <rdma/fi_errno.h>

#include "progress/events.h"
#include "progress/hub.h"
#include "progress/pump.h"
#include "progress/wait.h"

void switch_hub_init(struct switch_hub *hub)
{
	pthread_mutex_init(&hub->lock, NULL);
	LIST_INIT(&hub->pumps);
	LIST_INIT(&hub->members);
	LIST_INIT(&hub->queues);
}

void switch_hub_fini(struct switch_hub *hub)
{
	pthread_mutex_destroy(&hub->lock);
}

void switch_hub_refer(struct switch_hub *hub, int change)
{
	pthread_mutex_lock(&hub->lock);
	hub->refs += change;
	pthread_mutex_unlock(&hub->lock);
}

void switch_events_refer(struct switch_events *events, int change)
{
	pthread_mutex_lock(&events->hub->lock);
	events->refs += change;
	pthread_mutex_unlock(&events->hub->lock);
}

/* -- progress -------------------------------------------------------------------- */

void switch_hub_progress(struct switch_hub *hub)
{
	struct switch_hub_member *member;
	struct switch_pump *pump;

	pthread_mutex_lock(&hub->lock);
	LIST_FOREACH (member, &hub->members, entry)
		member->progress(member);
	LIST_FOREACH (pump, &hub->pumps, entry) {
		if (!pump->locked)
			continue; /* used by one thread only, and none of its events go to an event
				     queue */
		switch_pump_lock(pump);
		switch_pump_progress(pump);
		switch_pump_unlock(pump);
	}
	pthread_mutex_unlock(&hub->lock);
}

int switch_hub_trywait(struct switch_hub *hub)
{
	struct switch_hub_member *member;
	struct switch_pump *pump;
	int ret = 0;

	pthread_mutex_lock(&hub->lock);
	LIST_FOREACH (member, &hub->members, entry) {
		member->progress(member);
		if (!ret)
			ret = member->trywait(member);
	}
	LIST_FOREACH (pump, &hub->pumps, entry) {
		if (!pump->locked || ret)
			continue;
		switch_pump_lock(pump);
		ret = switch_pump_trywait(pump);
		switch_pump_unlock(pump);
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

/* -- members ----------------------------------------------------------------------- */

int switch_hub_add_pump(struct switch_hub *hub, struct switch_pump *pump)
{
	struct switch_events *events;
	int ret = 0;

	pthread_mutex_lock(&hub->lock);
	if (pump->locked)
		LIST_FOREACH (events, &hub->queues, entry)
			if (!ret)
				ret = switch_wait_add_pump(&events->wait, pump);
	if (!ret) {
		LIST_INSERT_HEAD(&hub->pumps, pump, entry);
		hub->refs++;
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

void switch_hub_del_pump(struct switch_hub *hub, struct switch_pump *pump)
{
	struct switch_events *events;

	pthread_mutex_lock(&hub->lock);
	LIST_REMOVE(pump, entry);
	hub->refs--;
	LIST_FOREACH (events, &hub->queues, entry)
		switch_wait_del_pump(&events->wait, pump);
	pthread_mutex_unlock(&hub->lock);
}

int switch_hub_need_lock(struct switch_hub *hub, struct switch_pump *pump)
{
	struct switch_events *events;
	int ret = 0, failed;

	pthread_mutex_lock(&hub->lock);
	if (!pump->locked) {
		pump->locked = true;
		LIST_FOREACH (events, &hub->queues, entry) {
			failed = switch_wait_add_pump(&events->wait, pump);
			ret = ret ? ret : failed;
		}
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

int switch_hub_add_queue(struct switch_hub *hub, struct switch_events *events)
{
	struct switch_pump *pump;
	int ret = 0;

	pthread_mutex_lock(&hub->lock);
	LIST_FOREACH (pump, &hub->pumps, entry)
		if (pump->locked && !ret)
			ret = switch_wait_add_pump(&events->wait, pump);
	if (!ret) {
		events->hub = hub;
		LIST_INSERT_HEAD(&hub->queues, events, entry);
		hub->refs++;
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

int switch_hub_del_queue(struct switch_hub *hub, struct switch_events *events)
{
	int ret = 0;

	pthread_mutex_lock(&hub->lock);
	if (events->refs) {
		ret = -FI_EBUSY;
	} else {
		LIST_REMOVE(events, entry);
		hub->refs--;
	}
	pthread_mutex_unlock(&hub->lock);
	return ret;
}

void switch_hub_add_fd(struct switch_hub *hub, int fd)
{
	struct switch_events *events;

	LIST_FOREACH (events, &hub->queues, entry)
		switch_wait_add_fd(&events->wait, fd);
}

void switch_hub_del_fd(struct switch_hub *hub, int fd)
{
	struct switch_events *events;

	LIST_FOREACH (events, &hub->queues, entry)
		switch_wait_del_fd(&events->wait, fd);
}
