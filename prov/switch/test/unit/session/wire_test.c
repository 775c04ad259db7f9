/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Golden bytes: what each record, the packet header, the hello and the
 * preamble look like on the wire, byte by byte, both ways; and what the
 * decoders refuse.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "session/wire.h"

static uint8_t wire[512];

static void expect_bytes(const uint8_t *expected, size_t expected_len, size_t len)
{
	cr_assert_eq(len, expected_len, "%zu bytes instead of %zu", len, expected_len);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(wire[i], expected[i], "byte %zu is %02x instead of %02x", i, wire[i],
			     expected[i]);
}

#define EXPECT(len, ...)                                                                           \
	do {                                                                                       \
		static const uint8_t expected[] = {__VA_ARGS__};                                   \
		expect_bytes(expected, sizeof(expected), len);                                     \
	} while (0)

/* Decodes what was encoded: all of it, and no prefix of it. */
static struct wire_record decode(size_t len)
{
	struct wire_record record;

	cr_assert_eq(wire_get_record(wire, len, &record), (long)len);
	for (size_t part = 0; part < len; part++)
		cr_assert_lt(wire_get_record(wire, part, &record), 0, "%zu bytes are enough", part);
	cr_assert_eq(wire_get_record(wire, sizeof(wire), &record), (long)len);
	return record;
}

Test(wire, sizes_are_pinned)
{
	cr_assert_eq(WIRE_HEADER_LEN, 20);
	cr_assert_eq(WIRE_HEADER_LEN + wire_inline_len(WIRE_TAGGED), 32);
	cr_assert_eq(wire_inline_len(0), 4);
	cr_assert_eq(wire_inline_len(WIRE_TAGGED | WIRE_DATA | WIRE_ACK), 24);
	cr_assert_eq(wire_start_len(0, 0, 0), 20);
	cr_assert_eq(wire_start_len(WIRE_TAGGED | WIRE_DATA, 4, 32), 36 + 4 * 48);
	cr_assert_eq(SESS_PREAMBLE_LEN, 28);
	cr_assert_eq(WIRE_HELLO_LEN, 72);
	cr_assert_leq(WIRE_HEADER_LEN + WIRE_HELLO_LEN + SESS_NAME_MAX, 256);
}

Test(wire, header)
{
	const struct wire_header header = {
		.session_id = 0x00100002,
		.cookie = 0xa1b2c3d4,
		.seq = 0xfffffffe,
		.ack = 0x01020304,
		.window = 0x7fff,
		.record_cnt = 3,
		.flags = WIRE_FULL,
	};
	struct wire_header back;

	EXPECT(wire_put_header(wire, &header), 0x02, 0x00, 0x10, 0x00, 0xd4, 0xc3, 0xb2, 0xa1, 0xfe,
	       0xff, 0xff, 0xff, 0x04, 0x03, 0x02, 0x01, 0xff, 0x7f, 3, 0x01);
	cr_assert_eq(wire_get_header(wire, 20, &back), 0);
	cr_assert(!memcmp(&header, &back, sizeof(back)));
	cr_assert_lt(wire_get_header(wire, 19, &back), 0);
}

Test(wire, inline_plain)
{
	struct wire_record record;
	size_t len = wire_put_inline(wire, 0, 3, 0, 0, 0);

	memcpy(wire + len, "abc", 3);
	EXPECT(len + 3, 3, 0, 3, 0, 'a', 'b', 'c');
	record = decode(len + 3);
	cr_assert_eq(record.type, WIRE_INLINE);
	cr_assert_eq(record.len, 3);
	cr_assert(!memcmp(record.payload, "abc", 3));
}

