/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory regions.  Checks what each MR mode requires of the application, locally and at the
 * target of a read or write.  A descriptor is a number that is never used again, so that the
 * descriptor of a closed region is always recognized.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

static const uint64_t accesses =
	FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;

static bool mode(int bit)
{
	return mock_config.mr_mode & bit;
}

/* -- access ------------------------------------------------------------------ */

void mock_mr_local(const struct mock_ep *ep, const struct iovec *iov, void *desc, uint64_t access)
{
	const uint8_t *base = iov->iov_base;
	const struct mock_mr *mr;

	if (!mode(FI_MR_LOCAL) || !iov->iov_len)
		return;
	LIST_FOREACH (mr, &ep->domain->mrs, link)
		if (mr->id == (uintptr_t)desc)
			break;
	if (!desc || !mr)
		mock_violation("%p is no desc of a region of this domain (FI_MR_LOCAL)", desc);
	if (base < mr->base || iov->iov_len > mr->len ||
	    (size_t)(base - mr->base) > mr->len - iov->iov_len)
		mock_violation("%zu bytes at %p are not in the region of their desc", iov->iov_len,
			       (const void *)base);
	if (!(mr->access & access))
		mock_violation("the region of %p has access 0x%llx, not 0x%llx", (const void *)base,
			       (unsigned long long)mr->access, (unsigned long long)access);
	if (!mr->enabled)
		mock_violation("the region of %p is not enabled", (const void *)base);
	if (mode(FI_MR_ENDPOINT) && mr->ep != ep)
		mock_violation("the region of %p is not bound to its endpoint", (const void *)base);
}

uint8_t *mock_mr_remote(const struct mock_ep *ep, const struct fi_rma_iov *rma, uint64_t access)
{
	const struct mock_mr *mr;
	uint64_t offset;

	LIST_FOREACH (mr, &ep->domain->mrs, link)
		if (mr->key == rma->key)
			break;
	if (!mr || !(mr->access & access) || !(ep->caps & access))
		return NULL;
	offset = rma->addr - (mode(FI_MR_VIRT_ADDR) ? (uintptr_t)mr->base : 0);
	if (offset > mr->len || rma->len > mr->len - offset)
		return NULL;
	if (!mr->enabled || (mode(FI_MR_ENDPOINT) && mr->ep != ep))
		mock_violation("a peer uses a region that is not enabled for its endpoint");
	return mr->base + offset;
}

/* -- raw keys ----------------------------------------------------------------- */

/* The second half of a raw key, which ties the key to its base address. */
static uint64_t raw_seal(uint64_t key, uint64_t base)
{
	return (key ^ (base << 1)) * 0x9e3779b97f4a7c15;
}

uint64_t mock_mr_wire_key(const struct mock_domain *domain, uint64_t key)
{
	const struct mock_key *map;

	if (!mode(FI_MR_RAW))
		return key;
	LIST_FOREACH (map, &domain->keys, link)
		if (map->mapped == key)
			return map->key;
	mock_violation("key 0x%llx is not mapped (FI_MR_RAW)", (unsigned long long)key);
}

static int raw_attr(const struct mock_mr *mr, const struct fi_mr_raw_attr *attr)
{
	const uint64_t base = mode(FI_MR_VIRT_ADDR) ? (uintptr_t)mr->base : 0;
	const uint64_t raw[2] = {mr->key, raw_seal(mr->key, base)};
	const size_t room = *attr->key_size, size = mode(FI_MR_RAW) ? 16 : 8;

	if (attr->flags)
		return -FI_EBADFLAGS;
	*attr->key_size = size;
	if (room < size)
		return -FI_ETOOSMALL;
	*attr->base_addr = base;
	memcpy(attr->raw_key, raw, size);
	return 0;
}

