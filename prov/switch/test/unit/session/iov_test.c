/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Slices of pieces of memory, and copies between pieces and a flat buffer. */
#include <criterion/criterion.h>
#include <string.h>

#include "session/internal.h"

static char memory[] = "abcdefghijklmnopqrstuvwxyz";
static struct sess_mem *const some_mem = (struct sess_mem *)memory;

/* "abcde" "" "fgh" "ijklmnopqr" */
static const struct sess_iov pieces[SESS_IOV_MAX] = {
	{memory, 5, NULL},
	{memory + 20, 0, NULL},
	{memory + 5, 3, some_mem},
	{memory + 8, 10, NULL},
};

Test(iov, length)
{
	cr_assert_eq(iov_len(pieces, 4), 18);
	cr_assert_eq(iov_len(pieces, 0), 0);
}

Test(iov, every_slice)
{
	for (size_t offset = 0; offset <= 19; offset++) {
		for (size_t len = 0; len <= 20; len++) {
			size_t left = offset < 18 ? 18 - offset : 0, want = len < left ? len : left;
			struct sess_iov part[SESS_IOV_MAX];
			unsigned cnt = iov_slice(pieces, 4, offset, len, part);
			char flat[20] = "";
			size_t at = offset;

			cr_assert_eq(iov_len(part, cnt), want);
			for (unsigned i = 0; i < cnt; i++) {
				cr_assert_gt(part[i].len, 0);
				cr_assert_eq(part[i].addr, memory + at);
				cr_assert_eq(part[i].mem, at >= 5 && at < 8 ? some_mem : NULL);
				at += part[i].len;
			}
			cr_assert_eq(iov_gather(pieces, 4, offset, flat, len), want);
			cr_assert(!memcmp(flat, memory + offset, want));
		}
	}
}

Test(iov, scatter_stops_at_the_end)
{
	char to[12] = "............";
	const struct sess_iov two[] = {{to + 1, 3, NULL}, {to + 6, 4, NULL}};

	cr_assert_eq(iov_scatter(two, 2, 2, "12345678", 8), 5);
	cr_assert(!memcmp(to, "...1..2345..", 12));
	cr_assert_eq(iov_scatter(two, 2, 7, "x", 1), 0);
	cr_assert_eq(iov_scatter(two, 1, 0, "ABC", 3), 3);
	cr_assert(!memcmp(to, ".ABC..2345..", 12));
}

Test(iov, nothing_from_nowhere)
{
	const struct sess_iov none = {NULL, 0, NULL};
	char byte = 'x';

	cr_assert_eq(iov_gather(&none, 1, 0, &byte, 0), 0);
	cr_assert_eq(iov_scatter(&none, 1, 0, &byte, 1), 0);
	cr_assert_eq(iov_gather(NULL, 0, 0, &byte, 0), 0);
	cr_assert_eq(byte, 'x');
}
