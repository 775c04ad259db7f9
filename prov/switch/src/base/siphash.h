/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): 8 bytes from which nobody can compute the key.
 */
#ifndef SWITCH_SIPHASH_H
#define SWITCH_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SWITCH_SIPHASH_KEY_LEN = 16, SWITCH_SIPHASH_LEN = 8 };

void switch_siphash(const uint8_t key[SWITCH_SIPHASH_KEY_LEN], const void *data, size_t len,
		    uint8_t out[SWITCH_SIPHASH_LEN]);

#endif
