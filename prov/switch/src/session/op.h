/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations of the application: what each waits for.  The driver owns one
 * until it is submitted, and again from the COMPLETE action on.
 */
#ifndef SESSION_OP_H
#define SESSION_OP_H

#include "session/types.h"

enum op_state {
	OP_IDLE,   /* the driver's */
	OP_QUEUED, /* send: room in a packet, a credit, or the session to come up */
	OP_PACKED, /* send: its packet to leave */
	OP_MOVING, /* its transfer to end */
	OP_LOOPED, /* send to itself: a receive */
	OP_POSTED, /* receive: a message */
	OP_DONE,   /* in the list of finished operations, or back with the driver */
};

/* It is complete: with the next action the driver has it back. */
void op_done(struct sess_op *op, int error);

#endif
