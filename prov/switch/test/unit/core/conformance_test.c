/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What every core adapter promises in core.h, tried over a real core: two
 * domains in one process, pumped in turn until the event comes or a generous
 * deadline passes.  Written against struct core_ops alone; a core is added by
 * a line in the table below.  A core that is not installed is skipped.
 *
 * Environment: CORE_CASE, the name of the only core to try.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/providers/fi_prov.h>

#include "core/core.h"

static bool core_leaks; /* the core that is tried, by itself */

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
/* gcc has it, but not the header that declares it */
size_t __sanitizer_get_current_allocated_bytes(void);
/* whenever it would look for leaks, at exit, too */
int __lsan_is_turned_off(void)
{
	return core_leaks;
}
#define leaks_found() __lsan_do_recoverable_leak_check()
#else
#define leaks_found() 0
#endif

struct fi_provider switch_prov = {.name = "core_conformance"};

enum {			 /* core_case.traits: what is so with some cores only */
       TCP = 1 << 0,	 /* strangers can talk to its sockets, and it stalls when we do */
       TELLS = 1 << 1,	 /* says when nobody is there, or not any more */
       CANCELS = 1 << 2, /* takes back what is out when its path is closed */
       SLEEPS = 1 << 3,	 /* wakes by a descriptor of its own, not by the clock */
       CHECKS = 1 << 4,	 /* says when a peer's memory must not be accessed so */
       FORGETS = 1 << 5, /* throws away what is too much, or left when it is closed */
       MANUAL = 1 << 7,	 /* what was handed to it moves when it is polled, not before */
       LEAKS = 1 << 6,	 /* does not give back all of its memory by itself */
       ENDS = 1 << 8,	 /* gives up reads half done when its path is closed */
};

#define MSG_CORE  .type = FI_EP_MSG, .ops = &core_msg_ops
#define RDM_CORE  .type = FI_EP_RDM, .ops = &core_rdm_ops, .rx_ctx_cnt = 1
#define LOCALHOST .host = "127.0.0.1"
/* Sockets reads a header when all of it has come.  A few bytes of one that are the end of
 * a segment of loopback, 64 KiB, can hold so much of a receive buffer of the usual 128 KiB
 * that the kernel takes nothing more: both sides then wait for ever. */
#define SOCKETS .prov = "sockets", LOCALHOST, .room = "FI_SOCKETS_MAX_BUF_SZ=1048576"
/* The mock core is loaded from FI_PROVIDER_PATH, as the provider is. */
#define MOCK .prov = "mock", RDM_CORE, .traits = MANUAL

