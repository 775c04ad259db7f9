/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Finding the first of many: the messages of a match queue by their tag and by
 * their source, its receives by the tag and source that they ask for.  A peer may send hundreds of
 * thousands of small messages that nobody receives, and an application may post as
 * many receives; walking them all for each receive or message would do
 * nothing else.  The lists of the queue hold the order; buckets hold it, too, each
 * for its own.  They are made when a list has become long, so that the usual few
 * cost nothing.  Which bucket a value falls in is not to be guessed by a peer.
 * Without memory for buckets, lists are walked.
 */
#include <stdlib.h>

#include "session/internal.h"

enum {
	INDEX_BITS = 12,
	INDEX_BUCKETS = 1 << INDEX_BITS,
	INDEX_FROM = 32, /* a list of so many gets buckets */
};

static size_t bucket_of(const struct sess_rx *rx, uint64_t value, uint64_t source)
{
	const uint64_t *secret = rx->engine->secret;

	return (value * (secret[0] | 1) + source * (secret[1] | 1) + secret[2]) >>
	       (64 - INDEX_BITS);
}

/* -- messages --------------------------------------------------------------- */

static bool messages_index(struct match_queue *queue)
{
	struct message_list *lists = malloc(2 * INDEX_BUCKETS * sizeof(*lists));

	if (!lists)
		return false;
	for (size_t i = 0; i < 2 * INDEX_BUCKETS; i++)
		TAILQ_INIT(&lists[i]);
	queue->by_tag = lists;
	queue->by_source = lists + INDEX_BUCKETS;
	return true;
}

static struct message_list *tag_list(const struct match_queue *queue, const struct sess_rx *rx,
				     uint64_t tag)
{
	return &queue->by_tag[bucket_of(rx, tag, 0)];
}

static struct message_list *source_list(const struct match_queue *queue, const struct sess_rx *rx,
					uint64_t source)
{
	return &queue->by_source[bucket_of(rx, 0, source)];
}

/* Nobody asks for messages of an unknown source alone. */
static void link_source(struct match_queue *queue, struct sess_message *message)
{
	struct message_list *list;
	struct sess_message *before;

	if (message->source == SESS_SOURCE_ANY)
		return;
	list = source_list(queue, message->ep->rx, message->source);
	before = TAILQ_LAST(list, message_list);
	while (before && before->order > message->order)
		before = TAILQ_PREV(before, message_list, source_link);
	if (before)
		TAILQ_INSERT_AFTER(list, before, message, source_link);
	else
		TAILQ_INSERT_HEAD(list, message, source_link);
}

static void unlink_source(struct match_queue *queue, struct sess_message *message)
{
	if (message->source != SESS_SOURCE_ANY)
		TAILQ_REMOVE(source_list(queue, message->ep->rx, message->source), message,
			     source_link);
}

static void link_message(struct match_queue *queue, struct sess_message *message)
{
	TAILQ_INSERT_TAIL(tag_list(queue, message->ep->rx, message->tag), message, tag_link);
	link_source(queue, message);
}

void index_message_add(struct match_queue *queue, struct sess_message *message)
{
	struct sess_message *each;

	message->order = ++queue->order;
	TAILQ_INSERT_TAIL(&queue->unexpected, message, link);
	queue->unexpected_cnt++;
	if (queue->by_tag)
		link_message(queue, message);
	else if (queue->unexpected_cnt > INDEX_FROM && messages_index(queue))
		TAILQ_FOREACH (each, &queue->unexpected, link)
			link_message(queue, each);
}

void index_message_remove(struct match_queue *queue, struct sess_message *message)
{
	TAILQ_REMOVE(&queue->unexpected, message, link);
	queue->unexpected_cnt--;
	if (!queue->by_tag)
		return;
	TAILQ_REMOVE(tag_list(queue, message->ep->rx, message->tag), message, tag_link);
	unlink_source(queue, message);
}

void index_message_source(struct match_queue *queue, struct sess_message *message, uint64_t source)
{
	if (queue->by_tag)
		unlink_source(queue, message);
	message->source = source;
	if (queue->by_tag)
		link_source(queue, message);
}

