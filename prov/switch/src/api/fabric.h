/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The fabric: the core's fabric, and the lists of what event queues progress.
 */
#ifndef SWITCH_FABRIC_H
#define SWITCH_FABRIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "base/compat.h"
#include "core/core.h"

struct switch_domain;
struct switch_eq;
struct switch_pep;

struct switch_fabric {
	struct fid_fabric fabric_fid;
	TAILQ_ENTRY(switch_fabric) link;
	char *name;
	struct fid_fabric *core;
	char *core_prov;	   /* "tcp" */
	enum fi_ep_type core_type; /* of the core's endpoints, FI_EP_MSG or FI_EP_RDM */
	const struct core_ops *core_ops;
	pthread_mutex_t lock;
	LIST_HEAD(, switch_domain) domains;
	LIST_HEAD(, switch_eq) eqs;
	LIST_HEAD(, switch_pep) peps;
	int refs; /* objects below it; fi_close refuses with FI_EBUSY while > 0 */
};

/* Puts the fabric and the domain that are open and that an entry of fi_getinfo over this
 * core stands for into it.  False: the hints (NULL: none) want others.  Call without locks. */
bool switch_fabric_opened(const char *core, const struct fi_info *hints, struct fi_info *entry);
/* Progresses every passive endpoint and domain below the fabric.  Takes the
 * locks itself; call with none held. */
void switch_fabric_progress(struct switch_fabric *fabric);
/* The same, and: 0 if the descriptors of them all will wake up for what comes
 * next, else -FI_EAGAIN. */
int switch_fabric_trywait(struct switch_fabric *fabric);

int switch_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);

#endif