static const struct core_case {
	const char *name, *prov;
	const char *host; /* NULL: addresses are not those of hosts */
	enum fi_ep_type type;
	const struct core_ops *ops;
	size_t rx_ctx_cnt;
	unsigned traits;
	bool no_rma;
	uint64_t rma;	     /* what it has of FI_RMA, 0: all */
	const char *mood[3]; /* environment by which the mock is told to be so */
	const char *room;    /* environment by which sockets is, see SOCKETS */
} cases[] = {
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

enum {
	CASES = sizeof(cases) / sizeof(cases[0]),
	DEADLINE = 300, /* seconds: nothing here takes one, unless the machine is emulated */
	MSGS = 64,
	BUFFER = 4096,
};

/* -- two sides ---------------------------------------------------------- */

struct msg {
	size_t len;
	uint8_t data[BUFFER];
};

struct side {
	struct fi_info *info;
	struct fid_fabric *fabric;
	const struct core_ops *ops;
	struct core_domain *domain;
	struct core_listener *from; /* where paths begin; NULL: anywhere */
	struct core_path *path;	    /* the last one, for registrations */
	const struct core_caps *caps;
	bool frozen;	       /* is not polled */
	int max;	       /* events in a poll */
	size_t recv_cnt;       /* messages received */
	size_t batch;	       /* most messages that came in one poll */
	struct msg msgs[MSGS]; /* the last of them */
	size_t request_cnt;
	struct core_request *request;		/* the last one */
	uint8_t data[256], addr[CORE_ADDR_MAX]; /* what came with it */
	size_t len, addr_len;
};

struct world {
	const struct core_case *c;
	struct side a, b;
	struct core_listener *listener; /* of b */
	uint8_t addr[CORE_ADDR_MAX];
	size_t addr_len;
};

/* One end of a path: its user. */
struct end {
	struct side *side;
	struct core_path *path;
	int connected, refused, broken, closed, error;
	size_t out;
	uint8_t data[256];
	size_t len;
};

struct op {
	struct core_io io; /* first */
	struct end *end;
	bool out;
	int done, error;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void on_path(struct end *end, const struct core_event *event)
{
	cr_assert(!end->closed, "an event behind CORE_CLOSED");
	switch (event->type) {
	case CORE_CONNECTED:
		cr_assert(!end->connected++ && !end->refused);
		break;
	case CORE_REFUSED:
		cr_assert(!end->connected && !end->refused++);
		cr_assert_gt(event->error, 0);
		end->error = event->error;
		break;
	case CORE_BROKEN:
		cr_assert(end->connected && !end->broken++);
		end->error = event->error;
		return;
	default:
		cr_assert_eq(end->out, 0, "closed with %zu operations out", end->out);
		end->closed++;
		return;
	}
	cr_assert_leq(event->len, sizeof(end->data));
	end->len = event->len;
	if (event->len)
		memcpy(end->data, event->data, event->len);
}

static void on_done(const struct core_event *event)
{
	struct op *op = (struct op *)event->io;

	cr_assert(op->out, "an operation is done twice");
	cr_assert_eq(event->user, op->end);
	op->out = false;
	op->done++;
	op->error = event->error;
	op->end->out--;
}

static void on_recv(struct side *side, const struct core_event *event)
{
	struct msg *msg = &side->msgs[side->recv_cnt++ % MSGS];

	msg->len = event->len;
	memcpy(msg->data, event->data, event->len < BUFFER ? event->len : BUFFER);
}

static void on_request(struct side *side, const struct core_event *event)
{
	cr_assert_leq(event->len, sizeof(side->data));
	cr_assert_leq(event->addr_len, sizeof(side->addr));
	cr_assert(event->info && event->request && event->listener);
	side->request_cnt++;
	side->request = event->request;
	side->len = event->len;
	memcpy(side->data, event->data, event->len);
	side->addr_len = event->addr_len;
	memcpy(side->addr, event->addr, event->addr_len);
}

static void pump_side(struct side *side, bool check_cm)
{
	struct core_event events[16];
	size_t recv_cnt = side->recv_cnt;
	int i, n;

	if (side->frozen || !side->domain)
		return;
	/* whatever the program did before: a core may take it for its own */
	errno = EAGAIN;
	n = side->ops->poll(side->domain, events, side->max, check_cm);
	cr_assert(n >= 0 && n <= side->max);
	for (i = 0; i < n; i++) {
		switch (events[i].type) {
		case CORE_RECV:
			on_recv(side, &events[i]);
			break;
		case CORE_DONE:
			on_done(&events[i]);
			break;
		case CORE_REQUEST:
			on_request(side, &events[i]);
			break;
		default:
			on_path(events[i].user, &events[i]);
		}
	}
	for (i = 0; i < n; i++)
		side->ops->release(side->domain, &events[i]);
	if (side->recv_cnt - recv_cnt > side->batch)
		side->batch = side->recv_cnt - recv_cnt;
}

/* Cores with a thread of their own need a processor for it. */
static void pump(struct world *w)
{
	sched_yield();
	pump_side(&w->a, true);
	pump_side(&w->b, true);
}

/* Waits for cond; if it does not come, tells what there was instead. */
#define until_told(w, cond, fmt, ...)                                                              \
	do {                                                                                       \
		double deadline_ = now() + DEADLINE;                                               \
		while (!(cond)) {                                                                  \
			pump(w);                                                                   \
			cr_assert_lt(now(), deadline_, "%s: no " #cond fmt, (w)->c->name,          \
				     ##__VA_ARGS__);                                               \
		}                                                                                  \
	} while (0)

#define until(w, cond) until_told(w, cond, "")

/* -- setting up --------------------------------------------------------- */

/* What the core itself offers: a provider that is layered over it answers to its name,
 * too. */
static struct fi_info *get_info(const struct core_case *c)
{
	struct fi_info *hints = fi_allocinfo(), *all = NULL, *info;
	uint32_t version = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION);

	hints->fabric_attr->prov_name = strdup(c->prov);
	hints->ep_attr->type = c->type;
	hints->ep_attr->rx_ctx_cnt = c->rx_ctx_cnt;
	hints->caps = c->no_rma ? FI_MSG : FI_MSG | FI_RMA | c->rma;
	hints->mode = FI_CONTEXT | FI_CONTEXT2 | FI_MSG_PREFIX | FI_ASYNC_IOV | FI_RX_CQ_DATA;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY | FI_MR_ENDPOINT | FI_MR_RAW | FI_MR_RMA_EVENT;
	fi_getinfo(version, c->host, NULL, c->host ? FI_SOURCE : 0, hints, &all);
	for (info = all; info && strcmp(info->fabric_attr->prov_name, c->prov); info = info->next)
		;
	if (!info)
		cr_skip_test("no %s core here", c->prov);
	info = fi_dupinfo(info);
	fi_freeinfo(all);
	fi_freeinfo(hints);
	return info;
}

static void side_open(struct side *side, const struct core_case *c, size_t size, size_t cnt,
		      size_t max)
{
	struct core_attr attr = {
		.buffer_size = size, .buffer_cnt = cnt, .buffer_max = max, .path_cnt = 64};

	memset(side, 0, sizeof(*side));
	side->ops = c->ops;
	side->max = 16;
	side->info = get_info(c);
	cr_assert_eq(fi_fabric(side->info->fabric_attr, &side->fabric, NULL), 0);
	cr_assert_eq(side->ops->domain_open(side->fabric, side->info, &attr, &side->domain), 0);
	side->caps = side->ops->caps(side->domain);
}

static void side_close(struct side *side)
{
	if (!side->info)
		return;
	side->ops->domain_close(side->domain);
	cr_assert_eq(fi_close(&side->fabric->fid), 0, "something is left open in the fabric");
	fi_freeinfo(side->info);
	memset(side, 0, sizeof(*side));
}

static void world_listen(struct world *w)
{
	cr_assert_eq(w->b.ops->listen(w->b.domain, w->b.info, &w->b, &w->listener), 0);
	w->addr_len = sizeof(w->addr);
	cr_assert_eq(w->b.ops->listener_name(w->listener, w->addr, &w->addr_len), 0);
}

static void world_open(struct world *w, const struct core_case *c)
{
	int i;

	memset(w, 0, sizeof(*w));
	w->c = c;
	core_leaks = c->traits & LEAKS;
	setenv("MOCK_CORE", "1", 1);
	for (i = 0; c->mood[i]; i++)
		putenv((char *)c->mood[i]);
	if (c->room)
		putenv((char *)c->room);
	side_open(&w->a, c, BUFFER, 64, 256);
	side_open(&w->b, c, BUFFER, 64, 256);
	world_listen(w);
}

static void world_close(struct world *w)
{
	side_close(&w->a);
	side_close(&w->b);
	cr_assert(!leaks_found());
}

/* Without a device each test would say that verbs was skipped.  All moods of the mock
 * are tried once, in the build with asserts and without sanitizers. */
static bool is_worth_it(const struct core_case *c)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(NDEBUG)
	if (c->mood[0] && !c->mood[1])
		return false;
#endif
	return strcmp(c->prov, "verbs") || !access("/sys/class/infiniband", F_OK);
}

/* CORE_CASE: the name of one, for who looks for a fault. */
static bool is_chosen(const struct core_case *c)
{
	const char *only = getenv("CORE_CASE");

	return only ? !strcmp(c->name, only) : is_worth_it(c);
}

/* Connections of net are those of tcp but for how they end. */
static bool is_tried_elsewhere(const struct core_case *c)
{
	return !strcmp(c->prov, "net") && c->type == FI_EP_MSG;
}

static struct criterion_test_params cases_of(unsigned traits)
{
	int *idx = cr_malloc(CASES * sizeof(*idx)), cnt = 0;

	for (int i = 0; i < CASES; i++)
		if ((cases[i].traits & traits) == traits && is_chosen(&cases[i]) &&
		    (traits || !is_tried_elsewhere(&cases[i])))
			idx[cnt++] = i;
	return cr_make_param_array(int, idx, (size_t)cnt);
}

/* A test that runs once for each core, or once for each that has these traits. */
#define CORE_TEST(name) CORE_TEST_OF(name, 0)
#define CORE_TEST_OF(name, needed)                                                                 \
	static void name##_run(struct world *w);                                                   \
	ParameterizedTestParameters(core, name)                                                    \
	{                                                                                          \
		return cases_of(needed);                                                           \
	}                                                                                          \
	ParameterizedTest(int *idx, core, name)                                                    \
	{                                                                                          \
		struct world *w = malloc(sizeof(*w));                                              \
                                                                                                   \
		world_open(w, &cases[*idx]);                                                       \
		name##_run(w);                                                                     \
		world_close(w);                                                                    \
		free(w);                                                                           \
	}                                                                                          \
	static void name##_run(struct world *w)

static void connect_end(struct world *w, struct side *side, struct end *end, const void *data,
			size_t len)
{
	memset(end, 0, sizeof(*end));
	end->side = side;
	cr_assert_eq(side->ops->connect(side->domain, side->from, side->info, w->addr, w->addr_len,
					data, len, end, &end->path),
		     0);
	side->path = end->path;
}

static void accept_end(struct side *side, struct end *end, const void *data, size_t len)
{
	memset(end, 0, sizeof(*end));
	end->side = side;
	cr_assert_eq(side->ops->accept(side->domain, side->request, data, len, end, &end->path), 0);
	side->path = end->path;
	side->request = NULL;
}

/* A path from a to b. */
static void join(struct world *w, struct end *a, struct end *b)
{
	size_t cnt = w->b.request_cnt;

	connect_end(w, &w->a, a, NULL, 0);
	until(w, w->b.request_cnt > cnt);
	accept_end(&w->b, b, NULL, 0);
	until(w, a->connected && b->connected);
}

static void part(struct world *w, struct end *a, struct end *b)
{
	if (!a->closed)
		a->side->ops->path_close(a->path);
	if (!b->closed)
		b->side->ops->path_close(b->path);
	until(w, a->closed && b->closed);
}

/* -- operations --------------------------------------------------------- */

static int op_begin(struct end *end, struct op *op, int ret)
{
	op->end = end;
	if (!ret) {
		op->out = true;
		end->out++;
	}
	return ret;
}

static int op_send(struct end *end, struct op *op, const struct iovec *iov, size_t cnt,
		   bool may_buffer)
{
	void *desc[CORE_IOV_MAX] = {0};
	size_t len = 0, i;

	for (i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	return op_begin(end, op,
			end->side->ops->send(end->path, &op->io, iov, desc, cnt, len, may_buffer));
}

static int op_send1(struct end *end, struct op *op, const void *buf, size_t len)
{
	struct iovec iov = {(void *)buf, len};

	return op_send(end, op, &iov, 1, true);
}

/* A registered piece of memory. */
struct region {
	uint8_t *buf;
	size_t len;
	struct core_mr *mr;
	uint64_t raddr, key;
};

static void region_open(struct side *side, struct region *r, size_t len, uint64_t access)
{
	r->len = len;
	r->buf = calloc(1, len);
	cr_assert_eq(side->ops->mr_reg(side->domain, side->path, r->buf, len, access, &r->mr,
				       &r->raddr, &r->key),
		     0);
}

static void region_close(struct side *side, struct region *r)
{
	side->ops->mr_close(r->mr);
	free(r->buf);
}

static int op_rma(struct end *end, struct op *op, bool read, struct region *local, size_t offset,
		  size_t len, const struct region *remote)
{
	const struct core_ops *ops = end->side->ops;
	void *mr_desc = ops->mr_desc(local->mr), *desc[2] = {mr_desc, mr_desc};
	const size_t first = end->side->caps->rma_iov_limit > 1 ? len / 3 : len;
	struct iovec iov[2] = {
		{local->buf + offset, first},
		{local->buf + offset + first, len - first},
	};

	return op_begin(end, op,
			(read ? ops->read : ops->write)(end->path, &op->io, iov, desc,
							first < len ? 2 : 1, remote->raddr + offset,
							remote->key));
}

static void pattern(uint8_t *buf, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static bool reads(const struct world *w)
{
	return w->a.caps->can_read && w->b.caps->read_target;
}

static bool writes(const struct world *w)
{
	return w->a.caps->can_write && w->b.caps->write_target;
}

/* The path still does all it should. */
static void check_path(struct world *w, struct end *a, struct end *b)
{
	size_t cnt = w->b.recv_cnt, i;
	struct op ops[32] = {0}, rd = {0}, wr = {0};
	uint8_t buf[32][512];
	struct region la, rb;

	for (i = 0; i < 32; i++) {
		pattern(buf[i], sizeof(buf[i]), (unsigned)i);
		until(w, op_send1(a, &ops[i], buf[i], sizeof(buf[i])) != -FI_EAGAIN);
	}
	until(w, w->b.recv_cnt == cnt + 32 && !a->out);
	for (i = 0; i < 32; i++) {
		struct msg *msg = &w->b.msgs[(cnt + i) % MSGS];

		cr_assert_eq(ops[i].error, 0);
		cr_assert_eq(msg->len, sizeof(buf[i]));
		cr_assert_eq(memcmp(msg->data, buf[i], msg->len), 0);
	}

	w->a.path = a->path;
	w->b.path = b->path;
	region_open(&w->a, &la, 300000, FI_READ | FI_WRITE);
	region_open(&w->b, &rb, 300000, FI_REMOTE_READ | FI_REMOTE_WRITE);
	pattern(rb.buf, rb.len, 1);
	if (reads(w)) {
		cr_assert_eq(op_rma(a, &rd, true, &la, 0, la.len, &rb), 0);
		until(w, rd.done);
		cr_assert_eq(rd.error, 0);
		cr_assert_eq(memcmp(la.buf, rb.buf, la.len), 0);
	}
	pattern(la.buf, la.len, 2);
	if (writes(w)) {
		cr_assert_eq(op_rma(a, &wr, false, &la, 0, la.len, &rb), 0);
		until(w, wr.done && !memcmp(la.buf, rb.buf, la.len));
		cr_assert_eq(wr.error, 0);
	}
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
	cr_assert(!a->broken && !b->broken);
}

static int wait_any(struct side *side, int timeout)
{
	struct pollfd pfd[8] = {{0}};
	int fds[8], n, i;

	n = side->ops->wait_fds(side->domain, fds, 8);
	cr_assert(n > 0 && n <= 8);
	for (i = 0; i < n; i++)
		pfd[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	return poll(pfd, (nfds_t)n, timeout);
}

/* Until nothing is left to do and a sleeper may sleep. */
static void settle(struct world *w, struct side *side)
{
	double deadline = now() + DEADLINE;

	while (side->ops->trywait(side->domain) || wait_any(side, 0)) {
		pump(w);
		cr_assert_lt(now(), deadline, "%s: never idle", w->c->name);
	}
}

/* -- connections -------------------------------------------------------- */

CORE_TEST(connect_carries_data_both_ways)
{
	uint8_t name[CORE_ADDR_MAX], peer[CORE_ADDR_MAX];
	size_t name_len = sizeof(name), peer_len = sizeof(peer);
	struct end a, b;

	cr_assert_geq(w->a.caps->cm_data_size, 32);
	connect_end(w, &w->a, &a, "from the opener", 15);
	cr_assert_eq(op_send1(&a, &(struct op){0}, "x", 1), -FI_ENOTCONN);
	until(w, w->b.request);
	cr_assert_eq(w->b.len, 15);
	cr_assert_eq(memcmp(w->b.data, "from the opener", 15), 0);
	if (w->c->host) {
		struct sockaddr_in *sin = (struct sockaddr_in *)w->b.addr;

		cr_assert_eq(sin->sin_family, AF_INET);
		cr_assert_eq(sin->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	}

	accept_end(&w->b, &b, "and back", 8);
	until(w, a.connected && b.connected);
	cr_assert_eq(a.len, 8);
	cr_assert_eq(memcmp(a.data, "and back", 8), 0);
	cr_assert_eq(b.len, 0);

	cr_assert_eq(w->a.ops->path_name(a.path, name, &name_len), 0);
	cr_assert_eq(w->b.ops->path_peer(b.path, peer, &peer_len), 0);
	cr_assert_eq(name_len, peer_len);
	cr_assert_eq(memcmp(name, peer, name_len), 0);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

CORE_TEST(the_most_connection_data)
{
	size_t most = w->a.caps->cm_data_size;
	uint8_t data[512], *path = (uint8_t *)1;
	struct end a, b;

	pattern(data, sizeof(data), 5);
	cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, w->addr, w->addr_len, data,
				       most + 1, NULL, (struct core_path **)&path),
		     -FI_EINVAL);
	connect_end(w, &w->a, &a, data, most);
	until(w, w->b.request);
	cr_assert_eq(w->b.len, most);
	cr_assert_eq(memcmp(w->b.data, data, most), 0);
	accept_end(&w->b, &b, data, most);
	until(w, a.connected && b.connected);
	cr_assert_eq(a.len, most);
	cr_assert_eq(memcmp(a.data, data, most), 0);
	part(w, &a, &b);
}

CORE_TEST(reject_carries_data)
{
	struct end a;

	connect_end(w, &w->a, &a, NULL, 0);
	until(w, w->b.request);
	w->b.ops->reject(w->b.request, "not you", 7);
	until(w, a.refused);
	cr_assert_eq(a.error, FI_ECONNREFUSED);
	cr_assert_eq(a.len, 7);
	cr_assert_eq(memcmp(a.data, "not you", 7), 0);
	cr_assert_lt(op_send1(&a, &(struct op){0}, "x", 1), 0);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

CORE_TEST_OF(nobody_listens, TELLS)
{
	struct end a;

	w->b.ops->listener_close(w->listener);
	connect_end(w, &w->a, &a, NULL, 0);
	until(w, a.refused);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

/* Whoever has the address does not listen any more. */
CORE_TEST(a_listener_that_left)
{
	struct end a, b, late;

	join(w, &a, &b);
	w->b.ops->listener_close(w->listener);
	connect_end(w, &w->a, &late, NULL, 0);
	until(w, late.refused);
	w->a.ops->path_close(late.path);
	until(w, late.closed);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

CORE_TEST(close_while_connecting)
{
	struct end a, b;

	w->b.max = 1; /* whichever request comes, comes alone */
	connect_end(w, &w->a, &a, "1", 1);
	w->a.ops->path_close(a.path);
	until(w, a.closed);

	/* a core may have sent the first nevertheless */
	connect_end(w, &w->a, &a, "2", 1);
	until(w, w->b.request && w->b.data[0] == '2');
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	/* a core may know by now that nobody is there */
	b = (struct end){.side = &w->b};
	if (!w->b.ops->accept(w->b.domain, w->b.request, NULL, 0, &b, &b.path)) {
		until(w, b.refused || b.broken || w->c->traits & FORGETS);
		w->b.ops->path_close(b.path);
		until(w, b.closed);
	}

	join(w, &a, &b);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* A stranger at the other end: it hangs up without an answer. */
CORE_TEST_OF(the_listener_hangs_up, TCP)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int sock = socket(AF_INET, SOCK_STREAM, 0), conn;
	uint8_t request[512];
	struct end a, live_a, live_b;

	/* another path keeps the core's sockets busy, and errno with them */
	join(w, &live_a, &live_b);
	cr_assert_eq(bind(sock, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(listen(sock, 1), 0);
	cr_assert_eq(getsockname(sock, (struct sockaddr *)&sin, &len), 0);
	memcpy(w->addr, &sin, len);
	w->addr_len = len;
	connect_end(w, &w->a, &a, NULL, 0);
	pump(w);
	conn = accept(sock, NULL, NULL);
	cr_assert_geq(conn, 0);
	until(w, recv(conn, request, sizeof(request), MSG_DONTWAIT) > 0);
	close(conn);
	until(w, a.refused);
	cr_assert_eq(a.error, FI_ECONNRESET);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	close(sock);
	part(w, &live_a, &live_b);
}

/* Nobody answers, and nobody says that there is nobody: giving up needs no answer. */
CORE_TEST(nobody_answers)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	struct end a;

	cr_assert_eq(bind(sock, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(listen(sock, 1), 0);
	cr_assert_eq(getsockname(sock, (struct sockaddr *)&sin, &len), 0);
	if (w->c->host) {
		memcpy(w->addr, &sin, len);
		w->addr_len = len;
	} else {
		w->b.frozen = true;
	}
	connect_end(w, &w->a, &a, NULL, 0);
	for (int i = 0; i < 100; i++)
		pump(w);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	close(sock);
}

/* The wire is full of those who ask: what nobody answers ends somewhere. */
CORE_TEST(unanswered_requests_are_bounded)
{
	enum { MANY = 5000 };
	struct end *ends = calloc(MANY, sizeof(*ends));
	int i;

	for (i = 0; w->c->type == FI_EP_RDM && !w->c->mood[0] && i < MANY; i++) {
		const size_t before = w->b.request_cnt;

		connect_end(w, &w->a, &ends[i], NULL, 0);
		until(w, w->b.request_cnt > before || ends[i].refused);
		if (ends[i].refused)
			break;
	}
	cr_assert_neq(i, MANY);
	side_close(&w->b); /* turns away who is there: shm does not bear it if nobody is */
	side_close(&w->a);
	free(ends);
}

/* Text that the core would make a file name of. */
CORE_TEST(names_that_cannot_be)
{
	static const char *const names[] = {"",
					    "shm",
					    "fi_shm://",
					    "fi_shm://../../tmp/x",
					    "fi_shm:///x",
					    "fi_shm://a/b",
					    "fi_shm://.",
					    "fi_shm://.."};
	struct end a = {.side = &w->a};

	if (w->a.info->addr_format != FI_ADDR_STR)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, names[i],
					       strlen(names[i]) + 1, NULL, 0, &a, &a.path),
			     -FI_EINVAL, "%s", names[i]);
	cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, "fi_shm://x", 10, NULL, 0, &a,
				       &a.path),
		     -FI_EINVAL, "no end");
}

/* A message of the adapter's own kind (core/rdm/frame.c), from whoever likes to send it. */
static void send_frame(struct world *w, struct end *end, uint8_t type, const void *name,
		       uint8_t name_len)
{
	uint8_t frame[32 + 64] = {0xff, 0xff, 0xff, 0xff, 1, type, name_len, 0, 1, 2, 3, 4, 5};
	struct op op = {0};

	memcpy(frame + 32, name, name_len);
	cr_assert_geq(op_send1(end, &op, frame, 32 + name_len), 0);
	until(w, !op.out);
}

/* Addresses that are none, which a core would take, or choke on. */
CORE_TEST(strangers_send_names)
{
	const struct sockaddr_in no_port = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 other = {
		.sin6_family = AF_INET6, .sin6_port = 1, .sin6_addr = in6addr_loopback};
	const struct {
		const void *name;
		uint8_t len;
	} names[] = {
		{"\0", 2},  {"x", 1},	    {"fi_shm://a", 10},		 {"fi_shm://a/b", 13},
		{"://", 4}, {"mock://", 7}, {&no_port, sizeof(no_port)}, {&other, sizeof(other)}};
	struct end a, b, a2, b2;
	size_t before;

	if (w->c->type != FI_EP_RDM)
		return;
	join(w, &a, &b);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		before = w->b.request_cnt;
		send_frame(w, &a, 1, names[i].name, names[i].len); /* REQUEST */
		send_frame(w, &a, 2, names[i].name, names[i].len); /* ACCEPT */
		cr_assert_eq(w->a.ops->listen(w->a.domain, w->a.info, NULL, &w->a.from), 0);
		join(w, &a2, &b2);
		cr_assert_eq(w->b.request_cnt, before + 1, "name %zu", i);
		part(w, &a2, &b2);
		w->a.ops->listener_close(w->a.from);
	}
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* Bytes of memory that are allocated. */
static size_t in_use(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

/* Some cores never return what was posted to an endpoint that is closed. */
CORE_TEST(closed_listeners_give_back_their_buffers)
{
	enum { TIMES = 32, EACH = 64 * BUFFER };
	struct core_listener *l;
	size_t before = in_use();

	for (int i = 0; i < TIMES; i++) {
		cr_assert_eq(w->b.ops->listen(w->b.domain, w->b.info, NULL, &l), 0);
		w->b.ops->listener_close(l);
		pump(w);
		pump(w);
	}
	cr_assert_lt(in_use(), before + TIMES / 2 * EACH);
}

/* What is said right ahead of the end, to somebody who looks later. */
CORE_TEST(sent_and_gone)
{
	static const uint8_t last[] = "the last words";
	struct op op = {0};
	struct end a, b;

	if (!w->a.caps->keeps_sent)
		return;
	join(w, &a, &b);
	w->b.frozen = true;
	cr_assert_geq(op_send1(&a, &op, last, sizeof(last)), 0);
	until(w, !op.out);
	side_close(&w->a);
	w->b.frozen = false;
	until(w, b.broken);
	cr_assert_eq(b.error, 0);
	cr_assert_eq(w->b.recv_cnt, 1);
	cr_assert_eq(memcmp(w->b.msgs[0].data, last, sizeof(last)), 0);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
}

/* Strangers at the listener: one says nothing and leaves, one talks nonsense,
 * one says nothing and stays. */
CORE_TEST_OF(strangers_connect, TCP)
{
	int socks[3], i;
	struct end a, b;

	for (i = 0; i < 3; i++) {
		socks[i] = socket(AF_INET, SOCK_STREAM, 0);
		cr_assert_eq(connect(socks[i], (struct sockaddr *)w->addr, (socklen_t)w->addr_len),
			     0);
		pump(w);
	}
	cr_assert_eq(write(socks[1], "GET / HTTP/1.1\r\nHost: nobody at all\r\n\r\n", 40), 40);
	close(socks[0]);
	join(w, &a, &b);
	cr_assert_eq(w->b.request_cnt, 1);
	check_path(w, &a, &b);
	part(w, &a, &b);
	settle(w, &w->b);
	close(socks[1]);
	close(socks[2]);
}

/* Sockets that connect to the listener and say nothing: as many as this process has
 * descriptors for, at either end, and as the kernel keeps for a listener. */
struct silent {
	int cnt, *socks;
};

static int kernel_backlog(void)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
	int most = 128;

	if (file && fscanf(file, "%d", &most) != 1)
		most = 128;
	if (file)
		fclose(file);
	return most;
}

static void silent_connect(struct world *w, struct silent *silent)
{
	enum { LEAST = 100, MOST = 1000, OTHERS = 100 };
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	silent->cnt = MOST;
	if (limit.rlim_cur < 2 * MOST + OTHERS)
		silent->cnt = ((int)limit.rlim_cur - OTHERS) / 2;
	if (silent->cnt > kernel_backlog() / 2)
		silent->cnt = kernel_backlog() / 2;
	if (silent->cnt < LEAST)
		cr_skip_test("no room for %d connections", LEAST);
	silent->socks = calloc((size_t)silent->cnt, sizeof(int));
	for (int i = 0; i < silent->cnt; i++) {
		silent->socks[i] = socket(AF_INET, SOCK_STREAM, 0);
		cr_assert_geq(silent->socks[i], 0);
		cr_assert_eq(connect(silent->socks[i], (struct sockaddr *)w->addr,
				     (socklen_t)w->addr_len),
			     0);
	}
}

static void silent_close(struct silent *silent)
{
	for (int i = 0; i < silent->cnt; i++)
		close(silent->socks[i]);
	free(silent->socks);
}

/* Whoever asks for a connection behind so many does not wait for one look per socket. */
static void ask(struct world *w, struct end *a)
{
	connect_end(w, &w->a, a, NULL, 0);
	for (int i = 0; i < 16; i++)
		pump_side(&w->a, true);
}

CORE_TEST_OF(behind_silent_connections, TCP)
{
	struct silent silent;
	int looks = 0;
	struct end a, b;

	silent_connect(w, &silent);
	ask(w, &a);
	while (!w->b.request_cnt) {
		cr_assert_lt(looks, silent.cnt / 2, "of %d silent ones", silent.cnt);
		pump_side(&w->a, true);
		pump_side(&w->b, true);
		looks++;
	}
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	check_path(w, &a, &b);
	part(w, &a, &b);
	silent_close(&silent);
}

/* No descriptor is left for somebody at the door: looking again and again would not let
 * him in, and nobody could sleep. */
CORE_TEST_OF(no_descriptor_for_a_connection, TCP)
{
	struct rlimit limit, none;
	int sock, looks = 0;
	struct end a, b;

	sock = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(sock, (struct sockaddr *)w->addr, (socklen_t)w->addr_len), 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)dup(sock); /* the lowest that is free */
	close((int)none.rlim_cur);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	do {
		cr_assert_lt(looks++, 64);
		pump_side(&w->b, true);
	} while (w->b.ops->trywait(w->b.domain));
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	join(w, &a, &b);
	check_path(w, &a, &b);
	part(w, &a, &b);
	close(sock);
}

CORE_TEST_OF(a_passive_listener_behind_silent_connections, TCP)
{
	struct core_event event = {0};
	struct core_listener *l;
	size_t len = sizeof(w->addr);
	struct silent silent;
	int looks = 0;
	struct end a;

	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, NULL, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, w->addr, &len), 0);
	w->addr_len = len;
	silent_connect(w, &silent);
	ask(w, &a);
	while (!w->b.ops->passive_poll(l, &event)) {
		cr_assert_lt(looks, silent.cnt / 2, "of %d silent ones", silent.cnt);
		pump_side(&w->a, true);
		looks++;
	}
	w->b.ops->passive_release(l, &event);
	w->b.ops->reject(event.request, NULL, 0);
	until(w, a.refused);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	silent_close(&silent); /* first: the core forgets those that are left */
	for (int i = 0; i < 16; i++)
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
	w->b.ops->listener_close(l);
}

/* An endpoint of the core that knows nothing of adapters. */
struct raw {
	struct fid_domain *domain;
	struct fid_cq *cq;
	struct fid_av *av;
	struct fid_ep *ep;
	fi_addr_t to;
	size_t out;
};

static void raw_open(struct world *w, struct raw *raw)
{
	struct fi_cq_attr cq_attr = {.format = FI_CQ_FORMAT_CONTEXT};
	struct fi_av_attr av_attr = {.type = FI_AV_TABLE};

	raw->out = 0;
	cr_assert_eq(fi_domain(w->a.fabric, w->a.info, &raw->domain, NULL), 0);
	cr_assert_eq(fi_cq_open(raw->domain, &cq_attr, &raw->cq, NULL), 0);
	cr_assert_eq(fi_av_open(raw->domain, &av_attr, &raw->av, NULL), 0);
	cr_assert_eq(fi_endpoint(raw->domain, w->a.info, &raw->ep, NULL), 0);
	cr_assert_eq(fi_ep_bind(raw->ep, &raw->cq->fid, FI_TRANSMIT | FI_RECV), 0);
	cr_assert_eq(fi_ep_bind(raw->ep, &raw->av->fid, 0), 0);
	cr_assert_eq(fi_enable(raw->ep), 0);
	cr_assert_eq(fi_av_insert(raw->av, w->addr, 1, &raw->to, 0, NULL), 1);
}

static void raw_poll(struct raw *raw)
{
	struct fi_cq_entry entry;

	while (fi_cq_read(raw->cq, &entry, 1) == 1)
		raw->out--;
}

/* False: the core does not take it now. */
static bool raw_send(struct raw *raw, const void *buf, size_t len)
{
	ssize_t ret = fi_send(raw->ep, buf, len, NULL, raw->to, NULL);

	raw_poll(raw);
	cr_assert(!ret || ret == -FI_EAGAIN);
	raw->out += !ret;
	return !ret;
}

static void raw_close(struct raw *raw)
{
	fi_close(&raw->ep->fid);
	fi_close(&raw->av->fid);
	fi_close(&raw->cq->fid);
	fi_close(&raw->domain->fid);
}

/* Whoever asks for a connection behind messages that nobody of us sends does not wait for
 * one look per message. */
CORE_TEST(a_passive_listener_behind_strangers_messages)
{
	enum { MOST = 200, FEW = 64 };
	static const uint8_t nonsense[16] = {1, 2, 3};
	struct core_event event = {0};
	struct core_listener *l;
	size_t len = sizeof(w->addr);
	int looks = 0, cnt = 0;
	struct raw raw;
	struct end a;

	if (w->c->type != FI_EP_RDM || w->c->mood[0])
		return;
	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, NULL, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, w->addr, &len), 0);
	w->addr_len = len;
	raw_open(w, &raw);
	while (!raw_send(&raw, nonsense, sizeof(nonsense)))
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
	while (raw.out) { /* the core may have had to connect */
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
		raw_poll(&raw);
	}
	while (cnt < MOST && raw_send(&raw, nonsense, sizeof(nonsense)))
		cnt++;
	ask(w, &a);
	while (!w->b.ops->passive_poll(l, &event)) {
		/* a core that takes few of them, or is slow about it, proves nothing */
		cr_assert(looks < cnt / 2 || cnt < FEW || w->c->traits & SLEEPS, "of %d messages",
			  cnt);
		pump_side(&w->a, true);
		raw_poll(&raw);
		looks++;
	}
	w->b.ops->passive_release(l, &event);
	w->b.ops->reject(event.request, NULL, 0);
	until(w, (w->b.ops->passive_poll(l, &event), a.refused));
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	raw_close(&raw);
	w->b.ops->listener_close(l);
}

CORE_TEST(requests_outlive_their_listener)
{
	struct end a1, a2, a3, b1;
	struct core_request *first, *second;

	connect_end(w, &w->a, &a1, NULL, 0);
	until(w, w->b.request_cnt == 1);
	first = w->b.request;
	connect_end(w, &w->a, &a2, NULL, 0);
	until(w, w->b.request_cnt == 2);
	second = w->b.request;
	connect_end(w, &w->a, &a3, NULL, 0);
	until(w, w->b.request_cnt == 3);

	w->b.ops->listener_close(w->listener);
	w->b.request = first;
	accept_end(&w->b, &b1, NULL, 0);
	w->b.ops->reject(second, NULL, 0);
	until(w, a1.connected && b1.connected && a2.refused);
	check_path(w, &a1, &b1);
	if (w->c->traits & FORGETS)
		return;
	/* the third is turned away with the domain */
	side_close(&w->b);
	until(w, a3.refused && a1.broken);
}

static void set_source(struct fi_info *info, const void *addr, size_t len)
{
	free(info->src_addr);
	info->src_addr = malloc(len);
	memcpy(info->src_addr, addr, len);
	info->src_addrlen = len;
}

CORE_TEST_OF(the_port_is_free_again, TCP)
{
	struct fi_info *info = fi_dupinfo(w->b.info);
	uint8_t before[CORE_ADDR_MAX];
	size_t len = sizeof(w->addr);
	struct end a, b;

	memcpy(before, w->addr, sizeof(before));

	join(w, &a, &b);
	part(w, &a, &b);
	w->b.ops->listener_close(w->listener);
	set_source(info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->listen(w->b.domain, info, &w->b, &w->listener), 0);
	fi_freeinfo(info);
	cr_assert_eq(w->b.ops->listener_name(w->listener, w->addr, &len), 0);
	cr_assert(!w->c->host || !memcmp(w->addr, before, len));
	join(w, &a, &b);
	part(w, &a, &b);
}

/* The name of a listener as the source of a path: the path has another port. */
CORE_TEST(connect_from_a_listeners_name)
{
	struct fi_info *info = fi_dupinfo(w->b.info);
	struct end a = {.side = &w->b}, b;

	set_source(info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->connect(w->b.domain, NULL, info, w->addr, w->addr_len, NULL, 0, &a,
				       &a.path),
		     0);
	fi_freeinfo(info);
	until(w, w->b.request);
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	part(w, &a, &b);
}

/* A path from an address that was free just now; whether it begins there. */
static bool join_from(struct world *w, struct end *a, struct end *b)
{
	struct fi_info *const info = w->a.info;
	uint8_t asked[CORE_ADDR_MAX], name[CORE_ADDR_MAX];
	size_t asked_len = sizeof(asked), len = sizeof(name);
	struct core_listener *l;

	cr_assert_eq(w->a.ops->passive_open(w->a.fabric, info, w, &l), 0);
	cr_assert_eq(w->a.ops->listener_name(l, asked, &asked_len), 0);
	w->a.ops->listener_close(l);
	w->a.info = fi_dupinfo(info);
	set_source(w->a.info, asked, asked_len);
	join(w, a, b);
	fi_freeinfo(w->a.info);
	w->a.info = info;
	cr_assert_eq(w->a.ops->path_name(a->path, name, &len), 0);
	return len == asked_len && !memcmp(name, asked, len);
}

/* Each path begins at its own source address. */
CORE_TEST(paths_begin_where_they_are_asked_to)
{
	enum { PATHS = 3, TRIES = 10 };
	struct end a[PATHS], b[PATHS];

	if (!w->c->host || w->c->type != FI_EP_RDM)
		return;	       /* others take a name for a hint */
	join(w, &a[0], &b[0]); /* anywhere */
	for (int i = 1, tries = 0; i < PATHS; i++) {
		/* in between, somebody else may have taken the address */
		while (!join_from(w, &a[i], &b[i])) {
			cr_assert_lt(++tries, TRIES, "path %d", i);
			part(w, &a[i], &b[i]);
		}
	}
	for (int i = 0; i < PATHS; i++) {
		check_path(w, &a[i], &b[i]);
		part(w, &a[i], &b[i]);
	}
}

CORE_TEST(passive_listener)
{
	struct core_event event = {0};
	struct core_listener *l;
	uint8_t name[CORE_ADDR_MAX];
	size_t len = sizeof(name);
	struct end a = {.side = &w->a}, b = {.side = &w->b};
	struct pollfd pfd = {.events = POLLIN};
	double deadline = now() + DEADLINE;

	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, w, &l), 0);
	if (w->b.info->src_addr) {
		memcpy(name, w->b.info->src_addr, w->b.info->src_addrlen);
		cr_assert_eq(w->b.ops->passive_setname(l, name, w->b.info->src_addrlen), 0);
	}
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, name, &len), 0);
	memcpy(w->addr, name, len);
	w->addr_len = len;
	pfd.fd = w->b.ops->passive_fd(l);
	while (w->b.ops->passive_trywait(l))
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
	cr_assert(poll(&pfd, 1, 0) == 0 || !(w->c->traits & SLEEPS), "%s", w->c->name);

	connect_end(w, &w->a, &a, "hello", 5);
	while (!w->b.ops->passive_poll(l, &event)) {
		pump_side(&w->a, false);
		if (!w->b.ops->passive_trywait(l))
			cr_assert_geq(poll(&pfd, 1, 10), 0);
		cr_assert_lt(now(), deadline);
	}
	cr_assert_eq(event.type, CORE_REQUEST);
	cr_assert_eq(event.user, w);
	cr_assert_eq(event.len, 5);
	cr_assert_eq(memcmp(event.data, "hello", 5), 0);
	cr_assert_gt(event.addr_len, 0);
	cr_assert_eq(w->b.ops->passive_cm_size(l), w->a.caps->cm_data_size);
	w->b.ops->passive_release(l, &event);
	/* a program may close the passive endpoint before it accepts */
	w->b.ops->listener_close(l);
	w->b.request = event.request;
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* The source address of the domain's info is the listener's: who accepts begins elsewhere,
 * and does not take it away. */
