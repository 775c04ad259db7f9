/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The only code that encodes or parses bytes of the wire.  Parsing checks
 * lengths, counts, types and reserved bits; whether a record is allowed now,
 * and whether its ids mean anything, is for the dispatch in session/input.c.
 */
#include <string.h>

#include "session/wire.h"

static inline uint8_t *put8(uint8_t *p, uint8_t v)
{
	*p = v;
	return p + 1;
}

static inline uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	return p + 2;
}

static inline uint8_t *put32(uint8_t *p, uint32_t v)
{
	p = put16(p, (uint16_t)v);
	return put16(p, (uint16_t)(v >> 16));
}

static inline uint8_t *put64(uint8_t *p, uint64_t v)
{
	p = put32(p, (uint32_t)v);
	return put32(p, (uint32_t)(v >> 32));
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

_Static_assert(WIRE_HEADER_LEN + WIRE_INLINE_LEN + WIRE_TAG_LEN <= 36,
	       "a small tagged message costs at most 36 bytes beside its payload");
_Static_assert(WIRE_HEADER_LEN + WIRE_HELLO_LEN + (WIRE_EXTS - 1) * WIRE_EXT_LEN + SESS_NAME_MAX +
			       8 + WIRE_SECRET_LEN + WIRE_SECRET_LEN + 4 + SESS_HOST_MAX <=
		       WIRE_HELLO_MAX,
	       "a hello with every extension fits its packet");
_Static_assert((int)WIRE_EXTS <= 8, "a bit of wire_hello.exts for every extension");
_Static_assert((int)WIRE_HELLO_MAX <= (int)SESS_BUFFER_MIN, "the hello fits any control buffer");
_Static_assert(WIRE_HEADER_LEN + WIRE_START_LEN + WIRE_TAG_LEN + WIRE_DATA_LEN +
			       WIRE_DESC_MAX * (WIRE_DESC_LEN + SESS_KEY_MAX) <=
		       SESS_BUFFER_MIN,
	       "a START with every descriptor fits any control buffer");

size_t wire_put_header(uint8_t *p, const struct wire_header *header)
{
	p = put32(p, header->session_id);
	p = put32(p, header->cookie);
	p = put32(p, header->seq);
	p = put32(p, header->ack);
	p = put16(p, header->window);
	p = put8(p, header->record_cnt);
	put8(p, header->flags);
	return WIRE_HEADER_LEN;
}

int wire_get_header(const uint8_t *p, size_t len, struct wire_header *header)
{
	if (len < WIRE_HEADER_LEN)
		return -1;
	header->session_id = get32(p);
	header->cookie = get32(p + 4);
	header->seq = get32(p + 8);
	header->ack = get32(p + 12);
	header->window = get16(p + 16);
	header->record_cnt = p[18];
	header->flags = p[19];
	return 0;
}

size_t wire_inline_len(uint8_t flags)
{
	return WIRE_INLINE_LEN + (flags & WIRE_TAGGED ? WIRE_TAG_LEN : 0) +
	       (flags & WIRE_DATA ? WIRE_DATA_LEN : 0) + (flags & WIRE_ACK ? WIRE_ID_LEN : 0);
}

size_t wire_put_inline(uint8_t *p, uint8_t flags, uint16_t len, uint64_t tag, uint64_t data,
		       uint32_t id)
{
	uint8_t *start = p;

	p = put8(p, WIRE_INLINE);
	p = put8(p, flags);
	p = put16(p, len);
	if (flags & WIRE_TAGGED)
		p = put64(p, tag);
	if (flags & WIRE_DATA)
		p = put64(p, data);
	if (flags & WIRE_ACK)
		p = put32(p, id);
	return (size_t)(p - start);
}

static uint8_t *put_descs(uint8_t *p, const struct wire_desc *desc, unsigned desc_cnt,
			  size_t key_len)
{
	for (unsigned i = 0; i < desc_cnt; i++) {
		p = put64(p, desc[i].addr);
		p = put64(p, desc[i].len);
		memcpy(p, desc[i].key, key_len);
		p += key_len;
	}
	return p;
}

size_t wire_start_len(uint8_t flags, unsigned desc_cnt, size_t key_len)
{
	return WIRE_START_LEN + (flags & WIRE_TAGGED ? WIRE_TAG_LEN : 0) +
	       (flags & WIRE_DATA ? WIRE_DATA_LEN : 0) + desc_cnt * (WIRE_DESC_LEN + key_len);
}

size_t wire_put_start(uint8_t *p, uint8_t flags, uint16_t len, uint32_t id, uint64_t total,
		      uint64_t tag, uint64_t data, enum sess_way way, const struct wire_desc *desc,
		      unsigned desc_cnt, size_t key_len)
{
	uint8_t *start = p;

	p = put8(p, WIRE_START);
	p = put8(p, flags);
	p = put16(p, len);
	p = put32(p, id);
	p = put64(p, total);
	p = put8(p, (uint8_t)way);
	p = put8(p, (uint8_t)desc_cnt);
	p = put8(p, (uint8_t)key_len);
	p = put8(p, 0);
	if (flags & WIRE_TAGGED)
		p = put64(p, tag);
	if (flags & WIRE_DATA)
		p = put64(p, data);
	p = put_descs(p, desc, desc_cnt, key_len);
	return (size_t)(p - start);
}

size_t wire_put_segment(uint8_t *p, uint16_t len, uint32_t id, uint64_t offset)
{
	p = put8(p, WIRE_SEGMENT);
	p = put8(p, 0);
	p = put16(p, len);
	p = put32(p, id);
	put64(p, offset);
	return WIRE_SEGMENT_LEN;
}

size_t wire_put_go(uint8_t *p, uint32_t id, uint64_t want)
{
	p = put8(p, WIRE_GO);
	p = put8(p, 0);
	p = put16(p, 0);
	p = put32(p, id);
	put64(p, want);
	return WIRE_GO_LEN;
}

size_t wire_put_sink(uint8_t *p, uint32_t id, const struct wire_desc *desc, unsigned desc_cnt,
		     size_t key_len)
{
	uint8_t *start = p;

	p = put8(p, WIRE_SINK);
	p = put8(p, 0);
	p = put8(p, (uint8_t)desc_cnt);
	p = put8(p, (uint8_t)key_len);
	p = put32(p, id);
	p = put_descs(p, desc, desc_cnt, key_len);
	return (size_t)(p - start);
}

size_t wire_put_reply(uint8_t *p, enum wire_type type, uint16_t status, uint32_t id)
{
	p = put8(p, (uint8_t)type);
	p = put8(p, 0);
	p = put16(p, status);
	put32(p, id);
	return WIRE_REPLY_LEN;
}

size_t wire_put_budget(uint8_t *p, uint64_t released)
{
	p = put8(p, WIRE_BUDGET);
	p = put8(p, 0);
	p = put16(p, 0);
	put64(p, released);
	return WIRE_BUDGET_LEN;
}

size_t wire_put_bye(uint8_t *p, uint8_t flags)
{
	p = put8(p, WIRE_BYE);
	p = put8(p, flags);
	put16(p, 0);
	return WIRE_BYE_LEN;
}

size_t wire_put_refuse(uint8_t *p, uint16_t reason, uint32_t attempt)
{
	p = put8(p, WIRE_REFUSE);
	p = put8(p, 0);
	p = put16(p, reason);
	p = put16(p, WIRE_VERSION);
	p = put16(p, WIRE_VERSION);
	put32(p, attempt);
	return WIRE_REFUSE_LEN;
}

/*
 * Offsets of the fixed part of a hello: 0 type, 1 flags, 2 length of all, 4 magic, 8
 * version_min, 10 version_max, 12 byte order, 14 window, 16 capabilities of the link, 20
 * buffer size, 24 attempt, 28 peer's attempt, 32 instance, 40 next packet, 44
 * capabilities of the endpoint, 48 longest RMA, 56 RMA pieces, 58 key length, 60 virtual
 * addresses, 61 zero, 62 reserved, 64 extensions.  Version 1 had the versions and limits
 * in the same places, and at 61 the length of its name: it understands this hello as
 * far as it has to, to refuse it.
 */
static uint8_t *put_ext(uint8_t *p, enum wire_ext type, const void *value, uint16_t len)
{
	p = put16(p, (uint16_t)type);
	p = put16(p, len);
	memcpy(p, value, len);
	return p + len;
}

static uint8_t *put_exts(uint8_t *p, const struct wire_hello *hello)
{
	uint8_t value[WIRE_SECRET_LEN + 4];

	if (wire_hello_has(hello, WIRE_EXT_NAME))
		p = put_ext(p, WIRE_EXT_NAME, hello->name, hello->name_len);
	if (wire_hello_has(hello, WIRE_EXT_BUDGET)) {
		put64(value, hello->eager_budget);
		p = put_ext(p, WIRE_EXT_BUDGET, value, 8);
	}
	if (wire_hello_has(hello, WIRE_EXT_SECRET))
		p = put_ext(p, WIRE_EXT_SECRET, hello->secret, WIRE_SECRET_LEN);
	if (wire_hello_has(hello, WIRE_EXT_RESUME)) {
		memcpy(value, hello->resume_secret, WIRE_SECRET_LEN);
		put32(value + WIRE_SECRET_LEN, hello->resume_seq);
		p = put_ext(p, WIRE_EXT_RESUME, value, WIRE_SECRET_LEN + 4);
	}
	if (wire_hello_has(hello, WIRE_EXT_HOST))
		p = put_ext(p, WIRE_EXT_HOST, hello->host, hello->host_len);
	return p;
}

size_t wire_put_hello(uint8_t *p, const struct wire_hello *hello)
{
	uint8_t *start = p;

	p = put8(p, WIRE_HELLO);
	p = put8(p, 0);
	p = put16(p, 0); /* the length, below */
	p = put32(p, WIRE_MAGIC);
	p = put16(p, hello->version_min);
	p = put16(p, hello->version_max);
	p = put16(p, hello->byte_order);
	p = put16(p, hello->window);
	p = put32(p, hello->caps);
	p = put32(p, hello->buffer_size);
	p = put32(p, hello->attempt);
	p = put32(p, hello->peer_attempt);
	p = put64(p, hello->instance);
	p = put32(p, hello->next_seq);
	p = put32(p, 0);
	p = put64(p, hello->rma_max);
	p = put16(p, hello->rma_iov_limit);
	p = put16(p, hello->key_len);
	p = put8(p, hello->virtual_addr);
	p = put8(p, 0);
	p = put16(p, 0);
	p = put_exts(p, hello);
	put16(start + 2, (uint16_t)(p - start));
	return (size_t)(p - start);
}

/* One extension.  False: it is not what one of its type is. */
static bool get_ext(const uint8_t *p, size_t len, enum wire_ext type, struct wire_hello *hello)
{
	switch (type) {
	case WIRE_EXT_NAME:
		if (len > SESS_NAME_MAX)
			return false;
		hello->name_len = (uint8_t)len;
		memcpy(hello->name, p, len);
		return true;
	case WIRE_EXT_BUDGET:
		if (len != 8)
			return false;
		hello->eager_budget = get64(p);
		return true;
	case WIRE_EXT_SECRET:
		if (len != WIRE_SECRET_LEN)
			return false;
		memcpy(hello->secret, p, len);
		return true;
	case WIRE_EXT_RESUME:
		if (len != WIRE_SECRET_LEN + 4)
			return false;
		memcpy(hello->resume_secret, p, WIRE_SECRET_LEN);
		hello->resume_seq = get32(p + WIRE_SECRET_LEN);
		return true;
	case WIRE_EXT_HOST:
		if (len > SESS_HOST_MAX)
			return false;
		hello->host_len = (uint8_t)len;
		memcpy(hello->host, p, len);
		return true;
	case WIRE_EXTS:
		break;
	}
	return true;
}

/* Each at most once; those of a type that we do not know are passed over. */
static int get_exts(const uint8_t *p, size_t len, struct wire_hello *hello)
{
	while (len) {
		size_t type, value_len;

		if (len < WIRE_EXT_LEN)
			return -1;
		type = get16(p);
		value_len = get16(p + 2);
		p += WIRE_EXT_LEN;
		len -= WIRE_EXT_LEN;
		if (value_len > len)
			return -1;
		if (type && type < WIRE_EXTS) {
			if (wire_hello_has(hello, (enum wire_ext)type) ||
			    !get_ext(p, value_len, (enum wire_ext)type, hello))
				return -1;
			hello->exts |= (uint8_t)(1u << type);
		}
		p += value_len;
		len -= value_len;
	}
	return 0;
}

int wire_get_hello(const struct wire_record *record, struct wire_hello *hello)
{
	const uint8_t *p = record->payload;

	if (record->len < WIRE_HELLO_LEN || get32(p + 4) != WIRE_MAGIC)
		return -1;
	*hello = (struct wire_hello){
		.version_min = get16(p + 8),
		.version_max = get16(p + 10),
	};
	if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION)
		return 0; /* the rest may have another layout; it will be refused */
	hello->byte_order = get16(p + 12);
	hello->window = get16(p + 14);
	hello->caps = get32(p + 16);
	hello->buffer_size = get32(p + 20);
	hello->attempt = get32(p + 24);
	hello->peer_attempt = get32(p + 28);
	hello->instance = get64(p + 32);
	hello->next_seq = get32(p + 40);
	hello->rma_max = get64(p + 48);
	hello->rma_iov_limit = get16(p + 56);
	hello->key_len = get16(p + 58);
	hello->virtual_addr = p[60] != 0;
	if (hello->key_len > SESS_KEY_MAX)
		return -1;
	return get_exts(p + WIRE_HELLO_LEN, record->len - WIRE_HELLO_LEN, hello);
}

