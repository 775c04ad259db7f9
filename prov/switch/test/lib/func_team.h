/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: cases, and the team of processes that runs one.  The team is forked before
 * libfabric is called, and has shared memory for its communication.
 *
 * Environment: SEED; FUNC_DEADLINE, seconds without progress after which a process reports
 * where it hangs (60).
 * Arguments of a program: only cases whose name contains one of them run; --list lists the
 * cases instead of running them.
 */
#ifndef FUNC_TEAM_H
#define FUNC_TEAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	FUNC_MAX = 80,	      /* processes in a team */
	FUNC_WORDS = 256,     /* shared counters of a team */
	FUNC_SPACE = 8 << 20, /* bytes of shared memory of a team */
};

struct func_addr {
	size_t len;
	char bytes[128];
};

/* Environment variables under which a case runs. "odd": set for odd ranks only, in addition. */
struct func_mode {
	const char *name;
	const char *both[6]; /* name, value, ... NULL */
	const char *odd[4];
};

/* A team, in memory that all its processes share. */
struct func_team {
	const struct func_case *func_case;
	const struct func_mode *mode;
	int size;
	uint64_t seed;
	atomic_int arrived, round;   /* of func_meet() */
	atomic_int word[FUNC_WORDS]; /* for use by the case; 0 at first */
	atomic_int dead[FUNC_MAX];   /* 1 once the process has ended */
	atomic_int doomed[FUNC_MAX]; /* set by the case for a process that it is going to kill */
	pid_t pid[FUNC_MAX];
	atomic_int named[FUNC_MAX];
	struct func_addr addr[FUNC_MAX];
	unsigned char space[FUNC_SPACE] __attribute__((aligned(4096)));
};

enum {			     /* func_case.flags */
       FUNC_MODES = 1 << 0,  /* runs in every func_mode */
       FUNC_FEW = 1 << 1,    /* runs in the modes that differ most */
       FUNC_SWITCH = 1 << 2, /* only for ofi_switch, not for other providers */
};

struct func_case {
	const char *name;
	int procs;
	void (*run)(struct func_team *team, int rank);
	unsigned flags;
	long arg;
};

/* Runs the cases, each with processes of its own.  Returns the exit status of the program. */
int func_main(int argc, char **argv, const struct func_case *cases, size_t cnt);

#endif
