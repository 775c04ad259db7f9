/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo: lists the entries that the provider offers over each core.  Every entry is made
 * from one that a core returned.  Called by libfabric.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/fabric.h"
#include "base/addr.h"
#include "base/switch.h"
#include "discover/attr.h"
#include "discover/cores.h"
#include "discover/info.h"

/* FI_RESCAN, to look for interfaces anew: newer headers have it. */
#define RESCAN (1ULL << 35)

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

/* Cores list an address once for each set of attributes they have for it. */
static bool seen_before(const struct fi_info *list, const struct fi_info *core)
{
	for (const struct fi_info *info = list; info != core; info = info->next)
		if (!strcmp(info->fabric_attr->prov_name, core->fabric_attr->prov_name) &&
		    !strcmp(info->fabric_attr->name, core->fabric_attr->name) &&
		    !strcmp(info->domain_attr->name, core->domain_attr->name) &&
		    info->addr_format == core->addr_format &&
		    same_bytes(info->src_addr, info->src_addrlen, core->src_addr,
			       core->src_addrlen) &&
		    same_bytes(info->dest_addr, info->dest_addrlen, core->dest_addr,
			       core->dest_addrlen))
			return true;
	return false;
}

/* -- the list ------------------------------------------------------------ */

/* The core that an entry without its name stands for, as switch_core_fabric()
 * will find it; empty where FI_PROVIDER does not ask for such entries. */
static void unnamed_core(char name[SWITCH_CORE_NAME_MAX])
{
	const char *def = switch_default_core();
	struct fi_info *list;

	*name = '\0';
	if (!switch_filter_has(SWITCH_NAME))
		return;
	if (def) {
		snprintf(name, SWITCH_CORE_NAME_MAX, "%s", def);
		return;
	}
	if (switch_core_list(NULL, NULL, NULL, NULL, 0, &list))
		return;
	for (struct fi_info *info = list; info && !*name; info = info->next)
		if (switch_core_serves(info))
			snprintf(name, SWITCH_CORE_NAME_MAX, "%s", info->fabric_attr->prov_name);
	fi_freeinfo(list);
}

/* Under FI_PROVIDER=ofi_switch libfabric drops an entry named "tcp;ofi_switch",
 * and names one that has no name "ofi_switch", which passes. */
static bool goes_unnamed(const char *core, const char *unnamed)
{
	char both[2 * SWITCH_CORE_NAME_MAX];

	snprintf(both, sizeof(both), "%s;%s", core, SWITCH_NAME);
	return !strcasecmp(core, unnamed) && !switch_filter_has(core) && !switch_filter_has(both);
}

static int list_make(const struct fi_info *cores, const struct switch_core_choice *choice,
		     uint32_t version, const struct fi_info *hints, struct fi_info **list)
{
	struct fi_info **tail = list;
	char unnamed[SWITCH_CORE_NAME_MAX];

	unnamed_core(unnamed);
	for (size_t i = 0; switch_attr_type(i); i++) {
		for (const struct fi_info *core = cores; core; core = core->next) {
			const char *name = core->fabric_attr->prov_name;
			int ret;

			if (!strcasecmp(name, choice->barred) || !switch_core_serves(core) ||
			    seen_before(cores, core))
				continue;
			ret = switch_attr_entry(core, switch_attr_type(i), version, hints, tail);
			if (ret) {
				fi_freeinfo(*list);
				*list = NULL;
				return ret;
			}
			if (!*tail)
				continue;
			if (!switch_fabric_opened(name, hints, *tail)) {
				fi_freeinfo(*tail);
				*tail = NULL;
				continue;
			}
			if (goes_unnamed(name, unnamed)) {
				free((*tail)->fabric_attr->prov_name);
				(*tail)->fabric_attr->prov_name = NULL;
			}
			tail = &(*tail)->next;
		}
	}
	return *list ? 0 : -FI_ENODATA;
}

/* -- the question ---------------------------------------------------------- */

