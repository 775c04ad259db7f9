/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine: configuration, the next action, what became of it, time.
 * Actions are offered one at a time and retried in place; the lists they come
 * from are made of the sessions, transfers and operations themselves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	    config->first_credits < SESS_CREDITS_MIN ||
	    config->key_len > SESS_KEY_MAX || config->transfer > SESS_AUTO || !config->random)
		return -EINVAL;
	if (config->transfer == SESS_INLINE) /* zero: nothing forced */
		config->transfer = SESS_AUTO;
	if (config->rma_max < SESS_RMA_MIN)
		config->can_read = config->can_write = config->read_target =
			config->write_target = false;
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

void engine_op_done(struct sess_op *op, int error)
{
	struct sess_engine *engine = op->ep ? op->ep->engine : op->rx->engine;

	op->state = OP_DONE;
	op->error = error;
	op->xfer = NULL;
	op->sess = NULL;
	if (op->held) {
		free(op->held);
		op->held = NULL;
	}
	STAILQ_INSERT_TAIL(&engine->done, op, link);
	op->user = op->ep ? op->ep->user : NULL;
	if (op->ep)
		op->ep->busy--;
}

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
	TAILQ_EACH_SAFE(sess, list, timed, next) {
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

	packet_learn(engine, now);
	backlog_progress(engine);
	sess_flush(engine);
	while ((sess = TAILQ_FIRST(&engine->blocked)))
		engine_set_work(sess, &engine->ready);
	while ((xfer = TAILQ_FIRST(&engine->rma_blocked)))
		xfer_queue(xfer, WORK_RMA);
}

/* -- actions ------------------------------------------------------------------ */

static const struct sess_action *action_base(struct sess_engine *engine, enum sess_action_type type,
					     struct sess *sess)
{
	struct sess_action *action = &engine->action;

	action->type = type;
	action->sess = sess;
	action->user = sess ? sess->user : NULL;
	action->iov_cnt = 0;
	action->error = 0;
	return action;
}

static const struct sess_action *next_complete(struct sess_engine *engine)
{
	struct sess_op *op = STAILQ_FIRST(&engine->done);

	STAILQ_REMOVE_HEAD(&engine->done, link);
	op->state = OP_IDLE;
	engine->action.op = op;
	return action_base(engine, SESS_ACT_COMPLETE, NULL);
}

static const struct sess_action *next_release(struct sess_engine *engine)
{
	struct sess_xfer *xfer = TAILQ_FIRST(&engine->releasing);

	action_base(engine, SESS_ACT_DEREGISTER, xfer->sess);
	engine->action.mem = xfer->mem[--xfer->mem_cnt];
	if (!xfer->mem_cnt) {
		xfer_unqueue(xfer);
		xfer_released(xfer);
	}
	return &engine->action;
}

static const struct sess_action *next_register(struct sess_engine *engine)
{
	struct sess_xfer *xfer = TAILQ_FIRST(&engine->registering);
	struct sess_action *action = &engine->action;

	xfer_unqueue(xfer);
	xfer->registering = true;
	action_base(engine, SESS_ACT_REGISTER, xfer->sess);
	action->xfer = xfer;
	action->iov[0] = xfer->piece[xfer->mem_cnt];
	action->iov_cnt = 1;
	action->len = action->iov[0].len;
	action->access = xfer->access;
	return action;
}

static const struct sess_action *next_send(struct sess_engine *engine)
{
	struct sess_action *action = &engine->action;
	struct sess_packet *packet;
	struct sess *sess;

	while ((sess = TAILQ_FIRST(&engine->ready))) {
		packet = packet_next(sess);
		if (!packet) {
			if (sess->work_list == &engine->ready)
				engine_set_work(sess, NULL);
			continue;
		}
		engine->offered = packet;
		action_base(engine, SESS_ACT_SEND, sess);
		action->io = &packet->io;
		action->iov[0].addr = packet->bytes;
		action->iov[0].len = packet->len;
		action->iov[0].mem = NULL;
		for (unsigned i = 0; i < packet->tail_cnt; i++)
			action->iov[i + 1] = packet->tail[i];
		action->iov_cnt = packet->tail_cnt + 1u;
		action->len = packet->len + (size_t)packet->tail_len;
		action->may_buffer = !packet->must_leave;
		return action;
	}
	return NULL;
}

