/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Definitions that the engine's headers share: the names of its private structures, the
 * kinds of lists they are in, and bounds of more than one file.  Only the files
 * of this folder include its headers; the interface is switch_session.h.
 */
#ifndef SESSION_TYPES_H
#define SESSION_TYPES_H

#include "switch_session.h"

struct sess_control;
struct sess_message;
struct sess_packet;
struct sess_rma;
struct sess_way_ops;
struct wire_header;
struct wire_record;

TAILQ_HEAD(op_list, sess_op);
TAILQ_HEAD(xfer_list, sess_xfer);
TAILQ_HEAD(sess_list, sess);
TAILQ_HEAD(link_list, sess_link);
TAILQ_HEAD(message_list, sess_message);

/* glibc's <sys/queue.h> lacks it: the element may be removed in the loop. */
#define TAILQ_EACH_SAFE(var, head, field, next)                                                    \
	for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1);             \
	     (var) = (next))

enum {
	SPARE_MAX = 256, /* free packets, messages ... kept of each kind */
};

#endif
