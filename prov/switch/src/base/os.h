/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Clock and random bytes of the operating system.
 */
#ifndef SWITCH_OS_H
#define SWITCH_OS_H

#include <stddef.h>
#include <stdint.h>

/* Fills buf with bytes that nobody can guess. */
void switch_random(void *buf, size_t len);
/* CLOCK_MONOTONIC in nanoseconds: the exact time, and the time of the kernel's last tick,
 * which is some milliseconds old and costs a fraction. */
uint64_t switch_now(void);
uint64_t switch_now_coarse(void);

#endif
