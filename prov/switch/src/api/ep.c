/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints as objects: open, bind, enable, options, cancel, close; and the table of their
 * kinds.  Data calls are in api/msg.c and api/tagged.c, calls of connection management in
 * api/cm.c, sessions with peers in peer/rdm.c and peer/cm.c.
 */
#include <limits.h>
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/cm.h"
#include "api/cntr.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/eq.h"
#include "api/handle.h"
#include "api/no.h"
#include "api/opt.h"
#include "api/pep.h"
#include "api/post.h"
#include "api/shared.h"
#include "api/stats.h"
#include "base/addr.h"
#include "base/compat.h"
#include "base/os.h"
#include "base/params.h"
#include "base/switch.h"
#include "discover/attr.h"
#include "discover/cores.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/data.h"
#include "peer/local.h"
#include "peer/passive.h"
#include "peer/rdm.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

/* -- binding --------------------------------------------------------------------- */

static int bind_cq(struct switch_ep *ep, struct switch_cq *cq, uint64_t flags)
{
	if (flags & ~(FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION) ||
	    !(flags & (FI_TRANSMIT | FI_RECV)) || cq->domain != ep->domain)
		return -FI_EINVAL;
	if ((flags & FI_TRANSMIT && ep->tx_cq) || (flags & FI_RECV && ep->rx_cq))
		return -FI_EBUSY;
	if (flags & FI_TRANSMIT) {
		ep->tx_cq = &cq->queue;
		if (flags & FI_SELECTIVE_COMPLETION)
			ep->traits |= SWITCH_EP_TX_SELECTIVE;
		cq->queue.refs++;
	}
	if (flags & FI_RECV) {
		ep->rx_cq = &cq->queue;
		if (flags & FI_SELECTIVE_COMPLETION)
			ep->traits |= SWITCH_EP_RX_SELECTIVE;
		cq->queue.refs++;
	}
	return 0;
}

/* Counters of one-sided events may be bound; there are no such events yet. */
static int bind_cntr(struct switch_ep *ep, struct switch_cntr *cntr, uint64_t flags)
{
	const uint64_t rma = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;

	if (flags & ~(FI_SEND | FI_RECV | rma) || !flags || cntr->domain != ep->domain)
		return -FI_EINVAL;
	if ((flags & FI_SEND && ep->tx_cntr) || (flags & FI_RECV && ep->rx_cntr) ||
	    (flags & rma && ep->rma_cntrs == sizeof(ep->rma_cntr) / sizeof(ep->rma_cntr[0])))
		return -FI_EBUSY;
	if (flags & FI_SEND) {
		ep->tx_cntr = &cntr->count;
		cntr->count.refs++;
	}
	if (flags & FI_RECV) {
		ep->rx_cntr = &cntr->count;
		cntr->count.refs++;
	}
	if (flags & rma) {
		ep->rma_cntr[ep->rma_cntrs++] = &cntr->count;
		cntr->count.refs++;
	}
	return 0;
}

static int bind_eq(struct switch_ep *ep, struct switch_eq *eq)
{
	if (ep->local.events)
		return -FI_EBUSY;
	if (eq->fabric != ep->domain->fabric)
		return -FI_EINVAL;
	ep->local.events = &eq->events;
	switch_events_refer(ep->local.events, 1);
	return 0;
}

static int bind_locked(struct switch_ep *ep, struct fid *bfid, uint64_t flags)
{
	switch (bfid->fclass) {
	case FI_CLASS_CQ:
		return bind_cq(ep, container_of(bfid, struct switch_cq, cq_fid.fid), flags);
	case FI_CLASS_CNTR:
		return bind_cntr(ep, container_of(bfid, struct switch_cntr, cntr_fid.fid), flags);
	case FI_CLASS_AV:
		if (!ep->kind->needs_av || flags)
			return -FI_EINVAL;
		if (ep->av)
			return -FI_EBUSY;
		ep->av = switch_av_from_fid(ep->domain, bfid);
		if (!ep->av)
			return -FI_EINVAL;
		ep->rdm.names = &ep->av->names;
		LIST_INSERT_HEAD(&ep->av->names.rdms, &ep->rdm, names_entry);
		return 0;
	case FI_CLASS_STX_CTX:
		return flags ? -FI_EINVAL : switch_stx_bind(ep, bfid);
	case FI_CLASS_SRX_CTX:
		return flags ? -FI_EINVAL : switch_srx_bind(ep, bfid);
	default:
		return -FI_EINVAL;
	}
}

