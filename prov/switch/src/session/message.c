/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages that met no receive yet: storage of their exact size, never a control
 * buffer.  How much of that is kept is for session/backlog.c.
 */
#include <stdlib.h>

#include "session/internal.h"

size_t message_size(const struct sess_message *message)
{
	return sizeof(*message) + (message->small ? (size_t)SMALL_MESSAGE : message->size);
}

struct sess_message *message_create(struct sess *sess, uint16_t flags, uint64_t tag, size_t size)
{
	struct sess_rx *rx = sess->ep->rx;
	struct sess_engine *engine = rx->engine;
	struct sess_message *message = TAILQ_FIRST(&engine->spare_messages);
	bool small = size <= SMALL_MESSAGE;

	if (small && message) {
		TAILQ_REMOVE(&engine->spare_messages, message, link);
		engine->spare_message_cnt--;
	} else {
		message = malloc(sizeof(*message) + (small ? (size_t)SMALL_MESSAGE : size));
		if (!message)
			return NULL;
	}
	*message = (struct sess_message){
		.kind = &message_stored,
		.ep = sess->ep,
		.flags = flags & (SESS_TAGGED | SESS_DATA),
		.small = small,
		.size = size,
		.source = sess->source,
		.tag = tag,
		.sess = sess,
		.counted = !sess->is_self,
	};
	index_message_add(match_queue(rx, flags), message);
	TAILQ_INSERT_TAIL(&sess->ep->messages, message, ep_link);
	TAILQ_INSERT_TAIL(&sess->messages, message, sess_link);
	backlog_add(sess, message_size(message));
	return message;
}

/* Frees a message that is in no list any more. */
void message_free(struct sess_message *message)
{
	struct sess_rx *rx = message->ep->rx;
	struct sess_engine *engine = rx->engine;

	TAILQ_REMOVE(&message->ep->messages, message, ep_link);
	TAILQ_REMOVE(message->sess ? &message->sess->messages : &rx->orphans, message, sess_link);
	if (message->sess) {
		backlog_remove(message->sess, message_size(message));
	} else if (message->counted) {
		rx->kept -= message_size(message);
		rx->orphaned -= message_size(message);
	}
	if (!message->small || engine->spare_message_cnt == SPARE_MAX) {
		free(message);
		return;
	}
	TAILQ_INSERT_HEAD(&engine->spare_messages, message, link);
	engine->spare_message_cnt++;
}

/* Out of the list of those that wait. */
void message_take(struct sess_message *message)
{
	struct sess_rx *rx = message->ep->rx;

	if (message->claimed)
		TAILQ_REMOVE(&rx->claimed, message, link);
	else
		index_message_remove(match_queue(rx, message->flags), message);
}

/* Takes a message that met no receive out of its list, and frees it. */
void message_forget(struct sess_message *message)
{
	message_take(message);
	message_free(message);
}
