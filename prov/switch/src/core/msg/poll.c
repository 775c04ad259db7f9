/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Polling of the adapter for connection-oriented cores: turns completions into events.
 * Called through core_msg_ops under the domain's lock.  On the way of a message nothing
 * is allocated and no list is walked; paths that end are the exception, and they are few.
 */
#include "core/common/cq.h"
#include "core/common/data.h"
#include "core/common/event.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/path.h"
#include "core/msg/request.h"

int core_msg_out_done(struct core_out *out, int error, struct core_event *event)
{
	struct core_path *path = out->path;
	const bool failed = error && out->ctx.kind == CORE_KIND_READ;
	struct core_io *io = core_data_done(out);

	path->read_failed |= failed;
	/* a path that was severed is closed when the core reports the end, not here */
	if (path->base.state == CORE_PATH_SEVERED && !path->severed && !path->base.read_cnt)
		core_msg_path_shut(path, CORE_MSG_REPORT_CLOSED);
	if (!io)
		return 0;
	/* the core returns the same error for a connection that broke and one that we close */
	if (error == FI_ECANCELED && path->base.state <= CORE_PATH_DEAD)
		error = FI_ECONNRESET;
	core_event_done(event, path, io, error);
	return 1;
}

/* Handles a completion with this context; returns how many events it makes. */
static int core_msg_complete(struct core_domain *domain, struct core_msg_queue *queue,
			     struct core_ctx *ctx, size_t len, int error, struct core_event *event)
{
	struct core_rx *rx;
	const void *data;

	switch (ctx->kind) {
	case CORE_KIND_RX:
		rx = (struct core_rx *)ctx;
		queue->seen++;
		if (!core_rx_came(&domain->base, rx, error))
			return 0;
		data = core_rx_data(&domain->base, rx, &len);
		core_event_recv(event, rx, data, len);
		return 1;
	case CORE_KIND_SEND:
	case CORE_KIND_WRITE:
	case CORE_KIND_READ:
	case CORE_KIND_TX:
		queue->seen++;
		return core_msg_out_done((struct core_out *)ctx, error, event);
	case CORE_KIND_NONE:
		break;
	}
	CORE_WARN(CQ, "the core completed an operation twice\n");
	return 0;
}

static int core_msg_cq_error(struct core_domain *domain, struct core_msg_queue *queue,
			     struct core_event *event)
{
	struct core_ctx *ctx;
	int error;

	if (!core_cq_error(queue->cq, &ctx, &error))
		return 0;
	/* in most cases a connection broke, which the event queue reports */
	domain->cm_due = true;
	return ctx ? core_msg_complete(domain, queue, ctx, 0, error, event) : 0;
}

/* Reads a queue once; again only behind an error, or while a path drains, for which the
 * queue has to be emptied.  Sets *empty if it was read empty. */
static int core_msg_cq_poll(struct core_domain *domain, struct core_msg_queue *queue,
			    struct core_event *events, int max, bool *empty)
{
	struct fi_cq_msg_entry comp[CORE_BATCH];
	int n = 0, room;
	ssize_t ret, i;

	*empty = false;

	for (int reads = 0; n < max && reads < CORE_READS; reads++) {
		room = max - n;
		ret = core_cq_read(queue->cq, comp, room);
		if (ret == -FI_EAVAIL) {
			n += core_msg_cq_error(domain, queue, &events[n]);
			continue;
		}
		if (ret <= 0) {
			*empty = true;
			break;
		}
		for (i = 0; i < ret; i++) {
			if (!comp[i].op_context)
				continue;
			n += core_msg_complete(domain, queue, comp[i].op_context, comp[i].len, 0,
					       &events[n]);
		}
		if (TAILQ_EMPTY(&domain->draining)) {
			*empty = ret < room;
			break;
		}
	}
	return n;
}

/* Reads both queues.  They take turns at being read first, so that neither can starve the
 * other. */
static int core_msg_queues_poll(struct core_domain *domain, struct core_event *events, int max,
				bool *empty)
{
	struct core_msg_queue *const queues[] = {&domain->waited, &domain->polled.queue};
	struct core_msg_queue *queue;
	bool this_empty;
	int n = 0;

	*empty = true;
	for (unsigned i = 0; i < 2; i++) {
		queue = queues[i ^ domain->polled_first];
		if (!queue->path_cnt)
			continue;
		n += core_msg_cq_poll(domain, queue, &events[n], max - n, &this_empty);
		if (this_empty && !TAILQ_EMPTY(&domain->draining))
			core_msg_drain_emptied(domain, queue);
		*empty &= this_empty;
	}
	domain->polled_first = !domain->polled_first;
	return n;
}

int core_msg_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm)
{
	bool empty = false;
	int n = 0;

	if (max > CORE_BATCH)
		max = CORE_BATCH;
	if (!SLIST_EMPTY(&domain->base.idle))
		core_rx_retry(&domain->base);
	if (check_cm || domain->cm_pending || domain->cm_due || domain->slept)
		n = core_msg_cm_poll(domain, events, max);
	/* before the queues too: under a flood they leave no room for these events */
	if (!TAILQ_EMPTY(&domain->draining))
		n += core_msg_drain_poll(domain, &events[n], max - n, false);
	if (n < max) {
		n += core_msg_queues_poll(domain, &events[n], max - n, &empty);
		if (domain->srx && !domain->window)
			core_pool_check(&domain->base, &domain->pool, empty);
		if (!TAILQ_EMPTY(&domain->draining))
			n += core_msg_drain_poll(domain, &events[n], max - n, true);
	}
	if (empty)
		core_msg_queue_touched(domain);
	else
		core_msg_wake(domain);
	return n;
}

void core_msg_release(struct core_domain *domain, struct core_event *event)
{
	core_event_release(&domain->base, event, core_msg_request_release);
}
