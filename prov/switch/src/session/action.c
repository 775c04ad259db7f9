/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Actions: the next thing for the driver to do, and how it ended.  Actions are offered one
 * at a time, and one that the core has no room for is retried in place.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

static const struct sess_action *action_base(struct sess_engine *engine, enum sess_action_type type,
					     struct sess *sess)
{
	struct sess_action *action = &engine->action;

	action->type = type;
	action->sess = sess;
	action->link = NULL;
	action->user = sess ? sess->user : NULL;
	action->iov_cnt = 0;
	action->error = 0;
	return action;
}

/* An action that concerns a link; NULL: the link is gone. */
static const struct sess_action *action_of(struct sess_link *link, struct sess *sess,
					   const struct sess_core *core, enum sess_action_type type)
{
	struct sess_action *action = &sess->engine->action;

	action_base(sess->engine, type, sess);
	action->link = link;
	action->user = link ? link->user : NULL;
	action->core = core->user;
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

	action_of(xfer->link, xfer->sess, xfer->core, SESS_ACT_DEREGISTER);
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
	action_of(xfer->link, xfer->sess, xfer->core, SESS_ACT_REGISTER);
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
	struct sess_link *link;

	while ((link = TAILQ_FIRST(&engine->ready))) {
		packet = schedule_next(link);
		if (!packet) {
			if (link->work_list == &engine->ready)
				engine_set_work(link, NULL);
			continue;
		}
		engine->offered = packet;
		action_of(link, link->sess, link->core, SESS_ACT_SEND);
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
	const struct sess_core_config *config = &xfer->core->config;
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
	if (len > xfer->link->rma_max)
		len = xfer->link->rma_max;
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
	rma->io.link = xfer->link;
	rma->xfer = xfer;
	action_of(xfer->link, xfer->sess, xfer->core,
		  xfer->stage == XFER_READING ? SESS_ACT_READ : SESS_ACT_WRITE);
	rma_fill(xfer, action);
	rma->len = action->len;
	action->io = &rma->io;
	engine->offered_rma = rma;
	return action;
}

/* In the order in which they came about. */
static const struct sess_action *next_event(struct sess_engine *engine)
{
	static const struct {
		unsigned what;
		enum sess_action_type type;
	} events[] = {
		{TELL_UP, SESS_ACT_UP},
		{TELL_CONNECT, SESS_ACT_CONNECT},
		{TELL_BYE, SESS_ACT_BYE},
		{TELL_DOWN, SESS_ACT_DOWN},
	};
	struct sess *sess = TAILQ_FIRST(&engine->events);
	unsigned i = 0;

	while (!(sess->tell & events[i].what))
		i++;
	if (events[i].what == TELL_DOWN)
		session_shed(sess);
	engine_untell(sess, events[i].what);
	action_base(engine, events[i].type, sess);
	engine->action.error = sess->error;
	return &engine->action;
}

static const struct sess_action *next_link_down(struct sess_engine *engine)
{
	struct sess_link *link = TAILQ_FIRST(&engine->links_down);

	sess_link_forget_event(link);
	action_of(link, link->sess, link->core, SESS_ACT_LINK_DOWN);
	engine->action.error = link->error;
	return &engine->action;
}

/* Releasing comes before completing: once the application is told, nobody reaches its
 * memory.  Packets come before RMA: control passes bulk.  Not inlined, because sess_next()
 * would then save registers before it finds nothing. */
static __attribute__((noinline)) const struct sess_action *next_action(struct sess_engine *engine)
{
	const struct sess_action *action;

	engine_settle(engine);
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
	if (!TAILQ_EMPTY(&engine->failing) || !TAILQ_EMPTY(&engine->releasing) ||
	    !STAILQ_EMPTY(&engine->done) || !TAILQ_EMPTY(&engine->registering))
		return sess_next(engine);
	if (!TAILQ_EMPTY(&engine->rma))
		return next_rma(engine);
	if (!TAILQ_EMPTY(&engine->events))
		return next_event(engine);
	if (!TAILQ_EMPTY(&engine->links_down))
		return next_link_down(engine);
	return NULL;
}

/* Most calls find no action: an application that polls asks after every look at the core. */
const struct sess_action *sess_next(struct sess_engine *engine)
{
	if (STAILQ_EMPTY(&engine->done) && TAILQ_EMPTY(&engine->ready) &&
	    TAILQ_EMPTY(&engine->releasing) && TAILQ_EMPTY(&engine->registering) &&
	    TAILQ_EMPTY(&engine->rma) && TAILQ_EMPTY(&engine->events) &&
	    TAILQ_EMPTY(&engine->links_down) && TAILQ_EMPTY(&engine->failing))
		return NULL;
	return next_action(engine);
}

static void took_packet(struct sess_engine *engine, int error)
{
	struct sess_packet *packet = engine->offered;
	struct sess_link *link = packet->io.link;
	struct sess *sess = link->sess;

	engine->offered = NULL;
	if (!error) {
		link->refused = NULL;
		link->out_cnt++;
		engine_set_work(link, NULL);
		if (schedule_has_work(link)) /* behind the others: their turn */
			engine_set_work(link, &engine->ready);
		session_progress_close(sess);
		return;
	}
	link->refused = packet;
	if (error == -EAGAIN && sess->state != SESS_FAILED && link->state != LINK_DOWN) {
		engine_set_work(link, &engine->blocked);
		return;
	}
	engine_set_work(link, NULL);
	sess_link_fail(link, -error, "the core refused to send a packet");
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
	engine_settle(engine);
}

static void packet_done(struct sess_packet *packet, int error)
{
	struct sess_link *link = packet->io.link;
	struct sess *sess = link->sess;
	int op_error = error && sess->error ? sess->error : error; /* the first one */
	struct sess_op *op;

	while ((op = STAILQ_FIRST(&packet->ops))) {
		STAILQ_REMOVE_HEAD(&packet->ops, link);
		packet_op_done(sess, op, op_error);
	}
	if (packet->xfer)
		xfer_io_done(packet->xfer, error);
	packet_free(packet);
	if (error)
		sess_link_fail(link, error, "the core failed to send a packet");
	else if (sess->state == SESS_CLOSING)
		session_progress_close(sess);
	if (link->out_cnt-- >= PACKETS_OUT_MAX && schedule_has_work(link))
		sess_link_ready(link);
	sess_link_progress_close(link);
}

void sess_done(struct sess_engine *engine, struct sess_io *io, int error)
{
	if (io->kind == IO_PACKET) {
		packet_done((struct sess_packet *)io, error);
	} else {
		struct sess_rma *rma = (struct sess_rma *)io;
		struct sess_xfer *xfer = rma->xfer;

		if (!error)
			xfer->moved += rma->len;
		rma_free(engine, rma);
		xfer_io_done(xfer, error);
	}
	engine_settle(engine);
}
