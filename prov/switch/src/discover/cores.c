/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The cores: chooses the one that an application means, lists its entries, decides whether it
 * can serve, and finds the core's fi_info for one of our entries.
 *
 * Called by fi_getinfo (discover/info.c), and by fabrics, domains, endpoints and passive
 * endpoints when they open.  Opens nothing; keeps nothing between calls but the names
 * read from the environment.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/fabric.h"
#include "base/addr.h"
#include "base/compat.h"
#include "base/params.h"
#include "base/switch.h"
#include "core/core.h"
#include "discover/cores.h"

/* Flags that libfabric's own utility providers use, the same values in 1.17 and
 * 2.6 but in no public header: no utility provider answers (at most one name in
 * the hints); cores that FI_PROVIDER hides answer too. */
#define CORE_PROV_ONLY (1ULL << 59)
#define CORE_HIDDEN    (1ULL << 60)

/* Not newer than the headers: a core asked for 1.20 writes larger structs. */
#define CORE_API FI_VERSION(1, 17)

/* Modes that the adapters support. */
#define CORE_MODE (FI_CONTEXT | FI_CONTEXT2 | FI_MSG_PREFIX | FI_ASYNC_IOV | FI_RX_CQ_DATA)
#define CORE_MR_MODE                                                                               \
	(FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_ENDPOINT |       \
	 FI_MR_RAW | FI_MR_RMA_EVENT)

/* The kinds of cores, by the type of their endpoints; the first is preferred. */
static const struct core_kind {
	enum fi_ep_type type;
	const struct core_ops *ops;
	bool shares_receives; /* its endpoints may have a shared receive context */
	bool names_itself;    /* an address is a name that it chooses itself */
} core_kinds[] = {
	{.type = FI_EP_MSG, .ops = &core_msg_ops, .shares_receives = true},
	{.type = FI_EP_RDM, .ops = &core_rdm_ops, .names_itself = true},
};

/* The kind of cores with endpoints of this type; NULL: none. */
static const struct core_kind *kind_of(enum fi_ep_type type)
{
	for (size_t i = 0; i < sizeof(core_kinds) / sizeof(core_kinds[0]); i++)
		if (core_kinds[i].type == type)
			return &core_kinds[i];
	return NULL;
}

/* -- names --------------------------------------------------------------- */

static char *filter;			       /* FI_PROVIDER if it lists what to use */
static char filter_core[SWITCH_CORE_NAME_MAX]; /* "X" if it lists "X;ofi_switch" */

/* Finds the next name in a list; returns its length, 0 at the end. */
static size_t next_name(const char **list, const char *delim)
{
	*list += strspn(*list, delim);
	return strcspn(*list, delim);
}

static bool name_is(const char *name, size_t len, const char *other)
{
	return strlen(other) == len && !strncasecmp(name, other, len);
}

bool switch_filter_has(const char *other)
{
	size_t len;

	for (const char *name = filter; name && (len = next_name(&name, ",")); name += len)
		if (name_is(name, len, other))
			return true;
	return false;
}

void switch_info_init(void)
{
	const char *names = getenv("FI_PROVIDER"), *name;
	const size_t tail = strlen(";" SWITCH_NAME);
	size_t len;

	if (!names || *names == '^')
		return;
	filter = strdup(names);
	for (name = filter; name && (len = next_name(&name, ",")); name += len)
		if (len > tail && len - tail < SWITCH_CORE_NAME_MAX &&
		    name_is(name + len - tail, tail, ";" SWITCH_NAME) && !filter_core[0])
			memcpy(filter_core, name, len - tail);
}

void switch_info_fini(void)
{
	free(filter);
	filter = NULL;
	filter_core[0] = '\0';
}

const char *switch_default_core(void)
{
	if (switch_params.core)
		return switch_params.core;
	return filter_core[0] ? filter_core : NULL;
}

