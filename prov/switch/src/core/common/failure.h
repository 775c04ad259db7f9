/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Errors of cores, translated to what the users of core_ops are told.
 */
#ifndef CORE_FAILURE_H
#define CORE_FAILURE_H

#include <rdma/fi_eq.h>

#include "core/common/path.h"

/* The error (positive) that users of core_ops are told for one of the core's: a core that
 * finds its peer gone reports the error of whatever call it was making. */
int core_peer_error(int error);
/* Reads the next entry of the core's error queue.  *ctx: the context of the operation, NULL
 * if it had none; *error: core_peer_error() of its error.  False: there is no entry. */
bool core_cq_error(struct fid_cq *cq, struct core_ctx **ctx, int *error);

#endif
