/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared contexts.  Several endpoints use a shared receive context in place of their own; a
 * message that it receives is reported to the queues of the endpoint that the message came to.
 * A shared transmit context has no function: sends of all endpoints share the domain's
 * resources anyway.
 *
 * Opened and closed by the application; the endpoints bound hold references.
 */
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/ep.h"
#include "api/handle.h"
#include "api/no.h"
#include "api/opt.h"
#include "api/post.h"
#include "api/rx.h"
#include "api/shared.h"
#include "base/compat.h"
#include "base/switch.h"
#include "discover/attr.h"
#include "peer/local.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

struct switch_stx {
	struct fid_stx stx_fid;
	struct switch_domain *domain;
	int refs; /* endpoints bound */
};

/* A receive context with a handle of its own. */
struct switch_srx {
	struct switch_handle handle;
	struct switch_rx rx;
};

static struct switch_domain *domain_of(struct fid_domain *fid)
{
	return container_of(fid, struct switch_domain, domain_fid);
}

static void refer(struct switch_domain *domain)
{
	switch_pump_lock(&domain->pump);
	domain->refs++;
	switch_pump_unlock(&domain->pump);
}

/* -- transmit ---------------------------------------------------------------------- */

static int stx_close(struct fid *fid)
{
	struct switch_stx *stx = container_of(fid, struct switch_stx, stx_fid.fid);
	struct switch_domain *domain = stx->domain;
	int refs;

	switch_pump_lock(&domain->pump);
	refs = stx->refs;
	if (!refs)
		domain->refs--;
	switch_pump_unlock(&domain->pump);
	if (refs)
		return -FI_EBUSY;
	free(stx);
	return 0;
}

static struct fi_ops stx_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = stx_close,
	.bind = switch_no_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

int switch_stx_open(struct fid_domain *domain_fid, struct fi_tx_attr *attr, struct fid_stx **out,
		    void *context)
{
	struct switch_domain *domain = domain_of(domain_fid);
	struct switch_stx *stx;
	int ret = switch_attr_check_shared(domain, attr, NULL);

	if (ret)
		return ret;
	stx = calloc(1, sizeof(*stx));
	if (!stx)
		return -FI_ENOMEM;
	stx->stx_fid.fid.fclass = FI_CLASS_STX_CTX;
	stx->stx_fid.fid.context = context;
	stx->stx_fid.fid.ops = &stx_fid_ops;
	stx->stx_fid.ops = &switch_no_ep_ops;
	stx->domain = domain;
	refer(domain);
	*out = &stx->stx_fid;
	return 0;
}

int switch_stx_bind(struct switch_ep *ep, struct fid *fid)
{
	struct switch_stx *stx = container_of(fid, struct switch_stx, stx_fid.fid);

	if (!(ep->traits & SWITCH_EP_SHARED_TX) || stx->domain != ep->domain)
		return -FI_EINVAL;
	if (ep->stx)
		return -FI_EBUSY;
	ep->stx = stx;
	stx->refs++;
	return 0;
}

/* -- receive ------------------------------------------------------------------------- */

int switch_srx_bind(struct switch_ep *ep, struct fid *fid)
{
	struct switch_rx *rx = switch_handle_of(fid)->rx;

	if (!(ep->traits & SWITCH_EP_SHARED_RX) || rx->domain != ep->domain)
		return -FI_EINVAL;
	if (ep->srx)
		return -FI_EBUSY;
	ep->srx = rx;
	LIST_INSERT_HEAD(&rx->eps, ep, srx_link);
	sess_ep_share_rx(ep->local.sess_ep, rx->sess_rx);
	return 0;
}

void switch_shared_unbind(struct switch_ep *ep)
{
	if (ep->srx)
		LIST_REMOVE(ep, srx_link);
	if (ep->stx)
		ep->stx->refs--;
	ep->srx = NULL;
	ep->stx = NULL;
}

const struct switch_ep *switch_rx_ep(const struct switch_rx *rx)
{
	const struct switch_ep *ep = rx->ep;

	if (!ep)
		LIST_FOREACH (ep, &rx->eps, srx_link)
			if (ep->local.life != SWITCH_OPEN && (ep->rx_cq || ep->rx_cntr))
				break;
	return ep;
}