void wire_put_preamble(uint8_t *p, const struct sess_request *request)
{
	p = put32(p, WIRE_MAGIC);
	p = put32(p, request->session_id);
	p = put32(p, request->cookie);
	p = put32(p, request->attempt);
	p = put64(p, request->instance);
	p = put16(p, request->port);
	put16(p, WIRE_VERSION);
}

int wire_get_preamble(const uint8_t *p, size_t len, struct sess_request *request)
{
	if (len < SESS_PREAMBLE_LEN || get32(p) != WIRE_MAGIC)
		return -1;
	request->session_id = get32(p + 4);
	request->cookie = get32(p + 8);
	request->attempt = get32(p + 12);
	request->instance = get64(p + 16);
	request->port = get16(p + 24);
	return 0;
}

void wire_get_desc(const struct wire_record *record, unsigned i, struct wire_desc *desc)
{
	const uint8_t *p = record->desc + i * (WIRE_DESC_LEN + (size_t)record->key_len);

	desc->addr = get64(p);
	desc->len = get64(p + 8);
	memcpy(desc->key, p + 16, record->key_len);
}

/* Reads the optional fields behind a record's head; the head is known to
 * be there, they are not. */
static long get_message(const uint8_t *p, size_t len, struct wire_record *record, size_t head,
			bool has_id)
{
	size_t need = head + (record->flags & WIRE_TAGGED ? WIRE_TAG_LEN : 0) +
		      (record->flags & WIRE_DATA ? WIRE_DATA_LEN : 0) + (has_id ? WIRE_ID_LEN : 0) +
		      record->desc_cnt * (WIRE_DESC_LEN + (size_t)record->key_len);

	if (record->len > len || need > len - record->len)
		return -1;
	p += head;
	if (record->flags & WIRE_TAGGED) {
		record->tag = get64(p);
		p += WIRE_TAG_LEN;
	}
	if (record->flags & WIRE_DATA) {
		record->data = get64(p);
		p += WIRE_DATA_LEN;
	}
	if (has_id) {
		record->id = get32(p);
		p += WIRE_ID_LEN;
	}
	record->desc = p;
	record->payload = p + record->desc_cnt * (WIRE_DESC_LEN + (size_t)record->key_len);
	return (long)(need + record->len);
}

