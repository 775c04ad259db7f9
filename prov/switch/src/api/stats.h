/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics.
 */
#ifndef SWITCH_STATS_H
#define SWITCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>

struct switch_ep;

int switch_ep_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context);
/* The line that an endpoint writes when it is closed; empty without FI_OFI_SWITCH_STATS. */
struct switch_stats_line {
	char text[4096];
	size_t len;
};
/* Format with the domain's lock held.  Write without locks, because that may take
 * CLOSE_TIMEOUT. */
void switch_stats_format(const struct switch_ep *ep, struct switch_stats_line *line);
void switch_stats_write(const struct switch_stats_line *line);

#endif
