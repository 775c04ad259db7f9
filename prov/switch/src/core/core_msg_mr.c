/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory of the adapter for connection-oriented cores: registrations (called
 * through core_msg_ops) and receive buffers (for the other core_msg files),
 * all under the domain's lock.  A registration is the core's own object behind
 * an opaque type.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core_msg.h"

/* A key that a peer cannot guess, as long as the core takes. */
static int core_msg_key_draw(struct core_domain *domain, uint64_t *key)
{
	size_t size = domain->caps.key_size;
	ssize_t ret;

	if (!domain->key_cnt) {
		/* up to 256 bytes come whole or not at all */
		ret = getrandom(domain->keys, sizeof(domain->keys), 0);
		if (ret != (ssize_t)sizeof(domain->keys))
			return core_msg_failed("getrandom", ret < 0 ? -errno : -FI_EIO);
		domain->key_cnt = CORE_MSG_KEYS;
	}
	*key = domain->keys[--domain->key_cnt];
	if (size && size < sizeof(*key))
		*key >>= 8 * (sizeof(*key) - size);
	return 0;
}

int core_msg_mr_open(struct core_domain *domain, const void *buf, size_t len, uint64_t access,
		     struct fid_mr **mr)
{
	uint64_t key = 0;
	int ret, tries;

	for (tries = 0; tries < 8; tries++) {
		if (!domain->caps.mr_prov_key) {
			ret = core_msg_key_draw(domain, &key);
			if (ret)
				return ret;
		}
		ret = fi_mr_reg(domain->domain, buf, len, access, 0, key, 0, mr, NULL);
		if (ret != -FI_ENOKEY)
			break;
	}
	return ret ? core_msg_failed("fi_mr_reg", ret) : 0;
}

int core_msg_mr_reg(struct core_domain *domain, const void *buf, size_t len, uint64_t access,
		    struct core_mr **mr, uint64_t *raddr, uint64_t *key)
{
	struct fid_mr *fid;
	int ret;

	ret = core_msg_mr_open(domain, buf, len, access, &fid);
	if (ret)
		return ret;
	*mr = (struct core_mr *)fid;
	*raddr = domain->caps.mr_virt_addr ? (uintptr_t)buf : 0;
	*key = fi_mr_key(fid);
	return 0;
}

void core_msg_mr_close(struct core_mr *mr)
{
	int ret = fi_close(&((struct fid_mr *)mr)->fid);

	if (ret)
		core_msg_failed("closing a memory region", ret);
}

void *core_msg_mr_desc(const struct core_mr *mr)
{
	return fi_mr_desc((struct fid_mr *)mr);
}

/* -- receive buffers ---------------------------------------------------- */

static ssize_t core_msg_rx_recv(struct core_domain *domain, struct core_msg_rx *rx)
{
	const struct iovec iov[] = {
		{.iov_base = rx->head, .iov_len = domain->head_size},
		{.iov_base = (char *)rx->data + domain->head_size,
		 .iov_len = domain->buffer_size - domain->head_size},
	};
	void *desc[] = {rx->desc, rx->desc};

	if (!rx->head)
		return fi_recv(rx->pool->ep, rx->data, domain->buffer_size, rx->desc,
			       FI_ADDR_UNSPEC, rx);
	return fi_recvv(rx->pool->ep, iov, desc, 2, FI_ADDR_UNSPEC, rx);
}

const void *core_msg_rx_data(const struct core_domain *domain, struct core_msg_rx *rx, size_t len)
{
	if (!rx->head)
		return rx->data;
	if (len <= domain->head_size)
		return rx->head;
	memcpy(rx->data, rx->head, domain->head_size);
	return rx->data;
}

void core_msg_rx_post(struct core_domain *domain, struct core_msg_rx *rx)
{
	struct core_msg_pool *pool = rx->pool;
	ssize_t ret;

	if (!pool->ep)
		return;
	/* What came while none was posted, the core may have read already, and
	 * nothing but a poll would find it. */
	if (!domain->rx_cnt)
		core_msg_wake(domain);
	rx->ctx.kind = CORE_MSG_RX;
	ret = core_msg_rx_recv(domain, rx);
	if (!ret) {
		domain->rx_cnt++;
		return;
	}
	if (ret != -FI_EAGAIN)
		core_msg_failed("fi_recv", (int)ret);
	SLIST_INSERT_HEAD(&domain->idle, rx, link);
}

void core_msg_rx_retry(struct core_domain *domain)
{
	struct core_msg_rx *rx = SLIST_FIRST(&domain->idle), *next;

	SLIST_INIT(&domain->idle);
	for (; rx; rx = next) {
		next = SLIST_NEXT(rx, link);
		core_msg_rx_post(domain, rx);
	}
}

int core_msg_pool_grow(struct core_domain *domain, struct core_msg_pool *pool, size_t cnt)
{
	const size_t stride = (domain->buffer_size + 63) & ~(size_t)63;
	const size_t heads = cnt * domain->head_size, size = heads + cnt * stride;
	struct core_msg_chunk *chunk;
	int ret = -FI_ENOMEM;
	char *mem;

	chunk = calloc(1, sizeof(*chunk) + cnt * sizeof(chunk->rx[0]));
	if (!chunk)
		goto fail;
	/* so large a piece is mapped, and its pages exist once a message came */
	if (posix_memalign(&chunk->mem, 4096, size))
		goto fail_chunk;
	if (domain->caps.mr_local) {
		ret = core_msg_mr_open(domain, chunk->mem, size, FI_RECV, &chunk->mr);
		if (ret)
			goto fail_mem;
	}

	SLIST_INSERT_HEAD(&pool->chunks, chunk, link);
	chunk->cnt = cnt;
	pool->cnt += cnt;
	mem = chunk->mem;
	for (size_t i = 0; i < cnt; i++) {
		chunk->rx[i].pool = pool;
		chunk->rx[i].head = heads ? mem + i * domain->head_size : NULL;
		chunk->rx[i].data = mem + heads + i * stride;
		chunk->rx[i].desc = chunk->mr ? fi_mr_desc(chunk->mr) : NULL;
		core_msg_rx_post(domain, &chunk->rx[i]);
	}
	return 0;

fail_mem:
	free(chunk->mem);
fail_chunk:
	free(chunk);
fail:
	return core_msg_failed("more receive buffers", ret);
}

/* The queue they were posted to is closed and no completion names them. */
void core_msg_pool_free(struct core_domain *domain, struct core_msg_pool *pool)
{
	struct core_msg_rx *rx = SLIST_FIRST(&domain->idle), *next;
	struct core_msg_chunk *chunk;

	SLIST_INIT(&domain->idle);
	for (; rx; rx = next) {
		next = SLIST_NEXT(rx, link);
		if (rx->pool != pool)
			SLIST_INSERT_HEAD(&domain->idle, rx, link);
	}
	while ((chunk = SLIST_FIRST(&pool->chunks))) {
		SLIST_REMOVE_HEAD(&pool->chunks, link);
		if (chunk->mr)
			fi_close(&chunk->mr->fid);
		free(chunk->mem);
		free(chunk);
	}
	pool->cnt = 0;
}

void core_msg_pool_double(struct core_domain *domain, struct core_msg_pool *pool)
{
	size_t room = domain->buffer_max - pool->cnt;

	if (room)
		core_msg_pool_grow(domain, pool, pool->cnt < room ? pool->cnt : room);
}