static int key_map(struct mock_domain *domain, const struct fi_mr_map_raw *map)
{
	struct mock_key *key;
	uint64_t raw[2] = {0, 0};

	if (map->flags)
		return -FI_EBADFLAGS;
	if (map->key_size != (mode(FI_MR_RAW) ? 16 : 8))
		mock_violation("a raw key of %zu bytes", map->key_size);
	memcpy(raw, map->raw_key, map->key_size);
	if (!mode(FI_MR_RAW)) {
		*map->key = raw[0];
		return 0;
	}
	if (raw[1] != raw_seal(raw[0], map->base_addr))
		mock_violation("a raw key with another base address than its own");
	key = mock_alloc(sizeof(*key));
	key->key = raw[0];
	mock_random(&key->mapped, sizeof(key->mapped));
	LIST_INSERT_HEAD(&domain->keys, key, link);
	*map->key = key->mapped;
	return 0;
}

static int key_unmap(struct mock_domain *domain, uint64_t mapped)
{
	struct mock_key *key;

	LIST_FOREACH (key, &domain->keys, link)
		if (key->mapped == mapped)
			break;
	if (!mode(FI_MR_RAW))
		return 0;
	if (!key)
		mock_violation("key 0x%llx is unmapped, but not mapped",
			       (unsigned long long)mapped);
	LIST_REMOVE(key, link);
	free(key);
	return 0;
}

int mock_mr_control(struct mock_domain *domain, int command, void *arg)
{
	switch (command) {
	case FI_MAP_RAW_MR:
		return key_map(domain, arg);
	case FI_UNMAP_KEY:
		return key_unmap(domain, *(uint64_t *)arg);
	default:
		return -FI_ENOSYS;
	}
}

/* -- regions ------------------------------------------------------------------- */

static int mr_close(struct fid *fid)
{
	struct mock_mr *mr = container_of(fid, struct mock_mr, fid.fid);
	struct mock_domain *domain = mr->domain;
	const struct mock_op *op;

	mock_enter(domain);
	LIST_FOREACH (op, &domain->ops, all)
		for (size_t i = 0; i < op->given_cnt && mode(FI_MR_LOCAL); i++)
			if ((uintptr_t)op->desc[i] == mr->id && !(op->flags & FI_INJECT))
				mock_violation("the region at %p is closed while it is in use",
					       (void *)mr->base);
	LIST_REMOVE(mr, link);
	if (mr->ep)
		mr->ep->mrs--;
	domain->refs--;
	mock_leave(domain);
	free(mr);
	return 0;
}

static int mr_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct mock_mr *mr = container_of(fid, struct mock_mr, fid.fid);
	struct mock_ep *ep = container_of(bfid, struct mock_ep, fid.fid);

	if (bfid->fclass != FI_CLASS_EP || !mode(FI_MR_ENDPOINT))
		return -FI_ENOSYS;
	if (mr->enabled || mr->ep || flags || ep->domain != mr->domain)
		return -FI_EINVAL;
	mr->ep = ep;
	ep->mrs++;
	return 0;
}

static int mr_control(struct fid *fid, int command, void *arg)
{
	struct mock_mr *mr = container_of(fid, struct mock_mr, fid.fid);

	if (command == FI_GET_RAW_MR)
		return raw_attr(mr, arg);
	if (command != FI_ENABLE)
		return -FI_ENOSYS;
	if (mode(FI_MR_ENDPOINT) && !mr->ep)
		mock_violation("a region is enabled before it is bound (FI_MR_ENDPOINT)");
	mr->enabled = true;
	return 0;
}

static struct fi_ops mr_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = mr_close,
	.bind = mr_bind,
	.control = mr_control,
	.ops_open = mock_no_ops_open,
};

/* Returns whether the pages are mapped: msync(2) with MS_ASYNC fails if they are not, and
 * does nothing else. */
static bool is_mapped(const void *base, size_t len)
{
	const uintptr_t page = sysconf(_SC_PAGESIZE), at = (uintptr_t)base & ~(page - 1);

	return !msync((void *)at, (uintptr_t)base + len - at, MS_ASYNC);
}

