/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Slots with generations; see session/table.h. */
#include <stdlib.h>

#include "session/table.h"

#define NO_SLOT UINT32_MAX
#define GEN_MAX 4094u /* not all ones: nor is an id, which a core's adapter relies on */

void table_init(struct sess_table *table)
{
	*table = (struct sess_table){.free_head = NO_SLOT, .free_tail = NO_SLOT};
}

void table_fini(struct sess_table *table)
{
	free(table->slots);
	table_init(table);
}

static void release_slot(struct sess_table *table, uint32_t slot)
{
	table->slots[slot].object = NULL;
	table->slots[slot].next = NO_SLOT;
	if (table->free_tail == NO_SLOT)
		table->free_head = slot;
	else
		table->slots[table->free_tail].next = slot;
	table->free_tail = slot;
}

static int grow(struct sess_table *table)
{
	uint32_t cnt = table->cnt ? table->cnt * 2 : 16;
	struct table_slot *slots;

	if (table->cnt == TABLE_SLOT_MAX)
		return -1;
	slots = realloc(table->slots, cnt * sizeof(*slots));
	if (!slots)
		return -1;
	table->slots = slots;
	for (uint32_t slot = table->cnt; slot < cnt; slot++) {
		slots[slot].gen = 1;
		release_slot(table, slot);
	}
	table->cnt = cnt;
	return 0;
}

uint32_t table_add(struct sess_table *table, void *object)
{
	uint32_t slot;

	if (table->free_head == NO_SLOT && grow(table))
		return 0;
	slot = table->free_head;
	table->free_head = table->slots[slot].next;
	if (table->free_head == NO_SLOT)
		table->free_tail = NO_SLOT;
	table->slots[slot].object = object;
	return table->slots[slot].gen << TABLE_SLOT_BITS | slot;
}

void table_remove(struct sess_table *table, uint32_t id)
{
	uint32_t slot = id & (TABLE_SLOT_MAX - 1);

	table->slots[slot].gen = table->slots[slot].gen % GEN_MAX + 1;
	release_slot(table, slot);
}
