/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A call that another thread makes as soon as this one is asleep: for tests of
 * calls that block until something happens.
 */
#ifndef LATER_H
#define LATER_H

#include <pthread.h>
#include <stdbool.h>

/* Whether a thread of this process is asleep and has gone to sleep since *slept, its count of
 * voluntary context switches, which is then brought up to date.  -1: the kernel does not say. */
int thread_asleep(int tid, unsigned long *slept);

/* On the caller's stack, until later_end(). */
struct later {
	void (*call)(void *arg);
	void *arg;
	int tid;	     /* whose sleep is waited for */
	unsigned long slept; /* how often it had slept before */
	pthread_t thread;
};

/* From now on, call(arg) once the calling thread sleeps.  Where the kernel does not
 * say who sleeps, at any time. */
void later_begin(struct later *later, void (*call)(void *arg), void *arg);
/* Waits for its end. */
void later_end(struct later *later);

#endif
