/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session and the core path under it: the core's events and the engine's actions that
 * concern them.  Called by the pump, and by the code above it that makes connections.  The
 * pump's lock is held.
 */
#include <errno.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/switch.h"
#include "core/core.h"
#include "progress/core.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

void switch_link_init(struct switch_link *link, struct switch_pump *pump)
{
	link->pump = pump;
	link->core = &pump->core;
	LIST_INSERT_HEAD(&pump->links, link, entry);
}

static void set_pending(struct switch_link *link, bool pending)
{
	if (link->pending == pending)
		return;
	link->pending = pending;
	if (pending) {
		link->pump->cm_pending++;
		switch_pump_wake(link->pump);
	} else {
		link->pump->cm_pending--;
	}
}

static void note_session_id(struct switch_link *link, const void *preamble)
{
	struct sess_request own;

	sess_request_parse(preamble, SESS_PREAMBLE_LEN, &own);
	link->session_id = own.session_id;
}

int switch_link_connect(struct switch_link *link, struct core_listener *from, struct fi_info *info,
			const void *addr, size_t addr_len, const void *data, size_t len)
{
	const struct switch_core *core = link->core;
	int ret;

	note_session_id(link, data);
	ret = core->ops->connect(core->domain, from, info, addr, addr_len, data, len, link,
				 &link->path);
	if (ret) {
		SW_INFO(EP_CTRL, "the core cannot connect: %s\n", fi_strerror(-ret));
		return ret;
	}
	link->path_cnt++;
	set_pending(link, true);
	return 0;
}

int switch_link_accept(struct switch_link *link, struct core_request *request, const void *data,
		       size_t len)
{
	const struct switch_core *core = link->core;
	int ret;

	note_session_id(link, data);
	ret = core->ops->accept(core->domain, request, data, len, link, &link->path);
	if (ret) {
		SW_WARN(EP_CTRL, "the core cannot accept: %s\n", fi_strerror(-ret));
		return ret;
	}
	link->path_cnt++;
	set_pending(link, true);
	return 0;
}

void switch_link_drop_path(struct switch_link *link)
{
	struct core_path *path = link->path;

	if (!path)
		return;
	link->path = NULL;
	set_pending(link, true);
	link->core->ops->path_close(path);
}

void switch_link_end(struct switch_link *link)
{
	if (link->sess)
		sess_closed(link->sess);
	link->sess = NULL;
	set_pending(link, false);
	LIST_REMOVE(link, entry);
	link->pump->front->gone(link);
}

static void end_if_closed(struct switch_link *link)
{
	if (link->down && !link->path_cnt)
		switch_link_end(link);
}

/* -- events of the core ---------------------------------------------------------- */

void switch_link_connected(const struct core_event *event)
{
	struct switch_link *link = event->user;
	struct sess_request answer;
	bool is_switch;
	int error;

	if (event->path != link->path || link->down)
		return;
	link->met = true;
	is_switch = !sess_request_parse(event->data, event->len, &answer);
	error = is_switch
			? link->pump->front->data(link,
						  (const uint8_t *)event->data + SESS_PREAMBLE_LEN,
						  event->len - SESS_PREAMBLE_LEN)
			: 0;
	if (error)
		sess_path_down(sess_link(link->sess), error);
	else
		sess_path_up(sess_link(link->sess), is_switch ? &answer : NULL);
}

void switch_link_refused(const struct core_event *event)
{
	struct switch_link *link = event->user;

	if (event->path != link->path || link->down)
		return;
	if (link->pump->front->refused(link, event->data, event->len)) {
		if (event->path == link->path) /* it may have another one already */
			switch_link_drop_path(link);
	} else {
		sess_path_down(sess_link(link->sess),
			       event->error ? event->error : FI_ECONNREFUSED);
	}
}

void switch_link_broken(const struct core_event *event)
{
	struct switch_link *link = event->user;

	if (event->path != link->path || link->down)
		return;
	sess_path_down(sess_link(link->sess), event->error);
}

void switch_link_path_closed(const struct core_event *event)
{
	struct switch_link *link = event->user;

	link->path_cnt--;
	if (!link->down && !link->path_cnt && sess_is_up(link->sess))
		set_pending(link, false);
	end_if_closed(link);
}

/* -- actions of the engine ----------------------------------------------------------- */

void switch_link_up(struct switch_link *link)
{
	set_pending(link, false);
	link->was_up = true;
	link->pump->front->up(link);
}

void switch_link_bye(struct switch_link *link)
{
	set_pending(link, true);
	link->pump->front->bye(link);
}

void switch_link_down(struct switch_link *link, int error)
{
	link->pump->front->down(link, error);
	link->down = true;
	switch_link_drop_path(link);
	end_if_closed(link);
}
