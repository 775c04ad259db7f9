/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Timers.  Each kind has a list, sorted by deadline without any effort, because all timers of
 * a kind run for the same time.  A timer gets its deadline at the first tick behind its
 * start: only a tick knows the present time.
 */
#ifndef SESSION_TIMER_H
#define SESSION_TIMER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct sess_timer {
	TAILQ_ENTRY(sess_timer) entry;
	struct timer_list *list; /* where entry is linked, or NULL: it does not run */
	uint64_t deadline;	 /* 0: to be set */
};

/* The object that has this timer as a member. */
#define TIMER_OWNER(timer, type, member) ((type *)((char *)(timer)-offsetof(type, member)))

struct timer_list {
	TAILQ_HEAD(timer_head, sess_timer) head;
	unsigned unset;				   /* timers without a deadline, the last ones */
	void (*expired)(struct sess_timer *timer); /* called when it has stopped running */
};

void timer_list_init(struct timer_list *list, void (*expired)(struct sess_timer *timer));
/* Starts it, anew if it runs. */
void timer_start(struct sess_timer *timer, struct timer_list *list);
void timer_stop(struct sess_timer *timer);
/* Lets time pass for a kind; returns when the next of it comes, or SESS_NEVER. */
uint64_t timer_tick(struct timer_list *list, uint64_t timeout, uint64_t now);

#endif
