/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Endpoints: opening, binding, names, cancelling, closing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"

static struct mock_ep *the_ep(struct fid *fid)
{
	return container_of(fid, struct mock_ep, fid.fid);
}

/* -- closing ----------------------------------------------------------------- */

static void leave_conns(struct mock_ep *ep)
{
	struct mock_conn *conn;

	LIST_FOREACH (conn, &ep->domain->conns, link)
		conn->refs++; /* a reference, so that it is not freed during the walk */
	LIST_FOREACH (conn, &ep->domain->conns, link)
		if (conn->ep == ep)
			mock_conn_leave(conn);
}

static void release_conns(struct mock_ep *ep)
{
	struct mock_conn *conn, *next;

	for (conn = LIST_FIRST(&ep->domain->conns); conn; conn = next) {
		next = LIST_NEXT(conn, link);
		mock_conn_release(conn);
	}
}

static void drop_ops(struct mock_ep *ep)
{
	struct mock_op *op, *next;

	for (op = LIST_FIRST(&ep->domain->ops); op; op = next) {
		next = LIST_NEXT(op, all);
		if (op->ep == ep && !op->done)
			mock_op_close(op);
	}
}

static void ep_end(struct mock_ep *ep)
{
	struct mock_in *in;

	leave_conns(ep);
	drop_ops(ep);
	while ((in = STAILQ_FIRST(&ep->arrived))) {
		STAILQ_REMOVE_HEAD(&ep->arrived, link);
		mock_in_free(in);
	}
	mock_serve_late(ep->domain);
	release_conns(ep);
	mock_wire_flush_all(ep->domain);
	LIST_REMOVE(ep, link);
}

static int ep_close(struct fid *fid)
{
	struct mock_ep *ep = the_ep(fid);
	struct mock_domain *domain = ep->domain;

	if (ep->mrs)
		return -FI_EBUSY;
	mock_enter(domain);
	ep_end(ep);
	if (ep->av)
		ep->av->refs--;
	if (ep->tx_cq)
		ep->tx_cq->refs--;
	if (ep->rx_cq)
		ep->rx_cq->refs--;
	domain->refs--;
	mock_leave(domain);
	free(ep);
	return 0;
}

/* -- binding, enabling --------------------------------------------------------- */

static int bind_cq(struct mock_ep *ep, struct mock_cq *cq, uint64_t flags)
{
	const bool selective = flags & FI_SELECTIVE_COMPLETION;

	if (flags & ~(FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION) ||
	    !(flags & (FI_TRANSMIT | FI_RECV)))
		return -FI_EBADFLAGS;
	if ((flags & FI_TRANSMIT && ep->tx_cq) || (flags & FI_RECV && ep->rx_cq))
		return -FI_EINVAL;
	if (flags & FI_TRANSMIT) {
		ep->tx_cq = cq;
		ep->tx_selective = selective;
		cq->refs++;
	}
	if (flags & FI_RECV) {
		ep->rx_cq = cq;
		ep->rx_selective = selective;
		cq->refs++;
	}
	return 0;
}

static int bind_av(struct mock_ep *ep, struct mock_av *av)
{
	if (ep->av)
		return -FI_EINVAL;
	ep->av = av;
	av->refs++;
	return 0;
}

static int ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct mock_ep *ep = the_ep(fid);

	if (ep->enabled)
		mock_violation("an endpoint is bound to something after it is enabled");
	switch (bfid->fclass) {
	case FI_CLASS_CQ:
		return bind_cq(ep, container_of(bfid, struct mock_cq, fid.fid), flags);
	case FI_CLASS_AV:
		return bind_av(ep, container_of(bfid, struct mock_av, fid.fid));
	default:
		return -FI_ENOSYS;
	}
}

