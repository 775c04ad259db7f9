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
 * A domain of a core provider, with the adapter for it and what it can do.  A link points to
 * the core that it goes over.  Owned by the pump, whose lock covers it.
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