CORE_TEST(a_listener_keeps_its_name)
{
	const struct core_attr attr = {
		.buffer_size = BUFFER, .buffer_cnt = 64, .buffer_max = 256, .path_cnt = 64};
	struct core_event event = {0};
	struct core_listener *l;
	struct end a, b;

	if (strcmp(w->c->prov, "shm"))
		return; /* others do not lend themselves to it */
	w->addr_len = 1 + (size_t)snprintf((char *)w->addr, sizeof(w->addr), "fi_ns://core-%ld",
					   (long)getpid());
	w->b.ops->domain_close(w->b.domain);
	set_source(w->b.info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->domain_open(w->b.fabric, w->b.info, &attr, &w->b.domain), 0);
	w->b.caps = w->b.ops->caps(w->b.domain);
	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, w, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	for (int i = 0; i < 2; i++) {
		connect_end(w, &w->a, &a, NULL, 0);
		until(w, w->b.ops->passive_poll(l, &event));
		w->b.ops->passive_release(l, &event);
		w->b.request = event.request;
		accept_end(&w->b, &b, NULL, 0);
		until(w, a.connected && b.connected);
		check_path(w, &a, &b);
		part(w, &a, &b);
	}
	w->b.ops->listener_close(l);
}

CORE_TEST(passive_listener_rejects)
{
	struct core_event event = {0};
	struct core_listener *l;
	size_t len = sizeof(w->addr);
	struct end a, a2;

	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, NULL, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, w->addr, &len), 0);
	w->addr_len = len;
	connect_end(w, &w->a, &a, NULL, 0);
	until(w, w->b.ops->passive_poll(l, &event));
	w->b.ops->reject(event.request, "no", 2);
	until(w, (w->b.ops->passive_poll(l, &event), a.refused));
	cr_assert_eq(a.len, 2);
	/* connectionless ones may not have taken a request yet */
	if (w->c->type == FI_EP_RDM || w->c->traits & FORGETS) {
		w->b.ops->listener_close(l);
		return;
	}
	/* one that is never read */
	connect_end(w, &w->a, &a2, NULL, 0);
	pump(w);
	pump(w);
	w->b.ops->listener_close(l);
	until(w, a2.refused);
}

