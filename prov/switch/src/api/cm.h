/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The calls of connection management.
 */
#ifndef SWITCH_API_CM_H
#define SWITCH_API_CM_H

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>

extern struct fi_ops_cm switch_msg_cm_ops, switch_rdm_cm_ops;

#endif
