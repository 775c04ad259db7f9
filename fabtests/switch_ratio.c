/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Several providers, or several builds of one, side by side.  Each is opened in two
 * processes of its own, and they take turns: a block of messages over the first,
 * one over the second, and so on, then back from the last to the first, for many
 * rounds, while the others sleep.  What disturbs the machine disturbs all of them, so
 * their ratio holds where times do not.
 *
 * This file owns the arguments, the processes, their turns and what is printed;
 * ratio_stack.c opens a provider and moves the messages.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "ratio_stack.h"

enum {
	STACKS_MAX = 8,
	POINTS_MAX = 64,
	BUSY_MAX = 64,
	VALUES_MAX = 1000000,
	SHARE_NS = 2000000, /* a block lasts about so long */
};

enum test { TEST_PING_PONG, TEST_STREAM, TEST_END };

static const char *const test_names[] = {"half round trip", "window"};

/* What is measured: one line for each stack. */
struct point {
	enum test test;
	size_t size;
};

struct stack {
	const char *label;
	struct ratio_stack open; /* the processes' copies go on from here */
	pid_t client;
	int fd;			    /* to the client */
	double *values[POINTS_MAX]; /* microseconds */
	double least[POINTS_MAX];   /* of all blocks */
};

/* From the parent to the client, and from there to the server. */
struct order {
	enum test test;
	unsigned cnt; /* round trips, or windows */
	size_t size;
};

static struct stack stacks[STACKS_MAX];
static struct point points[POINTS_MAX];
static unsigned stack_cnt, point_cnt, rounds = 101, starts, trips_min = 20, busy_cnt;
static bool json;
static pid_t busy[BUSY_MAX];

/* -- the processes of a stack ------------------------------------------------------ */

/* Ends with its parent, whatever that one dies of. */
static pid_t fork_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		CHECK(-errno);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* Who is woken by a message starts on the processor of who sent it, and two processes
 * that never sleep share it for milliseconds before the scheduler sees.  So each side
 * begins on a processor of its own, the first and the last, and may then be moved. */
static void spread(bool first)
{
	cpu_set_t all, one;
	int cpu = first ? 0 : CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return;
	while (!CPU_ISSET(cpu, &all))
		cpu += first ? 1 : -1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (!sched_setaffinity(0, sizeof(one), &one))
		sched_setaffinity(0, sizeof(all), &all);
}

static double obey(struct ratio_stack *stack, const struct order *order)
{
	spread(stack->is_client);
	if (order->test == TEST_STREAM)
		return ratio_stack_stream(stack, order->size, order->cnt);
	return ratio_stack_ping_pong(stack, order->size, order->cnt);
}

static void __attribute__((noreturn)) run_server(struct ratio_stack *stack)
{
	struct order order;

	ratio_stack_open(stack);
	for (;;) {
		ratio_hear(stack->peer_fd, &order, sizeof(order));
		if (order.test == TEST_END)
			break;
		obey(stack, &order);
	}
	ratio_stack_close(stack);
	exit(0);
}

/* The server has said why.  The client may be waiting for a message from it. */
static void server_ended(int sig)
{
	(void)sig;
	_exit(1);
}

static void __attribute__((noreturn)) run_client(struct ratio_stack *stack, int fd)
{
	struct order order;
	double took = 0;
	int fds[2], status;
	pid_t server;

	/* before libfabric is touched */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		CHECK(-errno);
	signal(SIGCHLD, server_ended);
	server = fork_child();
	stack->is_client = server;
	stack->peer_fd = fds[stack->is_client];
	close(fds[!stack->is_client]);
	if (!stack->is_client) {
		signal(SIGCHLD, SIG_DFL);
		close(fd);
		run_server(stack);
	}
	ratio_stack_open(stack);
	ratio_tell(fd, &took, sizeof(took));
	for (;;) {
		ratio_hear(fd, &order, sizeof(order));
		if (order.test == TEST_END)
			signal(SIGCHLD, SIG_DFL);
		ratio_tell(stack->peer_fd, &order, sizeof(order));
		if (order.test == TEST_END)
			break;
		took = obey(stack, &order);
		ratio_tell(fd, &took, sizeof(took));
	}
	ratio_stack_close(stack);
	if (waitpid(server, &status, 0) != server || status)
		exit(1);
	exit(0);
}