static int ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct switch_ep *ep = switch_ep_of(fid);
	int ret;

	if (!bfid)
		return -FI_EINVAL;
	if (ep->local.life != SWITCH_OPEN)
		return -FI_EOPBADSTATE;
	if (bfid->fclass == FI_CLASS_EQ) {
		if (flags)
			return -FI_EINVAL;
		switch_domain_need_lock(ep->domain);
		return bind_eq(ep, container_of(bfid, struct switch_eq, eq_fid.fid));
	}
	switch_pump_lock(&ep->domain->pump);
	ret = bind_locked(ep, bfid, flags);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

/* -- enabling ---------------------------------------------------------------------- */

/* Endpoints that share a receive context must share the address vector: a source would
 * have two names otherwise. */
static bool srx_fits(const struct switch_ep *ep)
{
	const struct switch_ep *other;

	LIST_FOREACH (other, &ep->srx->eps, srx_link)
		if (other->local.life != SWITCH_OPEN && other->av != ep->av)
			return false;
	return true;
}

static int enable_locked(struct switch_ep *ep)
{
	int ret;

	if (ep->local.life != SWITCH_OPEN)
		return 0;
	if (!ep->tx_cq && !ep->rx_cq && !ep->tx_cntr && !ep->rx_cntr)
		return -FI_ENOCQ;
	if ((ep->traits & SWITCH_EP_SENDS && !ep->tx_cq && !ep->tx_cntr) ||
	    (ep->traits & SWITCH_EP_RECEIVES && !ep->rx_cq && !ep->rx_cntr))
		return -FI_ENOCQ;
	if (ep->kind->needs_eq && !ep->local.events)
		return -FI_ENOEQ;
	if (ep->kind->needs_av && !ep->av)
		return -FI_ENOAV;
	if ((ep->traits & SWITCH_EP_SHARED_RX && !ep->srx) ||
	    (ep->traits & SWITCH_EP_SHARED_TX && !ep->stx))
		return -FI_EOPBADSTATE;
	if (ep->srx && !srx_fits(ep))
		return -FI_EINVAL;
	ret = ep->local.role->enable(&ep->local);
	if (!ret)
		ep->local.life = SWITCH_ENABLED;
	return ret;
}

