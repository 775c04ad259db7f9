/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Submitting a send: at once into the open packet where it is small and
 * nothing is ahead of it, else into the session's queue.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

/* An injected send is copied: the caller's memory may change when sess_send() returns. */
static int keep_copy(struct sess_op *op)
{
	op->held = malloc(op->len ? op->len : 1);
	if (!op->held)
		return -ENOMEM;
	iov_gather(op->iov, op->iov_cnt, 0, op->held, op->len);
	op->iov[0] = (struct sess_iov){.addr = op->held, .len = op->len};
	op->iov_cnt = 1;
	return 0;
}

static bool goes_now(const struct sess *sess, const struct sess_op *op)
{
	const struct sess_link *link = sess->link;

	return sess->state == SESS_OPEN && link && STAILQ_EMPTY(&sess->sends) &&
	       !(link->due & LINK_HELLO) && !(op->flags & SESS_DELIVERY) &&
	       (op->len <= link->core->config.copy_max || op->flags & SESS_INJECT) &&
	       !select_way(link, op->len);
}

static int send_to_self(struct sess *sess, struct sess_op *op)
{
	int ret = self_send(sess, op, op->len);

	if (ret)
		op->ep->busy--;
	return ret;
}

int sess_send(struct sess *sess, struct sess_op *op)
{
	int ret;

	if (sess->state > SESS_OPEN || sess->bye & BYE_ASKED)
		return -(sess->error ? sess->error : ESHUTDOWN);
	op->ep = sess->ep;
	op->rx = NULL;
	op->sess = sess;
	op->xfer = NULL;
	op->held = NULL;
	op->error = 0;
	op->full_len = 0;
	op->len = iov_len(op->iov, op->iov_cnt);
	if (op->flags & SESS_INJECT && op->len > sess_engine_inline_max(sess->engine))
		return -EMSGSIZE;
	op->ep->busy++;
	if (sess->is_self)
		return send_to_self(sess, op);
	if (!goes_now(sess, op) || !schedule_append(sess->link, op)) {
		if (op->flags & SESS_INJECT) {
			ret = keep_copy(op);
			if (ret) {
				op->ep->busy--;
				return ret;
			}
		}
		op->state = OP_QUEUED;
		STAILQ_INSERT_TAIL(&sess->sends, op, link);
		sess->pending++;
		if (STAILQ_FIRST(&sess->sends) == op)
			schedule_prepare_first(sess);
		schedule_ready(sess);
		return 0;
	}
	sess->pending++;
	if (!coalesce_hold(sess->engine, op)) {
		schedule_ready(sess);
	} else if (!sess->link->work_list) {
		engine_set_work(sess->link, &sess->engine->held);
	}
	return 0;
}
