/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Send buffers for cores that want their memory registered or a prefix in front.  Called
 * by core/common/data.c, and by the connectionless adapter for messages of its own, under
 * the domain's lock.  It counts what a pool has out and knows no path.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_endpoint.h>

#include "core/common/log.h"
#include "core/common/mr.h"
#include "core/common/tx.h"

static int tx_add(struct core_domain_base *base, struct core_tx_pool *pool)
{
	struct core_tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return -FI_ENOMEM;
	if (core_mr_alloc(base, pool->ep, core_buffer_stride(base), FI_SEND, &tx->data, &tx->mr)) {
		free(tx);
		return core_failed("more send buffers", -FI_ENOMEM);
	}
	tx->desc = tx->mr ? fi_mr_desc(tx->mr) : NULL;
	tx->pool = pool;
	SLIST_INSERT_HEAD(&pool->all, tx, all_link);
	SLIST_INSERT_HEAD(&pool->free, tx, link);
	pool->cnt++;
	return 0;
}

static int tx_take(struct core_domain_base *base, struct core_tx_pool *pool, struct core_tx **tx)
{
	int ret;

	if (SLIST_EMPTY(&pool->free)) {
		ret = pool->cnt == CORE_TX_MAX ? -FI_EAGAIN : tx_add(base, pool);
		if (ret)
			return pool->cnt ? -FI_EAGAIN
					 : ret; /* one that is in use will be given back */
	}
	*tx = SLIST_FIRST(&pool->free);
	SLIST_REMOVE_HEAD(&pool->free, link);
	pool->busy++;
	return 0;
}

int core_tx_fill(struct core_domain_base *base, struct core_tx_pool *pool, const struct iovec *iov,
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

/* With FI_ASYNC_IOV a list of pieces would have to outlive the call.  Endpoints without
 * connections are opened so that operations without flags complete. */
ssize_t core_tx_send(const struct core_domain_base *base, struct fid_ep *ep, fi_addr_t addr,
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

void core_tx_pool_free(struct core_domain_base *base, struct core_tx_pool *pool)
{
	struct core_tx *tx;

	while ((tx = SLIST_FIRST(&pool->all))) {
		SLIST_REMOVE_HEAD(&pool->all, all_link);
		base->out_cnt -= tx->out.ctx.kind == CORE_KIND_TX;
		core_mr_free(tx->data, tx->mr);
		free(tx);
	}
	SLIST_INIT(&pool->free);
	pool->cnt = pool->busy = 0;
}
