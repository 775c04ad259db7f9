/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters of completed and of failed operations.
 */
#ifndef SWITCH_CNTR_H
#define SWITCH_CNTR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

#include "base/compat.h"
#include "progress/completion.h"

struct switch_domain;

struct switch_cntr {
	struct fid_cntr cntr_fid;
	struct switch_domain *domain;
	struct switch_count count;
};

/* Whether the counter has changed since a poll set last looked. */
bool switch_cntr_polled(struct switch_cntr *cntr);

int switch_cntr_open(struct fid_domain *domain, struct fi_cntr_attr *attr, struct fid_cntr **cntr,
		     void *context);

#endif
