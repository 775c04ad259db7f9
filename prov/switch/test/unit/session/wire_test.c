/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The wire format: encodes and decodes each record, the packet header, the hello and the
 * preamble, and compares every byte; and the packets that the decoders refuse.
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

/* Decodes an encoded record; no prefix of it may decode. */
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
	cr_assert_eq(WIRE_HELLO_LEN, 64);
	cr_assert_eq(WIRE_HELLO_MAX, 256);
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

	EXPECT(wire_put_refuse(wire, WIRE_REFUSE_LIMITS, 0x11223344), 2, 0, 3, 0, 2, 0, 2, 0, 0x44,
	       0x33, 0x22, 0x11);
	record = decode(12);
	cr_assert_eq(record.status, WIRE_REFUSE_LIMITS);
	cr_assert_eq(record.version_min, 2);
	cr_assert_eq(record.version_max, 2);
	cr_assert_eq(record.id, 0x11223344);
}

#define ALL_EXTS                                                                                   \
	(1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET | 1 << WIRE_EXT_RESUME | \
	 1 << WIRE_EXT_HOST)

static const struct wire_hello some_hello = {
	.version_min = 1,
	.version_max = 3,
	.byte_order = WIRE_BYTE_ORDER,
	.window = 64,
	.rma_iov_limit = 4,
	.key_len = 32,
	.caps = WIRE_CAN_READ | WIRE_WRITE_TARGET,
	.buffer_size = 16384,
	.attempt = 5,
	.peer_attempt = 6,
	.next_seq = 0xfffffffe,
	.instance = 0x0102030405060708,
	.rma_max = UINT64_MAX,
	.virtual_addr = true,
	.exts = ALL_EXTS,
	.eager_budget = 0x100000,
	.secret = "secret 16 bytes",
	.resume_secret = "other secret 16",
	.resume_seq = 0x04030201,
	.name_len = 3,
	.name = "abc",
	.host_len = 2,
	.host = "hi",
};

enum { FIXED = 64, ALL = FIXED + 7 + 12 + 20 + 24 + 6 };

Test(wire, hello)
{
	struct wire_record record;
	struct wire_hello back = {0};

	EXPECT(wire_put_hello(wire, &some_hello), 1, 0, ALL, 0, 0x4f, 0x46, 0x53, 0x57, 1, 0, 3, 0,
	       0x02, 0x01, 64, 0, 9, 0, 0, 0, 0, 0x40, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 8, 7, 6, 5, 4,
	       3, 2, 1, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	       0xff, 0xff, 4, 0, 32, 0, 1, 0, 0, 0,   /* the fixed part */
	       1, 0, 3, 0, 'a', 'b', 'c',	      /* name */
	       2, 0, 8, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, /* budget */
	       3, 0, 16, 0, 's', 'e', 'c', 'r', 'e', 't', ' ', '1', '6', ' ', 'b', 'y', 't', 'e',
	       's', 0, /* secret */
	       4, 0, 20, 0, 'o', 't', 'h', 'e', 'r', ' ', 's', 'e', 'c', 'r', 'e', 't', ' ', '1',
	       '6', 0, 1, 2, 3, 4,    /* resume */
	       5, 0, 2, 0, 'h', 'i'); /* host */
	record = decode(ALL);
	cr_assert_eq(wire_get_hello(&record, &back), 0);
	cr_assert_eq(back.version_min, 1);
	cr_assert_eq(back.version_max, 3);
	cr_assert_eq(back.byte_order, WIRE_BYTE_ORDER);
	cr_assert_eq(back.window, 64);
	cr_assert_eq(back.rma_iov_limit, 4);
	cr_assert_eq(back.key_len, 32);
	cr_assert_eq(back.caps, WIRE_CAN_READ | WIRE_WRITE_TARGET);
	cr_assert_eq(back.buffer_size, 16384);
	cr_assert_eq(back.attempt, 5);
	cr_assert_eq(back.peer_attempt, 6);
	cr_assert_eq(back.next_seq, 0xfffffffe);
	cr_assert_eq(back.instance, 0x0102030405060708);
	cr_assert_eq(back.rma_max, UINT64_MAX);
	cr_assert(back.virtual_addr);
	cr_assert_eq(back.exts, ALL_EXTS);
	cr_assert_eq(back.eager_budget, 0x100000);
	cr_assert(!memcmp(back.secret, some_hello.secret, WIRE_SECRET_LEN));
	cr_assert(!memcmp(back.resume_secret, some_hello.resume_secret, WIRE_SECRET_LEN));
	cr_assert_eq(back.resume_seq, 0x04030201);
	cr_assert_eq(back.name_len, 3);
	cr_assert(!memcmp(back.name, "abc", 3));
	cr_assert_eq(back.host_len, 2);
	cr_assert(!memcmp(back.host, "hi", 2));
}

