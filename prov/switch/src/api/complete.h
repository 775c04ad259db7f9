/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completing the operations of the application.
 */
#ifndef SWITCH_COMPLETE_H
#define SWITCH_COMPLETE_H

#include "progress/pump.h"
#include "switch_session.h"

struct switch_domain;
struct switch_ep;
struct switch_op;

/* The callbacks by which the pump drives the libfabric objects. */
extern const struct switch_front switch_objects_front;

/* Makes a receive report to the queue and the counter of ep. */
void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep);
/* Callback of the engine: makes the operation for a message that it matched with a
 * multi-receive buffer, a slot. */
struct sess_op *switch_op_slot(struct sess_op *buffer);
/* Reports an operation that is complete: counts it, and queues or drops it. */
void switch_op_complete(struct switch_domain *domain, struct switch_op *op);
/* Frees an operation whose entry nobody will read, and drops its references. */
void switch_op_drop(struct switch_domain *domain, struct switch_op *op);

#endif
