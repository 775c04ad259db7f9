/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: registered memory, and reads and writes of it.
 */
#include <string.h>

#include "unit/core/conformance/conformance.h"

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
