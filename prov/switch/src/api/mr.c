/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory regions that the application registers.
 *
 * Owned by the application; the domain's lock covers the table of keys.  The core is asked to
 * register only where it wants local memory registered: memory that a peer may reach is
 * registered by the engine, for each transfer.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/fabric.h"
#include "api/mr.h"
#include "api/no.h"
#include "base/compat.h"
#include "base/os.h"
#include "progress/pump.h"
#include "switch_session.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define LOCAL_ACCESS  (FI_SEND | FI_RECV | FI_READ | FI_WRITE)
#define REMOTE_ACCESS (FI_REMOTE_READ | FI_REMOTE_WRITE)

struct switch_mr {
	struct fid_mr mr_fid; /* its mem_desc is the region itself */
	struct switch_domain *domain;
	struct core_mr *core; /* or NULL */
	UT_hash_handle hh;    /* in the domain's table, by mr_fid.key */
};

struct core_mr *switch_mr_core(const struct switch_mr *mr)
{
	return mr->core;
}

static struct switch_mr *mr_find(struct switch_domain *domain, uint64_t key)
{
	struct switch_mr *mr;

	HASH_FIND(hh, domain->mrs, &key, sizeof(key), mr);
	return mr;
}

/* Gives mr its key and its place in the table. */
static int mr_enter(struct switch_mr *mr, uint64_t requested_key)
{
	struct switch_domain *domain = mr->domain;
	const int mode = domain->info->domain_attr->mr_mode;

	if (mode == SWITCH_MR_BASIC || mode & FI_MR_PROV_KEY) {
		do {
			switch_random(&mr->mr_fid.key, sizeof(mr->mr_fid.key));
		} while (mr->mr_fid.key == FI_KEY_NOTAVAIL || mr_find(domain, mr->mr_fid.key));
	} else {
		if (mr_find(domain, requested_key))
			return -FI_ENOKEY;
		mr->mr_fid.key = requested_key;
	}
	HASH_ADD(hh, domain->mrs, mr_fid.key, sizeof(mr->mr_fid.key), mr);
	return mr->hh.tbl ? 0 : -FI_ENOMEM;
}

/* Local access only, in the directions asked for: read-only memory must not be
 * registered for the core to write. */
static int mr_open_core(struct switch_mr *mr, const struct iovec *iov, size_t cnt, uint64_t access)
{
	struct switch_domain *domain = mr->domain;
	uint64_t raddr, key, local = 0;

	if (access & (FI_SEND | FI_WRITE))
		local |= FI_SEND | FI_WRITE;
	if (access & (FI_RECV | FI_READ))
		local |= FI_RECV | FI_READ;
	/* several pieces are registered one by one when they are used; so is all memory of
	 * cores that register it for one endpoint */
	if (!domain->pump.core.caps->mr_local || domain->pump.core.caps->mr_endpoint || !local ||
	    cnt != 1)
		return 0;
	return domain->pump.core.ops->mr_reg(domain->pump.core.domain, NULL, iov->iov_base,
					     iov->iov_len, local, &mr->core, &raddr, &key);
}

static int switch_mr_close(struct fid *fid)
{
	struct switch_mr *mr = container_of(fid, struct switch_mr, mr_fid.fid);
	struct switch_domain *domain = mr->domain;

	switch_pump_lock(&domain->pump);
	HASH_DEL(domain->mrs, mr);
	if (mr->core)
		domain->pump.core.ops->mr_close(mr->core);
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	free(mr);
	return 0;
}

static int mr_raw_attr(const struct switch_mr *mr, const struct fi_mr_raw_attr *raw)
{
	const size_t size = sizeof(mr->mr_fid.key);

	if (!raw || !raw->key_size)
		return -FI_EINVAL;
	if (*raw->key_size < size || !raw->raw_key) {
		*raw->key_size = size;
		return -FI_ETOOSMALL;
	}
	*raw->key_size = size;
	memcpy(raw->raw_key, &mr->mr_fid.key, size);
	if (raw->base_addr)
		*raw->base_addr = 0; /* remote addresses are offsets */
	return 0;
}

