/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counts the memory that the engines hold: all blocks that malloc(), calloc() and realloc()
 * returned and that were not freed.  The test link's own memory does not count, because it
 * comes from aligned_alloc().  For programs linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>

/* Starts counting; blocks allocated earlier are not counted. */
void fuzz_memory_begin(void);
/* Stops counting.  Returns the number of bytes that were not freed. */
size_t fuzz_memory_end(void);
/* Returns the highest number of bytes held since the last call, or since fuzz_memory_begin(). */
size_t fuzz_memory_peak(void);

#endif
