/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints: the calls.  Passive endpoints belong to the fabric and are under its
 * lock; peer/passive.c carries the calls out.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/eq.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/opt.h"
#include "api/pep.h"
#include "base/compat.h"
#include "discover/cores.h"
#include "peer/passive.h"
#include "progress/hub.h"

static int pep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (!bfid || bfid->fclass != FI_CLASS_EQ || flags ||
	    container_of(bfid, struct switch_eq, eq_fid.fid)->fabric != pep->fabric)
		return -FI_EINVAL;
	if (pep->passive.events)
		return -FI_EBUSY;
	pep->passive.events = &container_of(bfid, struct switch_eq, eq_fid.fid)->events;
	switch_events_refer(pep->passive.events, 1);
	return 0;
}

static int pep_close(struct fid *fid)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	switch_passive_close(&pep->passive);
	fi_freeinfo(pep->passive.info);
	free(pep);
	return 0;
}

static int pep_control(struct fid *fid, int command, void *arg)
{
	(void)fid;
	return command == FI_BACKLOG && arg ? 0 : -FI_ENOSYS; /* the core's is ample */
}

static int pep_listen(struct fid_pep *fid)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid);

	if (!pep->passive.events)
		return -FI_ENOEQ;
	if (pep->passive.listening)
		return -FI_EOPBADSTATE;
	return switch_passive_listen(&pep->passive);
}

static int pep_reject(struct fid_pep *fid, fid_t handle, const void *param, size_t paramlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid);

	if (!handle || handle->fclass != FI_CLASS_CONNREQ || (paramlen && !param) ||
	    paramlen > switch_passive_cm_room(&pep->passive))
		return -FI_EINVAL;
	switch_passive_reject(&pep->passive, container_of(handle, struct switch_connreq, fid),
			      param, paramlen);
	return 0;
}

static int pep_getname(fid_t fid, void *addr, size_t *addrlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (!addrlen || (*addrlen && !addr))
		return -FI_EINVAL;
	return pep->fabric->core_ops->listener_name(pep->passive.listener, addr, addrlen);
}

static int pep_setname(fid_t fid, void *addr, size_t addrlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	return pep->fabric->core_ops->passive_setname(pep->passive.listener, addr, addrlen);
}

static int pep_getopt(fid_t fid, int level, int optname, void *optval, size_t *optlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (level != FI_OPT_ENDPOINT || optname != FI_OPT_CM_DATA_SIZE)
		return -FI_ENOPROTOOPT;
	return switch_opt_size(switch_passive_cm_room(&pep->passive), optval, optlen);
}

static struct fi_ops pep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = pep_close,
	.bind = pep_bind,
	.control = pep_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_ep pep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = switch_no_cancel,
	.getopt = pep_getopt,
	.setopt = switch_no_setopt,
	.tx_ctx = switch_no_tx_ctx,
	.rx_ctx = switch_no_rx_ctx,
	.rx_size_left = switch_no_size_left,
	.tx_size_left = switch_no_size_left,
};

static struct fi_ops_cm pep_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = pep_setname,
	.getname = pep_getname,
	.getpeer = switch_no_getpeer,
	.connect = switch_no_connect,
	.listen = pep_listen,
	.accept = switch_no_accept,
	.reject = pep_reject,
	.shutdown = switch_no_shutdown,
	.join = switch_no_join,
};

int switch_pep_open(struct fid_fabric *fabric_fid, struct fi_info *info, struct fid_pep **out,
		    void *context)
{
	struct switch_fabric *fabric = container_of(fabric_fid, struct switch_fabric, fabric_fid);
	struct fi_info *core_info;
	struct switch_pep *pep;
	int ret;

	if (!info || !info->ep_attr || info->ep_attr->type != FI_EP_MSG)
		return -FI_EINVAL;
	pep = calloc(1, sizeof(*pep));
	if (!pep)
		return -FI_ENOMEM;
	pep->fabric = fabric;
	pep->pep_fid.fid.fclass = FI_CLASS_PEP;
	pep->pep_fid.fid.context = context;
	pep->pep_fid.fid.ops = &pep_fid_ops;
	pep->pep_fid.ops = &pep_ops;
	pep->pep_fid.cm = &pep_cm_ops;
	pep->passive.hub = &fabric->hub;
	pep->passive.core_ops = fabric->core_ops;
	pep->passive.fid = &pep->pep_fid.fid;
	pep->passive.info = fi_dupinfo(info);
	ret = pep->passive.info ? switch_core_info(fabric, info, true, &core_info) : -FI_ENOMEM;
	if (!ret) {
		ret = switch_passive_open(&pep->passive, fabric->core, core_info);
		fi_freeinfo(core_info);
	}
	if (ret) {
		fi_freeinfo(pep->passive.info);
		free(pep);
		return ret;
	}
	*out = &pep->pep_fid;
	return 0;
}
