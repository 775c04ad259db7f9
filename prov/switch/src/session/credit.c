/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The checks on credits that arrive; the rest is inline in session/credit.h. */
#include "session/credit.h"

bool credit_update(struct sess_credit *credit, uint32_t ack, uint16_t window)
{
	uint32_t limit = ack + window;

	if (credit_diff(ack, credit->numbers->tx_acked) < 0 ||
	    credit_diff(ack, credit->numbers->tx_next) > 0 ||
	    credit_diff(limit, credit->tx_limit) < 0 || window > SESS_CREDITS_MAX)
		return false;
	credit->numbers->tx_acked = ack;
	credit->tx_limit = limit;
	return true;
}

bool credit_received(struct sess_credit *credit, uint32_t seq, bool has_records)
{
	int32_t left = credit_diff(credit->rx_limit, seq) - 1, low = CREDIT_DATA;

	if (seq != credit->numbers->rx_next || left < 0)
		return false;
	credit->numbers->rx_next++;
	if (credit->throttled)
		low = CREDIT_CONTROL;
	else if (has_records)
		low = credit_low_water(credit->rx_grant);
	if (left <= low)
		credit->owed = true;
	return true;
}
