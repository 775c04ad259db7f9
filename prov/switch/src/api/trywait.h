/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait objects of queues, counters and sets as the application sees them, and how those of a
 * domain are opened and closed.
 */
#ifndef SWITCH_TRYWAIT_H
#define SWITCH_TRYWAIT_H

#include <stdbool.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>

#include "progress/wait.h"

struct switch_domain;
struct switch_wait;

int switch_trywait(struct fid_fabric *fabric, struct fid **fids, int count);
/* 0, -FI_ENOSYS for a kind of wait object that is not offered, or -FI_EINVAL. */
int switch_wait_check(enum fi_wait_obj wait_obj, const struct fid_wait *set);
/* fi_control of a queue or counter: FI_GETWAIT and FI_GETWAITOBJ. */
int switch_wait_control(const struct switch_wait *wait, int command, void *arg);
/* fi_trywait of a wait object whose owner has one (-FI_EINVAL: it has none). */
int switch_wait_try(struct switch_wait *wait, bool *ready, bool *signaled);

/* Opens the wait object of a queue or counter of a domain, with the descriptors that wake
 * it up, and enters it in the wait set if it asks for one.  The queue or counter has a
 * reference to the domain from then on.  0 or a negative errno with nothing open. */
int switch_waitable_open(struct switch_domain *domain, struct switch_wait *wait,
			 enum fi_wait_obj wait_obj, struct fid_wait *set,
			 switch_trywait_fn *trywait);
/* Closes that wait object and drops the reference; -FI_EBUSY while *refs is not 0. */
int switch_waitable_close(struct switch_domain *domain, struct switch_wait *wait, const int *refs);
/* Does the work of its slot trywait.  is_ready is called with the lock held. */
int switch_waitable_try(struct switch_domain *domain, struct switch_wait *wait,
			bool (*is_ready)(struct switch_wait *wait), bool *ready, bool *signaled);

#endif
