/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Learning when to hold sends back so that they share a packet (docs/protocol.md,
 * coalescing): an application that posts in bursts loses nothing by it.
 */
#include "session/internal.h"

/* A burst is so many sends between two calls for progress. */
#define BURST_SENDS    4
#define BURST_NEED_MAX 256

void coalesce_learn(struct sess_engine *engine, uint64_t now)
{
	if (engine->holding && now - engine->now > HELD_TOO_LONG) {
		engine->burst_rounds = 0;
		if (engine->burst_need < BURST_NEED_MAX)
			engine->burst_need *= 2;
	} else if (engine->burst_sends >= BURST_SENDS) {
		engine->burst_rounds++;
	} else if (engine->burst_sends) {
		engine->burst_rounds = 0;
	}
	engine->burst_sends = 0;
	engine->holding = false;
	engine->now = now;
}

/* Whether this send waits for others: never the first since the application
 * asked for progress, unless it says that more follow. */
bool coalesce_hold(struct sess_engine *engine, const struct sess_op *op)
{
	bool first = !engine->burst_sends++;

	if (op->flags & SESS_MORE)
		return true;
	if (first || engine->burst_rounds < engine->burst_need)
		return false;
	engine->holding = true;
	return true;
}
