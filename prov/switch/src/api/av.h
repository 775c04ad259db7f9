/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors.
 */
#ifndef SWITCH_AV_H
#define SWITCH_AV_H

#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "base/addr.h"

struct switch_domain;
struct switch_ep;

struct switch_av; /* api/av.c */

/* NULL if it belongs to another domain. */
struct switch_av *switch_av_from_fid(struct switch_domain *domain, struct fid *fid);

/* NULL if there is no such entry (removed, or never inserted). */
const struct switch_addr *switch_av_get(struct switch_av *av, fi_addr_t fi_addr);
/* The entry with this address, FI_ADDR_NOTAVAIL if there is none.  With
 * several equal entries the first inserted. */
fi_addr_t switch_av_find(struct switch_av *av, const void *addr, size_t len);
/* What completions call the peer with this entry (FI_AV_USER_ID). */
fi_addr_t switch_av_user_id(const struct switch_av *av, fi_addr_t fi_addr);
/* Called with the domain's lock for every endpoint bound when entries come or go. */
/* Endpoints bound to it, for those calls. */
void switch_av_bind_ep(struct switch_av *av, struct switch_ep *ep);
void switch_av_unbind_ep(struct switch_av *av, struct switch_ep *ep);

int switch_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **av,
		   void *context);

#endif
