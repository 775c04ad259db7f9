/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How much memory the engines hold: every block that malloc(), calloc() and realloc()
 * gave, and free() did not take back.  Those of the link do not count, which are not
 * from there.  For programs linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>

/* From here on blocks are counted. */
void fuzz_memory_begin(void);
/* Blocks are counted no more.  Returns the bytes of those that were not freed. */
size_t fuzz_memory_end(void);
/* The most bytes that were held since the last call, or the begin. */
size_t fuzz_memory_peak(void);

#endif
