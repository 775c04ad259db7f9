/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo: the names of our entries, the answers to hints, refusals, and parameters with
 * wrong values.  Each process asks only after it has set its environment, which libfabric
 * reads at its first call.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_common.h"

static struct fi_info *ask(uint32_t version, const char *node, const char *service, uint64_t flags,
			   struct fi_info *hints)
{
	struct fi_info *info = NULL;
	int ret = fi_getinfo(version, node, service, flags, hints, &info);

	if (ret != -FI_ENODATA)
		FUNC_OK(ret);
	FUNC_TRUE((ret == 0) == (info != NULL));
	return info;
}

static struct fi_info *hints_named(const char *name)
{
	struct fi_info *hints = fi_allocinfo();

	FUNC_TRUE(hints);
	hints->mode = FI_CONTEXT;
	if (name)
		hints->fabric_attr->prov_name = strdup(name);
	return hints;
}

static bool is_ours(const struct fi_info *info)
{
	const char *name = info->fabric_attr->prov_name, *end = strrchr(name, ';');

	return !strcmp(end ? end + 1 : name, "ofi_switch");
}

/* -- names -------------------------------------------------------------- */

static char *text_of(const struct fi_info *info)
{
	char *text = func_alloc(16384);

	FUNC_TRUE(fi_tostr_r(text, 16384, info, FI_TYPE_INFO) == text);
	return text;
}

/* Checks that no two of our entries are equal. */
static void no_duplicates(struct fi_info *list)
{
	struct fi_info *one, *other;
	char *text, *other_text;

	for (one = list; one; one = one->next) {
		if (!is_ours(one))
			continue;
		text = text_of(one);
		for (other = one->next; other; other = other->next) {
			other_text = text_of(other);
			if (!strcmp(text, other_text))
				func_fail(__FILE__, __LINE__, "twice: %s", text);
			free(other_text);
		}
		free(text);
	}
}

/* Checks that all our entries have this name and that there are both types of endpoints. */
static void all_named(struct fi_info *list, const char *name, bool only_ours)
{
	bool rdm = false, msg = false;
	struct fi_info *info;

	FUNC_TRUE(list);
	for (info = list; info; info = info->next) {
		if (!is_ours(info)) {
			FUNC_TRUE(!only_ours);
			continue;
		}
		if (strcmp(info->fabric_attr->prov_name, name))
			func_fail(__FILE__, __LINE__, "%s, not %s", info->fabric_attr->prov_name,
				  name);
		rdm |= info->ep_attr->type == FI_EP_RDM;
		msg |= info->ep_attr->type == FI_EP_MSG;
	}
	FUNC_TRUE(rdm && msg);
	no_duplicates(list);
	fi_freeinfo(list);
}

static const struct {
	const char *env;  /* FI_PROVIDER, or NULL */
	const char *hint; /* provider name in the hints; NULL: no hints at all */
	const char *name; /* provider name of our entries in the answer */
} names[] = {
	{NULL, "tcp;ofi_switch", "tcp;ofi_switch"},
	{NULL, "ofi_switch", "tcp;ofi_switch"},
	{"ofi_switch", "ofi_switch", "ofi_switch"},
	{"ofi_switch", NULL, "ofi_switch"},
	{"tcp;ofi_switch", "tcp;ofi_switch", "tcp;ofi_switch"},
	{"tcp;ofi_switch", "ofi_switch", "tcp;ofi_switch"},
	{"tcp;ofi_switch", NULL, "tcp;ofi_switch"},
};

static void name(struct func_team *team, int rank)
{
	struct fi_info *hints = NULL;
	long i = team->func_case->arg;

	(void)rank;
	setenv("FI_OFI_SWITCH_CORE", "tcp", 1);
	if (names[i].env)
		setenv("FI_PROVIDER", names[i].env, 1);
	if (names[i].hint)
		hints = hints_named(names[i].hint);
	all_named(ask(FUNC_VERSION, NULL, NULL, 0, hints), names[i].name, true);
	fi_freeinfo(hints);
}

