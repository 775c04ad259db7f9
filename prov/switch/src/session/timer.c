/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Deadlines: see session/timer.h. */
#include "session/timer.h"

#include "session/types.h"

void timer_list_init(struct timer_list *list, void (*expired)(struct sess_timer *timer))
{
	TAILQ_INIT(&list->head);
	list->unset = 0;
	list->expired = expired;
}

void timer_start(struct sess_timer *timer, struct timer_list *list)
{
	timer_stop(timer);
	timer->list = list;
	timer->deadline = 0;
	list->unset++;
	TAILQ_INSERT_TAIL(&list->head, timer, entry);
}

void timer_stop(struct sess_timer *timer)
{
	struct timer_list *list = timer->list;

	if (!list)
		return;
	if (!timer->deadline)
		list->unset--;
	TAILQ_REMOVE(&list->head, timer, entry);
	timer->list = NULL;
}

uint64_t timer_tick(struct timer_list *list, uint64_t timeout, uint64_t now)
{
	struct sess_timer *timer, *next;

	TAILQ_EACH_SAFE (timer, &list->head, entry, next) {
		if (!timer->deadline) {
			timer->deadline = now + timeout;
			list->unset--;
		} else if (timer->deadline <= now) {
			timer_stop(timer);
			list->expired(timer);
		} else if (!list->unset) {
			break;
		}
	}
	timer = TAILQ_FIRST(&list->head);
	return timer ? timer->deadline : SESS_NEVER;
}
