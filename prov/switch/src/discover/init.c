/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The provider's entry point, and where its parameters come from.
 *
 * libfabric calls fi_prov_ini() once, with its own lock held: nothing here asks
 * libfabric for a core or opens anything.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rdma/fabric.h>

#include "api/fabric.h"
#include "base/params.h"
#include "base/switch.h"
#include "discover/cores.h"
#include "discover/costs.h"
#include "discover/info.h"
#include "switch_session.h"

static void switch_cleanup(void);
FI_EXT_INI;

/*
 * The value of a parameter, NULL if it is not set or empty.
 *
 * Every parameter is defined as a string and parsed here: libfabric reads
 * numbers with strtol() and takes "64x" for 64, "-1" for SIZE_MAX and "all" for
 * nothing, without a word.
 */
static const char *param_get(const char *name)
{
	char *value = NULL;

	if (fi_param_get_str(&switch_prov, name, &value) || !*value)
		return NULL;
	return value;
}

static char *param_text(const char *name)
{
	const char *value = param_get(name);

	return value ? strdup(value) : NULL;
}

static void param_warn(const char *name, const char *value, const char *allowed,
		       const char *otherwise)
{
	char upper[32];
	size_t i;

	for (i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = toupper((unsigned char)name[i]);
	upper[i] = '\0';
	SW_WARN(CORE, "FI_OFI_SWITCH_%s=%s is not one of the allowed values (%s); using %s\n",
		upper, value, allowed, otherwise);
}

/* otherwise: 0 stands for a value that depends on the core. */
static size_t param_number(const char *name, size_t least, size_t most, size_t otherwise)
{
	const char *value = param_get(name);
	char allowed[64], used[32];
	unsigned long long number;
	char *end;

	if (!value)
		return otherwise;
	errno = 0;
	number = strtoull(value, &end, 10);
	/* strtoull() skips blanks and takes a sign */
	if (*value >= '0' && *value <= '9' && !*end && !errno && number >= least && number <= most)
		return number;
	snprintf(allowed, sizeof(allowed), "%zu to %zu", least, most);
	if (otherwise)
		snprintf(used, sizeof(used), "%zu", otherwise);
	else
		snprintf(used, sizeof(used), "what suits the core");
	param_warn(name, value, allowed, used);
	return otherwise;
}

/* The index of the value among words, a NULL-terminated list. */
static int param_word(const char *name, const char *const *words, const char *allowed,
		      int otherwise)
{
	const char *value = param_get(name);

	if (!value)
		return otherwise;
	for (int i = 0; words[i]; i++)
		if (!strcasecmp(value, words[i]))
			return i;
	param_warn(name, value, allowed, words[otherwise]);
	return otherwise;
}

static bool param_bool(const char *name)
{
	static const char *const words[] = {"0",  "1",	   "no",   "yes", "off",
					    "on", "false", "true", NULL};

	return param_word(name, words, "0, 1, no, yes, off, on, false, true", 1) & 1;
}

static enum sess_way param_transfer(void)
{
	static const char *const words[] = {"auto", "read", "write", "copy", NULL};
	static const enum sess_way ways[] = {SESS_AUTO, SESS_READ, SESS_WRITE, SESS_COPY};

	return ways[param_word("transfer", words, "auto, read, write, copy", 0)];
}

static enum fi_ep_type param_core_type(void)
{
	static const char *const words[] = {"auto", "msg", "rdm", NULL};
	static const enum fi_ep_type types[] = {FI_EP_UNSPEC, FI_EP_MSG, FI_EP_RDM};

	return types[param_word("core_ep_type", words, "auto, msg, rdm", 0)];
}

static void params_define(void)
{
	static const struct {
		const char *name, *help;
	} params[] = {
		{"transfer", "How messages too large for one packet travel: auto (chosen per peer "
			     "and size), read, write or copy (default: auto)"},
		{"rdma_read", "0: tell peers that this side cannot issue RDMA reads, so that they "
			      "write or copy (default: 1)"},
		{"rdma_write",
		 "0: tell peers that this side cannot issue RDMA writes (default: 1)"},
		{"rma_target", "0: memory of this side is never exposed to reads or writes of "
			       "peers; what needs that is copied (default: 1)"},
		{"buffer_size", "Bytes of a control buffer, which holds one packet, 512 to 65536 "
				"(default: 32832)"},
		{"credits", "Packets that a peer may have on the way to this side, 4 to 32767 "
			    "(default: 64, or 16 over cores without flow control)"},
		{"rndv_threshold", "Bytes from which a message is moved by RDMA read or write when "
				   "transfer is auto, at least 1 (default: from a table by core)"},
		{"costs", "File with a table of such sizes by core, for read and for write, as "
			  "switchtune writes it (default: a table of the provider's own)"},
		{"initial", "Bytes of a read or written message that travel ahead with its "
			    "announcement, 1 to 128 less than buffer_size (default: 1024)"},
		{"core",
		 "Name of the core provider to use when the application names none "
		 "(default: any that can serve and need not be named, as shm and sockets must)"},
		{"core_ep_type",
		 "Endpoints of the core to use: msg, rdm, or auto for msg if it has "
		 "such, else rdm (default: auto)"},
		{"hello_timeout", "Milliseconds that a peer has to answer the first packet, at "
				  "least 1 (default: 30000)"},
		{"close_timeout", "Milliseconds that an endpoint lingers when it is closed, until "
				  "its peers have acknowledged, at least 1 (default: 5000)"},
		{"unexpected_max",
		 "Bytes of messages that nobody has received yet which a receive context keeps "
		 "before its peers announce their messages only, at least 1 (default: 67108864)"},
		{"stats", "File to which each endpoint appends a line of statistics (JSON) when it "
			  "is closed, or stderr (default: none)"},
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		fi_param_define(&switch_prov, params[i].name, FI_PARAM_STRING, "%s",
				params[i].help);
}

static struct switch_costs costs; /* from a file */

/* A later load starts with an empty table, too. */
static void params_costs(void)
{
	const char *name = param_get("costs");

	memset(&costs, 0, sizeof(costs));
	if (name)
		switch_costs_load(&costs, name);
	switch_params.costs = &costs;
}

static void params_read(void)
{
	struct switch_params *params = &switch_params;
	size_t room;

	params->transfer = param_transfer();
	params->rdma_read = param_bool("rdma_read");
	params->rdma_write = param_bool("rdma_write");
	params->rma_target = param_bool("rma_target");
	params->buffer_size =
		param_number("buffer_size", SESS_BUFFER_MIN, SESS_BUFFER_MAX, SESS_BUFFER_DEFAULT);
	room = params->buffer_size - SWITCH_PACKET_HEAD;
	params->credits = param_number("credits", SESS_CREDITS_MIN, SESS_CREDITS_MAX, 0);
	params->rndv_threshold = param_number("rndv_threshold", 1, SIZE_MAX / 2, 0);
	params_costs();
	params->initial = param_number("initial", 1, room, room < 1024 ? room : 1024);
	params->hello_timeout = param_number("hello_timeout", 1, INT32_MAX, 30000);
	params->close_timeout = param_number("close_timeout", 1, INT32_MAX, 5000);
	params->unexpected_max = param_number("unexpected_max", 1, SIZE_MAX / 4, 64 << 20);
	params->core = param_text("core");
	params->core_type = param_core_type();
	params->stats = param_text("stats");
}

FI_EXT_INI
{
	/* The highest version of libfabric's interface that applications may ask for.  It
	 * is that of the library and not of our headers: structs have only grown at their
	 * ends, so that a provider built with 1.17 serves applications that ask for 2.x. */
	switch_prov.fi_version = fi_version();
	switch_prov.getinfo = switch_getinfo;
	switch_prov.fabric = switch_fabric_open;
	switch_prov.cleanup = switch_cleanup;
	params_define();
	params_read();
	switch_info_init();
	return &switch_prov;
}

static void switch_cleanup(void)
{
	switch_info_fini();
	free(switch_params.core);
	free(switch_params.stats);
	switch_params.core = NULL;
	switch_params.stats = NULL;
}
