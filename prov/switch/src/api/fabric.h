/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The fabric: the core's fabric, and everything below it.
 */
#ifndef SWITCH_FABRIC_H
#define SWITCH_FABRIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "base/compat.h"
#include "core/core.h"
#include "progress/hub.h"

struct switch_fabric {
	struct fid_fabric fabric_fid;
	TAILQ_ENTRY(switch_fabric) link;
	char *name;
	struct fid_fabric *core;
	char *core_prov;	   /* "tcp" */
	enum fi_ep_type core_type; /* of the core's endpoints, FI_EP_MSG or FI_EP_RDM */
	const struct core_ops *core_ops;
	struct switch_hub hub; /* everything below it */
};

/* Sets the fabric and domain fields of an entry of fi_getinfo over this core to the
 * objects of the same names that are open already.  Returns false if the hints (NULL: none)
 * ask for other objects.  Call without locks. */
bool switch_fabric_opened(const char *core, const struct fi_info *hints, struct fi_info *entry);
int switch_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);

#endif
