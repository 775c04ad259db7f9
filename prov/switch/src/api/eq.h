/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues: connection events, the outcome of asynchronous insertions, and entries that
 * the application writes.
 */
#ifndef SWITCH_EQ_H
#define SWITCH_EQ_H

#include <stdbool.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>

#include "base/compat.h"
#include "progress/events.h"

struct switch_fabric;

struct switch_eq {
	struct fid_eq eq_fid;
	struct switch_fabric *fabric;
	struct switch_events events;
	bool app_writes; /* FI_WRITE: fi_eq_write is allowed */
};

int switch_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq,
		   void *context);

#endif
