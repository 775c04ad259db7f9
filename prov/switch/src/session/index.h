/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Finding the first of many messages that a receive takes, or of many receives
 * that a message finds, without going through them all.
 */
#ifndef SESSION_INDEX_H
#define SESSION_INDEX_H

#include "session/rx.h"

void index_init(struct match_queue *queue);
void index_fini(struct match_queue *queue);
/* Behind all others. */
void index_message_add(struct match_queue *queue, struct sess_message *message);
void index_message_remove(struct match_queue *queue, struct sess_message *message);
/* Its source is known now, or another. */
void index_message_source(struct match_queue *queue, struct sess_message *message, uint64_t source);
/* The first that the receive takes, or NULL. */
struct sess_message *index_message_find(const struct match_queue *queue, const struct sess_op *op);
void index_receive_add(struct match_queue *queue, struct sess_op *op);
void index_receive_remove(struct match_queue *queue, struct sess_op *op);
/* The first that takes such a message, or NULL. */
struct sess_op *index_receive_find(const struct match_queue *queue, const struct sess_rx *rx,
				   uint64_t tag, uint64_t source);

#endif
