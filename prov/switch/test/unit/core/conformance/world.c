/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance, the two sides of a case: opens and closes them, collects their events, makes
 * paths between them, submits operations, and checks that a path still works.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <rdma/providers/fi_prov.h>

#include "unit/core/conformance/conformance.h"

static bool core_leaks; /* the core under test leaks memory by itself */

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
/* called whenever LeakSanitizer looks for leaks, also at exit */
int __lsan_is_turned_off(void)
{
	return core_leaks;
}
#define leaks_found() __lsan_do_recoverable_leak_check()
#else
#define leaks_found() 0
#endif

struct fi_provider switch_prov = {.name = "core_conformance"};

/* -- two sides ---------------------------------------------------------- */

double now(void)
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

void pump_side(struct side *side, bool check_cm)
{
	struct core_event events[16];
	size_t recv_cnt = side->recv_cnt;
	int i, n;

	if (side->frozen || !side->domain)
		return;
	/* as an earlier call may have left it: a core might take it for its own error */
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

void pump(struct world *w)
{
	sched_yield();
	pump_side(&w->a, true);
	pump_side(&w->b, true);
}

/* -- setting up --------------------------------------------------------- */

/* Asks for the core's own entry: a provider that is layered over it may answer to the core's
 * name, too. */
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

void side_open(struct side *side, const struct core_case *c, size_t size, size_t cnt, size_t max)
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

void side_close(struct side *side)
{
	if (!side->info)
		return;
	side->ops->domain_close(side->domain);
	cr_assert_eq(fi_close(&side->fabric->fid), 0, "something is left open in the fabric");
	fi_freeinfo(side->info);
	memset(side, 0, sizeof(*side));
}

void world_listen(struct world *w)
{
	cr_assert_eq(w->b.ops->listen(w->b.domain, w->b.info, &w->b, &w->listener), 0);
	w->addr_len = sizeof(w->addr);
	cr_assert_eq(w->b.ops->listener_name(w->listener, w->addr, &w->addr_len), 0);
}

void world_open(struct world *w, const struct core_case *c)
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

void world_close(struct world *w)
{
	side_close(&w->a);
	side_close(&w->b);
	cr_assert(!leaks_found());
}

void connect_end(struct world *w, struct side *side, struct end *end, const void *data, size_t len)
{
	memset(end, 0, sizeof(*end));
	end->side = side;
	cr_assert_eq(side->ops->connect(side->domain, side->from, side->info, w->addr, w->addr_len,
					data, len, end, &end->path),
		     0);
	side->path = end->path;
}

void accept_end(struct side *side, struct end *end, const void *data, size_t len)
{
	memset(end, 0, sizeof(*end));
	end->side = side;
	cr_assert_eq(side->ops->accept(side->domain, side->request, data, len, end, &end->path), 0);
	side->path = end->path;
	side->request = NULL;
}

void join(struct world *w, struct end *a, struct end *b)
{
	size_t cnt = w->b.request_cnt;

	connect_end(w, &w->a, a, NULL, 0);
	until(w, w->b.request_cnt > cnt);
	accept_end(&w->b, b, NULL, 0);
	until(w, a->connected && b->connected);
}

void part(struct world *w, struct end *a, struct end *b)
{
	if (!a->closed)
		a->side->ops->path_close(a->path);
	if (!b->closed)
		b->side->ops->path_close(b->path);
	until(w, a->closed && b->closed);
}

void set_source(struct fi_info *info, const void *addr, size_t len)
{
	free(info->src_addr);
	info->src_addr = malloc(len);
	memcpy(info->src_addr, addr, len);
	info->src_addrlen = len;
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

int op_send(struct end *end, struct op *op, const struct iovec *iov, size_t cnt, bool may_buffer)
{
	void *desc[CORE_IOV_MAX] = {0};
	size_t len = 0, i;

	for (i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	return op_begin(end, op,
			end->side->ops->send(end->path, &op->io, iov, desc, cnt, len, may_buffer));
}

int op_send1(struct end *end, struct op *op, const void *buf, size_t len)
{
	struct iovec iov = {(void *)buf, len};

	return op_send(end, op, &iov, 1, true);
}

void send_out(struct end *end, struct op *op, const void *buf, size_t len)
{
	int ret = op_send1(end, op, buf, len);

	cr_assert_geq(ret, 0);
	while (!ret && !op->done)
		pump_side(end->side, false);
}

void region_open(struct side *side, struct region *r, size_t len, uint64_t access)
{
	r->len = len;
	r->buf = calloc(1, len);
	cr_assert_eq(side->ops->mr_reg(side->domain, side->path, r->buf, len, access, &r->mr,
				       &r->raddr, &r->key),
		     0);
}

void region_close(struct side *side, struct region *r)
{
	side->ops->mr_close(r->mr);
	free(r->buf);
}

int op_rma(struct end *end, struct op *op, bool read, struct region *local, size_t offset,
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

void pattern(uint8_t *buf, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

bool reads(const struct world *w)
{
	return w->a.caps->can_read && w->b.caps->read_target;
}

bool writes(const struct world *w)
{
	return w->a.caps->can_write && w->b.caps->write_target;
}

int flood(struct end *end, struct op *ops, int cnt, const uint8_t *buf)
{
	int i;

	for (i = 0; i < cnt; i++) {
		struct iovec iov = {(void *)buf, BUFFER};

		/* must not be buffered, or it would complete at once */
		if (op_send(end, &ops[i], &iov, 1, false))
			break;
	}
	cr_assert_gt(end->out, 0);
	return i;
}

void check_path(struct world *w, struct end *a, struct end *b)
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

void check_reads(struct world *w, struct end *a)
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

int wait_any(struct side *side, int timeout)
{
	struct pollfd pfd[8] = {{0}};
	int fds[8], n, i;

	n = side->ops->wait_fds(side->domain, fds, 8);
	cr_assert(n > 0 && n <= 8);
	for (i = 0; i < n; i++)
		pfd[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	return poll(pfd, (nfds_t)n, timeout);
}

void settle(struct world *w, struct side *side)
{
	double deadline = now() + DEADLINE;

	while (side->ops->trywait(side->domain) || wait_any(side, 0)) {
		pump(w);
		cr_assert_lt(now(), deadline, "%s: never idle", w->c->name);
	}
}