/* Without hints our entries are shown; MPICH relies on it. */
static void null_hints(struct func_team *team, int rank)
{
	uint64_t caps = FI_MSG | FI_TAGGED | FI_SEND | FI_RECV | FI_DIRECTED_RECV | FI_SOURCE;
	struct fi_info *list = ask(FUNC_VERSION, NULL, NULL, 0, NULL), *info;
	int found = 0;

	(void)team, (void)rank;
	for (info = list; info; info = info->next) {
		if (strcmp(info->fabric_attr->prov_name, "tcp;ofi_switch") ||
		    info->ep_attr->type != FI_EP_RDM)
			continue;
		found++;
		FUNC_EQ(info->caps & caps, caps);
		FUNC_TRUE(info->domain_attr->cq_data_size >= 4);
		FUNC_TRUE(info->tx_attr->iov_limit >= 4 && info->rx_attr->iov_limit >= 4);
		FUNC_TRUE(info->tx_attr->inject_size > 0 && info->tx_attr->size > 0);
		FUNC_TRUE(info->ep_attr->max_msg_size >= 4 << 20);
		FUNC_TRUE(info->tx_attr->msg_order & info->rx_attr->msg_order & FI_ORDER_SAS);
		FUNC_EQ(info->domain_attr->resource_mgmt, FI_RM_ENABLED);
	}
	FUNC_TRUE(found);
	no_duplicates(list);
	fi_freeinfo(list);
}

/* -- refusals ----------------------------------------------------------- */

/* clang-format off */
static void wish(struct fi_info *hints, int number)
{
	switch (number) {
	case 0: hints->ep_attr->type = FI_EP_DGRAM; break;
	case 1: hints->caps = FI_ATOMIC; break;
	case 2: hints->caps = FI_MSG | FI_MULTICAST; break;
	case 3: hints->caps = FI_MSG | FI_COLLECTIVE; break;
	case 4: hints->tx_attr->inject_size = 1 << 30; break;
	case 5: hints->tx_attr->size = 1 << 30; break;
	case 6: hints->rx_attr->size = 1 << 30; break;
	case 7: hints->tx_attr->iov_limit = 1000; break;
	case 8: hints->rx_attr->iov_limit = 1000; break;
	case 9: hints->domain_attr->cq_data_size = 64; break;
	case 10: hints->addr_format = FI_SOCKADDR_IB; break;
	case 11: hints->domain_attr->name = strdup("no such domain"); break;
	case 12: hints->fabric_attr->name = strdup("no such fabric"); break;
	case 13: hints->ep_attr->tx_ctx_cnt = 1000; break;
	case 14: hints->ep_attr->rx_ctx_cnt = 1000; break;
	case 15: hints->domain_attr->mr_key_size = 4096; break;
	case 16: hints->tx_attr->caps = FI_ATOMIC; break;
	case 17: hints->rx_attr->caps = FI_MULTICAST; break;
	case 18: hints->tx_attr->op_flags = FI_COMMIT_COMPLETE; break;
	case 19: hints->ep_attr->protocol = FI_PROTO_RXM; break;
	case 20: hints->domain_attr->caps = FI_SHARED_AV; break;
	default: hints->ep_attr->auth_key_size = 4096; break;
	}
}
/* clang-format on */

static void refused(struct func_team *team, int rank)
{
	struct fi_info *hints, *info;
	int i;

	(void)team, (void)rank;
	for (i = 0; i <= 21; i++) {
		hints = hints_named("tcp;ofi_switch");
		wish(hints, i);
		info = ask(FUNC_VERSION, NULL, NULL, 0, hints);
		if (info)
			func_fail(__FILE__, __LINE__, "wish number %d was granted: %s", i,
				  text_of(info));
		fi_freeinfo(hints);
	}
}

