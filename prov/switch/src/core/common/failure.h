/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Errors of cores, translated to what the users of core_ops are told.
 */
#ifndef CORE_FAILURE_H
#define CORE_FAILURE_H

#include <rdma/fi_eq.h>

#include "core/common/line.h"

/* What an operation or a connection failed with (positive), as our users are told it: a
 * core says it in the words of what it was doing when it met that the peer was gone. */
int core_peer_error(int error);
/* Reads the next entry of the core's error queue: the context of the operation (NULL: it
 * had none) and what our users are told.  False: there is none. */
bool core_cq_error(struct fid_cq *cq, struct core_ctx **ctx, int *error);

#endif
