/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages that met no receive yet. */
#ifndef SESSION_MESSAGE_H
#define SESSION_MESSAGE_H

#include "session/types.h"

enum {
	SMALL_MESSAGE = 192, /* unmatched messages up to here come from a free list */
};

/* A message that came before its receive.  Owned by the lists of the receive
 * context; bytes hold what arrived, in storage of its exact size. */
struct sess_message {
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
	struct sess_xfer *xfer; /* the rest is still with the peer, or it wants an answer */
	struct sess_op *loop;	/* a send to itself that waits */
	void *claim;
	uint8_t bytes[];
};

/* The least that one takes. */
#define MESSAGE_SIZE_MIN (sizeof(struct sess_message) + (size_t)SMALL_MESSAGE)

/* Bytes of memory that it takes. */
size_t message_size(const struct sess_message *message);
/* Makes room for size bytes of a message and appends it to the unmatched.
 * NULL: memory is short, or the peer went too far and the session failed. */
struct sess_message *message_create(struct sess *sess, uint16_t flags, uint64_t tag, size_t size);
/* Takes it out of the list of those that wait. */
void message_take(struct sess_message *message);
/* Frees one that is in no list any more. */
void message_free(struct sess_message *message);
/* Both. */
void message_forget(struct sess_message *message);

#endif