/* 0, or -FI_ENODATA if the hints name something that cannot be a core. */
int switch_core_choose(const char *hint, struct switch_core_choice *choice)
{
	bool ours = false;
	size_t len;

	memset(choice, 0, sizeof(*choice));
	for (const char *name = hint; name && (len = next_name(&name, ";")); name += len) {
		if (len >= SWITCH_CORE_NAME_MAX)
			return -FI_ENODATA;
		if (*name == '^') {
			snprintf(choice->barred, SWITCH_CORE_NAME_MAX, "%.*s", (int)len - 1,
				 name + 1);
		} else if (name_is(name, len, SWITCH_NAME)) {
			ours = true;
		} else if (choice->name[0] || !strncasecmp(name, "ofi_", 4)) {
			SW_INFO(CORE, "%s: one core provider, not \"%s\"\n", SWITCH_NAME, hint);
			return -FI_ENODATA;
		} else {
			snprintf(choice->name, SWITCH_CORE_NAME_MAX, "%.*s", (int)len, name);
		}
	}
	choice->asked = ours && choice->name[0];
	if (!choice->name[0] && switch_default_core()) {
		snprintf(choice->name, SWITCH_CORE_NAME_MAX, "%s", switch_default_core());
		choice->asked = true;
	}
	return 0;
}

/* -- asking the cores ---------------------------------------------------- */

static int copy_text(char **to, const char *from)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -FI_ENOMEM;
}

/* The format for the hints of a core, by the family of their addresses.  Without one, cores
 * take an address of any family for their first format, or answer without a format. */
static uint32_t format_of(const struct fi_info *hints)
{
	const struct sockaddr *addr = hints->src_addr ? hints->src_addr : hints->dest_addr;
	const size_t len = hints->src_addr ? hints->src_addrlen : hints->dest_addrlen;

	if (hints->addr_format || !addr)
		return hints->addr_format;
	if (len == sizeof(struct sockaddr_in) && addr->sa_family == AF_INET)
		return FI_SOCKADDR_IN;
	if (len == sizeof(struct sockaddr_in6) && addr->sa_family == AF_INET6)
		return FI_SOCKADDR_IN6;
	return FI_FORMAT_UNSPEC;
}

/* Makes hints for a core (NULL: any) with endpoints of this type, of an application's
 * hints for us (NULL: none). */
static struct fi_info *core_hints(const char *core, enum fi_ep_type type,
				  const struct fi_info *hints)
{
	struct fi_info *want = fi_allocinfo();
	int ret;

	if (!want)
		return NULL;
	want->caps = FI_MSG;
	want->mode = CORE_MODE;
	want->ep_attr->type = type;
	want->domain_attr->mr_mode = CORE_MR_MODE;
	ret = copy_text(&want->fabric_attr->prov_name, core);
	if (hints) {
		want->addr_format = format_of(hints);
		ret |= switch_info_set_addr(&want->src_addr, &want->src_addrlen, hints->src_addr,
					    hints->src_addrlen);
		ret |= switch_info_set_addr(&want->dest_addr, &want->dest_addrlen, hints->dest_addr,
					    hints->dest_addrlen);
		if (hints->domain_attr)
			ret |= copy_text(&want->domain_attr->name, hints->domain_attr->name);
		if (hints->fabric_attr)
			ret |= copy_text(&want->fabric_attr->name, hints->fabric_attr->name);
	}
	if (ret) {
		fi_freeinfo(want);
		return NULL;
	}
	return want;
}

static int core_getinfo(const char *node, const char *service, uint64_t flags,
			const struct fi_info *want, struct fi_info **list)
{
	*list = NULL;
	return fi_getinfo(CORE_API, node, service, flags | CORE_PROV_ONLY | CORE_HIDDEN, want,
			  list);
}

static bool has_prov(const struct fi_info *list, const char *prov)
{
	for (; list; list = list->next)
		if (!strcmp(list->fabric_attr->prov_name, prov))
			return true;
	return false;
}

/* Appends the entries of more to list if their core is not in it yet, and frees the
 * others. */