/* Cores that do not exist or cannot serve: the log names each once, with the reason. */
static void no_core(struct func_team *team, int rank)
{
	static const char *const names_tried[] = {"udp;ofi_switch", "nonsense;ofi_switch",
						  "mock;ofi_switch", "ofi_rxm;ofi_switch"};
	struct fi_info *hints, *info;
	size_t i;

	(void)team, (void)rank;
	func_log_begin("warn");
	setenv("MOCK_CORE", "1", 1);
	setenv("MOCK_MR_MODE", "FI_MR_ENDPOINT,FI_MR_LOCAL", 1);
	for (i = 0; i < sizeof(names_tried) / sizeof(names_tried[0]); i++) {
		hints = hints_named(names_tried[i]);
		info = ask(FUNC_VERSION, NULL, NULL, 0, hints);
		if (info)
			func_fail(__FILE__, __LINE__, "%s answers with: %s", names_tried[i],
				  text_of(info));
		fi_freeinfo(hints);
	}
	FUNC_EQ(func_log_count(" cannot serve: it "),
		3); /* the name of the last is not that of a core */
	func_log_end();
}

static void no_default_core(struct func_team *team, int rank)
{
	struct fi_info *hints = hints_named("ofi_switch");

	(void)team, (void)rank;
	setenv("FI_OFI_SWITCH_CORE", "nonsense", 1);
	FUNC_TRUE(!ask(FUNC_VERSION, NULL, NULL, 0, hints));
	fi_freeinfo(hints);
}

/* -- what is granted ---------------------------------------------------- */

/* Each value that can be granted comes back in the answer. */
static void granted(struct func_team *team, int rank)
{
	static const uint64_t op_flags[] = {FI_COMPLETION, FI_DELIVERY_COMPLETE,
					    FI_TRANSMIT_COMPLETE, FI_INJECT_COMPLETE};
	struct fi_info *hints, *info;
	int i;

	(void)team, (void)rank;
	for (i = 0; i < 24; i++) {
		hints = hints_named("tcp;ofi_switch");
		hints->mode = 0;
		hints->caps = i % 2 ? FI_TAGGED : FI_MSG;
		hints->ep_attr->type = i % 2 ? FI_EP_RDM : FI_EP_MSG;
		hints->domain_attr->threading = (enum fi_threading)(i % 6);
		hints->domain_attr->data_progress = (enum fi_progress)(i % 3);
		hints->domain_attr->control_progress = (enum fi_progress)(i % 3);
		hints->domain_attr->av_type = (enum fi_av_type)(i / 2 % 3);
		hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
		hints->tx_attr->op_flags = op_flags[i % 4];
		hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_SAS;
		info = ask(FUNC_VERSION, NULL, NULL, 0, hints);
		FUNC_TRUE(info);
		FUNC_EQ(info->mode, 0);
		FUNC_EQ(info->domain_attr->mr_mode, 0);
		FUNC_EQ(info->caps & hints->caps, hints->caps);
		FUNC_EQ(info->ep_attr->type, hints->ep_attr->type);
		FUNC_EQ(info->tx_attr->op_flags, op_flags[i % 4]);
		FUNC_TRUE(info->tx_attr->msg_order & FI_ORDER_SAS);
		FUNC_TRUE(!hints->domain_attr->threading ||
			  info->domain_attr->threading == hints->domain_attr->threading);
		FUNC_TRUE(!hints->domain_attr->data_progress ||
			  info->domain_attr->data_progress == hints->domain_attr->data_progress);
		FUNC_TRUE(!hints->domain_attr->av_type ||
			  info->domain_attr->av_type == hints->domain_attr->av_type);
		no_duplicates(info);
		fi_freeinfo(info);
		fi_freeinfo(hints);
	}
}

