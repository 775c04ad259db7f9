/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: what our provider logs, caught and counted.
 */
#ifndef FUNC_LOG_H
#define FUNC_LOG_H

/* Ahead of the first call of libfabric: our provider's log goes to a pipe, until the
 * end or a check that fails. */
void func_log_begin(const char *level);
/* How often this was logged since the last call, as far as a pipe holds it. */
int func_log_count(const char *what);
void func_log_end(void);
/* The descriptor that messages of ours go to meanwhile. */
int func_log_stderr(void);

#endif