static void add_others(struct fi_info **list, struct fi_info *more)
{
	struct fi_info **end = list, *next, *others = NULL, **tail = &others;

	for (; more; more = next) {
		next = more->next;
		more->next = NULL;
		if (has_prov(*list, more->fabric_attr->prov_name)) {
			fi_freeinfo(more);
			continue;
		}
		*tail = more;
		tail = &more->next;
	}
	while (*end)
		end = &(*end)->next;
	*end = others;
}

/* Lists the entries of a core (NULL: of all) that suit the hints: of each core those with
 * connected endpoints, or else the connectionless ones.  Parameter core_ep_type: one kind
 * only. */
int switch_core_list(const char *core, const struct fi_info *hints, const char *node,
		     const char *service, uint64_t flags, struct fi_info **list)
{
	int ret = -FI_ENODATA;

	*list = NULL;
	for (size_t i = 0; i < sizeof(core_kinds) / sizeof(core_kinds[0]); i++) {
		struct fi_info *want, *more;

		if ((switch_params.core_type && switch_params.core_type != core_kinds[i].type) ||
		    (core && *list))
			continue;
		want = core_hints(core, core_kinds[i].type, hints);
		if (!want) {
			fi_freeinfo(*list);
			*list = NULL;
			return -FI_ENOMEM;
		}
		ret = core_getinfo(node, service, flags, want, &more);
		fi_freeinfo(want);
		if (!ret)
			add_others(list, more);
	}
	return *list ? 0 : ret;
}

const struct core_ops *switch_core_ops(const struct fi_info *core)
{
	const struct core_kind *kind = kind_of(core->ep_attr->type);

	return kind ? kind->ops : NULL;
}

/* The reason why a core cannot serve; NULL: it can. */
static const char *core_flaw(const struct fi_info *core)
{
	const struct core_ops *ops = switch_core_ops(core);
	struct core_caps caps;

	if (!ops)
		return "it has no reliable endpoints (FI_EP_MSG or FI_EP_RDM)";
	ops->info_caps(core, &caps);
	if (!(core->tx_attr->msg_order & core->rx_attr->msg_order & FI_ORDER_SAS))
		return "it does not keep messages in order";
	if (core->ep_attr->max_msg_size < switch_params.buffer_size)
		return "its messages are smaller than BUFFER_SIZE";
	if (!caps.flow_control && caps.addr_is_name)
		return "it does not hold messages back that nobody waits for (FI_RM_ENABLED)";
	if (core->addr_format == FI_SOCKADDR_IB)
		return "its addresses are not of the internet protocols";
	if (core->mode & ~CORE_MODE || (core->mode & FI_ASYNC_IOV && !caps.addr_is_name))
		return "it requires a mode that is not supported";
	if (core->domain_attr->mr_mode & ~CORE_MR_MODE)
		return "it requires a way of registering memory that is not supported";
	/* registrations for an endpoint must be closed before it, but it gives receive
	 * buffers, which are registered, back only when it closes */
	if (caps.mr_endpoint && caps.mr_local)
		return "it requires both FI_MR_ENDPOINT and FI_MR_LOCAL";
	return NULL;
}

bool switch_core_serves(const struct fi_info *core)
{
	const char *flaw = core_flaw(core);

	if (flaw)
		SW_INFO(CORE, "core %s, domain %s, cannot serve: %s\n",
			core->fabric_attr->prov_name, core->domain_attr->name, flaw);
	return !flaw;
}