CORE_TEST(path_within_a_domain)
{
	struct end a, b;
	struct op op = {0};

	connect_end(w, &w->b, &a, NULL, 0);
	until(w, w->b.request);
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	cr_assert_geq(op_send1(&a, &op, "me", 2), 0);
	until(w, w->b.recv_cnt == 1);
	part(w, &a, &b);
}

/* -- messages ----------------------------------------------------------- */

CORE_TEST(sends_injected_and_not)
{
	static const size_t sizes[] = {0, 1, 64, 128, 129, 200, 256, 300, 1000, BUFFER};
	uint8_t out[BUFFER], copy[BUFFER];
	struct end a, b;
	size_t i, cnt, len;
	int ret;

	join(w, &a, &b);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (cnt = 1; cnt <= w->a.caps->iov_limit; cnt++) {
			struct iovec iov[CORE_IOV_MAX];
			struct op op = {0};
			size_t j, piece = sizes[i] / cnt, before = w->b.recv_cnt;
			struct msg *msg = &w->b.msgs[before % MSGS];

			len = sizes[i];
			pattern(out, len, (unsigned)(i * 16 + cnt));
			memcpy(copy, out, len);
			for (j = 0; j < cnt; j++)
				iov[j] = (struct iovec){out + j * piece,
							j + 1 < cnt ? piece : len - j * piece};
			ret = op_send(&a, &op, iov, cnt, (cnt & 1) == 0);
			cr_assert(ret == 0 || ret == 1);
			/* only where it may be taken into a buffer; some copy more */
			cr_assert(ret == 0 || (cnt & 1) == 0);
			if (ret == 1)
				memset(out, 0xee, len);
			until(w, w->b.recv_cnt == before + 1 && !a.out);
			cr_assert_eq(op.done, !ret);
			cr_assert_eq(op.error, 0);
			cr_assert_eq(msg->len, len);
			cr_assert_eq(memcmp(msg->data, copy, len), 0);
		}
	}
	part(w, &a, &b);
}

