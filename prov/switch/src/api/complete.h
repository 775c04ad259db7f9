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

/* A receive reports to the queue and the counter of ep. */
void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep);
/* The engine asks for a slot of a multi-receive buffer: an operation for the message that
 * it matched there. */
struct sess_op *switch_op_slot(struct sess_op *buffer);
/* Counts it, and queues it or drops it. */
void switch_op_complete(struct switch_domain *domain, struct switch_op *op);
/* Frees an operation that nobody will read, with what it refers to. */
void switch_op_drop(struct switch_domain *domain, struct switch_op *op);

#endif
