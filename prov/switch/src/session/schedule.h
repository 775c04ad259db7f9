/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a session sends next. */
#ifndef SESSION_SCHEDULE_H
#define SESSION_SCHEDULE_H

#include "session/packet.h"

/* The next packet for the core, or NULL.  One that the core refused is offered again as
 * it is. */
struct sess_packet *packet_next(struct sess *sess);
/* Appends a small send to the open packet.  False: it has to queue. */
bool packet_append_now(struct sess *sess, struct sess_op *op);
bool packet_has_work(const struct sess *sess);

#endif
