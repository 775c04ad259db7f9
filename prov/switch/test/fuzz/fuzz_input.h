/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by the fuzz targets: turns the bytes of an input into numbers, flags and
 * descriptors, and owns the operations that one input submits to the engine.  Included by
 * *_fuzz.c files only.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdlib.h>
#include <string.h>

#include "lib/link.h"
#include "session/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p, *end;
};

/* The next byte of the input; 0 once all its bytes are used. */
static inline uint8_t next8(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* Mostly a length or count at which the engine changes its behaviour, sometimes a little more. */
static inline uint64_t next64(struct input *in)
{
	static const uint64_t sizes[] = {
		0,    1,    7,	  100,	200,   264,	   400,	       468,
		1000, 1500, 3000, 5000, 40000, UINT32_MAX, UINT64_MAX, (uint64_t)INT64_MAX + 1,
	};
	uint8_t byte = next8(in);

	return byte < 128 ? sizes[byte % 16] : sizes[byte % 13] + next8(in);
}

/* Fills cnt descriptors.  Returns the sum of their lengths, in bytes. */
static inline uint64_t next_descs(struct input *in, struct wire_desc *desc, unsigned cnt)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cnt; i++) {
		memset(&desc[i], next8(in), sizeof(desc[i]));
		desc[i].addr = next64(in);
		desc[i].len = next64(in);
		sum += desc[i].len;
	}
	return sum;
}

/* Gives the engine a packet in a block of exactly its size, so that a sanitizer sees any read
 * past its end. */
static inline void fuzz_deliver(struct sess_engine *engine, const uint8_t *packet, size_t len)
{
	void *exact;

	if (posix_memalign(&exact, sizeof(void *), len))
		abort();
	memcpy(exact, packet, len);
	sess_input(engine, exact, len);
	free(exact);
}

/* -- operations ------------------------------------------------------------------ */

enum { FUZZ_OPS_MAX = 64 };

struct fuzz_ops {
	struct link_op *op[FUZZ_OPS_MAX];
	unsigned cnt;
};

/* Returns NULL once the input has created FUZZ_OPS_MAX operations. */
static inline struct link_op *fuzz_op_create(struct fuzz_ops *ops, struct link_node *node,
					     size_t size, unsigned iov_cnt)
{
	if (ops->cnt == FUZZ_OPS_MAX)
		return NULL;
	return ops->op[ops->cnt++] = link_op_create(node, size, iov_cnt);
}

static inline uint16_t fuzz_send_flags(uint8_t how)
{
	return (uint16_t)((how & 1 ? SESS_DELIVERY : 0) | (how & 2 ? SESS_INJECT : 0) |
			  (how & 4 ? SESS_MORE : 0));
}

static inline uint16_t fuzz_recv_flags(uint8_t how)
{
	return (uint16_t)((how & 2 ? SESS_PEEK : 0) | (how & 4 ? SESS_CLAIM : 0) |
			  (how & 8 ? SESS_DISCARD : 0));
}

static inline void fuzz_op_cancel(struct fuzz_ops *ops, unsigned nth)
{
	if (ops->cnt && ops->op[nth % ops->cnt]->pending)
		sess_cancel(&ops->op[nth % ops->cnt]->op);
}

static inline void fuzz_ops_destroy(struct fuzz_ops *ops)
{
	for (unsigned i = 0; i < ops->cnt; i++) {
		for (unsigned k = 0; k < ops->op[i]->part_cnt; k++)
			link_op_destroy(ops->op[i]->part[k]);
		link_op_destroy(ops->op[i]);
	}
}

#endif
