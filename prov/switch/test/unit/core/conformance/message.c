/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: messages, the buffers that they are received into, and the number that may be
 * outstanding.
 */
#include <string.h>

#include "unit/core/conformance/conformance.h"

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
			/* only sends that may be buffered complete at once; some cores copy more */
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

/* A buffer is posted again after each message: a thousand messages come through four buffers. */
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
	/* without flow control by the core, each path has buffers for all that its peer may send */
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

/* Two senders stop in the middle of a message, and each occupies one of the two buffers that
 * there were at first.  A third sender's messages still come. */
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

/* A message longer than a buffer is an error of its sender: its path ends, or the message is
 * lost (the tcp core since libfabric 1.18), and other paths continue. */
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

/* The core's queue cannot overrun, because the number of outstanding sends is limited. */
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

/* A send that the core refuses keeps nothing back: however many it refuses, as many are out
 * at once as before.  The mock refuses them while the adapter would let them out, and wants
 * some of them copied. */
CORE_TEST(refused_sends_keep_nothing)
{
	enum { CNT = 3000, TRIES = 600 };
	struct op *ops = calloc(CNT, sizeof(*ops)), *tries = calloc(TRIES, sizeof(*tries));
	uint8_t buf[BUFFER] = {0};
	struct end a, b, a2, b2;
	int first = 0, cnt;

	join(w, &a, &b);
	join(w, &a2, &b2);
	for (int round = 0; w->c->mood[0] && round < 3; round++) {
		memset(ops, 0, CNT * sizeof(*ops));
		memset(tries, 0, TRIES * sizeof(*tries));
		w->b.frozen = true;
		cnt = flood(&a, ops, CNT, buf);
		for (int i = 0; i < TRIES; i++)
			op_send1(&a2, &tries[i], buf, BUFFER);
		w->b.frozen = false;
		until(w, !a.out && !a2.out);
		if (!round)
			first = cnt;
		cr_assert_geq(cnt, first / 2, "round %d: %d sends out, %d at first", round, cnt,
			      first);
	}
	check_path(w, &a, &b);
	part(w, &a, &b);
	part(w, &a2, &b2);
	free(ops);
	free(tries);
}
