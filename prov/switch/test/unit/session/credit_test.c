/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Credits: their limits, reserve, low water and wrapping numbers; and an exhaustive search of
 * every state that two sides with small windows can reach, with packets in flight in both
 * directions and either side throttling the other.  No state is a deadlock, and no exchange of
 * grants goes on for ever.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "session/credit.h"
#include "switch_session.h"

/* Opens the credits of a sender, whose peer's window is known, and of that peer. */
static void open_pair(struct sess_credit *tx, struct sess_credit *rx, uint32_t first,
		      uint16_t window)
{
	static struct sess_numbers tx_numbers, rx_numbers;

	numbers_init(&tx_numbers, first);
	numbers_init(&rx_numbers, 77);
	credit_init(tx, &tx_numbers, window);
	credit_init(rx, &rx_numbers, window);
	tx_numbers.rx_next = 77;
	rx_numbers.rx_next = first;
	credit_greeted(tx, window);
	credit_greeted(rx, window);
}

/* A packet leaves. */
static void send_packet(struct sess_credit *credit)
{
	credit_sent(credit, credit_window(credit));
}

/* The peer hears of its window, by a packet that takes no number here: the test passes the
 * window on by itself. */
static void grant(struct sess_credit *credit)
{
	credit->rx_limit = credit->numbers->rx_next + credit_window(credit);
	credit->owed = false;
}

Test(credit, reserve_by_class)
{
	struct sess_credit tx, rx;

	open_pair(&tx, &rx, 0, 4);
	cr_assert(credit_may_send(&tx, CREDIT_DATA));
	send_packet(&tx);
	cr_assert(credit_may_send(&tx, CREDIT_DATA));
	send_packet(&tx);
	cr_assert(!credit_may_send(&tx, CREDIT_DATA));
	cr_assert(credit_may_send(&tx, CREDIT_CONTROL));
	send_packet(&tx);
	cr_assert(!credit_may_send(&tx, CREDIT_CONTROL));
	cr_assert(credit_may_send(&tx, CREDIT_GRANT));
	send_packet(&tx);
	cr_assert(!credit_may_send(&tx, CREDIT_GRANT));
}

Test(credit, numbers_wrap)
{
	struct sess_credit tx, rx;

	open_pair(&tx, &rx, UINT32_MAX - 2, 8);
	for (unsigned i = 0; i < 40; i++) {
		uint32_t seq = tx.numbers->tx_next;

		cr_assert(credit_may_send(&tx, CREDIT_DATA));
		send_packet(&tx);
		cr_assert(credit_received(&rx, seq, true));
		if (rx.owed) {
			cr_assert(credit_update(&tx, rx.numbers->rx_next, rx.rx_window));
			grant(&rx);
		}
	}
	cr_assert_eq(tx.numbers->tx_next, 37);
	cr_assert_eq(rx.numbers->rx_next, 37);
}

Test(credit, low_water_owes_a_grant)
{
	struct sess_credit tx, rx;

	cr_assert_eq(credit_low_water(4), 3);
	cr_assert_eq(credit_low_water(7), 3);
	cr_assert_eq(credit_low_water(8), 4);
	cr_assert_eq(credit_low_water(SESS_CREDITS_MAX), SESS_CREDITS_MAX / 2);
	open_pair(&tx, &rx, 0, 16);
	for (uint32_t seq = 0; seq < 7; seq++) {
		cr_assert(credit_received(&rx, seq, true));
		cr_assert(!rx.owed);
	}
	cr_assert(credit_received(&rx, 7, true));
	cr_assert(rx.owed);
	grant(&rx);
	cr_assert(!rx.owed);
	cr_assert_eq(rx.rx_limit, 8 + 16);
}

Test(credit, packets_without_records_owe_late)
{
	struct sess_credit tx, rx;

	open_pair(&tx, &rx, 0, 16);
	for (uint32_t seq = 0; seq < 13; seq++) {
		cr_assert(credit_received(&rx, seq, false));
		cr_assert(!rx.owed);
	}
	cr_assert(credit_received(&rx, 13, false));
	cr_assert(rx.owed, "two are left: no data could be sent");
}

Test(credit, what_breaks_the_rules)
{
	struct sess_credit tx, rx;

	open_pair(&tx, &rx, 100, 4);
	cr_assert(!credit_received(&rx, 101, true), "out of order");
	cr_assert(!credit_received(&rx, 99, true), "again");
	for (uint32_t seq = 100; seq < 104; seq++)
		cr_assert(credit_received(&rx, seq, true));
	cr_assert(!credit_received(&rx, 104, true), "beyond the limit");

	send_packet(&tx);
	send_packet(&tx);
	cr_assert(!credit_update(&tx, 103, 4), "what was not sent is not consumed");
	cr_assert(!credit_update(&tx, 99, 8), "an acknowledgement goes back");
	cr_assert(!credit_update(&tx, 101, 2), "a limit falls");
	cr_assert(!credit_update(&tx, 102, SESS_CREDITS_MAX + 1), "a window without bounds");
	cr_assert(credit_update(&tx, 101, 3), "the same limit, told again");
	cr_assert(credit_update(&tx, 102, 4));
	cr_assert_eq(tx.tx_limit, 106);
}

