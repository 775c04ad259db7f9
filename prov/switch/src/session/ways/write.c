/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Write: START carries the initial portion only; the receiver answers SINK
 * with the place for the rest; the sender writes it and says WRITTEN behind
 * the last write; the receiver withdraws its memory, completes and says DONE;
 * the sender completes.
 */
#include "session/internal.h"

static bool usable(const struct sess_link *link)
{
	return link->core->config.can_write && link->peer_caps & WIRE_WRITE_TARGET;
}

static void prepare(struct sess_xfer *xfer)
{
	xfer->stage = XFER_READY;
	/* WRITTEN may wait behind the writes after they are reported done, and an application
	 * that is told to have sent may never ask for progress again. */
	xfer->ack = true;
}

static void offer(struct sess_xfer *xfer)
{
	xfer->initial = xfer_initial(xfer);
}

static void offered(struct sess_xfer *xfer)
{
	(void)xfer; /* SINK, GO or DONE comes next */
}

static bool check(struct sess_xfer *xfer, const struct wire_record *record)
{
	return xfer->core->config.write_target && xfer->total > xfer->initial && !xfer->held &&
	       !record->desc_cnt;
}

static void matched(struct sess_xfer *xfer, const uint8_t *stored, size_t have)
{
	(void)stored;
	(void)have;
	if (!xfer->want) {
		xfer->answer = true;
		xfer_finish(xfer, 0);
		return;
	}
	xfer_slice_rest(xfer);
	xfer->stage = XFER_SINKING;
	xfer_register(xfer, SESS_ACCESS_REMOTE_WRITE);
}

static void start_writing(struct sess_xfer *xfer)
{
	xfer->stage = XFER_WRITING;
	xfer_queue(xfer, WORK_RMA);
}

/* There will be no writes: the receiver asks for segments, or gives up. */
static void say_failed(struct sess_xfer *xfer)
{
	struct sess_control *control = control_add(xfer->sess, WIRE_WRITTEN, xfer->id);

	if (control)
		control->status = WIRE_FAILED;
	xfer->stage = XFER_OFFERED;
	xfer_release(xfer);
}

static void registered(struct sess_xfer *xfer, int error)
{
	struct sess_control *control;

	if (!xfer->incoming) {
		if (error)
			say_failed(xfer);
		else
			start_writing(xfer);
	} else if (error) {
		copy_ask_instead(xfer);
	} else {
		control = control_add(xfer->sess, WIRE_SINK, xfer->id);
		if (control)
			control->xfer = xfer;
	}
}

/* The receiver tells how much it wants by the sum of its descriptors. */
static bool sink_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < record->desc_cnt; i++) {
		struct wire_desc desc;

		wire_get_desc(record, i, &desc);
		if (desc.len > xfer->total - xfer->initial - sum)
			return false;
		sum += desc.len;
	}
	if (xfer->mem_cnt || !xfer_take_descs(xfer, record, sum))
		return false;
	xfer->want = sum;
	xfer_slice_rest(xfer);
	if (xfer->core->config.local_mem) {
		xfer->stage = XFER_REGISTERING;
		xfer_register(xfer, SESS_ACCESS_LOCAL_READ);
	} else {
		start_writing(xfer);
	}
	return true;
}

static bool written_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	if (record->status == WIRE_FAILED) {
		copy_ask_instead(xfer);
		return true;
	}
	if (record->status != WIRE_OK)
		return false;
	xfer->moved = xfer->want;
	xfer->answer = true;
	xfer_finish(xfer, 0);
	return true;
}

static void say_written(struct sess_xfer *xfer)
{
	control_add(xfer->sess, WIRE_WRITTEN, xfer->id);
}

static void issued(struct sess_xfer *xfer)
{
	if (xfer->core->config.send_after_write)
		say_written(xfer);
}

static void moved(struct sess_xfer *xfer)
{
	xfer->stage = XFER_AWAITED;
	if (xfer->core->config.send_after_write)
		schedule_ready(xfer->sess); /* WRITTEN may have waited, for another link */
	else
		say_written(xfer);
}

const struct sess_way_ops sess_write_ops = {
	.way = SESS_WRITE,
	.name = "write",
	.usable = usable,
	.prepare = prepare,
	.offer = offer,
	.announce = record_add_start,
	.offered = offered,
	.waits = xfer_waits,
	.check = check,
	.matched = matched,
	.registered = registered,
	.issued = issued,
	.moved = moved,
	.came =
		{
			[WIRE_GO] = copy_go_came,
			[WIRE_SINK] = sink_came,
			[WIRE_DONE] = reply_done_came,
			[WIRE_WRITTEN] = written_came,
			[WIRE_CANCEL] = reply_cancel_came,
		},
	.leave = xfer_end,
};
