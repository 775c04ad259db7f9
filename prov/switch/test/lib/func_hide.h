/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: hides from a process the kernel's list of its open descriptors.
 */
#ifndef FUNC_HIDE_H
#define FUNC_HIDE_H

#include <stdbool.h>

/* Makes the lists of open descriptors in /proc empty for this thread.  To be called before
 * other threads exist.  Returns false if this system does not allow it. */
bool func_hide_fds(void);

#endif
