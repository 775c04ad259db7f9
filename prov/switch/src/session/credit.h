/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Credit arithmetic of one session, both directions.  Limits are absolute
 * (limit = acknowledgement + window), sequence numbers wrap and are compared
 * as signed differences.  docs/protocol.md explains why nothing starves;
 * unit/session/credit_test.c goes through every state of two sides with small windows.
 */
#ifndef SESS_CREDIT_H
#define SESS_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "switch_session.h"

/* Classes of packets: the value is how many credits each leaves unused. */
enum credit_class {
	CREDIT_GRANT = 0,
	CREDIT_CONTROL = 1,
	CREDIT_DATA = 2,
};

struct sess_credit {
	/* what we send */
	uint32_t tx_next;   /* sequence number of the next packet */
	uint32_t tx_limit;  /* may be sent while below this */
	uint32_t tx_acked;  /* the peer consumed everything below this */
	uint16_t tx_window; /* the peer's window */
	/* what we receive */
	uint32_t rx_next;   /* expected next; everything below is consumed */
	uint32_t rx_limit;  /* what the peer was last told */
	uint16_t rx_window; /* the most that the peer is given */
	uint16_t rx_grant;  /* what it is given now: less where its messages pile up */
	bool owed;	    /* the peer is owed a grant */
	bool throttled;	    /* nobody receives what it sends: it is given no more data */
};

static inline int32_t credit_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/*
 * When no more credits than this are left after a packet with records, their
 * owner is owed a grant.  After a packet without, only once it may send no
 * data any more: so no owner is ever blocked without being owed, and of a
 * window of four every other grant at most is answered, which dies out.  Who is
 * throttled is owed one only once it may send no control record any more.
 */
static inline int32_t credit_low_water(uint16_t window)
{
	return window / 2 > 3 ? window / 2 : 3;
}

/* The hello has the number before first_seq and needs no credit. */
static inline void credit_init(struct sess_credit *credit, uint32_t first_seq, uint16_t window)
{
	*credit = (struct sess_credit){
		.tx_next = first_seq,
		.tx_limit = first_seq,
		.tx_acked = first_seq,
		.rx_window = window,
		.rx_grant = window,
	};
}

/* The peer's hello came: first is the number of its first packet. */
static inline void credit_greeted(struct sess_credit *credit, uint32_t first)
{
	credit->rx_next = first;
	credit->rx_limit = first + credit->rx_grant;
}

static inline bool credit_may_send(const struct sess_credit *credit, enum credit_class class)
{
	return credit_diff(credit->tx_limit, credit->tx_next) > (int32_t) class;
}

/* What the peer has left of the limit that it was told. */
static inline int32_t credit_left(const struct sess_credit *credit)
{
	return credit_diff(credit->rx_limit, credit->rx_next);
}

/*
 * The window of a packet that leaves now: never less than the peer was told.  One
 * that is throttled gets no more until it is owed a grant, and then the least window
 * there is: with less than that, two sides that throttle each other would answer each
 * other's grants for ever, and a grant that gave nothing could be the last credit.
 */
static inline uint16_t credit_window(const struct sess_credit *credit)
{
	int32_t left = credit_left(credit), give = credit->rx_grant;

	if (credit->throttled)
		give = credit->owed ? SESS_CREDITS_MIN : left;
	return (uint16_t)(give > left ? give : left);
}

/* A packet with that window leaves: the peer is owed nothing after it. */
static inline void credit_told(struct sess_credit *credit)
{
	credit->rx_limit = credit->rx_next + credit_window(credit);
	credit->owed = false;
}

/* The peer's messages pile up. */
static inline void credit_throttle(struct sess_credit *credit)
{
	credit->throttled = true;
	credit->owed = credit_left(credit) <= CREDIT_CONTROL;
	credit->rx_grant = SESS_CREDITS_MIN;
}

/* They are received, or something else is waited for. */
static inline void credit_release(struct sess_credit *credit)
{
	credit->throttled = false;
	if (credit_left(credit) <= credit_low_water(credit->rx_grant))
		credit->owed = true;
}

/* A packet took a number. */
static inline void credit_sent(struct sess_credit *credit)
{
	credit->tx_next++;
	credit_told(credit);
}

/* The peer's limits as a packet brings them.  False: it breaks the rules. */
bool credit_update(struct sess_credit *credit, uint32_t ack, uint16_t window);

/* A packet with this number came, with records or without.  False: it is out
 * of order or beyond the limit the peer was told. */
bool credit_received(struct sess_credit *credit, uint32_t seq, bool has_records);

#endif
