/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: random numbers, and patterns by which damaged data are recognized.
 */
#ifndef FUNC_DATA_H
#define FUNC_DATA_H

#include <stddef.h>
#include <stdint.h>

uint64_t func_mix(uint64_t x); /* returns a hash of x */
uint64_t func_rand(uint64_t *state);
size_t func_rand_len(uint64_t *state, size_t max); /* small lengths are as likely as large ones */
void func_fill(void *buf, size_t len, uint64_t key);
#define func_verify(buf, len, key) func_verify_at(__FILE__, __LINE__, buf, len, key)
void func_verify_at(const char *file, int line, const void *buf, size_t len, uint64_t key);
void *func_alloc(size_t len); /* never NULL, filled with 0xee */

#endif
