/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A call that a second thread makes as soon as the first one sleeps: for tests of calls that
 * block until an event comes.
 */
#ifndef LATER_H
#define LATER_H

#include <pthread.h>
#include <stdbool.h>

/* Returns 1 if the thread sleeps and has gone to sleep since *slept, its count of voluntary
 * context switches, which is then updated; 0 if not; -1 if the kernel does not tell. */
int thread_asleep(int tid, unsigned long *slept);

/* The caller owns it, from later_begin() to later_end(). */
struct later {
	void (*call)(void *arg);
	void *arg;
	int tid;	     /* the thread that called later_begin() */
	unsigned long slept; /* its count of voluntary context switches before */
	pthread_t thread;
};

/* Starts a thread that runs call(arg) once the calling thread sleeps; at any time where the
 * kernel does not tell who sleeps. */
void later_begin(struct later *later, void (*call)(void *arg), void *arg);
/* Waits for the end of that thread. */
void later_end(struct later *later);

#endif
