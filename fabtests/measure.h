/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What programs that measure share: a check that names the call, and a clock.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#include <rdma/fi_errno.h>

/* The answer of a call of libfabric; one that is negative ends the program. */
#define CHECK(call)                                                                                \
	({                                                                                         \
		ssize_t ret_ = (call);                                                             \
		if (ret_ < 0) {                                                                    \
			fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, #call,      \
				fi_strerror((int)-ret_));                                          \
			exit(1);                                                                   \
		}                                                                                  \
		ret_;                                                                              \
	})

/* Monotonic, ns. */
static inline uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

#endif
