/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection events: reads the domain's event queue and those of its listeners.  Called by
 * core_msg_poll() under the domain's lock.  It changes the state of paths; it neither
 * opens nor frees one.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/event.h"
#include "core/common/failure.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"
#include "core/msg/path.h"
#include "core/msg/request.h"

/* Handles the core's report that a connection is over; returns how many events that makes. */
static int core_msg_path_over(struct core_path *path, int error, const void *data, size_t len,
			      struct core_event *event)
{
	switch (path->base.state) {
	case CORE_PATH_CONNECTING:
		path->base.state = CORE_PATH_DEAD;
		path->domain->cm_pending--;
		core_event_path(event, CORE_REFUSED, path, error ? error : FI_ECONNREFUSED, data,
				len);
		return 1;
	case CORE_PATH_UP:
		/* reported behind everything that arrived before */
		path->base.state = CORE_PATH_DEAD;
		path->error = error;
		core_msg_drain_enter(path, CORE_MSG_REPORT_BROKEN);
		return 0;
	case CORE_PATH_SEVERED:
		/* the core has flushed the reads */
		core_msg_path_shut(path, CORE_MSG_REPORT_CLOSED);
		return 0;
	default:
		return 0;
	}
}

static int core_msg_cm_error(struct core_domain *domain, union core_msg_cm *cm,
			     struct core_event *event)
{
	struct fi_eq_err_entry err = {.err_data = cm->bytes, .err_data_size = sizeof(cm->bytes)};
	struct core_path *path;
	size_t len;

	if (fi_eq_readerr(domain->eq, &err, 0) < 0 || !err.fid)
		return 0;
	path = err.fid->context;
	len = err.err_data ? err.err_data_size : 0;
	if (len > sizeof(cm->bytes))
		len = sizeof(cm->bytes);
	/* the data may lie in memory of the core that is valid until the next call */
	if (len && err.err_data != cm->bytes)
		memcpy(cm->bytes, err.err_data, len);
	CORE_INFO(EQ, "connection failed: %s\n", fi_strerror(abs(err.err)));
	return core_msg_path_over(path, core_peer_error(abs(err.err)), cm->bytes, len, event);
}

static int core_msg_cm_event(uint32_t type, union core_msg_cm *cm, size_t len,
			     struct core_event *event)
{
	struct core_path *path = cm->entry.fid->context;

	if (type == FI_SHUTDOWN)
		return core_msg_path_over(path, 0, NULL, 0, event);
	if (type != FI_CONNECTED || path->base.state != CORE_PATH_CONNECTING)
		return 0;
	path->base.state = CORE_PATH_UP;
	path->domain->cm_pending--;
	core_event_path(event, CORE_CONNECTED, path, 0, cm->entry.data, len);
	return 1;
}

int core_msg_cm_poll(struct core_domain *domain, struct core_event *events, int max)
{
	struct core_listener *listener;
	uint32_t type;
	bool more = false;
	ssize_t ret;
	int n = 0;

	while (n < max) {
		ret = core_msg_eq_read(domain->eq, &type, &domain->cm[n]);
		if (ret == -FI_EAVAIL)
			n += core_msg_cm_error(domain, &domain->cm[n], &events[n]);
		else if (ret < 0)
			break;
		else
			n += core_msg_cm_event(type, &domain->cm[n], core_msg_cm_len(ret),
					       &events[n]);
	}
	LIST_FOREACH (listener, &domain->listeners, link) {
		listener->idle_reads = 0;
		while (n < max && core_msg_request_next(listener, &domain->cm[n], &events[n]))
			n++;
		more |= listener->idle_reads >= CORE_MSG_ACCEPTS;
	}
	domain->cm_due = more || n == max;
	domain->slept = false;
	return n;
}
