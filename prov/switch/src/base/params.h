/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Parameters, FI_OFI_SWITCH_*; read once, when libfabric loads the provider
 * (discover/init.c).
 */
#ifndef SWITCH_PARAMS_H
#define SWITCH_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include <rdma/fabric.h>

struct switch_costs; /* discover/costs.h */

struct switch_params {
	int transfer; /* enum sess_way: SESS_AUTO, READ, WRITE or COPY */
	bool rdma_read, rdma_write;
	bool rma_target; /* memory of this side may be read and written by peers */
	size_t buffer_size, initial;
	size_t credits, rndv_threshold;	  /* 0: chosen for the core */
	size_t unexpected_max;		  /* bytes */
	const struct switch_costs *costs; /* from a file; empty: none named */
	char *core;			  /* NULL: none named */
	enum fi_ep_type core_type;	  /* of endpoints of cores; FI_EP_UNSPEC: any */
	int hello_timeout, close_timeout; /* milliseconds */
	char *stats;			  /* file name, "stderr", or NULL */
};
extern struct switch_params switch_params;

#endif