static int key_choose(struct mock_domain *domain, uint64_t *key)
{
	const struct mock_mr *mr;
	const unsigned bits = mock_config.key_size < 8 ? 8 * mock_config.key_size : 64;
	const uint64_t mask = bits < 64 ? (1ULL << bits) - 1 : UINT64_MAX;

	if (!mode(FI_MR_PROV_KEY) && *key & ~mask)
		return -FI_EKEYREJECTED;
	do {
		if (mode(FI_MR_PROV_KEY))
			mock_random(key, sizeof(*key));
		*key &= mask;
		LIST_FOREACH (mr, &domain->mrs, link)
			if (mr->key == *key)
				break;
	} while (mr && mode(FI_MR_PROV_KEY));
	return mr ? -FI_ENOKEY : 0;
}

static int mr_open(struct mock_domain *domain, const struct fi_mr_attr *attr, uint64_t flags,
		   struct fid_mr **result)
{
	const struct iovec *iov = attr->mr_iov;
	const uint64_t event = mode(FI_MR_RMA_EVENT) ? FI_RMA_EVENT : 0;
	static atomic_size_t calls;
	uint64_t key = attr->requested_key;
	struct mock_mr *mr;
	int ret;

	if (mock_config.fail_mr && atomic_fetch_add(&calls, 1) + 1 >= mock_config.fail_mr)
		return -FI_ENOMEM;
	if (flags & ~event)
		return -FI_EBADFLAGS;
	if (attr->iov_count != 1 || !iov->iov_len || attr->offset || attr->access & ~accesses ||
	    attr->iface != FI_HMEM_SYSTEM || attr->auth_key_size)
		return -FI_EINVAL;
	if (mode(FI_MR_ALLOCATED) && !is_mapped(iov->iov_base, iov->iov_len))
		mock_violation("%zu bytes at %p are not allocated (FI_MR_ALLOCATED)", iov->iov_len,
			       iov->iov_base);
	ret = key_choose(domain, &key);
	if (ret)
		return ret;
	mr = mock_alloc(sizeof(*mr));
	mr->domain = domain;
	mr->base = iov->iov_base;
	mr->len = iov->iov_len;
	mr->access = attr->access;
	mr->id = ++domain->last_id;
	mr->key = key;
	mr->enabled = !mode(FI_MR_ENDPOINT) && !flags;
	mr->fid.fid.fclass = FI_CLASS_MR;
	mr->fid.fid.context = attr->context;
	mr->fid.fid.ops = &mr_fid_ops;
	mr->fid.mem_desc = (void *)(uintptr_t)mr->id;
	mr->fid.key = mode(FI_MR_RAW) ? FI_KEY_NOTAVAIL : key;
	LIST_INSERT_HEAD(&domain->mrs, mr, link);
	domain->refs++;
	*result = &mr->fid;
	return 0;
}

static int mr_regattr(struct fid *fid, const struct fi_mr_attr *attr, uint64_t flags,
		      struct fid_mr **mr)
{
	struct mock_domain *domain = container_of(fid, struct mock_domain, fid.fid);
	int ret;

	mock_enter(domain);
	ret = mr_open(domain, attr, flags, mr);
	mock_leave(domain);
	return ret;
}

static int mr_regv(struct fid *fid, const struct iovec *iov, size_t count, uint64_t access,
		   uint64_t offset, uint64_t requested_key, uint64_t flags, struct fid_mr **mr,
		   void *context)
{
	const struct fi_mr_attr attr = {
		.mr_iov = iov,
		.iov_count = count,
		.access = access,
		.offset = offset,
		.requested_key = requested_key,
		.context = context,
	};

	return mr_regattr(fid, &attr, flags, mr);
}

static int mr_reg(struct fid *fid, const void *buf, size_t len, uint64_t access, uint64_t offset,
		  uint64_t requested_key, uint64_t flags, struct fid_mr **mr, void *context)
{
	const struct iovec iov = {(void *)buf, len};

	return mr_regv(fid, &iov, 1, access, offset, requested_key, flags, mr, context);
}

struct fi_ops_mr mock_mr_ops = {
	.size = sizeof(struct fi_ops_mr),
	.reg = mr_reg,
	.regv = mr_regv,
	.regattr = mr_regattr,
};
