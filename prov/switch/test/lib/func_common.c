/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the functional tests share: see lib/func_common.h.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/func_common.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { POLL_MAX = 16, IDLE_MS = 5 };

/* The first FEW_MODES are those for cases that take long. */
enum { FEW_MODES = 3 };
static const struct func_mode modes[] = {
	{.name = "auto"},
	{.name = "noread",
	 .both = {"FI_OFI_SWITCH_RNDV_THRESHOLD", "20000"},
	 .odd = {"FI_OFI_SWITCH_RDMA_READ", "0"}},
	{.name = "tight",
	 .both = {"FI_OFI_SWITCH_BUFFER_SIZE", "512", "FI_OFI_SWITCH_CREDITS", "4"}},
	{.name = "read", .both = {"FI_OFI_SWITCH_TRANSFER", "read"}},
	{.name = "write", .both = {"FI_OFI_SWITCH_TRANSFER", "write"}},
	{.name = "copy", .both = {"FI_OFI_SWITCH_TRANSFER", "copy"}},
};
static const struct func_mode plain_mode = {.name = "plain"};

static char self[160] = "?"; /* which process this is, for messages */
static unsigned deadline = 60;
/* Of the thread that marked last. */
static _Atomic(const char *) where_file = "?", where_what = "start";
static atomic_int where_line;

/* What is logged goes to a pipe; where messages of ours go is kept. */
static int log_fds[2], log_old = -1;

/* -- checks ------------------------------------------------------------- */

void func_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fflush(stdout);
	func_log_end();
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, self, text);
	fflush(stderr);
	_exit(EXIT_FAILURE);
}

void func_log_begin(const char *level)
{
	setenv("FI_LOG_LEVEL", level, 1);
	setenv("FI_LOG_PROV", "ofi_switch", 1);
	FUNC_TRUE(!pipe2(log_fds, O_NONBLOCK)); /* what is too much is lost */
	log_old = dup(STDERR_FILENO);
	FUNC_TRUE(log_old >= 0 && dup2(log_fds[1], STDERR_FILENO) >= 0);
}

int func_log_count(const char *what)
{
	static char text[1 << 16];
	ssize_t len = read(log_fds[0], text, sizeof(text) - 1);
	const char *at = text;
	int cnt = 0;

	text[len > 0 ? len : 0] = 0;
	while ((at = strstr(at, what))) {
		cnt++;
		at += strlen(what);
	}
	return cnt;
}

void func_log_end(void)
{
	if (log_old < 0)
		return;
	dup2(log_old, STDERR_FILENO);
	close(log_old);
	close(log_fds[0]);
	close(log_fds[1]);
	log_old = -1;
}

void func_skip(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("%s: skipped: %s\n", self, text);
	fflush(stdout);
	_exit(FUNC_SKIP);
}

void func_mark(const char *file, int line, const char *what)
{
	where_file = file;
	where_line = line;
	where_what = what;
	alarm(deadline);
}

static void expired(int sig)
{
	char text[512];
	int len;

	(void)sig;
	len = snprintf(text, sizeof(text), "%s:%d: %s: no progress for %u s at: %s\n", where_file,
		       where_line, self, deadline, where_what);
	if (write(log_old >= 0 ? log_old : STDERR_FILENO, text, (size_t)len) != len)
		_exit(2);
	_exit(EXIT_FAILURE);
}

/* -- random numbers and patterns ---------------------------------------- */

uint64_t func_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint64_t func_rand(uint64_t *state)
{
	return func_mix((*state)++);
}

size_t func_rand_len(uint64_t *state, size_t max)
{
	size_t top = max >> (func_rand(state) % 16);

	return top ? func_rand(state) % (top + 1) : 0;
}

void func_fill(void *buf, size_t len, uint64_t key)
{
	size_t pos, part;
	uint64_t word;

	for (pos = 0; pos < len; pos += part) {
		word = func_mix(key + pos);
		part = len - pos < sizeof(word) ? len - pos : sizeof(word);
		memcpy((char *)buf + pos, &word, part);
	}
}

