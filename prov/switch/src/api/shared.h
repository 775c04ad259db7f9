/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared contexts.
 */
#ifndef SWITCH_SHARED_H
#define SWITCH_SHARED_H

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

struct switch_ep;

/* Shared contexts (api/shared.c).  Binding takes a reference, which closing
 * the endpoint gives back; 0 or -FI_EINVAL. */
int switch_stx_open(struct fid_domain *domain, struct fi_tx_attr *attr, struct fid_stx **stx,
		    void *context);
int switch_srx_open(struct fid_domain *domain, struct fi_rx_attr *attr, struct fid_ep **srx,
		    void *context);
int switch_stx_bind(struct switch_ep *ep, struct fid *fid);
int switch_srx_bind(struct switch_ep *ep, struct fid *fid);
void switch_shared_unbind(struct switch_ep *ep);

#endif
