/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Polling of the adapter for connectionless cores: turns completions into events.  Called
 * through core_rdm_ops under the domain's lock.  On the way of a message nothing is
 * allocated, and no list is walked but that of the ports.
 */
#include <string.h>

#include "core/common/cq.h"
#include "core/common/data.h"
#include "core/common/event.h"
#include "core/common/log.h"
#include "core/common/tx.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/path.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

/* A message of the adapter's own came; returns how many events it makes. */
static int frame_came(struct core_port *port, const void *buf, size_t len, struct core_event *event)
{
	struct core_rdm_frame frame;

	if (!core_rdm_frame_parse(buf, len, &frame)) {
		CORE_INFO(CQ, "dropped a malformed message of the adapters' kind\n");
		return 0;
	}
	if (frame.type == CORE_RDM_REQUEST)
		return core_rdm_request(port, &frame, event);
	core_rdm_path_frame(port, &frame);
	return 0;
}

static int recv_came(struct core_domain *domain, struct core_rx *rx, size_t len,
		     struct core_event *event)
{
	const void *data = core_rx_data(&domain->base, rx, &len);
	uint32_t first;
	int n;

	if (len >= sizeof(first)) {
		memcpy(&first, data, sizeof(first));
		if (first == CORE_OWN_MESSAGE) {
			n = frame_came(rx->pool->owner, data, len, event);
			core_rx_post(&domain->base, rx);
			return n;
		}
	}
	core_event_recv(event, rx, data, len);
	return 1;
}

/* An operation is over; returns how many events it makes.  A read or a write may fail alone,
 * but a send fails because the peer is gone. */
static int out_done(struct core_domain *domain, struct core_out *out, int error,
		    struct core_event *event)
{
	const bool sent = out->ctx.kind == CORE_KIND_SEND || out->ctx.kind == CORE_KIND_TX;
	struct core_tx *tx = out->ctx.kind == CORE_KIND_TX ? (struct core_tx *)out : NULL;
	struct core_path *path = out->path;
	struct core_io *io;

	if (tx && tx->frame)
		core_rdm_peer_put(domain, tx->frame);
	if (!path) { /* a frame without a path */
		((struct core_port *)tx->pool->owner)->orphan_cnt--;
		domain->base.out_cnt--;
		core_tx_put(tx);
		return 0;
	}
	io = core_data_done(out);
	if (error && sent)
		core_rdm_path_fail(path, error);
	core_rdm_path_settle(path);
	if (!io)
		return 0;
	core_event_done(event, path, io, error);
	return 1;
}

static int complete(struct core_domain *domain, struct core_ctx *ctx, size_t len, int error,
		    struct core_event *event)
{
	struct core_rx *rx;

	if (ctx->kind == CORE_KIND_NONE) {
		CORE_WARN(CQ, "the core completed an operation twice\n");
		return 0;
	}
	domain->seen++;
	if (ctx->kind != CORE_KIND_RX)
		return out_done(domain, (struct core_out *)ctx, error, event);
	rx = (struct core_rx *)ctx;
	return core_rx_came(&domain->base, rx, error) ? recv_came(domain, rx, len, event) : 0;
}

static int cq_error(struct core_domain *domain, struct core_event *event)
{
	struct core_ctx *ctx;
	int error;

	if (!core_cq_error(domain->cq, &ctx, &error))
		return 0;
	return ctx ? complete(domain, ctx, 0, error, event) : 0;
}

static int cq_poll(struct core_domain *domain, struct core_event *events, int max, bool *empty)
{
	struct fi_cq_msg_entry comp[CORE_BATCH];
	ssize_t ret, i;
	int n = 0;

	for (int reads = 0; n < max && reads < CORE_READS; reads++) {
		ret = core_cq_read(domain->cq, comp, (size_t)(max - n));
		if (ret == -FI_EAVAIL) {
			n += cq_error(domain, &events[n]);
			continue;
		}
		if (ret <= 0) {
			*empty = true;
			break;
		}
		for (i = 0; i < ret; i++)
			if (comp[i].op_context)
				n += complete(domain, comp[i].op_context, comp[i].len, 0,
					      &events[n]);
	}
	return n;
}

int core_rdm_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm)
{
	struct core_port *port;
	bool empty = false;
	int n = 0;

	(void)check_cm; /* connection events come as messages */
	if (max > CORE_BATCH)
		max = CORE_BATCH;
	/* the events of the poll before have been released */
	if (!LIST_EMPTY(&domain->closed_ports))
		core_rdm_ports_reap(domain, false);
	if (!SLIST_EMPTY(&domain->base.idle))
		core_rx_retry(&domain->base);
	if (!TAILQ_EMPTY(&domain->waiting))
		core_rdm_frames_flush(domain);
	/* before the queue too: under a flood it leaves no room for these events */
	if (!TAILQ_EMPTY(&domain->due))
		n = core_rdm_due_poll(domain, false, events, max);
	if (n < max) {
		n += cq_poll(domain, &events[n], max - n, &empty);
		if (empty)
			core_rdm_ports_drained(domain);
		LIST_FOREACH (port, &domain->ports, link)
			core_pool_check(&domain->base, &port->pool, empty);
		if (!TAILQ_EMPTY(&domain->due))
			n += core_rdm_due_poll(domain, empty, &events[n], max - n);
	}
	/* the read may have taken away the core's own signal to sleepers */
	if (domain->armed && !empty) {
		domain->armed = false;
		core_rdm_timer_arm(domain);
	}
	domain->idle_polls = n ? 0 : domain->idle_polls + 1;
	if (n)
		domain->waits = 0;
	return n;
}

void core_rdm_release(struct core_domain *domain, struct core_event *event)
{
	core_event_release(&domain->base, event, core_rdm_request_release);
}
