/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Refusals for the slots of libfabric's tables whose calls are not offered.
 */
#ifndef SWITCH_NO_H
#define SWITCH_NO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_rma.h>

int switch_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int switch_no_control(struct fid *fid, int command, void *arg);
int switch_no_setname(fid_t fid, void *addr, size_t addrlen);
int switch_no_getpeer(struct fid_ep *ep, void *addr, size_t *addrlen);
int switch_no_connect(struct fid_ep *ep, const void *addr, const void *param, size_t paramlen);
int switch_no_listen(struct fid_pep *pep);
int switch_no_accept(struct fid_ep *ep, const void *param, size_t paramlen);
int switch_no_reject(struct fid_pep *pep, fid_t handle, const void *param, size_t paramlen);
int switch_no_shutdown(struct fid_ep *ep, uint64_t flags);
int switch_no_join(struct fid_ep *ep, const void *addr, uint64_t flags, struct fid_mc **mc,
		   void *context);
int switch_no_tx_ctx(struct fid_ep *ep, int idx, struct fi_tx_attr *attr, struct fid_ep **tx_ep,
		     void *context);
int switch_no_rx_ctx(struct fid_ep *ep, int idx, struct fi_rx_attr *attr, struct fid_ep **rx_ep,
		     void *context);
ssize_t switch_no_size_left(struct fid_ep *ep);
ssize_t switch_no_cancel(fid_t fid, void *context);
int switch_no_setopt(fid_t fid, int level, int optname, const void *optval, size_t optlen);
extern struct fi_ops_ep switch_no_ep_ops;
extern struct fi_ops_cm switch_no_cm_ops;
extern struct fi_ops_rma switch_no_rma_ops;
/* One-sided and collective calls of an endpoint are refused. */
void switch_no_one_sided(struct fid_ep *ep);
int switch_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context);

#endif
