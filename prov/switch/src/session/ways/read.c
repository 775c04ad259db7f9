/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Read: START carries the initial portion and where the rest lies; the
 * receiver reads the rest and says DONE; the sender withdraws its memory and
 * completes.
 */
#include "session/internal.h"

static bool usable(const struct sess_link *link)
{
	return link->core->config.read_target && link->peer_caps & WIRE_CAN_READ;
}

static void prepare(struct sess_xfer *xfer)
{
	xfer->stage = XFER_REGISTERING;
	xfer->initial = xfer_initial(xfer);
	xfer->want = xfer->total - xfer->initial;
	xfer_slice_rest(xfer);
	xfer_register(xfer, SESS_ACCESS_REMOTE_READ);
}

static void offer(struct sess_xfer *xfer)
{
	(void)xfer; /* the initial portion ends where the registered memory begins */
}

static void offered(struct sess_xfer *xfer)
{
	(void)xfer; /* DONE, or GO, comes next */
}

static bool check(struct sess_xfer *xfer, const struct wire_record *record)
{
	return xfer->core->config.can_read && xfer->total > xfer->initial && !xfer->held &&
	       xfer_take_descs(xfer, record, xfer->total - xfer->initial);
}

static void start_reading(struct sess_xfer *xfer)
{
	xfer->stage = XFER_READING;
	xfer_queue(xfer, WORK_RMA);
}

static void matched(struct sess_xfer *xfer, const uint8_t *stored, size_t have)
{
	(void)stored;
	(void)have;
	xfer->answer = true;
	if (!xfer->want) {
		xfer_finish(xfer, 0);
		return;
	}
	xfer_slice_rest(xfer);
	if (xfer->core->config.local_mem) {
		xfer->stage = XFER_SINKING;
		xfer_register(xfer, SESS_ACCESS_LOCAL_WRITE);
	} else {
		start_reading(xfer);
	}
}

static void registered(struct sess_xfer *xfer, int error)
{
	if (xfer->incoming) {
		if (error)
			copy_ask_instead(xfer);
		else
			start_reading(xfer);
	} else if (!error || copy_instead(xfer)) {
		xfer->stage = XFER_READY;
		schedule_ready(xfer->sess);
	}
}

static void issued(struct sess_xfer *xfer)
{
	(void)xfer; /* their completion counts */
}

static void moved(struct sess_xfer *xfer)
{
	xfer_finish(xfer, 0);
}

const struct sess_way_ops sess_read_ops = {
	.way = SESS_READ,
	.name = "read",
	.tells_memory = true,
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
			[WIRE_DONE] = reply_done_came,
			[WIRE_CANCEL] = reply_cancel_came,
		},
	.leave = xfer_end,
};
