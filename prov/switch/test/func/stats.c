/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The statistics: they prove which way messages went, in each mode, with a peer that cannot
 * read, and with two such different peers of one endpoint.  The test reads them from the line
 * that an endpoint writes when it is closed, and through fi_open_ops().
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rdma/fi_ext_switch.h>

#include "lib/func_common.h"

enum { SMALL = 100, SMALL_CNT = 20, LARGE = 400000, LARGE_CNT = 10 };

static const char *const way_names[] = {"inline", "read", "write", "copy"};

/* Environment variables, and the expected way of large messages from process 0 to 1 and back. */
struct setting {
	const char *both[4]; /* name, value, ... NULL */
	const char *odd[4];  /* for odd processes, in addition */
	enum fi_switch_way way[2];
	size_t large; /* default: LARGE */
};

#define VAR(name) "FI_OFI_SWITCH_" #name

static const struct setting settings[] = {
	{{VAR(TRANSFER), "read"}, {NULL}, {FI_SWITCH_READ, FI_SWITCH_READ}, 0},
	{{VAR(TRANSFER), "write"}, {NULL}, {FI_SWITCH_WRITE, FI_SWITCH_WRITE}, 0},
	{{VAR(TRANSFER), "copy"}, {NULL}, {FI_SWITCH_COPY, FI_SWITCH_COPY}, 0},
	{{NULL}, {NULL}, {FI_SWITCH_READ, FI_SWITCH_READ}, 0},
	{{NULL}, {NULL}, {FI_SWITCH_COPY, FI_SWITCH_COPY}, 100000},
	{{VAR(RNDV_THRESHOLD), "60000"}, {NULL}, {FI_SWITCH_READ, FI_SWITCH_READ}, 60000},
	{{NULL}, {VAR(RDMA_READ), "0"}, {FI_SWITCH_WRITE, FI_SWITCH_READ}, 0},
	{{VAR(RDMA_READ), "0"}, {VAR(RDMA_WRITE), "0"}, {FI_SWITCH_WRITE, FI_SWITCH_COPY}, 0},
	{{VAR(TRANSFER), "read"}, {VAR(RDMA_READ), "0"}, {FI_SWITCH_WRITE, FI_SWITCH_READ}, 0},
	{{VAR(TRANSFER), "read", VAR(BUFFER_SIZE), "1024"},
	 {NULL},
	 {FI_SWITCH_READ, FI_SWITCH_READ},
	 2000},
	{{NULL}, {VAR(RMA_TARGET), "0"}, {FI_SWITCH_READ, FI_SWITCH_WRITE}, 0},
	{{VAR(RMA_TARGET), "0"}, {NULL}, {FI_SWITCH_COPY, FI_SWITCH_COPY}, 0},
	{{VAR(TRANSFER), "write"}, {VAR(RMA_TARGET), "0"}, {FI_SWITCH_READ, FI_SWITCH_WRITE}, 0},
	{{VAR(TRANSFER), "read"}, {VAR(RMA_TARGET), "0"}, {FI_SWITCH_READ, FI_SWITCH_WRITE}, 0},
};

/* The same with tables of costs, which also have rows for cores that are not used. */
static const struct {
	const char *table[2];  /* the tables of the even and the odd process */
	const char *threshold; /* RNDV_THRESHOLD of both, or NULL */
	enum fi_switch_way way[2];
	size_t large;
} tables[] = {
	{{"CORE 100000 100000", "CORE 100000 100000"},
	 NULL,
	 {FI_SWITCH_READ, FI_SWITCH_READ},
	 100000},
	{{"CORE 300000 300000", "CORE 300000 300000"},
	 NULL,
	 {FI_SWITCH_COPY, FI_SWITCH_COPY},
	 100000},
	{{"CORE never 100000", "CORE 100000 never"},
	 NULL,
	 {FI_SWITCH_WRITE, FI_SWITCH_READ},
	 100000},
	{{"CORE never never", "none 1 1"}, NULL, {FI_SWITCH_COPY, FI_SWITCH_READ}, LARGE},
	{{"CORE 1 wrong", "default 1 1"}, NULL, {FI_SWITCH_COPY, FI_SWITCH_COPY}, 100000},
	{{"CORE never never", "CORE 300000 1"}, "100000", {FI_SWITCH_READ, FI_SWITCH_READ}, 100000},
};

static void apply(const char *const env[4])
{
	int i;

	for (i = 0; i < 4 && env[i]; i += 2)
		setenv(env[i], env[i + 1], 1);
}

/* -- the line of a closed endpoint -------------------------------------- */

