/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Handles of endpoints.
 */
#ifndef SWITCH_HANDLE_H
#define SWITCH_HANDLE_H

#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>

#include "base/compat.h"

struct switch_ep;
struct switch_rx;

/*
 * The object behind every fid_ep of this provider but passive endpoints: an endpoint, an
 * alias of one, or a shared receive context, as the application holds it.
 */
struct switch_handle {
	struct fid_ep fid;
	struct switch_ep *ep; /* NULL: of a shared receive context */
	struct switch_rx *rx;
	uint64_t tx_op_flags, rx_op_flags;
};

static inline struct switch_handle *switch_handle_of(struct fid *fid)
{
	return container_of(fid, struct switch_handle, fid.fid);
}

static inline struct switch_ep *switch_ep_of(struct fid *fid)
{
	return switch_handle_of(fid)->ep;
}

/* fi_control of an endpoint or an alias but FI_ENABLE: aliases and the flags of
 * operations (api/alias.c). */
int switch_handle_control(struct switch_handle *handle, int command, void *arg);

#endif
