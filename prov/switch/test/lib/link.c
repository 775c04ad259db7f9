/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The test link (see lib/link.h): random numbers, the queue of events, the actions of the
 * engines, and the loops that run them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define LINK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LINK_ASAN 1
#endif
#endif
#ifdef LINK_ASAN
#include <sanitizer/lsan_interface.h>
#endif

/* -- random numbers, memory, failure -------------------------------------------- */

static uint64_t mix(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The state of the random numbers that engines draw. sess_config.random has no argument for a
 * context, so that all links of a process share it. */
static uint64_t engine_chance;

void link_engine_random(void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len--)
		*to++ = (uint8_t)mix(&engine_chance);
}

uint64_t link_rand(struct link *link, uint64_t n)
{
	return mix(&link->rng) % n;
}

bool link_percent(struct link *link, unsigned chance)
{
	return chance && link_rand(link, 100) < chance;
}

uint64_t link_delay(struct link *link)
{
	return 1 + link_rand(link, link->habits.delay_max ? link->habits.delay_max : 1);
}

void link_die(const struct link *link, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "link (SEED=%llu, at %llu ns): ", (unsigned long long)link->seed,
		(unsigned long long)link->now);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void *link_memory(size_t len)
{
	void *memory = aligned_alloc(16, (len + 16) & ~(size_t)15);

	if (!memory)
		abort();
	memset(memory, 0, len);
	return memory;
}

/* -- events ---------------------------------------------------------------------- */

void link_event_insert(struct link *link, struct link_event *event)
{
	struct link_event *before;

	TAILQ_FOREACH_REVERSE(before, &link->events, link_events, link)
	if (before->due <= event->due)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&link->events, before, event, link);
	else
		TAILQ_INSERT_HEAD(&link->events, event, link);
}

struct link_event *link_event_at(struct link *link, enum event_type type, struct link_end *end,
				 uint64_t due)
{
	struct link_event *event = link_memory(sizeof(*event));

	event->type = type;
	event->end = end;
	event->node = end ? end->node : NULL;
	event->due = due;
	link_event_insert(link, event);
	return event;
}

struct link_event *link_event_soon(struct link *link, enum event_type type, struct link_end *end)
{
	return link_event_at(link, type, end, link->now + link_delay(link));
}

/* -- actions ------------------------------------------------------------------- */

/* After DOWN the engine may ask the core only to release memory; after sess_closed() only to
 * release memory that was still registered. */
static void check_session(const struct link_node *node, const struct sess_action *action)
{
	const struct link_end *end = action->user;

	if (action->type == SESS_ACT_DEREGISTER && action->core != node)
		link_die(node->link, "memory of another core is released");
	if (!action->sess || action->type == SESS_ACT_DEREGISTER)
		return;
	if (end->down || (action->link && (action->link != end->link || end->sess != action->sess)))
		link_die(node->link, "an action (%u) for a session that is over", action->type);
}

void link_act(struct link_node *node)
{
	const struct sess_action *action;
	struct link_end *end;

	while ((action = sess_next(node->engine))) {
		end = action->user;
		check_session(node, action);
		switch (action->type) {
		case SESS_ACT_COMPLETE:
			link_op_complete(node, action->op);
			break;
		case SESS_ACT_SEND:
		case SESS_ACT_READ:
		case SESS_ACT_WRITE:
			link_core_give(node, action);
			break;
		case SESS_ACT_REGISTER:
			link_core_register(node, action);
			break;
		case SESS_ACT_DEREGISTER:
			link_core_release(node, action->mem);
			break;
		case SESS_ACT_UP:
			if (end->up || end->down)
				link_die(node->link, "UP was told too late");
			end->up = true;
			node->ups++;
			break;
		case SESS_ACT_CONNECT:
			if (end->up || end->down)
				link_die(node->link, "CONNECT was told too late");
			link_path_connect(end);
			break;
		case SESS_ACT_BYE:
			if (end->bye || end->down)
				link_die(node->link, "BYE was told too late");
			end->bye = true;
			node->byes++;
			break;
		case SESS_ACT_DOWN:
			link_path_went_down(end, action->sess, action->error);
			break;
		case SESS_ACT_LINK_DOWN:
			link_path_link_down(end, action->error);
			break;
		}
	}
}

