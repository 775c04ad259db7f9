/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Ids that travel on the wire: a slot (20 bits) and its generation (12 bits).
 * An id whose object is gone finds nothing, however long it was under way,
 * until the slot was reused 4094 times.  0 is never an id.
 */
#ifndef SESS_TABLE_H
#define SESS_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum {
	TABLE_SLOT_BITS = 20,
	TABLE_SLOT_MAX = 1 << TABLE_SLOT_BITS,
};

struct table_slot {
	void *object;  /* NULL: free */
	uint32_t gen;  /* 1 .. 4094 */
	uint32_t next; /* free list */
};

struct sess_table {
	struct table_slot *slots;
	uint32_t cnt;
	uint32_t free_head, free_tail; /* reused in order of release: generations last longer */
};

void table_init(struct sess_table *table);
void table_fini(struct sess_table *table);
/* The new id of object, or 0 when memory or slots are short. */
uint32_t table_add(struct sess_table *table, void *object);
void table_remove(struct sess_table *table, uint32_t id);

static inline void *table_find(const struct sess_table *table, uint32_t id)
{
	uint32_t slot = id & (TABLE_SLOT_MAX - 1);

	if (slot >= table->cnt || table->slots[slot].gen != id >> TABLE_SLOT_BITS)
		return NULL;
	return table->slots[slot].object;
}

#endif
