/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SipHash-2-4, written after its paper.  Keeps nothing.
 */
#include "base/siphash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t get64(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(struct state *s, unsigned rounds)
{
	while (rounds--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void take(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s, 2);
	s->v0 ^= word;
}

void switch_siphash(const uint8_t key[SWITCH_SIPHASH_KEY_LEN], const void *data, size_t len,
		    uint8_t out[SWITCH_SIPHASH_LEN])
{
	const uint64_t k0 = get64(key), k1 = get64(key + 8);
	struct state s = {
		.v0 = k0 ^ 0x736f6d6570736575,
		.v1 = k1 ^ 0x646f72616e646f6d,
		.v2 = k0 ^ 0x6c7967656e657261,
		.v3 = k1 ^ 0x7465646279746573,
	};
	uint64_t last = (uint64_t)len << 56, hash;
	const uint8_t *p = data;

	for (; len >= 8; len -= 8, p += 8)
		take(&s, get64(p));
	for (unsigned i = 0; i < len; i++)
		last |= (uint64_t)p[i] << 8 * i;
	take(&s, last);
	s.v2 ^= 0xff;
	mix(&s, 4);
	hash = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	for (unsigned i = 0; i < SWITCH_SIPHASH_LEN; i++)
		out[i] = (uint8_t)(hash >> 8 * i);
}
