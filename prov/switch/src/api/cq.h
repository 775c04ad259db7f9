/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion queues: lists of finished operations.
 */
#ifndef SWITCH_CQ_H
#define SWITCH_CQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

#include "base/compat.h"
#include "progress/completion.h"
#include "switch_session.h"

struct switch_domain;
struct switch_unknown;

struct switch_cq {
	struct fid_cq cq_fid;
	struct switch_domain *domain;
	enum fi_cq_format format;
	struct switch_queue queue;
	bool signaled;		      /* fi_cq_signal was called, and no reader has noticed yet */
	uint64_t signals;	      /* number of calls of fi_cq_signal */
	bool threshold;		      /* FI_CQ_COND_THRESHOLD */
	unsigned passes;	      /* reads that found entries waiting */
	struct switch_unknown *shown; /* whose address the last error read points to */
};

/* True if the queue has an entry or was signaled.  The signal counts as noticed by this
 * call. */
bool switch_cq_polled(struct switch_cq *cq);

int switch_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **cq,
		   void *context);

#endif
