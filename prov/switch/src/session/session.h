/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sessions: their states, and what brings them to an end. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "session/credit.h"
#include "session/way.h"

enum sess_state {
	SESS_CONNECTING, /* the core path, then (opener) to send the hello */
	SESS_GREETING,	 /* the peer's hello */
	SESS_OPEN,	 /* up */
	SESS_CLOSING,	 /* what is pending, then BYE to leave and to come */
	SESS_FAILED,	 /* the driver to close the path */
	SESS_ENDED,	 /* its transfers to be freed */
};

/* One path to one peer; owned by its endpoint, freed after sess_closed(). */
struct sess {
	struct sess_engine *engine;
	struct sess_ep *ep;
	void *user;
	uint64_t source;
	TAILQ_ENTRY(sess) ep_link;
	TAILQ_ENTRY(sess) work;	     /* ready, blocked or held */
	TAILQ_ENTRY(sess) event;     /* UP, BYE, DOWN to be told */
	TAILQ_ENTRY(sess) timed;     /* a deadline */
	TAILQ_ENTRY(sess) throttled; /* while credit.throttled */

	enum sess_state state;
	struct sess_list *work_list; /* where work is linked, or NULL */
	bool is_opener, is_self;
	bool path_up, hello_due, hello_seen, refuse_due, abort_due;
	bool has_event, tell_up, tell_bye, tell_down;
	bool close_due; /* asked for before it was up */
	bool bye_due, bye_sent, bye_seen;
	bool peer_full, told_full; /* unexpected storage is full: there, here */
	bool expelled;		   /* failed because it broke the rules */
	bool stalled_on_credit, bulk_turn;
	uint16_t refusal;

	uint32_t id, cookie, peer_id, peer_cookie;
	uint64_t peer_instance;
	uint32_t attempt, peer_attempt;
	uint32_t peer_caps;
	uint32_t packet_max; /* bytes of a packet to the peer */
	uint32_t bye_seq;
	uint64_t rma_max;
	struct sess_choice choice[4];
	struct sess_credit credit;

	STAILQ_HEAD(, sess_op) sends; /* not announced yet */
	STAILQ_HEAD(, sess_control) controls;
	unsigned answer_cnt;	      /* of those: to the peer's transfers */
	unsigned out_cnt;	      /* packets that the core has */
	struct xfer_list bulk;	      /* with segments to send, in turn */
	struct xfer_list xfers;	      /* all */
	struct message_list messages; /* that it brought and no receive has */
	uint64_t kept;		      /* bytes that it makes us keep: session/backlog.c */
	uint64_t patience;	      /* before it is throttled; 0: its share */
	bool taken;		      /* one of its messages was, since the last look */
	unsigned pending;	      /* sends and matched transfers that are not over */
	struct sess_packet *packet;   /* being filled */
	struct sess_packet *refused;  /* full, numbered; the core had no room */

	/* bytes of copied transfers sent or received before a match, ever */
	uint64_t eager_sent, eager_released, eager_budget;	  /* ours at the peer */
	uint64_t eager_came, eager_freed, eager_told, own_budget; /* the peer's here */

	uint64_t deadline;	      /* 0: to be set at the next tick */
	struct sess_list *timed_list; /* where timed is linked, or NULL */
	int error;
	const char *reason;
	struct sess_stats stats;
	uint8_t name_len;
	uint8_t name[SESS_NAME_MAX];
};

void session_fail(struct sess *sess, int error, const char *reason);
/* The peer broke the rules: what it left goes with it. */
void session_expel(struct sess *sess, int error, const char *reason);
/* It has failed: whatever waits for nothing in flight goes at once, for the path may
 * take its time to close. */
void session_shed(struct sess *sess);
void session_came_up(struct sess *sess);
/* Something ended: perhaps BYE may leave, or the session is over. */
void session_progress_close(struct sess *sess);
void session_free_if_ended(struct sess *sess);
void session_bye_came(struct sess *sess, bool aborted);
void session_stats_add(struct sess_stats *sum, const struct sess_stats *part);

/* session/hello.c */
void hello_build(struct sess *sess, struct sess_packet *packet);
void hello_came(struct sess *sess, const struct wire_header *header,
		const struct wire_record *record);
void hello_refused(struct sess *sess, const struct wire_record *record);

#endif
