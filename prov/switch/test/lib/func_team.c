/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, cases and their processes: see lib/func_team.h.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/func_check.h"
#include "lib/func_prov.h"
#include "lib/func_team.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The settings under which cases run; FUNC_FEW cases use the first FEW_MODES only. */
enum { FEW_MODES = 3 };
static const struct func_mode modes[] = {
	{.name = "auto"},
	{.name = "noread",
	 .both = {"FI_OFI_SWITCH_RNDV_THRESHOLD", "20000"},
	 .odd = {"FI_OFI_SWITCH_RDMA_READ", "0"}},
	{.name = "tight",
	 .both = {"FI_OFI_SWITCH_BUFFER_SIZE", "512", "FI_OFI_SWITCH_CREDITS", "4"}},
	{.name = "read", .both = {"FI_OFI_SWITCH_TRANSFER", "read"}},
	{.name = "write", .both = {"FI_OFI_SWITCH_TRANSFER", "write"}},
	{.name = "copy", .both = {"FI_OFI_SWITCH_TRANSFER", "copy"}},
};
static const struct func_mode plain_mode = {.name = "plain"};

static void apply_env(const char *const *env, size_t cnt)
{
	size_t i;

	for (i = 0; i + 1 < cnt && env[i]; i += 2)
		setenv(env[i], env[i + 1], 1);
}

static void child(struct func_team *team, int rank)
{
	const char *deadline = getenv("FUNC_DEADLINE");

	func_call_self("%s [%s] process %d", team->func_case->name, team->mode->name, rank);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	func_watch(deadline ? (unsigned)atoi(deadline) : 0);
	/* on a slow machine a close must not time out */
	setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "60000", 1);
	apply_env(team->mode->both, ARRAY_SIZE(team->mode->both));
	if (rank & 1)
		apply_env(team->mode->odd, ARRAY_SIZE(team->mode->odd));
	func_mark(__FILE__, __LINE__, "start");
	team->func_case->run(team, rank);
	func_mark(__FILE__, __LINE__, "exit");
	exit(EXIT_SUCCESS);
}

static void kill_rest(struct func_team *team)
{
	int i;

	for (i = 0; i < team->size; i++) {
		if (!atomic_load(&team->dead[i]))
			kill(team->pid[i], SIGKILL);
	}
}

/* Waits for all processes of a team; when one fails, the others are killed. */
static int reap(struct func_team *team)
{
	int left, status, rank, result = EXIT_SUCCESS;
	pid_t pid;

	for (left = team->size; left; left--) {
		pid = waitpid(-1, &status, 0);
		if (pid < 0)
			func_fail(__FILE__, __LINE__, "waitpid: %m");
		for (rank = 0; rank < team->size && team->pid[rank] != pid; rank++)
			;
		atomic_store(&team->dead[rank], 1);
		if (result != EXIT_SUCCESS || (WIFEXITED(status) && !WEXITSTATUS(status)))
			continue;
		if (WIFSIGNALED(status) && atomic_load(&team->doomed[rank]))
			continue;
		if (WIFSIGNALED(status))
			fprintf(stderr, "%s [%s] process %d: %s\n", team->func_case->name,
				team->mode->name, rank, strsignal(WTERMSIG(status)));
		result = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
		kill_rest(team);
	}
	return result;
}

static int run_case(const struct func_case *func_case, const struct func_mode *mode, uint64_t seed)
{
	static const char *const verdicts[] = {"PASS", "FAIL", "SKIP"};
	struct func_team *team;
	struct timespec from, to;
	int rank, result;
	pid_t pid;

	team = mmap(NULL, sizeof(*team), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team == MAP_FAILED)
		func_fail(__FILE__, __LINE__, "mmap: %m");
	team->func_case = func_case;
	team->mode = mode;
	team->size = func_case->procs;
	team->seed = seed;
	clock_gettime(CLOCK_MONOTONIC, &from);
	fflush(NULL);
	for (rank = 0; rank < team->size; rank++) {
		pid = fork();
		if (pid < 0)
			func_fail(__FILE__, __LINE__, "fork: %m");
		if (!pid)
			child(team, rank);
		team->pid[rank] = pid; /* in shared memory; the child never writes it */
	}
	result = reap(team);
	clock_gettime(CLOCK_MONOTONIC, &to);
	munmap(team, sizeof(*team));
	printf("%s: %s [%s] %.2f s\n", verdicts[result == FUNC_SKIP ? 2 : result != EXIT_SUCCESS],
	       func_case->name, mode->name,
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return result;
}

static bool wanted(int argc, char **argv, const struct func_case *func_case,
		   const struct func_mode *mode)
{
	char full[256];
	int i;

	snprintf(full, sizeof(full), "%s [%s]", func_case->name, mode->name);
	for (i = 1; i < argc; i++) {
		if (strstr(full, argv[i]))
			return true;
	}
	return argc < 2;
}

int func_main(int argc, char **argv, const struct func_case *cases, size_t cnt)
{
	const char *env = getenv("SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL);
	const bool list = argc == 2 && !strcmp(argv[1], "--list");
	int result, passed = 0, failed = 0;
	const struct func_mode *mode;
	size_t i, m, mode_cnt;

	if (!list)
		printf("provider %s, SEED=%" PRIu64 "\n", func_prov(), seed);
	for (i = 0; i < cnt; i++) {
		if ((cases[i].flags & FUNC_SWITCH) && !func_is_switch())
			continue;
		mode_cnt = 1;
		if (func_is_switch() && (cases[i].flags & (FUNC_MODES | FUNC_FEW)))
			mode_cnt = cases[i].flags & FUNC_FEW ? FEW_MODES : ARRAY_SIZE(modes);
		for (m = 0; m < mode_cnt; m++) {
			mode = mode_cnt > 1 ? &modes[m] : &plain_mode;
			if (list)
				printf("%s [%s]\n", cases[i].name, mode->name);
			if (list || !wanted(argc, argv, &cases[i], mode))
				continue;
			result = run_case(&cases[i], mode, seed);
			passed += result == EXIT_SUCCESS;
			failed += result != EXIT_SUCCESS && result != FUNC_SKIP;
		}
	}
	if (list)
		return EXIT_SUCCESS;
	if (failed)
		return EXIT_FAILURE;
	if (!passed)
		printf("nothing that %s could run\n", func_prov());
	return passed ? EXIT_SUCCESS : FUNC_SKIP;
}