void link_progress(struct link_node *node)
{
	struct link_end *end;

	if (node->asleep)
		return;
	TAILQ_FOREACH (end, &node->ends, node_link)
		link_core_push(end);
	sess_progress(node->engine, node->link->now);
	link_act(node);
	sess_tick(node->engine, node->link->now);
	link_act(node);
}

/* -- running -------------------------------------------------------------------- */

static void happen(struct link *link, struct link_event *event)
{
	switch (event->type) {
	case EV_DELIVER:
		link_path_deliver(link, event);
		break;
	case EV_PLACE:
		link_core_place(link, event->io);
		break;
	case EV_DONE:
		link_core_done(link, event->io);
		break;
	case EV_REG:
		link_core_answer(event->node, event->xfer, event->mem);
		break;
	case EV_RETRY:
		event->node->retry_set = false;
		break;
	case EV_REQUEST:
		link_path_request(link, event);
		break;
	case EV_AGAIN:
		link_path_again(event);
		break;
	case EV_ANSWER:
		link_path_answer(link, event);
		break;
	case EV_UP:
		if (event->end->sess && !event->end->closing)
			sess_path_up(event->end->link, NULL);
		break;
	case EV_DOWN:
		link_path_down(link, event->end, event->error);
		break;
	case EV_CLOSED:
		link_path_closed(event->end);
		break;
	}
}

static void progress_all(struct link *link)
{
	for (unsigned i = 0; i < link->node_cnt; i++)
		link_progress(link->node[i]);
}

static struct link_event *next_event(struct link *link)
{
	struct link_event *event;

	TAILQ_FOREACH (event, &link->events, link)
		if (event->type == EV_PLACE || !event->node || !event->node->asleep)
			break;
	return event;
}

bool link_step(struct link *link)
{
	struct link_event *event;
	struct link_node *node;

	event = next_event(link);
	if (!event) { /* progress may lead to new events */
		progress_all(link);
		event = next_event(link);
	}
	if (!event)
		return false;
	TAILQ_REMOVE(&link->events, event, link);
	link->now = at_least(link->now, event->due);
	node = event->node;
	happen(link, event);
	free(event->packet);
	free(event);
	link_progress(node);
	return true;
}

/* An engine gives credits again to a session that it throttled after this many calls for
 * progress in which nothing happened, because its application then seems to wait for that
 * session. */
enum { IDLE_CALLS = 40 };

void link_run(struct link *link)
{
	uint64_t before;

	do {
		before = link->packets;
		for (unsigned idle = 0; idle < IDLE_CALLS; idle++)
			progress_all(link);
		do {
			progress_all(link);
		} while (link_step(link));
	} while (link->packets != before);
}

void link_wait(struct link *link, uint64_t ns)
{
	uint64_t end = link->now + ns;

	for (;;) {
		struct link_event *event;
		uint64_t next = end;

		for (unsigned i = 0; i < link->node_cnt; i++) {
			uint64_t deadline = sess_tick(link->node[i]->engine, link->now);

			link_progress(link->node[i]);
			if (deadline < next)
				next = at_least(deadline, link->now + 1);
		}
		event = TAILQ_FIRST(&link->events);
		if (event && event->due <= next) {
			link_step(link);
			continue;
		}
		link->now = next;
		if (next == end)
			break;
	}
	progress_all(link);
}

/* -- making and ending ---------------------------------------------------- */

struct link *link_create(uint64_t seed)
{
	struct link *link = link_memory(sizeof(*link));

