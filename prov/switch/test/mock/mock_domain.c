/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Fabrics and domains. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mock.h"

void mock_enter(struct mock_domain *domain)
{
	if (atomic_flag_test_and_set_explicit(&domain->entered, memory_order_acquire))
		mock_violation("two threads at once in a domain (FI_THREAD_DOMAIN)");
}

void mock_leave(struct mock_domain *domain)
{
	atomic_flag_clear_explicit(&domain->entered, memory_order_release);
}

/* -- domains ----------------------------------------------------------------- */

/* Writes the messages that closed endpoints left as far as the sockets take them, then closes
 * the connections. */
static void conns_end(struct mock_domain *domain)
{
	struct mock_conn *conn;

	mock_wire_flush_all(domain);
	while ((conn = LIST_FIRST(&domain->conns)))
		mock_conn_break(conn, FI_ECANCELED);
}

static int domain_close(struct fid *fid)
{
	struct mock_domain *domain = container_of(fid, struct mock_domain, fid.fid);

	if (domain->refs)
		return -FI_EBUSY;
	if (!LIST_EMPTY(&domain->keys))
		mock_violation("a domain is closed with keys still mapped");
	conns_end(domain);
	close(domain->epfd);
	free(domain->packet);
	domain->fabric->refs--;
	free(domain);
	return 0;
}

static int domain_control(struct fid *fid, int command, void *arg)
{
	return mock_mr_control(container_of(fid, struct mock_domain, fid.fid), command, arg);
}

static struct fi_ops domain_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = domain_close,
	.bind = mock_no_bind,
	.control = domain_control,
	.ops_open = mock_no_ops_open,
};

int mock_domain_open(struct fid_fabric *fid, struct fi_info *info, struct fid_domain **result,
		     void *context)
{
	struct mock_domain *domain = mock_alloc(sizeof(*domain));

	(void)info;
	domain->fabric = container_of(fid, struct mock_fabric, fid);
	domain->packet = mock_alloc(sizeof(struct mock_head) + MOCK_CHUNK);
	domain->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (domain->epfd < 0)
		abort();
	atomic_flag_clear(&domain->entered);
	LIST_INIT(&domain->eps);
	LIST_INIT(&domain->conns);
	LIST_INIT(&domain->ops);
	LIST_INIT(&domain->mrs);
	LIST_INIT(&domain->keys);
	STAILQ_INIT(&domain->late);
	domain->fid.fid.fclass = FI_CLASS_DOMAIN;
	domain->fid.fid.context = context;
	domain->fid.fid.ops = &domain_fid_ops;
	domain->fid.ops = &mock_domain_ops;
	domain->fid.mr = &mock_mr_ops;
	domain->fabric->refs++;
	*result = &domain->fid;
	return 0;
}

/* -- fabrics ------------------------------------------------------------------ */

static int trywait(struct fid_fabric *fid, struct fid **fids, int count)
{
	int ret = 0;

	(void)fid;
	for (int i = 0; i < count && !ret; i++) {
		struct mock_cq *cq = container_of(fids[i], struct mock_cq, fid.fid);

		if (fids[i]->fclass != FI_CLASS_CQ)
			return -FI_EINVAL;
		mock_enter(cq->domain);
		ret = mock_cq_trywait(cq);
		mock_leave(cq->domain);
	}
	return ret;
}

static int no_passive_ep(struct fid_fabric *fid, struct fi_info *info, struct fid_pep **pep,
			 void *context)
{
	(void)fid, (void)info, (void)pep, (void)context;
	return -FI_ENOSYS;
}

static int no_eq_open(struct fid_fabric *fid, struct fi_eq_attr *attr, struct fid_eq **eq,
		      void *context)
{
	(void)fid, (void)attr, (void)eq, (void)context;
	return -FI_ENOSYS;
}

static int no_wait_open(struct fid_fabric *fid, struct fi_wait_attr *attr, struct fid_wait **wait)
{
	(void)fid, (void)attr, (void)wait;
	return -FI_ENOSYS;
}

static struct fi_ops_fabric fabric_ops = {
	.size = offsetof(struct fi_ops_fabric, domain2),
	.domain = mock_domain_open,
	.passive_ep = no_passive_ep,
	.eq_open = no_eq_open,
	.wait_open = no_wait_open,
	.trywait = trywait,
};

static int fabric_close(struct fid *fid)
{
	struct mock_fabric *fabric = container_of(fid, struct mock_fabric, fid.fid);

	if (fabric->refs)
		return -FI_EBUSY;
	free(fabric);
	return 0;
}

static struct fi_ops fabric_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = fabric_close,
	.bind = mock_no_bind,
	.control = mock_no_control,
	.ops_open = mock_no_ops_open,
};

int mock_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **result, void *context)
{
	struct mock_fabric *fabric;

	if (!mock_config.on || strcmp(attr->name, "mock"))
		return -FI_ENODATA;
	fabric = mock_alloc(sizeof(*fabric));
	fabric->fid.fid.fclass = FI_CLASS_FABRIC;
	fabric->fid.fid.context = context;
	fabric->fid.fid.ops = &fabric_fid_ops;
	fabric->fid.ops = &fabric_ops;
	fabric->fid.api_version = attr->api_version;
	*result = &fabric->fid;
	return 0;
}
