/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session with the endpoint itself: messages go from the sender's memory
 * into the receiver's without a packet.  A message that finds no receive is copied if
 * it is small or injected; else its send waits.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

enum {
	SELF_COPY_MAX = 1024, /* bytes that are copied rather than that a send waits */
};

/* From memory to memory; returns the bytes copied. */
static size_t copy(const struct sess_op *to, const struct sess_op *from, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < from->iov_cnt && done < len; i++) {
		size_t part = from->iov[i].len < len - done ? from->iov[i].len : len - done;
		size_t put = iov_scatter(to->iov, to->iov_cnt, done, from->iov[i].addr, part);

		done += put;
		if (put < part)
			break;
	}
	return done;
}

static void receive(struct sess_op *op, struct sess_op *from, size_t len)
{
	struct sess_stats *stats = &from->sess->stats;

	stats->rx_msgs[SESS_INLINE]++;
	stats->rx_bytes[SESS_INLINE] += len;
	op->len = copy(op, from, len);
	op->full_len = len;
	op_done(op, op->len < len ? EMSGSIZE : 0);
	op_done(from, 0);
}

static void deliver(struct sess_op *op, struct sess_message *message)
{
	receive(op, message->loop, message->total);
}

static void discard(struct sess_message *message, enum wire_status status)
{
	op_done(message->loop, status == WIRE_OK ? 0 : ECANCELED);
}

static void orphan(struct sess_message *message, int error)
{
	op_done(message->loop, error);
	message_forget(message);
}

const struct message_kind message_looped = {deliver, discard, orphan};

static int store(struct sess *sess, struct sess_op *op, size_t len)
{
	bool copied =
		(op->flags & SESS_INJECT) || (len <= SELF_COPY_MAX && !(op->flags & SESS_DELIVERY));
	struct sess_message *message = message_create(sess, op->flags, op->tag, copied ? len : 0);

	if (!message)
		return -ENOMEM;
	sess->stats.unexpected_msgs++;
	message->data = op->data;
	message->total = len;
	if (copied) {
		sess->stats.rx_msgs[SESS_INLINE]++;
		sess->stats.rx_bytes[SESS_INLINE] += len;
		message->have = iov_gather(op->iov, op->iov_cnt, 0, message->bytes, len);
		op_done(op, 0);
	} else {
		message->kind = &message_looped;
		message->loop = op;
		op->state = OP_LOOPED;
	}
	return 0;
}

int self_send(struct sess *sess, struct sess_op *op, size_t len)
{
	struct sess_op *to = match_posted(sess->ep, op->flags, op->tag, sess->source, len);
	int ret;

	if (to) {
		to->flags = (uint16_t)((to->flags & ~SESS_DATA) | (op->flags & SESS_DATA));
		to->tag = op->tag;
		to->data = op->data;
		to->source = sess->source;
		receive(to, op, len);
	} else {
		ret = store(sess, op, len);
		if (ret)
			return ret;
	}
	sess->stats.tx_msgs[SESS_INLINE]++;
	sess->stats.tx_bytes[SESS_INLINE] += len;
	return 0;
}

int self_cancel(struct sess_op *op)
{
	struct message_list *list = &match_queue(op->ep->rx, op->flags)->unexpected;
	struct sess_message *message;

	TAILQ_FOREACH (message, list, link) {
		if (message->loop != op)
			continue;
		op_done(op, ECANCELED);
		message_forget(message);
		return 0;
	}
	return -ENOENT;
}
