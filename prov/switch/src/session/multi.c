/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One piece of memory for many messages (FI_MULTI_RECV).  The receive stays
 * posted; each message that it matches gets a part of the memory and an
 * operation of its own, which from there on is a receive like any other.
 */
#include <errno.h>

#include "session/internal.h"

static void end_whole(struct sess_op *whole, int error)
{
	match_unpost(whole);
	op_done(whole, error);
}

struct sess_op *multi_part(struct sess_op *whole, struct sess_ep *ep, uint64_t len)
{
	struct sess_iov *left = &whole->iov[0];
	struct sess_op *part = ep->engine->config.part(whole);
	size_t taken = len < left->len ? (size_t)len : left->len;

	if (!part) {
		end_whole(whole, ENOMEM);
		return NULL;
	}
	match_init(part, whole->rx);
	part->flags = (uint16_t)(whole->flags & ~SESS_MULTI);
	part->iov[0] = (struct sess_iov){.addr = left->addr, .len = taken, .mem = left->mem};
	part->iov_cnt = 1;
	match_begin(part, ep);
	left->addr = (char *)left->addr + taken;
	left->len -= taken;
	if (!left->len || left->len < whole->multi_min)
		end_whole(whole, 0);
	return part;
}
