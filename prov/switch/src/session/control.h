/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Records of control that wait for a packet: answers to the peer, and what our own
 * transfers have to say. */
#ifndef SESSION_CONTROL_H
#define SESSION_CONTROL_H

#include "session/types.h"
#include "session/wire.h"

/* A record of control that waits for a packet. */
struct sess_control {
	STAILQ_ENTRY(sess_control) link;
	enum wire_type type;
	uint16_t status;
	uint32_t id;
	uint64_t want;
	struct sess_xfer *xfer; /* SINK: whose descriptors */
	struct sess_op *op;	/* DONE: the receive that completes when it has left */
};

/* Queues a record of control.  NULL: behind our BYE nothing may follow, or
 * memory was short and the session failed. */
struct sess_control *control_add(struct sess *sess, enum wire_type type, uint32_t id);
/* Takes the first record out of the queue. */
void control_remove(struct sess *sess);
/* DONE for a message of the peer; op, if there is one, completes when it has
 * left: an application that is told to have received may never ask for progress again. */
void control_answer(struct sess *sess, uint32_t id, enum wire_status status, struct sess_op *op);

#endif
