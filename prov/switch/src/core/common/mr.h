/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Registered memory: the region of a core behind struct core_mr.
 */
#ifndef CORE_MR_H
#define CORE_MR_H

#include "core/common/domain.h"

/* Registers memory with the core.  ep: the endpoint that it is bound to where the core wants
 * that (mr_endpoint), else unused.  0 or a negative errno. */
int core_mr_open(struct core_domain_base *base, struct fid_ep *ep, const void *buf, size_t len,
		 uint64_t access, struct fid_mr **mr);
/* Memory for buffers, from the start of a page, registered for ep where the core wants that
 * (else *mr is NULL).  0 or a negative errno. */
int core_mr_alloc(struct core_domain_base *base, struct fid_ep *ep, size_t size, uint64_t access,
		  void **mem, struct fid_mr **mr);
void core_mr_free(void *mem, struct fid_mr *mr);
/* core_ops.mr_reg, mr_close and mr_desc. */
int core_mr_reg(struct core_domain *domain, struct core_path *path, const void *buf, size_t len,
		uint64_t access, struct core_mr **mr, uint64_t *raddr, uint64_t *key);
void core_mr_close(struct core_mr *mr);
void *core_mr_desc(const struct core_mr *mr);

#endif
