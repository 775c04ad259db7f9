/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: the descriptors by which a program waits for events of a side.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/core/conformance/conformance.h"

static void sleep_once(struct world *w, struct side *side)
{
	const bool manual = w->c->traits & MANUAL;

	if (manual)
		pump_side(side == &w->a ? &w->b : &w->a, false);
	if (!side->ops->trywait(side->domain) && wait_any(side, manual ? 1 : DEADLINE * 1000) <= 0)
		cr_assert(manual, "%s: no wake-up", w->c->name);
	pump_side(side, false);
}

/* Waits on the descriptors until cond holds; the other side is not polled. */
#define sleep_until(w, side, cond)                                                                 \
	do {                                                                                       \
		double deadline_ = now() + DEADLINE;                                               \
		while (!(cond)) {                                                                  \
			sleep_once(w, side);                                                       \
			cr_assert_lt(now(), deadline_, "%s: no %s", (w)->c->name, #cond);          \
		}                                                                                  \
	} while (0)

/* Waits until one of the two sides has something to do, then polls both. */
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

/* Waits for a connection in the same way.  Some cores need polls of both sides to connect; a
 * core that connects by messages may not signal that. */
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

/* One thread waits on the descriptors of a side that others poll, and the others answer a
 * read as far as the socket takes it: the descriptors must follow, and wake the thread when
 * the socket has room again. */
CORE_TEST_OF(a_sleeper_follows_others, TCP)
{
	enum { LEN = 16 << 20 };
	static const unsigned polls[] = {0, 3000}; /* polls before there is anything to do */
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
		/* the last bytes may be in flight while nothing is left to do here */
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

/* Other threads read a queue only in part, or poll for another purpose. */
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

/* Copies all open sockets, as a forked child has them. */
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

/* A socket that is closed here stays open in the child, with data to read. */
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

/* A listener that is opened late must appear among descriptors that were asked for before. */
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

/* Without the hint check_cm the adapter looks for connection events by itself while some are
 * pending. */
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