/* Logs why a core that was named has no entry that serves. */
void switch_core_explain(const struct switch_core_choice *choice)
{
	struct fi_info *want = fi_allocinfo(), *list = NULL;
	const char *flaw = "it is not available here";
	bool serves = false;

	if (!want)
		return;
	if (!copy_text(&want->fabric_attr->prov_name, choice->name)) {
		want->mode = ~0ULL;
		want->domain_attr->mr_mode = ~(SWITCH_MR_BASIC | SWITCH_MR_SCALABLE);
		core_getinfo(NULL, NULL, 0, want, &list);
	}
	for (struct fi_info *info = list; info && !serves; info = info->next) {
		if (info != list && !switch_core_ops(info))
			continue; /* the flaw of reliable endpoints says more than that of datagrams
				   */
		flaw = core_flaw(info);
		if (switch_params.core_type && switch_core_ops(info) &&
		    switch_params.core_type != info->ep_attr->type)
			flaw = "its endpoints are not those that FI_OFI_SWITCH_CORE_EP_TYPE asks "
			       "for";
		serves = !flaw;
	}
	if (serves)
		SW_INFO(CORE, "core %s has nothing that matches the hints\n", choice->name);
	else if (choice->asked)
		SW_WARN(CORE, "core %s cannot serve: %s\n", choice->name, flaw);
	else
		SW_INFO(CORE, "core %s cannot serve: %s\n", choice->name, flaw);
	fi_freeinfo(list);
	fi_freeinfo(want);
}

/* A copy of the first entry that serves and is of this fabric; NULL: none. */
static struct fi_info *pick_fabric(struct fi_info *list, const char *fabric)
{
	struct fi_info *info = list;

	while (info && !(switch_core_serves(info) && !strcmp(info->fabric_attr->name, fabric)))
		info = info->next;
	return info ? fi_dupinfo(info) : NULL;
}

/* Cores of IP networks have a fabric for each interface's network, and another one for
 * wildcard addresses, which they list only if a local port is asked for. */
int switch_core_fabric(const char *core, const char *fabric, struct fi_info **core_info)
{
	static const struct {
		const char *service;
		uint64_t flags;
	} tries[] = {{NULL, 0}, {"0", FI_SOURCE}};
	struct fi_info *hints = fi_allocinfo(), *list;
	int ret = hints ? copy_text(&hints->fabric_attr->name, fabric) : -FI_ENOMEM;

	*core_info = NULL;
	for (size_t i = 0; !ret && !*core_info && i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (switch_core_list(core, hints, NULL, tries[i].service, tries[i].flags, &list))
			continue;
		*core_info = pick_fabric(list, fabric);
		fi_freeinfo(list);
	}
	fi_freeinfo(hints);
	return ret ? ret : *core_info ? 0 : -FI_ENODATA;
}

/* Clears the port of the source address: some cores (verbs) list nothing for a port that
 * is in use. */
static void forget_port(uint32_t format, struct fi_info *want)
{
	const struct sockaddr_in none = {.sin_port = 0};
	struct switch_addr addr;

	if (switch_addr_is_socket(format) &&
	    !switch_addr_set(format, want->src_addr, want->src_addrlen, &addr))
		switch_addr_copy_port(want->src_addr, &none);
}

/* Some cores (tcp) list every interface whatever fabric and domain are asked for. */
static bool is_elsewhere(const struct fi_info *info, const struct fi_info *want)
{
	const char *fabric = want->fabric_attr->name, *domain = want->domain_attr->name;

	return (fabric && strcmp(info->fabric_attr->name, fabric)) ||
	       (domain && strcmp(info->domain_attr->name, domain));
}

/* The core's entry for a domain with these capabilities; NULL: none. */
static struct fi_info *core_with(struct fi_info *want, uint64_t caps, size_t rx_ctx_cnt)
{
	struct fi_info *list, *info, *match = NULL;

	want->caps = caps;
	want->ep_attr->rx_ctx_cnt = rx_ctx_cnt;
	if (core_getinfo(NULL, NULL, 0, want, &list))
		return NULL;
	for (info = list; info; info = info->next) {
		if ((match && is_elsewhere(info, want)) || !switch_core_serves(info) ||
		    !switch_addr_format_suits(info->addr_format, want->addr_format) ||
		    (info->ep_attr->rx_ctx_cnt == FI_SHARED_CONTEXT) !=
			    (rx_ctx_cnt == FI_SHARED_CONTEXT))
			continue;
		match = info;
		if (!is_elsewhere(info, want))
			break;
	}
	if (match)
		match = fi_dupinfo(match);
	fi_freeinfo(list);
	return match;
}

