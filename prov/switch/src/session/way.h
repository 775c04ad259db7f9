/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ways in which a message travels: one table of handlers each, at the end
 * of the way's own file in ways/, and the choice among them.
 */
#ifndef SESSION_WAY_H
#define SESSION_WAY_H

#include "session/types.h"
#include "session/wire.h"

/*
 * One way of moving a message: what its transfers do in each step of their life.  A slot
 * that is NULL belongs to a step that the way does not have.
 */
struct sess_way_ops {
	enum sess_way way;
	const char *name;
	/* START says where the sender's memory lies. */
	bool tells_memory;
	/* Both sides' capabilities allow it. */
	bool (*usable)(const struct sess_link *link);
	/* Sender: the operation is the first of its queue.  Sets the stage, and begins to
	 * register the memory that START tells of. */
	void (*prepare)(struct sess_xfer *xfer);
	/* Sender: START is about to be built; sets held and initial. */
	void (*offer)(struct sess_xfer *xfer);
	/* Sender: puts the announcement, or the whole message, into the packet.
	 * False: there is no room. */
	bool (*announce)(struct sess_packet *packet, struct sess_xfer *xfer);
	/* Sender: START is in a packet. */
	void (*offered)(struct sess_xfer *xfer);
	/* Both: nothing follows the announcement until the receiver answers it, so that
	 * it can be taken back or turned down.  Otherwise the whole message comes. */
	bool (*waits)(const struct sess_xfer *xfer);
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
	/* A record for the transfer, by type: replies to the sender (GO, SINK, DONE), data
	 * and CANCEL to the receiver.  False, or NULL: it breaks the rules. */
	bool (*came[WIRE_TYPES])(struct sess_xfer *xfer, const struct wire_record *record);
	/* Receiver: we are about to say BYE, and nobody will receive the message. */
	void (*leave)(struct sess_xfer *xfer);
};

extern const struct sess_way_ops sess_read_ops, sess_write_ops, sess_copy_ops, sess_inline_ops;

void select_build(struct sess_link *link);
/* NULL: inline */
const struct sess_way_ops *select_way(const struct sess_link *link, uint64_t len);
/* Whether the choice for this length changes when the peer's storage is full. */
bool select_heeds_full(const struct sess_link *link, uint64_t len);
const struct sess_way_ops *select_ops(enum sess_way way);
size_t select_inline_max(uint32_t packet_max);

/* ways/inline.c */
uint16_t inline_wire_flags(uint16_t op_flags);
void inline_came(struct sess_link *link, const struct wire_record *record);

/* ways/self.c */
int self_send(struct sess *sess, struct sess_op *op, size_t len);
int self_cancel(struct sess_op *op);

/* ways/copy.c */
/* Incoming: memory could not be registered, or written; the sender is asked for the
 * wanted bytes in segments instead, or the transfer fails where its way was forced. */
void copy_ask_instead(struct sess_xfer *xfer);
/* GO: the receiver wants segments, in whichever way the message was announced. */
bool copy_go_came(struct sess_xfer *xfer, const struct wire_record *record);
bool copy_budget_came(struct sess *sess, uint64_t released);
/* Outgoing: memory was not registered, START not sent: copy instead, or fail
 * where the way was forced. */
bool copy_instead(struct sess_xfer *xfer);

#endif
