/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Receive contexts: where receives and messages wait for each other. */
#ifndef SESSION_RX_H
#define SESSION_RX_H

#include "session/types.h"

/* Messages and receives of one kind, tagged or not. */
struct match_queue {
	struct op_list posted;
	struct message_list unexpected;
	unsigned posted_cnt, unexpected_cnt;
	uint64_t order; /* of the last that was added */
	/* buckets, see session/index.c; NULL: not needed yet */
	struct message_list *by_tag, *by_source;
	struct op_list *receives;
};

/* A matcher: an endpoint's own, or shared by several and owned by the driver
 * until sess_rx_destroy(). */
struct sess_rx {
	struct sess_engine *engine;
	TAILQ_HEAD(, sess_ep) eps; /* that receive from it */
	struct match_queue plain, tagged;
	struct message_list claimed;
	struct message_list orphans; /* of sessions that ended; in their queues, too */
	uint64_t kept;		     /* bytes that all sessions make it keep */
	uint64_t orphaned;	     /* of them for sessions that ended */
	int64_t promised;	     /* bytes of packets that peers may send */
	int64_t budgets;	     /* bytes of copies that they may send unasked */
	unsigned piled_up;	     /* sessions that make it keep any */
	bool full, closed;
	int ended; /* no message comes any more: receives complete with this error */
};

void rx_init(struct sess_rx *rx, struct sess_engine *engine);
void rx_fini(struct sess_rx *rx);
/* Drops the endpoint's unmatched messages; its own receives complete with error. */
void rx_close_ep(struct sess_ep *ep, int error);
/* The session is over: nothing more of its unmatched messages comes, and sends to itself
 * that wait for a receive end with error. */
void rx_forget_session(struct sess *sess, int error);
/* The peer failed, or cannot be reached: receives posted for its source only complete with
 * error, because they can never match. */
void rx_fail_source(struct sess *sess, int error);

#endif
