/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What our MPI programs share: who we are, checks that end the job, and data
 * that say where they are from.  Included once by each.
 */
#ifndef MPI_CHECK_H
#define MPI_CHECK_H

#include <mpi.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int rank, ranks;
static uint64_t seed;

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail(__LINE__, #cond, __VA_ARGS__);                                        \
	} while (0)

static void fail(int line, const char *what, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "rank %d, line %d: not true: %s: ", rank, line, what);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, " (SEED=%llu)\n", (unsigned long long)seed);
	MPI_Abort(MPI_COMM_WORLD, 1);
	abort();
}

/* -- data that say where they are from -------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t key_of(int from, int to, int number)
{
	return mix(seed ^ mix((uint64_t)from << 40 ^ (uint64_t)to << 20 ^ (uint64_t)number));
}

static void fill(void *buf, size_t len, uint64_t key)
{
	unsigned char *bytes = buf;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(key + i * 31 + (i >> 8) * 7);
}

static void verify(const void *buf, size_t len, uint64_t key, int from)
{
	const unsigned char *bytes = buf;

	for (size_t i = 0; i < len; i++)
		CHECK(bytes[i] == (unsigned char)(key + i * 31 + (i >> 8) * 7),
		      "byte %zu of %zu from rank %d", i, len, from);
}

#endif
