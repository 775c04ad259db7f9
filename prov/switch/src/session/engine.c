/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine: configuration, the lists that actions come from, time.  The lists are
 * made of the sessions, transfers and operations themselves.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

#define MS UINT64_C(1000000) /* nanoseconds */

static void config_default(uint64_t *value, uint64_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static int config_set(struct sess_config *config, const struct sess_config *given)
{
	*config = *given;
	if (!config->buffer_size)
		config->buffer_size = SESS_BUFFER_DEFAULT;
	if (!config->credits)
		config->credits = 64;
	if (!config->send_iov_limit)
		config->send_iov_limit = SESS_IOV_MAX;
	if (!config->rma_iov_limit)
		config->rma_iov_limit = 1;
	if (!config->key_len)
		config->key_len = 8;
	if (!config->copy_max)
		config->copy_max = 1024;
	config_default(&config->rma_max, SIZE_MAX);
	config_default(&config->chunk, 512 << 10);
	config_default(&config->threshold[SESS_READ], SESS_RNDV_DEFAULT);
	config_default(&config->threshold[SESS_WRITE], SESS_RNDV_DEFAULT);
	config->threshold[SESS_COPY] = 0;
	config_default(&config->initial, 1024);
	config_default(&config->eager_budget, 1 << 20);
	config_default(&config->unexpected_max, 64 << 20);
	config_default(&config->throttle, 1 << 20);
	if (!config->first_credits)
		config->first_credits = 16;
	if (!config->announced_max)
		config->announced_max = 65536;
	config_default(&config->hello_timeout, 30000 * MS);
	config_default(&config->close_timeout, 5000 * MS);
	if (config->buffer_size < SESS_BUFFER_MIN || config->buffer_size > SESS_BUFFER_MAX ||
	    config->credits < SESS_CREDITS_MIN || config->credits > SESS_CREDITS_MAX ||
	    config->first_credits < SESS_CREDITS_MIN || config->key_len > SESS_KEY_MAX ||
	    config->transfer > SESS_AUTO || !config->random)
		return -EINVAL;
	if (config->transfer == SESS_INLINE) /* zero: nothing forced */
		config->transfer = SESS_AUTO;
	if (config->rma_max < SESS_RMA_MIN)
		config->can_read = config->can_write = config->read_target = config->write_target =
			false;
	return 0;
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
	table_init(&engine->sessions);
	table_init(&engine->xfers);
	TAILQ_INIT(&engine->ready);
	TAILQ_INIT(&engine->blocked);
	TAILQ_INIT(&engine->held);
	TAILQ_INIT(&engine->events);
	TAILQ_INIT(&engine->timed_hello);
	TAILQ_INIT(&engine->timed_close);
	TAILQ_INIT(&engine->throttled);
	TAILQ_INIT(&engine->registering);
	TAILQ_INIT(&engine->releasing);
	TAILQ_INIT(&engine->rma);
	TAILQ_INIT(&engine->rma_blocked);
	STAILQ_INIT(&engine->done);
	SLIST_INIT(&engine->spare_packets);
	SLIST_INIT(&engine->spare_rmas);
	STAILQ_INIT(&engine->spare_controls);
	TAILQ_INIT(&engine->spare_messages);
	engine->burst_need = 2;
	engine->backlog_max = backlog_max(&engine->config);
	engine->answers_max = backlog_answers_max(&engine->config);
	*out = engine;
	return 0;
}

void sess_engine_destroy(struct sess_engine *engine)
{
	void *spare;

	while ((spare = SLIST_FIRST(&engine->spare_packets))) {
		SLIST_REMOVE_HEAD(&engine->spare_packets, spare);
		free(spare);
	}
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
	table_fini(&engine->sessions);
	table_fini(&engine->xfers);
	free(engine);
}

size_t sess_engine_inline_max(const struct sess_engine *engine)
{
	return select_inline_max(engine->config.buffer_size);
}

/* -- lists ----------------------------------------------------------------- */

void engine_set_work(struct sess *sess, struct sess_list *list)
{
	if (sess->work_list == list)
		return;
	if (sess->work_list)
		TAILQ_REMOVE(sess->work_list, sess, work);
	sess->work_list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, sess, work);
}

void engine_event(struct sess *sess)
{
	if (!sess->has_event) {
		sess->has_event = true;
		TAILQ_INSERT_TAIL(&sess->engine->events, sess, event);
	}
}

/* The deadline itself is set at the next tick: only there is the time known
 * to be the present. */
void engine_set_timer(struct sess *sess, struct sess_list *list)
{
	engine_clear_timer(sess);
	sess->timed_list = list;
	sess->deadline = 0;
	sess->engine->timed_unset++;
	TAILQ_INSERT_TAIL(list, sess, timed);
}

void engine_clear_timer(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;

	if (!sess->timed_list)
		return;
	if (!sess->deadline)
		engine->timed_unset--;
	TAILQ_REMOVE(sess->timed_list, sess, timed);
	sess->timed_list = NULL;
}

/* -- time ------------------------------------------------------------------- */

static void time_out(struct sess *sess)
{
	if (sess->state < SESS_OPEN)
		session_fail(sess, ETIMEDOUT, "no hello within the time allowed");
	else if (sess->bye_seen)
		session_fail(sess, 0, "closed; the peer kept its path open");
	else
		session_fail(sess, ETIMEDOUT, "no BYE within the time allowed");
}

static uint64_t tick_list(struct sess_engine *engine, struct sess_list *list, uint64_t timeout,
			  uint64_t now)
{
	struct sess *sess, *next;

	/* Sessions without a deadline stand behind those with one. */
	TAILQ_EACH_SAFE (sess, list, timed, next) {
		if (!sess->deadline) {
			sess->deadline = now + timeout;
			engine->timed_unset--;
		} else if (sess->deadline <= now) {
			time_out(sess);
		} else if (!engine->timed_unset) {
			break;
		}
	}
	sess = TAILQ_FIRST(list);
	return sess ? sess->deadline : SESS_NEVER;
}

uint64_t sess_tick(struct sess_engine *engine, uint64_t now)
{
	const uint64_t held = sess_holds(engine) ? now + HELD_TOO_LONG : SESS_NEVER;
	uint64_t hello, bye, look, next;

	hello = tick_list(engine, &engine->timed_hello, engine->config.hello_timeout, now);
	bye = tick_list(engine, &engine->timed_close, engine->config.close_timeout, now);
	look = backlog_tick(engine, now);
	next = hello < bye ? hello : bye;
	next = look < next ? look : next;
	return held < next ? held : next;
}

bool sess_holds(const struct sess_engine *engine)
{
	return !TAILQ_EMPTY(&engine->held);
}

void sess_flush(struct sess_engine *engine)
{
	struct sess *sess;

	while ((sess = TAILQ_FIRST(&engine->held)))
		engine_set_work(sess, &engine->ready);
}

/* Only a run of bursts makes it hold back, which the next call looks back at. */
bool sess_wants_time(const struct sess_engine *engine)
{
	return engine->burst_rounds;
}

void sess_progress(struct sess_engine *engine, uint64_t now)
{
	struct sess *sess;
	struct sess_xfer *xfer;

	coalesce_learn(engine, now);
	backlog_progress(engine);
	sess_flush(engine);
	while ((sess = TAILQ_FIRST(&engine->blocked)))
		engine_set_work(sess, &engine->ready);
	while ((xfer = TAILQ_FIRST(&engine->rma_blocked)))
		xfer_queue(xfer, WORK_RMA);
}
