/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints.
 */
#ifndef SWITCH_PEP_H
#define SWITCH_PEP_H

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>

#include "peer/passive.h"

struct switch_fabric;

struct switch_pep {
	struct fid_pep pep_fid;
	struct switch_fabric *fabric;
	struct switch_passive passive;
};

int switch_pep_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **pep,
		    void *context);

#endif