/* The hints of Open MPI 4.1 (mtl/ofi), except for the provider's name. */
static void open_mpi(struct func_team *team, int rank)
{
	struct fi_info *hints = hints_named("tcp;ofi_switch"), *info;

	(void)team, (void)rank;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = FI_TAGGED | FI_LOCAL_COMM | FI_REMOTE_COMM | FI_DIRECTED_RECV;
	hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_SAS;
	hints->rx_attr->op_flags = hints->tx_attr->op_flags = FI_COMPLETION;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->domain_attr->control_progress = FI_PROGRESS_UNSPEC;
	hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
	hints->domain_attr->av_type = FI_AV_MAP;
	info = ask(FI_VERSION(1, 5), NULL, NULL, 0, hints);
	FUNC_TRUE(info);
	FUNC_EQ(info->caps & hints->caps, hints->caps);
	FUNC_EQ(info->domain_attr->threading, FI_THREAD_DOMAIN);
	FUNC_EQ(info->domain_attr->av_type, FI_AV_MAP);
	FUNC_EQ(info->domain_attr->mr_mode, 0);
	FUNC_TRUE(info->domain_attr->cq_data_size >= 4);
	FUNC_TRUE(info->ep_attr->mem_tag_format >> 63 || info->ep_attr->mem_tag_format >> 62);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* -- addresses ---------------------------------------------------------- */

static void expect_addr(const void *addr, size_t len, uint16_t port)
{
	struct sockaddr_in sin;

	FUNC_EQ(len, sizeof(sin));
	memcpy(&sin, addr, len);
	FUNC_EQ(sin.sin_family, AF_INET);
	FUNC_EQ(sin.sin_addr.s_addr, inet_addr(FUNC_HOST));
	FUNC_EQ(ntohs(sin.sin_port), port);
}

static void addresses(struct func_team *team, int rank)
{
	struct fi_info *hints = hints_named("tcp;ofi_switch"), *info;

	(void)team, (void)rank;
	hints->addr_format = FI_SOCKADDR_IN;
	info = ask(FUNC_VERSION, FUNC_HOST, "7777", FI_SOURCE, hints);
	FUNC_TRUE(info);
	expect_addr(info->src_addr, info->src_addrlen, 7777);
	fi_freeinfo(info);
	info = ask(FUNC_VERSION, FUNC_HOST, "7777", 0, hints);
	FUNC_TRUE(info);
	expect_addr(info->dest_addr, info->dest_addrlen, 7777);
	hints->src_addrlen = info->dest_addrlen;
	hints->src_addr = malloc(hints->src_addrlen);
	FUNC_TRUE(hints->src_addr);
	memcpy(hints->src_addr, info->dest_addr, hints->src_addrlen);
	fi_freeinfo(info);
	info = ask(FUNC_VERSION, NULL, NULL, 0, hints);
	FUNC_TRUE(info);
	expect_addr(info->src_addr, info->src_addrlen, 7777);
	fi_freeinfo(info);
	FUNC_TRUE(fi_getinfo(FUNC_VERSION, "no such host.", "1", 0, hints, &info) < 0);
	fi_freeinfo(hints);
}

/* -- objects that are open ------------------------------------------------ */

/* Checks that the only entry names this open fabric and domain, or none (NULL). */
static void expect_open(struct fi_info *hints, struct fid_fabric *fabric, struct fid_domain *domain)
{
	struct fi_info *info = ask(FUNC_VERSION, FUNC_HOST, NULL, FI_SOURCE, hints);

	FUNC_TRUE(info && !info->next);
	FUNC_TRUE(info->fabric_attr->fabric == fabric);
	FUNC_TRUE(info->domain_attr->domain == domain);
	fi_freeinfo(info);
}

static void expect_none(struct fi_info *hints)
{
	FUNC_TRUE(!ask(FUNC_VERSION, FUNC_HOST, NULL, FI_SOURCE, hints));
}

/* Answers name the first open instance of their fabric and domain; hints that name an open
 * object get only entries that match it. */
static void open_ones(struct func_team *team, int rank)
{
	struct fi_info *hints = hints_named("tcp;ofi_switch"), *info, *other;
	struct fid_fabric *fabrics[2], *elsewhere;
	struct fid_domain *domains[2];

	(void)team, (void)rank;
	hints->ep_attr->type = FI_EP_RDM;
	info = ask(FUNC_VERSION, FUNC_HOST, NULL, FI_SOURCE, hints);
	FUNC_TRUE(info && !info->fabric_attr->fabric && !info->domain_attr->domain);
	/* a fabric of another name, which is for every interface */
	other = ask(FUNC_VERSION, "0.0.0.0", NULL, FI_SOURCE, hints);
	FUNC_TRUE(other && strcmp(other->fabric_attr->name, info->fabric_attr->name));
	FUNC_OK(fi_fabric(other->fabric_attr, &elsewhere, NULL));
	expect_open(hints, NULL, NULL);
	FUNC_OK(fi_fabric(info->fabric_attr, &fabrics[0], NULL));
	FUNC_OK(fi_fabric(info->fabric_attr, &fabrics[1], NULL));
	expect_open(hints, fabrics[0], NULL);
	FUNC_OK(fi_domain(fabrics[0], info, &domains[0], NULL));
	FUNC_OK(fi_domain(fabrics[0], info, &domains[1], NULL));
	expect_open(hints, fabrics[0], domains[0]);
	hints->domain_attr->domain = domains[1];
	expect_open(hints, fabrics[0], domains[1]);
	hints->fabric_attr->fabric = fabrics[1];
	expect_none(hints);
	hints->domain_attr->domain = NULL;
	expect_open(hints, fabrics[1], NULL);
	hints->fabric_attr->fabric = elsewhere;
	expect_none(hints);
	hints->fabric_attr->fabric = NULL;
	FUNC_OK(fi_close(&domains[0]->fid));
	expect_open(hints, fabrics[0], domains[1]);
	FUNC_OK(fi_close(&domains[1]->fid));
	FUNC_OK(fi_close(&fabrics[0]->fid));
	expect_open(hints, fabrics[1], NULL);
	FUNC_OK(fi_close(&fabrics[1]->fid));
	FUNC_OK(fi_close(&elsewhere->fid));
	expect_open(hints, NULL, NULL);
	fi_freeinfo(other);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* Each of our entries, used as hints, yields itself. */
static void answers(struct func_team *team, int rank)
{
	struct fi_info *list = ask(FUNC_VERSION, NULL, NULL, 0, NULL), *info, *again;
	char *text, *again_text;
	int cnt = 0;

	(void)team, (void)rank;
	for (info = list; info; info = info->next) {
		if (!is_ours(info))
			continue;
		again = ask(FUNC_VERSION, NULL, NULL, 0, info);
		if (!again)
			func_fail(__FILE__, __LINE__, "refused: %s", text_of(info));
		text = text_of(info);
		again_text = text_of(again);
		if (strcmp(text, again_text))
			func_fail(__FILE__, __LINE__, "%s, not %s", again_text, text);
		free(again_text);
		free(text);
		fi_freeinfo(again);
		cnt++;
	}
	FUNC_TRUE(cnt >= 2);
	fi_freeinfo(list);
}

/* -- parameters --------------------------------------------------------- */

static const char *const params[] = {"TRANSFER",  "RDMA_READ",	    "RDMA_WRITE",    "BUFFER_SIZE",
				     "CREDITS",	  "RNDV_THRESHOLD", "INITIAL",	     "CORE",
				     "STATS",	  "HELLO_TIMEOUT",  "CLOSE_TIMEOUT", "COSTS",
				     "RMA_TARGET"};
enum { PARAMS = sizeof(params) / sizeof(params[0]) };

static void listed(struct func_team *team, int rank)
{
	struct fi_param *list;
	char full[64];
	int i, j, cnt = 0;

	(void)team, (void)rank;
	FUNC_OK(fi_getparams(&list, &cnt));
	for (i = 0; i < PARAMS; i++) {
		snprintf(full, sizeof(full), "FI_OFI_SWITCH_%s", params[i]);
		for (j = 0; j < cnt && strcmp(list[j].name, full); j++)
			;
		if (j == cnt)
			func_fail(__FILE__, __LINE__, "%s is not listed", full);
		FUNC_TRUE(list[j].help_string && *list[j].help_string);
	}
	fi_freeparams(list);
}

static const struct {
	const char *name, *value, *allowed[3];
} wrong[] = {
	{"TRANSFER", "bogus", {"read", "write", "copy"}},
	{"RDMA_READ", "7", {"0", "1", NULL}},
	{"RDMA_WRITE", "-3", {"0", "1", NULL}},
	{"BUFFER_SIZE", "17", {"512", "65536", NULL}},
	{"CREDITS", "2", {"4", "32767", NULL}},
	{"HELLO_TIMEOUT", "-5", {NULL}},
	{"CLOSE_TIMEOUT", "-5", {NULL}},
	{"RNDV_THRESHOLD", "0", {"1", "what suits the core", NULL}},
	{"COSTS", "/no/such/file", {NULL}},
	{"RMA_TARGET", "none", {"0", "1", NULL}},
};

/* A warning names a wrong value and the allowed ones, and the default is used. */
static void wrong_value(struct func_team *team, int rank)
{
	long i = team->func_case->arg;
	int j, fds[2], old = dup(STDERR_FILENO);
	char full[64], text[16384];
	struct func_node node;
	ssize_t len;

	(void)rank;
	snprintf(full, sizeof(full), "FI_OFI_SWITCH_%s", wrong[i].name);
	setenv(full, wrong[i].value, 1);
	setenv("FI_LOG_LEVEL", "warn", 1);
	setenv("FI_LOG_PROV", "ofi_switch", 1);
	FUNC_TRUE(old >= 0 && !pipe(fds) && !fcntl(fds[0], F_SETFL, O_NONBLOCK));
	FUNC_TRUE(dup2(fds[1], STDERR_FILENO) >= 0);
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	FUNC_TRUE(dup2(old, STDERR_FILENO) >= 0);
	len = read(fds[0], text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = 0;
	if (!strstr(text, wrong[i].name) || !strstr(text, wrong[i].value))
		func_fail(__FILE__, __LINE__, "no warning about %s=%s but: %s", full,
			  wrong[i].value, text);
	for (j = 0; j < 3 && wrong[i].allowed[j]; j++) {
		if (!strstr(text, wrong[i].allowed[j]))
			func_fail(__FILE__, __LINE__, "%s is not named as allowed in: %s",
				  wrong[i].allowed[j], text);
	}
	func_close(&node);
}

int main(int argc, char **argv)
{
	enum { S = FUNC_SWITCH };
	static const struct func_case cases[] = {
		{"full name", 1, name, S, 0},
		{"short name", 1, name, S, 1},
		{"FI_PROVIDER short, hint", 1, name, S, 2},
		{"FI_PROVIDER short, no hints", 1, name, S, 3},
		{"FI_PROVIDER full, hint", 1, name, S, 4},
		{"FI_PROVIDER full, short hint", 1, name, S, 5},
		{"FI_PROVIDER full, no hints", 1, name, S, 6},
		{"no hints", 1, null_hints, S, 0},
		{"refused", 1, refused, S, 0},
		{"no core", 1, no_core, S, 0},
		{"no default core", 1, no_default_core, S, 0},
		{"granted", 1, granted, S, 0},
		{"Open MPI", 1, open_mpi, S, 0},
		{"addresses", 1, addresses, S, 0},
		{"what is open", 1, open_ones, S, 0},
		{"answers as hints", 1, answers, S, 0},
		{"parameters", 1, listed, S, 0},
		{"wrong TRANSFER", 1, wrong_value, S, 0},
		{"wrong RDMA_READ", 1, wrong_value, S, 1},
		{"wrong RDMA_WRITE", 1, wrong_value, S, 2},
		{"wrong BUFFER_SIZE", 1, wrong_value, S, 3},
		{"wrong CREDITS", 1, wrong_value, S, 4},
		{"wrong HELLO_TIMEOUT", 1, wrong_value, S, 5},
		{"wrong CLOSE_TIMEOUT", 1, wrong_value, S, 6},
		{"wrong RNDV_THRESHOLD", 1, wrong_value, S, 7},
		{"wrong COSTS", 1, wrong_value, S, 8},
		{"wrong RMA_TARGET", 1, wrong_value, S, 9},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
