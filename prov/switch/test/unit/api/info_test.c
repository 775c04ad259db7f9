/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* fi_getinfo: the choice of the core, the entries, and the treatment of hints. */
#include "base/params.h"
#include "discover/cores.h"
#include "lib/switch_fixture.h"

#define API FI_VERSION(1, 17)

static struct fi_info *hints, *list;

static void info_setup(void)
{
	load_provider();
	hints = fi_allocinfo();
}

static void info_teardown(void)
{
	fi_freeinfo(hints);
	fi_freeinfo(list);
	switch_prov.cleanup();
	cr_assert_eq(leaks_found(), 0);
}

TestSuite(info, .init = info_setup, .fini = info_teardown);

static size_t cnt(enum fi_ep_type type)
{
	size_t sum = 0;

	for (struct fi_info *info = list; info; info = info->next)
		sum += info->ep_attr->type == type;
	return sum;
}

static void refused(const char *what)
{
	struct fi_info *info = NULL;

	cr_assert_eq(ask(API, hints, &info), -FI_ENODATA, "%s", what);
	cr_assert_null(info);
	fi_freeinfo(hints);
	hints = fi_allocinfo();
}

static void accepted(void)
{
	fi_freeinfo(list);
	cr_assert_eq(ask(API, hints, &list), 0);
}

Test(info, without_hints_both_types_once_and_all_capabilities)
{
	cr_assert_eq(ask(API, NULL, &list), 0);
	cr_assert_eq(cnt(FI_EP_RDM), 1);
	cr_assert_eq(cnt(FI_EP_MSG), 1);
	cr_assert_eq(list->ep_attr->type, FI_EP_RDM);
	cr_assert_eq(list->caps & (FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE),
		     FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE);
	cr_assert_eq(list->next->caps & (FI_DIRECTED_RECV | FI_SOURCE), 0);
	cr_assert_eq(list->mode, 0);
	cr_assert_str_eq(list->fabric_attr->prov_name, "tcp");
	cr_assert_str_eq(list->domain_attr->name, "lo");
	cr_assert_eq(list->domain_attr->mr_mode, 0);
}

Test(info, primary_capabilities_only_if_asked)
{
	hints->caps = FI_TAGGED;
	accepted();
	cr_assert_eq(list->caps, FI_TAGGED | FI_SEND | FI_RECV | FI_LOCAL_COMM | FI_REMOTE_COMM);
	cr_assert_eq(list->tx_attr->caps, FI_TAGGED | FI_SEND);
	cr_assert_eq(list->rx_attr->caps, FI_TAGGED | FI_RECV);
	hints->caps = FI_MSG | FI_SEND;
	accepted();
	cr_assert_eq(list->caps, FI_MSG | FI_SEND | FI_LOCAL_COMM | FI_REMOTE_COMM);
	cr_assert_eq(list->rx_attr->caps, FI_MSG);
}

Test(info, what_cannot_be_had_is_refused)
{
	hints->caps = FI_RMA;
	refused("RMA");
	hints->caps = FI_MSG | FI_ATOMIC;
	refused("atomics");
	hints->ep_attr->type = FI_EP_DGRAM;
	refused("datagrams");
	hints->ep_attr->type = FI_EP_MSG;
	hints->caps = FI_MSG | FI_SOURCE;
	refused("a source over a connection");
	hints->tx_attr->msg_order = FI_ORDER_SAS | FI_ORDER_RAW;
	refused("order");
	hints->rx_attr->comp_order = FI_ORDER_SAS;
	refused("completion order");
	hints->tx_attr->inject_size = SWITCH_INJECT_SIZE + 1;
	refused("inject_size");
	hints->tx_attr->size = SWITCH_TX_SIZE + 1;
	refused("tx size");
	hints->rx_attr->iov_limit = SESS_IOV_MAX + 1;
	refused("iov_limit");
	hints->ep_attr->rx_ctx_cnt = 2;
	refused("scalable endpoint");
	hints->ep_attr->max_msg_size = SIZE_MAX;
	refused("max_msg_size");
	hints->ep_attr->protocol = FI_PROTO_RXM;
	refused("another protocol");
	hints->domain_attr->cq_data_size = 16;
	refused("cq_data_size");
	hints->domain_attr->name = strdup("nosuch");
	refused("domain");
	hints->fabric_attr->name = strdup("nosuch");
	refused("fabric");
	hints->addr_format = FI_ADDR_STR;
	refused("address format");
	hints->tx_attr->op_flags = FI_COMMIT_COMPLETE;
	refused("op_flags");
}

