/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ways in which a message travels: one table of handlers each, at the end
 * of the way's own file in ways/, and the choice among them.
 */
#ifndef SESSION_WAY_H
#define SESSION_WAY_H

#include "session/types.h"
#include "session/wire.h"

/* One way of moving a message that does not fit a packet. */
struct sess_way_ops {
	enum sess_way way;
	const char *name;
	/* Both sides' capabilities allow it. */
	bool (*usable)(const struct sess_link *link);
	/* Sender: START is about to be built; sets held and initial.  False:
	 * not yet, the transfer continues when it is registered. */
	bool (*offer)(struct sess_xfer *xfer);
	/* Sender: START is in a packet. */
	void (*offered)(struct sess_xfer *xfer);
	/* Receiver: checks START.  False: it breaks the rules. */
	bool (*check)(struct sess_xfer *xfer, const struct wire_record *record);
	/* Receiver: a receive was found (or nobody wants the message: op is
	 * NULL), the initial portion is delivered.  stored: the have bytes
	 * that came so far. */
	void (*matched)(struct sess_xfer *xfer, const uint8_t *stored, size_t have);
	/* All memory is registered (error 0), or could not be. */
	void (*registered)(struct sess_xfer *xfer, int error);
	/* The last RMA operation was handed to the core. */
	void (*issued)(struct sess_xfer *xfer);
	/* The last RMA operation finished. */
	void (*moved)(struct sess_xfer *xfer);
};

extern const struct sess_way_ops sess_read_ops, sess_write_ops, sess_copy_ops, sess_inline_ops;

void select_build(struct sess_link *link);
/* NULL: inline */
const struct sess_way_ops *select_way(const struct sess_link *link, uint64_t len);
const struct sess_way_ops *select_ops(enum sess_way way);
size_t select_inline_max(uint32_t packet_max);

/* ways/inline.c */
uint16_t inline_wire_flags(uint16_t op_flags);
void inline_came(struct sess_link *link, const struct wire_record *record);
void inline_deliver(struct sess_op *op, struct sess_message *message);

/* ways/self.c */
int self_send(struct sess *sess, struct sess_op *op, size_t len);
void self_deliver(struct sess_op *op, struct sess_message *message);
int self_cancel(struct sess_op *op);

/* ways/copy.c */
/* Incoming: the sender is asked for the wanted bytes in segments. */
void copy_ask(struct sess_xfer *xfer);
bool copy_go_came(struct sess_xfer *xfer, const struct wire_record *record);
bool copy_segment_came(struct sess_xfer *xfer, const struct wire_record *record);
bool copy_budget_came(struct sess *sess, uint64_t released);
/* Outgoing: memory was not registered, START not sent: copy instead, or fail
 * where the way was forced. */
bool copy_instead(struct sess_xfer *xfer);

/* ways/write.c */
bool write_sink_came(struct sess_xfer *xfer, const struct wire_record *record);
bool write_written_came(struct sess_xfer *xfer, uint16_t status);

#endif
