/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive buffers: allocated and registered by the chunk, posted, and posted again as soon
 * as they are given back.  Called by both adapters under the domain's lock.  It does not
 * look at messages.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_endpoint.h>

#include "core/common/log.h"
#include "core/common/mr.h"
#include "core/common/rx.h"

static ssize_t rx_recv(struct core_domain_base *base, struct core_rx *rx)
{
	const struct iovec iov[] = {
		{.iov_base = rx->head, .iov_len = base->head_size},
		{.iov_base = (char *)rx->data + base->head_size,
		 .iov_len = base->buffer_size - base->head_size},
	};
	void *desc[] = {rx->desc, rx->desc};

	if (!rx->head)
		return fi_recv(rx->pool->ep, rx->data, base->prefix + base->buffer_size, rx->desc,
			       FI_ADDR_UNSPEC, rx);
	return fi_recvv(rx->pool->ep, iov, desc, 2, FI_ADDR_UNSPEC, rx);
}

const void *core_rx_data(const struct core_domain_base *base, struct core_rx *rx, size_t *len)
{
	if (!rx->head) {
		*len = *len > base->prefix ? *len - base->prefix : 0;
		return (char *)rx->data + base->prefix;
	}
	if (*len <= base->head_size)
		return rx->head;
	memcpy(rx->data, rx->head, base->head_size);
	return rx->data;
}

void core_rx_post(struct core_domain_base *base, struct core_rx *rx)
{
	struct core_pool *pool = rx->pool;
	ssize_t ret;

	rx->ctx.kind = CORE_KIND_NONE;
	if (!pool->ep)
		return;
	if (!base->rx_cnt && base->starved)
		base->starved(base);
	ret = rx_recv(base, rx);
	if (!ret) {
		rx->ctx.kind = CORE_KIND_RX;
		base->rx_cnt++;
		return;
	}
	if (ret != -FI_EAGAIN)
		core_failed("fi_recv", (int)ret);
	SLIST_INSERT_HEAD(&base->idle, rx, link);
}

bool core_rx_came(struct core_domain_base *base, struct core_rx *rx, int error)
{
	base->rx_cnt--;
	if (error) {
		core_rx_post(base, rx);
		return false;
	}
	rx->pool->run++;
	return true;
}

void core_rx_retry(struct core_domain_base *base)
{
	struct core_rx *rx = SLIST_FIRST(&base->idle), *next;

	SLIST_INIT(&base->idle);
	for (; rx; rx = next) {
		next = SLIST_NEXT(rx, link);
		core_rx_post(base, rx);
	}
}

int core_pool_grow(struct core_domain_base *base, struct core_pool *pool, size_t cnt)
{
	const size_t stride = core_buffer_stride(base);
	const size_t heads = cnt * base->head_size, size = heads + cnt * stride;
	struct core_chunk *chunk;
	int ret = -FI_ENOMEM;
	char *mem;

	chunk = calloc(1, sizeof(*chunk) + cnt * sizeof(chunk->rx[0]));
	if (chunk)
		ret = core_mr_alloc(base, pool->ep, size, FI_RECV, &chunk->mem, &chunk->mr);
	if (ret) {
		free(chunk);
		return core_failed("more receive buffers", ret);
	}

	SLIST_INSERT_HEAD(&pool->chunks, chunk, link);
	chunk->cnt = cnt;
	pool->cnt += cnt;
	mem = chunk->mem;
	for (size_t i = 0; i < cnt; i++) {
		chunk->rx[i].pool = pool;
		chunk->rx[i].head = heads ? mem + i * base->head_size : NULL;
		chunk->rx[i].data = mem + heads + i * stride;
		chunk->rx[i].desc = chunk->mr ? fi_mr_desc(chunk->mr) : NULL;
		core_rx_post(base, &chunk->rx[i]);
	}
	return 0;
}

void core_pool_double(struct core_domain_base *base, struct core_pool *pool)
{
	size_t room = base->buffer_max > pool->cnt ? base->buffer_max - pool->cnt : 0;

	if (room)
		core_pool_grow(base, pool, pool->cnt < room ? pool->cnt : room);
}

/* If all posted buffers were used before the queue was read empty, senders may be waiting
 * for more.  The pool grows once until the queue is empty again, so that a receiver that is
 * merely slow does not end up with buffer_max. */
void core_pool_check(struct core_domain_base *base, struct core_pool *pool, bool empty)
{
	if (pool->run >= pool->cnt && !pool->grown) {
		pool->grown = true;
		core_pool_double(base, pool);
	}
	if (empty) {
		pool->run = 0;
		pool->grown = false;
	}
}

void core_pool_free(struct core_domain_base *base, struct core_pool *pool)
{
	struct core_rx *rx = SLIST_FIRST(&base->idle), *next;
	struct core_chunk *chunk;

	SLIST_INIT(&base->idle);
	for (; rx; rx = next) {
		next = SLIST_NEXT(rx, link);
		if (rx->pool != pool)
			SLIST_INSERT_HEAD(&base->idle, rx, link);
	}
	while ((chunk = SLIST_FIRST(&pool->chunks))) {
		SLIST_REMOVE_HEAD(&pool->chunks, link);
		for (size_t i = 0; i < chunk->cnt; i++)
			base->rx_cnt -= chunk->rx[i].ctx.kind == CORE_KIND_RX;
		core_mr_free(chunk->mem, chunk->mr);
		free(chunk);
	}
	pool->cnt = 0;
}
