/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: waiting until another thread sleeps.
 */
#ifndef FUNC_THREAD_H
#define FUNC_THREAD_H

#include <stdatomic.h>

/* Waits until another thread of this process, whose number is *tid as soon as
 * that is not 0, is asleep, having gone to sleep since the last such wait
 * (*slept, 0 at first). */
int func_tid(void);
void func_until_asleep(const atomic_int *tid, unsigned long *slept);

#endif
