/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, threads: see lib/func_thread.h.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/func_check.h"
#include "lib/func_thread.h"

int func_tid(void)
{
	return (int)syscall(SYS_gettid);
}

static bool thread_asleep(int tid, unsigned long *slept)
{
	char path[64], line[128], state = 0;
	unsigned long cnt = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	if (!file)
		func_skip("cannot read %s", path);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %lu", &cnt);
	}
	fclose(file);
	if (state != 'S' || cnt <= *slept)
		return false;
	*slept = cnt;
	return true;
}

void func_until_asleep(const atomic_int *tid, unsigned long *slept)
{
	func_mark(__FILE__, __LINE__, "a thread that falls asleep");
	while (!atomic_load(tid) || !thread_asleep(atomic_load(tid), slept))
		sched_yield();
}