void func_verify_at(const char *file, int line, const void *buf, size_t len, uint64_t key)
{
	size_t pos, part;
	uint64_t word;

	for (pos = 0; pos < len; pos += part) {
		word = func_mix(key + pos);
		part = len - pos < sizeof(word) ? len - pos : sizeof(word);
		if (memcmp((const char *)buf + pos, &word, part))
			func_fail(file, line, "wrong data at byte %zu or up to 7 behind, of %zu",
				  pos, len);
	}
}

void *func_alloc(size_t len)
{
	void *buf = malloc(len ? len : 1);

	FUNC_TRUE(buf);
	memset(buf, 0xee, len);
	return buf;
}

/* -- threads ------------------------------------------------------------ */

int func_tid(void)
{
	return (int)syscall(SYS_gettid);
}

static bool thread_asleep(int tid, unsigned long *slept)
{
	char path[64], line[128], state = 0;
	unsigned long cnt = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	if (!file)
		func_skip("cannot read %s", path);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %lu", &cnt);
	}
	fclose(file);
	if (state != 'S' || cnt <= *slept)
		return false;
	*slept = cnt;
	return true;
}

void func_until_asleep(const atomic_int *tid, unsigned long *slept)
{
	func_mark(__FILE__, __LINE__, "a thread that falls asleep");
	while (!atomic_load(tid) || !thread_asleep(atomic_load(tid), slept))
		sched_yield();
}

/* -- running cases ------------------------------------------------------ */

const char *func_prov(void)
{
	const char *name = getenv("FUNC_PROV");

	return name ? name : "tcp;ofi_switch";
}

const char *func_host(void)
{
	const char *host = getenv("FUNC_HOST");

	return host ? host : "127.0.0.1";
}

void func_own_host(void)
{
	const unsigned number = (unsigned)getppid(); /* the same in all processes of a team */
	char host[24];

	snprintf(host, sizeof(host), "127.%u.%u.%u", 128 + (number >> 16) % 64, (number >> 8) % 256,
		 number % 256);
	setenv("FUNC_HOST", host, 0);
}

const char *func_core(void)
{
	static char core[64];

	snprintf(core, sizeof(core), "%.*s", (int)strcspn(func_prov(), ";"), func_prov());
	return core;
}

bool func_is_switch(void)
{
	return strstr(func_prov(), "ofi_switch") != NULL;
}

static void apply_env(const char *const *env, size_t cnt)
{
	size_t i;

	for (i = 0; i + 1 < cnt && env[i]; i += 2)
		setenv(env[i], env[i + 1], 1);
}

static void child(struct func_team *team, int rank)
{
	snprintf(self, sizeof(self), "%s [%s] process %d", team->func_case->name, team->mode->name,
		 rank);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, expired);
	/* a machine may be slow: nothing may be given up at a close */
	setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "60000", 1);
	apply_env(team->mode->both, ARRAY_SIZE(team->mode->both));
	if (rank & 1)
		apply_env(team->mode->odd, ARRAY_SIZE(team->mode->odd));
	func_mark(__FILE__, __LINE__, "start");
	team->func_case->run(team, rank);
	func_mark(__FILE__, __LINE__, "exit");
	exit(EXIT_SUCCESS);
}

static void kill_rest(struct func_team *team)
{
	int i;

	for (i = 0; i < team->size; i++) {
		if (!atomic_load(&team->dead[i]))
			kill(team->pid[i], SIGKILL);
	}
}

/* Waits for all processes; the first that fails takes the others along. */
static int reap(struct func_team *team)
{
	int left, status, rank, result = EXIT_SUCCESS;
	pid_t pid;

	for (left = team->size; left; left--) {
		pid = waitpid(-1, &status, 0);
		if (pid < 0)
			func_fail(__FILE__, __LINE__, "waitpid: %m");
		for (rank = 0; rank < team->size && team->pid[rank] != pid; rank++)
			;
		atomic_store(&team->dead[rank], 1);
		if (result != EXIT_SUCCESS || (WIFEXITED(status) && !WEXITSTATUS(status)))
			continue;
		if (WIFSIGNALED(status) && atomic_load(&team->doomed[rank]))
			continue;
		if (WIFSIGNALED(status))
			fprintf(stderr, "%s [%s] process %d: %s\n", team->func_case->name,
				team->mode->name, rank, strsignal(WTERMSIG(status)));
		result = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
		kill_rest(team);
	}
	return result;
}

