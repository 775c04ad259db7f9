/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The operations of the test link, and their memory with its guard bytes. */
#include <stdlib.h>
#include <string.h>

#include "lib/link_internal.h"

#define GUARD	  24 /* bytes around each piece of an operation's memory */
#define UNTOUCHED 0xa5

static bool overlap(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const char *x = a, *y = b;

	return a_len && b_len && x < y + b_len && y < x + a_len;
}

static void check_memory_is_free(const struct link_op *op)
{
	struct link_node *node = op->node;
	const struct link_end *end;
	const struct link_io *io;
	const struct sess_mem *mem;

	TAILQ_FOREACH (end, &node->ends, node_link)
		TAILQ_FOREACH (io, &end->ios, link)
			for (unsigned i = 0; i < io->iov_cnt; i++)
				if (overlap(io->iov[i].addr, io->iov[i].len, op->buf, op->size))
					link_die(node->link,
						 "complete, but the core has the memory");
	TAILQ_FOREACH (mem, &node->mems, link)
		if (overlap(mem->addr, mem->len, op->buf, op->size))
			link_die(node->link, "complete, but the memory is registered");
}

void link_op_complete(struct link_node *node, struct sess_op *sess_op)
{
	struct link_op *op = (struct link_op *)sess_op;

	if (!op->pending || op->node != node)
		link_die(node->link,
			 "an operation completed that was not pending (%u times before)",
			 op->completions);
	op->pending = false;
	op->completions++;
	node->op_cnt--;
	if (!(sess_op->flags & SESS_MULTI)) /* with SESS_MULTI its parts may still be pending */
		check_memory_is_free(op);
	if (op->done)
		op->done(op, op->arg);
}

static uint8_t pattern_byte(uint32_t pattern, size_t i)
{
	return (uint8_t)(pattern * 167 + i * 31 + (i >> 8) * 7 + (pattern >> 8));
}

struct link_op *link_op_create(struct link_node *node, size_t size, unsigned cnt)
{
	struct link_op *op = link_memory(sizeof(*op));
	size_t done = 0;

	op->node = node;
	op->size = size + (cnt + 1) * (size_t)GUARD;
	op->buf = link_memory(op->size);
	memset(op->buf, UNTOUCHED, op->size);
	for (unsigned i = 0; i < cnt; i++) {
		size_t end = size / cnt * (i + 1);

		if (i + 1 == cnt)
			end = size;
		op->op.iov[i].addr = op->buf + done + (i + 1) * (size_t)GUARD;
		op->op.iov[i].len = end - done;
		done = end;
	}
	op->op.iov_cnt = (uint8_t)cnt;
	op->op.source = SESS_SOURCE_ANY;
	return op;
}

void link_op_destroy(struct link_op *op)
{
	if (op->pending)
		link_die(op->node->link, "an operation is still pending");
	free(op->buf);
	free(op);
}

void link_op_fill(struct link_op *op, uint32_t pattern)
{
	size_t at = 0;

	op->pattern = pattern;
	for (unsigned i = 0; i < op->op.iov_cnt; i++) {
		uint8_t *to = op->op.iov[i].addr;

		for (size_t k = 0; k < op->op.iov[i].len; k++)
			to[k] = pattern_byte(pattern, at++);
	}
}

bool link_op_holds(const struct link_op *op, uint32_t pattern, size_t len)
{
	const uint8_t *byte = op->buf, *end = op->buf + op->size;
	size_t at = 0;

	for (unsigned i = 0; i < op->op.iov_cnt; i++) {
		const uint8_t *piece = op->op.iov[i].addr, *behind = piece + op->op.iov[i].len;

		for (; byte < piece; byte++)
			if (*byte != UNTOUCHED)
				return false;
		for (; byte < behind; byte++, at++)
			if (*byte != (at < len ? pattern_byte(pattern, at) : UNTOUCHED))
				return false;
	}
	for (; byte < end; byte++)
		if (*byte != UNTOUCHED)
			return false;
	return true;
}

/* Counts an operation as pending before it is given to the engine. */
static void pend(struct link_op *op)
{
	op->pending = true;
	op->node->op_cnt++;
}

/* ret: the engine's answer.  An operation that the engine refused is not pending. */
static int pend_end(struct link_op *op, int ret)
{
	if (ret) {
		op->pending = false;
		op->node->op_cnt--;
	}
	return ret;
}

int link_send(struct sess *sess, struct link_op *op)
{
	int ret;

	pend(op);
	ret = pend_end(op, sess_send(sess, &op->op));
	if (!ret && op->op.flags & SESS_INJECT)
		memset(op->buf, 0xee, op->size);
	return ret;
}

struct sess_op *link_op_part(struct sess_op *sess_op)
{
	struct link_op *whole = (struct link_op *)sess_op, *part;

	if (whole->part_cnt == whole->part_max)
		return NULL;
	part = link_memory(sizeof(*part));
	part->node = whole->node;
	pend(part);
	whole->part[whole->part_cnt++] = part;
	return &part->op;
}

int link_recv(struct link_op *op)
{
	return link_recv_from(sess_ep_rx(op->node->ep), op);
}

int link_recv_from(struct sess_rx *rx, struct link_op *op)
{
	pend(op);
	return pend_end(op, sess_recv(rx, &op->op));
}
