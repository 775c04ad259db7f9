/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a received message is said to be from: the entry of the address vector,
 * the number that the application gave that entry (FI_AV_USER_ID), or, where
 * the endpoint wants it (FI_SOURCE_ERR), the address of a peer that is in no
 * address vector.  The engine knows such a stranger by a key of its own, which
 * no fi_addr_t is.
 *
 * Strangers belong to the domain: an entry of a queue that outlives its
 * endpoint still shows the address.  Who connects under ever new names does not
 * get more remembered than STRANGERS_MAX.  The domain's lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include "switch.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define STRANGER      (1ULL << 63) /* in a key, with the index below */
#define STRANGERS_MAX 4096

struct switch_stranger {
	UT_hash_handle hh; /* by address */
	uint64_t idx;
	struct switch_addr addr;
};

static struct switch_stranger *find(const struct switch_domain *domain,
				    const struct switch_addr *addr)
{
	struct switch_stranger *stranger;

	HASH_FIND(hh, domain->strangers, addr->bytes, addr->len, stranger);
	return stranger;
}

static struct switch_stranger *add(struct switch_domain *domain, const struct switch_addr *addr)
{
	const size_t cnt = HASH_COUNT(domain->strangers);
	struct switch_stranger *stranger;

	if (!domain->stranger)
		domain->stranger = calloc(STRANGERS_MAX, sizeof(domain->stranger[0]));
	stranger = calloc(1, sizeof(*stranger));
	if (!domain->stranger || !stranger || cnt == STRANGERS_MAX) {
		free(stranger);
		return NULL;
	}
	stranger->idx = cnt;
	stranger->addr = *addr;
	HASH_ADD_KEYPTR(hh, domain->strangers, stranger->addr.bytes, addr->len, stranger);
	if (!stranger->hh.tbl) {
		free(stranger);
		return NULL;
	}
	domain->stranger[cnt] = stranger;
	return stranger;
}

uint64_t switch_source_key(struct switch_ep *ep, fi_addr_t fi_addr, const struct switch_addr *addr)
{
	struct switch_stranger *stranger;

	if (fi_addr != FI_ADDR_NOTAVAIL || !ep->source_err)
		return fi_addr == FI_ADDR_NOTAVAIL ? SESS_SOURCE_ANY : fi_addr;
	stranger = find(ep->domain, addr);
	if (!stranger)
		stranger = add(ep->domain, addr);
	if (!stranger)
		SW_WARN(AV, "a peer in no address vector is not remembered: too many, or no "
			    "memory\n");
	return stranger ? STRANGER | stranger->idx : SESS_SOURCE_ANY;
}

void switch_name_source(struct switch_op *op, const struct switch_ep *ep)
{
	const uint64_t key = op->sess.source;

	if (key == SESS_SOURCE_ANY || !ep->av)
		return;
	if (!(key & STRANGER)) {
		op->sess.source = switch_av_user_id(ep->av, key);
		return;
	}
	op->sess.source = FI_ADDR_NOTAVAIL;
	if (op->sess.error || !op->wants_entry || op->sess.flags & SESS_PEEK)
		return;
	op->stranger = &ep->domain->stranger[key & ~STRANGER]->addr;
	op->sess.error = FI_EADDRNOTAVAIL;
}

void switch_strangers_free(struct switch_domain *domain)
{
	struct switch_stranger *stranger = domain->strangers;

	while (stranger) {
		struct switch_stranger *next = stranger->hh.next;

		HASH_DEL(domain->strangers, stranger);
		free(stranger);
		stranger = next;
	}
	free(domain->stranger);
}
