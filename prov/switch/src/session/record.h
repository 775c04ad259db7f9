/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Putting records into a packet: a whole message, an announcement, a segment, a record
 * of control.  False: there is no room for it.
 */
#ifndef SESSION_RECORD_H
#define SESSION_RECORD_H

#include "session/packet.h"

/* Bytes that still fit; none behind application memory. */
size_t record_room(const struct sess_packet *packet);
/* A record of len bytes was put behind the others. */
void record_added(struct sess_packet *packet, size_t len);
/* A whole message: its operation completes when the packet has left. */
bool record_add_inline(struct sess_packet *packet, struct sess_op *op);
/* A whole message that the peer acknowledges. */
bool record_add_acked(struct sess_packet *packet, struct sess_xfer *xfer);
bool record_add_start(struct sess_packet *packet, struct sess_xfer *xfer);
bool record_add_segment(struct sess_packet *packet, struct sess_xfer *xfer);
/* As many as there is room for. */
void record_add_controls(struct sess_packet *packet);
/* Whether the peer has to be told that unmatched bytes of it found a receive: when they are
 * half of its budget (fraction 2), or a smaller fraction where a packet leaves anyway. */
bool record_budget_due(const struct sess *sess, unsigned fraction);
void record_add_budget(struct sess_packet *packet);

#endif