Test(info, hints_show_in_the_answer)
{
	hints->caps = FI_MSG;
	hints->mode = ~0ULL;
	hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE | FI_COMPLETION;
	hints->rx_attr->op_flags = FI_COMPLETION;
	hints->tx_attr->inject_size = 1;
	hints->tx_attr->size = 3;
	hints->ep_attr->mem_tag_format = 0x00ff;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->domain_attr->control_progress = FI_PROGRESS_AUTO;
	hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	hints->domain_attr->av_type = FI_AV_TABLE;
	accepted();
	cr_assert_eq(list->mode, 0);
	cr_assert_eq(list->tx_attr->op_flags, FI_DELIVERY_COMPLETE | FI_COMPLETION);
	cr_assert_eq(list->rx_attr->op_flags, FI_COMPLETION);
	cr_assert_geq(list->tx_attr->inject_size, 1);
	cr_assert_geq(list->tx_attr->size, 3);
	cr_assert_eq(list->ep_attr->mem_tag_format, 0x00ff);
	cr_assert_eq(list->domain_attr->threading, FI_THREAD_DOMAIN);
	cr_assert_eq(list->domain_attr->control_progress, FI_PROGRESS_AUTO);
	cr_assert_eq(list->domain_attr->data_progress, FI_PROGRESS_MANUAL);
	cr_assert_eq(list->domain_attr->av_type, FI_AV_TABLE);
}

Test(info, registration_mode_by_age_of_the_application)
{
	static const struct {
		uint32_t version;
		int asked, answer;
	} cases[] = {
		{FI_VERSION(1, 17), 0, 0},
		{FI_VERSION(1, 17), FI_MR_LOCAL | FI_MR_PROV_KEY | FI_MR_ENDPOINT, 0},
		{FI_VERSION(1, 5), SWITCH_MR_BASIC, SWITCH_MR_BASIC},
		{FI_VERSION(1, 5), SWITCH_MR_SCALABLE, SWITCH_MR_SCALABLE},
		{FI_VERSION(1, 4), 0, SWITCH_MR_SCALABLE},
		{FI_VERSION(1, 0), SWITCH_MR_BASIC, SWITCH_MR_BASIC},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fi_info *info;

		hints->domain_attr->mr_mode = cases[i].asked;
		cr_assert_eq(ask(cases[i].version, hints, &info), 0);
		cr_assert_eq(info->domain_attr->mr_mode, cases[i].answer, "case %zu", i);
		fi_freeinfo(info);
	}
}

Test(info, names_of_providers)
{
	static const struct {
		const char *name;
		int ret;
	} names[] = {
		{"tcp", 0},
		{"ofi_switch", 0},
		{"tcp;ofi_switch", 0},
		{"ofi_switch;tcp", 0},
		{"OFI_SWITCH;TCP", 0},
		{"shm;ofi_switch", 0},
		{"udp;ofi_switch", -FI_ENODATA},
		{"nosuch;ofi_switch", -FI_ENODATA},
		{"tcp;sockets;ofi_switch", -FI_ENODATA},
		{"tcp;ofi_rxm;ofi_switch", -FI_ENODATA},
		{"tcp;ofi_switch;^tcp", -FI_ENODATA},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fi_info *info;

		hints->fabric_attr->prov_name = strdup(names[i].name);
		cr_assert_eq(ask(API, hints, &info), names[i].ret, "%s", names[i].name);
		fi_freeinfo(info);
		free(hints->fabric_attr->prov_name);
		hints->fabric_attr->prov_name = NULL;
	}
}

