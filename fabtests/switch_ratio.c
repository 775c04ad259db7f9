/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Half round trips of several providers, side by side.  Two processes open
 * every provider given, then take turns: a block of round trips over the
 * first, one over the second, and so on, for many rounds.  What disturbs the
 * machine disturbs all of them, so their ratio holds where times do not.
 *
 * Prints, for each size and provider, the median over the rounds in
 * microseconds, the median of the ratio to the first provider, taken round by
 * round, and the shortest round: what is left on a machine that is never quiet.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

enum {
	STACKS_MAX = 8,
	SIZES_MAX = 32,
	ADDR_MAX = 256,
	SHARE_NS = 2000000, /* a block lasts about so long */
};

struct stack {
	char prov[64];
	enum fi_ep_type type;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_eq *eq;
	struct fid_cq *tx_cq, *rx_cq;
	struct fid_av *av;
	struct fid_pep *pep;
	struct fid_ep *ep;
	struct fid_mr *mr;
	void *desc;
	fi_addr_t peer;
	size_t inject_size;
	char *buf;     /* sent from the first half, received into the second */
	double *times; /* half round trips of each round, microseconds */
};

static struct stack stacks[STACKS_MAX];
static unsigned stack_cnt, rounds = 101, trips_min = 20;
static size_t sizes[SIZES_MAX] = {64}, size_cnt = 1, size_max;
static bool is_client;
static int peer_fd;

