/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: captures and counts the log messages of our provider.
 */
#ifndef FUNC_LOG_H
#define FUNC_LOG_H

/* Sends our provider's log to a pipe, until the process ends or a check fails.  To be called
 * before the first call of libfabric. */
void func_log_begin(const char *level);
/* Returns how often this text was logged since the last call, as far as the pipe holds it. */
int func_log_count(const char *what);
void func_log_end(void);
/* Returns the descriptor of the previous stderr, for the test's own messages. */
int func_log_stderr(void);

#endif
