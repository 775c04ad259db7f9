/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: checks, which print file and line and end the process; and the watchdog,
 * which ends a process that has made no progress for a while and prints where it hangs.
 */
#ifndef FUNC_CHECK_H
#define FUNC_CHECK_H

#include <sys/types.h>

#include <rdma/fi_errno.h>

enum { FUNC_SKIP = 77 };

#define FUNC_TRUE(cond)                                                                            \
	do {                                                                                       \
		if (!(cond))                                                                       \
			func_fail(__FILE__, __LINE__, "not true: %s", #cond);                      \
	} while (0)

#define FUNC_EQ(a, b)                                                                              \
	do {                                                                                       \
		long long func_a_ = (long long)(a), func_b_ = (long long)(b);                      \
		if (func_a_ != func_b_)                                                            \
			func_fail(__FILE__, __LINE__, "%s is %lld (%#llx), not %s: %lld (%#llx)",  \
				  #a, func_a_, func_a_, #b, func_b_, func_b_);                     \
	} while (0)

/* The call must not return a negative errno; the macro returns its result. */
#define FUNC_OK(call)                                                                              \
	({                                                                                         \
		ssize_t func_ret_ = (call);                                                        \
		if (func_ret_ < 0)                                                                 \
			func_fail(__FILE__, __LINE__, "%s: %s (%zd)", #call,                       \
				  fi_strerror((int)-func_ret_), func_ret_);                        \
		func_ret_;                                                                         \
	})

/* The call must return this (positive) errno, negated. */
#define FUNC_ERR(call, err)                                                                        \
	do {                                                                                       \
		ssize_t func_ret_ = (call);                                                        \
		if (func_ret_ != -(err))                                                           \
			func_fail(__FILE__, __LINE__, "%s: %zd (%s), not -%s", #call, func_ret_,   \
				  func_ret_ < 0 ? fi_strerror((int)-func_ret_) : "", #err);        \
	} while (0)

#define FUNC_SKIP_IF(cond, ...)                                                                    \
	do {                                                                                       \
		if (cond)                                                                          \
			func_skip(__VA_ARGS__);                                                    \
	} while (0)

void func_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void func_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Tells the watchdog where this thread is, and restarts it. */
void func_mark(const char *file, int line, const char *what);

/* Sets the name of this process in messages. */
void func_call_self(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Starts the watchdog of this process, which ends it after this many seconds without progress
 * (0: 60). */
void func_watch(unsigned seconds);
/* Reports progress, which restarts the watchdog. */
void func_progressed(void);
/* Returns the place and subject of the last func_mark() of any thread. */
const char *func_marked(int *line);

#endif