static long get_start(const uint8_t *p, size_t len, struct wire_record *record)
{
	record->len = get16(p + 2);
	record->id = get32(p + 4);
	record->total = get64(p + 8);
	record->way = p[16];
	record->desc_cnt = p[17];
	record->key_len = p[18];
	if (record->way == SESS_INLINE || record->way >= SESS_WAYS || p[19] ||
	    record->desc_cnt > WIRE_DESC_MAX || record->key_len > SESS_KEY_MAX ||
	    record->len > record->total)
		return -1;
	return get_message(p, len, record, WIRE_START_LEN, false);
}

static long get_sink(const uint8_t *p, size_t len, struct wire_record *record)
{
	size_t need;

	record->desc_cnt = p[2];
	record->key_len = p[3];
	record->id = get32(p + 4);
	if (!record->desc_cnt || record->desc_cnt > WIRE_DESC_MAX || record->key_len > SESS_KEY_MAX)
		return -1;
	need = WIRE_SINK_LEN + record->desc_cnt * (WIRE_DESC_LEN + (size_t)record->key_len);
	record->desc = p + WIRE_SINK_LEN;
	return need > len ? -1 : (long)need;
}

static long get_hello(const uint8_t *p, size_t len, struct wire_record *record)
{
	record->payload = p;
	record->len = get16(p + 2);
	return record->len < WIRE_HELLO_LEN || record->len > len ? -1 : (long)record->len;
}