Test(credit, who_is_throttled_gets_no_more_data)
{
	struct sess_credit tx, rx;
	uint32_t seq = 0;

	open_pair(&tx, &rx, 0, 16);
	credit_throttle(&rx);
	for (; credit_may_send(&tx, CREDIT_DATA); seq++) {
		send_packet(&tx);
		cr_assert(credit_received(&rx, seq, true));
		cr_assert(!rx.owed, "it is fed although it is throttled");
		cr_assert_eq(credit_window(&rx), 15 - seq, "nor does any other packet feed it");
	}
	cr_assert_eq(seq, 14);
	cr_assert(credit_may_send(&tx, CREDIT_CONTROL));
	send_packet(&tx);
	cr_assert(credit_received(&rx, seq++, true));
	cr_assert(rx.owed, "control records have to get through");
	cr_assert_eq(credit_window(&rx), SESS_CREDITS_MIN);
	grant(&rx);
	credit_release(&rx);
	cr_assert(!rx.owed == (credit_left(&rx) > credit_low_water(rx.rx_grant)));
	cr_assert_eq(rx.rx_grant, SESS_CREDITS_MIN);
}

Test(credit, a_released_peer_is_owed_what_it_lacks)
{
	struct sess_credit tx, rx;

	open_pair(&tx, &rx, 0, 16);
	credit_throttle(&rx);
	for (uint32_t seq = 0; seq < 14; seq++)
		cr_assert(credit_received(&rx, seq, true));
	credit_release(&rx);
	cr_assert(rx.owed);
	cr_assert_eq(credit_window(&rx), SESS_CREDITS_MIN);
}

/* -- every state ------------------------------------------------------------ */

enum { UNDER_WAY = 6 };

/* A packet in flight.  Two states that differ only by an offset of all packet numbers are the
 * same state, so its acknowledgement is stored relative to what its receiver has sent: how
 * many packets the receiver had sent, or has sent since, that it does not acknowledge. */
struct flying {
	int8_t unknown;
	int8_t window;
	uint8_t has_records;
};

struct state {
	struct side {
		int8_t sent;  /* tx_next - what the peer consumed: packets under way */
		int8_t limit; /* tx_limit - tx_next */
		int8_t told;  /* rx_limit - rx_next */
		uint8_t grant, owed, throttled;
		uint8_t wants; /* class of the record that waits to be sent: 0 none, 1, 2 */
		struct flying fly[UNDER_WAY]; /* oldest first */
	} side[2];
};

struct seen {
	struct state *state;
	size_t cnt, size;
	uint32_t *bucket;
	uint32_t *next;
};

static uint32_t hash_of(const struct state *state)
{
	const uint8_t *byte = (const uint8_t *)state;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*state); i++)
		hash = (hash ^ byte[i]) * 16777619u;
	return hash & 0xfffff;
}

static void add(struct seen *seen, const struct state *state)
{
	uint32_t at = hash_of(state);

	for (uint32_t i = seen->bucket[at]; i; i = seen->next[i])
		if (!memcmp(&seen->state[i], state, sizeof(*state)))
			return;
	cr_assert_lt(seen->cnt + 1, seen->size, "more states than expected");
	seen->state[++seen->cnt] = *state;
	seen->next[seen->cnt] = seen->bucket[at];
	seen->bucket[at] = (uint32_t)seen->cnt;
}

/* Rebuilds the engine's struct of a side; the absolute packet numbers are invented. */
static void unpack(const struct side *side, uint16_t window, struct sess_credit *credit,
		   struct sess_numbers *numbers)
{
	*numbers = (struct sess_numbers){
		.tx_next = 1000,
		.tx_acked = 1000u - (uint32_t)side->sent - 4 * UNDER_WAY,
		.rx_next = 1000,
	};
	*credit = (struct sess_credit){
		.numbers = numbers,
		.tx_limit = 1000u + (uint32_t)side->limit,
		.rx_limit = 1000u + (uint32_t)side->told,
		.rx_window = window,
		.rx_grant = side->grant,
		.owed = side->owed,
		.throttled = side->throttled,
	};
}

static void pack(struct side *side, const struct sess_credit *credit)
{
	side->limit = (int8_t)credit_diff(credit->tx_limit, credit->numbers->tx_next);
	side->told = (int8_t)credit_left(credit);
	side->grant = (uint8_t)credit->rx_grant;
	side->owed = credit->owed;
	side->throttled = credit->throttled;
}

