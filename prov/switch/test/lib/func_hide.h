/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A process whose descriptors the kernel does not list.
 */
#ifndef FUNC_HIDE_H
#define FUNC_HIDE_H

#include <stdbool.h>

/* From here on the lists of this thread's descriptors in /proc can be read, and are empty.
 * To be called before there is another thread.  False: this system does not let us. */
bool func_hide_fds(void);

#endif
