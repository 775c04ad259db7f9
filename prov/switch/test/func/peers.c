/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two peers that are configured differently.  With different parameters they agree on what
 * both can do, and messages of all lengths arrive in both directions.  Over cores that do not
 * understand each other every operation for the other gets an error, and none waits for ever.
 *
 * Tests of raw endpoints of a core against ours are in func/foreign.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

/* -- different parameters ----------------------------------------------- */

static const struct setting {
	const char *name;
	const char *env[8]; /* name, value, ... NULL */
} settings[] = {
	{"default", {NULL}},
	{"buffers of 512", {"FI_OFI_SWITCH_BUFFER_SIZE", "512"}},
	{"buffers of 65536", {"FI_OFI_SWITCH_BUFFER_SIZE", "65536"}},
	{"4 credits", {"FI_OFI_SWITCH_CREDITS", "4"}},
	{"32767 credits", {"FI_OFI_SWITCH_CREDITS", "32767"}},
	{"threshold 1", {"FI_OFI_SWITCH_RNDV_THRESHOLD", "1"}},
	{"threshold 1000000000", {"FI_OFI_SWITCH_RNDV_THRESHOLD", "1000000000"}},
	{"read", {"FI_OFI_SWITCH_TRANSFER", "read"}},
	{"write", {"FI_OFI_SWITCH_TRANSFER", "write"}},
	{"copy", {"FI_OFI_SWITCH_TRANSFER", "copy"}},
	{"no reads", {"FI_OFI_SWITCH_RDMA_READ", "0", "FI_OFI_SWITCH_RNDV_THRESHOLD", "1000"}},
	{"no target", {"FI_OFI_SWITCH_RMA_TARGET", "0", "FI_OFI_SWITCH_RNDV_THRESHOLD", "1000"}},
	{"no reads, no writes", {"FI_OFI_SWITCH_RDMA_READ", "0", "FI_OFI_SWITCH_RDMA_WRITE", "0"}},
	{"tight",
	 {"FI_OFI_SWITCH_BUFFER_SIZE", "1000", "FI_OFI_SWITCH_CREDITS", "4",
	  "FI_OFI_SWITCH_INITIAL", "1"}},
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const size_t lengths[] = {0,	1,     383,   384,   385,   512,    1000,   1024,
				 16000, 32767, 32768, 32769, 65536, 139263, 139264, 1 << 20};

enum { LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };

static void apply(const struct setting *setting)
{
	for (int i = 0; setting->env[i]; i += 2)
		setenv(setting->env[i], setting->env[i + 1], 1);
}

/* Both sides send at once, each with its own order of lengths. */
static void exchange(struct func_team *team, int rank, struct func_node *node)
{
	static struct func_req in[LENGTHS], out[LENGTHS];
	char *to[LENGTHS], *from[LENGTHS];

	for (int i = 0; i < LENGTHS; i++) {
		struct func_xfer xfer = {.tagged = true, .tag = (uint64_t)i};

		xfer.len = lengths[i];
		xfer.buf = to[i] = func_alloc(lengths[i]);
		xfer.addr = node->peer[!rank];
		func_recv(node, &xfer, &in[i]);
	}
	func_meet(team, node); /* all receives are posted: no message is unexpected */
	for (int k = 0; k < LENGTHS; k++) {
		const int i = rank ? LENGTHS - 1 - k : k;
		struct func_xfer xfer = {.tagged = true, .tag = (uint64_t)i};

		xfer.len = lengths[i];
		xfer.buf = from[i] = func_alloc(lengths[i]);
		xfer.addr = node->peer[!rank];
		func_fill(from[i], lengths[i], (uint64_t)(100 * rank + i));
		func_send(node, &xfer, &out[i]);
	}
	for (int i = 0; i < LENGTHS; i++) {
		FUNC_DONE(node, &in[i]);
		FUNC_DONE(node, &out[i]);
		FUNC_EQ(in[i].entry.len, lengths[i]);
		func_verify(to[i], lengths[i], (uint64_t)(100 * !rank + i));
		free(to[i]);
		free(from[i]);
	}
	func_meet(team, node);
}

/* arg: the settings of both sides, and the type of endpoint */
static void disagree(struct func_team *team, int rank)
{
	const long arg = team->func_case->arg, pair = arg / 2;
	struct func_conf conf = {.type = arg % 2 ? FI_EP_MSG : FI_EP_RDM};
	struct func_node node;

	apply(&settings[rank ? pair % SETTINGS : pair / SETTINGS]);
	func_join(team, rank, &node, &conf);
	exchange(team, rank, &node);
	func_close(&node);
}

/* -- different cores ---------------------------------------------------- */

/* The cores of the first and the second process, and whether they can connect. */
static const struct cores {
	const char *prov[2], *type[2]; /* core type; NULL: chosen automatically */
	bool meet;		       /* both cores use the same protocol */
	/* the sockets core ends its own process when a peer of another kind connects to it
	 * (libfabric 1.17): here it only connects */
	bool connects_only;
} cores[] = {
	{{"tcp;ofi_switch", "net;ofi_switch"}, {NULL, NULL}, true, false},
	{{"tcp;ofi_switch", "net;ofi_switch"}, {NULL, "rdm"}, false, false},
	{{"net;ofi_switch", "tcp;ofi_switch"}, {"rdm", NULL}, false, false},
	{{"net;ofi_switch", "net;ofi_switch"}, {"msg", "rdm"}, false, false},
	{{"net;ofi_switch", "net;ofi_switch"}, {"rdm", "msg"}, false, false},
	{{"tcp;ofi_switch", "sockets;ofi_switch"}, {NULL, NULL}, false, true},
};

/* The net core does not free all of its memory. */
static bool core_leaks;

#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void);

/* called whenever LeakSanitizer looks for leaks */
int __lsan_is_turned_off(void)
{
	return core_leaks;
}
#endif

static struct func_conf core_conf(struct func_team *team, int rank, enum fi_ep_type type)
{
	const struct cores *pair = &cores[team->func_case->arg];
	struct func_conf conf = {.type = type, .prov = pair->prov[rank]};
	struct fi_info *info;

	core_leaks = !strncmp(pair->prov[rank], "net;", 4);
	if (pair->type[rank])
		setenv("FI_OFI_SWITCH_CORE_EP_TYPE", pair->type[rank], 1);
	if (!pair->meet) {
		setenv("FI_OFI_SWITCH_HELLO_TIMEOUT", "1000", 1);
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "500", 1);
	}
	info = func_info(&conf, NULL);
	FUNC_SKIP_IF(!info, "%s has nothing here", pair->prov[rank]);
	fi_freeinfo(info);
	return conf;
}

