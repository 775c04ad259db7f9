/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Submitting an operation: the checks and the bookkeeping that tagged and
 * untagged calls share.  Takes the domain's lock; allocates nothing but a
 * free operation of the domain.
 */
#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/complete.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/mr.h"
#include "api/post.h"
#include "api/rx.h"
#include "peer/local.h"
#include "peer/rdm.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

/* Flags that a call may pass; any other is refused. */
#define SEND_FLAGS                                                                                 \
	(FI_COMPLETION | FI_INJECT | FI_MORE | FI_REMOTE_CQ_DATA | FI_INJECT_COMPLETE |            \
	 FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE)
#define RECV_FLAGS  (FI_COMPLETION | FI_MORE)
#define PROBE_FLAGS (FI_PEEK | FI_CLAIM | FI_DISCARD) /* tagged only */
/* Untagged only.  A receive may have FI_TRANSMIT_COMPLETE: every receive gives more than
 * that asks for. */
#define PLAIN_FLAGS (FI_MULTI_RECV | FI_TRANSMIT_COMPLETE)

/* The length of all pieces.  False: it exceeds the longest message. */
static bool args_len(const struct switch_args *args, size_t max, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < args->iov_cnt; i++) {
		if (args->iov[i].iov_len > max - *len)
			return false;
		*len += args->iov[i].iov_len;
	}
	return true;
}

static void fill_iov(const struct switch_domain *domain, struct sess_op *op,
		     const struct switch_args *args)
{
	const bool registered = domain->pump.core.caps->mr_local;

	for (size_t i = 0; i < args->iov_cnt; i++) {
		op->iov[i].addr = args->iov[i].iov_base;
		op->iov[i].len = args->iov[i].iov_len;
		op->iov[i].mem = registered && args->desc && args->desc[i]
					 ? (struct sess_mem *)switch_mr_core(args->desc[i])
					 : NULL;
	}
	op->iov_cnt = (uint8_t)args->iov_cnt;
}

/* -- sends ------------------------------------------------------------------------- */

static ssize_t send_locked(struct switch_ep *ep, const struct switch_args *args, uint64_t flags)
{
	struct switch_domain *domain = ep->domain;
	struct switch_op *op;
	struct sess *sess;
	int ret;

	if (!ep->tx_left)
		return -FI_EAGAIN;
	ret = ep->local.role->sess(&ep->local, args->addr, &sess);
	if (ret)
		return ret;
	op = switch_op_alloc(&domain->ops);
	if (!op)
		return -FI_ENOMEM;
	fill_iov(domain, &op->sess, args);
	op->sess.tag = args->tag;
	op->sess.data = args->data;
	op->sess.flags = (uint16_t)((args->tagged ? SESS_TAGGED : 0) |
				    (flags & FI_REMOTE_CQ_DATA ? SESS_DATA : 0) |
				    (flags & FI_INJECT ? SESS_INJECT : 0) |
				    (flags & FI_MORE ? SESS_MORE : 0) |
				    (flags & FI_DELIVERY_COMPLETE ? SESS_DELIVERY : 0));
	op->queue = ep->tx_cq;
	op->count = ep->tx_cntr;
	op->context = args->context;
	op->cq_flags = FI_SEND | (args->tagged ? FI_TAGGED : FI_MSG);
	op->silent = args->silent;
	op->wants_entry =
		!args->silent && (!(ep->traits & SWITCH_EP_TX_SELECTIVE) || flags & FI_COMPLETION);
	ret = sess_send(sess, &op->sess);
	if (ret) {
		switch_op_free(&domain->ops, op);
		return ret;
	}
	op->ep = ep;
	op->room = &ep->tx_left;
	ep->tx_left--;
	switch_pump_submitted(&domain->pump);
	return 0;
}

