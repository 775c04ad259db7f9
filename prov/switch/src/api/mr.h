/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory regions that the application registers.
 */
#ifndef SWITCH_MR_H
#define SWITCH_MR_H

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "core/core.h"

struct switch_mr; /* api/mr.c; its mem_desc is itself */

/* The core registration behind a descriptor the application passed; NULL if
 * the core needs none. */
struct core_mr *switch_mr_core(const struct switch_mr *mr);

extern struct fi_ops_mr switch_mr_ops;

#endif
