/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, checks and the watchdog: see lib/func_check.h.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_check.h"
#include "lib/func_log.h"

static char self[160] = "?"; /* names this process in messages */
static unsigned deadline = 60;
/* The last func_mark() of any thread. */
static _Atomic(const char *) where_file = "?", where_what = "start";
static atomic_int where_line;

void func_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fflush(stdout);
	func_log_end();
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, self, text);
	fflush(stderr);
	_exit(EXIT_FAILURE);
}

void func_skip(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("%s: skipped: %s\n", self, text);
	fflush(stdout);
	_exit(FUNC_SKIP);
}

void func_call_self(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(self, sizeof(self), fmt, args);
	va_end(args);
}

void func_mark(const char *file, int line, const char *what)
{
	where_file = file;
	where_line = line;
	where_what = what;
	alarm(deadline);
}

void func_progressed(void)
{
	alarm(deadline);
}

const char *func_marked(int *line)
{
	*line = where_line;
	return where_file;
}

static void expired(int sig)
{
	char text[512];
	int len;

	(void)sig;
	len = snprintf(text, sizeof(text), "%s:%d: %s: no progress for %u s at: %s\n", where_file,
		       where_line, self, deadline, where_what);
	if (write(func_log_stderr(), text, (size_t)len) != len)
		_exit(2);
	_exit(EXIT_FAILURE);
}

void func_watch(unsigned seconds)
{
	if (seconds)
		deadline = seconds;
	signal(SIGALRM, expired);
}