#define CHECK(call)                                                                                \
	({                                                                                         \
		ssize_t ret_ = (call);                                                             \
		if (ret_ < 0) {                                                                    \
			fprintf(stderr, "switch_ratio: %s: %s\n", #call, fi_strerror((int)-ret_)); \
			exit(1);                                                                   \
		}                                                                                  \
		ret_;                                                                              \
	})

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* -- between the two processes -------------------------------------------------- */

static void tell(const void *data, size_t len)
{
	if (write(peer_fd, data, len) != (ssize_t)len)
		exit(1); /* the other one said why */
}

static void hear(void *data, size_t len)
{
	if (recv(peer_fd, data, len, MSG_WAITALL) != (ssize_t)len)
		exit(1);
}

/* -- opening ---------------------------------------------------------------------- */

static void await_connected(struct stack *stack)
{
	struct fi_eq_cm_entry entry;
	uint32_t event = 0;
	ssize_t ret;

	do {
		ret = fi_eq_read(stack->eq, &event, &entry, sizeof(entry), 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
	if (event != FI_CONNECTED) {
		fprintf(stderr, "switch_ratio: %s: not connected\n", stack->prov);
		exit(1);
	}
}

static void open_domain(struct stack *stack, struct fi_info *info)
{
	struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_CONTEXT};
	struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_UNSPEC};

	stack->inject_size = info->tx_attr->inject_size;
	CHECK(fi_domain(stack->fabric, info, &stack->domain, NULL));
	CHECK(fi_cq_open(stack->domain, &attr, &stack->tx_cq, NULL));
	CHECK(fi_cq_open(stack->domain, &attr, &stack->rx_cq, NULL));
	if (!stack->eq)
		CHECK(fi_eq_open(stack->fabric, &eq_attr, &stack->eq, NULL));
	if (info->domain_attr->mr_mode & FI_MR_LOCAL) {
		CHECK(fi_mr_reg(stack->domain, stack->buf, 2 * size_max, FI_SEND | FI_RECV, 0, 0, 0,
				&stack->mr, NULL));
		stack->desc = fi_mr_desc(stack->mr);
	}
}

static void open_ep(struct stack *stack, struct fi_info *info)
{
	struct fi_av_attr attr = {.type = FI_AV_TABLE};

	CHECK(fi_endpoint(stack->domain, info, &stack->ep, NULL));
	CHECK(fi_ep_bind(stack->ep, &stack->tx_cq->fid, FI_TRANSMIT));
	CHECK(fi_ep_bind(stack->ep, &stack->rx_cq->fid, FI_RECV));
	if (stack->type == FI_EP_MSG) {
		CHECK(fi_ep_bind(stack->ep, &stack->eq->fid, 0));
	} else {
		CHECK(fi_av_open(stack->domain, &attr, &stack->av, NULL));
		CHECK(fi_ep_bind(stack->ep, &stack->av->fid, 0));
	}
	CHECK(fi_enable(stack->ep));
}

static void connect_msg(struct stack *stack)
{
	char addr[ADDR_MAX];

	hear(addr, sizeof(addr));
	open_domain(stack, stack->info);
	open_ep(stack, stack->info);
	CHECK(fi_connect(stack->ep, addr, NULL, 0));
	await_connected(stack);
}

static void accept_msg(struct stack *stack)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_eq_cm_entry entry;
	char addr[ADDR_MAX] = {0};
	size_t len = sizeof(addr);
	uint32_t event;
	ssize_t ret;

	CHECK(fi_eq_open(stack->fabric, &attr, &stack->eq, NULL));
	CHECK(fi_passive_ep(stack->fabric, stack->info, &stack->pep, NULL));
	CHECK(fi_pep_bind(stack->pep, &stack->eq->fid, 0));
	CHECK(fi_listen(stack->pep));
	CHECK(fi_getname(&stack->pep->fid, addr, &len));
	tell(addr, sizeof(addr));
	do {
		ret = fi_eq_read(stack->eq, &event, &entry, sizeof(entry), 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
	open_domain(stack, entry.info);
	open_ep(stack, entry.info);
	CHECK(fi_accept(stack->ep, NULL, 0));
	fi_freeinfo(entry.info);
	await_connected(stack);
}

static void exchange_names(struct stack *stack)
{
	char mine[ADDR_MAX] = {0}, other[ADDR_MAX];
	size_t len = sizeof(mine);

	open_domain(stack, stack->info);
	open_ep(stack, stack->info);
	CHECK(fi_getname(&stack->ep->fid, mine, &len));
	tell(mine, sizeof(mine));
	hear(other, sizeof(other));
	if (fi_av_insert(stack->av, other, 1, &stack->peer, 0, NULL) != 1) {
		fprintf(stderr, "switch_ratio: %s: fi_av_insert failed\n", stack->prov);
		exit(1);
	}
}

/* What is layered over a core answers to the core's name, too. */
static struct fi_info *of_that_name(const struct fi_info *info, const char *prov)
{
	while (info && strcmp(info->fabric_attr->prov_name, prov))
		info = info->next;
	return info ? fi_dupinfo(info) : NULL;
}

static void open_stack(struct stack *stack)
{
	struct fi_info *hints = fi_allocinfo(), *all;

	hints->caps = FI_MSG;
	hints->mode = FI_CONTEXT;
	hints->ep_attr->type = stack->type;
	hints->domain_attr->mr_mode = FI_MR_LOCAL;
	hints->fabric_attr->prov_name = strdup(stack->prov);
	CHECK(fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, is_client ? 0 : FI_SOURCE, hints,
			 &all));
	stack->info = of_that_name(all, stack->prov);
	if (!stack->info)
		CHECK(-FI_ENODATA);
	fi_freeinfo(all);
	fi_freeinfo(hints);
	stack->buf = calloc(2, size_max);
	if (!stack->buf)
		CHECK(-FI_ENOMEM);
	CHECK(fi_fabric(stack->info->fabric_attr, &stack->fabric, NULL));
	if (stack->type == FI_EP_RDM)
		exchange_names(stack);
	else if (is_client)
		connect_msg(stack);
	else
		accept_msg(stack);
}

static void close_fid(void *fid)
{
	if (fid)
		fi_close(fid);
}

static void close_stack(struct stack *stack)
{
	close_fid(stack->ep);
	close_fid(stack->pep);
	close_fid(stack->av);
	close_fid(stack->tx_cq);
	close_fid(stack->rx_cq);
	close_fid(stack->mr);
	close_fid(stack->domain);
	close_fid(stack->eq);
	close_fid(stack->fabric);
	fi_freeinfo(stack->info);
	free(stack->buf);
	free(stack->times);
}

/* -- measuring -------------------------------------------------------------------- */

static void await(struct fid_cq *cq)
{
	struct fi_cq_err_entry err = {0};
	struct fi_cq_entry entry;
	ssize_t ret;

	do {
		ret = fi_cq_read(cq, &entry, 1);
	} while (ret == -FI_EAGAIN);
	if (ret == -FI_EAVAIL && fi_cq_readerr(cq, &err, 0) == 1)
		ret = -err.err;
	CHECK(ret);
}

static void send_one(struct stack *stack, size_t size)
{
	static struct fi_context context;
	ssize_t ret;

	if (size <= stack->inject_size) {
		while ((ret = fi_inject(stack->ep, stack->buf, size, stack->peer)) == -FI_EAGAIN)
			fi_cq_read(stack->rx_cq, NULL, 0);
		CHECK(ret);
		return;
	}
	while ((ret = fi_send(stack->ep, stack->buf, size, stack->desc, stack->peer, &context)) ==
	       -FI_EAGAIN)
		fi_cq_read(stack->tx_cq, NULL, 0);
	CHECK(ret);
	await(stack->tx_cq);
}

static void post_recv(struct stack *stack)
{
	static struct fi_context context;

	CHECK(fi_recv(stack->ep, stack->buf + size_max, size_max, stack->desc, FI_ADDR_UNSPEC,
		      &context));
}

/* Half a round trip, in microseconds; a receive is posted before and after. */
static double ping_pong(struct stack *stack, size_t size, unsigned cnt)
{
	uint64_t start = now();

	for (unsigned i = 0; i < cnt; i++) {
		if (is_client)
			send_one(stack, size);
		await(stack->rx_cq);
		post_recv(stack);
		if (!is_client)
			send_one(stack, size);
	}
	return (double)(now() - start) / cnt / 2000;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, rounds, sizeof(*values), by_value);
	return values[rounds / 2];
}

