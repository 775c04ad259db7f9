/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Transfers: the part that all ways share.  Their life: made, registered, announced, matched,
 * moved, released, completed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

/* -- making, queueing, freeing -------------------------------------------------- */

struct sess_xfer *xfer_create(struct sess_link *link, struct sess_op *op,
			      const struct sess_way_ops *ops)
{
	struct sess *sess = link->sess;
	struct sess_engine *engine = sess->engine;
	struct sess_xfer *xfer = calloc(1, sizeof(*xfer));

	if (!xfer)
		return NULL;
	xfer->sess = sess;
	xfer->link = link;
	xfer->core = link->core;
	xfer->op = op;
	xfer->ops = ops;
	if (op) {
		xfer->id = table_add(&engine->xfers, xfer);
		if (!xfer->id) {
			free(xfer);
			return NULL;
		}
		xfer->total = op->len;
		xfer->ack = op->flags & SESS_DELIVERY;
	}
	link->xfer_cnt++;
	TAILQ_INSERT_TAIL(&sess->xfers, xfer, entry);
	return xfer;
}

/* A transfer of the peer's that no receive has is its backlog. */
void xfer_count(struct sess_xfer *xfer)
{
	xfer->counted = true;
	backlog_add(xfer->sess, sizeof(*xfer));
}

void xfer_uncount(struct sess_xfer *xfer)
{
	if (xfer->counted)
		backlog_remove(xfer->sess, sizeof(*xfer));
	xfer->counted = false;
}

static void xfer_free(struct sess_xfer *xfer)
{
	struct sess *sess = xfer->sess;
	struct sess_link *link = xfer->link;
	struct sess_engine *engine = sess->engine;

	xfer_unqueue(xfer);
	xfer_uncount(xfer);
	if (xfer->incoming) {
		if (xfer->hh.tbl)
			HASH_DEL(engine->incoming, xfer);
	} else {
		table_remove(&engine->xfers, xfer->id);
	}
	TAILQ_REMOVE(&sess->xfers, xfer, entry);
	free(xfer);
	if (link) {
		link->xfer_cnt--;
		sess_link_progress_close(link);
	}
	if (sess->state == SESS_ENDED)
		session_free_if_ended(sess);
	else
		session_progress_close(sess);
}

static struct xfer_list *work_list(struct sess_xfer *xfer, enum work work)
{
	struct sess_engine *engine = xfer->sess->engine;

	switch (work) {
	case WORK_REGISTER:
		return &engine->registering;
	case WORK_RELEASE:
		return &engine->releasing;
	case WORK_RMA:
		return &engine->rma;
	case WORK_RMA_BLOCKED:
		return &engine->rma_blocked;
	case WORK_BULK:
		return &xfer->sess->bulk;
	case WORK_NONE:
		break;
	}
	return NULL;
}

void xfer_unqueue(struct sess_xfer *xfer)
{
	if (xfer->queued != WORK_NONE)
		TAILQ_REMOVE(work_list(xfer, (enum work)xfer->queued), xfer, queue);
	xfer->queued = WORK_NONE;
}

void xfer_queue(struct sess_xfer *xfer, enum work work)
{
	xfer_unqueue(xfer);
	xfer->queued = (uint8_t)work;
	TAILQ_INSERT_TAIL(work_list(xfer, work), xfer, queue);
	if (work == WORK_BULK)
		schedule_ready(xfer->sess);
}

/* -- registering and releasing ----------------------------------------------------- */

/* The local memory behind the initial portion. */
void xfer_slice_rest(struct sess_xfer *xfer)
{
	xfer->piece_cnt = (uint8_t)iov_slice(xfer->op->iov, xfer->op->iov_cnt, xfer->initial,
					     xfer->want, xfer->piece);
}

/* Registers xfer->piece; ops->registered() follows. */
void xfer_register(struct sess_xfer *xfer, unsigned access)
{
	xfer->access = access;
	xfer_queue(xfer, WORK_REGISTER);
}

void sess_registered(struct sess_engine *engine, struct sess_xfer *xfer, int error,
		     struct sess_mem *mem, uint64_t raddr, const void *key, size_t key_len)
{
	struct wire_desc *desc = &xfer->own[xfer->mem_cnt];

	xfer->registering = false;
	if (!error && key_len > xfer->core->config.key_len)
		error = EINVAL;
	if (!error) {
		desc->addr = raddr;
		desc->len = xfer->piece[xfer->mem_cnt].len;
		memset(desc->key, 0, sizeof(desc->key));
		memcpy(desc->key, key, key_len);
		xfer->own_key_len = (uint8_t)key_len;
		if (xfer->access & (SESS_ACCESS_LOCAL_READ | SESS_ACCESS_LOCAL_WRITE))
			xfer->piece[xfer->mem_cnt].mem = mem;
		xfer->mem[xfer->mem_cnt++] = mem;
		xfer->sess->stats.registrations++;
	}
	if (xfer->stage == XFER_FINISHING) {
		xfer_advance_finish(xfer);
	} else if (xfer->sess->state >= SESS_FAILED) {
		; /* sess_closed() ends it */
	} else if (!error && xfer->mem_cnt < xfer->piece_cnt) {
		xfer_queue(xfer, WORK_REGISTER);
	} else {
		if (error)
			xfer->sess->stats.fallbacks++;
		xfer->ops->registered(xfer, error);
	}
	engine_settle(engine);
}

