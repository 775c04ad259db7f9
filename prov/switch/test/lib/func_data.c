/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, random numbers and patterns: see lib/func_data.h.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_check.h"
#include "lib/func_data.h"

uint64_t func_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint64_t func_rand(uint64_t *state)
{
	return func_mix((*state)++);
}

size_t func_rand_len(uint64_t *state, size_t max)
{
	size_t top = max >> (func_rand(state) % 16);

	return top ? func_rand(state) % (top + 1) : 0;
}

void func_fill(void *buf, size_t len, uint64_t key)
{
	size_t pos, part;
	uint64_t word;

	for (pos = 0; pos < len; pos += part) {
		word = func_mix(key + pos);
		part = len - pos < sizeof(word) ? len - pos : sizeof(word);
		memcpy((char *)buf + pos, &word, part);
	}
}

void func_verify_at(const char *file, int line, const void *buf, size_t len, uint64_t key)
{
	size_t pos, part;
	uint64_t word;

	for (pos = 0; pos < len; pos += part) {
		word = func_mix(key + pos);
		part = len - pos < sizeof(word) ? len - pos : sizeof(word);
		if (memcmp((const char *)buf + pos, &word, part))
			func_fail(file, line, "wrong data at byte %zu or up to 7 behind, of %zu",
				  pos, len);
	}
}

void *func_alloc(size_t len)
{
	void *buf = malloc(len ? len : 1);

	FUNC_TRUE(buf);
	memset(buf, 0xee, len);
	return buf;
}
