/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events of paths that are due: remembered when they happen, reported by the next polls.
 * Called by the other files of core/rdm under the domain's lock.
 */
#include "core/common/event.h"
#include "core/rdm/domain.h"
#include "core/rdm/path.h"

void core_rdm_due_add(struct core_path *path, unsigned what)
{
	if (!path->due)
		TAILQ_INSERT_TAIL(&path->domain->due, path, due_link);
	path->due |= what;
}

static void path_event(struct core_path *path, enum core_event_type type, struct core_event *event)
{
	const bool failed = type == CORE_REFUSED || type == CORE_BROKEN;
	const bool answered = type == CORE_CONNECTED || type == CORE_REFUSED;

	core_event_path(event, type, path, failed ? path->error : 0, path->data,
			answered ? path->data_len : 0);
}

/* The next event of a path, if it may be reported now; 0 or 1.  CORE_BROKEN comes behind
 * everything that arrived before. */
static int due_event(struct core_path *path, bool empty, struct core_event *event)
{
	static const enum core_event_type types[] = {CORE_CONNECTED, CORE_REFUSED, CORE_BROKEN,
						     CORE_CLOSED};
	const bool drained = empty || core_drained(path->domain->seen, path->drain_at);

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!(path->due & 1U << i) || (types[i] == CORE_BROKEN && !drained))
			continue;
		path->due &= ~(1U << i);
		path_event(path, types[i], event);
		return 1;
	}
	return 0;
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