static void stack_start(struct stack *stack)
{
	double ready;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		CHECK(-errno);
	stack->client = fork_child();
	if (!stack->client) {
		close(fds[0]);
		run_client(&stack->open, fds[1]);
	}
	close(fds[1]);
	stack->fd = fds[0];
	ratio_hear(stack->fd, &ready, sizeof(ready));
}

static void stack_stop(struct stack *stack)
{
	const struct order end = {.test = TEST_END};
	int status;

	ratio_tell(stack->fd, &end, sizeof(end));
	if (waitpid(stack->client, &status, 0) != stack->client || status)
		exit(1);
	close(stack->fd);
}

/* One block. */
static double turn(struct stack *stack, enum test test, size_t size, unsigned cnt)
{
	const struct order order = {.test = test, .cnt = cnt, .size = size};
	double took;

	ratio_tell(stack->fd, &order, sizeof(order));
	ratio_hear(stack->fd, &took, sizeof(took));
	return took;
}

/* -- a machine that has something else to do ---------------------------------------- */

static void busy_start(void)
{
	for (unsigned i = 0; i < busy_cnt; i++) {
		busy[i] = fork_child();
		for (volatile uint64_t spin = 0; !busy[i]; spin++)
			;
	}
}

static void busy_stop(void)
{
	for (unsigned i = 0; i < busy_cnt; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
}

/* -- figures ------------------------------------------------------------------------ */

static unsigned value_cnt(void)
{
	return starts ? starts : rounds;
}

static double *new_values(unsigned cnt)
{
	double *values = calloc(cnt, sizeof(*values));

	if (!values)
		CHECK(-FI_ENOMEM);
	return values;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static double median(double *values, unsigned cnt)
{
	qsort(values, cnt, sizeof(*values), by_value);
	return cnt % 2 ? values[cnt / 2] : (values[cnt / 2 - 1] + values[cnt / 2]) / 2;
}

static double shortest(const double *times)
{
	double least = times[0];

	for (unsigned i = 1; i < rounds; i++)
		least = times[i] < least ? times[i] : least;
	return least;
}

/* Of a median, from the median deviation: a few disturbed values change it little.  For
 * a normal distribution the standard deviation is 1.4826 median deviations, and the
 * standard error of a median 1.2533 times that of a mean. */
static double standard_error(const double *values, unsigned cnt, double middle)
{
	double *off = new_values(cnt), error;

	for (unsigned i = 0; i < cnt; i++)
		off[i] = fabs(values[i] - middle);
	error = 1.2533 * 1.4826 * median(off, cnt) / sqrt(cnt);
	free(off);
	return error;
}

static const char *verdict(double ratio, double error)
{
	if (fabs(ratio - 1) < 0.02 || fabs(ratio - 1) < 2 * error)
		return "same";
	return ratio > 1 ? "slower" : "faster";
}

static void print_heads(const struct point *point)
{
	if (json || (point != points && point->test == point[-1].test))
		return;
	printf("%-10s %-20s %-4s %10s %8s %10s %8s %8s %s\n", "bytes", "provider", "type",
	       point->test == TEST_STREAM ? "us/message" : "us", "ratio", "least us", "+-us",
	       "+-ratio", "verdict");
}

static void report_stack(const struct point *point, struct stack *stack)
{
	unsigned cnt = value_cnt();
	size_t at = (size_t)(point - points);
	double *values = stack->values[at], *ratio = new_values(cnt);
	double middle, error, of_ratio, ratio_error;
	const char *type = stack->open.type == FI_EP_MSG ? "msg" : "rdm", *said = "-";

	for (unsigned i = 0; i < cnt; i++)
		ratio[i] = values[i] / stacks[0].values[at][i];
	of_ratio = median(ratio, cnt);
	ratio_error = standard_error(ratio, cnt, of_ratio);
	memcpy(ratio, values, cnt * sizeof(*values));
	middle = median(ratio, cnt);
	error = standard_error(ratio, cnt, middle);
	free(ratio);
	if (stack != stacks)
		said = verdict(of_ratio, ratio_error);
	if (json)
		printf("{\"test\":\"%s\",\"bytes\":%zu,\"label\":\"%s\",\"provider\":\"%s\","
		       "\"type\":\"%s\",\"tagged\":%s,\"values\":%u,\"us\":%.4f,\"us_error\":%.4f,"
		       "\"ratio\":%.5f,\"ratio_error\":%.5f,\"least_us\":%.4f,\"verdict\":\"%s\"}"
		       "\n",
		       test_names[point->test], point->size, stack->label, stack->open.prov, type,
		       stack->open.tagged ? "true" : "false", cnt, middle, error, of_ratio,
		       ratio_error, stack->least[at], said);
	else
		printf("%-10zu %-20s %-4s %10.2f %8.3f %10.2f %8.2f %8.3f %s\n", point->size,
		       stack->label, type, middle, of_ratio, stack->least[at], error, ratio_error,
		       said);
}

static void report(const struct point *point)
{
	print_heads(point);
	for (unsigned i = 0; i < stack_cnt; i++)
		report_stack(point, &stacks[i]);
	fflush(stdout);
}

/* -- measuring ---------------------------------------------------------------------- */

/* How many round trips, or windows, take about SHARE_NS. */
static unsigned block_cnt(const struct point *point)
{
	unsigned cnt = point->test == TEST_STREAM ? (trips_min + 9) / 10 : trips_min;
	double each = point->test == TEST_STREAM ? RATIO_WINDOW : 2;
	double took = 1;

	for (unsigned i = stack_cnt; i--;) /* everybody, to warm up; the first one decides */
		took = turn(&stacks[i], point->test, point->size, cnt);
	took *= each * 1000;
	return took * cnt < SHARE_NS ? (unsigned)(SHARE_NS / took) : cnt;
}

/* Times of all rounds, in turns. */
static void measure(const struct point *point, double *times[])
{
	size_t at = (size_t)(point - points);
	unsigned cnt = block_cnt(point);

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned k = 0; k < stack_cnt; k++) {
			unsigned i = round % 2 ? stack_cnt - 1 - k : k;
			double took = turn(&stacks[i], point->test, point->size, cnt);

			times[i][round] = took;
			if (!stacks[i].least[at] || took < stacks[i].least[at])
				stacks[i].least[at] = took;
		}
	}
}

