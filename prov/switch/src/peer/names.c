/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The names of peers.  An fi_addr_t is an index in both types of address vectors; entries
 * lie in chunks that never move, each just long enough for an address of the domain's
 * format, and are hashed by address so that a peer's name finds its index.
 *
 * Called by address vectors and by whoever looks for a peer; the domain's lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "peer/names.h"
#include "peer/rdm.h"
#include "peer/source.h"
#include "progress/core.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define CHUNK_CNT 256

/* addr.bytes comes last, and is cut to the format. */
struct names_entry {
	UT_hash_handle hh; /* by address; of equal ones only the first is in the table */
	uint32_t idx : 31;
	bool hashed : 1;
	struct switch_addr addr; /* len 0: the entry is free */
};

static struct names_entry *entry_at(const struct switch_names *names, uint64_t idx)
{
	return (struct names_entry *)(names->chunks[idx / CHUNK_CNT] +
				      idx % CHUNK_CNT * names->stride);
}

static struct names_entry *entry_get(const struct switch_names *names, uint64_t idx)
{
	struct names_entry *entry = idx < names->end ? entry_at(names, idx) : NULL;

	return entry && entry->addr.len ? entry : NULL;
}

static int chunk_add(struct switch_names *names)
{
	if (names->chunk_cnt == names->chunk_room) {
		size_t room = names->chunk_room ? names->chunk_room * 2 : 16;
		uint8_t **chunks = realloc(names->chunks, room * sizeof(*chunks));

		if (!chunks)
			return -FI_ENOMEM;
		names->chunks = chunks;
		names->chunk_room = room;
	}
	/* the tail lets a reader copy the last entry's switch_addr as a whole */
	names->chunks[names->chunk_cnt] =
		calloc(1, CHUNK_CNT * names->stride + sizeof(struct names_entry));
	if (!names->chunks[names->chunk_cnt])
		return -FI_ENOMEM;
	names->chunk_cnt++;
	return 0;
}

/* Takes the free entry with the lowest index, as fi_av(3) has it for tables; NULL when
 * memory is short. */
static struct names_entry *entry_take(struct switch_names *names)
{
	struct names_entry *entry;

	if (names->hole_cnt) {
		while (entry_at(names, names->hole)->addr.len)
			names->hole++;
		names->hole_cnt--;
		return entry_at(names, names->hole++);
	}
	if (names->end == INT32_MAX ||
	    (names->end / CHUNK_CNT == names->chunk_cnt && chunk_add(names)))
		return NULL;
	entry = entry_at(names, names->end);
	entry->idx = names->end++;
	names->hole = names->end;
	return entry;
}

static void entry_release(struct switch_names *names, struct names_entry *entry)
{
	entry->addr.len = 0;
	names->hole_cnt++;
	if (entry->idx < names->hole)
		names->hole = entry->idx;
}

static struct names_entry *table_find(const struct switch_names *names,
				      const struct switch_addr *addr)
{
	struct names_entry *entry;

	HASH_FIND(hh, names->table, addr->bytes, addr->len, entry);
	return entry;
}

static int table_add(struct switch_names *names, struct names_entry *entry)
{
	entry->hashed = false;
	if (table_find(names, &entry->addr)) {
		names->twin_cnt++;
		return 0;
	}
	HASH_ADD_KEYPTR(hh, names->table, entry->addr.bytes, entry->addr.len, entry);
	if (!entry->hh.tbl)
		return -FI_ENOMEM;
	entry->hashed = true;
	return 0;
}

/* Removes the entry.  The next entry with the same address, if there is one, takes its
 * place in the table and is returned. */
static struct names_entry *table_del(struct switch_names *names, struct names_entry *entry)
{
	if (!entry->hashed) {
		names->twin_cnt--;
		return NULL;
	}
	HASH_DEL(names->table, entry);
	for (uint32_t i = 0; names->twin_cnt && i < names->end; i++) {
		struct names_entry *twin = entry_get(names, i);

		if (!twin || twin->hashed || twin->addr.len != entry->addr.len ||
		    memcmp(twin->addr.bytes, entry->addr.bytes, entry->addr.len))
			continue;
		names->twin_cnt--;
		table_add(names, twin);
		return twin;
	}
	return NULL;
}

