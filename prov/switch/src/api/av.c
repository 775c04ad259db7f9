/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors.  An fi_addr_t is an index in both types; entries lie in
 * chunks that never move, each just long enough for an address of the domain's
 * format, and are hashed by address so that a peer's name finds its index.
 *
 * Owned by the application; the domain's lock covers it, except while a name
 * is being resolved, which may take long.  What names and strings mean is in
 * base/addr.c.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/eq.h"
#include "api/no.h"
#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "peer/rdm.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "progress/pump.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define CHUNK_CNT 256
#define NODE_LEN  256 /* of a name, terminator included */

/* addr.bytes comes last, aligned for a sockaddr, and is cut to the format. */
struct av_entry {
	UT_hash_handle hh; /* by address; of equal ones only the first is in the table */
	uint32_t idx;
	bool hashed;
	uint8_t pad[2];
	struct switch_addr addr; /* len 0: the entry is free */
};

_Static_assert(offsetof(struct av_entry, addr.bytes) % 8 == 0, "addresses are aligned");

struct switch_av {
	struct fid_av av_fid; /* first */
	struct switch_domain *domain;
	struct switch_events *eq; /* where asynchronous insertions report */
	bool async;
	LIST_HEAD(, switch_ep) eps;
	size_t stride; /* from entry to entry, bytes */
	uint8_t **chunks;
	size_t chunk_cnt, chunk_room;
	uint32_t end;	   /* entries from here on were never used */
	uint32_t hole;	   /* no free entry lies below this */
	uint32_t hole_cnt; /* free entries below end */
	uint32_t twin_cnt; /* entries that are not in the table */
	struct av_entry *table;
	fi_addr_t *user_ids; /* of all entries if one has one, else NULL */
	size_t user_id_cnt;
};

/* -- entries ------------------------------------------------------------- */

static struct av_entry *entry_at(const struct switch_av *av, uint64_t idx)
{
	return (struct av_entry *)(av->chunks[idx / CHUNK_CNT] + idx % CHUNK_CNT * av->stride);
}

static struct av_entry *entry_get(const struct switch_av *av, uint64_t idx)
{
	struct av_entry *entry = idx < av->end ? entry_at(av, idx) : NULL;

	return entry && entry->addr.len ? entry : NULL;
}

static int chunk_add(struct switch_av *av)
{
	if (av->chunk_cnt == av->chunk_room) {
		size_t room = av->chunk_room ? av->chunk_room * 2 : 16;
		uint8_t **chunks = realloc(av->chunks, room * sizeof(*chunks));

		if (!chunks)
			return -FI_ENOMEM;
		av->chunks = chunks;
		av->chunk_room = room;
	}
	/* the tail lets a reader copy the last entry's switch_addr as a whole */
	av->chunks[av->chunk_cnt] = calloc(1, CHUNK_CNT * av->stride + sizeof(struct av_entry));
	if (!av->chunks[av->chunk_cnt])
		return -FI_ENOMEM;
	av->chunk_cnt++;
	return 0;
}

/* The free entry with the lowest index, as tables have it; NULL without memory. */
static struct av_entry *entry_take(struct switch_av *av)
{
	struct av_entry *entry;

	if (av->hole_cnt) {
		while (entry_at(av, av->hole)->addr.len)
			av->hole++;
		av->hole_cnt--;
		return entry_at(av, av->hole++);
	}
	if (av->end == UINT32_MAX || (av->end / CHUNK_CNT == av->chunk_cnt && chunk_add(av)))
		return NULL;
	entry = entry_at(av, av->end);
	entry->idx = av->end++;
	av->hole = av->end;
	return entry;
}

static void entry_release(struct switch_av *av, struct av_entry *entry)
{
	entry->addr.len = 0;
	av->hole_cnt++;
	if (entry->idx < av->hole)
		av->hole = entry->idx;
}

static struct av_entry *table_find(const struct switch_av *av, const struct switch_addr *addr)
{
	struct av_entry *entry;

	HASH_FIND(hh, av->table, addr->bytes, addr->len, entry);
	return entry;
}

static int table_add(struct switch_av *av, struct av_entry *entry)
{
	entry->hashed = false;
	if (table_find(av, &entry->addr)) {
		av->twin_cnt++;
		return 0;
	}
	HASH_ADD_KEYPTR(hh, av->table, entry->addr.bytes, entry->addr.len, entry);
	if (!entry->hh.tbl)
		return -FI_ENOMEM;
	entry->hashed = true;
	return 0;
}