/* By type: the least length and the flags that it may have. */
static const struct {
	uint8_t len, flags;
} record_shape[WIRE_TYPES] = {
	[WIRE_HELLO] = {WIRE_HELLO_LEN, 0},
	[WIRE_REFUSE] = {WIRE_REFUSE_LEN, 0},
	[WIRE_INLINE] = {WIRE_INLINE_LEN, WIRE_TAGGED | WIRE_DATA | WIRE_ACK},
	[WIRE_START] = {WIRE_START_LEN, WIRE_TAGGED | WIRE_DATA | WIRE_ACK | WIRE_HELD},
	[WIRE_SEGMENT] = {WIRE_SEGMENT_LEN, 0},
	[WIRE_GO] = {WIRE_GO_LEN, 0},
	[WIRE_SINK] = {WIRE_SINK_LEN, 0},
	[WIRE_WRITTEN] = {WIRE_REPLY_LEN, 0},
	[WIRE_DONE] = {WIRE_REPLY_LEN, 0},
	[WIRE_CANCEL] = {WIRE_REPLY_LEN, 0},
	[WIRE_BUDGET] = {WIRE_BUDGET_LEN, 0},
	[WIRE_BYE] = {WIRE_BYE_LEN, WIRE_ABORT},
};

long wire_get_record(const uint8_t *p, size_t len, struct wire_record *record)
{
	*record = (struct wire_record){0};
	if (len < 2)
		return -1;
	record->type = p[0];
	record->flags = p[1];
	if (record->type >= WIRE_TYPES || !record_shape[record->type].len ||
	    len < record_shape[record->type].len ||
	    record->flags & ~record_shape[record->type].flags)
		return -1;

	switch ((enum wire_type)record->type) {
	case WIRE_INLINE:
		record->len = get16(p + 2);
		return get_message(p, len, record, WIRE_INLINE_LEN, record->flags & WIRE_ACK);
	case WIRE_START:
		return get_start(p, len, record);
	case WIRE_SEGMENT:
		record->len = get16(p + 2);
		record->id = get32(p + 4);
		record->offset = get64(p + 8);
		record->payload = p + WIRE_SEGMENT_LEN;
		if (!record->len || record->len > len - WIRE_SEGMENT_LEN)
			return -1;
		return WIRE_SEGMENT_LEN + (long)record->len;
	case WIRE_GO:
		record->id = get32(p + 4);
		record->total = get64(p + 8);
		return WIRE_GO_LEN;
	case WIRE_SINK:
		return get_sink(p, len, record);
	case WIRE_WRITTEN:
	case WIRE_DONE:
	case WIRE_CANCEL:
		record->status = get16(p + 2);
		record->id = get32(p + 4);
		return record->status < WIRE_STATUSES ? WIRE_REPLY_LEN : -1;
	case WIRE_BUDGET:
		record->total = get64(p + 4);
		return WIRE_BUDGET_LEN;
	case WIRE_BYE:
		return WIRE_BYE_LEN;
	case WIRE_REFUSE:
		record->status = get16(p + 2);
		record->version_min = get16(p + 4);
		record->version_max = get16(p + 6);
		record->id = get32(p + 8);
		return WIRE_REFUSE_LEN;
	case WIRE_HELLO:
		return get_hello(p, len, record);
	case WIRE_TYPES:
		break;
	}
	return -1;
}