/* Creates the name of this process's file for statistics; the caller frees it. */
static char *stats_file(int rank)
{
	const char *dir = getenv("TMPDIR");
	char *name = func_alloc(300);

	snprintf(name, 300, "%s/func_stats.%d.%d", dir ? dir : "/tmp", (int)getpid(), rank);
	unlink(name); /* a killed process with the same id may have left it */
	setenv(VAR(STATS), name, 1);
	return name;
}

/* Reads the only line of the file and removes the file. */
static void stats_line(char *name, char *line, int size)
{
	FILE *file = fopen(name, "r");

	if (!file)
		func_fail(__FILE__, __LINE__, "%s: %m", name);
	FUNC_TRUE(fgets(line, size, file));
	FUNC_TRUE(line[0] == '{' && strstr(line, "}\n"));
	FUNC_EQ(fgetc(file), EOF);
	fclose(file);
	unlink(name);
	free(name);
}

static unsigned long long number(const char *line, const char *dir, const char *way,
				 const char *what)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s_%s_%s\":", dir, way, what);
	at = strstr(line, key);
	if (!at)
		func_fail(__FILE__, __LINE__, "no %s in %s", key, line);
	return strtoull(at + strlen(key), NULL, 10);
}

static void expect(const char *line, const char *dir, enum fi_switch_way way,
		   unsigned long long msgs, unsigned long long bytes)
{
	if (number(line, dir, way_names[way], "msgs") != msgs ||
	    number(line, dir, way_names[way], "bytes") != bytes)
		func_fail(__FILE__, __LINE__, "not %llu messages, %llu bytes by %s_%s in %s", msgs,
			  bytes, dir, way_names[way], line);
}

/* Small messages went inline, large ones this way, and none another way. */
static void expect_all(const char *line, const char *dir, enum fi_switch_way way, size_t large)
{
	int other;

	for (other = FI_SWITCH_READ; other < FI_SWITCH_WAYS; other++)
		expect(line, dir, (enum fi_switch_way)other, other == (int)way ? LARGE_CNT : 0,
		       other == (int)way ? LARGE_CNT * large : 0);
	expect(line, dir, FI_SWITCH_INLINE, SMALL_CNT, SMALL_CNT * SMALL);
}

/* -- traffic ------------------------------------------------------------ */

/* Sends small and large messages in one direction; buf has room for all. */
static void traffic(struct func_team *team, struct func_node *node, char *buf, fi_addr_t peer,
		    bool sender, size_t large)
{
	struct func_req req[SMALL_CNT + LARGE_CNT];
	size_t len, i;

	for (i = 0; i < SMALL_CNT + LARGE_CNT; i++) {
		len = i < SMALL_CNT ? SMALL : large;
		if (sender)
			func_fill(buf + i * LARGE, len, team->seed + i);
		FUNC_POST(node, sender ? fi_send(node->ep, buf + i * LARGE, len, NULL, peer,
						 func_fresh(&req[i]))
				       : fi_recv(node->ep, buf + i * LARGE, len, NULL,
						 FI_ADDR_UNSPEC, func_fresh(&req[i])));
	}
	for (i = 0; i < SMALL_CNT + LARGE_CNT; i++) {
		FUNC_DONE(node, &req[i]);
		func_verify(buf + i * LARGE, i < SMALL_CNT ? SMALL : large, team->seed + i);
	}
}

/* Skips the case unless the core is tcp, for whose committed costs the sizes are chosen. */
static void need_tcp(void)
{
	if (strcmp(func_core(), "tcp"))
		func_skip("this core has another row in the table of costs");
}

static void ways(struct func_team *team, int rank)
{
	const struct setting *setting = &settings[team->func_case->arg & 0xff];
	struct func_conf conf = {.type = team->func_case->arg >> 8, .caps = FI_MSG};
	char *file, line[4096];
	size_t large = setting->large ? setting->large : LARGE;
	char *buf = func_alloc((SMALL_CNT + LARGE_CNT) * (size_t)LARGE);
	struct func_node node;

	if (setting->large && !setting->both[0])
		need_tcp();
	file = stats_file(rank);
	apply(setting->both);
	if (rank)
		apply(setting->odd);
	func_join(team, rank, &node, &conf);
	traffic(team, &node, buf, node.peer[1], rank == 0, large);
	traffic(team, &node, buf, node.peer[0], rank == 1, large);
	func_meet(team, &node);
	func_close(&node);
	stats_line(file, line, sizeof(line));
	expect_all(line, "tx", setting->way[rank], large);
	expect_all(line, "rx", setting->way[!rank], large);
	free(buf);
}

