/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capabilities of a core, as far as they do not depend on its kind of endpoints.  Each
 * adapter fills in the rest.
 */
#ifndef CORE_CAPS_H
#define CORE_CAPS_H

#include "core/core.h"

/* Whether info is of the core with this name. */
bool core_is(const struct fi_info *info, const char *name);
/* Whether info is of the tcp or the net core, which share their code for sockets. */
bool core_is_tcp(const struct fi_info *info);
/* Fills caps from a core's fi_info, but for what depends on the kind of endpoints. */
void core_caps_init(const struct fi_info *info, struct core_caps *caps);

#endif
