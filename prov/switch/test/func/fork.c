/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Forking.  No core is opened before the application opens a fabric: there are no more
 * sockets, event descriptors or threads than libfabric has without the provider.  So a process
 * may fork after fi_getinfo, and later, and its child opens the provider for itself.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/func_common.h"

/* Returns how many descriptors of this process are sockets or anonymous (epoll, timers, events). */
static int count_open(void)
{
	char path[300], target[300];
	struct dirent *entry;
	int cnt = 0;
	ssize_t len;
	DIR *dir = opendir("/proc/self/fd");

	FUNC_TRUE(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = 0;
		cnt += !strncmp(target, "socket:", 7) || !strncmp(target, "anon_inode:", 11);
	}
	closedir(dir);
	return cnt;
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int cnt = 0;

	FUNC_TRUE(dir);
	while ((entry = readdir(dir)))
		cnt += entry->d_name[0] != '.';
	closedir(dir);
	return cnt;
}

static void get_info(const char *prov)
{
	struct fi_info *hints = fi_allocinfo(), *info = NULL;

	FUNC_TRUE(hints);
	hints->fabric_attr->prov_name = strdup(prov);
	FUNC_OK(fi_getinfo(FUNC_VERSION, NULL, NULL, 0, hints, &info));
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* Process 0 opens the core alone, process 1 the provider above it. */
static void lazy(struct func_team *team, int rank)
{
	const char *prov = rank ? func_prov() : func_core();
	int fds = count_open();

	setenv("FI_PROVIDER", prov, 1);
	get_info(prov);
	team->word[rank * 2] = count_open() - fds;
	team->word[rank * 2 + 1] = count_threads();
	func_meet(team, NULL);
	if (rank) {
		FUNC_TRUE(team->word[2] <= team->word[0]);
		FUNC_TRUE(team->word[3] <= team->word[1]);
	}
}

/* Sends a message to itself, which proves that the provider works here. */
static void talk(struct func_node *node)
{
	struct func_req in = {.done = 0}, out = {.done = 0};
	char *buf = func_alloc(200000);
	fi_addr_t self;

	self = func_know(node, node->ep);
	func_fill(buf, 100000, 1);
	FUNC_POST(node, fi_recv(node->ep, buf + 100000, 100000, NULL, FI_ADDR_UNSPEC, &in));
	FUNC_POST(node, fi_send(node->ep, buf, 100000, NULL, self, &out));
	FUNC_DONE(node, &in);
	FUNC_DONE(node, &out);
	func_verify(buf + 100000, 100000, 1);
	FUNC_OK(fi_av_remove(node->av, &self, 1, 0));
	free(buf);
}

static void open_and_talk(void)
{
	struct func_node node;

	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	talk(&node);
	func_close(&node);
}

static void await(pid_t pid)
{
	int status;

	func_mark(__FILE__, __LINE__, "a child");
	FUNC_EQ(waitpid(pid, &status, 0), pid);
	FUNC_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
}

enum { AFTER_INFO, AFTER_CLOSE, WHILE_OPEN };

/* Forks at the moment that the case names; then child and parent both work. */
static void forked(struct func_team *team, int rank)
{
	struct func_node node;
	pid_t pid;

	(void)rank;
	if (team->func_case->arg == AFTER_INFO)
		get_info(func_prov());
	else if (team->func_case->arg == AFTER_CLOSE)
		open_and_talk();
	if (team->func_case->arg == WHILE_OPEN) {
		func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
		talk(&node);
	}
	fflush(NULL);
	pid = fork();
	FUNC_TRUE(pid >= 0);
	if (!pid) {
		open_and_talk();
		_exit(EXIT_SUCCESS);
	}
	if (team->func_case->arg == WHILE_OPEN)
		talk(&node);
	else
		open_and_talk();
	await(pid);
	if (team->func_case->arg == WHILE_OPEN) {
		talk(&node);
		func_close(&node);
	}
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"nothing is open", 2, lazy, 0, 0},
		{"fork after fi_getinfo", 1, forked, 0, AFTER_INFO},
		{"fork after all is closed", 1, forked, 0, AFTER_CLOSE},
		{"fork while it is open", 1, forked, 0, WHILE_OPEN},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