CORE_TEST(too_many_pieces)
{
	uint8_t buf[8][400] = {{0}};
	struct iovec iov[8];
	struct op op = {0};
	struct end a, b;
	int i;

	join(w, &a, &b);
	for (i = 0; i < 8; i++)
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
	cr_assert_eq(a.side->ops->send(a.path, &op.io, iov, (void *[8]){0}, 8, sizeof(buf), false),
		     -FI_EINVAL);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* Everything that was received has been posted again: a thousand messages
 * through four buffers. */
CORE_TEST(buffers_are_reposted)
{
	uint8_t buf[1024];
	struct op *ops = calloc(1000, sizeof(*ops));
	struct end a, b;
	int i;

	side_close(&w->b);
	side_open(&w->b, w->c, BUFFER, 4, 4);
	world_listen(w);
	join(w, &a, &b);
	pattern(buf, sizeof(buf), 3);
	for (i = 0; i < 1000; i++)
		until(w, op_send1(&a, &ops[i], buf, i % 3 ? sizeof(buf) : 17) != -FI_EAGAIN);
	until(w, w->b.recv_cnt == 1000 && !a.out);
	/* elsewhere each path has all that its peer may send */
	cr_assert(w->b.batch <= 4 || !w->b.caps->flow_control);
	part(w, &a, &b);
	free(ops);
}

CORE_TEST(the_pool_grows)
{
	struct op *ops = calloc(512, sizeof(*ops));
	uint8_t buf[512] = {0};
	struct end a, b;
	int i, j;

	if (w->c->rx_ctx_cnt != FI_SHARED_CONTEXT) {
		free(ops);
		return;
	}
	side_close(&w->b);
	side_open(&w->b, w->c, BUFFER, 2, 64);
	world_listen(w);
	join(w, &a, &b);
	for (j = 0; j < 8; j++) {
		w->b.frozen = true;
		for (i = 0; i < 64; i++)
			until(w, op_send1(&a, &ops[j * 64 + i], buf, sizeof(buf)) != -FI_EAGAIN);
		w->b.frozen = false;
		until(w, w->b.recv_cnt == 64 * ((size_t)j + 1) && !a.out);
	}
	cr_assert_eq(w->b.batch, 16, "at most %zu messages came at once", w->b.batch);
	part(w, &a, &b);
	free(ops);
}

/* Two senders stop in the middle of a message, each holding one of the two
 * buffers there were at first: a third one is heard all the same. */
CORE_TEST_OF(stalled_senders_starve_nobody, TCP)
{
	enum { HUGE = 32 << 20 };
	uint8_t *buf = calloc(1, HUGE);
	struct op ops[3] = {0};
	struct end a[3], b[3];
	int i;

	side_close(&w->b);
	side_open(&w->b, w->c, HUGE, 2, 16);
	world_listen(w);
	for (i = 0; i < 3; i++)
		join(w, &a[i], &b[i]);
	for (i = 0; i < 2; i++)
		cr_assert_eq(op_send1(&a[i], &ops[i], buf, HUGE), 0);
	w->a.frozen = true;
	for (i = 0; i < 1000; i++)
		pump_side(&w->b, false);
	cr_assert_eq(w->b.recv_cnt, 0);
	cr_assert_geq(op_send1(&a[2], &ops[2], "and me", 6), 0);
	until(w, w->b.recv_cnt == 1);
	cr_assert_eq(memcmp(w->b.msgs[0].data, "and me", 6), 0);
	w->a.frozen = false;
	until(w, w->b.recv_cnt == 3 && ops[0].done && ops[1].done);
	for (i = 0; i < 3; i++)
		part(w, &a[i], &b[i]);
	free(buf);
}

/* A message longer than a buffer is the sender's fault: its path ends, or the
 * message is lost (the tcp core since libfabric 1.18), and others go on. */
CORE_TEST_OF(too_long_a_message, TCP)
{
	uint8_t *buf = calloc(1, BUFFER * 3);
	struct op op = {0}, next = {0};
	struct end a, b, a2, b2;

	join(w, &a, &b);
	join(w, &a2, &b2);
	cr_assert_eq(op_send1(&a, &op, buf, BUFFER * 3), 0);
	cr_assert_geq(op_send1(&a, &next, buf, 1), 0);
	until(w, !a.out && ((a.broken && b.broken) || w->b.recv_cnt));
	cr_assert_eq(w->b.recv_cnt, a.broken ? 0 : 1);
	check_path(w, &a2, &b2);
	part(w, &a, &b);
	part(w, &a2, &b2);
	free(buf);
}

/* The queue cannot overrun: there is an end to what is out. */
CORE_TEST(sends_are_bounded)
{
	enum { TRIES = 200000 };
	struct op *ops = calloc(TRIES, sizeof(*ops));
	uint8_t buf[1024] = {0};
	struct end a, b;
	int i, ret = 0;

	join(w, &a, &b);
	w->b.frozen = true;
	for (i = 0; i < TRIES; i++) {
		ret = op_send1(&a, &ops[i], buf, sizeof(buf));
		if (ret < 0)
			break;
		if (i % 64 == 0)
			pump_side(&w->a, false);
	}
	cr_assert_eq(ret, -FI_EAGAIN);
	w->b.frozen = false;
	until_told(w, !a.out && (w->b.recv_cnt == (size_t)i || w->c->traits & FORGETS),
		   ": %zu of %d out, %zu received, broken %d, error %d", a.out, i, w->b.recv_cnt,
		   a.broken, a.error);
	part(w, &a, &b);
	free(ops);
}

CORE_TEST(many_paths)
{
	enum { PATHS = 100 };
	struct end *a = calloc(PATHS, sizeof(*a)), *b = calloc(PATHS, sizeof(*b));
	struct op *ops = calloc(PATHS, sizeof(*ops));
	uint8_t buf[2000] = {0};
	int i, up = 0;

	for (i = 0; i < PATHS; i++) {
		size_t cnt = w->b.request_cnt;

		connect_end(w, &w->a, &a[i], NULL, 0);
		until(w, w->b.request_cnt > cnt);
		accept_end(&w->b, &b[i], NULL, 0);
	}
	for (i = 0; i < PATHS; i++)
		until(w, a[i].connected && b[i].connected);
	for (i = 0; i < PATHS; i++)
		until(w, op_send1(&a[i], &ops[i], buf, sizeof(buf)) != -FI_EAGAIN);
	until(w, w->b.recv_cnt == PATHS);
	for (i = 0; i < PATHS; i++)
		until(w, !ops[i].out);
	/* half of them from each end */
	for (i = 0; i < PATHS; i++) {
		struct end *end = i & 1 ? &a[i] : &b[i];

		end->side->ops->path_close(end->path);
	}
	for (i = 0; i < PATHS; i++) {
		struct end *near = i & 1 ? &a[i] : &b[i], *far = i & 1 ? &b[i] : &a[i];

		until(w, near->closed && far->broken);
		cr_assert_eq(far->error, 0);
		cr_assert_eq(near->broken, 0);
		far->side->ops->path_close(far->path);
		up++;
	}
	for (i = 0; i < PATHS; i++)
		until(w, a[i].closed && b[i].closed);
	cr_assert_eq(up, PATHS);
	free(a);
	free(b);
	free(ops);
}

/* -- memory ------------------------------------------------------------- */

CORE_TEST(reads_and_writes)
{
	static const size_t sizes[] = {1, 100, 4096, 70000, 1 << 20, 9 << 20};
	struct region la, rb;
	struct end a, b;
	size_t i;

	join(w, &a, &b);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct op rd = {0}, wr = {0};

		region_open(&w->a, &la, sizes[i], FI_READ | FI_WRITE);
		region_open(&w->b, &rb, sizes[i], FI_REMOTE_READ | FI_REMOTE_WRITE);
		cr_assert(la.key != rb.key || !(reads(w) || writes(w)));
		if (reads(w)) {
			pattern(rb.buf, rb.len, (unsigned)i);
			memset(la.buf, 0, la.len);
			cr_assert_eq(op_rma(&a, &rd, true, &la, 0, la.len, &rb), 0);
			until(w, rd.done);
			cr_assert_eq(rd.error, 0);
			cr_assert_eq(memcmp(la.buf, rb.buf, la.len), 0);
		}
		if (writes(w)) {
			pattern(la.buf, la.len, (unsigned)i + 100);
			cr_assert_eq(op_rma(&a, &wr, false, &la, 0, la.len, &rb), 0);
			until(w, wr.done && !memcmp(la.buf, rb.buf, la.len));
			cr_assert_eq(wr.error, 0);
		}
		region_close(&w->a, &la);
		region_close(&w->b, &rb);
	}
	part(w, &a, &b);
}

