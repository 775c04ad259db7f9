/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sessions: their states, and what brings them to an end. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "session/credit.h"
#include "session/timer.h"
#include "session/types.h"
#include "session/wire.h"

/* What a session waits for. */
enum sess_state {
	SESS_OPENING, /* its first link to open */
	SESS_OPEN,    /* nothing: messages travel */
	SESS_CLOSING, /* operations that are pending, then BYE to leave and to come */
	SESS_FAILED,  /* the driver to close the paths */
	SESS_ENDED,   /* its transfers to be freed */
};

/* sess.bye: how far it is with closing in order */
enum {
	BYE_ASKED = 1 << 0, /* closing was asked for before it was up */
	BYE_DUE = 1 << 1,
	BYE_SENT = 1 << 2,
	BYE_SEEN = 1 << 3,
};

/* sess.tell: events that the driver has to be told */
enum {
	TELL_UP = 1 << 0,
	TELL_CONNECT = 1 << 1,
	TELL_BYE = 1 << 2,
	TELL_DOWN = 1 << 3,
};

/* sess.fail, of one that failed */
enum {
	FAIL_MARKED = 1 << 0,	/* it is not torn down yet */
	FAIL_RECEIVES = 1 << 1, /* those that are posted for its source end with it */
	FAIL_EXPELLED = 1 << 2, /* its peer broke the rules */
};

/*
 * The association with one peer, which outlives any path to it.  Owned by its endpoint,
 * freed after sess_closed().
 */
struct sess {
	struct sess_engine *engine;
	struct sess_ep *ep;
	void *user;
	uint64_t source;
	TAILQ_ENTRY(sess) ep_link;
	TAILQ_ENTRY(sess) event;     /* while tell is not 0 */
	TAILQ_ENTRY(sess) throttled; /* while is_throttled */
	TAILQ_ENTRY(sess) failing;   /* while FAIL_MARKED */
	struct sess_timer timer;     /* for its end */

	enum sess_state state;
	uint8_t bye, tell, fail;
	bool is_self;
	bool is_throttled;
	bool peer_full, told_full; /* unexpected storage is full: there, here */
	bool bulk_turn;

	struct link_list links;
	struct sess_link *link; /* that it sends over; NULL: it has to wait for one */
	uint64_t peer_instance;
	/* with which a further link proves whose it is: told to the peer, told by it */
	uint8_t secret[WIRE_SECRET_LEN], peer_secret[WIRE_SECRET_LEN];
	struct sess_numbers numbers;
	uint32_t bye_seq;

	STAILQ_HEAD(, sess_op) sends; /* not announced yet */
	STAILQ_HEAD(, sess_control) controls;
	unsigned answer_cnt;	      /* of those: to the peer's transfers */
	struct xfer_list bulk;	      /* with segments to send, in turn */
	struct xfer_list xfers;	      /* all */
	struct message_list messages; /* that it brought and no receive has */
	uint64_t kept;		      /* bytes that it makes us keep: session/backlog.c */
	uint64_t patience;	      /* before it is throttled; 0: its share */
	bool taken;		      /* one of its messages was, since the last look */
	unsigned pending;	      /* sends and matched transfers that are not over */

	/* bytes of copied transfers sent or received before a match, ever */
	uint64_t eager_sent, eager_released, eager_budget;	  /* ours at the peer */
	uint64_t eager_came, eager_freed, eager_told, own_budget; /* the peer's here */

	int error;
	const char *reason;
	struct sess_stats stats;
	uint8_t name_len;
	uint8_t name[SESS_NAME_MAX];
	uint8_t host_len; /* of the peer: */
	uint8_t host[SESS_HOST_MAX];
};

/*
 * Marks the session as failed; the first error wins.  From here on it is SESS_FAILED for
 * all that ask, but its transfers and links stay as they are until it is torn down, so that
 * a caller in the middle of them may go on: engine_settle().
 */
void session_fail(struct sess *sess, int error, const char *reason);
/* The same for a peer that broke the rules: its unmatched messages are dropped, too. */
void session_expel(struct sess *sess, int error, const char *reason);
/* Tears the session down if it was marked as failed: its transfers stop, receives that only
 * it could match end, each link says its last word, the driver is told DOWN. */
void session_settle(struct sess *sess);
void session_settle_all(struct sess_engine *engine);
/* The session has failed: frees what waits for nothing in flight, because the path may take
 * long to close. */
void session_shed(struct sess *sess);
/* Closes in order: sess_close(), for callers inside the engine. */
void session_close(struct sess *sess);
/* Fails by the will of the application, likewise. */
void session_abort(struct sess *sess, int error);
/* Its first link is open. */
void session_came_up(struct sess *sess);
/* A deadline of its closing has come. */
void session_expired(struct sess_timer *timer);
/* Something ended: perhaps BYE may leave, or the session is over. */
void session_progress_close(struct sess *sess);
void session_free_if_ended(struct sess *sess);
void session_bye_came(struct sess *sess, bool aborted);
void session_stats_add(struct sess_stats *sum, const struct sess_stats *part);

#endif