ssize_t switch_post_send(struct switch_ep *ep, const struct switch_args *args, uint64_t flags)
{
	ssize_t ret;
	size_t len;

	if (!ep)
		return -FI_ENOSYS; /* a shared receive context */
	if (ep->local.life == SWITCH_OPEN)
		return -FI_EOPBADSTATE;
	if (args->iov_cnt > SESS_IOV_MAX || (args->iov_cnt && !args->iov) ||
	    !(ep->traits & SWITCH_EP_SENDS))
		return -FI_EINVAL;
	if (flags & ~SEND_FLAGS)
		return -FI_EBADFLAGS;
	if (!args_len(args, ep->max_msg_size, &len))
		return -FI_EMSGSIZE;
	if (flags & FI_INJECT && len > ep->inject_size)
		return -FI_EINVAL;
	switch_pump_lock(&ep->domain->pump);
	ret = send_locked(ep, args, flags);
	if (ret == -FI_EAGAIN)
		switch_pump_progress(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

/* -- receives -------------------------------------------------------------------------- */

/* The engine's key for the source that a directed receive names. */
static uint64_t find_source(const struct switch_rx *rx, fi_addr_t fi_addr)
{
	const struct switch_ep *ep;

	if (!rx->directed || fi_addr == FI_ADDR_UNSPEC)
		return SESS_SOURCE_ANY;
	ep = switch_rx_ep(rx);
	return ep && ep->av ? switch_rdm_first(&ep->rdm, fi_addr) : fi_addr;
}

static ssize_t recv_locked(struct switch_rx *rx, const struct switch_args *args, uint64_t flags)
{
	struct switch_domain *domain = rx->domain;
	struct switch_op *op;
	int ret;

	if (!rx->left)
		return -FI_EAGAIN;
	if (flags & (FI_PEEK | FI_CLAIM) && !switch_rx_ep(rx))
		return -FI_EOPBADSTATE; /* no endpoint could report the result */
	op = switch_op_alloc(&domain->ops);
	if (!op)
		return -FI_ENOMEM;
	fill_iov(domain, &op->sess, args);
	op->sess.tag = args->tag;
	op->sess.ignore = args->ignore;
	op->sess.source = find_source(rx, args->addr);
	op->sess.claim = args->context;
	op->sess.flags =
		(uint16_t)(SESS_RECV | (args->tagged ? SESS_TAGGED : 0) |
			   (flags & FI_PEEK ? SESS_PEEK : 0) | (flags & FI_CLAIM ? SESS_CLAIM : 0) |
			   (flags & FI_DISCARD ? SESS_DISCARD : 0) |
			   (flags & FI_MULTI_RECV ? SESS_MULTI : 0));
	op->sess.multi_min = rx->min_multi_recv;
	op->slots = 0;
	op->ended = false;
	op->context = args->context;
	op->cq_flags = FI_RECV | (args->tagged ? FI_TAGGED : FI_MSG);
	op->wants_entry = flags & (FI_COMPLETION | FI_PEEK);
	if (rx->ep)
		switch_op_report_to(op, rx->ep);
	op->rx = rx;
	op->room = &rx->left;
	rx->left--;
	ret = sess_recv(rx->sess_rx, &op->sess);
	if (ret) {
		switch_op_free(&domain->ops, op);
		return ret;
	}
	switch_pump_submitted(&domain->pump);
	return 0;
}

static bool may_post(const struct switch_ep *ep)
{
	return ep->local.life != SWITCH_OPEN ||
	       (ep->kind->early_receives && (ep->rx_cq || ep->rx_cntr));
}

ssize_t switch_post_recv(struct switch_rx *rx, const struct switch_args *args, uint64_t flags)
{
	const uint64_t allowed = RECV_FLAGS | (args->tagged ? PROBE_FLAGS : PLAIN_FLAGS);
	ssize_t ret;
	size_t len;

	if (rx->ep && !may_post(rx->ep))
		return -FI_EOPBADSTATE;
	if (rx->ep &&
	    (rx->ep->traits & SWITCH_EP_SHARED_RX || !(rx->ep->traits & SWITCH_EP_RECEIVES)))
		return -FI_EINVAL;
	if (args->iov_cnt > SESS_IOV_MAX || (args->iov_cnt && !args->iov))
		return -FI_EINVAL;
	if (flags & ~allowed)
		return -FI_EBADFLAGS;
	if (args->iov_cnt > 1 && !args_len(args, SIZE_MAX, &len))
		return -FI_EMSGSIZE;
	switch_pump_lock(&rx->domain->pump);
	ret = recv_locked(rx, args, flags);
	if (ret == -FI_EAGAIN || flags & FI_PEEK)
		switch_pump_progress(&rx->domain->pump);
	switch_pump_unlock(&rx->domain->pump);
	return ret;
}
