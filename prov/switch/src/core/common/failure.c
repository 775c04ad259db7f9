/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Translates the errors of cores.  Called by both adapters where an operation or a
 * connection failed.
 */
#include <errno.h>

#include <rdma/fi_errno.h>

#include "core/common/failure.h"

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
