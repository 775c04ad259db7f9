/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Matching: which message meets which receive. */
#ifndef SESSION_MATCH_H
#define SESSION_MATCH_H

#include "session/rx.h"
#include "session/wire.h"

struct match_queue *match_queue(struct sess_rx *rx, uint16_t flags);
/* Whether the receive takes a message with this tag, from there. */
bool match_fits(const struct sess_op *op, uint64_t tag, uint64_t source);
/* For a message of len bytes. */
struct sess_op *match_posted(struct sess_ep *ep, uint16_t flags, uint64_t tag, uint64_t source,
			     uint64_t len);
/* Gives a receive that is about to be posted or matched its private members. */
void match_init(struct sess_op *op, struct sess_rx *rx);
/* A receive has its message: it is ep's until it is done. */
void match_begin(struct sess_op *op, struct sess_ep *ep);
/* Takes a receive out of its queue. */
void match_unpost(struct sess_op *op);
/* Fills in the message's tag, data, source and length. */
void match_describe(struct sess_op *op, const struct sess_message *message);
/* Nobody will receive the message: thrown away by the application (OK), or its
 * endpoint is closed. */
void match_discard(struct sess_message *message, enum wire_status status);
void match_end_posted(struct match_queue *queue, int error);

/* session/multi.c */
/* The slot for a message of len bytes to ep that a multi-receive buffer matched.  NULL:
 * memory is short, and the buffer has ended. */
struct sess_op *multi_slot(struct sess_op *buffer, struct sess_ep *ep, uint64_t len);

#endif
