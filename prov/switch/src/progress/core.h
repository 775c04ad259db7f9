/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A core as the provider uses it.
 */
#ifndef SWITCH_PROGRESS_CORE_H
#define SWITCH_PROGRESS_CORE_H

#include <stddef.h>

#include <rdma/fabric.h>

#include "core/core.h"

struct sess_core;

/*
 * What a path leads over: a core provider's domain, with the adapter for it.  Owned
 * by the domain; its lock covers what the adapter has open.
 */
struct switch_core {
	const struct core_ops *ops;
	struct core_domain *domain;
	const struct core_caps *caps;
	struct fi_info *info; /* with a shared receive context where the core has one */
	size_t credits;	      /* packets that a peer may have on the way to us */
	struct sess_core *sess; /* as the engine knows it */
};

#endif
