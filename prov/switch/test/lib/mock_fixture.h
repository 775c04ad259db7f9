/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by the tests of the mock: two endpoints, each in a domain of its own, of a user that
 * agrees to every mode the mock may require. libfabric loads the mock from FI_PROVIDER_PATH.
 */
#ifndef MOCK_FIXTURE_H
#define MOCK_FIXTURE_H

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

enum {
	PIECE = 64,
	BIG = 3 << 20,
	SPACE = 4 * BIG,
	HERE = 0, /* offsets into the memory of a side */
	THERE = BIG,
	MESSAGE = 2 * BIG,
};

struct req {
	struct fi_context2 context; /* first */
	struct fi_cq_data_entry entry;
	int done, err;
	size_t olen;
};

struct side {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_cq *cq;
	struct fid_av *av;
	struct fid_ep *ep;
	struct fid_mr *mr;
	uint8_t *mem;
	uint64_t bind_flags;
	enum fi_wait_obj wait;
	/* the address of the other side */
	fi_addr_t peer;
	uint64_t addr, key;
	struct fi_cq_data_entry notice; /* a completion without a context (remote CQ data) */
	int notices;
};

static struct side a, b;

/* -- a user that agrees to everything ------------------------------------------ */

static inline struct fi_info *hints_new(void)
{
	struct fi_info *hints = fi_allocinfo();

	hints->mode = FI_CONTEXT | FI_CONTEXT2 | FI_MSG_PREFIX | FI_ASYNC_IOV | FI_RX_CQ_DATA;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_RAW | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY | FI_MR_RMA_EVENT | FI_MR_ENDPOINT;
	hints->caps = FI_MSG | FI_RMA;
	hints->ep_attr->type = FI_EP_RDM;
	hints->fabric_attr->prov_name = strdup("mock");
	return hints;
}

static inline int ask(struct fi_info *hints, struct fi_info **info)
{
	int ret = fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, info);

	fi_freeinfo(hints);
	return ret;
}

static inline void side_register(struct side *side)
{
	const uint64_t access =
		FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
	const int mr_mode = side->info->domain_attr->mr_mode;
	const uint64_t flags = mr_mode & FI_MR_RMA_EVENT ? FI_RMA_EVENT : 0;

	cr_assert_eq(
		fi_mr_reg(side->domain, side->mem, SPACE, access, 0, 42, flags, &side->mr, NULL),
		0);
	if (mr_mode & FI_MR_ENDPOINT)
		cr_assert_eq(fi_mr_bind(side->mr, &side->ep->fid, 0), 0);
	if (mr_mode & (FI_MR_ENDPOINT | FI_MR_RMA_EVENT))
		cr_assert_eq(fi_mr_enable(side->mr), 0);
}

static inline void side_open(struct side *side, struct fi_info *info)
{
	struct fi_cq_attr cq_attr = {.format = FI_CQ_FORMAT_DATA, .wait_obj = side->wait};
	struct fi_av_attr av_attr = {.type = side == &a ? FI_AV_TABLE : FI_AV_MAP};

	side->info = info;
	cr_assert_eq(fi_fabric(info->fabric_attr, &side->fabric, NULL), 0);
	cr_assert_eq(fi_domain(side->fabric, info, &side->domain, NULL), 0);
	cr_assert_eq(fi_cq_open(side->domain, &cq_attr, &side->cq, NULL), 0);
	cr_assert_eq(fi_av_open(side->domain, &av_attr, &side->av, NULL), 0);
	cr_assert_eq(fi_endpoint(side->domain, info, &side->ep, NULL), 0);
	cr_assert_eq(fi_ep_bind(side->ep, &side->av->fid, 0), 0);
	cr_assert_eq(fi_ep_bind(side->ep, &side->cq->fid, FI_TRANSMIT | FI_RECV | side->bind_flags),
		     0);
	cr_assert_eq(fi_enable(side->ep), 0);
	side->mem = calloc(1, SPACE);
	side_register(side);
}

