/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Registers memory with a core.  Called through core_ops, and for the buffers of both
 * adapters, under the domain's lock.  It does not remember what is registered.
 */
#include <stdlib.h>

#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/common/mr.h"
#include "core/common/path.h"
#include "core/common/secret.h"

/* Draws a key that a peer cannot guess, of the length that the core takes. */
static int key_draw(struct core_domain_base *base, uint64_t *key)
{
	size_t size = base->caps.key_size;
	int ret;

	if (!base->key_cnt) {
		ret = core_secret_draw(base->keys, sizeof(base->keys));
		if (ret)
			return ret;
		base->key_cnt = CORE_KEYS;
	}
	*key = base->keys[--base->key_cnt];
	if (size && size < sizeof(*key))
		*key >>= 8 * (sizeof(*key) - size);
	return 0;
}

/* With FI_MR_ENDPOINT a region is bound to one endpoint, and then enabled. */
static int mr_enable(struct fid_mr *mr, struct fid_ep *ep)
{
	int ret = fi_mr_bind(mr, &ep->fid, 0);

	if (!ret)
		ret = fi_mr_enable(mr);
	if (ret) {
		core_failed("binding a memory region", ret);
		core_fid_close(&mr->fid, "a memory region");
	}
	return ret;
}

int core_mr_open(struct core_domain_base *base, struct fid_ep *ep, const void *buf, size_t len,
		 uint64_t access, struct fid_mr **mr)
{
	uint64_t key = 0;
	int ret, tries;

	if (base->caps.mr_endpoint && !ep)
		return -FI_EINVAL;
	for (tries = 0; tries < 8; tries++) {
		if (!base->caps.mr_prov_key) {
			ret = key_draw(base, &key);
			if (ret)
				return ret;
		}
		ret = fi_mr_reg(base->domain, buf, len, access, 0, key, 0, mr, NULL);
		if (ret != -FI_ENOKEY)
			break;
	}
	if (ret)
		return core_failed("fi_mr_reg", ret);
	return base->caps.mr_endpoint ? mr_enable(*mr, ep) : 0;
}

int core_mr_alloc(struct core_domain_base *base, struct fid_ep *ep, size_t size, uint64_t access,
		  void **mem, struct fid_mr **mr)
{
	int ret = 0;

	*mr = NULL;
	/* malloc maps so large a block: the kernel allocates a page when a message is
	 * first written there */
	if (posix_memalign(mem, 4096, size))
		return -FI_ENOMEM;
	if (base->caps.mr_local)
		ret = core_mr_open(base, ep, *mem, size, access, mr);
	if (ret)
		free(*mem);
	return ret;
}

void core_mr_free(void *mem, struct fid_mr *mr)
{
	CORE_CLOSE(mr, "the registration of a buffer");
	free(mem);
}

int core_mr_reg(struct core_domain *domain, struct core_path *path, const void *buf, size_t len,
		uint64_t access, struct core_mr **mr, uint64_t *raddr, uint64_t *key)
{
	struct core_domain_base *base = core_domain_base_of(domain);
	struct fid_mr *fid;
	int ret;

	ret = core_mr_open(base, path ? core_path_base_of(path)->ep : NULL, buf, len, access, &fid);
	if (ret)
		return ret;
	*mr = (struct core_mr *)fid;
	*raddr = base->caps.mr_virt_addr ? (uintptr_t)buf : 0;
	*key = fi_mr_key(fid);
	return 0;
}

void core_mr_close(struct core_mr *mr)
{
	core_fid_close(&((struct fid_mr *)mr)->fid, "a memory region");
}

void *core_mr_desc(const struct core_mr *mr)
{
	return fi_mr_desc((struct fid_mr *)mr);
}