/* Chooses the source address if the application named none.  The core's entry has the
 * address of one interface, from which not every peer can be reached: to connect, the
 * choice is left to the core; to listen, it is the wildcard address of the same family.
 * Where addresses are names that the core chooses, the entry has a fresh one. */
static int choose_source(const struct switch_fabric *fabric, struct fi_info *core, bool listens)
{
	struct switch_addr addr, any;

	if (kind_of(fabric->core_type)->names_itself || !switch_addr_is_socket(core->addr_format))
		return 0;
	/* these say how far the address reaches; sockets refuses endpoints that claim more
	 * than it does */
	core->caps &= ~(FI_LOCAL_COMM | FI_REMOTE_COMM);
	if (!listens ||
	    switch_addr_set(core->addr_format, core->src_addr, core->src_addrlen, &addr))
		return switch_info_set_addr(&core->src_addr, &core->src_addrlen, NULL, 0);
	switch_addr_set_any(&addr, &any);
	return switch_info_set_addr(&core->src_addr, &core->src_addrlen, any.bytes, any.len);
}

int switch_core_info(const struct switch_fabric *fabric, const struct fi_info *info, bool listens,
		     struct fi_info **core_info)
{
	/* FI_RMA alone asks for all of it, which not every core has */
	static const uint64_t caps[] = {
		FI_MSG | FI_RMA,
		FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ,
		FI_MSG | FI_RMA | FI_WRITE | FI_REMOTE_WRITE,
		FI_MSG,
	};
	struct fi_info *want = core_hints(fabric->core_prov, fabric->core_type, info);
	struct fi_info *found = NULL;
	int ret;

	if (!want)
		return -FI_ENOMEM;
	/* the entry is for listening, or for any peer */
	switch_info_set_addr(&want->dest_addr, &want->dest_addrlen, NULL, 0);
	forget_port(info->addr_format, want);
	want->domain_attr->threading =
		FI_THREAD_DOMAIN; /* the core is called under the lock of our domain */
	for (size_t i = 0; !found && i < sizeof(caps) / sizeof(caps[0]); i++) {
		/* connectionless endpoints have receives of their own */
		if (kind_of(fabric->core_type)->shares_receives)
			found = core_with(want, caps[i], FI_SHARED_CONTEXT);
		if (!found)
			found = core_with(want, caps[i], 0);
	}
	fi_freeinfo(want);
	if (!found)
		return -FI_ENODATA;
	if (info->src_addr && info->src_addrlen)
		ret = switch_info_set_addr(&found->src_addr, &found->src_addrlen, info->src_addr,
					   info->src_addrlen);
	else
		ret = choose_source(fabric, found, listens);
	if (ret) {
		fi_freeinfo(found);
		return ret;
	}
	*core_info = found;
	return 0;
}

int switch_core_own_addr(const struct switch_fabric *fabric, struct switch_addr *name)
{
	struct fi_info *want = core_hints(fabric->core_prov, fabric->core_type, NULL);
	struct fi_info *list, *info;
	struct switch_addr addr, best;
	int ret = -FI_ENODATA;

	if (!want)
		return -FI_ENOMEM;
	if (core_getinfo(NULL, NULL, 0, want, &list))
		list = NULL;
	fi_freeinfo(want);
	for (info = list; info; info = info->next) {
		if (switch_addr_set(info->addr_format, info->src_addr, info->src_addrlen, &addr) ||
		    addr.len != name->len ||
		    switch_addr_is_any(info->addr_format, addr.bytes, addr.len))
			continue;
		if (!ret && switch_addr_reach(&addr) <= switch_addr_reach(&best))
			continue;
		best = addr;
		ret = 0;
	}
	fi_freeinfo(list);
	if (ret)
		return ret;
	switch_addr_copy_port(best.bytes, name->bytes);
	*name = best;
	return 0;
}
