/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The committed table of costs, and which row is a core's.
 *
 * Thresholds, not models of time: what is measured are times at sizes, a choice
 * needs the size at which two of them cross, and a line through noisy times would
 * put it elsewhere.  switch_domain.c gives a domain's row to its engine.
 */
#include <strings.h>

#include "switch_costs.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct switch_costs_row committed[] = {
	/* Half round trips over loopback, two cores, libfabric 1.17 (make bench with
	 * TRANSFER forced): a copy is faster up to here. */
	{"tcp", 136 << 10, 136 << 10},
	/* Cores that were not measured: as over tcp. */
	{SWITCH_COSTS_DEFAULT, 136 << 10, 136 << 10},
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
