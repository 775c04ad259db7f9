/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The layouts of packets and records.  session/wire.c is the only code that
 * encodes or parses bytes; everything on the wire is little-endian and
 * unaligned.  docs/protocol.md has the meaning of the records.
 */
#ifndef SESS_WIRE_H
#define SESS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch_session.h"

enum {
	WIRE_MAGIC = 0x5753464f, /* "OFSW" */
	WIRE_VERSION = 2,	 /* 1 had no extensions: not spoken any more */
	WIRE_BYTE_ORDER = 0x0102,

	WIRE_HEADER_LEN = 20,
	WIRE_INLINE_LEN = 4, /* + 8 tag + 8 data + 4 id */
	WIRE_START_LEN = 20, /* + 8 tag + 8 data + descriptors */
	WIRE_SEGMENT_LEN = 16,
	WIRE_GO_LEN = 16,
	WIRE_SINK_LEN = 8,  /* + descriptors */
	WIRE_REPLY_LEN = 8, /* DONE, WRITTEN, CANCEL */
	WIRE_BUDGET_LEN = 12,
	WIRE_BYE_LEN = 4,
	WIRE_REFUSE_LEN = 12,
	WIRE_HELLO_LEN = 64,  /* + extensions */
	WIRE_HELLO_MAX = 256, /* the packet that carries it */
	WIRE_EXT_LEN = 4,     /* head of an extension */
	WIRE_SECRET_LEN = 16,
	WIRE_DESC_LEN = 16, /* + key */
	WIRE_DESC_MAX = SESS_IOV_MAX,
	WIRE_TAG_LEN = 8,
	WIRE_DATA_LEN = 8,
	WIRE_ID_LEN = 4,
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_REFUSE = 2,
	WIRE_INLINE = 3,
	WIRE_START = 4,
	WIRE_SEGMENT = 5,
	WIRE_GO = 6,
	WIRE_SINK = 7,
	WIRE_WRITTEN = 8,
	WIRE_DONE = 9,
	WIRE_CANCEL = 10,
	WIRE_BUDGET = 11,
	WIRE_BYE = 12,
	WIRE_TYPES,
};

/* flags of a packet */
enum {
	WIRE_FULL = 1 << 0, /* no room for unmatched data: announce with an empty START */
	WIRE_PACKET_FLAGS = WIRE_FULL,
};

/* flags of a record */
enum {
	WIRE_TAGGED = 1 << 0, /* a tag follows */
	WIRE_DATA = 1 << 1,   /* remote completion data follow */
	WIRE_ACK = 1 << 2,    /* answer with DONE once the application has it */
	WIRE_HELD = 1 << 3,   /* START, copy: segments wait for GO */
	WIRE_ABORT = 1 << 4,  /* BYE: not in order */
};

/* status of DONE and WRITTEN */
enum wire_status {
	WIRE_OK = 0,
	WIRE_CANCELED = 1, /* by the sender, before it was matched */
	WIRE_FAILED = 2,   /* memory could not be registered, and the way was forced */
	WIRE_CLOSED = 3,   /* the receiver's endpoint was closed before it was matched */
	WIRE_STATUSES,
};

/* reasons of REFUSE */
enum wire_refusal {
	WIRE_REFUSE_VERSION = 1,
	WIRE_REFUSE_ORDER = 2,
	WIRE_REFUSE_LIMITS = 3, /* buffer or window too small */
	WIRE_REFUSE_ATTEMPT = 4,
};

/* capabilities in the hello */
enum {
	WIRE_CAN_READ = 1 << 0,
	WIRE_CAN_WRITE = 1 << 1,
	WIRE_READ_TARGET = 1 << 2,
	WIRE_WRITE_TARGET = 1 << 3,
};

struct wire_header {
	uint32_t session_id, cookie, seq, ack;
	uint16_t window;
	uint8_t record_cnt, flags;
};

/* Where remote memory lies. */
struct wire_desc {
	uint64_t addr, len;
	uint8_t key[SESS_KEY_MAX];
};

