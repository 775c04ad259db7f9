/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completing the operations of the application: to which queue and counter of which
 * endpoint, from whom, and when a multi-receive buffer is its own again; and the table of
 * what the pump tells the libfabric objects.
 *
 * Called by the pump for each completion, with the lock held.
 */
#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/complete.h"
#include "api/domain.h"
#include "api/ep.h"
#include "base/compat.h"
#include "peer/conn.h"
#include "peer/rdm.h"
#include "peer/source.h"
#include "progress/completion.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

void switch_op_drop(struct switch_domain *domain, struct switch_op *op)
{
	if (op->stranger)
		switch_stranger_release(op->stranger);
	op->stranger = NULL;
	switch_op_free(&domain->ops, op);
}

void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep)
{
	op->queue = ep->rx_cq;
	op->count = op->sess.flags & SESS_PEEK ? NULL : ep->rx_cntr;
	op->wants_entry |= !(ep->traits & SWITCH_EP_RX_SELECTIVE);
}

/* A receive of a shared context reports to the endpoint that its message came
 * to; without one (it was canceled, or there is no such message) to any. */
static void find_receiver(struct switch_domain *domain, struct switch_op *op)
{
	const struct switch_ep *ep = op->rx->ep;

	if (!ep) {
		ep = op->sess.user ? op->sess.user : switch_rx_ep(op->rx);
		op->queue = NULL;
		op->count = NULL;
		if (ep)
			switch_op_report_to(op, ep);
	}
	if (ep && !(ep->traits & SWITCH_EP_SOURCE))
		op->sess.source = FI_ADDR_NOTAVAIL;
	else if (ep && ep->av && domain->sources.wanted)
		switch_source_name(&domain->sources, &ep->av->names, op);
}

/* Counts it, and queues its entry or frees it. */
static void report(struct switch_domain *domain, struct switch_op *op)
{
	const bool failed = op->sess.error;

	if (op->rx)
		find_receiver(domain, op);
	if (op->count)
		switch_count_add(op->count, failed);
	if (op->queue && (op->wants_entry || failed))
		switch_queue_push(op->queue, op);
	else
		switch_op_drop(domain, op);
}

/* -- FI_MULTI_RECV ------------------------------------------------------------ */

struct sess_op *switch_op_part(struct sess_op *sess_whole)
{
	struct switch_op *whole = container_of(sess_whole, struct switch_op, sess);
	struct switch_op *part = switch_op_alloc(&whole->rx->domain->ops);

	if (!part)
		return NULL;
	part->rx = whole->rx;
	part->queue = whole->queue;
	part->count = whole->count;
	part->context = whole->context;
	part->cq_flags = whole->cq_flags;
	part->wants_entry = whole->wants_entry;
	part->whole = whole;
	whole->parts++;
	return &part->sess;
}

/* Both are complete, the part last: the application gets its memory back. */
static void end_whole(struct switch_domain *domain, struct switch_op *whole)
{
	whole->cq_flags |= FI_MULTI_RECV;
	report(domain, whole);
}

/* The last part says that the memory is free; an error has an entry of its own. */
static void part_complete(struct switch_domain *domain, struct switch_op *part)
{
	struct switch_op *whole = part->whole;
	const bool last = !--whole->parts && whole->ended;

	if (last && !whole->sess.error) {
		part->cq_flags |= FI_MULTI_RECV;
		part->wants_entry = true;
		switch_op_drop(domain, whole);
	}
	report(domain, part);
	if (last && whole->sess.error)
		end_whole(domain, whole);
}

void switch_op_complete(struct switch_domain *domain, struct switch_op *op)
{
	if (op->whole) {
		part_complete(domain, op);
	} else if (op->sess.flags & SESS_MULTI) {
		op->ended = true;
		if (!op->parts)
			end_whole(domain, op);
	} else {
		report(domain, op);
	}
}

/* -- the front end ------------------------------------------------------------- */

static void front_complete(struct switch_pump *pump, struct sess_op *op)
{
	if (op->error == EMSGSIZE && op->flags & SESS_RECV)
		op->error = FI_ETRUNC;
	switch_op_complete(container_of(pump, struct switch_domain, pump), (struct switch_op *)op);
}

/* The libfabric objects, as the pump knows them. */
const struct switch_front switch_objects_front = {
	.complete = front_complete,
	.data = switch_conn_data,
	.up = switch_conn_up,
	.bye = switch_conn_bye,
	.down = switch_conn_down,
	.gone = switch_conn_gone,
	.request = switch_rdm_request,
	.refused = switch_conn_refused,
};