/* Where memory happens to lie, and which port a connection has, changes times by several
 * percent for as long as a process lives: so every start of the processes is but one
 * value, its shortest block, since other processes only ever add to one.  Those who
 * start first and last change places. */
static void run_starts(void)
{
	double *times[STACKS_MAX];

	for (unsigned i = 0; i < stack_cnt; i++)
		times[i] = new_values(rounds);
	for (unsigned start = 0; start < starts; start++) {
		for (unsigned k = 0; k < stack_cnt; k++)
			stack_start(&stacks[start % 2 ? stack_cnt - 1 - k : k]);
		for (unsigned p = 0; p < point_cnt; p++) {
			measure(&points[p], times);
			for (unsigned i = 0; i < stack_cnt; i++)
				stacks[i].values[p][start] = shortest(times[i]);
			if (start == starts - 1)
				report(&points[p]);
		}
		for (unsigned i = 0; i < stack_cnt; i++)
			stack_stop(&stacks[i]);
	}
	for (unsigned i = 0; i < stack_cnt; i++)
		free(times[i]);
}

static void run_once(void)
{
	double *times[STACKS_MAX];

	for (unsigned i = 0; i < stack_cnt; i++)
		stack_start(&stacks[i]);
	for (unsigned p = 0; p < point_cnt; p++) {
		for (unsigned i = 0; i < stack_cnt; i++)
			times[i] = stacks[i].values[p];
		measure(&points[p], times);
		report(&points[p]);
	}
	for (unsigned i = 0; i < stack_cnt; i++)
		stack_stop(&stacks[i]);
}

