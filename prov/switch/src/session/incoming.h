/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transfers of the peer, up to the receive that they meet. */
#ifndef SESSION_INCOMING_H
#define SESSION_INCOMING_H

#include "session/xfer.h"

void incoming_start(struct sess_link *link, const struct wire_record *record);
void incoming_match(struct sess_xfer *xfer, struct sess_op *op, const uint8_t *stored, size_t have);
/* We close: an unmatched message whose sender waits for our answer is turned down. */
void incoming_turn_down(struct sess_xfer *xfer);

#endif