/* More reads at once than the core can do one by one.  Over sockets, their answers are
 * less than a segment: the room that others give it (SOCKETS) is for sockets that were
 * accepted, and these come by the other one. */
static void check_reads(struct world *w, struct end *a)
{
	enum { CNT = 200 };
	const size_t len = strcmp(w->c->prov, "sockets") ? 10000 : 250;
	struct op *ops = calloc(CNT, sizeof(*ops));
	struct region la, rb;
	int i;

	region_open(&w->a, &la, CNT * len, FI_READ);
	region_open(&w->b, &rb, CNT * len, FI_REMOTE_READ);
	pattern(rb.buf, rb.len, 9);
	memset(la.buf, 0, la.len);
	for (i = 0; i < CNT; i++)
		until(w, op_rma(a, &ops[i], true, &la, (size_t)i * len, len, &rb) != -FI_EAGAIN);
	until(w, !a->out);
	for (i = 0; i < CNT; i++)
		cr_assert(ops[i].done == 1 && !ops[i].error);
	cr_assert_eq(memcmp(la.buf, rb.buf, la.len), 0);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
	free(ops);
}

CORE_TEST(many_reads_at_once)
{
	struct end a, b;

	join(w, &a, &b);
	if (reads(w))
		check_reads(w, &a);
	part(w, &a, &b);
}

/* A message says that the write in front of it has arrived. */
CORE_TEST(send_after_write)
{
	struct region la, rb;
	struct op wr = {0}, send = {0};
	struct end a, b;

	if (!writes(w))
		return;
	join(w, &a, &b);
	region_open(&w->a, &la, 3 << 20, FI_WRITE);
	region_open(&w->b, &rb, 3 << 20, FI_REMOTE_WRITE);
	pattern(la.buf, la.len, 77);
	memset(rb.buf, 0, rb.len);
	cr_assert_eq(op_rma(&a, &wr, false, &la, 0, la.len, &rb), 0);
	if (!w->a.caps->send_after_write)
		until(w, wr.done);
	cr_assert_geq(op_send1(&a, &send, "done", 4), 0);
	until(w, w->b.recv_cnt);
	cr_assert_eq(memcmp(la.buf, rb.buf, la.len), 0);
	until(w, wr.done && !a.out);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
	part(w, &a, &b);
}

CORE_TEST(keys_are_not_numbered)
{
	struct region r[100];
	struct end a, b;
	int i, j;

	join(w, &a, &b);
	for (i = 0; i < 100; i++)
		region_open(&w->a, &r[i], 100, FI_REMOTE_READ);
	for (i = 0; i < 100 && !w->a.caps->mr_prov_key && (reads(w) || writes(w)); i++) {
		for (j = 0; j < i; j++)
			cr_assert_neq(r[i].key, r[j].key);
		cr_assert(i == 0 || llabs((long long)(r[i].key - r[i - 1].key)) > 1000);
		cr_assert_eq(r[i].raddr, w->a.caps->mr_virt_addr ? (uintptr_t)r[i].buf : 0);
	}
	for (i = 0; i < 100; i++)
		region_close(&w->a, &r[i]);
	part(w, &a, &b);
}

CORE_TEST_OF(access_is_checked, CHECKS)
{
	struct region la, rb;
	struct op wr = {0};
	struct end a, b;

	if (!writes(w))
		return;
	join(w, &a, &b);
	region_open(&w->a, &la, 1000, FI_WRITE);
	region_open(&w->b, &rb, 1000, FI_REMOTE_READ);
	memset(la.buf, 1, la.len);
	memset(rb.buf, 2, rb.len);
	cr_assert_eq(op_rma(&a, &wr, false, &la, 0, la.len, &rb), 0);
	until(w, wr.done && (wr.error || a.broken));
	cr_assert_eq(rb.buf[0], 2);
	cr_assert_eq(rb.buf[999], 2);
	part(w, &a, &b);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
}

/* -- ends --------------------------------------------------------------- */

/* Sends that nobody receives, so that some are out. */
static int flood(struct end *end, struct op *ops, int cnt, const uint8_t *buf)
{
	int i;

	for (i = 0; i < cnt; i++) {
		struct iovec iov = {(void *)buf, BUFFER};

		/* not taken into a buffer: then nothing would be out */
		if (op_send(end, &ops[i], &iov, 1, false))
			break;
	}
	cr_assert_gt(end->out, 0);
	return i;
}

CORE_TEST_OF(close_with_sends_out, CANCELS)
{
	enum { CNT = 3000 };
	struct op *ops = calloc(CNT, sizeof(*ops));
	uint8_t buf[BUFFER] = {0};
	int i, cnt, cancelled = 0;
	struct end a, b;

	join(w, &a, &b);
	w->b.frozen = true;
	cnt = flood(&a, ops, CNT, buf);
	w->a.ops->path_close(a.path);
	cr_assert_eq(op_send1(&a, &(struct op){0}, buf, BUFFER), -FI_ESHUTDOWN);
	until(w, a.closed);
	for (i = 0; i < cnt; i++) {
		cr_assert_eq(ops[i].done, 1);
		cr_assert(ops[i].error == 0 || ops[i].error == FI_ECANCELED);
		cancelled += ops[i].error != 0;
	}
	cr_assert_gt(cancelled, 0);
	w->b.frozen = false;
	until(w, b.broken);
	w->b.ops->path_close(b.path);
	until(w, b.closed);

	join(w, &a, &b);
	check_path(w, &a, &b);
	part(w, &a, &b);
	free(ops);
}

enum { READS = 4, READ_LEN = 24 << 20 };

/* Reads of which the first has half arrived. */
static void read_half(struct world *w, struct end *a, struct op *ops, struct region *la,
		      struct region *rb)
{
	int i;

	region_open(&w->a, la, READ_LEN, FI_READ);
	region_open(&w->b, rb, READ_LEN, FI_REMOTE_READ);
	memset(la->buf, 0, la->len);
	memset(rb->buf, 1, rb->len);
	for (i = 0; i < READS; i++)
		cr_assert_eq(op_rma(a, &ops[i], true, la, 0, la->len, rb), 0);
	until(w, la->buf[0]);
	w->b.frozen = true;
	cr_assert_eq(ops[READS - 1].done, 0);
	/* so that all that the peer has sent is read */
	for (i = 0; i < 1000; i++)
		pump_side(&w->a, true);
	cr_assert_eq(a->out, READS);
}

/* The application has its memory back: whatever the peer still sends goes nowhere. */
static void check_untouched(struct world *w, struct end *b, struct region *la)
{
	size_t i;

	memset(la->buf, 0x77, la->len);
	w->b.frozen = false;
	until(w, b->broken);
	for (i = 0; i < 1000; i++)
		pump(w);
	for (i = 0; i < la->len; i++)
		cr_assert_eq(la->buf[i], 0x77);
}

/* A peer that does not move holds up nothing. */
CORE_TEST_OF(close_with_reads_out, ENDS)
{
	struct op ops[READS] = {0};
	struct region la, rb;
	struct end a, b, other_a, other_b;
	int i;

	join(w, &other_a, &other_b);
	join(w, &a, &b);
	read_half(w, &a, ops, &la, &rb);
	w->a.ops->path_close(a.path);
	cr_assert_lt(op_rma(&a, &(struct op){0}, true, &la, 0, 10, &rb), 0);
	until(w, a.closed);
	for (i = 0; i < READS; i++)
		cr_assert_eq(ops[i].done, 1);
	cr_assert_neq(ops[READS - 1].error, 0);
	cr_assert_eq(a.broken, 0);
	check_untouched(w, &b, &la);
	check_path(w, &other_a, &other_b);
	check_reads(w, &other_a);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);

	join(w, &a, &b);
	check_path(w, &a, &b);
	part(w, &a, &b);
	part(w, &other_a, &other_b);
}

