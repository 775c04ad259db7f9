/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes of the adapter's own messages, which travel in order with everybody else's and
 * begin with CORE_OWN_MESSAGE.  Called by the other files of core/rdm; it sends nothing.
 *
 * Layout, little endian: u32 ~0, u8 version, u8 type, u16 length of the name, u32
 * to, u32 from, u64 secret, u16 length of the data, 6 bytes of zero, name, data.
 */
#include <endian.h>
#include <string.h>

#include "core/rdm/frame.h"

enum {
	FRAME_VERSION = 1,
};

struct wire {
	uint32_t own;
	uint8_t version, type;
	uint16_t name_len;
	uint32_t to, from;
	uint64_t secret;
	uint16_t data_len;
	uint8_t zero[6];
};

_Static_assert(sizeof(struct wire) == 32, "no padding");

_Static_assert(sizeof(struct wire) + CORE_ADDR_MAX + CORE_RDM_CM_DATA == CORE_RDM_FRAME_MAX,
	       "the longest");

size_t core_rdm_frame_build(const struct core_rdm_frame *frame, uint8_t *buf)
{
	const struct wire wire = {
		.own = CORE_OWN_MESSAGE,
		.version = FRAME_VERSION,
		.type = (uint8_t)frame->type,
		.name_len = htole16((uint16_t)frame->name_len),
		.to = htole32(frame->to),
		.from = htole32(frame->from),
		.secret = htole64(frame->secret),
		.data_len = htole16((uint16_t)frame->data_len),
	};

	memcpy(buf, &wire, sizeof(wire));
	if (frame->name_len)
		memcpy(buf + sizeof(wire), frame->name, frame->name_len);
	if (frame->data_len)
		memcpy(buf + sizeof(wire) + frame->name_len, frame->data, frame->data_len);
	return sizeof(wire) + frame->name_len + frame->data_len;
}

bool core_rdm_frame_parse(const void *buf, size_t len, struct core_rdm_frame *frame)
{
	const uint8_t *bytes = buf;
	struct wire wire;

	if (len < sizeof(wire))
		return false;
	memcpy(&wire, bytes, sizeof(wire));
	*frame = (struct core_rdm_frame){
		.type = wire.type,
		.to = le32toh(wire.to),
		.from = le32toh(wire.from),
		.secret = le64toh(wire.secret),
		.name = bytes + sizeof(wire),
		.name_len = le16toh(wire.name_len),
		.data_len = le16toh(wire.data_len),
	};
	frame->data = bytes + sizeof(wire) + frame->name_len;
	return wire.version == FRAME_VERSION && frame->name_len <= CORE_ADDR_MAX &&
	       frame->data_len <= CORE_RDM_CM_DATA &&
	       sizeof(wire) + frame->name_len + frame->data_len == len;
}