static void report(size_t size)
{
	double *ratio = calloc(rounds, sizeof(*ratio)), *base = calloc(rounds, sizeof(*base));

	if (!ratio || !base)
		CHECK(-FI_ENOMEM);
	memcpy(base, stacks[0].times, rounds * sizeof(*base));
	for (unsigned i = 0; i < stack_cnt; i++) {
		struct stack *stack = &stacks[i];

		for (unsigned round = 0; round < rounds; round++)
			ratio[round] = stack->times[round] / base[round];
		printf("%-10zu %-20s %-4s %10.2f %8.3f", size, stack->prov,
		       stack->type == FI_EP_MSG ? "msg" : "rdm", median(stack->times),
		       median(ratio));
		printf(" %10.2f\n", stack->times[0]); /* median() has sorted them */
	}
	fflush(stdout);
	free(ratio);
	free(base);
}

/* The client says how many round trips a block has, of a length that suits
 * the size; both do the same ones in the same order. */
static void measure(size_t size)
{
	unsigned cnt = trips_min;

	for (unsigned i = 0; i < stack_cnt; i++) {
		double took = ping_pong(&stacks[i], size, cnt);

		if (!i && is_client)
			cnt = took * 2000 * cnt < SHARE_NS ? (unsigned)(SHARE_NS / took / 2000)
							   : cnt;
		if (!i && is_client)
			tell(&cnt, sizeof(cnt));
		else if (!i)
			hear(&cnt, sizeof(cnt));
	}
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < stack_cnt; i++)
			stacks[i].times[round] = ping_pong(&stacks[i], size, cnt);
}

static void run(void)
{
	for (unsigned i = 0; i < stack_cnt; i++) {
		open_stack(&stacks[i]);
		stacks[i].times = calloc(rounds, sizeof(*stacks[i].times));
		post_recv(&stacks[i]);
	}
	if (is_client)
		printf("%-10s %-20s %-4s %10s %8s %10s\n", "bytes", "provider", "type", "us",
		       "ratio", "least us");
	for (size_t i = 0; i < size_cnt; i++) {
		measure(sizes[i]);
		if (is_client)
			report(sizes[i]);
	}
	for (unsigned i = 0; i < stack_cnt; i++)
		close_stack(&stacks[i]);
}

/* -- arguments ---------------------------------------------------------------------- */

static void usage(void)
{
	fprintf(stderr,
		"usage: switch_ratio [-S SIZE[,SIZE...]] [-r ROUNDS] [-n TRIPS] PROVIDER:TYPE...\n"
		"  SIZE      bytes of a message (64)\n"
		"  ROUNDS    blocks measured of each, at least 3 (101)\n"
		"  TRIPS     round trips of a block, at least (20); as many as take 2 ms\n"
		"  PROVIDER  as FI_PROVIDER names it; TYPE: msg or rdm\n"
		"e.g. switch_ratio -S 64,65536 tcp:msg 'tcp;ofi_rxm:rdm' 'tcp;ofi_switch:rdm'\n");
	exit(2);
}

static void parse_sizes(char *text)
{
	char *part, *end;

	for (size_cnt = 0; (part = strsep(&text, ",")); size_cnt++) {
		unsigned long size = strtoul(part, &end, 0);

		if (size_cnt == SIZES_MAX || end == part || *end || size > 1 << 30)
			usage();
		sizes[size_cnt] = size;
	}
}

static void parse_stack(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct stack *stack = &stacks[stack_cnt++];

	if (!colon || colon - text >= (ptrdiff_t)sizeof(stack->prov))
		usage();
	if (!strcmp(colon, ":msg"))
		stack->type = FI_EP_MSG;
	else if (!strcmp(colon, ":rdm"))
		stack->type = FI_EP_RDM;
	else
		usage();
	memcpy(stack->prov, text, (size_t)(colon - text));
}

int main(int argc, char **argv)
{
	int opt, fds[2], status = 0;
	pid_t pid;

	while ((opt = getopt(argc, argv, "S:r:n:")) != -1) {
		if (opt == 'S')
			parse_sizes(optarg);
		else if (opt == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			trips_min = (unsigned)strtoul(optarg, NULL, 0);
		else
			usage();
	}
	if (optind == argc || argc - optind > STACKS_MAX || rounds < 3 || rounds > 1000000 ||
	    trips_min < 1 || trips_min > 1000000)
		usage();
	for (; optind < argc; optind++)
		parse_stack(argv[optind]);
	size_max = 1;
	for (size_t i = 0; i < size_cnt; i++)
		size_max = sizes[i] > size_max ? sizes[i] : size_max;

	/* forked before libfabric is touched */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		CHECK(-errno);
	pid = fork();
	if (pid < 0)
		CHECK(-errno);
	is_client = pid;
	if (!is_client) /* which may wait for a client that has failed */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	peer_fd = fds[is_client];
	close(fds[!is_client]);
	run();
	if (!is_client)
		return 0;
	waitpid(pid, &status, 0);
	return status ? 1 : 0;
}
