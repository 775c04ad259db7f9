/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reading a core's completion queue and its error queue.
 */
#ifndef CORE_CQ_H
#define CORE_CQ_H

#include <rdma/fi_eq.h>

#include "core/common/log.h"
#include "core/common/path.h"

/* Reads up to cnt completions.  Returns how many, -FI_EAVAIL if core_cq_error() has one, or
 * else a number that is not positive: there are none, and a failure was logged. */
static inline ssize_t core_cq_read(struct fid_cq *cq, struct fi_cq_msg_entry *comp, size_t cnt)
{
	ssize_t ret = fi_cq_read(cq, comp, cnt);

	if (ret < 0 && ret != -FI_EAGAIN && ret != -FI_EAVAIL)
		core_failed("fi_cq_read", (int)ret);
	return ret;
}

/* Reads the next entry of the core's error queue.  *ctx: the context of the operation, NULL
 * if it had none; *error: core_peer_error() of its error.  False: there is no entry. */
bool core_cq_error(struct fid_cq *cq, struct core_ctx **ctx, int *error);

#endif
