/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Logging of the adapters, in the name of the provider.  Used by every file of core/;
 * it decides nothing and keeps nothing.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <rdma/fi_errno.h>
#include <rdma/providers/fi_log.h>

#include "core/core.h"

#define CORE_WARN(subsys, ...) FI_WARN(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)

#define CORE_INFO(subsys, ...) FI_INFO(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)

/* Logs that what failed with ret, a negative errno, and returns ret. */
static inline int core_failed(const char *what, int ret)
{
	CORE_WARN(CORE, "%s: %s\n", what, fi_strerror(-ret));
	return ret;
}

#endif
