/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Closes paths, and reports their last events once nothing of theirs can be in a
 * completion queue any more.  Called through core_msg_ops and by core_msg_poll() under
 * the domain's lock.  It never shuts an endpoint down: fi_shutdown of the tcp core may
 * block, fi_close does not.
 */
#include <rdma/fi_errno.h>

#include "core/common/event.h"
#include "core/common/fd.h"
#include "core/msg/domain.h"
#include "core/msg/path.h"

void core_msg_path_shut(struct core_path *path, enum core_msg_report report)
{
	if (path->base.state == CORE_PATH_CONNECTING || path->base.state == CORE_PATH_SEVERED)
		path->domain->cm_pending--;
	path->base.state = CORE_PATH_DRAINING;
	path->pool.ep = NULL;
	core_msg_queue_closing(path);
	core_fid_close(&path->base.ep->fid, "an endpoint");
	path->base.ep = NULL;
	core_msg_queue_touched(path->domain);
	core_msg_drain_enter(path, report);
}

void core_msg_path_discard(struct core_path *path)
{
	core_msg_path_shut(path, CORE_MSG_REPORT_NOTHING);
}

/*
 * Whether closing the endpoint is unsafe: the answer to a read may be half received, or the
 * core has failed a read without having seen the end of the connection.  The tcp core of
 * libfabric before 1.18 frees such a read twice, and later gives its entry to two operations
 * (caps.rma_pins_path).  So the socket is shut down first (core/msg/sever.c), and the
 * endpoint is closed when the core has noticed that and given the reads back.  A peer cannot
 * delay it.  For paths that are still open at the end see core_msg_domain_close().
 */
static bool core_msg_path_pinned(const struct core_path *path)
{
	return path->domain->base.caps.rma_pins_path && path->base.state == CORE_PATH_UP &&
	       (path->base.read_cnt || path->read_failed);
}

void core_msg_path_close(struct core_path *path)
{
	if (!core_msg_path_pinned(path)) {
		core_msg_path_shut(path, CORE_MSG_REPORT_CLOSED);
		return;
	}
	path->base.state = CORE_PATH_SEVERED;
	path->domain->cm_pending++;
	path->severed = !core_msg_path_sever(path);
}

/* -- draining ----------------------------------------------------------- */

void core_msg_drain_enter(struct core_path *path, enum core_msg_report report)
{
	struct core_domain *domain = path->domain;

	path->drain_at = core_drain_at(&domain->base, path->queue->seen);
	if (path->report == CORE_MSG_REPORT_NONE)
		TAILQ_INSERT_TAIL(&domain->draining, path, drain_link);
	path->report = report;
}

void core_msg_drain_emptied(struct core_domain *domain, const struct core_msg_queue *queue)
{
	struct core_path *path;

	TAILQ_FOREACH (path, &domain->draining, drain_link)
		if (path->queue == queue)
			path->drain_at = queue->seen;
}

/* The last events of a path that is drained: returns how many, and sets *through if there
 * are no more. */
static int core_msg_drain_end(struct core_path *path, struct core_event *events, int max,
			      bool *through)
{
	static const enum core_event_type types[] = {
		[CORE_MSG_REPORT_REFUSED] = CORE_REFUSED,
		[CORE_MSG_REPORT_BROKEN] = CORE_BROKEN,
		[CORE_MSG_REPORT_CLOSED] = CORE_CLOSED,
	};
	const bool closed = path->base.state == CORE_PATH_DRAINING;
	int n = 0;

	while (closed && n < max && !TAILQ_EMPTY(&path->base.outs))
		n += core_msg_out_done(TAILQ_FIRST(&path->base.outs), FI_ECANCELED, &events[n]);
	*through = path->report == CORE_MSG_REPORT_NOTHING || n < max;
	if (n < max && path->report != CORE_MSG_REPORT_NOTHING)
		core_event_path(&events[n++], types[path->report], path, closed ? 0 : path->error,
				NULL, 0);
	return n;
}

int core_msg_drain_poll(struct core_domain *domain, struct core_event *events, int max, bool in_use)
{
	struct core_path *path, *next;
	bool through;
	int n = 0;

	for (path = TAILQ_FIRST(&domain->draining); path && n < max; path = next) {
		next = TAILQ_NEXT(path, drain_link);
		if (!core_drained(path->queue->seen, path->drain_at) || (in_use && path->pool.cnt))
			continue;
		n += core_msg_drain_end(path, &events[n], max - n, &through);
		if (!through)
			continue;
		TAILQ_REMOVE(&domain->draining, path, drain_link);
		path->report = CORE_MSG_REPORT_NONE;
		if (path->base.state == CORE_PATH_DRAINING)
			core_msg_path_free(path);
	}
	return n;
}
