/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine: configuration, the lists that actions come from, time.  The lists are
 * made of the sessions, transfers and operations themselves.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

#define MS	    UINT64_C(1000000) /* nanoseconds */
#define RETRY_PAUSE (20 * MS)	      /* until a peer that said "try again" is asked again */

static void config_default(uint64_t *value, uint64_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static void config_default32(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static int config_set(struct sess_config *config, const struct sess_config *given)
{
	*config = *given;
	config_default(&config->initial, 1024);
	config_default(&config->eager_budget, 1 << 20);
	config_default(&config->unexpected_max, 64 << 20);
	config_default(&config->throttle, 1 << 20);
	config_default32(&config->announced_max, 65536);
	config_default(&config->hello_timeout, 30000 * MS);
	config_default(&config->close_timeout, 5000 * MS);
	if (config->transfer == SESS_INLINE) /* zero: nothing forced */
		config->transfer = SESS_AUTO;
	return config->transfer > SESS_AUTO || config->host_len > SESS_HOST_MAX || !config->random
		       ? -EINVAL
		       : 0;
}

static int core_config_set(struct sess_core_config *config, const struct sess_core_config *given)
{
	*config = *given;
	config_default32(&config->buffer_size, SESS_BUFFER_DEFAULT);
	config_default32(&config->credits, 64);
	config_default32(&config->first_credits, 16);
	config_default32(&config->send_iov_limit, SESS_IOV_MAX);
	config_default32(&config->rma_iov_limit, 1);
	config_default32(&config->key_len, 8);
	config_default32(&config->copy_max, 1024);
	config_default(&config->rma_max, SIZE_MAX);
	config_default(&config->chunk, 512 << 10);
	config_default(&config->threshold[SESS_READ], SESS_RNDV_DEFAULT);
	config_default(&config->threshold[SESS_WRITE], SESS_RNDV_DEFAULT);
	config->threshold[SESS_COPY] = 0;
	if (config->buffer_size < SESS_BUFFER_MIN || config->buffer_size > SESS_BUFFER_MAX ||
	    config->credits < SESS_CREDITS_MIN || config->credits > SESS_CREDITS_MAX ||
	    config->first_credits < SESS_CREDITS_MIN || config->key_len > SESS_KEY_MAX)
		return -EINVAL;
	if (config->rma_max < SESS_RMA_MIN)
		config->can_read = config->can_write = config->read_target = config->write_target =
			false;
	return 0;
}

static void hello_expired(struct sess_timer *timer)
{
	struct sess_link *link = TIMER_OWNER(timer, struct sess_link, timer);

	sess_link_fail(link, ETIMEDOUT, "no hello within the time allowed");
}

static void retry_expired(struct sess_timer *timer)
{
	struct sess_link *link = TIMER_OWNER(timer, struct sess_link, retry);

	engine_tell(link->sess, TELL_CONNECT);
}

int sess_engine_create(const struct sess_config *config, struct sess_engine **out)
{
	struct sess_engine *engine = calloc(1, sizeof(*engine));
	int ret;

	if (!engine)
		return -ENOMEM;
	ret = config_set(&engine->config, config);
	if (ret) {
		free(engine);
		return ret;
	}
	engine->config.random(engine->secret, sizeof(engine->secret));
	table_init(&engine->links);
	table_init(&engine->xfers);
	TAILQ_INIT(&engine->ready);
	TAILQ_INIT(&engine->blocked);
	TAILQ_INIT(&engine->held);
	TAILQ_INIT(&engine->events);
	TAILQ_INIT(&engine->failing);
	TAILQ_INIT(&engine->links_down);
	timer_list_init(&engine->hellos, hello_expired);
	timer_list_init(&engine->retries, retry_expired);
	timer_list_init(&engine->closings, session_expired);
	TAILQ_INIT(&engine->throttled);
	TAILQ_INIT(&engine->registering);
	TAILQ_INIT(&engine->releasing);
	TAILQ_INIT(&engine->rma);
	TAILQ_INIT(&engine->rma_blocked);
	STAILQ_INIT(&engine->done);
	SLIST_INIT(&engine->spare_rmas);
	STAILQ_INIT(&engine->spare_controls);
	TAILQ_INIT(&engine->spare_messages);
	engine->burst_need = 2;
	engine->inline_max = SIZE_MAX;
	*out = engine;
	return 0;
}

void sess_engine_destroy(struct sess_engine *engine)
{
	void *spare;

	while ((spare = SLIST_FIRST(&engine->spare_rmas))) {
		SLIST_REMOVE_HEAD(&engine->spare_rmas, spare);
		free(spare);
	}
	while ((spare = STAILQ_FIRST(&engine->spare_controls))) {
		STAILQ_REMOVE_HEAD(&engine->spare_controls, link);
		free(spare);
	}
	while ((spare = TAILQ_FIRST(&engine->spare_messages))) {
		TAILQ_REMOVE(&engine->spare_messages, (struct sess_message *)spare, link);
		free(spare);
	}
	table_fini(&engine->links);
	table_fini(&engine->xfers);
	free(engine);
}

size_t sess_engine_inline_max(const struct sess_engine *engine)
{
	return engine->inline_max;
}

/* -- cores ----------------------------------------------------------------- */

int sess_core_create(struct sess_engine *engine, const struct sess_core_config *config, void *user,
		     struct sess_core **out)
{
	struct sess_core *core = calloc(1, sizeof(*core));
	size_t inline_max;
	int ret;

	if (!core)
		return -ENOMEM;
	ret = core_config_set(&core->config, config);
	if (ret) {
		free(core);
		return ret;
	}
	core->engine = engine;
	core->user = user;
	SLIST_INIT(&core->spare_packets);
	backlog_limits(engine, &core->config);
	inline_max = select_inline_max(core->config.buffer_size);
	if (inline_max < engine->inline_max)
		engine->inline_max = inline_max;
	*out = core;
	return 0;
}

void sess_core_destroy(struct sess_core *core)
{
	struct sess_packet *spare;

	while ((spare = SLIST_FIRST(&core->spare_packets))) {
		SLIST_REMOVE_HEAD(&core->spare_packets, spare);
		free(spare);
	}
	free(core);
}

/* -- lists ----------------------------------------------------------------- */

void engine_set_work(struct sess_link *link, struct link_list *list)
{
	if (link->work_list == list)
		return;
	if (link->work_list)
		TAILQ_REMOVE(link->work_list, link, work);
	link->work_list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, link, work);
}

void engine_tell(struct sess *sess, unsigned what)
{
	if (!sess->tell)
		TAILQ_INSERT_TAIL(&sess->engine->events, sess, event);
	sess->tell |= (uint8_t)what;
}

void engine_untell(struct sess *sess, unsigned what)
{
	if (!(sess->tell & what))
		return;
	sess->tell &= (uint8_t)~what;
	if (!sess->tell)
		TAILQ_REMOVE(&sess->engine->events, sess, event);
}

/* -- time ------------------------------------------------------------------- */

uint64_t sess_tick(struct sess_engine *engine, uint64_t now)
{
	const uint64_t held = sess_holds(engine) ? now + HELD_TOO_LONG : SESS_NEVER;
	uint64_t hello, retry, bye, look, next;

	hello = timer_tick(&engine->hellos, engine->config.hello_timeout, now);
	retry = timer_tick(&engine->retries, RETRY_PAUSE, now);
	bye = timer_tick(&engine->closings, engine->config.close_timeout, now);
	engine_settle(engine);
	look = backlog_tick(engine, now);
	next = hello < bye ? hello : bye;
	next = retry < next ? retry : next;
	next = look < next ? look : next;
	return held < next ? held : next;
}

bool sess_holds(const struct sess_engine *engine)
{
	return !TAILQ_EMPTY(&engine->held);
}

void sess_flush(struct sess_engine *engine)
{
	struct sess_link *link;

	while ((link = TAILQ_FIRST(&engine->held)))
		engine_set_work(link, &engine->ready);
}

/* Only a run of bursts makes it hold back, which the next call looks back at. */
bool sess_wants_time(const struct sess_engine *engine)
{
	return engine->burst_rounds;
}

void sess_progress(struct sess_engine *engine, uint64_t now)
{
	struct sess_link *link;
	struct sess_xfer *xfer;

	coalesce_learn(engine, now);
	backlog_progress(engine);
	sess_flush(engine);
	while ((link = TAILQ_FIRST(&engine->blocked)))
		engine_set_work(link, &engine->ready);
	while ((xfer = TAILQ_FIRST(&engine->rma_blocked)))
		xfer_queue(xfer, WORK_RMA);
}
