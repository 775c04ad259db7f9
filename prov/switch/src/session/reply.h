/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Records that concern a transfer. */
#ifndef SESSION_REPLY_H
#define SESSION_REPLY_H

#include "session/xfer.h"

/* From the receiver of one of our transfers: GO, SINK, DONE. */
void reply_came(struct sess_link *link, const struct wire_record *record);
/* From the sender of a transfer to us: SEGMENT, WRITTEN. */
void reply_data_came(struct sess_link *link, const struct wire_record *record);
/* The same: CANCEL, which may come after the transfer has ended. */
void reply_withdrawal_came(struct sess_link *link, const struct wire_record *record);

/* For the tables of ways: DONE, the receiver has the bytes that it wanted, or never will. */
bool reply_done_came(struct sess_xfer *xfer, const struct wire_record *record);
/* CANCEL: the sender takes its announcement back. */
bool reply_cancel_came(struct sess_xfer *xfer, const struct wire_record *record);

#endif