Test(info, a_passive_endpoint_is_handed_on)
{
	struct fid pep = {.fclass = FI_CLASS_PEP}, other = {.fclass = FI_CLASS_EP};

	hints->handle = &pep;
	accepted();
	cr_assert_eq(list->handle, &pep);
	hints->handle = &other;
	refused("a handle of anything else");
	hints->handle = NULL;
}

Test(info, provider_attributes_only)
{
	cr_assert_eq(switch_getinfo(API, NULL, NULL, FI_PROV_ATTR_ONLY, NULL, &list), 0);
	cr_assert_null(list->next);
}

/* -- the environment ----------------------------------------------------- */

static void read_environment(void)
{
	switch_prov.cleanup();
	fi_prov_ini();
}

Test(info, unnamed_only_where_the_filter_wants_it)
{
	static const struct {
		const char *filter, *hint;
		const char *name; /* provider name of the answer, NULL: no answer */
	} cases[] = {
		{"ofi_switch", NULL, NULL},
		{"ofi_switch", "tcp;ofi_switch", NULL},
		{"ofi_switch", "sockets;ofi_switch", "sockets"},
		{"ofi_switch,tcp", "ofi_switch", "tcp"},
		{"tcp;ofi_switch", "ofi_switch", "tcp"},
		{"verbs,sockets;ofi_switch", "ofi_switch", "sockets"},
		{"^shm", "tcp", "tcp"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fi_info *info, *want = fi_allocinfo();
		const char *name;

		setenv("FI_PROVIDER", cases[i].filter, 1);
		read_environment();
		if (cases[i].hint)
			want->fabric_attr->prov_name = strdup(cases[i].hint);
		cr_assert_eq(switch_getinfo(API, NULL, NULL, 0, want, &info), 0);
		name = info->fabric_attr->prov_name;
		cr_assert_eq(!name, !cases[i].name, "case %zu", i);
		if (name)
			cr_assert_str_eq(name, cases[i].name);
		fi_freeinfo(info);
		fi_freeinfo(want);
	}
}

Test(info, parameters)
{
	setenv("FI_OFI_SWITCH_TRANSFER", "Write", 1);
	setenv("FI_OFI_SWITCH_RDMA_READ", "off", 1);
	setenv("FI_OFI_SWITCH_RDMA_WRITE", "1", 1);
	setenv("FI_OFI_SWITCH_RMA_TARGET", "0", 1);
	setenv("FI_OFI_SWITCH_BUFFER_SIZE", "512", 1);
	setenv("FI_OFI_SWITCH_CREDITS", "4", 1);
	setenv("FI_OFI_SWITCH_CORE", "sockets", 1);
	setenv("FI_OFI_SWITCH_STATS", "", 1);
	read_environment();
	cr_assert_eq(switch_params.transfer, SESS_WRITE);
	cr_assert_eq(switch_params.rdma_read, false);
	cr_assert_eq(switch_params.rdma_write, true);
	cr_assert_eq(switch_params.rma_target, false);
	cr_assert_eq(switch_params.buffer_size, 512);
	cr_assert_eq(switch_params.credits, 4);
	cr_assert_lt(switch_params.initial, 512);
	cr_assert_str_eq(switch_default_core(), "sockets");
	cr_assert_null(switch_params.stats);
	hints->fabric_attr->prov_name = strdup("ofi_switch");
	accepted();
	cr_assert_str_eq(list->fabric_attr->prov_name, "sockets");
	cr_assert_lt(list->tx_attr->inject_size, 512);
}

Test(info, bad_parameters_fall_back)
{
	static const char *const bad[] = {"-1",	  "+5",	       " 64",	"64x",
					  "0x40", "3",	       "32768", "99999999999999999999",
					  "64 ",  "sixty-four"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("FI_OFI_SWITCH_CREDITS", bad[i], 1);
		read_environment();
		cr_assert_eq(switch_params.credits, 0, "%s", bad[i]);
	}
	setenv("FI_OFI_SWITCH_TRANSFER", "inline", 1);
	setenv("FI_OFI_SWITCH_RDMA_READ", "2", 1);
	read_environment();
	cr_assert_eq(switch_params.transfer, SESS_AUTO);
	cr_assert_eq(switch_params.rdma_read, true);
	setenv("FI_OFI_SWITCH_RMA_TARGET", "", 1);
	read_environment();
	cr_assert_eq(switch_params.rma_target, true);
}

/* -- the core beneath ---------------------------------------------------- */

Test(info, the_cores_own_info_is_for_sharing_receives)
{
	struct switch_fabric tcp = {.core_prov = "tcp", .core_type = FI_EP_MSG};
	struct switch_fabric udp = {.core_prov = "udp", .core_type = FI_EP_RDM};
	struct fi_info *core;

	accepted();
	cr_assert_eq(switch_core_info(&tcp, list, false, &core), 0);
	cr_assert_eq(core->ep_attr->type, FI_EP_MSG);
	cr_assert_eq(core->ep_attr->rx_ctx_cnt, FI_SHARED_CONTEXT);
	cr_assert_eq(core->caps & (FI_MSG | FI_RMA), FI_MSG | FI_RMA);
	cr_assert_str_eq(core->domain_attr->name, list->domain_attr->name);
	cr_assert_str_eq(core->fabric_attr->name, list->fabric_attr->name);
	cr_assert_eq(core->src_addrlen, list->src_addrlen);
	cr_assert_null(core->dest_addr);
	fi_freeinfo(core);
	cr_assert_eq(switch_core_info(&udp, list, false, &core), -FI_ENODATA);
	cr_assert_eq(switch_core_fabric(NULL, "nosuch", &core), -FI_ENODATA);
}

/* Takes a copy of the core's info away. */
static void serves_not(struct fi_info *core, const char *what)
{
	cr_assert(!switch_core_serves(core), "a core with this is offered: %s", what);
	fi_freeinfo(core);
}

Test(info, a_core_that_lacks_something_does_not_serve)
{
	struct switch_fabric tcp = {.core_prov = "tcp", .core_type = FI_EP_MSG};
	struct fi_info *msg, *rdm, *bad;

	accepted();
	cr_assert_eq(switch_core_info(&tcp, list, false, &msg), 0);
	cr_assert(switch_core_serves(msg));
	bad = fi_dupinfo(msg);
	bad->ep_attr->type = FI_EP_DGRAM;
	serves_not(bad, "datagrams");
	bad = fi_dupinfo(msg);
	bad->tx_attr->msg_order &= ~FI_ORDER_SAS;
	serves_not(bad, "sends in no order");
	bad = fi_dupinfo(msg);
	bad->rx_attr->msg_order &= ~FI_ORDER_SAS;
	serves_not(bad, "receives in no order");
	bad = fi_dupinfo(msg);
	bad->ep_attr->max_msg_size = switch_params.buffer_size - 1;
	serves_not(bad, "messages shorter than a buffer");
	bad = fi_dupinfo(msg);
	bad->addr_format = FI_SOCKADDR_IB;
	serves_not(bad, "addresses of no internet protocol");
	bad = fi_dupinfo(msg);
	bad->mode |= UINT64_C(1) << 2; /* no mode of any libfabric so far */
	serves_not(bad, "an unknown mode");
	bad = fi_dupinfo(msg);
	bad->mode |= FI_ASYNC_IOV;
	serves_not(bad, "FI_ASYNC_IOV of connected endpoints");
	bad = fi_dupinfo(msg);
	bad->domain_attr->mr_mode |= 1 << 30; /* likewise */
	serves_not(bad, "an unknown way of registering");
	bad = fi_dupinfo(msg);
	bad->domain_attr->mr_mode |= FI_MR_ENDPOINT | FI_MR_LOCAL;
	serves_not(bad, "buffers that are registered for an endpoint");

	rdm = fi_dupinfo(msg);
	rdm->ep_attr->type = FI_EP_RDM;
	rdm->domain_attr->resource_mgmt = FI_RM_ENABLED;
	cr_assert(switch_core_serves(rdm));
	bad = fi_dupinfo(rdm);
	bad->domain_attr->resource_mgmt = FI_RM_DISABLED;
	serves_not(bad, "no resource management");
	fi_freeinfo(rdm);
	fi_freeinfo(msg);
}
