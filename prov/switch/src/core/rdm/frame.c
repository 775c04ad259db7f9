/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The adapter's own messages, which make connections of a connectionless core.
 * They travel in order with everybody else's, and begin with CORE_OWN_MESSAGE.
 * Called by the other core_rdm files under the domain's lock.
 *
 * Layout, little endian: u32 ~0, u8 version, u8 type, u16 length of the name, u32
 * to, u32 from, u64 secret, u16 length of the data, 6 bytes of zero, name, data.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "core/rdm/rdm.h"

enum {
	FRAME_VERSION = 1,
	/* of frames that nobody waits for, which a peer that is gone may never take: */
	ORPHANS_MOST = 256,
	ORPHAN_TIME = 1000, /* milliseconds */
};

struct wire {
	uint32_t own;
	uint8_t version, type;
	uint16_t name_len;
	uint32_t to, from;
	uint64_t secret;
	uint16_t data_len;
	uint8_t zero[6];
};

_Static_assert(sizeof(struct wire) == 32, "no padding");
_Static_assert(sizeof(struct wire) + CORE_ADDR_MAX + CORE_RDM_CM_DATA == CORE_RDM_FRAME_MAX,
	       "the longest");

static size_t frame_build(const struct core_rdm_frame *frame, uint8_t *buf)
{
	const struct wire wire = {
		.own = CORE_OWN_MESSAGE,
		.version = FRAME_VERSION,
		.type = (uint8_t)frame->type,
		.name_len = htole16((uint16_t)frame->name_len),
		.to = htole32(frame->to),
		.from = htole32(frame->from),
		.secret = htole64(frame->secret),
		.data_len = htole16((uint16_t)frame->data_len),
	};

	memcpy(buf, &wire, sizeof(wire));
	if (frame->name_len)
		memcpy(buf + sizeof(wire), frame->name, frame->name_len);
	if (frame->data_len)
		memcpy(buf + sizeof(wire) + frame->name_len, frame->data, frame->data_len);
	return sizeof(wire) + frame->name_len + frame->data_len;
}

bool core_rdm_frame_parse(const void *buf, size_t len, struct core_rdm_frame *frame)
{
	const uint8_t *bytes = buf;
	struct wire wire;

	if (len < sizeof(wire))
		return false;
	memcpy(&wire, bytes, sizeof(wire));
	*frame = (struct core_rdm_frame){
		.type = wire.type,
		.to = le32toh(wire.to),
		.from = le32toh(wire.from),
		.secret = le64toh(wire.secret),
		.name = bytes + sizeof(wire),
		.name_len = le16toh(wire.name_len),
		.data_len = le16toh(wire.data_len),
	};
	frame->data = bytes + sizeof(wire) + frame->name_len;
	return wire.version == FRAME_VERSION && frame->name_len <= CORE_ADDR_MAX &&
	       frame->data_len <= CORE_RDM_CM_DATA &&
	       sizeof(wire) + frame->name_len + frame->data_len == len;
}

/* One attempt. */
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
		core_line_add(&path->line, &tx->out);
	else
		port->orphan_cnt++;
	return 0;
}

void core_rdm_frames_orphan(struct core_path *path)
{
	struct core_out *out, *next;
	struct core_port *port = path->port;

	for (out = TAILQ_FIRST(&path->line.outs); out; out = next) {
		next = TAILQ_NEXT(out, link);
		if (out->ctx.kind != CORE_KIND_TX || !((struct core_tx *)out)->frame)
			continue;
		if (port->orphan_cnt >= CORE_RDM_ORPHANS)
			return;
		core_line_remove(&path->line, out);
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
	const size_t len = frame_build(frame, bytes);
	int ret = frame_try(port, peer, path, bytes, len);

	if (ret == -FI_EAGAIN)
		return frame_keep(port, peer, path, bytes, len);
	if (!ret && path)
		core_rdm_path_sent(path);
	return ret;
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
		/* others go to other peers */
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
