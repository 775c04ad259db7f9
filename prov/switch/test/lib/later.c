/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Runs a call in a second thread once the first one sleeps: see lib/later.h.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/later.h"

int thread_asleep(int tid, unsigned long *slept)
{
	char path[64], line[128], state = 0;
	unsigned long cnt = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %lu", &cnt);
	}
	fclose(file);
	if (state != 'S' || cnt <= *slept)
		return 0;
	*slept = cnt;
	return 1;
}

static unsigned long times_slept(void)
{
	unsigned long cnt = 0;
	char line[128];
	FILE *file = fopen("/proc/thread-self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "voluntary_ctxt_switches: %lu", &cnt);
	if (file)
		fclose(file);
	return cnt;
}

static void *run(void *arg)
{
	struct later *later = arg;

	while (!thread_asleep(later->tid, &later->slept))
		sched_yield();
	later->call(later->arg);
	return NULL;
}

void later_begin(struct later *later, void (*call)(void *arg), void *arg)
{
	later->call = call;
	later->arg = arg;
	later->tid = (int)syscall(SYS_gettid);
	later->slept = times_slept();
	if (pthread_create(&later->thread, NULL, run, later))
		abort();
}

void later_end(struct later *later)
{
	pthread_join(later->thread, NULL);
}
