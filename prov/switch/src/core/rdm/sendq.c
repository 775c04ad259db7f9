/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sends the adapter's own messages, and keeps those that the core does not take yet.
 * Called by the other files of core/rdm under the domain's lock.  It reads none.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/data.h"
#include "core/common/failure.h"
#include "core/common/log.h"
#include "core/common/tx.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/path.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"

enum {
	CORE_RDM_ORPHANS = CORE_TX_MAX / 2, /* frames without a path that a port has out at most */
	/* limits of frames without a path, which a peer that is gone may never take: */
	ORPHANS_MOST = 256, /* frames that wait at a time */
	ORPHAN_TIME = 1000, /* milliseconds until such a frame is given up */
};

/* Tries to send a frame. */
static int frame_try(struct core_port *port, struct core_peer *peer, struct core_path *path,
		     void *bytes, size_t len)
{
	const struct iovec iov = {bytes, len};
	struct core_tx *tx;
	ssize_t ret;

	if (!port->pool.ep)
		return -FI_ESHUTDOWN;
	if (port->domain->base.out_cnt >= CORE_OUT_MAX ||
	    (!path && port->orphan_cnt >= CORE_RDM_ORPHANS))
		return -FI_EAGAIN;
	ret = core_tx_fill(&port->domain->base, &port->tx, &iov, 1, len, &tx);
	if (ret)
		return (int)ret;
	ret = core_tx_send(&port->domain->base, port->ep, peer->addr, tx, len);
	if (ret) {
		core_tx_put(tx);
		return (int)ret;
	}
	port->domain->base.out_cnt++;
	tx->frame = peer;
	peer->refs++;
	tx->out.path = path;
	if (path)
		core_path_out_add(&path->base, &tx->out);
	else
		port->orphan_cnt++;
	return 0;
}

void core_rdm_frames_orphan(struct core_path *path)
{
	struct core_out *out, *next;
	struct core_port *port = path->port;

	for (out = TAILQ_FIRST(&path->base.outs); out; out = next) {
		next = TAILQ_NEXT(out, link);
		if (out->ctx.kind != CORE_KIND_TX || !((struct core_tx *)out)->frame)
			continue;
		if (port->orphan_cnt >= CORE_RDM_ORPHANS)
			return;
		core_path_out_remove(&path->base, out);
		out->path = NULL;
		port->orphan_cnt++;
	}
}

void core_rdm_frames_lost(struct core_port *port)
{
	struct core_tx *tx;

	SLIST_FOREACH (tx, &port->tx.all, all_link)
		if (tx->out.ctx.kind == CORE_KIND_TX && tx->frame)
			core_rdm_peer_put(port->domain, tx->frame);
}

static int frame_keep(struct core_port *port, struct core_peer *peer, struct core_path *path,
		      const uint8_t *bytes, size_t len)
{
	struct core_domain *domain = port->domain;
	struct core_rdm_waiting *waiting;

	if (!path && domain->orphan_cnt == ORPHANS_MOST)
		return -FI_EAGAIN;
	waiting = malloc(sizeof(*waiting) + len);
	if (!waiting)
		return core_failed("frame", -FI_ENOMEM);
	*waiting = (struct core_rdm_waiting){.port = port, .peer = peer, .path = path, .len = len};
	if (!path) {
		domain->orphan_cnt++;
		waiting->until = core_rdm_now() + ORPHAN_TIME;
	}
	memcpy(waiting->bytes, bytes, len);
	core_rdm_port_get(port);
	peer->refs++;
	TAILQ_INSERT_TAIL(&domain->waiting, waiting, link);
	return 0;
}

int core_rdm_frame_send(struct core_port *port, struct core_peer *peer, struct core_path *path,
			const struct core_rdm_frame *frame)
{
	uint8_t bytes[CORE_RDM_FRAME_MAX];
	const size_t len = core_rdm_frame_build(frame, bytes);
	int ret = frame_try(port, peer, path, bytes, len);

	if (ret == -FI_EAGAIN)
		return frame_keep(port, peer, path, bytes, len);
	if (!ret && path)
		core_rdm_path_sent(path);
	return ret;
}

void core_rdm_frame_answer(struct core_port *port, const void *name, size_t name_len,
			   const struct core_rdm_frame *frame)
{
	struct core_peer *peer;

	if (core_rdm_peer_get(port->domain, name, name_len, &peer))
		return;
	core_rdm_frame_send(port, peer, NULL, frame);
	core_rdm_peer_put(port->domain, peer);
}

static void waiting_free(struct core_domain *domain, struct core_rdm_waiting *waiting)
{
	TAILQ_REMOVE(&domain->waiting, waiting, link);
	if (!waiting->path)
		domain->orphan_cnt--;
	core_rdm_peer_put(domain, waiting->peer);
	core_rdm_port_put(waiting->port);
	free(waiting);
}

void core_rdm_frames_flush(struct core_domain *domain)
{
	struct core_rdm_waiting *waiting, *next;
	int ret;

	for (waiting = TAILQ_FIRST(&domain->waiting); waiting; waiting = next) {
		next = TAILQ_NEXT(waiting, link);
		ret = frame_try(waiting->port, waiting->peer, waiting->path, waiting->bytes,
				waiting->len);
		/* frames behind it go to other peers, and are tried too */
		if (ret == -FI_EAGAIN && (waiting->path || core_rdm_now() < waiting->until))
			continue;
		if (waiting->path && ret)
			core_rdm_path_fail(waiting->path, core_peer_error(-ret));
		else if (waiting->path)
			core_rdm_path_sent(waiting->path);
		waiting_free(domain, waiting);
	}
}

void core_rdm_frames_drop(struct core_domain *domain, const struct core_path *path)
{
	struct core_rdm_waiting *waiting, *next;

	for (waiting = TAILQ_FIRST(&domain->waiting); waiting; waiting = next) {
		next = TAILQ_NEXT(waiting, link);
		if (!path || waiting->path == path)
			waiting_free(domain, waiting);
	}
}
