/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The first packet of a link in each direction. */
#ifndef SESSION_HELLO_H
#define SESSION_HELLO_H

#include "session/types.h"

void hello_build(struct sess_link *link, struct sess_packet *packet);
void hello_came(struct sess_link *link, const struct wire_record *record);
void hello_refused(struct sess_link *link, const struct wire_record *record);

#endif