struct sess_message *index_message_find(const struct match_queue *queue, const struct sess_op *op)
{
	struct sess_message *message;

	if (queue->by_tag && op->source != SESS_SOURCE_ANY) {
		TAILQ_FOREACH (message, source_list(queue, op->rx, op->source), source_link)
			if (match_fits(op, message->tag, message->source))
				return message;
	} else if (queue->by_tag && !op->ignore) {
		TAILQ_FOREACH (message, tag_list(queue, op->rx, op->tag), tag_link)
			if (match_fits(op, message->tag, message->source))
				return message;
	} else {
		TAILQ_FOREACH (message, &queue->unexpected, link)
			if (match_fits(op, message->tag, message->source))
				return message;
	}
	return NULL;
}

/* -- receives ----------------------------------------------------------------- */

/* A receive is in the bucket of its tag (or of any tag, where it ignores some bits) and of
 * its source (or of any source).  So a message has to be looked up in four buckets. */
static struct op_list *receive_list(const struct match_queue *queue, const struct sess_rx *rx,
				    const uint64_t *tag, uint64_t source)
{
	static const uint64_t any_tag = UINT64_C(0x9e3779b97f4a7c15);

	return &queue->receives[bucket_of(rx, tag ? *tag : any_tag, source)];
}

static void link_receive(struct match_queue *queue, struct sess_op *op)
{
	struct op_list *list =
		receive_list(queue, op->rx, op->ignore ? NULL : &op->tag, op->source);

	TAILQ_INSERT_TAIL(list, op, alike);
}

static bool receives_index(struct match_queue *queue)
{
	queue->receives = malloc(INDEX_BUCKETS * sizeof(*queue->receives));
	for (size_t i = 0; queue->receives && i < INDEX_BUCKETS; i++)
		TAILQ_INIT(&queue->receives[i]);
	return queue->receives;
}

void index_receive_add(struct match_queue *queue, struct sess_op *op)
{
	struct sess_op *each;

	op->order = ++queue->order;
	TAILQ_INSERT_TAIL(&queue->posted, op, posted);
	queue->posted_cnt++;
	if (queue->receives)
		link_receive(queue, op);
	else if (queue->posted_cnt > INDEX_FROM && receives_index(queue))
		TAILQ_FOREACH (each, &queue->posted, posted)
			link_receive(queue, each);
}

void index_receive_remove(struct match_queue *queue, struct sess_op *op)
{
	TAILQ_REMOVE(&queue->posted, op, posted);
	queue->posted_cnt--;
	if (queue->receives)
		TAILQ_REMOVE(receive_list(queue, op->rx, op->ignore ? NULL : &op->tag, op->source),
			     op, alike);
}

static struct sess_op *earlier(const struct op_list *list, struct sess_op *first, uint64_t tag,
			       uint64_t source)
{
	struct sess_op *op;

	TAILQ_FOREACH (op, list, alike) {
		if (first && first->order < op->order)
			break;
		if (match_fits(op, tag, source))
			return op;
	}
	return first;
}

struct sess_op *index_receive_find(const struct match_queue *queue, const struct sess_rx *rx,
				   uint64_t tag, uint64_t source)
{
	struct sess_op *op;

	if (queue->receives && queue->posted_cnt > INDEX_FROM) {
		op = earlier(receive_list(queue, rx, &tag, SESS_SOURCE_ANY), NULL, tag, source);
		op = earlier(receive_list(queue, rx, NULL, SESS_SOURCE_ANY), op, tag, source);
		if (source == SESS_SOURCE_ANY)
			return op;
		op = earlier(receive_list(queue, rx, &tag, source), op, tag, source);
		return earlier(receive_list(queue, rx, NULL, source), op, tag, source);
	}
	TAILQ_FOREACH (op, &queue->posted, posted)
		if (match_fits(op, tag, source))
			return op;
	return NULL;
}

void index_init(struct match_queue *queue)
{
	*queue = (struct match_queue){0};
	TAILQ_INIT(&queue->posted);
	TAILQ_INIT(&queue->unexpected);
}

void index_fini(struct match_queue *queue)
{
	free(queue->by_tag);
	free(queue->receives);
	queue->by_tag = queue->by_source = NULL;
	queue->receives = NULL;
}