/* Its next twin, if there is one, takes its place and is returned. */
static struct av_entry *table_del(struct switch_av *av, struct av_entry *entry)
{
	if (!entry->hashed) {
		av->twin_cnt--;
		return NULL;
	}
	HASH_DEL(av->table, entry);
	for (uint32_t i = 0; av->twin_cnt && i < av->end; i++) {
		struct av_entry *twin = entry_get(av, i);

		if (!twin || twin->hashed || twin->addr.len != entry->addr.len ||
		    memcmp(twin->addr.bytes, entry->addr.bytes, entry->addr.len))
			continue;
		av->twin_cnt--;
		table_add(av, twin);
		return twin;
	}
	return NULL;
}

const struct switch_addr *switch_av_get(struct switch_av *av, fi_addr_t fi_addr)
{
	const struct av_entry *entry = entry_get(av, fi_addr);

	return entry ? &entry->addr : NULL;
}

fi_addr_t switch_av_find(struct switch_av *av, const void *addr, size_t len)
{
	struct switch_addr name;
	struct av_entry *entry;

	if (switch_addr_set(av->domain->info->addr_format, addr, len, &name))
		return FI_ADDR_NOTAVAIL;
	entry = table_find(av, &name);
	return entry ? entry->idx : FI_ADDR_NOTAVAIL;
}

fi_addr_t switch_av_user_id(const struct switch_av *av, fi_addr_t fi_addr)
{
	return fi_addr < av->user_id_cnt ? av->user_ids[fi_addr] : fi_addr;
}

/* Entries that were given no number have their own.  user_id NULL: this one is
 * given none. */
static int set_user_id(struct switch_av *av, uint32_t idx, const fi_addr_t *user_id)
{
	size_t cnt = av->user_id_cnt ? av->user_id_cnt : CHUNK_CNT;
	fi_addr_t *ids;

	if (!user_id && idx >= av->user_id_cnt)
		return 0;
	if (idx >= av->user_id_cnt) {
		while (cnt <= idx)
			cnt *= 2;
		ids = realloc(av->user_ids, cnt * sizeof(ids[0]));
		if (!ids)
			return FI_ENOMEM;
		for (size_t i = av->user_id_cnt; i < cnt; i++)
			ids[i] = i;
		av->user_ids = ids;
		av->user_id_cnt = cnt;
		av->domain->names_sources = true;
	}
	av->user_ids[idx] = user_id ? *user_id : idx;
	return 0;
}

/* 0 with the new index, or a positive error. */
static int av_add(struct switch_av *av, const struct switch_addr *addr, const fi_addr_t *user_id,
		  fi_addr_t *fi_addr)
{
	struct av_entry *entry = entry_take(av);
	struct switch_ep *ep;

	if (!entry)
		return FI_ENOMEM;
	memcpy(&entry->addr, addr, offsetof(struct switch_addr, bytes) + addr->len);
	if (set_user_id(av, entry->idx, user_id) || table_add(av, entry)) {
		entry_release(av, entry);
		return FI_ENOMEM;
	}
	*fi_addr = entry->idx;
	av->domain->pump.core.ops->expect(av->domain->pump.core.domain, av->end - av->hole_cnt);
	LIST_FOREACH (ep, &av->eps, av_link)
		switch_ep_av_inserted(ep, entry->idx);
	return 0;
}

static void av_del(struct switch_av *av, struct av_entry *entry)
{
	const fi_addr_t fi_addr = entry->idx;
	struct av_entry *twin;
	struct switch_ep *ep;

	twin = table_del(av, entry);
	entry_release(av, entry);
	LIST_FOREACH (ep, &av->eps, av_link)
		switch_ep_av_removed(ep, fi_addr);
	if (twin)
		LIST_FOREACH (ep, &av->eps, av_link)
			switch_ep_av_inserted(ep, twin->idx);
}

/* -- inserting ----------------------------------------------------------- */

/* One insertion call: where its outcome goes, address by address. */
struct insertion {
	struct switch_av *av;
	fi_addr_t *fi_addr; /* or NULL */
	bool user_ids;	    /* are in there */
	int *errors;	    /* FI_SYNC_ERR, or NULL */
	void *context;
	size_t idx, added;
};

static int insertion_begin(struct insertion *ins, struct fid_av *fid, fi_addr_t *fi_addr,
			   uint64_t flags, void *context)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);

	if (flags & ~(FI_MORE | FI_SYNC_ERR | FI_AV_USER_ID))
		return -FI_EBADFLAGS;
	if (flags & FI_AV_USER_ID && !fi_addr)
		return -FI_EINVAL;
	if (av->async && !av->eq)
		return -FI_ENOEQ;
	if (flags & FI_SYNC_ERR && (av->async || !context))
		return -FI_EINVAL;
	*ins = (struct insertion){
		.av = av,
		.fi_addr = fi_addr,
		.user_ids = flags & FI_AV_USER_ID,
		.errors = flags & FI_SYNC_ERR ? context : NULL,
		.context = context,
	};
	return 0;
}