static struct fi_switch_ops_ep *open_ops(struct func_node *node)
{
	struct fi_switch_ops_ep *ops;

	FUNC_OK(fi_open_ops(&node->ep->fid, FI_SWITCH_EP_OPS, 0, (void **)&ops, NULL));
	FUNC_TRUE(ops && ops->stats && ops->peer_stats);
	return ops;
}

/* Writes a file with this text, in which CORE stands for the core that is used.  Returns its
 * name. */
static char *costs_file(const char *text, int rank)
{
	const char *dir = getenv("TMPDIR"), *core = func_core(), *word = strstr(text, "CORE");
	char *name = func_alloc(300);
	FILE *file;

	snprintf(name, 300, "%s/func_costs.%d.%d", dir ? dir : "/tmp", (int)getpid(), rank);
	file = fopen(name, "w");
	if (!file)
		func_fail(__FILE__, __LINE__, "%s: %m", name);
	fprintf(file, "# core read write\nnone-1 1 1\n%s%s\nnone-2 1 1\n", word ? core : "",
		word ? word + 4 : text);
	FUNC_EQ(fclose(file), 0);
	setenv(VAR(COSTS), name, 1);
	return name;
}

/* A table of costs decides about a message between two thresholds, and each side's own table
 * about the messages that it sends. */
static void costs(struct func_team *team, int rank)
{
	struct fi_switch_stats stats = {.size = sizeof(stats)};
	long row = team->func_case->arg & 0xff;
	struct func_conf conf = {.type = team->func_case->arg >> 8, .caps = FI_MSG};
	char *file, *buf = func_alloc((SMALL_CNT + LARGE_CNT) * (size_t)LARGE);
	enum fi_switch_way tx = tables[row].way[rank], rx = tables[row].way[!rank];
	struct fi_switch_ops_ep *ops;
	struct func_node node;
	int way;

	if (strstr(tables[row].table[0], "wrong"))
		need_tcp();
	file = costs_file(tables[row].table[rank], rank);
	if (tables[row].threshold)
		setenv(VAR(RNDV_THRESHOLD), tables[row].threshold, 1);
	func_join(team, rank, &node, &conf);
	unlink(file); /* it was read when the provider was loaded */
	ops = open_ops(&node);
	traffic(team, &node, buf, node.peer[1], rank == 0, tables[row].large);
	traffic(team, &node, buf, node.peer[0], rank == 1, tables[row].large);
	func_meet(team, &node);
	FUNC_OK(ops->stats(node.ep, &stats));
	for (way = FI_SWITCH_READ; way < FI_SWITCH_WAYS; way++) {
		FUNC_EQ(stats.tx_msgs[way], way == (int)tx ? LARGE_CNT : 0);
		FUNC_EQ(stats.rx_msgs[way], way == (int)rx ? LARGE_CNT : 0);
	}
	FUNC_EQ(stats.tx_bytes[tx], LARGE_CNT * tables[row].large);
	func_close(&node);
	free(buf);
	free(file);
}

/* One sender and two receivers, one of which cannot read. */
static void mixed(struct func_team *team, int rank)
{
	struct fi_switch_stats stats = {.size = sizeof(stats)};
	char *file = stats_file(rank), line[4096];
	char *buf = func_alloc((SMALL_CNT + LARGE_CNT) * (size_t)LARGE);
	struct fi_switch_ops_ep *ops;
	struct func_node node;

	if (rank == 2)
		setenv(VAR(RDMA_READ), "0", 1);
	func_join(team, rank, &node, &(struct func_conf){.caps = FI_MSG});
	ops = open_ops(&node);
	FUNC_ERR(ops->peer_stats(node.ep, node.peer[2], &stats), FI_ENOENT);
	func_meet(team, &node);
	if (rank != 2)
		traffic(team, &node, buf, node.peer[1], rank == 0, LARGE);
	if (rank != 1)
		traffic(team, &node, buf, node.peer[2], rank == 0, LARGE);
	if (rank == 0) {
		FUNC_OK(ops->peer_stats(node.ep, node.peer[1], &stats));
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_READ], LARGE_CNT);
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_WRITE], 0);
		FUNC_OK(ops->peer_stats(node.ep, node.peer[2], &stats));
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_READ], 0);
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_WRITE], LARGE_CNT);
		FUNC_OK(ops->stats(node.ep, &stats));
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_READ], LARGE_CNT);
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_WRITE], LARGE_CNT);
		FUNC_EQ(stats.tx_msgs[FI_SWITCH_INLINE], 2 * SMALL_CNT);
		FUNC_EQ(stats.failures, 0);
		FUNC_EQ(stats.sessions, 2);
		FUNC_TRUE(stats.tx_packets > 0 && stats.tx_records >= stats.tx_packets / 2);
		stats.size = 8;
		FUNC_ERR(ops->stats(node.ep, &stats), FI_EINVAL);
	}
	func_meet(team, &node);
	func_close(&node);
	stats_line(file, line, sizeof(line));
	if (rank) {
		expect_all(line, "rx", rank == 1 ? FI_SWITCH_READ : FI_SWITCH_WRITE, LARGE);
	} else {
		expect(line, "tx", FI_SWITCH_READ, LARGE_CNT, LARGE_CNT * LARGE);
		expect(line, "tx", FI_SWITCH_WRITE, LARGE_CNT, LARGE_CNT * LARGE);
		expect(line, "tx", FI_SWITCH_COPY, 0, 0);
		expect(line, "tx", FI_SWITCH_INLINE, 2 * SMALL_CNT, 2 * SMALL_CNT * SMALL);
	}
	free(buf);
}