/* A socket is looked for by its two addresses.  Another one, of another protocol, may
 * have the same, and goes on. */
CORE_TEST_OF(close_with_reads_out_ends_no_other_socket, ENDS)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name, peer;
	size_t name_len = sizeof(name), peer_len = sizeof(peer);
	struct op ops[READS] = {0};
	struct region la, rb;
	struct end a, b;

	join(w, &a, &b);
	cr_assert_eq(w->a.ops->path_name(a.path, &name, &name_len), 0);
	cr_assert_eq(w->a.ops->path_peer(a.path, &peer, &peer_len), 0);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)))
		cr_skip_test("somebody has the port already");
	cr_assert_eq(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
	read_half(w, &a, ops, &la, &rb);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	/* nobody may be there, but it has not been shut down */
	cr_assert(send(fd, "", 1, MSG_NOSIGNAL) == 1 || errno == ECONNREFUSED);
	close(fd);
	check_untouched(w, &b, &la);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
}

/* Nothing has to be opened for it. */
CORE_TEST_OF(close_with_reads_out_and_no_descriptor_left, ENDS)
{
	struct op ops[READS] = {0};
	struct region la, rb;
	struct rlimit limit, few;
	struct end a, b;
	int fds[256], cnt = 0;

	join(w, &a, &b);
	read_half(w, &a, ops, &la, &rb);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = 256;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (cnt < 256 && (fds[cnt] = dup(STDERR_FILENO)) >= 0)
		cnt++;
	cr_assert_lt(open("/proc/self/fd", O_RDONLY), 0);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	while (cnt)
		close(fds[--cnt]);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	check_untouched(w, &b, &la);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
}

enum { CROWD = 20 }; /* more than poll(2) is asked about: both queues are in use */

/* Reads and writes in both directions over many paths, then all are closed. */
CORE_TEST_OF(close_many_with_everything_out, ENDS)
{
	struct op rd[CROWD][READS] = {0}, wr[CROWD] = {0}, back[CROWD] = {0};
	struct end a[CROWD], b[CROWD], other_a, other_b;
	struct region la, rb, from, to;
	int i, j;

	join(w, &other_a, &other_b);
	for (i = 0; i < CROWD; i++)
		join(w, &a[i], &b[i]);
	region_open(&w->a, &la, READ_LEN, FI_READ);
	region_open(&w->b, &rb, READ_LEN, FI_REMOTE_READ);
	region_open(&w->a, &from, READ_LEN, FI_WRITE | FI_REMOTE_READ);
	region_open(&w->b, &to, READ_LEN, FI_READ | FI_REMOTE_WRITE);
	memset(rb.buf, 1, rb.len);
	for (i = 0; i < CROWD; i++) {
		for (j = 0; j < READS; j++)
			cr_assert_eq(op_rma(&a[i], &rd[i][j], true, &la, 0, la.len, &rb), 0);
		cr_assert_eq(op_rma(&a[i], &wr[i], false, &from, 0, from.len, &to), 0);
		cr_assert_eq(op_rma(&b[i], &back[i], true, &to, 0, to.len, &from), 0);
	}
	until(w, la.buf[0]);
	w->b.frozen = true;
	for (i = 0; i < 1000; i++)
		pump_side(&w->a, true);
	for (i = 0; i < CROWD; i++)
		w->a.ops->path_close(a[i].path);
	for (i = 0; i < CROWD; i++) {
		until(w, a[i].closed);
		for (j = 0; j < READS; j++)
			cr_assert_eq(rd[i][j].done, 1);
		cr_assert_eq(wr[i].done, 1);
		cr_assert_eq(a[i].broken, 0);
	}
	check_untouched(w, &b[0], &la);
	for (i = 0; i < CROWD; i++) {
		until(w, b[i].broken && !b[i].out);
		cr_assert_eq(back[i].done, 1);
		w->b.ops->path_close(b[i].path);
		until(w, b[i].closed);
	}
	check_path(w, &other_a, &other_b);
	check_reads(w, &other_a);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
	region_close(&w->a, &from);
	region_close(&w->b, &to);
	part(w, &other_a, &other_b);
}

CORE_TEST_OF(close_with_reads_out_and_the_peer_dies, ENDS)
{
	struct op ops[READS] = {0};
	struct region la, rb;
	struct end a, b;
	int i;

	join(w, &a, &b);
	read_half(w, &a, ops, &la, &rb);
	w->a.ops->path_close(a.path);
	w->b.ops->mr_close(rb.mr);
	side_close(&w->b);
	until(w, a.closed);
	for (i = 0; i < READS; i++)
		cr_assert_eq(ops[i].done, 1);
	cr_assert_neq(ops[READS - 1].error, 0);
	region_close(&w->a, &la);
	free(rb.buf);

	side_open(&w->b, w->c, BUFFER, 64, 64);
	world_listen(w);
	join(w, &a, &b);
	check_path(w, &a, &b);
	check_reads(w, &a);
	part(w, &a, &b);
}

CORE_TEST_OF(domain_close_with_reads_out, TCP)
{
	struct op ops[READS] = {0};
	struct region la, rb;
	struct end a, b;
	int i;

	for (i = 0; i < 3; i++) {
		join(w, &a, &b);
		memset(ops, 0, sizeof(ops));
		read_half(w, &a, ops, &la, &rb);
		if (i == 1)
			w->a.ops->path_close(a.path);
		w->a.ops->mr_close(la.mr);
		side_close(&w->a);
		free(la.buf);
		w->b.frozen = false;
		until(w, b.broken);
		w->b.ops->path_close(b.path);
		until(w, b.closed);
		region_close(&w->b, &rb);
		side_open(&w->a, w->c, BUFFER, 64, 64);
	}
}

/* However much the peers of some paths leave lying, one more path finds room. */
CORE_TEST_OF(a_path_leaves_room_to_others, TCP)
{
	enum { CNT = 5000, FLOODED = 14 };
	struct op *ops = calloc(FLOODED * CNT, sizeof(*ops)), last = {0};
	struct end a[FLOODED + 1], b[FLOODED + 1];
	uint8_t buf[BUFFER] = {0};
	int i, k, cnt[FLOODED];

	for (k = 0; k <= FLOODED; k++)
		join(w, &a[k], &b[k]);
	for (k = 0; k < FLOODED; k++) {
		cnt[k] = flood(&a[k], ops + k * CNT, CNT, buf);
		cr_assert_lt(cnt[k], CNT); /* else it did not fill anything */
	}
	cr_assert_eq(op_send(&a[FLOODED], &last, &(struct iovec){buf, BUFFER}, 1, false), 0);
	until(w, last.done);
	for (k = 0; k < FLOODED; k++) {
		until(w, !a[k].out);
		for (i = 0; i < cnt[k]; i++)
			cr_assert_eq(ops[k * CNT + i].error, 0);
	}
	cr_assert_eq(last.error, 0);
	for (k = 0; k <= FLOODED; k++)
		part(w, &a[k], &b[k]);
	free(ops);
}

CORE_TEST_OF(the_peer_dies_under_everything, TCP)
{
	enum { CNT = 1500 }; /* less than a path may have out */
	struct op *ops = calloc(CNT, sizeof(*ops)), wr = {0}, rd[READS] = {0};
	uint8_t buf[BUFFER] = {0};
	struct region la, rb, lw;
	struct end a, b;
	int i, cnt;

	join(w, &a, &b);
	read_half(w, &a, rd, &la, &rb);
	cnt = flood(&a, ops, CNT, buf);
	region_open(&w->a, &lw, 1000000, FI_WRITE);
	cr_assert_eq(op_rma(&a, &wr, false, &lw, 0, lw.len, &rb), 0);
	w->b.ops->mr_close(rb.mr);
	side_close(&w->b);
	until(w, a.broken && !a.out);
	for (i = 0; i < cnt; i++)
		cr_assert_eq(ops[i].done, 1);
	for (i = 0; i < READS; i++)
		cr_assert_eq(rd[i].done, 1);
	cr_assert_eq(wr.done, 1);
	cr_assert_neq(rd[0].error, 0);
	cr_assert_eq(op_send1(&a, &(struct op){0}, buf, BUFFER), -FI_ECONNRESET);
	for (i = 0; i < 100; i++)
		pump(w);
	cr_assert_eq(a.closed, 0);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	region_close(&w->a, &la);
	region_close(&w->a, &lw);
	free(rb.buf);
	free(ops);
}

/* Sends, and polls the sender until the core has sent it. */
static void send_out(struct end *end, struct op *op, const void *buf, size_t len)
{
	int ret = op_send1(end, op, buf, len);

	cr_assert_geq(ret, 0);
	while (!ret && !op->done)
		pump_side(end->side, false);
}

/* What arrived before the end comes before the word of it. */
CORE_TEST(nothing_is_lost_before_broken)
{
	struct op ops[40] = {0};
	uint8_t buf[700];
	struct end a, b;
	int i;

	if (w->c->traits & MANUAL) /* may want the other side to be polled, too */
		return;
	join(w, &a, &b);
	w->b.frozen = true;
	w->b.max = 1;
	for (i = 0; i < 40; i++)
		cr_assert_geq(op_send1(&a, &ops[i], buf, sizeof(buf)), 0);
	until(w, !a.out);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	w->b.frozen = false;
	until(w, b.broken);
	cr_assert_eq(w->b.recv_cnt, 40);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
}

/* More paths than any one queue of the adapter takes: the end of one comes
 * behind all that it received, however much comes over the others. */
CORE_TEST(the_end_comes_last_among_many)
{
	enum { PATHS = 17, CNT = 58, FLOOD = 4000 };
	struct end *a = calloc(PATHS, sizeof(*a)), *b = calloc(PATHS, sizeof(*b));
	struct op *ops = calloc(CNT + FLOOD, sizeof(*ops));
	uint8_t quiet[64] = {1}, loud[64] = {2};
	unsigned came = 0, sent = 0;
	struct core_event event;
	bool broken = false;

	if (w->c->traits & (FORGETS | MANUAL))
		goto out;
	for (int i = 0; i < PATHS; i++)
		join(w, &a[i], &b[i]);
	for (int i = 0; i < CNT; i++)
		send_out(&a[0], &ops[i], quiet, sizeof(quiet));
	w->a.ops->path_close(a[0].path);
	while (!a[0].closed)
		pump_side(&w->a, true);
	while (!broken) {
		for (int i = 0; i < 2 && sent < FLOOD; i++)
			sent += op_send1(&a[PATHS - 1], &ops[CNT + sent], loud, sizeof(loud)) >= 0;
		pump_side(&w->a, false);
		if (!w->b.ops->poll(w->b.domain, &event, 1, true))
			continue;
		came += event.type == CORE_RECV && *(const uint8_t *)event.data == 1;
		broken = event.type == CORE_BROKEN;
		w->b.ops->release(w->b.domain, &event);
	}
	cr_assert_eq(came, CNT, "the end came behind %u of %d messages", came, CNT);
	w->b.ops->path_close(b[0].path);
	until(w, b[0].closed);
	for (int i = 1; i < PATHS; i++)
		part(w, &a[i], &b[i]);
out:
	free(a);
	free(b);
	free(ops);
}