/* What a link-local address lacks, its link, is the domain's own. */
static int localize(const struct switch_domain *domain, struct switch_addr *name)
{
	const struct fi_info *info = domain->info;
	struct switch_addr own;
	int ret;

	if (!switch_addr_is_socket(info->addr_format))
		return 0;
	ret = switch_addr_set(info->addr_format, info->src_addr, info->src_addrlen, &own);
	ret = switch_addr_localize(ret ? NULL : &own, name);
	if (ret)
		SW_WARN(AV, "a link-local address is refused: it has no scope id\n");
	return ret;
}

/* The next address, or that it could not be had (a positive error). */
static void insertion_put(struct insertion *ins, const void *addr, size_t len, int error)
{
	struct switch_av *av = ins->av;
	const uint32_t format = av->domain->info->addr_format;
	fi_addr_t fi_addr = FI_ADDR_NOTAVAIL;
	struct switch_addr name;

	if (!error)
		error = switch_addr_set(format, addr, len, &name);
	if (!error && !switch_addr_is_peer(format, &name))
		error = FI_EADDRNOTAVAIL;
	if (!error)
		error = localize(av->domain, &name);
	if (!error) {
		switch_pump_lock(&av->domain->pump);
		error = av_add(av, &name, ins->user_ids ? &ins->fi_addr[ins->idx] : NULL, &fi_addr);
		switch_pump_unlock(&av->domain->pump);
	}
	if (ins->fi_addr)
		ins->fi_addr[ins->idx] = fi_addr;
	if (ins->errors)
		ins->errors[ins->idx] = error;
	if (error)
		SW_INFO(AV, "address %zu of an insertion: %s\n", ins->idx, fi_strerror(error));
	else
		ins->added++;
	if (error && av->async)
		switch_events_push_av_error(av->eq, &av->av_fid.fid, ins->context, error, ins->idx);
	ins->idx++;
}

static int insertion_end(struct insertion *ins)
{
	const struct fi_eq_entry entry = {
		.fid = &ins->av->av_fid.fid,
		.context = ins->context,
		.data = ins->added,
	};

	if (!ins->av->async)
		return ins->added;
	return switch_events_push(ins->av->eq, FI_AV_COMPLETE, &entry, sizeof(entry));
}

static int switch_av_insert(struct fid_av *fid, const void *addrs, size_t count, fi_addr_t *fi_addr,
			    uint64_t flags, void *context)
{
	const uint8_t *addr = addrs;
	struct insertion ins;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (count && !addrs)
		return -FI_EINVAL;
	for (size_t i = 0; i < count; i++) {
		size_t len = switch_addr_len(ins.av->domain->info, addr);

		insertion_put(&ins, addr, len, 0);
		addr += len;
	}
	return insertion_end(&ins);
}

static int switch_av_insertsvc(struct fid_av *fid, const char *node, const char *service,
			       fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	struct insertion ins;
	struct switch_addr addr;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (!node && !service)
		return -FI_EINVAL;
	ret = switch_addr_resolve(ins.av->domain->info->addr_format, node, service, &addr);
	insertion_put(&ins, addr.bytes, addr.len, ret);
	return insertion_end(&ins);
}

static int switch_av_insertsym(struct fid_av *fid, const char *node, size_t nodecnt,
			       const char *service, size_t svccnt, fi_addr_t *fi_addr,
			       uint64_t flags, void *context)
{
	struct insertion ins;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (!node || !service)
		return -FI_EINVAL;
	for (size_t i = 0; i < nodecnt; i++) {
		const uint32_t format = ins.av->domain->info->addr_format;
		struct switch_addr addr;
		char name[NODE_LEN];

		ret = switch_addr_next_node(node, i, name, sizeof(name));
		if (!ret)
			ret = switch_addr_resolve(format, name, service, &addr);
		for (size_t j = 0; j < svccnt; j++) {
			insertion_put(&ins, addr.bytes, addr.len, ret);
			if (!ret)
				ret = switch_addr_next_port(&addr);
		}
	}
	return insertion_end(&ins);
}

/* -- the other calls ----------------------------------------------------- */

static int switch_av_remove(struct fid_av *fid, fi_addr_t *fi_addr, size_t count, uint64_t flags)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);
	int ret = 0;

	if (flags || (count && !fi_addr))
		return -FI_EINVAL;
	switch_pump_lock(&av->domain->pump);
	for (size_t i = 0; i < count; i++) {
		struct av_entry *entry = entry_get(av, fi_addr[i]);

		if (entry)
			av_del(av, entry);
		else
			ret = -FI_EINVAL;
	}
	switch_pump_unlock(&av->domain->pump);
	return ret;
}