static int srx_close(struct fid *fid)
{
	struct switch_srx *srx = container_of(switch_handle_of(fid), struct switch_srx, handle);
	struct switch_domain *domain = srx->rx.domain;

	switch_pump_lock(&domain->pump);
	if (!LIST_EMPTY(&srx->rx.eps)) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	switch_op_forget(&domain->ops, NULL, &srx->rx);
	sess_rx_close(srx->rx.sess_rx, FI_ECANCELED);
	switch_pump_perform(&domain->pump);
	sess_rx_destroy(srx->rx.sess_rx);
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	free(srx);
	return 0;
}

static ssize_t srx_cancel(fid_t fid, void *context)
{
	struct switch_rx *rx = switch_handle_of(fid)->rx;
	ssize_t ret;

	switch_pump_lock(&rx->domain->pump);
	ret = switch_op_cancel(&rx->domain->ops, NULL, rx, context);
	switch_pump_perform(&rx->domain->pump);
	switch_pump_unlock(&rx->domain->pump);
	return ret;
}

static int srx_getopt(fid_t fid, int level, int optname, void *optval, size_t *optlen)
{
	if (level != FI_OPT_ENDPOINT)
		return -FI_ENOPROTOOPT;
	return switch_rx_getopt(switch_handle_of(fid)->rx, optname, optval, optlen);
}

static int srx_setopt(fid_t fid, int level, int optname, const void *optval, size_t optlen)
{
	return switch_rx_setopt(switch_handle_of(fid)->rx, level, optname, optval, optlen);
}

/* A shared receive context is enabled from the beginning. */
static int srx_control(struct fid *fid, int command, void *arg)
{
	(void)fid, (void)arg;
	return command == FI_ENABLE ? 0 : -FI_ENOSYS;
}

static struct fi_ops srx_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = srx_close,
	.bind = switch_no_bind,
	.control = srx_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_ep srx_ep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = srx_cancel,
	.getopt = srx_getopt,
	.setopt = srx_setopt,
	.tx_ctx = switch_no_tx_ctx,
	.rx_ctx = switch_no_rx_ctx,
	.rx_size_left = switch_no_size_left,
	.tx_size_left = switch_no_size_left,
};

static void srx_init(struct switch_srx *srx, struct switch_domain *domain,
		     const struct fi_rx_attr *attr, void *context)
{
	srx->handle.fid.fid.fclass = FI_CLASS_SRX_CTX;
	srx->handle.fid.fid.context = context;
	srx->handle.fid.fid.ops = &srx_fid_ops;
	srx->handle.fid.ops = &srx_ep_ops;
	srx->handle.fid.cm = &switch_no_cm_ops;
	srx->handle.fid.msg = &switch_msg_ops;
	srx->handle.fid.tagged = &switch_tagged_ops;
	switch_no_one_sided(&srx->handle.fid);
	srx->handle.rx = &srx->rx;
	srx->handle.rx_op_flags = attr ? attr->op_flags : 0;
	srx->rx.domain = domain;
	srx->rx.left = attr && attr->size ? attr->size : SWITCH_RX_SIZE;
	srx->rx.min_multi_recv = SWITCH_MIN_MULTI_RECV;
	srx->rx.directed =
		(attr && attr->caps ? attr->caps : domain->info->caps) & FI_DIRECTED_RECV;
	LIST_INIT(&srx->rx.eps);
}

int switch_srx_open(struct fid_domain *domain_fid, struct fi_rx_attr *attr, struct fid_ep **out,
		    void *context)
{
	struct switch_domain *domain = domain_of(domain_fid);
	struct switch_srx *srx;
	int ret = switch_attr_check_shared(domain, NULL, attr);

	if (ret)
		return ret;
	srx = calloc(1, sizeof(*srx));
	if (!srx)
		return -FI_ENOMEM;
	srx_init(srx, domain, attr, context);
	ret = sess_rx_create(domain->pump.engine, &srx->rx.sess_rx);
	if (ret) {
		free(srx);
		return ret;
	}
	refer(domain);
	*out = &srx->handle.fid;
	return 0;
}
