/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counts the allocated blocks in a hash table of their addresses.  Nothing is put in front of
 * a block, so that a sanitizer sees its true bounds, and free() accepts blocks that were not
 * counted.
 */
#include "fuzz/fuzz_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t cnt, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t cnt, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

enum { BUCKETS = 4096 };

struct counted {
	struct counted *next;
	uintptr_t block;
	size_t size;
};

static struct counted *bucket[BUCKETS];
static bool counting;
static size_t held, peak;

static struct counted **place_of(uintptr_t block)
{
	return &bucket[(block >> 4) % BUCKETS];
}

static void *count(void *block, size_t size)
{
	struct counted **place = place_of((uintptr_t)block), *entry;

	if (!counting || !block)
		return block;
	entry = __real_malloc(sizeof(*entry));
	if (!entry)
		abort();
	*entry = (struct counted){*place, (uintptr_t)block, size};
	*place = entry;
	held += size;
	if (held > peak)
		peak = held;
	return block;
}

static void forget(struct counted **place)
{
	struct counted *entry = *place;

	held -= entry->size;
	*place = entry->next;
	__real_free(entry);
}

static void uncount(uintptr_t block)
{
	struct counted **place = place_of(block);

	while (*place && (*place)->block != block)
		place = &(*place)->next;
	if (*place)
		forget(place);
}

void *__wrap_malloc(size_t size)
{
	return count(__real_malloc(size), size);
}

void *__wrap_calloc(size_t cnt, size_t size)
{
	return count(__real_calloc(cnt, size), cnt * size);
}

void *__wrap_realloc(void *old, size_t size)
{
	uintptr_t block = (uintptr_t)old;
	void *new = __real_realloc(old, size);

	if (new)
		uncount(block);
	return count(new, size);
}

void __wrap_free(void *block)
{
	uncount((uintptr_t)block);
	__real_free(block);
}

void fuzz_memory_begin(void)
{
	counting = true;
	peak = held;
}

size_t fuzz_memory_end(void)
{
	size_t left = held;

	counting = false;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (bucket[i])
			forget(&bucket[i]);
	return left;
}

size_t fuzz_memory_peak(void)
{
	size_t most = peak;

	peak = held;
	return most;
}
