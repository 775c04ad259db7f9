/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: what happens to outstanding operations when a path, a domain or the peer ends.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/core/conformance/conformance.h"

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

/* Begins reads, and stops when the first has arrived in part. */
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
	/* reads everything that the peer has sent */
	for (i = 0; i < 1000; i++)
		pump_side(&w->a, true);
	cr_assert_eq(a->out, READS);
}

/* The memory is the application's again: data that the peer still sends must not reach it. */
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

/* Closing a path does not wait for a peer that is not polled. */
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

/* The adapter finds the core's socket by its two addresses.  A socket of another protocol may
 * have the same addresses; it must not be closed. */
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
	/* the receiver may be gone, but our socket has not been shut down */
	cr_assert(send(fd, "", 1, MSG_NOSIGNAL) == 1 || errno == ECONNREFUSED);
	close(fd);
	check_untouched(w, &b, &la);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
	region_close(&w->a, &la);
	region_close(&w->b, &rb);
}

/* Closing a path must not need a new descriptor. */
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

enum { CROWD = 20 }; /* more paths than the polled queue takes: both queues are in use */

/* Descriptors that this process has open. */
static int fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int cnt = 0;

	cr_assert_not_null(dir);
	while (readdir(dir))
		cnt++;
	closedir(dir);
	return cnt;
}

/* Only reads that are out delay the end of a path: behind reads that are done, closing it
 * closes its socket before the call returns. */
CORE_TEST_OF(close_with_reads_done, ENDS)
{
	struct end a, b;
	int before;

	join(w, &a, &b);
	check_path(w, &a, &b);
	check_reads(w, &a);
	until(w, !a.out);
	before = fd_count();
	w->a.ops->path_close(a.path);
	cr_assert_lt(fd_count(), before, "the path's socket is still open");
	until(w, a.closed && b.broken);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
}

/* Starts reads and writes in both directions over many paths, then closes all paths. */
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

/* However many messages the peers of some paths leave unread, one more path finds room. */
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
		cr_assert_lt(cnt[k], CNT); /* otherwise the queue was not full */
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
	enum { CNT = 1500 }; /* fewer than a path may have outstanding */
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

/* Messages that arrived before the end are received before CORE_BROKEN. */
CORE_TEST(nothing_is_lost_before_broken)
{
	struct op ops[40] = {0};
	uint8_t buf[700];
	struct end a, b;
	int i;

	if (w->c->traits & MANUAL) /* such a core may need polls of the other side, too */
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

/* More paths than one queue of the adapter takes: the end of a path is reported after all
 * messages that it received, however many come over the others. */
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