static inline void side_key(struct side *side, struct side *other)
{
	const int mr_mode = side->info->domain_attr->mr_mode;
	uint8_t raw[16];
	uint64_t base;
	size_t size = sizeof(raw);

	cr_assert_eq(fi_mr_raw_attr(other->mr, &base, raw, &size, 0), 0);
	side->addr = mr_mode & FI_MR_VIRT_ADDR ? (uintptr_t)other->mem : 0;
	side->key = fi_mr_key(other->mr);
	if (mr_mode & FI_MR_RAW)
		cr_assert_eq(fi_mr_map_raw(side->domain, base, raw, size, &side->key, 0), 0);
}

static inline void side_meet(struct side *side, struct side *other)
{
	char name[128];
	const char *names[] = {name};
	size_t len = sizeof(name);

	cr_assert_eq(fi_getname(&other->ep->fid, name, &len), 0);
	cr_assert_eq(len, strlen(name) + 1);
	/* the mock accepts both forms of FI_ADDR_STR addresses */
	cr_assert_eq(fi_av_insert(side->av, side == &a ? (const void *)name : names, 1, &side->peer,
				  0, NULL),
		     1);
	side_key(side, other);
}

static inline void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
}

static inline void open_both(const char *mode, const char *mr_mode)
{
	struct fi_info *info;

	set("MOCK_CORE", "1");
	set("MOCK_MODE", mode);
	set("MOCK_MR_MODE", mr_mode);
	cr_assert_eq(ask(hints_new(), &info), 0);
	side_open(&a, info);
	side_open(&b, fi_dupinfo(info));
	side_meet(&a, &b);
	side_meet(&b, &a);
}

static inline void side_close(struct side *side)
{
	if (side->info->domain_attr->mr_mode & FI_MR_RAW)
		cr_assert_eq(fi_mr_unmap_key(side->domain, side->key), 0);
	cr_assert_eq(fi_close(&side->mr->fid), 0);
	cr_assert_eq(fi_close(&side->ep->fid), 0);
	cr_assert_eq(fi_close(&side->cq->fid), 0);
	cr_assert_eq(fi_close(&side->av->fid), 0);
	cr_assert_eq(fi_close(&side->domain->fid), 0);
	cr_assert_eq(fi_close(&side->fabric->fid), 0);
	fi_freeinfo(side->info);
	free(side->mem);
}

static inline void close_both(void)
{
	side_close(&a);
	side_close(&b);
}

/* -- waiting ------------------------------------------------------------------ */

static inline void note(struct side *side, const struct fi_cq_data_entry *entry)
{
	struct req *req = entry->op_context;

	if (!req) {
		side->notice = *entry;
		side->notices++;
		return;
	}
	cr_assert_eq(req->done, 0);
	req->done = 1;
	req->entry = *entry;
}

static inline void side_poll(struct side *side)
{
	struct fi_cq_data_entry entry;
	struct fi_cq_err_entry error = {0};
	const ssize_t ret = fi_cq_read(side->cq, &entry, 1);
	struct req *req;

	if (ret == 1) {
		note(side, &entry);
		return;
	}
	if (ret == -FI_EAGAIN)
		return;
	cr_assert_eq(ret, -FI_EAVAIL);
	cr_assert_eq(fi_cq_readerr(side->cq, &error, 0), 1);
	req = error.op_context;
	cr_assert_not_null(req);
	req->done = 1;
	req->err = error.err;
	req->olen = error.olen;
	req->entry.len = error.len;
}

static inline void until(const int *flag)
{
	while (!*flag) {
		side_poll(&a);
		side_poll(&b);
	}
}

static inline void done(const struct req *req)
{
	until(&req->done);
	cr_assert_eq(req->err, 0, "%s", fi_strerror(req->err));
}

static inline size_t prefix(void)
{
	return a.info->ep_attr->msg_prefix_size;
}

static inline void *desc(const struct side *side)
{
	return fi_mr_desc(side->mr);
}

static inline void fill(uint8_t *mem, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		mem[i] = seed + i + (i >> 8);
}

static inline void verify(const uint8_t *mem, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(mem[i], (uint8_t)(seed + i + (i >> 8)), "byte %zu", i);
}

#endif