const struct switch_addr *switch_names_get(const struct switch_names *names, fi_addr_t fi_addr)
{
	const struct names_entry *entry = entry_get(names, fi_addr);

	return entry ? &entry->addr : NULL;
}

fi_addr_t switch_names_find(const struct switch_names *names, const void *addr, size_t len)
{
	struct switch_addr name;
	struct names_entry *entry;

	if (switch_addr_set(names->format, addr, len, &name))
		return FI_ADDR_NOTAVAIL;
	entry = table_find(names, &name);
	return entry ? entry->idx : FI_ADDR_NOTAVAIL;
}

fi_addr_t switch_names_user_id(const struct switch_names *names, fi_addr_t fi_addr)
{
	return fi_addr < names->user_id_cnt ? names->user_ids[fi_addr] : fi_addr;
}

/* Sets the application's number for an entry.  An entry without one (user_id NULL) is
 * called by its index. */
static int set_user_id(struct switch_names *names, uint32_t idx, const fi_addr_t *user_id)
{
	size_t cnt = names->user_id_cnt ? names->user_id_cnt : CHUNK_CNT;
	fi_addr_t *ids;

	if (!user_id && idx >= names->user_id_cnt)
		return 0;
	if (idx >= names->user_id_cnt) {
		while (cnt <= idx)
			cnt *= 2;
		ids = realloc(names->user_ids, cnt * sizeof(ids[0]));
		if (!ids)
			return FI_ENOMEM;
		for (size_t i = names->user_id_cnt; i < cnt; i++)
			ids[i] = i;
		names->user_ids = ids;
		names->user_id_cnt = cnt;
		names->sources->wanted = true;
	}
	names->user_ids[idx] = user_id ? *user_id : idx;
	return 0;
}

/* 0 with the new index, or a positive error. */
int switch_names_add(struct switch_names *names, const struct switch_addr *addr,
		     const fi_addr_t *user_id, fi_addr_t *fi_addr)
{
	struct names_entry *entry = entry_take(names);
	struct switch_rdm *rdm;

	if (!entry)
		return FI_ENOMEM;
	memcpy(&entry->addr, addr, offsetof(struct switch_addr, bytes) + addr->len);
	if (set_user_id(names, entry->idx, user_id) || table_add(names, entry)) {
		entry_release(names, entry);
		return FI_ENOMEM;
	}
	*fi_addr = entry->idx;
	names->core->ops->expect(names->core->domain, names->end - names->hole_cnt);
	LIST_FOREACH (rdm, &names->rdms, names_entry)
		switch_rdm_named(rdm, entry->idx);
	return 0;
}

int switch_names_del(struct switch_names *names, fi_addr_t fi_addr)
{
	struct names_entry *entry = entry_get(names, fi_addr);
	struct names_entry *twin;
	struct switch_addr addr;
	struct switch_rdm *rdm;

	if (!entry)
		return -FI_EINVAL;
	addr = entry->addr;
	twin = table_del(names, entry);
	entry_release(names, entry);
	LIST_FOREACH (rdm, &names->rdms, names_entry)
		switch_rdm_unnamed(rdm, fi_addr, &addr, twin ? twin->idx : FI_ADDR_NOTAVAIL);
	if (twin)
		LIST_FOREACH (rdm, &names->rdms, names_entry)
			switch_rdm_named(rdm, twin->idx);
	return 0;
}

void switch_names_init(struct switch_names *names, const struct fi_info *info,
		       const struct switch_core *core, struct switch_sources *sources)
{
	names->format = info->addr_format;
	names->core = core;
	names->sources = sources;
	names->stride = offsetof(struct names_entry, addr.bytes) + switch_addr_room(info);
	names->stride = (names->stride + 7) / 8 * 8;
	LIST_INIT(&names->rdms);
}

void switch_names_fini(struct switch_names *names)
{
	HASH_CLEAR(hh, names->table);
	for (size_t i = 0; i < names->chunk_cnt; i++)
		free(names->chunks[i]);
	free(names->chunks);
	free(names->user_ids);
}
