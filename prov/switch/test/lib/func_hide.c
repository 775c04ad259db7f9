/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hides the lists of descriptors in /proc in a mount namespace of this process, which goes
 * away with the process.  Called by functional tests.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/func_hide.h"

static bool write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	bool written = file && fputs(text, file) >= 0;

	return file && !fclose(file) && written;
}

static bool hide(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "%u %u 1", (unsigned)getuid(), (unsigned)getuid());
	snprintf(gid, sizeof(gid), "%u %u 1", (unsigned)getgid(), (unsigned)getgid());
	return !unshare(CLONE_NEWUSER | CLONE_NEWNS) &&
	       write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", uid) && write_file("/proc/self/gid_map", gid) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/proc/thread-self/fd", "tmpfs", 0, "size=4k") &&
	       !mount("none", "/proc/thread-self/fdinfo", "tmpfs", 0, "size=4k");
}

/* Tries it in a child process first, because it cannot be undone. */
bool func_hide_fds(void)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(!hide());
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && hide();
}
