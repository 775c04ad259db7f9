/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random bytes that a peer cannot guess: keys of registered memory, secrets of paths.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <stddef.h>

/* At most 256 bytes; 0 or a negative errno. */
int core_secret_draw(void *buf, size_t len);

#endif
