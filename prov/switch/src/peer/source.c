/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sources of received messages: the entry of the address vector, the number that
 * the application gave that entry (FI_AV_USER_ID), or, where the endpoint wants it
 * (FI_SOURCE_ERR), the address of a peer that is in no address vector.  The engine knows such an
 * unknown source by a key of its own, which no fi_addr_t is.
 *
 * Unknown sources belong to the domain, by address and by the number in their key.
 * Sessions and queued entries refer to them.  Of those without a reference the
 * last IDLE_MAX are kept: a message may be waiting for its receive when its
 * session has ended.  The domain's lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/switch.h"
#include "peer/names.h"
#include "peer/source.h"
#include "progress/op.h"
#include "switch_session.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define UNKNOWN	 (1ULL << 63) /* in a key, with the number of the source; 0: not remembered */
#define IDLE_MAX 4096

struct switch_unknown {
	UT_hash_handle hh;    /* by address */
	UT_hash_handle hh_id; /* by number */
	TAILQ_ENTRY(switch_unknown) idle;
	unsigned refs;
	uint64_t id;
	struct switch_sources *sources; /* to which it belongs */
	struct switch_addr addr;
};

const struct switch_addr *switch_unknown_addr(const struct switch_unknown *unknown)
{
	return &unknown->addr;
}

/* -- unknown sources --------------------------------------------------------------- */

static struct switch_unknown *find(const struct switch_sources *sources,
				   const struct switch_addr *addr)
{
	struct switch_unknown *unknown;

	HASH_FIND(hh, sources->by_addr, addr->bytes, addr->len, unknown);
	return unknown;
}

static struct switch_unknown *find_id(const struct switch_sources *sources, uint64_t id)
{
	struct switch_unknown *unknown;

	HASH_FIND(hh_id, sources->by_id, &id, sizeof(id), unknown);
	return unknown;
}

/* Frees an unknown source, and takes it out of both tables if it is in them. */
static void unknown_free(struct switch_sources *sources, struct switch_unknown *unknown)
{
	if (unknown->hh.tbl)
		HASH_DEL(sources->by_addr, unknown);
	if (unknown->hh_id.tbl)
		HASH_DELETE(hh_id, sources->by_id, unknown);
	free(unknown);
}

static void set_idle(struct switch_sources *sources, struct switch_unknown *unknown)
{
	struct switch_unknown *oldest;

	TAILQ_INSERT_TAIL(&sources->idle, unknown, idle);
	if (++sources->idle_cnt <= IDLE_MAX)
		return;
	oldest = TAILQ_FIRST(&sources->idle);
	TAILQ_REMOVE(&sources->idle, oldest, idle);
	sources->idle_cnt--;
	unknown_free(sources, oldest);
}

/* Adds an unknown source with one reference. */
static struct switch_unknown *add(struct switch_sources *sources, const struct switch_addr *addr)
{
	struct switch_unknown *unknown = calloc(1, sizeof(*unknown));

	if (!unknown)
		return NULL;
	unknown->refs = 1;
	unknown->sources = sources;
	unknown->id = ++sources->last_id;
	unknown->addr = *addr;
	HASH_ADD_KEYPTR(hh, sources->by_addr, unknown->addr.bytes, addr->len, unknown);
	if (unknown->hh.tbl)
		HASH_ADD(hh_id, sources->by_id, id, sizeof(unknown->id), unknown);
	if (!unknown->hh_id.tbl) {
		unknown_free(sources, unknown);
		return NULL;
	}
	return unknown;
}

static struct switch_unknown *refer(struct switch_sources *sources, struct switch_unknown *unknown)
{
	if (!unknown->refs++) {
		TAILQ_REMOVE(&sources->idle, unknown, idle);
		sources->idle_cnt--;
	}
	return unknown;
}

void switch_unknown_release(struct switch_unknown *unknown)
{
	if (unknown && !--unknown->refs)
		set_idle(unknown->sources, unknown);
}

/* -- sources ------------------------------------------------------------------------- */

uint64_t switch_source_key(struct switch_sources *sources, const struct switch_addr *addr,
			   struct switch_unknown **held)
{
	struct switch_unknown *unknown = find(sources, addr);

	unknown = unknown ? refer(sources, unknown) : add(sources, addr);
	switch_unknown_release(*held);
	*held = unknown;
	if (!unknown)
		SW_WARN(AV, "no memory for the address of a peer in no address vector\n");
	return UNKNOWN | (unknown ? unknown->id : 0);
}

void switch_source_name(struct switch_sources *sources, const struct switch_names *names,
			struct switch_op *op)
{
	const uint64_t key = op->sess.source;

	if (key == SESS_SOURCE_ANY)
		return;
	if (!(key & UNKNOWN)) {
		op->sess.source = switch_names_user_id(names, key);
		return;
	}
	op->sess.source = FI_ADDR_NOTAVAIL;
	if (op->sess.flags & SESS_PEEK || (!op->wants_entry && !op->sess.error))
		return;
	op->unknown = find_id(sources, key & ~UNKNOWN);
	if (op->unknown)
		refer(sources, op->unknown);
	if (!op->sess.error) /* an error such as truncation stays as it is */
		op->sess.error = FI_EADDRNOTAVAIL;
}

void switch_sources_init(struct switch_sources *sources)
{
	TAILQ_INIT(&sources->idle);
}

void switch_sources_fini(struct switch_sources *sources)
{
	while (sources->by_addr)
		unknown_free(sources, sources->by_addr);
}
