/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a received message is said to be from: the entry of the address vector,
 * the number that the application gave that entry (FI_AV_USER_ID), or, where
 * the endpoint wants it (FI_SOURCE_ERR), the address of a peer that is in no
 * address vector.  The engine knows such a stranger by a key of its own, which
 * no fi_addr_t is.
 *
 * Strangers belong to the domain, by address and by the number in their key.
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

#define STRANGER (1ULL << 63) /* in a key, with a number; 0: one that is not remembered */
#define IDLE_MAX 4096

struct switch_stranger {
	UT_hash_handle hh;    /* by address */
	UT_hash_handle hh_id; /* by number */
	TAILQ_ENTRY(switch_stranger) idle;
	unsigned refs;
	uint64_t id;
	struct switch_sources *sources; /* that it is one of */
	struct switch_addr addr;
};

const struct switch_addr *switch_stranger_addr(const struct switch_stranger *stranger)
{
	return &stranger->addr;
}

/* -- remembering ------------------------------------------------------------------- */

static struct switch_stranger *find(const struct switch_sources *sources,
				    const struct switch_addr *addr)
{
	struct switch_stranger *stranger;

	HASH_FIND(hh, sources->by_addr, addr->bytes, addr->len, stranger);
	return stranger;
}

static struct switch_stranger *find_id(const struct switch_sources *sources, uint64_t id)
{
	struct switch_stranger *stranger;

	HASH_FIND(hh_id, sources->by_id, &id, sizeof(id), stranger);
	return stranger;
}

/* Of whatever it is in. */
static void stranger_free(struct switch_sources *sources, struct switch_stranger *stranger)
{
	if (stranger->hh.tbl)
		HASH_DEL(sources->by_addr, stranger);
	if (stranger->hh_id.tbl)
		HASH_DELETE(hh_id, sources->by_id, stranger);
	free(stranger);
}

static void set_idle(struct switch_sources *sources, struct switch_stranger *stranger)
{
	struct switch_stranger *oldest;

	TAILQ_INSERT_TAIL(&sources->idle, stranger, idle);
	if (++sources->idle_cnt <= IDLE_MAX)
		return;
	oldest = TAILQ_FIRST(&sources->idle);
	TAILQ_REMOVE(&sources->idle, oldest, idle);
	sources->idle_cnt--;
	stranger_free(sources, oldest);
}

/* With a reference. */
static struct switch_stranger *add(struct switch_sources *sources, const struct switch_addr *addr)
{
	struct switch_stranger *stranger = calloc(1, sizeof(*stranger));

	if (!stranger)
		return NULL;
	stranger->refs = 1;
	stranger->sources = sources;
	stranger->id = ++sources->last_id;
	stranger->addr = *addr;
	HASH_ADD_KEYPTR(hh, sources->by_addr, stranger->addr.bytes, addr->len, stranger);
	if (stranger->hh.tbl)
		HASH_ADD(hh_id, sources->by_id, id, sizeof(stranger->id), stranger);
	if (!stranger->hh_id.tbl) {
		stranger_free(sources, stranger);
		return NULL;
	}
	return stranger;
}

static struct switch_stranger *refer(struct switch_sources *sources,
				     struct switch_stranger *stranger)
{
	if (!stranger->refs++) {
		TAILQ_REMOVE(&sources->idle, stranger, idle);
		sources->idle_cnt--;
	}
	return stranger;
}

void switch_stranger_release(struct switch_stranger *stranger)
{
	if (stranger && !--stranger->refs)
		set_idle(stranger->sources, stranger);
}

/* -- sources ------------------------------------------------------------------------- */

uint64_t switch_source_key(struct switch_sources *sources, const struct switch_addr *addr,
			   struct switch_stranger **held)
{
	struct switch_stranger *stranger = find(sources, addr);

	stranger = stranger ? refer(sources, stranger) : add(sources, addr);
	switch_stranger_release(*held);
	*held = stranger;
	if (!stranger)
		SW_WARN(AV, "no memory for the address of a peer in no address vector\n");
	return STRANGER | (stranger ? stranger->id : 0);
}

void switch_source_name(struct switch_sources *sources, const struct switch_names *names,
			struct switch_op *op)
{
	const uint64_t key = op->sess.source;

	if (key == SESS_SOURCE_ANY)
		return;
	if (!(key & STRANGER)) {
		op->sess.source = switch_names_user_id(names, key);
		return;
	}
	op->sess.source = FI_ADDR_NOTAVAIL;
	if (op->sess.flags & SESS_PEEK || (!op->wants_entry && !op->sess.error))
		return;
	op->stranger = find_id(sources, key & ~STRANGER);
	if (op->stranger)
		refer(sources, op->stranger);
	if (!op->sess.error) /* one that was truncated, say, stays that */
		op->sess.error = FI_EADDRNOTAVAIL;
}

void switch_sources_init(struct switch_sources *sources)
{
	TAILQ_INIT(&sources->idle);
}

void switch_sources_fini(struct switch_sources *sources)
{
	while (sources->by_addr)
		stranger_free(sources, sources->by_addr);
}
