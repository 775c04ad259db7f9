/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Multi-receive buffers (FI_MULTI_RECV): one piece of memory for many messages.  The buffer
 * stays posted; each message that it matches gets a slot: a part of the memory, and an
 * operation of its own, which from there on is a receive like any other.
 */
#include <errno.h>

#include "session/internal.h"

static void end_buffer(struct sess_op *buffer, int error)
{
	match_unpost(buffer);
	op_done(buffer, error);
}

struct sess_op *multi_slot(struct sess_op *buffer, struct sess_ep *ep, uint64_t len)
{
	struct sess_iov *left = &buffer->iov[0];
	struct sess_op *slot = ep->engine->config.slot(buffer);
	size_t taken = len < left->len ? (size_t)len : left->len;

	if (!slot) {
		end_buffer(buffer, ENOMEM);
		return NULL;
	}
	match_init(slot, buffer->rx);
	slot->flags = (uint16_t)(buffer->flags & ~SESS_MULTI);
	slot->iov[0] = (struct sess_iov){.addr = left->addr, .len = taken, .mem = left->mem};
	slot->iov_cnt = 1;
	match_begin(slot, ep);
	left->addr = (char *)left->addr + taken;
	left->len -= taken;
	if (!left->len || left->len < buffer->multi_min)
		end_buffer(buffer, 0);
	return slot;
}