/* extensions of the hello: the parts behind its fixed part */
enum wire_ext {
	WIRE_EXT_NAME = 1,   /* of the endpoint */
	WIRE_EXT_BUDGET = 2, /* bytes of copied transfers that may be unmatched */
	WIRE_EXT_SECRET = 3, /* with which the peer proves that it goes on with this session */
	WIRE_EXT_RESUME = 4, /* it does: the secret that it was told, and the packet it expects */
	WIRE_EXT_HOST = 5,   /* what processes of one host have in common */
	WIRE_EXTS,
};

struct wire_hello {
	uint16_t version_min, version_max, byte_order;
	uint16_t window, rma_iov_limit, key_len;
	uint32_t caps; /* of the link */
	uint32_t buffer_size, attempt, peer_attempt, next_seq;
	uint64_t instance, rma_max;
	bool virtual_addr;
	/* extensions: which of them it has (bits by enum wire_ext), and their values */
	uint8_t exts;
	uint64_t eager_budget;
	uint32_t resume_seq;
	uint8_t secret[WIRE_SECRET_LEN], resume_secret[WIRE_SECRET_LEN];
	uint8_t name_len, host_len;
	uint8_t name[SESS_NAME_MAX];
	uint8_t host[SESS_HOST_MAX];
};

static inline bool wire_hello_has(const struct wire_hello *hello, enum wire_ext ext)
{
	return hello->exts & 1u << ext;
}

/* One record, decoded.  Fields that its type does not have are 0. */
struct wire_record {
	uint8_t type, flags, way, desc_cnt, key_len;
	uint16_t status; /* or reason */
	uint16_t version_min, version_max;
	uint32_t id; /* of the sender's transfer; REFUSE: the attempt */
	uint64_t total, tag, data, offset;
	const uint8_t *desc;
	const uint8_t *payload;
	size_t len; /* of the payload */
};

/* Encoders return the bytes written; the caller has seen to the room. */
size_t wire_put_header(uint8_t *p, const struct wire_header *header);
size_t wire_put_inline(uint8_t *p, uint8_t flags, uint16_t len, uint64_t tag, uint64_t data,
		       uint32_t id);
size_t wire_put_start(uint8_t *p, uint8_t flags, uint16_t len, uint32_t id, uint64_t total,
		      uint64_t tag, uint64_t data, enum sess_way way, const struct wire_desc *desc,
		      unsigned desc_cnt, size_t key_len);
size_t wire_put_segment(uint8_t *p, uint16_t len, uint32_t id, uint64_t offset);
size_t wire_put_go(uint8_t *p, uint32_t id, uint64_t want);
size_t wire_put_sink(uint8_t *p, uint32_t id, const struct wire_desc *desc, unsigned desc_cnt,
		     size_t key_len);
size_t wire_put_reply(uint8_t *p, enum wire_type type, uint16_t status, uint32_t id);
size_t wire_put_budget(uint8_t *p, uint64_t released);
size_t wire_put_bye(uint8_t *p, uint8_t flags);
size_t wire_put_refuse(uint8_t *p, uint16_t reason, uint32_t attempt);
size_t wire_put_hello(uint8_t *p, const struct wire_hello *hello);
void wire_put_preamble(uint8_t *p, const struct sess_request *request);

/* Sizes of the heads that vary. */
size_t wire_inline_len(uint8_t flags);
size_t wire_start_len(uint8_t flags, unsigned desc_cnt, size_t key_len);

/* Decoders check everything that can be checked without knowing the session:
 * 0 (or the bytes consumed), or -1. */
int wire_get_header(const uint8_t *p, size_t len, struct wire_header *header);
long wire_get_record(const uint8_t *p, size_t len, struct wire_record *record);
int wire_get_hello(const struct wire_record *record, struct wire_hello *hello);
void wire_get_desc(const struct wire_record *record, unsigned i, struct wire_desc *desc);
int wire_get_preamble(const uint8_t *p, size_t len, struct sess_request *request);

#endif