/* One call of fi_getinfo. */
struct question {
	const char *node, *service;
	uint64_t flags; /* the flags that are passed on to cores */
	const struct fi_info
		*hints;		/* NULL: none; without addresses that node and service replace */
	struct fi_info counted; /* storage for the hints */
};

static bool is_of_format(const char *what, uint32_t format, const void *bytes, size_t len)
{
	struct switch_addr addr;

	if (!bytes || !switch_addr_is_socket(format) || !switch_addr_set(format, bytes, len, &addr))
		return true;
	SW_INFO(CORE, "%s of the hints is no address of their addr_format\n", what);
	return false;
}

/* fi_getinfo(3): node and service take the place of an address in the hints. */
static void count_hints(struct question *question, const struct fi_info *hints)
{
	question->hints = hints;
	if (!hints)
		return;
	question->counted = *hints;
	question->hints = &question->counted;
	if (question->flags & FI_SOURCE)
		question->counted.src_addr = NULL;
	else if (question->node || question->service)
		question->counted.dest_addr = NULL;
}

/* Removes entries of other formats than wanted, which cores may list, too. */
static void drop_misfits(struct fi_info **list, uint32_t wanted)
{
	struct fi_info *info;

	while ((info = *list)) {
		if (switch_addr_format_suits(info->addr_format, wanted)) {
			list = &info->next;
			continue;
		}
		*list = info->next;
		info->next = NULL;
		fi_freeinfo(info);
	}
}

/* 0 if there are entries of the format that the hints want. */
static int ask_cores(const char *core, const struct question *question, struct fi_info **list)
{
	const struct fi_info *hints = question->hints;
	int ret = switch_core_list(core, hints, question->node, question->service, question->flags,
				   list);

	if (ret || !hints)
		return ret;
	drop_misfits(list, hints->addr_format);
	return *list ? 0 : -FI_ENODATA;
}

/* Cores take the first address of a node, whatever format is wanted: they are asked again
 * about its address in that format. */
static int ask_cores_again(const char *core, const struct question *question, struct fi_info **list)
{
	const uint32_t wanted = question->hints ? question->hints->addr_format : FI_FORMAT_UNSPEC;
	struct question again = *question;
	char number[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

	if ((wanted != FI_SOCKADDR_IN && wanted != FI_SOCKADDR_IN6) ||
	    (!question->node && !question->service) ||
	    switch_addr_number(wanted, question->node, question->flags, number, sizeof(number)))
		return -FI_ENODATA;
	again.node = number;
	again.flags |= FI_NUMERICHOST;
	return ask_cores(core, &again, list);
}

int switch_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		   const struct fi_info *hints, struct fi_info **info)
{
	struct question question = {
		.node = node,
		.service = service,
		.flags = flags & (FI_NUMERICHOST | FI_SOURCE | RESCAN),
	};
	struct switch_core_choice choice;
	struct fi_info *cores;
	const char *core;
	int ret;

	*info = NULL;
	if (flags & FI_PROV_ATTR_ONLY) {
		*info = fi_allocinfo();
		return *info ? 0 : -FI_ENOMEM;
	}
	if (hints && hints->ep_attr && hints->ep_attr->type &&
	    !switch_attr_offers(hints->ep_attr->type))
		return -FI_ENODATA;
	count_hints(&question, hints);
	hints = question.hints;
	if (hints &&
	    (!is_of_format("src_addr", hints->addr_format, hints->src_addr, hints->src_addrlen) ||
	     !is_of_format("dest_addr", hints->addr_format, hints->dest_addr, hints->dest_addrlen)))
		return -FI_ENODATA;
	ret = switch_core_choose(hints && hints->fabric_attr ? hints->fabric_attr->prov_name : NULL,
				 &choice);
	if (ret)
		return ret;
	core = choice.name[0] ? choice.name : NULL;
	ret = ask_cores(core, &question, &cores);
	if (ret == -FI_ENODATA)
		ret = ask_cores_again(core, &question, &cores);
	if (!ret) {
		ret = list_make(cores, &choice, version, hints, info);
		fi_freeinfo(cores);
	}
	if (ret == -FI_ENODATA && choice.name[0])
		switch_core_explain(&choice);
	return ret;
}