static struct sess_rma *rma_alloc(struct sess_engine *engine)
{
	struct sess_rma *rma = SLIST_FIRST(&engine->spare_rmas);

	if (rma) {
		SLIST_REMOVE_HEAD(&engine->spare_rmas, spare);
		engine->spare_rma_cnt--;
		return rma;
	}
	return malloc(sizeof(*rma));
}

static void rma_free(struct sess_engine *engine, struct sess_rma *rma)
{
	if (engine->spare_rma_cnt == SPARE_MAX) {
		free(rma);
		return;
	}
	SLIST_INSERT_HEAD(&engine->spare_rmas, rma, spare);
	engine->spare_rma_cnt++;
}

/* The next stretch of remote memory: within one descriptor, one chunk, and
 * as many local pieces as the core takes. */
static void rma_fill(struct sess_xfer *xfer, struct sess_action *action)
{
	const struct sess_config *config = &xfer->sess->engine->config;
	uint64_t offset = xfer->issued, len = xfer->want - xfer->issued;
	const struct wire_desc *desc = xfer->desc;

	while (offset >= desc->len) {
		offset -= desc->len;
		desc++;
	}
	if (len > desc->len - offset)
		len = desc->len - offset;
	if (len > config->chunk)
		len = config->chunk;
	if (len > xfer->sess->rma_max)
		len = xfer->sess->rma_max;
	action->iov_cnt = iov_slice(xfer->piece, xfer->piece_cnt, xfer->issued, len, action->iov);
	if (action->iov_cnt > config->rma_iov_limit)
		action->iov_cnt = config->rma_iov_limit;
	action->len = iov_len(action->iov, action->iov_cnt);
	action->raddr = desc->addr + offset;
	action->key = desc->key;
	action->key_len = xfer->key_len;
}

static const struct sess_action *next_rma(struct sess_engine *engine)
{
	struct sess_action *action = &engine->action;
	struct sess_xfer *xfer = TAILQ_FIRST(&engine->rma);
	struct sess_rma *rma = rma_alloc(engine);

	if (!rma) {
		session_fail(xfer->sess, ENOMEM, "no memory for an RMA operation");
		return sess_next(engine);
	}
	rma->io.kind = IO_RMA;
	rma->io.sess = xfer->sess;
	rma->xfer = xfer;
	action_base(engine, xfer->stage == XFER_READING ? SESS_ACT_READ : SESS_ACT_WRITE,
		    xfer->sess);
	rma_fill(xfer, action);
	rma->len = action->len;
	action->io = &rma->io;
	engine->offered_rma = rma;
	return action;
}

static const struct sess_action *next_event(struct sess_engine *engine)
{
	struct sess *sess = TAILQ_FIRST(&engine->events);
	enum sess_action_type type;

	if (sess->tell_up) {
		sess->tell_up = false;
		type = SESS_ACT_UP;
	} else if (sess->tell_bye) {
		sess->tell_bye = false;
		type = SESS_ACT_BYE;
	} else {
		sess->tell_down = false;
		type = SESS_ACT_DOWN;
		session_shed(sess);
	}
	if (!sess->tell_up && !sess->tell_bye && !sess->tell_down) {
		sess->has_event = false;
		TAILQ_REMOVE(&engine->events, sess, event);
	}
	action_base(engine, type, sess);
	engine->action.error = sess->error;
	return &engine->action;
}

/* Most calls find nothing, and that has to be cheap. */
static bool has_actions(const struct sess_engine *engine)
{
	return !STAILQ_EMPTY(&engine->done) || !TAILQ_EMPTY(&engine->ready) ||
	       !TAILQ_EMPTY(&engine->releasing) || !TAILQ_EMPTY(&engine->registering) ||
	       !TAILQ_EMPTY(&engine->rma) || !TAILQ_EMPTY(&engine->events);
}

