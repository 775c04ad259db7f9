/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Records that concern a transfer.  Which one may come in which stage is one table
 * here; their handlers are in the tables of the ways.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

#define BIT(type) (1u << (type))

/* By stage: the records that may come.  Anything else breaks the rules. */
static const uint16_t allowed[] = {
	[XFER_REGISTERING] = 0,
	[XFER_READY] = 0,
	[XFER_OFFERED] = BIT(WIRE_GO) | BIT(WIRE_SINK) | BIT(WIRE_DONE),
	[XFER_SENDING] = BIT(WIRE_DONE),
	[XFER_WRITING] = BIT(WIRE_DONE),
	[XFER_AWAITED] = BIT(WIRE_DONE),
	[XFER_UNMATCHED] = BIT(WIRE_SEGMENT) | BIT(WIRE_CANCEL),
	[XFER_SINKING] = BIT(WIRE_CANCEL),
	[XFER_READING] = BIT(WIRE_CANCEL),
	[XFER_SUNK] = BIT(WIRE_WRITTEN) | BIT(WIRE_CANCEL),
	[XFER_GATHERING] = BIT(WIRE_SEGMENT) | BIT(WIRE_CANCEL),
	[XFER_FINISHING] = BIT(WIRE_CANCEL),
};

static bool is_allowed(const struct sess_xfer *xfer, const struct wire_record *record)
{
	return allowed[xfer->stage] & BIT(record->type);
}

static const int status_error[WIRE_STATUSES] = {
	[WIRE_OK] = 0,
	[WIRE_CANCELED] = ECANCELED,
	[WIRE_FAILED] = ENOBUFS,
	[WIRE_CLOSED] = ECONNRESET,
};

static bool handle(struct sess_xfer *xfer, const struct wire_record *record)
{
	return is_allowed(xfer, record) && xfer->ops->came[record->type] &&
	       xfer->ops->came[record->type](xfer, record);
}

bool reply_done_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	/* Before everything has left, only an announcement is answered so. */
	if (xfer->stage != XFER_OFFERED && (xfer->issued < xfer->want || !xfer->ack))
		return false;
	xfer_finish(xfer, status_error[record->status]);
	return true;
}

/* From the receiver of one of our transfers: GO, SINK, DONE. */
void reply_came(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer = table_find(&sess->engine->xfers, record->id);

	if (!xfer || xfer->sess != sess || xfer->stage == XFER_FINISHING) {
		sess->stats.stale++;
		return;
	}
	if (!handle(xfer, record))
		session_expel(sess, EPROTO, "a reply that does not fit its transfer");
}

bool reply_cancel_came(struct sess_xfer *xfer, const struct wire_record *record)
{
	struct sess_message *message = xfer->message;

	(void)record;
	if (xfer->stage != XFER_UNMATCHED || !xfer->ops->waits(xfer))
		return true; /* too late: the transfer goes on */
	message_forget(message);
	xfer->message = NULL;
	xfer->answer = true;
	xfer->status = WIRE_CANCELED;
	xfer_finish(xfer, 0);
	return true;
}

/* The peer's transfer that the record is for; NULL: there is none. */
static struct sess_xfer *find_incoming(struct sess *sess, const struct wire_record *record)
{
	struct sess_xfer *xfer;
	struct xfer_key key;

	memset(&key, 0, sizeof(key));
	key.sess = sess;
	key.id = record->id;
	HASH_FIND(hh, sess->engine->incoming, &key, sizeof(key), xfer);
	return xfer;
}

static void take(struct sess *sess, struct sess_xfer *xfer, const struct wire_record *record)
{
	if (!handle(xfer, record))
		session_expel(sess, EPROTO, "data that do not fit their transfer");
}

void reply_data_came(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer = find_incoming(sess, record);

	if (xfer)
		take(sess, xfer, record);
	else if (!(sess->bye & BYE_SENT))
		session_expel(sess, EPROTO, "data for a transfer that does not exist");
}

void reply_withdrawal_came(struct sess_link *link, const struct wire_record *record)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer = find_incoming(sess, record);

	if (xfer) /* else it is over, and its sender has been told or will be */
		take(sess, xfer, record);
}