static int switch_av_lookup(struct fid_av *fid, fi_addr_t fi_addr, void *addr, size_t *addrlen)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);
	const struct av_entry *entry;

	if (!addrlen || (*addrlen && !addr))
		return -FI_EINVAL;
	switch_pump_lock(&av->domain->pump);
	entry = entry_get(av, fi_addr);
	if (entry) {
		if (*addrlen)
			memcpy(addr, entry->addr.bytes,
			       *addrlen < entry->addr.len ? *addrlen : entry->addr.len);
		*addrlen = entry->addr.len;
	}
	switch_pump_unlock(&av->domain->pump);
	return entry ? 0 : -FI_EINVAL;
}

static const char *switch_av_straddr(struct fid_av *fid, const void *addr, char *buf, size_t *len)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);

	*len = switch_addr_text(av->domain->info, addr, buf, *len);
	return buf;
}

static int switch_no_av_set(struct fid_av *av, struct fi_av_set_attr *attr, struct fid_av_set **set,
			    void *context)
{
	(void)av, (void)attr, (void)set, (void)context;
	return -FI_ENOSYS;
}

struct switch_av *switch_av_from_fid(struct switch_domain *domain, struct fid *fid)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);

	return av->domain == domain ? av : NULL;
}

void switch_av_bind_ep(struct switch_av *av, struct switch_ep *ep)
{
	LIST_INSERT_HEAD(&av->eps, ep, av_link);
}

void switch_av_unbind_ep(struct switch_av *av, struct switch_ep *ep)
{
	(void)av;
	LIST_REMOVE(ep, av_link);
}

/* -- object -------------------------------------------------------------- */

static int switch_av_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);
	struct switch_eq *eq;

	if (!bfid || bfid->fclass != FI_CLASS_EQ || flags || av->eq)
		return -FI_EINVAL;
	eq = container_of(bfid, struct switch_eq, eq_fid.fid);
	if (eq->fabric != av->domain->fabric)
		return -FI_EINVAL;
	av->eq = &eq->events;
	switch_events_refer(av->eq, 1);
	return 0;
}

static void av_free(struct switch_av *av)
{
	HASH_CLEAR(hh, av->table);
	for (size_t i = 0; i < av->chunk_cnt; i++)
		free(av->chunks[i]);
	free(av->chunks);
	free(av->user_ids);
	free(av);
}

static int switch_av_close(struct fid *fid)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);
	struct switch_domain *domain = av->domain;

	switch_pump_lock(&domain->pump);
	if (!LIST_EMPTY(&av->eps)) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	if (av->eq)
		switch_events_refer(av->eq, -1);
	av_free(av);
	return 0;
}

static struct fi_ops switch_av_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_av_close,
	.bind = switch_av_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_av switch_av_ops = {
	.size = sizeof(struct fi_ops_av),
	.insert = switch_av_insert,
	.insertsvc = switch_av_insertsvc,
	.insertsym = switch_av_insertsym,
	.remove = switch_av_remove,
	.lookup = switch_av_lookup,
	.straddr = switch_av_straddr,
	.av_set = switch_no_av_set,
};

int switch_av_open(struct fid_domain *domain_fid, struct fi_av_attr *attr, struct fid_av **av_fid,
		   void *context)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_av *av;

	if (!attr || attr->type > FI_AV_TABLE || attr->flags & ~(FI_EVENT | FI_READ | FI_SYMMETRIC))
		return -FI_EINVAL;
	if (attr->name || attr->flags & FI_READ) /* shared between processes */
		return -FI_ENOSYS;
	av = calloc(1, sizeof(*av));
	if (!av)
		return -FI_ENOMEM;
	av->av_fid.fid.fclass = FI_CLASS_AV;
	av->av_fid.fid.context = context;
	av->av_fid.fid.ops = &switch_av_fid_ops;
	av->av_fid.ops = &switch_av_ops;
	av->domain = domain;
	av->async = attr->flags & FI_EVENT;
	av->stride = offsetof(struct av_entry, addr.bytes) + switch_addr_room(domain->info);
	av->stride = (av->stride + 7) / 8 * 8;
	LIST_INIT(&av->eps);
	switch_pump_lock(&domain->pump);
	domain->refs++;
	switch_pump_unlock(&domain->pump);
	if (!attr->type)
		attr->type = FI_AV_TABLE;
	*av_fid = &av->av_fid;
	return 0;
}
