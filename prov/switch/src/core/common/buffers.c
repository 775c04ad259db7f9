/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buffers of the adapters: receive buffers, posted again as soon as they are
 * given back, and send buffers for cores that do not take a message as it
 * lies, because they want their memory registered or a prefix in front.  Under the
 * domain's lock.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/common.h"

static size_t stride_of(const struct core_base *base)
{
	return (base->prefix + base->buffer_size + 63) & ~(size_t)63;
}

/* -- receiving --------------------------------------------------------------- */

static ssize_t rx_recv(struct core_base *base, struct core_rx *rx)
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

const void *core_rx_data(const struct core_base *base, struct core_rx *rx, size_t *len)
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

void core_rx_post(struct core_base *base, struct core_rx *rx)
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

void core_rx_retry(struct core_base *base)
{
	struct core_rx *rx = SLIST_FIRST(&base->idle), *next;

	SLIST_INIT(&base->idle);
	for (; rx; rx = next) {
		next = SLIST_NEXT(rx, link);
		core_rx_post(base, rx);
	}
}

int core_pool_grow(struct core_base *base, struct core_pool *pool, size_t cnt)
{
	const size_t stride = stride_of(base);
	const size_t heads = cnt * base->head_size, size = heads + cnt * stride;
	struct core_chunk *chunk;
	int ret = -FI_ENOMEM;
	char *mem;

	chunk = calloc(1, sizeof(*chunk) + cnt * sizeof(chunk->rx[0]));
	if (!chunk)
		goto fail;
	/* so large a piece is mapped, and its pages exist once a message came */
	if (posix_memalign(&chunk->mem, 4096, size))
		goto fail_chunk;
	if (base->caps.mr_local) {
		ret = core_mr_open(base, pool->ep, chunk->mem, size, FI_RECV, &chunk->mr);
		if (ret)
			goto fail_mem;
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

fail_mem:
	free(chunk->mem);
fail_chunk:
	free(chunk);
fail:
	return core_failed("more receive buffers", ret);
}

void core_pool_double(struct core_base *base, struct core_pool *pool)
{
	size_t room = base->buffer_max > pool->cnt ? base->buffer_max - pool->cnt : 0;

	if (room)
		core_pool_grow(base, pool, pool->cnt < room ? pool->cnt : room);
}

/* All that were posted came back before the queue ran empty: senders may be
 * waiting for buffers.  At most once per such run, so that a receiver who is
 * merely slow does not end up with all that it may have. */
void core_pool_check(struct core_base *base, struct core_pool *pool, bool empty)
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

void core_pool_free(struct core_base *base, struct core_pool *pool)
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
		if (chunk->mr)
			fi_close(&chunk->mr->fid);
		free(chunk->mem);
		free(chunk);
	}
	pool->cnt = 0;
}

/* -- sending ------------------------------------------------------------------- */

static int tx_add(struct core_base *base, struct core_tx_pool *pool)
{
	struct core_tx *tx = calloc(1, sizeof(*tx));
	const size_t size = stride_of(base);

	if (!tx)
		return -FI_ENOMEM;
	if (posix_memalign(&tx->data, 4096, size))
		goto fail;
	if (base->caps.mr_local) {
		if (core_mr_open(base, pool->ep, tx->data, size, FI_SEND, &tx->mr))
			goto fail_data;
		tx->desc = fi_mr_desc(tx->mr);
	}
	tx->pool = pool;
	SLIST_INSERT_HEAD(&pool->all, tx, all_link);
	SLIST_INSERT_HEAD(&pool->free, tx, link);
	pool->cnt++;
	return 0;

fail_data:
	free(tx->data);
fail:
	free(tx);
	return core_failed("more send buffers", -FI_ENOMEM);
}

static int tx_take(struct core_base *base, struct core_tx_pool *pool, struct core_tx **tx)
{
	int ret;

	if (SLIST_EMPTY(&pool->free)) {
		ret = pool->cnt == CORE_TX_MAX ? -FI_EAGAIN : tx_add(base, pool);
		if (ret)
			return pool->cnt ? -FI_EAGAIN : ret; /* one of them comes back */
	}
	*tx = SLIST_FIRST(&pool->free);
	SLIST_REMOVE_HEAD(&pool->free, link);
	pool->busy++;
	return 0;
}

int core_tx_fill(struct core_base *base, struct core_tx_pool *pool, const struct iovec *iov,
		 size_t cnt, size_t len, struct core_tx **tx)
{
	int ret = len > base->buffer_size ? -FI_EMSGSIZE : tx_take(base, pool, tx);
	char *data;

	if (ret)
		return ret;
	data = (char *)(*tx)->data + base->prefix;
	for (size_t i = 0; i < cnt; i++) {
		memcpy(data, iov[i].iov_base, iov[i].iov_len);
		data += iov[i].iov_len;
	}
	(*tx)->out.ctx.kind = CORE_KIND_TX;
	(*tx)->io = NULL;
	(*tx)->frame = NULL;
	return 0;
}

/* A list of pieces would have to outlive the call with FI_ASYNC_IOV.  Endpoints
 * without connections were opened so that what has no flags completes. */
ssize_t core_tx_send(const struct core_base *base, struct fid_ep *ep, fi_addr_t addr,
		     struct core_tx *tx, size_t len)
{
	const struct iovec iov = {tx->data, base->prefix + len};
	const struct fi_msg msg = {
		.msg_iov = &iov,
		.desc = &tx->desc,
		.iov_count = 1,
		.addr = addr,
		.context = tx,
	};

	return base->async_iov || addr != FI_ADDR_UNSPEC
		       ? fi_send(ep, iov.iov_base, iov.iov_len, tx->desc, addr, tx)
		       : fi_sendmsg(ep, &msg, FI_COMPLETION);
}

void core_tx_put(struct core_tx *tx)
{
	tx->out.ctx.kind = CORE_KIND_NONE;
	SLIST_INSERT_HEAD(&tx->pool->free, tx, link);
	tx->pool->busy--;
}

void core_tx_pool_free(struct core_base *base, struct core_tx_pool *pool)
{
	struct core_tx *tx;

	while ((tx = SLIST_FIRST(&pool->all))) {
		SLIST_REMOVE_HEAD(&pool->all, all_link);
		base->out_cnt -= tx->out.ctx.kind == CORE_KIND_TX;
		if (tx->mr)
			fi_close(&tx->mr->fid);
		free(tx->data);
		free(tx);
	}
	SLIST_INIT(&pool->free);
	pool->cnt = pool->busy = 0;
}
