/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, the log: see lib/func_log.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_check.h"
#include "lib/func_log.h"

/* stderr goes to this pipe; log_old keeps the previous stderr. */
static int log_fds[2], log_old = -1;

void func_log_begin(const char *level)
{
	setenv("FI_LOG_LEVEL", level, 1);
	setenv("FI_LOG_PROV", "ofi_switch", 1);
	FUNC_TRUE(!pipe2(log_fds, O_NONBLOCK)); /* more than the pipe holds is lost */
	log_old = dup(STDERR_FILENO);
	FUNC_TRUE(log_old >= 0 && dup2(log_fds[1], STDERR_FILENO) >= 0);
}

int func_log_count(const char *what)
{
	static char text[1 << 16];
	ssize_t len = read(log_fds[0], text, sizeof(text) - 1);
	const char *at = text;
	int cnt = 0;

	text[len > 0 ? len : 0] = 0;
	while ((at = strstr(at, what))) {
		cnt++;
		at += strlen(what);
	}
	return cnt;
}

void func_log_end(void)
{
	if (log_old < 0)
		return;
	dup2(log_old, STDERR_FILENO);
	close(log_old);
	close(log_fds[0]);
	close(log_fds[1]);
	log_old = -1;
}

int func_log_stderr(void)
{
	return log_old >= 0 ? log_old : STDERR_FILENO;
}
