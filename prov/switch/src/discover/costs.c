/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The committed table of costs, and the lookup of a core's row.
 *
 * The table holds thresholds, not models of time.  A measurement gives times at single sizes,
 * and choosing a way needs the size at which the times of two ways cross; lines fitted to
 * noisy times would cross at another size.  api/domain.c gives a domain's row to its engine.
 */
#include <strings.h>

#include "discover/costs.h"
#include "switch_session.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Measured with util/switchtune on 2026-11-22, unless another source is given: a
 * virtual machine of two x86-64 processors, Linux 6.18, libfabric 1.17.0, and not
 * alone on its machine, so that only the shortest times mean anything.  Half round
 * trips in microseconds, copy / read / write, on either side of the thresholds.
 */
static const struct switch_costs_row committed[] = {
	/* 12 runs of 25 rounds.  98304: 40 / 50 / 51, 131072: 55 / 50 / 58,
	 * 163840: 72 / 57 / 59, 1048576: 356 / 193 / 201. */
	{"tcp", 131072, 163840},
	/* 98304: 40 / 47 / 44, 131072: 61 / 52 / 50, 163840: 56 / 54 / 55,
	 * 1048576: 330 / 210 / 190. */
	{"net", 131072, 131072},
	/* 33792, the first measured: 12 / 7 / 10, 65536: 16 / 7 / 10,
	 * 1048576: 362 / 142 / 51.  So all that exceeds a packet of the usual size is read
	 * or written. */
	{"shm", 32768, 32768},
	/* One run, over a core that takes a thousand microseconds for anything.
	 * 33792: 1344 / 4977 / 6230, 262144: 1311 / 5328 / 159052. */
	{"sockets", SWITCH_COSTS_NEVER, SWITCH_COSTS_NEVER},
	/* Not measured, for want of a device: the default. */
	{"verbs", SESS_RNDV_DEFAULT, SESS_RNDV_DEFAULT},
	/* Not measured: as over tcp in "make bench" of an earlier version, where a
	 * copy was faster up to there. */
	{SWITCH_COSTS_DEFAULT, SESS_RNDV_DEFAULT, SESS_RNDV_DEFAULT},
};

static const struct switch_costs_row *find(const struct switch_costs_row *rows, size_t cnt,
					   const char *core)
{
	for (size_t i = 0; i < cnt; i++)
		if (!strcasecmp(rows[i].core, core)) /* as libfabric compares them */
			return &rows[i];
	return NULL;
}

const struct switch_costs_row *switch_costs_find(const struct switch_costs *costs, const char *core)
{
	return find(costs->rows, costs->row_cnt, core);
}

const struct switch_costs_row *switch_costs_for(const struct switch_costs *costs, const char *core)
{
	const char *const names[] = {core, SWITCH_COSTS_DEFAULT};
	const struct switch_costs_row *row = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !row; i++) {
		row = switch_costs_find(costs, names[i]);
		if (!row)
			row = find(committed, ARRAY_SIZE(committed), names[i]);
	}
	return row;
}