/* Side i sends a packet of this class, with records or without. */
static bool sends(struct state *state, unsigned i, enum credit_class class, bool has_records,
		  uint16_t window)
{
	struct side *side = &state->side[i];
	struct sess_credit credit;
	struct sess_numbers numbers;

	unpack(side, window, &credit, &numbers);
	if (!credit_may_send(&credit, class) || side->sent == UNDER_WAY)
		return false;
	send_packet(&credit);
	pack(side, &credit);
	side->fly[side->sent].unknown = state->side[!i].sent;
	side->fly[side->sent].window = side->told;
	side->fly[side->sent].has_records = has_records;
	side->sent++;
	return true;
}

/* The peer of side i consumes its oldest packet. */
static bool arrives(struct state *state, unsigned i, uint16_t window)
{
	struct side *from = &state->side[i], *to = &state->side[!i];
	struct sess_credit credit;
	struct sess_numbers numbers;
	struct flying fly = from->fly[0];

	if (!from->sent)
		return false;
	unpack(to, window, &credit, &numbers);
	cr_assert(credit_received(&credit, numbers.rx_next, fly.has_records), "beyond its credits");
	cr_assert(credit_update(&credit, numbers.tx_next - (uint32_t)fly.unknown,
				(uint16_t)fly.window));
	pack(to, &credit);
	memmove(from->fly, from->fly + 1, sizeof(from->fly) - sizeof(from->fly[0]));
	from->fly[UNDER_WAY - 1] = (struct flying){0};
	from->sent--;
	return true;
}

/* Side i sent a packet that no packet in flight towards it acknowledges. */
static void add_unknown(struct state *state, unsigned i)
{
	struct side *peer = &state->side[!i];

	for (int k = 0; k < peer->sent; k++)
		peer->fly[k].unknown++;
}

static bool step_send(struct state *state, unsigned i, enum credit_class class, bool has_records,
		      uint16_t window)
{
	struct state next = *state;

	if (!sends(&next, i, class, has_records, window))
		return false;
	add_unknown(&next, i);
	*state = next;
	return true;
}

/* Sends as schedule_next() does: data or control if the class allows it, otherwise a grant
 * that is owed. */
static bool acts(struct state *state, unsigned i, uint16_t window)
{
	struct side *side = &state->side[i];

	if (side->wants && step_send(state, i, (enum credit_class)side->wants, true, window)) {
		state->side[i].wants = 0;
		return true;
	}
	return side->owed && step_send(state, i, CREDIT_GRANT, false, window);
}

/* Side i starts or ends throttling its peer. */
static void turns(struct state *state, unsigned i, uint16_t window, bool throttles)
{
	struct sess_credit credit;
	struct sess_numbers numbers;

	unpack(&state->side[i], window, &credit, &numbers);
	if (throttles)
		credit_throttle(&credit);
	else
		credit_release(&credit);
	pack(&state->side[i], &credit);
}

/* Delivers packets until nothing is left to do: every waiting record must leave within a
 * bounded number of steps, except data for a side that throttles its peer. */
static void check_rest(const struct state *from, uint16_t window)
{
	struct state state = *from;
	unsigned steps = 0;
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < 2; i++) {
			moved |= acts(&state, i, window);
			moved |= arrives(&state, i, window);
		}
		cr_assert_lt(++steps, 100, "grants chase each other");
	}
	for (unsigned i = 0; i < 2; i++)
		cr_assert(!state.side[i].wants ||
				  (state.side[i].wants == CREDIT_DATA && state.side[!i].throttled),
			  "deadlock");
}

static void explore(uint16_t window, bool throttling, bool probing)
{
	struct state start = {0};
	struct seen seen = {.size = 3000000};

	seen.state = calloc(seen.size, sizeof(*seen.state));
	seen.next = calloc(seen.size, sizeof(*seen.next));
	seen.bucket = calloc(0x100000, sizeof(*seen.bucket));
	for (unsigned i = 0; i < 2; i++)
		start.side[i].limit = start.side[i].told =
			(int8_t)(start.side[i].grant = (uint8_t)window);
	add(&seen, &start);
	for (size_t at = 1; at <= seen.cnt; at++) {
		check_rest(&seen.state[at], window);
		for (unsigned i = 0; i < 2; i++) {
			struct state next = seen.state[at];

			if (acts(&next, i, window))
				add(&seen, &next);
			next = seen.state[at];
			if (arrives(&next, i, window))
				add(&seen, &next);
			/* somebody makes it probe the path: sess_probe() */
			next = seen.state[at];
			if (probing && step_send(&next, i, CREDIT_CONTROL, false, window))
				add(&seen, &next);
			if (throttling) {
				next = seen.state[at];
				turns(&next, i, window, !next.side[i].throttled);
				add(&seen, &next);
			}
			/* The application submits a record of some class, or withdraws it. */
			for (uint8_t wants = 0; wants <= CREDIT_DATA; wants++) {
				next = seen.state[at];
				next.side[i].wants = wants;
				add(&seen, &next);
			}
		}
	}
	cr_log_info("window %u: %zu states", window, seen.cnt);
	free(seen.state);
	free(seen.next);
	free(seen.bucket);
}

Test(credit, no_state_is_a_deadlock)
{
	explore(4, true, true);
	explore(5, true, false);
	explore(6, false, false);
}