/* With STATS=stderr the line is written there. */
static void to_stderr(struct func_team *team, int rank)
{
	char *file = stats_file(rank), line[4096];
	int fd, old = dup(STDERR_FILENO);
	struct func_node node;

	(void)team;
	setenv(VAR(STATS), "stderr", 1);
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	FUNC_TRUE(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	func_close_ep(&node);
	FUNC_TRUE(dup2(old, STDERR_FILENO) >= 0);
	func_close(&node);
	close(fd);
	stats_line(file, line, sizeof(line));
	expect(line, "tx", FI_SWITCH_INLINE, 0, 0);
}

/* A file that cannot be written does no other harm. */
static void no_file(struct func_team *team, int rank)
{
	struct func_node node;

	(void)team, (void)rank;
	setenv(VAR(STATS), "/nonexistent/folder/file", 1);
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	func_close(&node);
}

/* -- pipes, and files that are full ---------------------------------------------- */

static void open_and_close(void)
{
	struct func_node node;

	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	func_close(&node);
}

/* No process reads from the FIFO: closing does not wait for one. */
static void fifo_without_reader(struct func_team *team, int rank)
{
	char *file = stats_file(rank);

	(void)team;
	FUNC_TRUE(!mkfifo(file, 0600));
	open_and_close();
	unlink(file);
	free(file);
}

/* A process reads from the FIFO; and one holds it open while the pipe is full: then closing
 * waits as long as it waits for peers. */
static void fifo_with_reader(struct func_team *team, int rank)
{
	char *file = stats_file(rank), line[4096], zeros[4096] = {0};
	ssize_t len;
	int fd;

	(void)team;
	setenv(VAR(CLOSE_TIMEOUT), "100", 1);
	FUNC_TRUE(!mkfifo(file, 0600));
	fd = open(file, O_RDWR | O_NONBLOCK);
	FUNC_TRUE(fd >= 0);
	open_and_close();
	len = read(fd, line, sizeof(line));
	FUNC_TRUE(len > 2 && line[0] == '{' && !memcmp(line + len - 2, "}\n", 2));
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	open_and_close();
	while ((len = read(fd, line, sizeof(line))) > 0)
		FUNC_TRUE(!memchr(line, '{', (size_t)len));
	close(fd);
	unlink(file);
	free(file);
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

/* The reader of the standard error output has ended. */
static void pipe_without_reader(struct func_team *team, int rank)
{
	int fds[2], old = dup(STDERR_FILENO);

	(void)team, (void)rank;
	setenv(VAR(STATS), "stderr", 1);
	FUNC_TRUE(!pipe(fds) && old >= 0);
	signal(SIGPIPE, count_signal);
	close(fds[0]);
	FUNC_TRUE(dup2(fds[1], STDERR_FILENO) >= 0);
	open_and_close();
	FUNC_TRUE(dup2(old, STDERR_FILENO) >= 0);
	FUNC_EQ(signals, 0);
	/* SIGPIPE of its own writes still reaches the application */
	FUNC_TRUE(write(fds[1], "", 1) < 0);
	FUNC_EQ(signals, 1);
	close(fds[1]);
}

/* If no line fits any more, or only a part of one, none is written. */
static void size_limit(struct func_team *team, int rank)
{
	static const char first[] = "{}\n";
	char *file = stats_file(rank), line[64];
	struct rlimit limit;
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)team;
	FUNC_TRUE(fd >= 0 && write(fd, first, strlen(first)) == (ssize_t)strlen(first));
	close(fd);
	FUNC_TRUE(!getrlimit(RLIMIT_FSIZE, &limit));
	for (rlim_t more = 0; more < 50; more += 49) {
		limit.rlim_cur = strlen(first) + more;
		FUNC_TRUE(!setrlimit(RLIMIT_FSIZE, &limit));
		open_and_close();
	}
	limit.rlim_cur = limit.rlim_max;
	FUNC_TRUE(!setrlimit(RLIMIT_FSIZE, &limit));
	fd = open(file, O_RDONLY);
	FUNC_EQ(read(fd, line, sizeof(line)), (ssize_t)strlen(first));
	close(fd);
	unlink(file);
	free(file);
}

/* Files that accept no data. */
static void takes_nothing(struct func_team *team, int rank)
{
	(void)team, (void)rank;
	setenv(VAR(STATS), "/dev/full", 1);
	open_and_close();
}

static void is_a_directory(struct func_team *team, int rank)
{
	(void)team, (void)rank;
	setenv(VAR(STATS), "/", 1);
	open_and_close();
}

/* Several processes append to one file: each line is whole. */
static void one_file(struct func_team *team, int rank)
{
	enum { EACH = 20 };
	char *file = NULL, line[4096];
	FILE *lines;
	int cnt = 0;

	if (rank == 0) {
		file = stats_file(rank);
		snprintf((char *)team->space, 300, "%s", file);
	}
	func_meet(team, NULL);
	setenv(VAR(STATS), (char *)team->space, 1);
	for (int i = 0; i < EACH; i++)
		open_and_close();
	func_meet(team, NULL);
	if (rank)
		return;
	lines = fopen(file, "r");
	FUNC_TRUE(lines);
	for (; fgets(line, sizeof(line), lines); cnt++)
		FUNC_TRUE(line[0] == '{' && strstr(line, "\"dropped_msgs\": 0}\n"));
	FUNC_EQ(cnt, team->size * EACH);
	fclose(lines);
	unlink(file);
	free(file);
}

int main(int argc, char **argv)
{
	enum { RDM = FI_EP_RDM << 8, MSG = FI_EP_MSG << 8, S = FUNC_SWITCH };
	static const struct func_case cases[] = {
		{"read, rdm", 2, ways, S, RDM | 0},
		{"read, msg", 2, ways, S, MSG | 0},
		{"write, rdm", 2, ways, S, RDM | 1},
		{"write, msg", 2, ways, S, MSG | 1},
		{"copy, rdm", 2, ways, S, RDM | 2},
		{"copy, msg", 2, ways, S, MSG | 2},
		{"auto, above the threshold", 2, ways, S, RDM | 3},
		{"auto, below the threshold", 2, ways, S, RDM | 4},
		{"auto, at the threshold", 2, ways, S, RDM | 5},
		{"one side cannot read, rdm", 2, ways, S, RDM | 6},
		{"one side cannot read, msg", 2, ways, S, MSG | 6},
		{"nobody reads, one side cannot write", 2, ways, S, RDM | 7},
		{"read is forced but impossible", 2, ways, S, RDM | 8},
		{"whatever exceeds a packet", 2, ways, S, RDM | 9},
		{"one side is no target, rdm", 2, ways, S, RDM | 10},
		{"one side is no target, msg", 2, ways, S, MSG | 10},
		{"nobody is a target", 2, ways, S, RDM | 11},
		{"write is forced, one side is no target", 2, ways, S, RDM | 12},
		{"read is forced, one side is no target", 2, ways, S, RDM | 13},
		{"one endpoint, two kinds of peers", 3, mixed, S, 0},
		{"costs, at both thresholds", 2, costs, S, RDM | 0},
		{"costs, at both thresholds, msg", 2, costs, S, MSG | 0},
		{"costs, below both thresholds", 2, costs, S, RDM | 1},
		{"costs, below both thresholds, msg", 2, costs, S, MSG | 1},
		{"costs, unequal tables", 2, costs, S, RDM | 2},
		{"costs, never", 2, costs, S, RDM | 3},
		{"costs, a wrong row, another row", 2, costs, S, RDM | 4},
		{"costs, RNDV_THRESHOLD", 2, costs, S, RDM | 5},
		{"to stderr", 1, to_stderr, S, 0},
		{"no such folder", 1, no_file, S, 0},
		{"a directory", 1, is_a_directory, S, 0},
		{"a FIFO without a reader", 1, fifo_without_reader, S, 0},
		{"a FIFO with a reader", 1, fifo_with_reader, S, 0},
		{"a pipe without a reader", 1, pipe_without_reader, S, 0},
		{"a limit to the size of files", 1, size_limit, S, 0},
		{"a full device", 1, takes_nothing, S, 0},
		{"several processes, one file", 4, one_file, S, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
