/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: unknown programs that connect and send nothing, or send data that no adapter
 * sends.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>

#include "unit/core/conformance/conformance.h"

/* The listener is no adapter: it closes the connection without an answer. */
CORE_TEST_OF(the_listener_hangs_up, TCP)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int sock = socket(AF_INET, SOCK_STREAM, 0), conn;
	uint8_t request[512];
	struct end a, live_a, live_b;

	/* another path keeps the core's sockets busy and changes errno */
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

/* Forges a control message of the connectionless adapter (core/rdm/frame.c). */
static void send_frame(struct world *w, struct end *end, uint8_t type, const void *name,
		       uint8_t name_len)
{
	uint8_t frame[32 + 64] = {0xff, 0xff, 0xff, 0xff, 1, type, name_len, 0, 1, 2, 3, 4, 5};
	struct op op = {0};

	memcpy(frame + 32, name, name_len);
	cr_assert_geq(op_send1(end, &op, frame, 32 + name_len), 0);
	until(w, !op.out);
}

/* Control messages with invalid addresses, some of which a core would accept, or crash on. */
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

/* Unknown programs connect to the listener: one sends nothing and leaves, one sends
 * nonsense, one sends nothing and stays. */
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

/* Sockets that connect to the listener and send nothing: as many as this process has
 * descriptors for at both ends, and as the kernel queues for a listener. */
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

/* A connection request queued behind many silent sockets must be found without a poll for
 * each of them. */
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

/* There is no descriptor left to accept a connection with: polling again would not help, and
 * a program that waits must not be woken all the time. */
CORE_TEST_OF(no_descriptor_for_a_connection, TCP)
{
	struct rlimit limit, none;
	int sock, looks = 0;
	struct end a, b;

	sock = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(sock, (struct sockaddr *)w->addr, (socklen_t)w->addr_len), 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)dup(sock); /* the lowest free descriptor: none can be opened */
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
	silent_close(&silent); /* before the core, which drops those that are left */
	for (int i = 0; i < 16; i++)
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
	w->b.ops->listener_close(l);
}

/* A bare endpoint of the core, without an adapter. */
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

/* Returns false if the core does not take the message now. */
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

/* A connection request queued behind many messages of unknown programs must be found without
 * a poll for each of them. */
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
	while (raw.out) { /* the core may have to connect first */
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
		raw_poll(&raw);
	}
	while (cnt < MOST && raw_send(&raw, nonsense, sizeof(nonsense)))
		cnt++;
	ask(w, &a);
	while (!w->b.ops->passive_poll(l, &event)) {
		/* a core that takes only few messages, or is slow, proves nothing */
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
