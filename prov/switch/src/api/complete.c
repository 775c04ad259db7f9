/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completes the application's operations: finds the endpoint whose queue and counter an
 * operation reports to, names the source of a message, and tells when a multi-receive buffer
 * is free again.  Also the table of callbacks by which the pump drives the libfabric objects.
 *
 * Called by the pump for each completion, with the lock held.
 */
#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/complete.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/rx.h"
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
	if (op->unknown)
		switch_unknown_release(op->unknown);
	op->unknown = NULL;
	switch_op_free(&domain->ops, op);
}

void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep)
{
	op->queue = ep->rx_cq;
	op->count = op->sess.flags & SESS_PEEK ? NULL : ep->rx_cntr;
	op->wants_entry |= !(ep->traits & SWITCH_EP_RX_SELECTIVE);
}

/* A receive of a shared context reports to the endpoint that received the message.  If
 * there is no message (the receive was canceled, or a peek found none), any endpoint of
 * the context will do. */
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

/* Counts a complete operation, and queues it for the application to read or frees it. */
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

struct sess_op *switch_op_slot(struct sess_op *sess_buffer)
{
	struct switch_op *buffer = container_of(sess_buffer, struct switch_op, sess);
	struct switch_op *slot = switch_op_alloc(&buffer->rx->domain->ops);

	if (!slot)
		return NULL;
	slot->rx = buffer->rx;
	slot->queue = buffer->queue;
	slot->count = buffer->count;
	slot->context = buffer->context;
	slot->cq_flags = buffer->cq_flags;
	slot->wants_entry = buffer->wants_entry;
	slot->buffer = buffer;
	buffer->slots++;
	return &slot->sess;
}

/* Reports that the application has its memory back: the buffer and all of its slots are
 * complete. */
static void buffer_complete(struct switch_domain *domain, struct switch_op *buffer)
{
	buffer->cq_flags |= FI_MULTI_RECV;
	report(domain, buffer);
}

/* The entry of the last slot tells the application that its memory is free, unless the
 * buffer ended with an error, which needs an entry of its own. */
static void slot_complete(struct switch_domain *domain, struct switch_op *slot)
{
	struct switch_op *buffer = slot->buffer;
	const bool last = !--buffer->slots && buffer->ended;

	if (last && !buffer->sess.error) {
		slot->cq_flags |= FI_MULTI_RECV;
		slot->wants_entry = true;
		switch_op_drop(domain, buffer);
	}
	report(domain, slot);
	if (last && buffer->sess.error)
		buffer_complete(domain, buffer);
}

void switch_op_complete(struct switch_domain *domain, struct switch_op *op)
{
	if (op->buffer) {
		slot_complete(domain, op);
	} else if (op->sess.flags & SESS_MULTI) {
		op->ended = true;
		if (!op->slots)
			buffer_complete(domain, op);
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
	.connect = switch_conn_connect,
};
