/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Poll sets: report which of the completion queues and counters in them have something
 * (fi_poll(3)), after one pass of progress.
 *
 * Owned by the application; the domain's lock covers them.  An object that is in a set
 * cannot be closed, nor can a set with something in it.
 */
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/cntr.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/no.h"
#include "api/poll.h"
#include "base/compat.h"
#include "progress/pump.h"

struct switch_poll {
	struct fid_poll poll_fid;
	struct switch_domain *domain;
	struct fid **fids;
	size_t cnt;
};

static struct switch_poll *poll_of(struct fid_poll *fid)
{
	return container_of(fid, struct switch_poll, poll_fid);
}

/* The count of references to a queue or counter; NULL if the object is neither, or of
 * another domain. */
static int *refs_of(const struct switch_poll *poll, struct fid *fid)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid.fid);
	struct switch_cntr *cntr = container_of(fid, struct switch_cntr, cntr_fid.fid);

	if (fid->fclass == FI_CLASS_CQ && cq->domain == poll->domain)
		return &cq->queue.refs;
	if (fid->fclass == FI_CLASS_CNTR && cntr->domain == poll->domain)
		return &cntr->count.refs;
	return NULL;
}

static bool has_something(struct fid *fid)
{
	if (fid->fclass == FI_CLASS_CQ)
		return switch_cq_polled(container_of(fid, struct switch_cq, cq_fid.fid));
	return switch_cntr_polled(container_of(fid, struct switch_cntr, cntr_fid.fid));
}

static size_t find(const struct switch_poll *poll, const struct fid *fid)
{
	size_t i = 0;

	while (i < poll->cnt && poll->fids[i] != fid)
		i++;
	return i;
}

static int poll_poll(struct fid_poll *poll_fid, void **context, int count)
{
	struct switch_poll *poll = poll_of(poll_fid);
	int found = 0;

	switch_pump_lock(&poll->domain->pump);
	switch_pump_progress(&poll->domain->pump);
	for (size_t i = 0; i < poll->cnt && found < count; i++)
		if (has_something(poll->fids[i]))
			context[found++] = poll->fids[i]->context;
	switch_pump_unlock(&poll->domain->pump);
	return found;
}

static int add_locked(struct switch_poll *poll, struct fid *fid)
{
	int *refs = refs_of(poll, fid);
	struct fid **fids;

	if (!refs)
		return -FI_EINVAL;
	if (find(poll, fid) < poll->cnt)
		return -FI_EBUSY;
	fids = realloc(poll->fids, (poll->cnt + 1) * sizeof(fids[0]));
	if (!fids)
		return -FI_ENOMEM;
	poll->fids = fids;
	fids[poll->cnt++] = fid;
	++*refs;
	return 0;
}

static int poll_add(struct fid_poll *poll_fid, struct fid *fid, uint64_t flags)
{
	struct switch_poll *poll = poll_of(poll_fid);
	int ret;

	if (!fid || flags)
		return -FI_EINVAL;
	switch_pump_lock(&poll->domain->pump);
	ret = add_locked(poll, fid);
	switch_pump_unlock(&poll->domain->pump);
	return ret;
}

static int poll_del(struct fid_poll *poll_fid, struct fid *fid, uint64_t flags)
{
	struct switch_poll *poll = poll_of(poll_fid);
	int ret = -FI_EINVAL;
	size_t i;

	if (!fid || flags)
		return ret;
	switch_pump_lock(&poll->domain->pump);
	i = find(poll, fid);
	if (i < poll->cnt) {
		--*refs_of(poll, fid);
		for (poll->cnt--; i < poll->cnt; i++)
			poll->fids[i] = poll->fids[i + 1];
		ret = 0;
	}
	switch_pump_unlock(&poll->domain->pump);
	return ret;
}

static int poll_close(struct fid *fid)
{
	struct switch_poll *poll = container_of(fid, struct switch_poll, poll_fid.fid);

	size_t cnt;

	switch_pump_lock(&poll->domain->pump);
	cnt = poll->cnt;
	if (!cnt)
		poll->domain->refs--;
	switch_pump_unlock(&poll->domain->pump);
	if (cnt)
		return -FI_EBUSY;
	free(poll->fids);
	free(poll);
	return 0;
}

static struct fi_ops poll_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = poll_close,
	.bind = switch_no_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_poll poll_ops = {
	.size = sizeof(struct fi_ops_poll),
	.poll = poll_poll,
	.poll_add = poll_add,
	.poll_del = poll_del,
};

int switch_poll_open(struct fid_domain *domain_fid, struct fi_poll_attr *attr,
		     struct fid_poll **poll_fid)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_poll *poll;

	if (attr && attr->flags)
		return -FI_EINVAL;
	poll = calloc(1, sizeof(*poll));
	if (!poll)
		return -FI_ENOMEM;
	poll->poll_fid.fid.fclass = FI_CLASS_POLL;
	poll->poll_fid.fid.ops = &poll_fid_ops;
	poll->poll_fid.ops = &poll_ops;
	poll->domain = domain;
	switch_pump_lock(&domain->pump);
	domain->refs++;
	switch_pump_unlock(&domain->pump);
	*poll_fid = &poll->poll_fid;
	return 0;
}
