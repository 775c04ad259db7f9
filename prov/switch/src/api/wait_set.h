/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait sets: one wait object for several queues and counters.
 */
#ifndef SWITCH_WAIT_SET_H
#define SWITCH_WAIT_SET_H

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

struct switch_fabric;
struct switch_wait;

int switch_waitset_open(struct fid_fabric *fabric, struct fi_wait_attr *attr,
			struct fid_wait **set);
/* Enters the wait object of a queue or counter that is open in a wait set of its fabric,
 * which switch_wait_fini() takes it out of.  0 or a negative errno.  Call without locks. */
int switch_waitset_enter(struct fid_wait *set, struct switch_fabric *fabric,
			 struct switch_wait *wait);
struct switch_wait *switch_waitset_wait(struct fid *fid);

#endif
