/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transfers of the peer, up to the receive that they meet. */
#ifndef SESSION_INCOMING_H
#define SESSION_INCOMING_H

#include "session/xfer.h"

void incoming_start(struct sess_link *link, const struct wire_record *record);
void incoming_match(struct sess_xfer *xfer, struct sess_op *op, const uint8_t *stored, size_t have);
/* Answers a message whose receive will never come. */
void incoming_discard(struct sess_xfer *xfer, enum wire_status status);
void incoming_turn_down(struct sess_xfer *xfer);

#endif