static int ep_enable(struct mock_ep *ep)
{
	int error = 0;

	if (ep->enabled)
		return -FI_EOPBADSTATE;
	if (!ep->av)
		return -FI_ENOAV;
	if ((ep->caps & (FI_SEND | FI_READ | FI_WRITE) && !ep->tx_cq) ||
	    (ep->caps & FI_RECV && !ep->rx_cq))
		return -FI_ENOCQ;
	ep->listener = mock_conn_listen(ep, &error);
	ep->enabled = ep->listener;
	return -error;
}

static int ep_control(struct fid *fid, int command, void *arg)
{
	struct mock_ep *ep = the_ep(fid);
	int ret;

	(void)arg;
	if (command != FI_ENABLE)
		return -FI_ENOSYS;
	mock_enter(ep->domain);
	ret = ep_enable(ep);
	mock_leave(ep->domain);
	return ret;
}

static struct fi_ops ep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = ep_close,
	.bind = ep_bind,
	.control = ep_control,
	.ops_open = mock_no_ops_open,
};

/* -- names, cancelling ----------------------------------------------------------- */

int mock_ep_getname(fid_t fid, void *addr, size_t *addrlen)
{
	const struct mock_ep *ep = the_ep(fid);
	const size_t room = *addrlen, len = strlen(ep->name) + 1;

	if (!ep->enabled)
		return -FI_EOPBADSTATE;
	*addrlen = len;
	if (room)
		memcpy(addr, ep->name, room < len ? room : len);
	return room < len ? -FI_ETOOSMALL : 0;
}

ssize_t mock_ep_cancel(fid_t fid, void *context)
{
	struct mock_ep *ep = the_ep(fid);
	struct mock_op *op;

	mock_enter(ep->domain);
	TAILQ_FOREACH (op, &ep->posted, link)
		if (op->context == context)
			break;
	if (op) {
		TAILQ_REMOVE(&ep->posted, op, link);
		mock_op_finish(op, FI_ECANCELED);
	}
	mock_leave(ep->domain);
	return op ? 0 : -FI_ENOENT;
}

/* -- opening ------------------------------------------------------------------------ */

/* Chooses the endpoint's name, "mock://node:service"; where the application gave no service
 * the mock makes one up. */
static int choose_name(struct mock_ep *ep, const struct fi_info *info)
{
	static atomic_uint number;
	const char *node = info->src_addr;
	char service[32];
	uint32_t random;

	if (node && strlen(node) > strlen(MOCK_SCHEME) && strchr(node + strlen(MOCK_SCHEME), ':'))
		return mock_name_make(ep->name, node, NULL);
	mock_random(&random, sizeof(random));
	snprintf(service, sizeof(service), "%d-%u-%08x", (int)getpid(),
		 atomic_fetch_add(&number, 1), random);
	return mock_name_make(ep->name, node, service);
}

int mock_ep_open(struct fid_domain *fid, struct fi_info *info, struct fid_ep **result,
		 void *context)
{
	struct mock_domain *domain = container_of(fid, struct mock_domain, fid);
	struct mock_ep *ep = mock_alloc(sizeof(*ep));
	int ret = choose_name(ep, info);

	if (ret) {
		free(ep);
		return ret;
	}
	ep->domain = domain;
	ep->caps = info->caps;
	ep->tx_flags = info->tx_attr ? info->tx_attr->op_flags : 0;
	ep->rx_flags = info->rx_attr ? info->rx_attr->op_flags : 0;
	TAILQ_INIT(&ep->posted);
	STAILQ_INIT(&ep->arrived);
	ep->fid.fid.fclass = FI_CLASS_EP;
	ep->fid.fid.context = context;
	ep->fid.fid.ops = &ep_fid_ops;
	ep->fid.ops = &mock_ep_ops;
	ep->fid.cm = &mock_cm_ops;
	ep->fid.msg = &mock_msg_ops;
	ep->fid.rma = &mock_rma_ops;
	ep->fid.tagged = &mock_no_tagged_ops;
	ep->fid.atomic = &mock_no_atomic_ops;
	LIST_INSERT_HEAD(&domain->eps, ep, link);
	domain->refs++;
	*result = &ep->fid;
	return 0;
}
