/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: the table of the cores that are tested, and the choice of those that a case
 * runs over.
 */
#include <string.h>
#include <unistd.h>

#include "unit/core/conformance/conformance.h"

#define MSG_CORE  .type = FI_EP_MSG, .ops = &core_msg_ops
#define RDM_CORE  .type = FI_EP_RDM, .ops = &core_rdm_ops, .rx_ctx_cnt = 1
#define LOCALHOST .host = "127.0.0.1"
/* The sockets core reads a header only when it has come completely.  The first bytes of a
 * header at the end of a segment of loopback (64 KiB) can occupy so much of a receive buffer
 * of the usual 128 KiB that the kernel takes no more data: then both sides wait for ever.  So
 * its buffers are larger. */
#define SOCKETS .prov = "sockets", LOCALHOST, .room = "FI_SOCKETS_MAX_BUF_SZ=1048576"
/* The mock core is loaded from FI_PROVIDER_PATH, as the provider is. */
#define MOCK .prov = "mock", RDM_CORE, .traits = MANUAL

const struct core_case core_cases[] = {
	{"tcp", "tcp", MSG_CORE, LOCALHOST, .rx_ctx_cnt = FI_SHARED_CONTEXT,
	 .traits = TCP | TELLS | CANCELS | SLEEPS | CHECKS | ENDS},
	{"tcp without shared receives", "tcp", MSG_CORE, LOCALHOST, .rx_ctx_cnt = 1,
	 .traits = TCP | TELLS | CANCELS | SLEEPS | CHECKS | ENDS},
	{"verbs", "verbs", MSG_CORE, .rx_ctx_cnt = FI_SHARED_CONTEXT,
	 .traits = TELLS | CANCELS | SLEEPS},
	{"verbs without shared receives", "verbs", MSG_CORE, .rx_ctx_cnt = 1,
	 .traits = TELLS | CANCELS | SLEEPS},
	{"sockets", SOCKETS, MSG_CORE, .rx_ctx_cnt = 1, .traits = TELLS | SLEEPS | FORGETS | LEAKS},
	{"shm", "shm", RDM_CORE},
	{"net", "net", RDM_CORE, LOCALHOST, .traits = LEAKS},
	{"net with connections", "net", MSG_CORE, LOCALHOST, .rx_ctx_cnt = FI_SHARED_CONTEXT,
	 .traits = ENDS | LEAKS},
	{"sockets, connectionless", SOCKETS, RDM_CORE, .traits = SLEEPS | FORGETS | LEAKS},
	{"mock", MOCK},
	{"mock: FI_CONTEXT", MOCK, .mood = {"MOCK_MODE=FI_CONTEXT"}},
	{"mock: FI_CONTEXT2", MOCK, .mood = {"MOCK_MODE=FI_CONTEXT2"}},
	{"mock: FI_MSG_PREFIX", MOCK, .mood = {"MOCK_MODE=FI_MSG_PREFIX"}},
	{"mock: FI_ASYNC_IOV", MOCK, .mood = {"MOCK_MODE=FI_ASYNC_IOV"}},
	{"mock: FI_RX_CQ_DATA", MOCK, .mood = {"MOCK_MODE=FI_RX_CQ_DATA"}},
	{"mock: FI_MR_LOCAL", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_LOCAL"}},
	{"mock: FI_MR_VIRT_ADDR", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_VIRT_ADDR"}},
	{"mock: FI_MR_ALLOCATED", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_ALLOCATED"}},
	{"mock: FI_MR_PROV_KEY", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_PROV_KEY"}},
	{"mock: FI_MR_ENDPOINT", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_ENDPOINT"}},
	{"mock: FI_MR_RAW", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_RAW"}},
	{"mock: FI_MR_RMA_EVENT", MOCK, .mood = {"MOCK_MR_MODE=FI_MR_RMA_EVENT"}},
	{"mock: reads alone", MOCK, .rma = FI_READ | FI_REMOTE_READ,
	 .mood = {"MOCK_CAPS=READ,REMOTE_READ"}},
	{"mock: writes alone", MOCK, .rma = FI_WRITE | FI_REMOTE_WRITE,
	 .mood = {"MOCK_CAPS=WRITE,REMOTE_WRITE"}},
	{"mock: no RMA", MOCK, .no_rma = true, .mood = {"MOCK_CAPS=NONE"}},
	{"mock: everything", MOCK,
	 .mood = {"MOCK_MODE=FI_CONTEXT2,FI_MSG_PREFIX,FI_ASYNC_IOV,FI_RX_CQ_DATA",
		  "MOCK_MR_MODE=FI_MR_LOCAL,FI_MR_VIRT_ADDR,FI_MR_ALLOCATED,FI_MR_PROV_KEY,"
		  "FI_MR_RMA_EVENT"}},
};

enum { CASES = sizeof(core_cases) / sizeof(core_cases[0]) };

/* False for verbs without a device, where each test would only report that it was skipped;
 * and, except in the build with asserts and without sanitizers, for most settings of the
 * mock. */
static bool is_worth_it(const struct core_case *c)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(NDEBUG)
	if (c->mood[0] && !c->mood[1])
		return false;
#endif
	return strcmp(c->prov, "verbs") || !access("/sys/class/infiniband", F_OK);
}

/* CORE_CASE names the only core to try. */
static bool is_chosen(const struct core_case *c)
{
	const char *only = getenv("CORE_CASE");

	return only ? !strcmp(c->name, only) : is_worth_it(c);
}

/* True for net: its connections are those of tcp, except for the way they end. */
static bool is_tried_elsewhere(const struct core_case *c)
{
	return !strcmp(c->prov, "net") && c->type == FI_EP_MSG;
}

struct criterion_test_params cases_of(unsigned traits)
{
	int *idx = cr_malloc(CASES * sizeof(*idx)), cnt = 0;

	for (int i = 0; i < CASES; i++)
		if ((core_cases[i].traits & traits) == traits && is_chosen(&core_cases[i]) &&
		    (traits || !is_tried_elsewhere(&core_cases[i])))
			idx[cnt++] = i;
	return cr_make_param_array(int, idx, (size_t)cnt);
}