	link->seed = seed;
	link->rng = seed;
	engine_chance = ~seed;
	link->now = 1;
	link->habits.delay_max = 1000;
	link->trace = getenv("LINK_TRACE");
	TAILQ_INIT(&link->events);
	return link;
}

struct link_config link_config(void)
{
	return (struct link_config){
		.engine =
			{
				.transfer = SESS_AUTO,
				.initial = 1024,
				.eager_budget = 64 << 10,
				.unexpected_max = 1 << 20,
				.announced_max = 1000,
				.hello_timeout = 1000000000,
				.close_timeout = 1000000000,
				.first_seq = UINT32_MAX - 20,
				.random = link_engine_random,
				.slot = link_op_part,
			},
		.core =
			{
				.buffer_size = 4096,
				.credits = 16,
				.first_credits = SESS_CREDITS_MAX,
				.send_iov_limit = 4,
				.rma_iov_limit = 1,
				.copy_max = 512,
				.can_read = true,
				.can_write = true,
				.read_target = true,
				.write_target = true,
				.send_after_write = true,
				.virtual_addr = true,
				.rma_max = SIZE_MAX,
				.chunk = 64 << 10,
				.threshold[SESS_READ] = 32 << 10,
				.threshold[SESS_WRITE] = 32 << 10,
			},
	};
}

struct link_node *link_node(struct link *link, const struct link_config *config)
{
	struct link_node *node = link_memory(sizeof(*node));
	char name[] = "node 0";

	node->link = link;
	node->idx = link->node_cnt;
	node->config = *config;
	TAILQ_INIT(&node->ends);
	TAILQ_INIT(&node->mems);
	if (sess_engine_create(&config->engine, &node->engine) ||
	    sess_core_create(node->engine, &config->core, node, &node->core) ||
	    sess_ep_create(node->engine, node, &node->ep))
		link_die(link, "no engine");
	name[5] += (char)node->idx;
	sess_ep_set_name(node->ep, name, sizeof(name));
	link->node[link->node_cnt++] = node;
	return node;
}

void link_pair(struct link *link, const struct link_config *a, const struct link_config *b)
{
	struct link_node *from = link_node(link, a), *to = link_node(link, b);

	link_connect(from, to);
	link_run(link);
	if (!link_end(from, to) || !link_end(to, from) || !sess_is_up(link_end(from, to)->sess) ||
	    !sess_is_up(link_end(to, from)->sess))
		link_die(link, "the session did not come up");
}

static void node_destroy(struct link_node *node)
{
	struct link_end *end;

	if (node->op_cnt || sess_ep_busy(node->ep))
		link_die(node->link, "%u operations never completed (busy: %u)", node->op_cnt,
			 sess_ep_busy(node->ep));
	if (node->mem_cnt)
		link_die(node->link, "%u registrations were not released", node->mem_cnt);
	while ((end = TAILQ_FIRST(&node->ends))) {
		if (end->sess)
			link_die(node->link, "a session did not end");
		TAILQ_REMOVE(&node->ends, end, node_link);
		free(end);
	}
	sess_ep_destroy(node->ep);
	sess_core_destroy(node->core);
	sess_engine_destroy(node->engine);
	free(node);
}

void link_destroy(struct link *link)
{
	link->habits.silent = false;
	for (unsigned i = 0; i < link->node_cnt; i++)
		sess_ep_close(link->node[i]->ep, ECANCELED);
	link_run(link);
	link_wait(link, 20 * at_least(link->node[0]->config.engine.close_timeout,
				      link->node[0]->config.engine.hello_timeout));
	link_run(link);
	for (unsigned i = 0; i < link->node_cnt; i++)
		node_destroy(link->node[i]);
	if (!TAILQ_EMPTY(&link->events))
		link_die(link, "events are left");
	free(link);
}

void link_leak_check(void)
{
#ifdef LINK_ASAN
	if (__lsan_do_recoverable_leak_check()) {
		fputs("link: memory leaked\n", stderr);
		abort();
	}
#endif
}
