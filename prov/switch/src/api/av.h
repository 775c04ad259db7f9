/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors.
 */
#ifndef SWITCH_AV_H
#define SWITCH_AV_H

#include <stdbool.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "peer/names.h"

struct switch_domain;
struct switch_events;

struct switch_av {
	struct fid_av av_fid;
	struct switch_domain *domain;
	struct switch_events *eq; /* where asynchronous insertions report */
	bool async;
	struct switch_names names;
};

/* The address vector of a fid; NULL if it belongs to another domain. */
struct switch_av *switch_av_from_fid(struct switch_domain *domain, struct fid *fid);
int switch_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **av,
		   void *context);

#endif