static int run_case(const struct func_case *func_case, const struct func_mode *mode, uint64_t seed)
{
	static const char *const verdicts[] = {"PASS", "FAIL", "SKIP"};
	struct func_team *team;
	struct timespec from, to;
	int rank, result;
	pid_t pid;

	team = mmap(NULL, sizeof(*team), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team == MAP_FAILED)
		func_fail(__FILE__, __LINE__, "mmap: %m");
	team->func_case = func_case;
	team->mode = mode;
	team->size = func_case->procs;
	team->seed = seed;
	clock_gettime(CLOCK_MONOTONIC, &from);
	fflush(NULL);
	for (rank = 0; rank < team->size; rank++) {
		pid = fork();
		if (pid < 0)
			func_fail(__FILE__, __LINE__, "fork: %m");
		if (!pid)
			child(team, rank);
		team->pid[rank] = pid; /* shared memory: never written by the child */
	}
	result = reap(team);
	clock_gettime(CLOCK_MONOTONIC, &to);
	munmap(team, sizeof(*team));
	printf("%s: %s [%s] %.2f s\n", verdicts[result == FUNC_SKIP ? 2 : result != EXIT_SUCCESS],
	       func_case->name, mode->name,
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return result;
}

static bool wanted(int argc, char **argv, const struct func_case *func_case,
		   const struct func_mode *mode)
{
	char full[256];
	int i;

	snprintf(full, sizeof(full), "%s [%s]", func_case->name, mode->name);
	for (i = 1; i < argc; i++) {
		if (strstr(full, argv[i]))
			return true;
	}
	return argc < 2;
}

int func_main(int argc, char **argv, const struct func_case *cases, size_t cnt)
{
	const char *env = getenv("SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL);
	int result, passed = 0, failed = 0;
	const struct func_mode *mode;
	size_t i, m, mode_cnt;

	if (getenv("FUNC_DEADLINE"))
		deadline = (unsigned)atoi(getenv("FUNC_DEADLINE"));
	printf("provider %s, SEED=%" PRIu64 "\n", func_prov(), seed);
	for (i = 0; i < cnt; i++) {
		if ((cases[i].flags & FUNC_SWITCH) && !func_is_switch())
			continue;
		mode_cnt = 1;
		if (func_is_switch() && (cases[i].flags & (FUNC_MODES | FUNC_FEW)))
			mode_cnt = cases[i].flags & FUNC_FEW ? FEW_MODES : ARRAY_SIZE(modes);
		for (m = 0; m < mode_cnt; m++) {
			mode = mode_cnt > 1 ? &modes[m] : &plain_mode;
			if (!wanted(argc, argv, &cases[i], mode))
				continue;
			result = run_case(&cases[i], mode, seed);
			passed += result == EXIT_SUCCESS;
			failed += result != EXIT_SUCCESS && result != FUNC_SKIP;
		}
	}
	if (failed)
		return EXIT_FAILURE;
	if (!passed)
		printf("nothing that %s could run\n", func_prov());
	return passed ? EXIT_SUCCESS : FUNC_SKIP;
}

/* -- opening and closing ------------------------------------------------ */

/* Not cores whose addresses are names of their own. */
static bool has_hosts(void)
{
	return strcmp(func_core(), "shm") && strcmp(func_core(), "mock");
}

struct fi_info *func_hints(const struct func_conf *conf)
{
	struct fi_info *hints = fi_allocinfo();

	FUNC_TRUE(hints);
	hints->fabric_attr->prov_name = strdup(conf->prov ? conf->prov : func_prov());
	hints->ep_attr->type = conf->type ? conf->type : FI_EP_RDM;
	hints->caps = conf->caps ? conf->caps : FI_MSG | FI_TAGGED;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->addr_format = has_hosts() ? FI_SOCKADDR_IN : FI_ADDR_STR;
	if (conf->addr_format)
		hints->addr_format = conf->addr_format;
	hints->domain_attr->av_type = conf->av;
	hints->domain_attr->threading = conf->threading;
	hints->domain_attr->data_progress = conf->progress;
	if (conf->shared)
		hints->ep_attr->tx_ctx_cnt = hints->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
	hints->tx_attr->op_flags = conf->tx_op_flags;
	hints->rx_attr->op_flags = conf->rx_op_flags;
	return hints;
}

static void *copy_of(const void *data, size_t len)
{
	return memcpy(func_alloc(len), data, len);
}

struct fi_info *func_info(const struct func_conf *conf, const struct func_addr *dest)
{
	struct fi_info *hints = func_hints(conf), *info = NULL;
	bool any = !conf->src && !dest && has_hosts();
	int ret;

	if (conf->src) {
		hints->src_addr = copy_of(conf->src->bytes, conf->src->len);
		hints->src_addrlen = conf->src->len;
	}
	if (dest) {
		hints->dest_addr = copy_of(dest->bytes, dest->len);
		hints->dest_addrlen = dest->len;
	}
	ret = fi_getinfo(FUNC_VERSION, any ? FUNC_HOST : NULL, NULL, any ? FI_SOURCE : 0, hints,
			 &info);
	if (ret != -FI_ENODATA)
		FUNC_OK(ret);
	fi_freeinfo(hints);
	return info;
}

struct fi_info *func_need_info(const struct func_conf *conf, const struct func_addr *dest)
{
	struct fi_info *info = func_info(conf, dest);

	if (!info && func_is_switch())
		func_fail(__FILE__, __LINE__, "fi_getinfo finds nothing for %s", func_prov());
	if (!info)
		func_skip("%s does not offer it", func_prov());
	return info;
}

void func_open_fabric(struct func_node *node, const struct func_conf *conf, struct fi_info *info)
{
	struct fi_eq_attr attr = {.flags = FI_WRITE, .wait_obj = FI_WAIT_UNSPEC};

	memset(node, 0, sizeof(*node));
	node->conf = *conf;
	node->info = info;
	FUNC_OK(fi_fabric(info->fabric_attr, &node->fabric, NULL));
	if (info->ep_attr->type == FI_EP_MSG)
		FUNC_OK(fi_eq_open(node->fabric, &attr, &node->eq, NULL));
}

static void open_cqs(struct func_node *node)
{
	struct fi_cntr_attr cntr_attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_cq_attr attr = {
		.size = node->conf.cq_size,
		.format = node->conf.format ? node->conf.format : FI_CQ_FORMAT_TAGGED,
		.wait_obj = node->conf.wait,
	};

	FUNC_OK(fi_cq_open(node->domain, &attr, &node->rx_cq, NULL));
	node->tx_cq = node->rx_cq;
	if (node->conf.two_cqs)
		FUNC_OK(fi_cq_open(node->domain, &attr, &node->tx_cq, NULL));
	if (node->conf.counters) {
		FUNC_OK(fi_cntr_open(node->domain, &cntr_attr, &node->tx_cntr, NULL));
		FUNC_OK(fi_cntr_open(node->domain, &cntr_attr, &node->rx_cntr, NULL));
	}
}

void func_open_domain(struct func_node *node)
{
	struct fi_av_attr attr = {.type = node->conf.av ? node->conf.av : FI_AV_TABLE};

	FUNC_OK(fi_domain(node->fabric, node->info, &node->domain, NULL));
	open_cqs(node);
	if (node->info->ep_attr->type == FI_EP_RDM)
		FUNC_OK(fi_av_open(node->domain, &attr, &node->av, NULL));
	if (node->conf.shared) {
		FUNC_OK(fi_stx_context(node->domain, node->info->tx_attr, &node->stx, NULL));
		FUNC_OK(fi_srx_context(node->domain, node->info->rx_attr, &node->srx, NULL));
	}
}

void func_open_ep(struct func_node *node)
{
	uint64_t tx = FI_TRANSMIT, rx = FI_RECV;

	if (node->conf.selective & FI_TRANSMIT)
		tx |= FI_SELECTIVE_COMPLETION;
	if (node->conf.selective & FI_RECV)
		rx |= FI_SELECTIVE_COMPLETION;
	FUNC_OK(fi_endpoint(node->domain, node->info, &node->ep, NULL));
	FUNC_OK(fi_ep_bind(node->ep, &node->tx_cq->fid, tx));
	FUNC_OK(fi_ep_bind(node->ep, &node->rx_cq->fid, rx));
	if (node->tx_cntr) {
		FUNC_OK(fi_ep_bind(node->ep, &node->tx_cntr->fid, FI_SEND));
		FUNC_OK(fi_ep_bind(node->ep, &node->rx_cntr->fid, FI_RECV));
	}
	if (node->eq)
		FUNC_OK(fi_ep_bind(node->ep, &node->eq->fid, 0));
	if (node->av)
		FUNC_OK(fi_ep_bind(node->ep, &node->av->fid, 0));
	if (node->srx) {
		FUNC_OK(fi_ep_bind(node->ep, &node->srx->fid, 0));
		FUNC_OK(fi_ep_bind(node->ep, &node->stx->fid, 0));
	}
	FUNC_OK(fi_enable(node->ep));
}

void func_open(struct func_node *node, const struct func_conf *conf)
{
	func_open_fabric(node, conf, func_need_info(conf, NULL));
	func_open_domain(node);
	func_open_ep(node);
}

void func_close_ep(struct func_node *node)
{
	func_mark(__FILE__, __LINE__, "fi_close of an endpoint");
	if (node->ep)
		FUNC_OK(fi_close(&node->ep->fid));
	node->ep = NULL;
}

void func_close(struct func_node *node)
{
	struct fid *fids[] = {
		node->pep ? &node->pep->fid : NULL,
		node->srx ? &node->srx->fid : NULL,
		node->stx ? &node->stx->fid : NULL,
		node->tx_cq != node->rx_cq ? &node->tx_cq->fid : NULL,
		node->rx_cq ? &node->rx_cq->fid : NULL,
		node->tx_cntr ? &node->tx_cntr->fid : NULL,
		node->rx_cntr ? &node->rx_cntr->fid : NULL,
		node->av ? &node->av->fid : NULL,
		node->domain ? &node->domain->fid : NULL,
		node->eq ? &node->eq->fid : NULL,
		node->fabric ? &node->fabric->fid : NULL,
	};
	size_t i;

	func_close_ep(node);
	for (i = 0; i < ARRAY_SIZE(fids) && !node->borrows; i++) {
		func_mark(__FILE__, __LINE__, "fi_close");
		if (fids[i])
			FUNC_OK(fi_close(fids[i]));
	}
	fi_freeinfo(node->info);
	memset(node, 0, sizeof(*node));
}

void func_name(struct fid *fid, struct func_addr *addr)
{
	addr->len = sizeof(addr->bytes);
	FUNC_OK(fi_getname(fid, addr->bytes, &addr->len));
}

/* -- connections -------------------------------------------------------- */

void func_listen(struct func_node *node, const struct func_conf *conf)
{
	func_open_fabric(node, conf, func_need_info(conf, NULL));
	FUNC_OK(fi_passive_ep(node->fabric, node->info, &node->pep, NULL));
	FUNC_OK(fi_pep_bind(node->pep, &node->eq->fid, 0));
	FUNC_OK(fi_listen(node->pep));
}

void func_accept(struct func_node *node, struct func_node *listener, struct fi_info *info,
		 const void *param, size_t len)
{
	if (node != listener) {
		if (!listener->domain)
			func_open_domain(listener);
		*node = *listener;
		node->borrows = true;
		node->pep = NULL;
		node->ep = NULL;
	} else {
		fi_freeinfo(node->info);
	}
	node->info = info;
	if (!node->domain)
		func_open_domain(node);
	func_open_ep(node);
	FUNC_OK(fi_accept(node->ep, param, len));
}

void func_connect(struct func_node *node, const struct func_conf *conf,
		  const struct func_addr *dest, const void *param, size_t len)
{
	func_open_fabric(node, conf, func_need_info(conf, dest));
	func_open_domain(node);
	func_open_ep(node);
	FUNC_OK(fi_connect(node->ep, dest->bytes, param, len));
}

static void read_error(struct func_node *node, struct func_event *event)
{
	struct fi_eq_err_entry entry = {0};

	FUNC_EQ(FUNC_OK(fi_eq_readerr(node->eq, &entry, 0)), sizeof(entry));
	event->err = entry.err;
	event->fid = entry.fid;
	event->data_len = entry.err_data_size;
	FUNC_TRUE(entry.err > 0 && entry.err_data_size <= sizeof(event->data));
	if (entry.err_data_size)
		memcpy(event->data, entry.err_data, entry.err_data_size);
}

void func_event_at(const char *file, int line, struct func_node *node, struct func_event *event)
{
	union {
		struct fi_eq_cm_entry cm;
		char bytes[sizeof(struct fi_eq_cm_entry) + sizeof(event->data)];
	} buf = {{0}};

	memset(event, 0, sizeof(*event));
	func_mark(file, line, "an event");
	do {
		event->len = fi_eq_sread(node->eq, &event->type, &buf, sizeof(buf), 1000, 0);
	} while (event->len == -FI_EAGAIN || event->len == -FI_EINTR);
	if (event->len == -FI_EAVAIL) {
		read_error(node, event);
		return;
	}
	if (event->len < (ssize_t)sizeof(buf.cm))
		func_fail(file, line, "fi_eq_sread: %zd (%s)", event->len,
			  event->len < 0 ? fi_strerror((int)-event->len) : "too short");
	event->fid = buf.cm.fid;
	event->info = event->type == FI_CONNREQ ? buf.cm.info : NULL;
	event->data_len = (size_t)event->len - sizeof(buf.cm);
	memcpy(event->data, buf.cm.data, event->data_len);
}

/* -- operations --------------------------------------------------------- */

static int slice(const struct func_xfer *xfer, struct iovec iov[4])
{
	int i, cnt = xfer->pieces ? xfer->pieces : 1;
	size_t pos = 0, end;

	for (i = 0; i < cnt; i++) {
		end = i + 1 < cnt ? xfer->len * (size_t)(i * i + 1) / 16 : xfer->len;
		iov[i].iov_base = (char *)xfer->buf + pos;
		iov[i].iov_len = end - pos;
		pos = end;
	}
	return cnt;
}

struct func_req *func_fresh(struct func_req *req)
{
	if (!req)
		return NULL;
	req->err = 0;
	req->olen = 0;
	req->src = FI_ADDR_NOTAVAIL;
	memset(&req->entry, 0, sizeof(req->entry));
	atomic_store(&req->done, 0);
	return req;
}

static ssize_t try_tagged_send(struct func_node *node, const struct func_xfer *x,
			       struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg_tagged msg = {.msg_iov = iov,
				    .iov_count = cnt,
				    .addr = x->addr,
				    .tag = x->tag,
				    .context = req,
				    .data = x->data};

	switch (x->how) {
	case FUNC_V:
		return fi_tsendv(node->ep, iov, NULL, cnt, x->addr, x->tag, req);
	case FUNC_MSG:
		return fi_tsendmsg(node->ep, &msg, x->flags);
	case FUNC_INJECT:
		return fi_tinject(node->ep, x->buf, x->len, x->addr, x->tag);
	case FUNC_DATA:
		return fi_tsenddata(node->ep, x->buf, x->len, NULL, x->data, x->addr, x->tag, req);
	case FUNC_INJECTDATA:
		return fi_tinjectdata(node->ep, x->buf, x->len, x->data, x->addr, x->tag);
	default:
		return fi_tsend(node->ep, x->buf, x->len, NULL, x->addr, x->tag, req);
	}
}

ssize_t func_try_send(struct func_node *node, const struct func_xfer *x, struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg msg = {
		.msg_iov = iov, .iov_count = cnt, .addr = x->addr, .context = req, .data = x->data};

	func_fresh(req);
	if (x->tagged)
		return try_tagged_send(node, x, req);
	switch (x->how) {
	case FUNC_V:
		return fi_sendv(node->ep, iov, NULL, cnt, x->addr, req);
	case FUNC_MSG:
		return fi_sendmsg(node->ep, &msg, x->flags);
	case FUNC_INJECT:
		return fi_inject(node->ep, x->buf, x->len, x->addr);
	case FUNC_DATA:
		return fi_senddata(node->ep, x->buf, x->len, NULL, x->data, x->addr, req);
	case FUNC_INJECTDATA:
		return fi_injectdata(node->ep, x->buf, x->len, x->data, x->addr);
	default:
		return fi_send(node->ep, x->buf, x->len, NULL, x->addr, req);
	}
}

ssize_t func_try_recv(struct func_node *node, const struct func_xfer *x, struct func_req *req)
{
	struct iovec iov[4];
	size_t cnt = (size_t)slice(x, iov);
	struct fi_msg msg = {.msg_iov = iov, .iov_count = cnt, .addr = x->addr, .context = req};
	struct fi_msg_tagged tmsg = {.msg_iov = iov,
				     .iov_count = cnt,
				     .addr = x->addr,
				     .tag = x->tag,
				     .ignore = x->ignore,
				     .context = req};

	func_fresh(req);
	if (x->how == FUNC_V && x->tagged)
		return fi_trecvv(node->ep, iov, NULL, cnt, x->addr, x->tag, x->ignore, req);
	if (x->how == FUNC_V)
		return fi_recvv(node->ep, iov, NULL, cnt, x->addr, req);
	if (x->how == FUNC_MSG && x->tagged)
		return fi_trecvmsg(node->ep, &tmsg, x->flags);
	if (x->how == FUNC_MSG)
		return fi_recvmsg(node->ep, &msg, x->flags);
	if (x->tagged)
		return fi_trecv(node->ep, x->buf, x->len, NULL, x->addr, x->tag, x->ignore, req);
	return fi_recv(node->ep, x->buf, x->len, NULL, x->addr, req);
}

/* Every completion finds its request here, once. */
static void finish(struct func_req *req, const struct fi_cq_tagged_entry *entry, int err)
{
	if (!req)
		func_fail(__FILE__, __LINE__, "a completion without context, error %d (%s)", err,
			  fi_strerror(err));
	if (atomic_load(&req->done) && !req->multi)
		func_fail(__FILE__, __LINE__, "completed twice at %s:%d: error %d, then %d",
			  where_file, where_line, req->err, err);
	req->entry = *entry;
	req->err = err;
	atomic_fetch_add_explicit(&req->done, 1, memory_order_release);
	alarm(deadline);
}

static void cq_error(struct fid_cq *cq)
{
	struct fi_cq_err_entry error = {0};
	struct fi_cq_tagged_entry entry;
	struct func_req *req;
	ssize_t ret;

	ret = fi_cq_readerr(cq, &error, 0);
	if (ret == -FI_EAGAIN) /* another thread has it */
		return;
	FUNC_EQ(ret, 1);
	entry = (struct fi_cq_tagged_entry){error.op_context, error.flags, error.len,
					    error.buf,	      error.data,  error.tag};
	req = error.op_context;
	FUNC_TRUE(error.err > 0);
	if (req) {
		req->olen = error.olen;
		req->prov_errno = error.prov_errno;
	}
	finish(req, &entry, error.err);
}

static size_t entry_size(enum fi_cq_format format)
{
	switch (format) {
	case FI_CQ_FORMAT_CONTEXT:
		return sizeof(struct fi_cq_entry);
	case FI_CQ_FORMAT_MSG:
		return sizeof(struct fi_cq_msg_entry);
	case FI_CQ_FORMAT_DATA:
		return sizeof(struct fi_cq_data_entry);
	default:
		return sizeof(struct fi_cq_tagged_entry);
	}
}

/* timeout: ms to sleep if there is nothing; 0 where the queue cannot sleep */
static int poll_cq(struct func_node *node, struct fid_cq *cq, int timeout)
{
	struct fi_cq_tagged_entry buf[POLL_MAX], entry;
	size_t size = entry_size(node->conf.format);
	fi_addr_t src[POLL_MAX];
	ssize_t i, ret;

	if (timeout)
		ret = fi_cq_sreadfrom(cq, buf, POLL_MAX, src, NULL, timeout);
	else
		ret = fi_cq_readfrom(cq, buf, POLL_MAX, src);
	if (ret == -FI_EAGAIN || (timeout && ret == -FI_EINTR))
		return 0;
	if (ret == -FI_EAVAIL) {
		cq_error(cq);
		return 1;
	}
	FUNC_OK(ret);
	FUNC_TRUE(ret > 0 && ret <= POLL_MAX);
	for (i = 0; i < ret; i++) {
		memset(&entry, 0, sizeof(entry));
		memcpy(&entry, (char *)buf + (size_t)i * size, size);
		if (entry.op_context)
			((struct func_req *)entry.op_context)->src = src[i];
		finish(entry.op_context, &entry, 0);
	}
	return (int)ret;
}

int func_poll(struct func_node *node)
{
	int cnt = 0;

	if (node->rx_cq)
		cnt += poll_cq(node, node->rx_cq, 0);
	if (node->tx_cq != node->rx_cq)
		cnt += poll_cq(node, node->tx_cq, 0);
	return cnt;
}

void func_idle(struct func_node *node)
{
	if (node && func_poll(node))
		return;
	if (node && node->rx_cq && node->rx_cq == node->tx_cq && node->conf.wait != FI_WAIT_NONE)
		poll_cq(node, node->rx_cq, IDLE_MS);
	else
		sched_yield();
}

/* -- meetings ----------------------------------------------------------- */

void func_publish(struct func_team *team, int rank, const struct func_addr *addr)
{
	team->addr[rank] = *addr;
	atomic_store(&team->named[rank], 1);
}

const struct func_addr *func_addr_of(struct func_team *team, int rank, struct func_node *node)
{
	FUNC_UNTIL(node, atomic_load(&team->named[rank]));
	return &team->addr[rank];
}

static void join_msg(struct func_team *team, int rank, struct func_node *node,
		     const struct func_conf *conf)
{
	struct func_event event;
	struct func_addr addr;

	if (rank == 0) {
		func_listen(node, conf);
		func_name(&node->pep->fid, &addr);
		func_publish(team, rank, &addr);
		FUNC_EVENT(node, &event, FI_CONNREQ);
		func_accept(node, node, event.info, NULL, 0);
	} else {
		func_connect(node, conf, func_addr_of(team, 0, NULL), NULL, 0);
	}
	FUNC_EVENT(node, &event, FI_CONNECTED);
	FUNC_TRUE(event.fid == &node->ep->fid);
}

void func_join(struct func_team *team, int rank, struct func_node *node,
	       const struct func_conf *conf)
{
	struct func_addr addr;
	int i;

	if (conf->type == FI_EP_MSG) {
		join_msg(team, rank, node, conf);
		func_meet(team, node);
		return;
	}
	func_open(node, conf);
	func_name(&node->ep->fid, &addr);
	func_publish(team, rank, &addr);
	for (i = 0; i < team->size; i++)
		FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, i, node)->bytes, 1,
				     &node->peer[i], 0, NULL),
			1);
	func_meet(team, node);
}

void func_meet(struct func_team *team, struct func_node *node)
{
	int round = atomic_load(&team->round);

	if (atomic_fetch_add(&team->arrived, 1) + 1 == team->size) {
		atomic_store(&team->arrived, 0);
		atomic_fetch_add(&team->round, 1);
	}
	FUNC_UNTIL(node, atomic_load(&team->round) != round);
}

void func_say(struct func_team *team, int word, int value)
{
	atomic_store(&team->word[word], value);
}
