/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completions: operations that are complete wait in a queue until they are read, or are
 * counted.
 */
#ifndef SWITCH_COMPLETION_H
#define SWITCH_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "progress/wait.h"
#include "switch_session.h"

struct switch_op;

/*
 * Finished operations, oldest first, and the wait object of those who wait for one.  The pump's
 * lock covers it.
 */
struct switch_queue {
	STAILQ_HEAD(, sess_op) done;
	size_t done_cnt; /* how many */
	struct switch_wait wait;
	int refs; /* endpoints and poll sets that have it */
};

/* How many operations succeeded, how many failed.  The pump's lock covers it. */
struct switch_count {
	uint64_t value, errors;
	struct switch_wait wait;
	bool moved;   /* since the application last read it */
	bool changed; /* since a poll set last looked or the application set the value */
	int refs;     /* endpoints and poll sets that have it */
};

void switch_queue_push(struct switch_queue *queue, struct switch_op *op);
/* Removes the first operation. */
void switch_queue_pop(struct switch_queue *queue);
void switch_count_add(struct switch_count *count, bool error);

#endif
