/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transfers: messages that take more than one record. */
#ifndef SESSION_XFER_H
#define SESSION_XFER_H

#include "session/way.h"
#include "session/hash.h"

enum {
	RMA_IN_FLIGHT = 4, /* reads or writes of one transfer at a time */
};

struct sess_rma {
	struct sess_io io; /* first */
	SLIST_ENTRY(sess_rma) spare;
	struct sess_xfer *xfer;
	size_t len;
};

enum xfer_stage {
	/* of the sender, which waits for: */
	XFER_REGISTERING, /* its memory to be registered; START or writes follow */
	XFER_READY,	  /* START to leave */
	XFER_OFFERED,	  /* the peer's GO, SINK or DONE */
	XFER_SENDING,	  /* segments to leave */
	XFER_WRITING,	  /* its writes to finish */
	XFER_AWAITED,	  /* DONE: everything was moved */
	/* of the receiver, which waits for: */
	XFER_UNMATCHED, /* a receive */
	XFER_SINKING,	/* its memory to be registered, SINK to leave or reads to begin */
	XFER_READING,	/* its reads to finish */
	XFER_SUNK,	/* WRITTEN */
	XFER_GATHERING, /* segments */
	/* of both: */
	XFER_FINISHING, /* io in flight to end, then its memory to be released */
};

/* Receivers find a transfer by its session and the sender's id. */
struct xfer_key {
	struct sess *sess;
	uint64_t id;
};

/*
 * A message that takes more than one record.  Made when its way is chosen
 * (sender) or its START arrives (receiver); owned by its session; freed when
 * nothing of it is in flight, its memory is released and its operation is
 * complete.
 */
struct sess_xfer {
	TAILQ_ENTRY(sess_xfer) entry; /* in the session */
	TAILQ_ENTRY(sess_xfer) queue; /* one of the work lists below */
	uint8_t queued;		      /* enum work, 0: none */
	struct sess *sess;
	struct sess_link *link;	      /* whose keys it carries; NULL: the session is over */
	struct sess_core *core;	      /* of that link */
	struct sess_op *op;	      /* NULL: unmatched, or discarded */
	struct sess_message *message; /* receiver, unmatched */
	const struct sess_way_ops *ops;
	enum xfer_stage stage;
	bool incoming, canceling;
	bool ack;	     /* the sender wants to hear of the delivery */
	bool held;	     /* copy: segments wait for GO */
	bool answer;	     /* incoming: DONE is owed at the end */
	bool registering;    /* a REGISTER action is out */
	bool counted;	     /* incoming: no receive has it, and the backlog counts it */
	uint16_t status;     /* of that DONE */
	uint32_t id;	     /* the sender's */
	struct xfer_key key; /* incoming: in the engine's table if hh.tbl is set */
	UT_hash_handle hh;

	uint64_t total;	       /* bytes of the message */
	uint64_t initial;      /* of them in START */
	uint64_t want;	       /* bytes behind those to be moved */
	uint64_t issued;       /* of them handed to the core, or sent */
	uint64_t moved;	       /* of them arrived, or finished */
	uint64_t expect, came; /* incoming, copy: bytes of segments to come, and here */
	uint64_t delivered;    /* incoming: of the initial portion */
	uint32_t io_out;       /* packets and RMA operations that use its memory */
	int error;

	struct sess_iov piece[SESS_IOV_MAX]; /* local memory of the wanted bytes */
	uint8_t piece_cnt;
	uint8_t mem_cnt; /* registrations held: mem[0 .. mem_cnt) */
	struct sess_mem *mem[SESS_IOV_MAX];
	struct wire_desc own[SESS_IOV_MAX]; /* of mem, to be told */
	uint8_t own_key_len;
	struct wire_desc desc[SESS_IOV_MAX]; /* the peer's */
	uint8_t desc_cnt, key_len;
	unsigned access; /* of the registrations */
};

/* The work lists of the engine that a transfer may be on: one at a time. */
enum work {
	WORK_NONE,
	WORK_REGISTER,
	WORK_RELEASE,
	WORK_RMA,
	WORK_RMA_BLOCKED, /* the core had no room */
	WORK_BULK,	  /* of the session */
};

struct sess_xfer *xfer_create(struct sess_link *link, struct sess_op *op,
			      const struct sess_way_ops *ops);
void xfer_queue(struct sess_xfer *xfer, enum work work);
void xfer_unqueue(struct sess_xfer *xfer);
void xfer_register(struct sess_xfer *xfer, unsigned access);
void xfer_release(struct sess_xfer *xfer);
void xfer_finish(struct sess_xfer *xfer, int error);
void xfer_advance_finish(struct sess_xfer *xfer);
/* All registrations are released. */
void xfer_released(struct sess_xfer *xfer);
/* The longest initial portion that surely fits a packet. */
uint64_t xfer_initial(const struct sess_xfer *xfer);
void xfer_io_done(struct sess_xfer *xfer, int error);
bool xfer_take_descs(struct sess_xfer *xfer, const struct wire_record *record, uint64_t len);
int xfer_cancel(struct sess_op *op);
void xfer_orphan(struct sess_xfer *xfer);
void xfer_leave(struct sess_xfer *xfer);
/* For the tables of ways: the transfer ends at once, without an error. */
void xfer_end(struct sess_xfer *xfer);
/* For the tables of ways: every announcement waits for an answer. */
bool xfer_waits(const struct sess_xfer *xfer);
void xfer_abandon(struct sess_xfer *xfer, int error);
void xfer_slice_rest(struct sess_xfer *xfer);

/* A transfer of the peer's that no receive has is its backlog. */
void xfer_count(struct sess_xfer *xfer);
void xfer_uncount(struct sess_xfer *xfer);

#endif
