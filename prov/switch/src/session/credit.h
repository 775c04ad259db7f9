/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Credit arithmetic of one link, both directions.  Limits are absolute
 * (limit = acknowledgement + window), sequence numbers wrap and are compared
 * as signed differences.  A packet takes its credit when it is closed, in packet_close().
 * docs/protocol.md explains why nothing starves; unit/session/credit_test.c goes through
 * every state of two sides with small windows.
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

/* Packet numbers of a session: they go on over its next link. */
struct sess_numbers {
	uint32_t tx_next;  /* of the next packet that we send */
	uint32_t tx_acked; /* the peer consumed everything below this */
	uint32_t rx_next;  /* expected next; everything below is consumed */
};

/* Credits of a link: they stand for buffers of its core. */
struct sess_credit {
	struct sess_numbers *numbers; /* the session's */
	uint32_t tx_limit;	      /* packets may be sent while below this */
	uint32_t rx_limit;	      /* the peer's limit, as it was last told */
	uint16_t rx_window;	      /* the most that the peer is given */
	uint16_t rx_grant;	      /* the window that it is given now */
	bool fixed;		      /* the first grant is: a hello tells it, or is about to */
	bool owed;		      /* the peer is owed a grant */
	bool throttled;		      /* nobody receives what it sends: it is given no more data */
};

static inline int32_t credit_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/*
 * When no more credits than this are left after a packet with records, their
 * owner is owed a grant.  After a packet without, only once it may send no
 * data any more: so no owner is ever blocked without being owed, and of a
 * window of four every other grant at most is answered, which dies out.  A peer that is
 * throttled is owed one only once it may send no control record any more.
 */
static inline int32_t credit_low_water(uint16_t window)
{
	return window / 2 > 3 ? window / 2 : 3;
}

static inline void numbers_init(struct sess_numbers *numbers, uint32_t first_seq)
{
	*numbers = (struct sess_numbers){.tx_next = first_seq, .tx_acked = first_seq};
}

/* A link that is not greeted yet: nothing may be sent but its hello. */
static inline void credit_init(struct sess_credit *credit, struct sess_numbers *numbers,
			       uint16_t window)
{
	*credit = (struct sess_credit){
		.numbers = numbers,
		.tx_limit = numbers->tx_next,
		.rx_window = window,
		.rx_grant = window,
	};
}

/* The peer's hello came: it sends from rx_next on, and takes window packets. */
static inline void credit_greeted(struct sess_credit *credit, uint16_t window)
{
	credit->rx_limit = credit->numbers->rx_next + credit->rx_grant;
	credit->tx_limit = credit->numbers->tx_next + window;
}

static inline bool credit_may_send(const struct sess_credit *credit, enum credit_class class)
{
	return credit_diff(credit->tx_limit, credit->numbers->tx_next) > (int32_t) class;
}

/* Packets that the peer may still send under the limit that it was told. */
static inline int32_t credit_left(const struct sess_credit *credit)
{
	return credit_diff(credit->rx_limit, credit->numbers->rx_next);
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

/* The peer's messages pile up. */
static inline void credit_throttle(struct sess_credit *credit)
{
	credit->throttled = true;
	credit->owed = credit_left(credit) <= CREDIT_CONTROL;
	credit->rx_grant = SESS_CREDITS_MIN;
}

/* The messages were received, or the application waits for others. */
static inline void credit_release(struct sess_credit *credit)
{
	credit->throttled = false;
	if (credit_left(credit) <= credit_low_water(credit->rx_grant))
		credit->owed = true;
}

/* A packet with this window took a number: the peer is owed nothing after it. */
static inline void credit_sent(struct sess_credit *credit, uint16_t window)
{
	credit->numbers->tx_next++;
	credit->rx_limit = credit->numbers->rx_next + window;
	credit->owed = false;
}

/* The peer's limits as a packet brings them.  False: it breaks the rules. */
bool credit_update(struct sess_credit *credit, uint32_t ack, uint16_t window);

/* A packet with this number came, with records or without.  False: it is out
 * of order or beyond the limit the peer was told. */
bool credit_received(struct sess_credit *credit, uint32_t seq, bool has_records);

#endif