/* Releasing comes before completing: once the application is told, nobody
 * reaches its memory.  Packets come before RMA: control passes bulk. */
const struct sess_action *sess_next(struct sess_engine *engine)
{
	const struct sess_action *action;

	if (!has_actions(engine))
		return NULL;
	if (!TAILQ_EMPTY(&engine->releasing))
		return next_release(engine);
	if (!STAILQ_EMPTY(&engine->done))
		return next_complete(engine);
	if (!TAILQ_EMPTY(&engine->registering))
		return next_register(engine);
	action = next_send(engine);
	if (action)
		return action;
	/* Building packets may have made any of the above. */
	if (!TAILQ_EMPTY(&engine->releasing) || !STAILQ_EMPTY(&engine->done) ||
	    !TAILQ_EMPTY(&engine->registering))
		return sess_next(engine);
	if (!TAILQ_EMPTY(&engine->rma))
		return next_rma(engine);
	if (!TAILQ_EMPTY(&engine->events))
		return next_event(engine);
	return NULL;
}

static void took_packet(struct sess_engine *engine, int error)
{
	struct sess_packet *packet = engine->offered;
	struct sess *sess = packet->io.sess;

	engine->offered = NULL;
	if (!error) {
		sess->refused = NULL;
		sess->out_cnt++;
		engine_set_work(sess, NULL);
		if (packet_has_work(sess)) /* behind the others: their turn */
			engine_set_work(sess, &engine->ready);
		session_progress_close(sess);
		return;
	}
	sess->refused = packet;
	if (error == -EAGAIN && sess->state != SESS_FAILED) {
		engine_set_work(sess, &engine->blocked);
		return;
	}
	engine_set_work(sess, NULL);
	session_fail(sess, -error, "the core refused to send a packet");
}

static void took_rma(struct sess_engine *engine, int error)
{
	struct sess_rma *rma = engine->offered_rma;
	struct sess_xfer *xfer = rma->xfer;

	engine->offered_rma = NULL;
	if (!error) {
		xfer->issued += rma->len;
		xfer->io_out++;
		xfer_unqueue(xfer);
		if (xfer->issued == xfer->want)
			xfer->ops->issued(xfer);
		else if (xfer->io_out < RMA_IN_FLIGHT)
			xfer_queue(xfer, WORK_RMA); /* behind the others: their turn */
		return;
	}
	rma_free(engine, rma);
	if (error == -EAGAIN) {
		xfer_queue(xfer, WORK_RMA_BLOCKED);
		return;
	}
	session_fail(xfer->sess, -error, "the core refused an RMA operation");
}

void sess_took(struct sess_engine *engine, int error)
{
	if (engine->offered)
		took_packet(engine, error);
	else if (engine->offered_rma)
		took_rma(engine, error);
}

static void packet_done(struct sess_engine *engine, struct sess_packet *packet, int error)
{
	struct sess *sess = packet->io.sess;
	int op_error = error && sess->error ? sess->error : error; /* the first one */
	struct sess_op *op;

	while ((op = STAILQ_FIRST(&packet->ops))) {
		STAILQ_REMOVE_HEAD(&packet->ops, link);
		packet_op_done(sess, op, op_error);
	}
	if (packet->xfer)
		xfer_io_done(packet->xfer, error);
	packet_free(engine, packet);
	if (error)
		session_fail(sess, error, "the core failed to send a packet");
	else if (sess->state == SESS_CLOSING)
		session_progress_close(sess);
	if (sess->out_cnt-- >= PACKETS_OUT_MAX && packet_has_work(sess))
		packet_ready(sess);
}

void sess_done(struct sess_engine *engine, struct sess_io *io, int error)
{
	if (io->kind == IO_PACKET) {
		packet_done(engine, (struct sess_packet *)io, error);
	} else {
		struct sess_rma *rma = (struct sess_rma *)io;
		struct sess_xfer *xfer = rma->xfer;

		if (!error)
			xfer->moved += rma->len;
		rma_free(engine, rma);
		xfer_io_done(xfer, error);
	}
}
