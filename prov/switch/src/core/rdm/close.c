/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Ends paths: fails them, tells their peers, and closes them once their last operation is
 * back.  Called through core_rdm_ops and where an operation of a path fails, under the
 * domain's lock.  It frees nothing: core/rdm/due.c does, behind the last event.
 */
#include <rdma/fi_errno.h>

#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/path.h"

void core_rdm_path_fail(struct core_path *path, int error)
{
	switch (path->base.state) {
	case CORE_PATH_CONNECTING:
		path->error = error ? error : FI_ECONNREFUSED;
		core_rdm_due_add(path, CORE_RDM_DUE_REFUSED);
		break;
	case CORE_PATH_UP:
		/* reported behind everything that arrived before */
		path->error = error;
		path->drain_at = path->domain->seen + path->domain->base.rx_cnt;
		core_rdm_due_add(path, CORE_RDM_DUE_BROKEN);
		break;
	default:
		return;
	}
	path->base.state = CORE_PATH_DEAD;
}

void core_rdm_path_notify(struct core_path *path, enum core_rdm_type type)
{
	const struct core_rdm_frame frame = {
		.type = type,
		.to = path->peer_id,
		.secret = path->secret,
	};

	core_rdm_frame_send(path->port, path->peer, NULL, &frame);
}

/* Tells the peer that the path closes, if the peer knows of it. */
static void notify_closed(struct core_path *path)
{
	if (path->peer_id && path->base.state <= CORE_PATH_UP)
		core_rdm_path_notify(path, path->base.state == CORE_PATH_UP ? CORE_RDM_CLOSE
									    : CORE_RDM_REJECT);
}

void core_rdm_path_close(struct core_path *path)
{
	if (path->base.state == CORE_PATH_DRAINING)
		return;
	core_rdm_frames_drop(path->domain, path);
	core_rdm_frames_orphan(path);
	notify_closed(path);
	core_rdm_path_unlist(path);
	path->base.state = CORE_PATH_DRAINING;
	if (path->due)
		TAILQ_REMOVE(&path->domain->due, path, due_link);
	path->due = 0;
	core_rdm_path_settle(path);
}

/* CORE_CLOSED becomes due only when the last operation is back: users cannot sleep while
 * an event is due. */
void core_rdm_path_settle(struct core_path *path)
{
	if (path->base.state == CORE_PATH_DRAINING && TAILQ_EMPTY(&path->base.outs))
		core_rdm_due_add(path, CORE_RDM_DUE_CLOSED);
}
