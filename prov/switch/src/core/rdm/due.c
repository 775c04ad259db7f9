/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events of paths that are due: remembered when they happen, reported by the next polls.
 * Called by the other files of core/rdm under the domain's lock.
 */
#include "core/rdm/domain.h"
#include "core/rdm/path.h"

void core_rdm_due_add(struct core_path *path, unsigned what)
{
	if (!path->due)
		TAILQ_INSERT_TAIL(&path->domain->due, path, due_link);
	path->due |= what;
}

static void path_event(const struct core_path *path, enum core_event_type type,
		       struct core_event *event)
{
	*event = (struct core_event){
		.type = type,
		.error = type == CORE_REFUSED || type == CORE_BROKEN ? path->error : 0,
		.path = (struct core_path *)path,
		.user = path->user,
	};
	if (type == CORE_CONNECTED || type == CORE_REFUSED) {
		event->data = path->data;
		event->len = path->data_len;
	}
}

/* The next event of a path, if it may be told now; 0 or 1. */
static int due_event(struct core_path *path, bool empty, struct core_event *event)
{
	const bool drained = empty || (int64_t)(path->domain->seen - path->drain_at) >= 0;

	if (path->due & CORE_RDM_DUE_CONNECTED) {
		path->due &= ~(unsigned)CORE_RDM_DUE_CONNECTED;
		path_event(path, CORE_CONNECTED, event);
	} else if (path->due & CORE_RDM_DUE_REFUSED) {
		path->due &= ~(unsigned)CORE_RDM_DUE_REFUSED;
		path_event(path, CORE_REFUSED, event);
	} else if (path->due & CORE_RDM_DUE_BROKEN && drained) {
		path->due &= ~(unsigned)CORE_RDM_DUE_BROKEN;
		path_event(path, CORE_BROKEN, event);
	} else if (path->due & CORE_RDM_DUE_CLOSED) {
		path->due &= ~(unsigned)CORE_RDM_DUE_CLOSED;
		path_event(path, CORE_CLOSED, event);
	} else {
		return 0;
	}
	return 1;
}

int core_rdm_due_poll(struct core_domain *domain, bool empty, struct core_event *events, int max)
{
	struct core_path *path, *next;
	int n = 0;

	for (path = TAILQ_FIRST(&domain->due); path && n < max; path = next) {
		next = TAILQ_NEXT(path, due_link);
		while (n < max && due_event(path, empty, &events[n]))
			n++;
		if (path->due)
			continue;
		TAILQ_REMOVE(&domain->due, path, due_link);
		if (n && events[n - 1].type == CORE_CLOSED && events[n - 1].path == path)
			core_rdm_path_free(path);
	}
	return n;
}