/* -- waiting ------------------------------------------------------------ */

static void sleep_once(struct world *w, struct side *side)
{
	const bool manual = w->c->traits & MANUAL;

	if (manual)
		pump_side(side == &w->a ? &w->b : &w->a, false);
	if (!side->ops->trywait(side->domain) && wait_any(side, manual ? 1 : DEADLINE * 1000) <= 0)
		cr_assert(manual, "%s: no wake-up", w->c->name);
	pump_side(side, false);
}

/* Sleeps until cond; the other side is not polled. */
#define sleep_until(w, side, cond)                                                                 \
	do {                                                                                       \
		double deadline_ = now() + DEADLINE;                                               \
		while (!(cond)) {                                                                  \
			sleep_once(w, side);                                                       \
			cr_assert_lt(now(), deadline_, "%s: no " #cond, (w)->c->name);             \
		}                                                                                  \
	} while (0)

/* Sleeps until one of the two sides has something to do, and lets both do it. */
static void sleep_both(struct world *w)
{
	struct side *const sides[] = {&w->a, &w->b};
	struct pollfd pfd[16];
	nfds_t cnt = 0;
	bool idle = true;
	int fds[8];

	for (int i = 0; i < 2; i++) {
		int n = sides[i]->ops->wait_fds(sides[i]->domain, fds, 8);

		for (int k = 0; k < n; k++)
			pfd[cnt++] = (struct pollfd){.fd = fds[k], .events = POLLIN};
		idle &= !sides[i]->ops->trywait(sides[i]->domain);
	}
	if (idle)
		cr_assert_gt(poll(pfd, cnt, DEADLINE * 1000), 0, "%s: no wake-up", w->c->name);
	pump_side(&w->a, false);
	pump_side(&w->b, false);
}

/* The same for a connection: a core may want both sides to be polled before it
 * makes one, and where messages alone make it, may not say so. */
#define sleep_connecting(w, side, cond)                                                            \
	do {                                                                                       \
		if ((w)->c->traits & TCP)                                                          \
			sleep_until(w, side, cond);                                                \
		while ((w)->c->traits & SLEEPS && (w)->c->type == FI_EP_MSG && !(cond))            \
			sleep_both(w);                                                             \
		until(w, cond);                                                                    \
	} while (0)

CORE_TEST(events_wake_a_sleeper)
{
	struct op op = {0};
	uint8_t buf[600];
	struct end a, b;

	settle(w, &w->b);
	connect_end(w, &w->a, &a, NULL, 0);
	pump_side(&w->a, true);
	sleep_connecting(w, &w->b, w->b.request);
	accept_end(&w->b, &b, NULL, 0);
	sleep_connecting(w, &w->b, b.connected);
	sleep_connecting(w, &w->a, a.connected);

	settle(w, &w->b);
	settle(w, &w->a);
	cr_assert_geq(op_send1(&a, &op, buf, sizeof(buf)), 0);
	sleep_until(w, &w->a, !op.out);
	sleep_until(w, &w->b, w->b.recv_cnt == 1);

	settle(w, &w->b);
	w->a.ops->path_close(a.path);
	sleep_until(w, &w->a, a.closed);
	sleep_until(w, &w->b, b.broken);
	w->b.ops->path_close(b.path);
	sleep_until(w, &w->b, b.closed);
	settle(w, &w->a);
	settle(w, &w->b);
}

/* Somebody sleeps while others poll, who answer a read as far as the socket
 * takes it: its descriptors follow, and wake it when there is room again. */
CORE_TEST_OF(a_sleeper_follows_others, TCP)
{
	enum { LEN = 16 << 20 };
	static const unsigned polls[] = {0, 3000}; /* before there is anything to do */
	struct region la, rb;
	struct end a, b;

	join(w, &a, &b);
	region_open(&w->a, &la, LEN, FI_READ);
	region_open(&w->b, &rb, LEN, FI_REMOTE_READ);
	for (unsigned i = 0; i < 2; i++) {
		struct op op = {0};
		double deadline;

		settle(w, &w->a);
		settle(w, &w->b);
		for (unsigned k = 0; k < polls[i]; k++)
			pump_side(&w->b, false);
		cr_assert_eq(op_rma(&a, &op, true, &la, 0, LEN, &rb), 0);
		for (unsigned k = 0; k < 10; k++)
			pump_side(&w->b, false);
		/* the last of it may be on its way for a while, when nothing is left to do here */
		deadline = now() + DEADLINE;
		while (!op.done) {
			pump_side(&w->a, false);
			if (wait_any(&w->b, 0) > 0)
				pump_side(&w->b, false);
			cr_assert_lt(now(), deadline, "no wake-up");
		}
	}
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
	part(w, &a, &b);
}

/* Others read a queue in part, or on their way to something else. */
CORE_TEST(what_others_leave_wakes_a_sleeper)
{
	enum { CNT = 40 };
	struct op ops[CNT] = {0}, back[4] = {0};
	uint8_t buf[64] = {0};
	struct end a, b;

	if (w->c->traits & MANUAL)
		return;
	join(w, &a, &b);
	settle(w, &w->a);
	settle(w, &w->b);
	for (int i = 0; i < CNT; i++)
		send_out(&a, &ops[i], buf, sizeof(buf));
	for (int i = 0; i < 4; i++) {
		cr_assert_geq(op_send1(&b, &back[i], buf, sizeof(buf)), 0);
		cr_assert_gt(wait_any(&w->b, DEADLINE * 1000), 0, "no wake-up, send %d", i);
	}
	while (w->b.recv_cnt < CNT) {
		cr_assert_gt(wait_any(&w->b, DEADLINE * 1000), 0, "no wake-up");
		pump_side(&w->b, false);
	}
	part(w, &a, &b);
}

/* Copies of all sockets there are, as a forked child has them. */
static size_t copy_sockets(int *copies, size_t max)
{
	struct stat stat;
	size_t cnt = 0;

	for (int fd = 0; fd < 1024 && cnt < max; fd++)
		if (!fstat(fd, &stat) && S_ISSOCK(stat.st_mode))
			copies[cnt++] = fd;
	for (size_t i = 0; i < cnt; i++)
		copies[i] = dup(copies[i]);
	return cnt;
}

/* What is closed here stays open there, with something to read. */
CORE_TEST_OF(sockets_of_a_child_wake_nobody, TCP)
{
	struct op op = {0};
	uint8_t buf[64] = {0};
	int copies[128];
	struct end a, b;
	size_t cnt;

	join(w, &a, &b);
	settle(w, &w->b);
	cnt = copy_sockets(copies, 128);
	cr_assert(cnt > 0 && cnt < 128);
	send_out(&a, &op, buf, sizeof(buf));
	w->b.ops->path_close(b.path);
	until(w, b.closed);
	settle(w, &w->b);
	while (cnt--)
		close(copies[cnt]);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

/* A listener that is opened late wakes whoever asked for descriptors early. */
CORE_TEST(a_new_listener_wakes)
{
	struct pollfd pfd[8] = {{0}};
	struct core_listener *late;
	double deadline = now() + DEADLINE;
	size_t len = sizeof(w->addr);
	int fds[8], n, i;
	struct end a;

	n = w->b.ops->wait_fds(w->b.domain, fds, 8);
	for (i = 0; i < n; i++)
		pfd[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	cr_assert_eq(w->b.ops->listen(w->b.domain, w->b.info, &w->b, &late), 0);
	cr_assert_eq(w->b.ops->listener_name(late, w->addr, &len), 0);
	w->addr_len = len;
	settle(w, &w->b);
	connect_end(w, &w->a, &a, NULL, 0);
	while (!w->b.request) {
		pump_side(&w->a, true);
		if (w->b.ops->trywait(w->b.domain) || poll(pfd, (nfds_t)n, 10) > 0)
			pump_side(&w->b, true);
		cr_assert_lt(now(), deadline);
	}
	w->b.ops->reject(w->b.request, NULL, 0);
	until(w, a.refused);
}

/* Without check_cm the adapter looks by itself while it has to. */
CORE_TEST(pending_connections_need_no_hint)
{
	struct end a, b;
	double deadline = now() + DEADLINE;

	connect_end(w, &w->a, &a, NULL, 0);
	while (!w->b.request) {
		pump_side(&w->a, false);
		pump_side(&w->b, true);
		cr_assert_lt(now(), deadline);
	}
	accept_end(&w->b, &b, NULL, 0);
	while (!a.connected || !b.connected) {
		pump_side(&w->a, false);
		pump_side(&w->b, false);
		cr_assert_lt(now(), deadline);
	}
	part(w, &a, &b);
}

/* -- capabilities ------------------------------------------------------- */

CORE_TEST(capabilities)
{
	struct core_caps caps;

	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert_leq(caps.cm_data_size, w->a.caps->cm_data_size);
	cr_assert(caps.iov_limit >= 1 && caps.iov_limit <= CORE_IOV_MAX);
	if (!strcmp(w->c->prov, "tcp")) {
		cr_assert(caps.can_read && caps.can_write && caps.read_target && caps.write_target);
		cr_assert_eq(w->a.caps->cm_data_size, 256);
		cr_assert_eq(caps.inject_size, 128);
		cr_assert(caps.send_after_write && caps.flow_control);
		cr_assert_eq(caps.rma_pins_path, FI_VERSION_LT(fi_version(), FI_VERSION(1, 18)));
		cr_assert(!caps.mr_local && !caps.mr_virt_addr && !caps.mr_prov_key);
		cr_assert_eq(caps.key_size, 8);
	}
	w->a.info->domain_attr->mr_mode &= ~FI_MR_RAW;
	w->a.info->domain_attr->mr_key_size = 8;
	w->a.info->caps |= FI_RMA;
	w->a.info->caps &= ~(uint64_t)(FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE);
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(caps.can_read && caps.can_write && caps.read_target && caps.write_target);
	w->a.info->caps |= FI_WRITE;
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(!caps.can_read && caps.can_write && !caps.read_target && !caps.write_target);
	w->a.info->caps &= ~(uint64_t)(FI_RMA | FI_WRITE);
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(!caps.can_read && !caps.can_write && !caps.read_target && !caps.write_target);
}