static int ep_control(struct fid *fid, int command, void *arg)
{
	struct switch_ep *ep = switch_ep_of(fid);
	int ret;

	if (command != FI_ENABLE)
		return switch_handle_control(&ep->handle, command, arg);
	switch_pump_lock(&ep->domain->pump);
	ret = enable_locked(ep);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

/* -- options and cancel --------------------------------------------------------------- */

static int ep_getopt(fid_t fid, int level, int optname, void *optval, size_t *optlen)
{
	const struct switch_ep *ep = switch_ep_of(fid);

	if (level != FI_OPT_ENDPOINT)
		return -FI_ENOPROTOOPT;
	if (optname != FI_OPT_CM_DATA_SIZE)
		return switch_rx_getopt(&ep->own_rx, optname, optval, optlen);
	return switch_opt_size(switch_data_size(ep->domain->pump.core.caps->cm_data_size) -
				       SESS_PREAMBLE_LEN,
			       optval, optlen);
}

static int ep_setopt(fid_t fid, int level, int optname, const void *optval, size_t optlen)
{
	return switch_rx_setopt(&switch_ep_of(fid)->own_rx, level, optname, optval, optlen);
}

static ssize_t ep_cancel(fid_t fid, void *context)
{
	struct switch_ep *ep = switch_ep_of(fid);
	ssize_t ret;

	switch_pump_lock(&ep->domain->pump);
	ret = switch_op_cancel(&ep->domain->ops, ep, &ep->own_rx, context);
	switch_pump_submitted(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

/* -- closing ------------------------------------------------------------------------- */

enum { LAST_LOOKS = 1000 }; /* looks at the core without a result, after all deadlines */

/* Waits until no operation uses the application's memory: 0, or -FI_EBUSY if a core
 * without connections does not give it back, because the peer stands still. */
static int wait_idle(struct switch_ep *ep)
{
	struct switch_domain *domain = ep->domain;
	const uint64_t linger = (uint64_t)switch_params.close_timeout * 1000000;
	uint64_t now, deadline = switch_now() + linger;
	unsigned busy = UINT_MAX, before, looks = 0;
	bool aborted = false;
	int ret = 0;

	domain->pump.cm_pending++; /* watch the connections */
	for (;;) {
		/* This process may have been stopped until after the deadline.  So the
		 * loop goes on behind the deadline as long as operations end, and
		 * LAST_LOOKS passes more, because passes in which a core only reads what
		 * the kernel has received show no progress here. */
		now = switch_now();
		before = busy;
		switch_pump_progress(&domain->pump);
		busy = sess_ep_busy(ep->local.sess_ep);
		if (!busy)
			break;
		if (now < deadline) {
			switch_pump_wait(&domain->pump);
		} else if (!aborted) {
			aborted = true;
			deadline = switch_now() + linger;
			sess_ep_abort(ep->local.sess_ep, FI_ECANCELED);
			switch_pump_perform(&domain->pump);
		} else if (busy >= before && ++looks >= LAST_LOOKS) {
			SW_WARN(EP_CTRL, "not closed: the core still uses memory of unfinished "
					 "operations\n");
			ret = -FI_EBUSY;
			break;
		}
	}
	domain->pump.cm_pending--;
	return ret;
}

static void unbind(struct switch_ep *ep)
{
	if (ep->av)
		LIST_REMOVE(&ep->rdm, names_entry);
	if (ep->tx_cq)
		ep->tx_cq->refs--;
	if (ep->rx_cq)
		ep->rx_cq->refs--;
	if (ep->tx_cntr)
		ep->tx_cntr->refs--;
	if (ep->rx_cntr)
		ep->rx_cntr->refs--;
	for (unsigned i = 0; i < ep->rma_cntrs; i++)
		ep->rma_cntr[i]->refs--;
	switch_shared_unbind(ep);
}

static void ep_free(struct switch_ep *ep)
{
	fi_freeinfo(ep->local.core_info);
	fi_freeinfo(ep->local.info);
	ep->local.role->fini(&ep->local);
	free(ep);
}

static int ep_close(struct fid *fid)
{
	struct switch_ep *ep = switch_ep_of(fid);
	struct switch_domain *domain = ep->domain;
	struct switch_stats_line stats;

	switch_pump_lock(&domain->pump);
	if (ep->aliases) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	if (ep->local.life != SWITCH_CLOSING) {
		ep->local.life = SWITCH_CLOSING;
		sess_ep_close(ep->local.sess_ep, FI_ECANCELED);
	}
	if (wait_idle(ep)) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	/* The endpoint listens until here, because sends may be waiting for a peer that
	 * connects to us at the same time. */
	ep->local.role->close(&ep->local);
	switch_stats_format(ep, &stats);
	switch_conn_leave(&ep->local);
	switch_op_forget(&domain->ops, ep, &ep->own_rx);
	sess_ep_destroy(ep->local.sess_ep);
	switch_pump_perform(&domain->pump);
	switch_pump_wake(&domain->pump);
	unbind(ep);
	LIST_REMOVE(ep, link);
	if (LIST_EMPTY(&domain->eps))
		switch_pump_rest(&domain->pump);
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	if (ep->local.events) {
		switch_events_remove(ep->local.events, &ep->handle.fid.fid);
		switch_events_refer(ep->local.events, -1);
	}
	switch_stats_write(&stats);
	ep_free(ep);
	return 0;
}

/* -- opening ------------------------------------------------------------------------------ */

static struct fi_ops ep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = ep_close,
	.bind = ep_bind,
	.control = ep_control,
	.ops_open = switch_ep_ops_open,
};

static struct fi_ops_ep ep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = ep_cancel,
	.getopt = ep_getopt,
	.setopt = ep_setopt,
	.tx_ctx = switch_no_tx_ctx,
	.rx_ctx = switch_no_rx_ctx,
	.rx_size_left = switch_no_size_left,
	.tx_size_left = switch_no_size_left,
};

static void take_attrs(struct switch_ep *ep, const struct fi_info *info)
{
	const uint64_t caps = info->caps;
	const bool both = !(caps & (FI_SEND | FI_RECV));

	ep->traits = (both || caps & FI_SEND ? SWITCH_EP_SENDS : 0) |
		     (both || caps & FI_RECV ? SWITCH_EP_RECEIVES : 0) |
		     (caps & FI_SOURCE ? SWITCH_EP_SOURCE : 0) |
		     (info->ep_attr->tx_ctx_cnt == FI_SHARED_CONTEXT ? SWITCH_EP_SHARED_TX : 0) |
		     (info->ep_attr->rx_ctx_cnt == FI_SHARED_CONTEXT ? SWITCH_EP_SHARED_RX : 0);
	ep->own_rx.directed = caps & FI_DIRECTED_RECV;
	ep->own_rx.min_multi_recv = SWITCH_MIN_MULTI_RECV;
	ep->own_rx.left =
		info->rx_attr && info->rx_attr->size ? info->rx_attr->size : SWITCH_RX_SIZE;
	ep->handle.tx_op_flags = info->tx_attr ? info->tx_attr->op_flags : 0;
	ep->handle.rx_op_flags = info->rx_attr ? info->rx_attr->op_flags : 0;
	ep->tx_left = info->tx_attr && info->tx_attr->size ? info->tx_attr->size : SWITCH_TX_SIZE;
	ep->max_msg_size = SIZE_MAX / 2;
	if (info->ep_attr->max_msg_size && info->ep_attr->max_msg_size < ep->max_msg_size)
		ep->max_msg_size = info->ep_attr->max_msg_size;
	ep->inject_size = sess_engine_inline_max(ep->domain->pump.engine);
	if (ep->inject_size > SWITCH_INJECT_SIZE)
		ep->inject_size = SWITCH_INJECT_SIZE;
	if (info->tx_attr && info->tx_attr->inject_size &&
	    info->tx_attr->inject_size < ep->inject_size)
		ep->inject_size = info->tx_attr->inject_size;
}

static int rdm_take_handle(struct switch_ep *ep, fid_t handle)
{
	(void)ep, (void)handle;
	return -FI_EINVAL;
}

static int msg_take_handle(struct switch_ep *ep, fid_t handle)
{
	struct switch_connreq *connreq = container_of(handle, struct switch_connreq, fid);
	struct switch_pep *pep = container_of(handle, struct switch_pep, pep_fid.fid);

	if (handle->fclass == FI_CLASS_PEP)
		return pep->fabric == ep->domain->fabric
			       ? switch_msg_take_address(&ep->msg, &pep->passive)
			       : -FI_EINVAL;
	if (handle->fclass != FI_CLASS_CONNREQ)
		return -FI_EINVAL;
	ep->msg.connreq = connreq;
	if (connreq->msg)
		return -FI_EBUSY;
	connreq->msg = &ep->msg;
	return 0;
}

static int own_addr(const struct switch_local *local, struct switch_addr *name)
{
	return switch_core_own_addr(container_of(local, struct switch_ep, local)->domain->fabric,
				    name);
}

static void rdm_setup(struct switch_ep *ep, uint64_t caps)
{
	LIST_INIT(&ep->rdm.unnamed);
	ep->rdm.sources = &ep->domain->sources;
	ep->rdm.source_err = caps & FI_SOURCE && caps & FI_SOURCE_ERR;
	ep->domain->sources.wanted |= ep->rdm.source_err;
	ep->rdm.own_addr = own_addr;
}

/* All members of a connected endpoint begin as zeros. */
static void msg_setup(struct switch_ep *ep, uint64_t caps)
{
	(void)ep, (void)caps;
}

static const struct switch_ep_kind kinds[] = {
	{
		.type = FI_EP_RDM,
		.name = "rdm",
		.role = &switch_rdm_role,
		.cm = &switch_rdm_cm_ops,
		.needs_av = true,
		.listens = true,
		.setup = rdm_setup,
		.take_handle = rdm_take_handle,
	},
	{
		.type = FI_EP_MSG,
		.name = "msg",
		.role = &switch_msg_role,
		.cm = &switch_msg_cm_ops,
		.needs_eq = true,
		.early_receives = true,
		.setup = msg_setup,
		.take_handle = msg_take_handle,
	},
};

/* type: one that switch_attr_check_ep() accepts. */
static const struct switch_ep_kind *kind_of(enum fi_ep_type type)
{
	const struct switch_ep_kind *kind = kinds;

	while (kind->type != type)
		kind++;
	return kind;
}

/* Sets what depends on the kind of the endpoint. */
static void setup_role(struct switch_ep *ep, const struct fi_info *info)
{
	ep->kind = kind_of(info->ep_attr->type);
	ep->local.role = ep->kind->role;
	ep->local.pump = &ep->domain->pump;
	ep->local.fid = &ep->handle.fid.fid;
	ep->handle.fid.cm = ep->kind->cm;
	ep->kind->setup(ep, info->caps);
}

static int ep_setup(struct switch_ep *ep, struct fi_info *info)
{
	int ret;

	ep->local.info = fi_dupinfo(info);
	if (!ep->local.info)
		return -FI_ENOMEM;
	ret = switch_core_info(ep->domain->fabric, info, ep->kind->listens, &ep->local.core_info);
	if (!ret)
		ret = sess_ep_create(ep->domain->pump.engine, ep, &ep->local.sess_ep);
	if (ret)
		return ret;
	ep->own_rx.sess_rx = sess_ep_rx(ep->local.sess_ep);
	ret = info->handle ? ep->kind->take_handle(ep, info->handle) : 0;
	if (ret)
		sess_ep_destroy(ep->local.sess_ep);
	return ret;
}

int switch_ep_open(struct fid_domain *domain_fid, struct fi_info *info, struct fid_ep **out,
		   void *context)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_ep *ep;
	int ret;

	if (!info || !info->ep_attr)
		return -FI_EINVAL;
	ret = switch_attr_check_ep(domain, info);
	if (ret)
		return ret;
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return -FI_ENOMEM;
	ep->domain = domain;
	ep->handle.fid.fid.fclass = FI_CLASS_EP;
	ep->handle.fid.fid.context = context;
	ep->handle.fid.fid.ops = &ep_fid_ops;
	ep->handle.fid.ops = &ep_ops;
	ep->handle.fid.msg = &switch_msg_ops;
	ep->handle.fid.tagged = &switch_tagged_ops;
	switch_no_one_sided(&ep->handle.fid);
	ep->handle.ep = ep;
	ep->handle.rx = &ep->own_rx;
	ep->own_rx.ep = ep;
	ep->own_rx.domain = domain;
	take_attrs(ep, info);
	switch_pump_lock(&domain->pump);
	setup_role(ep, info);
	ret = ep_setup(ep, info);
	if (!ret) {
		LIST_INSERT_HEAD(&domain->eps, ep, link);
		domain->refs++;
	}
	switch_pump_unlock(&domain->pump);
	if (ret) {
		ep_free(ep);
		return ret;
	}
	*out = &ep->handle.fid;
	return 0;
}
