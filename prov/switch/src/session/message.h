/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages that met no receive yet. */
#ifndef SESSION_MESSAGE_H
#define SESSION_MESSAGE_H

#include "session/types.h"
#include "session/wire.h"

enum {
	SMALL_MESSAGE = 192, /* unmatched messages up to here come from a free list */
};

/*
 * The kinds of unmatched messages: one table of handlers each, beside the code that makes
 * such messages.
 */
struct message_kind {
	/* The message, out of its list, meets its receive; the caller frees it. */
	void (*deliver)(struct sess_op *op, struct sess_message *message);
	/* Nobody will receive the message; the caller takes it out and frees it.  The
	 * sender that waits for an answer gets this one. */
	void (*discard)(struct sess_message *message, enum wire_status status);
	/* The transfer or the session that brought the message ends, and nothing more of it
	 * comes: the message becomes a stored one if it is here as a whole, else it is freed.
	 * A send to the endpoint itself ends with error. */
	void (*orphan)(struct sess_message *message, int error);
};

extern const struct message_kind message_stored;  /* all is here, and nobody waits */
extern const struct message_kind message_acked;	  /* all is here; the sender wants DONE */
extern const struct message_kind message_started; /* by a START: a transfer brings the rest */
extern const struct message_kind message_looped;  /* a send to ourselves waits for its receive */

/* A message that came before its receive.  Owned by the lists of the receive
 * context; bytes hold what arrived, in storage of its exact size. */
struct sess_message {
	const struct message_kind *kind;
	TAILQ_ENTRY(sess_message) link;
	TAILQ_ENTRY(sess_message) tag_link, source_link; /* in buckets: session/index.c */
	uint64_t order;					 /* in which it came */
	struct sess_ep *ep;				 /* it came to */
	TAILQ_ENTRY(sess_message) ep_link;		 /* in there */
	uint16_t flags;					 /* SESS_TAGGED, SESS_DATA */
	bool small;					 /* from the free list */
	bool claimed;			     /* in the list of those, not among the unexpected */
	bool counted;			     /* by the backlog */
	struct sess *sess;		     /* that brought it; NULL: it has ended */
	TAILQ_ENTRY(sess_message) sess_link; /* there, or in the context's orphans */
	uint64_t source, tag, data, total;
	size_t have;		/* bytes stored so far */
	size_t size;		/* bytes of storage */
	struct sess_xfer *xfer; /* acked, started: the message's transfer */
	struct sess_op *loop;	/* looped: the send that waits */
	void *claim;
	uint8_t bytes[];
};

/* The least that one takes. */
#define MESSAGE_SIZE_MIN (sizeof(struct sess_message) + (size_t)SMALL_MESSAGE)

/* Bytes of memory that it takes. */
size_t message_size(const struct sess_message *message);
/* Makes room for size bytes of a message and appends it to the unmatched.
 * NULL: memory is short. */
struct sess_message *message_create(struct sess *sess, uint16_t flags, uint64_t tag, size_t size);
/* Takes it out of the list of those that wait. */
void message_take(struct sess_message *message);
/* Frees one that is in no list any more. */
void message_free(struct sess_message *message);
/* Both. */
void message_forget(struct sess_message *message);

#endif
