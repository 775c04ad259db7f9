/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capabilities of a core, as far as they do not depend on its kind of endpoints.  Each
 * adapter fills in the rest.
 */
#ifndef CORE_CAPS_H
#define CORE_CAPS_H

#include "core/core.h"

/* The core is the one of this name. */
bool core_is(const struct fi_info *info, const char *name);
/* One of libfabric's own that speak over TCP sockets with the same code. */
bool core_is_tcp(const struct fi_info *info);
/* Of a core's fi_info; what depends on the kind of endpoints is left to the adapter. */
void core_caps_init(const struct fi_info *info, struct core_caps *caps);

#endif
