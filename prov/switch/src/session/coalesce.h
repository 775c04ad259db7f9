/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Learning when to hold sends back so that they share a packet
 * (docs/protocol.md, coalescing).
 */
#ifndef SESSION_COALESCE_H
#define SESSION_COALESCE_H

#include "session/types.h"

void coalesce_learn(struct sess_engine *engine, uint64_t now);
/* Held back longer than this, the sends of an application that was computing
 * came late (nanoseconds): hold back only after a longer run of bursts. */
#define HELD_TOO_LONG UINT64_C(100000)
bool coalesce_hold(struct sess_engine *engine, const struct sess_op *op);

#endif