Test(wire, inline_with_everything)
{
	struct wire_record record;
	size_t len = wire_put_inline(wire, WIRE_TAGGED | WIRE_DATA | WIRE_ACK, 2,
				     UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff00),
				     0x00300007);

	memcpy(wire + len, "xy", 2);
	EXPECT(len + 2, 3, 7, 2, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff,
	       0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x07, 0x00, 0x30, 0x00, 'x', 'y');
	record = decode(len + 2);
	cr_assert_eq(record.tag, UINT64_C(0x1122334455667788));
	cr_assert_eq(record.data, UINT64_C(0x99aabbccddeeff00));
	cr_assert_eq(record.id, 0x00300007);
	cr_assert(!memcmp(record.payload, "xy", 2));
}

Test(wire, start_of_a_read)
{
	struct wire_desc desc[2] = {
		{.addr = UINT64_C(0x0102030405060708), .len = 0x1000, .key = "k1"},
		{.addr = UINT64_C(0x1112131415161718), .len = 0x2000, .key = "k2"},
	};
	struct wire_record record;
	struct wire_desc back;
	size_t len = wire_put_start(wire, WIRE_TAGGED, 1, 0x00100000, 0x3001, 0x42, 0, SESS_READ,
				    desc, 2, 2);

	wire[len] = 'i';
	EXPECT(len + 1, 4, 1, 1, 0, 0x00, 0x00, 0x10, 0x00, 0x01, 0x30, 0, 0, 0, 0, 0, 0, 1, 2, 2,
	       0, 0x42, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0x10, 0, 0, 0, 0, 0, 0, 'k',
	       '1', 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0, 0x20, 0, 0, 0, 0, 0, 0, 'k',
	       '2', 'i');
	record = decode(len + 1);
	cr_assert_eq(record.way, SESS_READ);
	cr_assert_eq(record.total, 0x3001);
	cr_assert_eq(record.tag, 0x42);
	cr_assert_eq(record.desc_cnt, 2);
	cr_assert_eq(record.payload[0], 'i');
	wire_get_desc(&record, 1, &back);
	cr_assert_eq(back.addr, UINT64_C(0x1112131415161718));
	cr_assert_eq(back.len, 0x2000);
	cr_assert(!memcmp(back.key, "k2", 2));
}

Test(wire, start_of_a_copy)
{
	struct wire_record record;
	size_t len = wire_put_start(wire, WIRE_DATA | WIRE_HELD | WIRE_ACK, 0, 5, 70000, 0, 9,
				    SESS_COPY, NULL, 0, 0);

	EXPECT(len, 4, 0x0e, 0, 0, 5, 0, 0, 0, 0x70, 0x11, 0x01, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0,
	       0, 0, 0, 0, 0);
	record = decode(len);
	cr_assert_eq(record.flags, WIRE_DATA | WIRE_HELD | WIRE_ACK);
	cr_assert_eq(record.way, SESS_COPY);
	cr_assert_eq(record.len, 0);
	cr_assert_eq(record.data, 9);
}

Test(wire, segment)
{
	struct wire_record record;
	size_t len = wire_put_segment(wire, 2, 0x00200001, 0x0000000123456789);

	memcpy(wire + len, "zz", 2);
	EXPECT(len + 2, 5, 0, 2, 0, 1, 0, 0x20, 0, 0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0, 'z', 'z');
	record = decode(len + 2);
	cr_assert_eq(record.id, 0x00200001);
	cr_assert_eq(record.offset, 0x123456789);
	cr_assert_eq(record.len, 2);
}

