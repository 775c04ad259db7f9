/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations of the application: completing and canceling them.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

/* The engine that has the operation. */
static struct sess_engine *engine_of(const struct sess_op *op)
{
	return op->ep ? op->ep->engine : op->rx->engine;
}

void op_done(struct sess_op *op, int error)
{
	struct sess_engine *engine = engine_of(op);

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

static int cancel(struct sess_op *op)
{
	struct sess *sess;

	switch ((enum op_state)op->state) {
	case OP_POSTED:
		match_unpost(op);
		op_done(op, ECANCELED);
		return 0;
	case OP_QUEUED:
		if (op->xfer)
			return xfer_cancel(op);
		sess = op->sess;
		STAILQ_REMOVE(&sess->sends, op, sess_op, link);
		sess->pending--;
		schedule_prepare(sess);
		op_done(op, ECANCELED);
		session_progress_close(sess);
		return 0;
	case OP_MOVING:
		return op->flags & SESS_RECV ? -ENOENT : xfer_cancel(op);
	case OP_LOOPED:
		return self_cancel(op);
	case OP_IDLE:
	case OP_PACKED:
	case OP_DONE:
		break;
	}
	return -ENOENT;
}

int sess_cancel(struct sess_op *op)
{
	struct sess_engine *engine;
	int ret;

	if (op->state == OP_IDLE || op->state == OP_DONE)
		return -ENOENT;
	engine = engine_of(op);
	ret = cancel(op);
	engine_settle(engine); /* there may have been no memory to call it back */
	return ret;
}
