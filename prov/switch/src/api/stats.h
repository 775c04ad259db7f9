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
/* What an endpoint writes when it is closed; empty where nobody wants it. */
struct switch_stats_line {
	char text[4096];
	size_t len;
};
/* Under the domain's lock; and writes it, which may take CLOSE_TIMEOUT: without locks. */
void switch_stats_format(const struct switch_ep *ep, struct switch_stats_line *line);
void switch_stats_write(const struct switch_stats_line *line);

#endif
