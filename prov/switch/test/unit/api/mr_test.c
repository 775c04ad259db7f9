/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory regions, and the domain that owns them. */
#include "api/mr.h"
#include "lib/switch_fixture.h"

/* 2.x still has wait sets, but warns. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

TestSuite(mr, .init = setup, .fini = teardown);

static char buf[64];

static int reg(uint64_t key, struct fid_mr **mr)
{
	return fi_mr_reg(domain, buf, sizeof(buf), FI_SEND | FI_RECV, 0, key, 0, mr, NULL);
}

Test(mr, keys_are_the_applications_and_unique)
{
	struct fid_mr *a, *b;

	cr_assert_eq(reg(17, &a), 0);
	cr_assert_eq(fi_mr_key(a), 17);
	cr_assert_eq(fi_mr_desc(a), a);
	cr_assert_null(switch_mr_core(fi_mr_desc(a)), "tcp wants nothing registered");
	cr_assert_eq(reg(17, &b), -FI_ENOKEY);
	cr_assert_eq(reg(18, &b), 0);
	cr_assert_eq(fi_close(&domain->fid), -FI_EBUSY);
	cr_assert_eq(fi_close(&a->fid), 0);
	cr_assert_eq(reg(17, &a), 0);
	cr_assert_eq(fi_close(&a->fid), 0);
	cr_assert_eq(fi_close(&b->fid), 0);
}

Test(mr, arguments_are_checked)
{
	const struct iovec good = {buf, sizeof(buf)}, null = {NULL, 1}, wrap = {buf, SIZE_MAX};
	struct fi_mr_attr attr = {.mr_iov = &good, .iov_count = 1, .access = FI_SEND};
	struct fid_mr *mr;

	cr_assert_eq(fi_mr_regv(domain, &null, 1, FI_SEND, 0, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &wrap, 1, FI_SEND, 0, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &good, 0, FI_SEND, 0, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &good, 5, FI_SEND, 0, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &good, 1, FI_TAGGED, 0, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &good, 1, FI_SEND, 1, 0, 0, &mr, NULL), -FI_EINVAL);
	cr_assert_eq(fi_mr_regv(domain, &good, 1, FI_SEND, 0, 0, 1, &mr, NULL), -FI_EBADFLAGS);
	cr_assert_eq(fi_mr_regattr(domain, NULL, 0, &mr), -FI_EINVAL);
	attr.iface = FI_HMEM_CUDA;
	cr_assert_eq(fi_mr_regattr(domain, &attr, 0, &mr), -FI_ENOSYS);
	attr.iface = FI_HMEM_SYSTEM;
	attr.context = buf;
	cr_assert_eq(fi_mr_regattr(domain, &attr, 0, &mr), 0);
	cr_assert_eq(mr->fid.context, buf);
	cr_assert_eq(fi_mr_bind(mr, &domain->fid, 0), -FI_ENOSYS);
	cr_assert_eq(fi_mr_enable(mr), 0);
	cr_assert_eq(fi_close(&mr->fid), 0);
}

Test(mr, raw_keys)
{
	uint64_t base = 1, key;
	size_t size = 4;
	struct fid_mr *mr;

	cr_assert_eq(reg(99, &mr), 0);
	cr_assert_eq(fi_mr_raw_attr(mr, &base, (uint8_t *)&key, &size, 0), -FI_ETOOSMALL);
	cr_assert_eq(size, sizeof(key));
	cr_assert_eq(fi_mr_raw_attr(mr, &base, (uint8_t *)&key, &size, 0), 0);
	cr_assert_eq(key, 99);
	cr_assert_eq(base, 0);
	cr_assert_eq(fi_close(&mr->fid), 0);
}

Test(mr, what_a_domain_does_not_offer)
{
	struct fi_wait_attr mutex = {.wait_obj = FI_WAIT_MUTEX_COND};
	struct fid_wait *wait_set;
	struct fid_ep *ep;
	void *ops;

	cr_assert_eq(fi_wait_open(fabric, &mutex, &wait_set), -FI_ENOSYS);
	cr_assert_eq(domain->ops->scalable_ep(domain, NULL, &ep, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_domain_bind(domain, &fabric->fid, 0), -FI_ENOSYS);
	cr_assert_eq(fi_open_ops(&domain->fid, "nosuch", 0, &ops, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_domain(fabric, NULL, &domain, NULL), -FI_EINVAL);
}

Test(mr, a_domain_takes_its_lock_into_use_for_an_event_queue)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_FD};
	struct fid_domain *safe = domain;
	struct fid_fabric *its = fabric;
	struct fid_eq *eq;

	cr_assert(the_domain()->pump.locked);
	open_domain(FI_THREAD_DOMAIN, FI_PROGRESS_MANUAL);
	cr_assert_not(the_domain()->pump.locked);
	cr_assert_eq(fi_eq_open(fabric, &attr, &eq, NULL), 0);
	switch_domain_need_lock(the_domain());
	switch_domain_need_lock(the_domain());
	cr_assert(the_domain()->pump.locked);
	cr_assert_eq(fi_close(&domain->fid), 0);
	cr_assert_eq(fi_close(&eq->fid), 0);
	cr_assert_eq(fi_close(&fabric->fid), 0);
	domain = safe;
	fabric = its;
}
