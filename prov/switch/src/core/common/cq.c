/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads the error queue of a completion queue.  Called by the polls of both adapters under
 * the domain's lock.  It completes nothing.
 */
#include "core/common/cq.h"
#include "core/common/failure.h"

bool core_cq_error(struct fid_cq *cq, struct core_ctx **ctx, int *error)
{
	struct fi_cq_err_entry err = {0};

	if (fi_cq_readerr(cq, &err, 0) <= 0)
		return false;
	CORE_INFO(CQ, "operation failed: %s\n", fi_strerror(err.err));
	*ctx = err.op_context;
	*error = core_peer_error(err.err);
	return true;
}