/* -- arguments ---------------------------------------------------------------------- */

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
		"usage: switch_ratio [-jt] [-S SIZE[,SIZE...]] [-W SIZE[,SIZE...]] [-r ROUNDS]\n"
		"                    [-n TRIPS] [-s STARTS] [-b PROCESSES]\n"
		"                    [LABEL=]PROVIDER:TYPE[@PATH]...\n"
		"  -S  bytes of a message that goes back and forth (64)\n"
		"  -W  bytes of messages that go one way, %d at a time\n"
		"  -r  blocks measured of each, at least 3 (101)\n"
		"  -n  round trips of a block, at least (20); as many as take 2 ms\n"
		"  -s  starts the processes anew so often, at least 3; each start is one value\n"
		"  -b  runs so many busy processes beside\n"
		"  -t  tagged messages\n"
		"  -j  a line of JSON for each figure\n"
		"  PROVIDER  as FI_PROVIDER names it; TYPE: msg or rdm; PATH: where libfabric\n"
		"            looks for it (FI_PROVIDER_PATH)\n"
		"e.g. switch_ratio -S 64,65536 tcp:msg 'tcp;ofi_rxm:rdm' 'tcp;ofi_switch:rdm'\n",
		RATIO_WINDOW);
	exit(2);
}

static unsigned parse_number(const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (end == text || *end || *text == '-' || value < min || value > max)
		usage();
	return (unsigned)value;
}

static void parse_sizes(enum test test, char *text)
{
	char *part;

	while ((part = strsep(&text, ","))) {
		if (point_cnt == POINTS_MAX)
			usage();
		points[point_cnt].size = parse_number(part, 0, 1 << 30);
		points[point_cnt++].test = test;
	}
}

/* Changes its text. */
static void parse_stack(char *text, bool tagged)
{
	struct stack *stack = &stacks[stack_cnt++];
	char *colon = strchr(text, ':'), *equals = strchr(text, '=');

	if (!colon)
		usage();
	*colon++ = '\0';
	if (!strncmp(colon, "msg", 3))
		stack->open.type = FI_EP_MSG;
	else if (!strncmp(colon, "rdm", 3))
		stack->open.type = FI_EP_RDM;
	else
		usage();
	if (colon[3] && (colon[3] != '@' || !colon[4]))
		usage();
	stack->open.path = colon[3] ? colon + 4 : NULL;
	stack->open.tagged = tagged;
	stack->open.prov = text;
	if (equals && equals < colon) {
		*equals = '\0';
		stack->open.prov = equals + 1;
	}
	stack->label = text;
}

static void parse_options(int argc, char **argv, bool *tagged)
{
	char *ping_pong = NULL, *stream = NULL;
	char usual[] = "64";
	int opt;

	while ((opt = getopt(argc, argv, "S:W:r:n:s:b:tj")) != -1) {
		switch (opt) {
		case 'S':
			ping_pong = optarg;
			break;
		case 'W':
			stream = optarg;
			break;
		case 'r':
			rounds = parse_number(optarg, 3, VALUES_MAX);
			break;
		case 'n':
			trips_min = parse_number(optarg, 1, VALUES_MAX);
			break;
		case 's':
			starts = parse_number(optarg, 3, VALUES_MAX);
			break;
		case 'b':
			busy_cnt = parse_number(optarg, 0, BUSY_MAX);
			break;
		case 't':
			*tagged = true;
			break;
		case 'j':
			json = true;
			break;
		default:
			usage();
		}
	}
	if (optind == argc || argc - optind > STACKS_MAX)
		usage();
	if (ping_pong || !stream)
		parse_sizes(TEST_PING_PONG, ping_pong ? ping_pong : usual);
	if (stream)
		parse_sizes(TEST_STREAM, stream);
}

int main(int argc, char **argv)
{
	bool tagged = false;
	size_t size_max = 1;

	parse_options(argc, argv, &tagged);
	for (; optind < argc; optind++)
		parse_stack(argv[optind], tagged);
	for (unsigned i = 0; i < point_cnt; i++)
		size_max = points[i].size > size_max ? points[i].size : size_max;
	for (unsigned i = 0; i < stack_cnt; i++) {
		stacks[i].open.size_max = size_max;
		for (unsigned p = 0; p < point_cnt; p++)
			stacks[i].values[p] = new_values(value_cnt());
	}
	busy_start();
	if (starts)
		run_starts();
	else
		run_once();
	busy_stop();
	for (unsigned i = 0; i < stack_cnt; i++)
		for (unsigned p = 0; p < point_cnt; p++)
			free(stacks[i].values[p]);
	return 0;
}
