/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo, and the core's own description of what one of our entries stands for.
 */
#ifndef SWITCH_INFO_H
#define SWITCH_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "core/core.h"

struct switch_fabric;

int switch_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		   const struct fi_info *hints, struct fi_info **info);
/* The core's fi_info for one of ours, for opening (caller frees).  Without a source
 * address in info, one that listens gets one for every interface. */
int switch_core_info(const struct switch_fabric *fabric, const struct fi_info *info, bool listens,
		     struct fi_info **core_info);
/* Replaces the wildcard address in name, of an endpoint that listens on every
 * interface, by that of the first interface of its family which carries furthest. */
int switch_core_own_addr(const struct switch_fabric *fabric, struct switch_addr *name);
/* The adapter for a core of this fi_info; NULL: none. */
const struct core_ops *switch_core_ops(const struct fi_info *core);
/* The core to use when nobody names one (discover/info.c); NULL: any. */
const char *switch_default_core(void);
/* The fi_info of a core (NULL: the first that serves) whose fabric has this
 * name (caller frees). */
int switch_core_fabric(const char *core, const char *fabric, struct fi_info **core_info);
/* Reads FI_PROVIDER, once, and forgets it. */
void switch_info_init(void);
void switch_info_fini(void);

#endif
