/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ids: slots and generations, reuse in order of release, limits. */
#include <criterion/criterion.h>

#include "lib/link.h"
#include "session/table.h"

Test(table, ids_find_their_objects)
{
	struct sess_table table;
	uint32_t id[100];
	int object[100];

	table_init(&table);
	cr_assert_null(table_find(&table, 0));
	cr_assert_null(table_find(&table, UINT32_MAX));
	for (unsigned i = 0; i < 100; i++) {
		id[i] = table_add(&table, &object[i]);
		cr_assert_neq(id[i], 0);
	}
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(table_find(&table, id[i]), &object[i]);
	table_remove(&table, id[42]);
	cr_assert_null(table_find(&table, id[42]));
	cr_assert_eq(table_find(&table, id[43]), &object[43]);
	table_fini(&table);
	link_leak_check();
}

Test(table, a_stale_id_finds_nothing)
{
	struct sess_table table;
	uint32_t first, id;
	int object;

	table_init(&table);
	first = id = table_add(&table, &object);
	/* All slots are used in turn, so that it takes long until a generation comes again. */
	for (unsigned i = 1; i < 4094 * 16; i++) {
		table_remove(&table, id);
		cr_assert_null(table_find(&table, id));
		id = table_add(&table, &object);
		cr_assert_neq(id, first);
		cr_assert_neq(id, 0);
		cr_assert_neq(id >> TABLE_SLOT_BITS, 0, "0 is no generation");
		cr_assert_null(table_find(&table, first));
	}
	table_fini(&table);
	link_leak_check();
}

Test(table, has_an_end)
{
	struct sess_table table;
	uint32_t last = 0;
	int object;

	table_init(&table);
	for (unsigned i = 0; i < TABLE_SLOT_MAX; i++)
		last = table_add(&table, &object);
	cr_assert_neq(last, 0);
	cr_assert_eq(table_add(&table, &object), 0);
	table_remove(&table, last);
	cr_assert_neq(table_add(&table, &object), 0);
	table_fini(&table);
}
