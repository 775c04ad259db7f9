/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completions: queues and counts of operations that are complete.  Called for every
 * completion, with the lock held.
 */
#include "progress/completion.h"
#include "progress/op.h"
#include "progress/wait.h"

void switch_queue_push(struct switch_queue *queue, struct switch_op *op)
{
	STAILQ_INSERT_TAIL(&queue->done, &op->sess, link);
	queue->done_cnt++;
	switch_wait_signal(&queue->wait);
}

void switch_queue_pop(struct switch_queue *queue)
{
	STAILQ_REMOVE_HEAD(&queue->done, link);
	queue->done_cnt--;
}

void switch_count_add(struct switch_count *count, bool error)
{
	if (error)
		count->errors++;
	else
		count->value++;
	count->moved = true;
	count->changed = true;
	switch_wait_signal(&count->wait);
}
