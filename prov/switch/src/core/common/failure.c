/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Translates the errors of cores.  Called by both adapters where an operation or a
 * connection failed.
 */
#include <errno.h>

#include <rdma/fi_errno.h>

#include "core/common/failure.h"
#include "core/common/log.h"

int core_peer_error(int error)
{
	switch (error) {
	case 0: /* the connection was closed, without an error */
		return 0;
	case FI_EIO: /* tcp: the stream ended before the answer to a request */
	case FI_ENOTCONN:
	case FI_ESHUTDOWN:
	case EPIPE:
		return FI_ECONNRESET;
	default:
		return error > 0 ? error : FI_EIO;
	}
}

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
