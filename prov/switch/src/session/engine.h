/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine: all sessions of one domain, and the lists that actions come from. */
#ifndef SESSION_ENGINE_H
#define SESSION_ENGINE_H

#include "session/session.h"
#include "session/table.h"
#include "session/timer.h"
#include "session/types.h"

struct sess_engine {
	struct sess_config config;
	struct sess_table links, xfers;
	struct sess_xfer *incoming;  /* uthash by session and id */
	struct link_list ready;	     /* may have a packet to send */
	struct link_list blocked;    /* the core had no room */
	struct link_list held;	     /* sends held back to be coalesced */
	struct link_list links_down; /* to be told */
	struct sess_list events;
	struct sess_list failing; /* marked as failed, and not torn down yet */
	struct timer_list hellos, retries, closings;
	struct sess_list throttled; /* sessions whose peers get fewer credits */
	struct xfer_list registering, releasing, rma, rma_blocked;
	STAILQ_HEAD(, sess_op) done;
	SLIST_HEAD(, sess_rma) spare_rmas;
	STAILQ_HEAD(, sess_control) spare_controls;
	struct message_list spare_messages;
	unsigned spare_rma_cnt, spare_control_cnt, spare_message_cnt;

	/* learning whether the application posts in bursts: session/coalesce.c */
	uint64_t now;	       /* of the last call for progress */
	unsigned burst_sends;  /* since it last asked for progress */
	unsigned burst_rounds; /* in a row */
	unsigned burst_need;   /* rounds before anything is held back */
	bool holding;

	/* whether the application receives messages that pile up: session/backlog.c */
	bool taken;	      /* something, since it last asked for progress */
	unsigned idle_calls;  /* for progress, without */
	uint64_t next_look;   /* by the clock */
	uint64_t backlog_max; /* bytes that a receive context keeps for its peers */
	size_t inline_max;    /* bytes that travel inline over every core */
	unsigned answers_max; /* that wait in a session */
	uint64_t secret[3];   /* of hashes that peers must not foresee */

	struct sess_action action;
	struct sess_packet *offered;  /* of the SEND out */
	struct sess_rma *offered_rma; /* of the READ or WRITE out */
};

/* The driver has to be told (enum TELL_...). */
void engine_tell(struct sess *sess, unsigned what);
/* The driver is not told this any more. */
void engine_untell(struct sess *sess, unsigned what);
/*
 * Tears down the sessions that were marked as failed.  Called where nobody further up works
 * on a session: at the end of the functions of the interface that may fail one, so that the
 * driver's next call finds it torn down, and at the latest before the next action.
 */
static inline void engine_settle(struct sess_engine *engine)
{
	if (!TAILQ_EMPTY(&engine->failing))
		session_settle_all(engine);
}
/* Moves the link to this work list; NULL: to none. */
void engine_set_work(struct sess_link *link, struct link_list *list);

#endif
