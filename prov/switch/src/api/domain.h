/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain: one engine over one core domain, and everything they serve.
 */
#ifndef SWITCH_DOMAIN_H
#define SWITCH_DOMAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "base/compat.h"
#include "core/core.h"
#include "peer/source.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

struct switch_ep;
struct switch_fabric;
struct switch_mr;

struct switch_domain {
	struct fid_domain domain_fid;
	struct switch_fabric *fabric;
	enum fi_threading threading;
	struct switch_pump pump;
	struct fi_info *info; /* of this provider, not of the core */

	LIST_HEAD(, switch_ep) eps;
	struct switch_op_pool ops;
	struct switch_mr *mrs; /* uthash by key */
	struct switch_sources sources;
	int refs;
};

/* An event queue is about to be bound below this domain: from now on its lock
 * is in use and every event queue of the fabric progresses it.  Call without
 * locks; takes the fabric's. */
void switch_domain_need_lock(struct switch_domain *domain);

int switch_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain,
		       void *context);

#endif
