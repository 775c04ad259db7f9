/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cores: choosing one, listing its entries, deciding whether it can serve.
 */
#ifndef SWITCH_CORES_H
#define SWITCH_CORES_H

#include <stdbool.h>
#include <stdint.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "core/core.h"

struct switch_fabric;

enum { SWITCH_CORE_NAME_MAX = 64 }; /* bytes of a provider's name, terminator included */

/* The core that an application or a user names. */
struct switch_core_choice {
	char name[SWITCH_CORE_NAME_MAX];   /* empty: any */
	char barred[SWITCH_CORE_NAME_MAX]; /* a core that the hints exclude ("^name") */
	bool asked; /* the core was named together with this provider, or by the user */
};

/* hint: the provider that the application names, or NULL.  0, or -FI_ENODATA if that
 * cannot be a core. */
int switch_core_choose(const char *hint, struct switch_core_choice *choice);
/* Lists the entries of a core (NULL: of all) that suit the hints: of each core those with
 * connected endpoints, or else the connectionless ones.  Parameter core_ep_type: one kind
 * only. */
int switch_core_list(const char *core, const struct fi_info *hints, const char *node,
		     const char *service, uint64_t flags, struct fi_info **list);
/* Whether this provider can be layered over a core; logs the reason if not. */
bool switch_core_serves(const struct fi_info *core);
/* Logs why a core that was named has no entry that serves. */
void switch_core_explain(const struct switch_core_choice *choice);
/* Whether FI_PROVIDER lists this name. */
bool switch_filter_has(const char *name);

/* The core's fi_info for one of ours, for opening (caller frees).  Where info has no
 * source address, an endpoint that listens gets the wildcard address. */
int switch_core_info(const struct switch_fabric *fabric, const struct fi_info *info, bool listens,
		     struct fi_info **core_info);
/* Replaces the wildcard address in name, of an endpoint that listens on every
 * interface, by that of the first interface of its family which carries furthest. */
int switch_core_own_addr(const struct switch_fabric *fabric, struct switch_addr *name);
/* The adapter for a core of this fi_info; NULL: none. */
const struct core_ops *switch_core_ops(const struct fi_info *core);
/* The core to use when nobody names one; NULL: any. */
const char *switch_default_core(void);
/* The fi_info of a core (NULL: the first that serves) whose fabric has this
 * name (caller frees). */
int switch_core_fabric(const char *core, const char *fabric, struct fi_info **core_info);

/* Reads FI_PROVIDER, once, and forgets it. */
void switch_info_init(void);
void switch_info_fini(void);

#endif
