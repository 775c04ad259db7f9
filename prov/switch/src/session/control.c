/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Records of control: they wait in a queue of the session's own, and leave ahead of
 * data.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

/* By type: the record answers the peer.  The others are for operations of our own. */
static const bool is_answer[WIRE_TYPES] = {
	[WIRE_GO] = true,
	[WIRE_SINK] = true,
	[WIRE_DONE] = true,
};

struct sess_control *control_add(struct sess *sess, enum wire_type type, uint32_t id)
{
	struct sess_engine *engine = sess->engine;
	struct sess_control *control = STAILQ_FIRST(&engine->spare_controls);

	if (sess->bye & BYE_SENT || sess->state >= SESS_FAILED)
		return NULL;
	if (control) {
		STAILQ_REMOVE_HEAD(&engine->spare_controls, link);
		engine->spare_control_cnt--;
	} else {
		control = malloc(sizeof(*control));
		if (!control) {
			session_fail(sess, ENOMEM, "no memory for a control record");
			return NULL;
		}
	}
	*control = (struct sess_control){.type = type, .id = id};
	STAILQ_INSERT_TAIL(&sess->controls, control, link);
	if (is_answer[control->type]) {
		sess->answer_cnt++;
		backlog_add(sess, sizeof(*control));
	}
	schedule_ready(sess);
	return control;
}

void control_answer(struct sess *sess, uint32_t id, enum wire_status status, struct sess_op *op)
{
	struct sess_control *control = control_add(sess, WIRE_DONE, id);

	if (control) {
		control->status = status;
		control->op = op;
	}
	if (op && control) {
		op->state = OP_PACKED;
		op->xfer = NULL;
		sess->pending++;
	} else if (op) {
		op_done(op, op->error);
	}
}

/* Takes the first record of control out of the queue. */
void control_remove(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;
	struct sess_control *control = STAILQ_FIRST(&sess->controls);

	STAILQ_REMOVE_HEAD(&sess->controls, link);
	if (is_answer[control->type]) {
		sess->answer_cnt--;
		backlog_remove(sess, sizeof(*control));
	}
	if (engine->spare_control_cnt == SPARE_MAX) {
		free(control);
		return;
	}
	STAILQ_INSERT_HEAD(&engine->spare_controls, control, link);
	engine->spare_control_cnt++;
}
