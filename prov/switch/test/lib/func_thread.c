/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, threads: see lib/func_thread.h.
 */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/func_check.h"
#include "lib/func_thread.h"
#include "lib/later.h"

int func_tid(void)
{
	return (int)syscall(SYS_gettid);
}

void func_until_asleep(const atomic_int *tid, unsigned long *slept)
{
	int asleep;

	func_mark(__FILE__, __LINE__, "a thread that falls asleep");
	do {
		sched_yield();
		asleep = atomic_load(tid) ? thread_asleep(atomic_load(tid), slept) : 0;
	} while (!asleep);
	if (asleep < 0)
		func_skip("the kernel does not say whether a thread is asleep");
}
