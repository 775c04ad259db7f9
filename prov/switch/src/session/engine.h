/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine: all sessions of one domain, and the lists that actions come from. */
#ifndef SESSION_ENGINE_H
#define SESSION_ENGINE_H

#include "session/table.h"
#include "session/types.h"

struct sess_engine {
	struct sess_config config;
	struct sess_table sessions, xfers;
	struct sess_xfer *incoming; /* uthash by session and id */
	struct sess_list ready;	    /* may have a packet to send */
	struct sess_list blocked;   /* the core had no room */
	struct sess_list held;	    /* sends held back to be coalesced */
	struct sess_list events;
	struct sess_list timed_hello, timed_close;
	struct sess_list throttled; /* sessions whose peers get fewer credits */
	unsigned timed_unset;
	struct xfer_list registering, releasing, rma, rma_blocked;
	STAILQ_HEAD(, sess_op) done;
	SLIST_HEAD(, sess_packet) spare_packets;
	SLIST_HEAD(, sess_rma) spare_rmas;
	STAILQ_HEAD(, sess_control) spare_controls;
	struct message_list spare_messages;
	unsigned spare_packet_cnt, spare_rma_cnt, spare_control_cnt, spare_message_cnt;

	/* learning whether the application posts in bursts: session/packet.c */
	uint64_t now;	       /* of the last call for progress */
	unsigned burst_sends;  /* since it last asked for progress */
	unsigned burst_rounds; /* in a row */
	unsigned burst_need;   /* rounds before anything is held back */
	bool holding;

	/* whether the application takes what is piled up: session/backlog.c */
	bool taken;	      /* something, since it last asked for progress */
	unsigned idle_calls;  /* for progress, without */
	uint64_t next_look;   /* by the clock */
	uint64_t backlog_max; /* bytes that a receive context keeps for its peers */
	unsigned answers_max; /* that wait in a session */
	uint64_t secret[3];   /* of hashes that peers must not foresee */

	struct sess_action action;
	struct sess_packet *offered;  /* of the SEND out */
	struct sess_rma *offered_rma; /* of the READ or WRITE out */
};

void engine_event(struct sess *sess);
void engine_set_work(struct sess *sess, struct sess_list *list);
void engine_set_timer(struct sess *sess, struct sess_list *list);
void engine_clear_timer(struct sess *sess);

#endif