/* Decodes a hello with one extension behind its fixed part. */
static int with_extension(uint16_t type, uint16_t says, size_t len, struct wire_hello *back)
{
	struct wire_hello hello = some_hello;
	struct wire_record record;

	hello.exts = 0;
	cr_assert_eq(wire_put_hello(wire, &hello), FIXED);
	wire[FIXED] = (uint8_t)type;
	wire[FIXED + 1] = (uint8_t)(type >> 8);
	wire[FIXED + 2] = (uint8_t)says;
	wire[FIXED + 3] = (uint8_t)(says >> 8);
	memset(wire + FIXED + 4, 'x', len);
	wire[2] = (uint8_t)(FIXED + 4 + len);
	cr_assert_eq(wire_get_record(wire, FIXED + 4 + len, &record), (long)(FIXED + 4 + len));
	return wire_get_hello(&record, back);
}

Test(wire, hello_extensions)
{
	static const struct {
		uint16_t type, len; /* an exact length, or the greatest one */
		bool exact;
	} exts[] = {
		{WIRE_EXT_NAME, SESS_NAME_MAX, false},
		{WIRE_EXT_BUDGET, 8, true},
		{WIRE_EXT_SECRET, WIRE_SECRET_LEN, true},
		{WIRE_EXT_RESUME, WIRE_SECRET_LEN + 4, true},
		{WIRE_EXT_HOST, SESS_HOST_MAX, false},
	};
	struct wire_record record;
	struct wire_hello back;
	size_t len;

	for (unsigned i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
		const uint16_t most = exts[i].len;

		cr_assert_eq(with_extension(exts[i].type, most, most, &back), 0);
		cr_assert_eq(back.exts, 1 << exts[i].type);
		cr_assert_lt(with_extension(exts[i].type, (uint16_t)(most + 1), most + 1u, &back),
			     0);
		cr_assert_lt(with_extension(exts[i].type, most, most - 1u, &back), 0, "cut short");
		cr_assert_eq(with_extension(exts[i].type, (uint16_t)(most - 1), most - 1u, &back) <
				     0,
			     exts[i].exact);
	}
	/* Unknown extensions of this version are ignored. */
	cr_assert_eq(with_extension(0, 5, 5, &back), 0);
	cr_assert_eq(with_extension(WIRE_EXTS, 0, 0, &back), 0);
	cr_assert_eq(with_extension(0x8001, 30, 30, &back), 0);
	cr_assert_eq(back.exts, 0);
	/* An extension that comes twice, and an incomplete head of one. */
	len = wire_put_hello(wire, &some_hello);
	memcpy(wire + len, wire + FIXED, 7);
	wire[2] = (uint8_t)(len + 7);
	cr_assert_eq(wire_get_record(wire, len + 7, &record), (long)len + 7);
	cr_assert_lt(wire_get_hello(&record, &back), 0);
	wire[2] = (uint8_t)(len + 3);
	cr_assert_eq(wire_get_record(wire, len + 3, &record), (long)len + 3);
	cr_assert_lt(wire_get_hello(&record, &back), 0);
}

Test(wire, hello_of_others)
{
	struct wire_record record;
	struct wire_hello back;

	/* Of a hello of another version only its version is read. */
	wire_put_hello(wire, &some_hello);
	wire[8] = wire[10] = 1;
	memset(wire + FIXED, 0xff, ALL - FIXED);
	record = decode(ALL);
	cr_assert_eq(wire_get_hello(&record, &back), 0);
	cr_assert_eq(back.version_max, 1);
	cr_assert_eq(back.exts, 0);
	/* An engine of version 1 reads the name's length at offset 61, and wants at least 72
	 * bytes. */
	wire_put_hello(wire, &some_hello);
	cr_assert_eq(wire[61], 0);
	cr_assert_geq(ALL, 72);
	wire[4] = 'X'; /* the magic */
	record = decode(ALL);
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
	       0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0x90, 0x1f, 2, 0);
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
		{{WIRE_HELLO, 0, 63, 0}, "a short hello"},
	};
	struct wire_record record;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(wire_get_record(bad[i].bytes, sizeof(bad[i].bytes), &record), 0, "%s",
			     bad[i].why);
}
