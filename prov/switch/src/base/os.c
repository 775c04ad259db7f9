/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Clock and random bytes of the operating system.  Keeps nothing and locks nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/os.h"

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t switch_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t switch_now_coarse(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

void switch_random(void *buf, size_t len)
{
	uint8_t *bytes = buf;

	while (len) {
		ssize_t got = getrandom(bytes, len, 0);

		if (got < 0 && errno != EINTR)
			abort(); /* cookies and keys that a peer can guess would protect nothing */
		if (got > 0) {
			bytes += got;
			len -= got;
		}
	}
}