Test(wire, go)
{
	struct wire_record record;

	EXPECT(wire_put_go(wire, 7, 0x100000000), 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	record = decode(WIRE_GO_LEN);
	cr_assert_eq(record.id, 7);
	cr_assert_eq(record.total, 0x100000000);
}

Test(wire, sink)
{
	const struct wire_desc desc = {.addr = 0x10, .len = 0x20, .key = "key"};
	struct wire_record record;

	EXPECT(wire_put_sink(wire, 7, &desc, 1, 3), 7, 0, 1, 3, 7, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
	       0, 0x20, 0, 0, 0, 0, 0, 0, 0, 'k', 'e', 'y');
	record = decode(27);
	cr_assert_eq(record.desc_cnt, 1);
	cr_assert_eq(record.key_len, 3);
}

Test(wire, replies)
{
	struct wire_record record;

	EXPECT(wire_put_reply(wire, WIRE_WRITTEN, WIRE_OK, 7), 8, 0, 0, 0, 7, 0, 0, 0);
	decode(8);
	EXPECT(wire_put_reply(wire, WIRE_DONE, WIRE_FAILED, 7), 9, 0, 2, 0, 7, 0, 0, 0);
	record = decode(8);
	cr_assert_eq(record.status, WIRE_FAILED);
	cr_assert_eq(record.id, 7);
	EXPECT(wire_put_reply(wire, WIRE_CANCEL, WIRE_OK, 7), 10, 0, 0, 0, 7, 0, 0, 0);
	decode(8);
	wire_put_reply(wire, WIRE_DONE, WIRE_STATUSES, 7);
	cr_assert_lt(wire_get_record(wire, 8, &record), 0, "a status that does not exist");
}

Test(wire, budget_and_bye)
{
	struct wire_record record;

	EXPECT(wire_put_budget(wire, 0x0102030405060708), 11, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1);
	record = decode(12);
	cr_assert_eq(record.total, 0x0102030405060708);
	EXPECT(wire_put_bye(wire, WIRE_ABORT), 12, 0x10, 0, 0);
	record = decode(4);
	cr_assert_eq(record.flags, WIRE_ABORT);
}

Test(wire, refuse)
{
	struct wire_record record;

	EXPECT(wire_put_refuse(wire, WIRE_REFUSE_LIMITS, 0x11223344), 2, 0, 3, 0, 1, 0, 1, 0, 0x44,
	       0x33, 0x22, 0x11);
	record = decode(12);
	cr_assert_eq(record.status, WIRE_REFUSE_LIMITS);
	cr_assert_eq(record.version_min, 1);
	cr_assert_eq(record.version_max, 1);
	cr_assert_eq(record.id, 0x11223344);
}

static const struct wire_hello some_hello = {
	.version_min = 1,
	.version_max = 2,
	.byte_order = WIRE_BYTE_ORDER,
	.window = 64,
	.rma_iov_limit = 4,
	.key_len = 32,
	.caps = WIRE_CAN_READ | WIRE_WRITE_TARGET,
	.buffer_size = 16384,
	.attempt = 5,
	.peer_attempt = 6,
	.instance = 0x0102030405060708,
	.eager_budget = 0x100000,
	.rma_max = UINT64_MAX,
	.virtual_addr = true,
	.name_len = 3,
	.name = "abc",
};

Test(wire, hello)
{
	struct wire_record record;
	struct wire_hello back = {0};

	EXPECT(wire_put_hello(wire, &some_hello), 1, 0, 75, 0, 0x4f, 0x46, 0x53, 0x57, 1, 0, 2, 0,
	       0x02, 0x01, 64, 0, 9, 0, 0, 0, 0, 0x40, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 8, 7, 6, 5, 4,
	       3, 2, 1, 0, 0, 0x10, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	       4, 0, 32, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c');
	record = decode(75);
	cr_assert_eq(wire_get_hello(&record, &back), 0);
	cr_assert_eq(back.version_min, 1);
	cr_assert_eq(back.version_max, 2);
	cr_assert_eq(back.byte_order, WIRE_BYTE_ORDER);
	cr_assert_eq(back.window, 64);
	cr_assert_eq(back.rma_iov_limit, 4);
	cr_assert_eq(back.key_len, 32);
	cr_assert_eq(back.caps, WIRE_CAN_READ | WIRE_WRITE_TARGET);
	cr_assert_eq(back.buffer_size, 16384);
	cr_assert_eq(back.attempt, 5);
	cr_assert_eq(back.peer_attempt, 6);
	cr_assert_eq(back.instance, 0x0102030405060708);
	cr_assert_eq(back.eager_budget, 0x100000);
	cr_assert_eq(back.rma_max, UINT64_MAX);
	cr_assert(back.virtual_addr);
	cr_assert_eq(back.name_len, 3);
	cr_assert(!memcmp(back.name, "abc", 3));
}

Test(wire, hello_may_grow)
{
	struct wire_record record;
	struct wire_hello back;

	wire_put_hello(wire, &some_hello);
	wire[2] = 90; /* a later version's fields behind the name */
	cr_assert_eq(wire_get_record(wire, 90, &record), 90);
	cr_assert_eq(wire_get_hello(&record, &back), 0);
	wire[61] = 30; /* a name beyond the end */
	cr_assert_eq(wire_get_record(wire, 90, &record), 90);
	cr_assert_lt(wire_get_hello(&record, &back), 0);
	wire[61] = SESS_NAME_MAX + 1;
	wire[2] = 200;
	cr_assert_eq(wire_get_record(wire, 200, &record), 200);
	cr_assert_lt(wire_get_hello(&record, &back), 0);
	wire[61] = 3;
	wire[4] = 'X'; /* the magic */
	cr_assert_eq(wire_get_record(wire, 200, &record), 200);
	cr_assert_lt(wire_get_hello(&record, &back), 0);
}

Test(wire, preamble)
{
	const struct sess_request request = {
		.session_id = 0x00100001,
		.cookie = 0xa1b2c3d4,
		.instance = 0x0102030405060708,
		.attempt = 3,
		.port = 0x1f90,
	};
	struct sess_request back;

	wire_put_preamble(wire, &request);
	EXPECT(SESS_PREAMBLE_LEN, 0x4f, 0x46, 0x53, 0x57, 1, 0, 0x10, 0, 0xd4, 0xc3, 0xb2, 0xa1, 3,
	       0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0x90, 0x1f, 1, 0);
	cr_assert_eq(sess_request_parse(wire, SESS_PREAMBLE_LEN + 5, &back), 0);
	cr_assert_eq(back.session_id, request.session_id);
	cr_assert_eq(back.cookie, request.cookie);
	cr_assert_eq(back.instance, request.instance);
	cr_assert_eq(back.attempt, request.attempt);
	cr_assert_eq(back.port, request.port);
	cr_assert_lt(sess_request_parse(wire, SESS_PREAMBLE_LEN - 1, &back), 0);
	wire[0] = 0;
	cr_assert_lt(sess_request_parse(wire, SESS_PREAMBLE_LEN, &back), 0);
}

Test(wire, what_is_malformed)
{
	static const struct {
		uint8_t bytes[24];
		const char *why;
	} bad[] = {
		{{0}, "no type"},
		{{WIRE_TYPES}, "a type that does not exist"},
		{{WIRE_INLINE, WIRE_HELD}, "a flag of another type"},
		{{WIRE_INLINE, 0x80}, "a flag that does not exist"},
		{{WIRE_INLINE, 0, 0xff, 0xff}, "a payload beyond the packet"},
		{{WIRE_START, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_INLINE}, "no way"},
		{{WIRE_START, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_WAYS}, "no way"},
		{{WIRE_START, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_READ, 5},
		 "more descriptors than there may be"},
		{{WIRE_START, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_READ, 0, 33},
		 "a key that is too long"},
		{{WIRE_START, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_READ, 0, 0, 1},
		 "a reserved byte"},
		{{WIRE_START, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, SESS_COPY},
		 "an initial portion longer than the message"},
		{{WIRE_SEGMENT, 0, 0, 0, 1}, "an empty segment"},
		{{WIRE_SINK, 0, 0, 8, 1}, "a SINK without descriptors"},
		{{WIRE_SINK, 0, 5, 8, 1}, "more descriptors than there may be"},
		{{WIRE_DONE, 1, 0, 0, 1}, "a flag where none may be"},
		{{WIRE_HELLO, 0, 71, 0}, "a short hello"},
	};
	struct wire_record record;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(wire_get_record(bad[i].bytes, sizeof(bad[i].bytes), &record), 0, "%s",
			     bad[i].why);
}