/* Releases the registrations; xfer_released() follows. */
void xfer_release(struct sess_xfer *xfer)
{
	if (xfer->mem_cnt)
		xfer_queue(xfer, WORK_RELEASE);
	else
		xfer_released(xfer);
}

void xfer_released(struct sess_xfer *xfer)
{
	if (xfer->stage == XFER_FINISHING)
		xfer_advance_finish(xfer);
	else if (xfer->stage == XFER_SENDING && xfer->issued < xfer->want)
		xfer_queue(xfer, WORK_BULK);
}

uint64_t xfer_initial(const struct sess_xfer *xfer)
{
	const struct sess *sess = xfer->sess;
	uint64_t most = xfer->link->packet_max - WIRE_HEADER_LEN -
			wire_start_len(WIRE_TAGGED | WIRE_DATA, WIRE_DESC_MAX, SESS_KEY_MAX);
	uint64_t initial = sess->engine->config.initial;

	if (sess->peer_full)
		return 0;
	return initial < most ? initial : most;
}

/* -- ending ---------------------------------------------------------------------------- */

static void account_received(struct sess_xfer *xfer, struct sess_op *op, int error)
{
	struct sess_stats *stats = &xfer->sess->stats;

	op->len = xfer->delivered + xfer->moved;
	op->full_len = xfer->total;
	if (error)
		return;
	stats->rx_msgs[xfer->ops->way]++;
	stats->rx_bytes[xfer->ops->way] += xfer->total;
}

/* Completes and frees, once nothing of it is in flight or registered. */
void xfer_advance_finish(struct sess_xfer *xfer)
{
	struct sess_op *op = xfer->op;
	int error = xfer->error;

	if (xfer->stage != XFER_FINISHING || xfer->io_out || xfer->registering)
		return;
	if (xfer->mem_cnt) {
		xfer_release(xfer);
		return;
	}
	if (op && xfer->incoming) {
		account_received(xfer, op, error);
		if (!error && op->len < op->full_len)
			error = EMSGSIZE;
	}
	if (op) {
		xfer->sess->pending--;
		op->error = error;
	}
	if (xfer->incoming && xfer->answer)
		control_answer(xfer->sess, xfer->id, (enum wire_status)xfer->status, op);
	else if (op)
		op_done(op, error);
	xfer_free(xfer);
}

/* Ends the transfer: nothing more is moved; the first error wins. */
void xfer_finish(struct sess_xfer *xfer, int error)
{
	if (xfer->stage == XFER_FINISHING)
		return;
	xfer->stage = XFER_FINISHING;
	xfer->error = error;
	if (xfer->queued != WORK_RELEASE)
		xfer_unqueue(xfer);
	xfer_advance_finish(xfer);
}

/* A packet or an RMA operation that used its memory is over. */
void xfer_io_done(struct sess_xfer *xfer, int error)
{
	struct sess *sess = xfer->sess;

	xfer->io_out--;
	if (xfer->stage == XFER_FINISHING) {
		xfer_advance_finish(xfer);
	} else if (error) {
		session_fail(sess, error, "the core failed to move data");
	} else if (sess->state < SESS_FAILED) {
		if (xfer->stage == XFER_READING || xfer->stage == XFER_WRITING) {
			if (xfer->moved == xfer->want)
				xfer->ops->moved(xfer);
			else if (xfer->issued < xfer->want && xfer->queued == WORK_NONE)
				xfer_queue(xfer, WORK_RMA);
		} else if (xfer->stage == XFER_SENDING && xfer->issued == xfer->want &&
			   !xfer->io_out) {
			xfer->ops->moved(xfer);
		}
	}
}

/* Nothing more comes of the transfer's unmatched message. */
void xfer_orphan(struct sess_xfer *xfer)
{
	if (xfer->message)
		xfer->message->kind->orphan(xfer->message, 0);
}

/* We take nothing more from the peer, and it will not ask: BYE tells it. */
void xfer_leave(struct sess_xfer *xfer)
{
	if (!xfer->message)
		return;
	xfer_orphan(xfer);
	xfer->ops->leave(xfer);
}

void xfer_end(struct sess_xfer *xfer)
{
	xfer_finish(xfer, 0);
}

bool xfer_waits(const struct sess_xfer *xfer)
{
	(void)xfer;
	return true;
}

/* The session is over, its path closed: nothing is in flight any more. */
void xfer_abandon(struct sess_xfer *xfer, int error)
{
	xfer_orphan(xfer);
	xfer->answer = false;
	xfer->io_out = 0;
	if (xfer->stage == XFER_FINISHING)
		xfer_advance_finish(xfer);
	else
		xfer_finish(xfer, error);
}

/* fi_cancel of a send that has a transfer. */
int xfer_cancel(struct sess_op *op)
{
	struct sess_xfer *xfer = op->xfer;
	struct sess *sess = xfer->sess;

	if (op->state == OP_QUEUED) {
		STAILQ_REMOVE(&sess->sends, op, sess_op, link);
		op->state = OP_MOVING; /* its registration may be under way */
		xfer_finish(xfer, ECANCELED);
		schedule_prepare(sess);
		schedule_ready(sess);
		return 0;
	}
	if (xfer->stage != XFER_OFFERED || !xfer->ops->waits(xfer))
		return -ENOENT;
	if (!xfer->canceling)
		control_add(sess, WIRE_CANCEL, xfer->id);
	xfer->canceling = true;
	return 0;
}