static int switch_mr_control(struct fid *fid, int command, void *arg)
{
	const struct switch_mr *mr = container_of(fid, struct switch_mr, mr_fid.fid);

	switch (command) {
	case FI_GET_RAW_MR:
		return mr_raw_attr(mr, arg);
	case FI_ENABLE: /* a region is enabled from the beginning */
		return 0;
	default:
		return -FI_ENOSYS;
	}
}

static struct fi_ops switch_mr_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_mr_close,
	.bind = switch_no_bind,
	.control = switch_mr_control,
	.ops_open = switch_no_ops_open,
};

static bool iov_valid(const struct iovec *iov, size_t cnt)
{
	if (!iov || !cnt || cnt > SESS_IOV_MAX)
		return false;
	for (size_t i = 0; i < cnt; i++) {
		const uintptr_t base = (uintptr_t)iov[i].iov_base;

		if ((!base && iov[i].iov_len) || base + iov[i].iov_len < base)
			return false;
	}
	return true;
}

static int attr_check(const struct fi_mr_attr *attr, uint64_t flags)
{
	if (flags)
		return -FI_EBADFLAGS;
	if (!attr || !iov_valid(attr->mr_iov, attr->iov_count) || attr->offset ||
	    attr->access & ~(LOCAL_ACCESS | REMOTE_ACCESS))
		return -FI_EINVAL;
	return 0;
}

static int mr_open(struct switch_domain *domain, const struct fi_mr_attr *attr, uint64_t flags,
		   struct fid_mr **mr_fid)
{
	struct switch_mr *mr;
	int ret = attr_check(attr, flags);

	if (ret)
		return ret;
	mr = calloc(1, sizeof(*mr));
	if (!mr)
		return -FI_ENOMEM;
	mr->mr_fid.fid.fclass = FI_CLASS_MR;
	mr->mr_fid.fid.context = attr->context;
	mr->mr_fid.fid.ops = &switch_mr_fid_ops;
	mr->mr_fid.mem_desc = mr;
	mr->domain = domain;
	switch_pump_lock(&domain->pump);
	ret = mr_enter(mr, attr->requested_key);
	if (!ret) {
		ret = mr_open_core(mr, attr->mr_iov, attr->iov_count, attr->access);
		if (ret)
			HASH_DEL(domain->mrs, mr);
		else
			domain->refs++;
	}
	switch_pump_unlock(&domain->pump);
	if (ret) {
		free(mr);
		return ret;
	}
	*mr_fid = &mr->mr_fid;
	return 0;
}

static struct switch_domain *domain_of(struct fid *fid)
{
	return container_of(fid, struct switch_domain, domain_fid.fid);
}

static int switch_mr_regattr(struct fid *fid, const struct fi_mr_attr *attr, uint64_t flags,
			     struct fid_mr **mr)
{
	if (fid->fclass != FI_CLASS_DOMAIN)
		return -FI_EINVAL;
	/* fields that older applications do not have are not looked at without need */
	if (attr &&
	    FI_VERSION_GE(domain_of(fid)->fabric->fabric_fid.api_version, FI_VERSION(1, 9)) &&
	    attr->iface != FI_HMEM_SYSTEM)
		return -FI_ENOSYS;
	return mr_open(domain_of(fid), attr, flags, mr);
}

static int switch_mr_regv(struct fid *fid, const struct iovec *iov, size_t count, uint64_t access,
			  uint64_t offset, uint64_t requested_key, uint64_t flags,
			  struct fid_mr **mr, void *context)
{
	const struct fi_mr_attr attr = {
		.mr_iov = iov,
		.iov_count = count,
		.access = access,
		.offset = offset,
		.requested_key = requested_key,
		.context = context,
	};

	if (fid->fclass != FI_CLASS_DOMAIN)
		return -FI_EINVAL;
	return mr_open(domain_of(fid), &attr, flags, mr);
}

static int switch_mr_reg(struct fid *fid, const void *buf, size_t len, uint64_t access,
			 uint64_t offset, uint64_t requested_key, uint64_t flags,
			 struct fid_mr **mr, void *context)
{
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

	return switch_mr_regv(fid, &iov, 1, access, offset, requested_key, flags, mr, context);
}

struct fi_ops_mr switch_mr_ops = {
	.size = sizeof(struct fi_ops_mr),
	.reg = switch_mr_reg,
	.regv = switch_mr_regv,
	.regattr = switch_mr_regattr,
};