/* Each process sends to the other. */
static void cores_rdm(struct func_team *team, int rank)
{
	const struct cores *pair = &cores[team->func_case->arg];
	const bool works = pair->meet, sends = rank || !pair->connects_only;
	struct func_conf conf;
	struct func_req out[2] = {{.done = 0}};
	char *buf = func_alloc(1 << 20);
	struct func_node node;

	func_log_begin("warn");
	conf = core_conf(team, rank, FI_EP_RDM);
	func_join(team, rank, &node, &conf);
	if (works) {
		exchange(team, rank, &node);
	} else {
		for (int i = 0; i < 2 && sends; i++) {
			ssize_t ret;

			func_mark(__FILE__, __LINE__, "a send that fails");
			while ((ret = fi_tsend(node.ep, buf, i ? 1 << 20 : 9, NULL,
					       node.peer[!rank], 1, &out[i])) == -FI_EAGAIN)
				func_idle(&node);
			if (!ret) {
				FUNC_UNTIL(&node, func_done(&out[i]));
				ret = -out[i].err;
			}
			FUNC_TRUE(ret < 0);
		}
		func_meet(team, &node);
	}
	func_close(&node);
	free(buf);
	FUNC_TRUE(func_log_count("no switch") <= 1); /* once, though the core repeats its request */
	func_log_end();
}

/* Waits a while for an event.  Returns whether one came. */
static bool peek_event(struct func_node *node)
{
	char buf[512];
	uint32_t type;

	if (node->rx_cq)
		func_poll(node);
	return fi_eq_sread(node->eq, &type, buf, sizeof(buf), 5, FI_PEEK) != -FI_EAGAIN;
}

/* The second process connects to the first, whose application may get an event of it or not. */
static void cores_msg(struct func_team *team, int rank)
{
	const bool works = cores[team->func_case->arg].meet;
	struct func_conf conf = core_conf(team, rank, FI_EP_MSG);
	struct func_event event;
	struct func_node node;

	if (works) {
		func_join(team, rank, &node, &conf);
		exchange(team, rank, &node);
	} else if (rank) {
		func_connect(&node, &conf, func_addr_of(team, 0, NULL), NULL, 0);
		func_event(&node, &event);
		FUNC_TRUE(event.err > 0);
		func_say(team, 0, 1);
	} else {
		struct func_addr addr;

		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
		func_publish(team, rank, &addr);
		func_mark(__FILE__, __LINE__, "the other's failure");
		while (!peek_event(&node) && !atomic_load(&team->word[0]))
			;
		if (peek_event(&node)) {
			FUNC_EVENT(&node, &event, FI_CONNREQ);
			func_accept(&node, &node, event.info, NULL, 0);
			func_event(&node, &event);
			FUNC_TRUE(event.err > 0);
		}
		func_hear(team, NULL, 0, 1);
	}
	func_close(&node);
}

/* -- all ---------------------------------------------------------------- */

enum { CORES = sizeof(cores) / sizeof(cores[0]) };
enum { PAIRS = SETTINGS * (SETTINGS - 1) / 2 };

static struct func_case cases[PAIRS + 2 * CORES];
static char case_names[PAIRS + 2 * CORES][128];

static size_t add_pairs(void)
{
	size_t n = 0;

	for (int i = 0; i < SETTINGS; i++)
		for (int j = i + 1; j < SETTINGS; j++, n++) {
			const bool msg = (i + j) % 2, swap = (i + j) / 2 % 2;
			const int first = swap ? j : i, second = swap ? i : j;

			snprintf(case_names[n], sizeof(case_names[n]), "%s: %s and %s",
				 msg ? "msg" : "rdm", settings[first].name, settings[second].name);
			cases[n] = (struct func_case){case_names[n], 2, disagree, FUNC_SWITCH,
						      (first * SETTINGS + second) * 2 + msg};
		}
	return n;
}

static size_t add_cores(size_t n)
{
	for (int i = 0; i < 2 * CORES; i++, n++) {
		const struct cores *pair = &cores[i / 2];

		snprintf(case_names[n], sizeof(case_names[n]), "%s: %s (%s) and %s (%s)",
			 i % 2 ? "msg" : "rdm", pair->prov[0],
			 pair->type[0] ? pair->type[0] : "auto", pair->prov[1],
			 pair->type[1] ? pair->type[1] : "auto");
		cases[n] = (struct func_case){case_names[n], 2, i % 2 ? cores_msg : cores_rdm,
					      FUNC_SWITCH, i / 2};
	}
	return n;
}

int main(int argc, char **argv)
{
	size_t cnt = add_cores(add_pairs());

	return func_main(argc, argv, cases, cnt);
}
