/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait sets: one wait object for several queues and counters.
 */
#ifndef SWITCH_WAIT_SET_H
#define SWITCH_WAIT_SET_H

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

int switch_waitset_open(struct fid_fabric *fabric, struct fi_wait_attr *attr,
			struct fid_wait **set);

#endif
