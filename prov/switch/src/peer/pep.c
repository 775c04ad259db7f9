/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints: listen, hand out connection requests, reject.  They
 * belong to the fabric and live under its lock.  A request that does not
 * begin with a switch's preamble never reaches the application.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/ep.h"
#include "api/eq.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/opt.h"
#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "core/core.h"
#include "discover/info.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/pep.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "switch_session.h"

enum {
	REQUESTS = 64, /* of one look: others want the lock, too */
};

static struct switch_connreq *connreq_create(const struct switch_pep *pep, struct core_event *event)
{
	struct switch_connreq *connreq = calloc(1, sizeof(*connreq));

	if (!connreq)
		return NULL;
	connreq->fid.fclass = FI_CLASS_CONNREQ;
	connreq->core_ops = pep->fabric->core_ops;
	connreq->request = event->request;
	return connreq;
}

/* The info of the endpoint that will accept: ours, with the core's addresses. */
static struct fi_info *connreq_info(struct switch_pep *pep, const struct core_event *event,
				    struct switch_connreq *connreq)
{
	const struct fi_info *core = event->info;
	struct fi_info *info = fi_dupinfo(pep->info);

	if (!info)
		return NULL;
	info->handle = &connreq->fid;
	if (switch_info_set_addr(&info->src_addr, &info->src_addrlen, core->src_addr,
				 core->src_addrlen) ||
	    switch_info_set_addr(&info->dest_addr, &info->dest_addrlen, core->dest_addr,
				 core->dest_addrlen)) {
		fi_freeinfo(info);
		return NULL;
	}
	return info;
}

static int push_connreq(struct switch_pep *pep, const struct core_event *event,
			struct switch_connreq *connreq)
{
	size_t len = event->len - SESS_PREAMBLE_LEN;
	struct fi_eq_cm_entry *entry = calloc(1, sizeof(*entry) + len);
	int ret = -FI_ENOMEM;

	if (!entry)
		return ret;
	entry->fid = &pep->pep_fid.fid;
	entry->info = connreq_info(pep, event, connreq);
	memcpy(entry->data, (const uint8_t *)event->data + SESS_PREAMBLE_LEN, len);
	if (entry->info)
		ret = switch_events_push_request(pep->eq, entry, sizeof(*entry) + len,
						 switch_connreq_drop);
	if (ret)
		fi_freeinfo(entry->info);
	free(entry);
	return ret;
}

static void request_came(struct switch_pep *pep, struct core_event *event)
{
	struct switch_connreq *connreq;
	struct sess_request preamble;

	if (sess_request_parse(event->data, event->len, &preamble)) {
		switch_conn_stranger(&pep->told_misfit);
		pep->fabric->core_ops->reject(event->request, NULL, 0);
		event->request = NULL;
		return;
	}
	connreq = connreq_create(pep, event);
	if (connreq) {
		connreq->preamble = preamble;
		if (!push_connreq(pep, event, connreq)) {
			event->request = NULL;
			return;
		}
	}
	SW_WARN(EP_CTRL, "no memory for a peer that connects\n");
	free(connreq);
	pep->fabric->core_ops->reject(event->request, NULL, 0);
	event->request = NULL;
}

static void pep_progress(struct switch_hub_member *member)
{
	struct switch_pep *pep = container_of(member, struct switch_pep, member);
	struct core_event event;

	for (int cnt = 0; pep->listening && cnt < REQUESTS; cnt++) {
		if (pep->fabric->core_ops->passive_poll(pep->listener, &event) <= 0)
			return;
		request_came(pep, &event);
		pep->fabric->core_ops->passive_release(pep->listener, &event);
	}
}

static int pep_trywait(struct switch_hub_member *member)
{
	struct switch_pep *pep = container_of(member, struct switch_pep, member);

	return pep->listening ? pep->fabric->core_ops->passive_trywait(pep->listener) : 0;
}

/* -- calls --------------------------------------------------------------------------------- */

static int pep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (!bfid || bfid->fclass != FI_CLASS_EQ || flags ||
	    container_of(bfid, struct switch_eq, eq_fid.fid)->fabric != pep->fabric)
		return -FI_EINVAL;
	if (pep->eq)
		return -FI_EBUSY;
	pep->eq = &container_of(bfid, struct switch_eq, eq_fid.fid)->events;
	switch_events_refer(pep->eq, 1);
	return 0;
}

static int pep_close(struct fid *fid)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);
	struct switch_fabric *fabric = pep->fabric;

	pthread_mutex_lock(&fabric->hub.lock);
	LIST_REMOVE(&pep->member, entry);
	if (pep->listening)
		switch_hub_del_fd(&fabric->hub, fabric->core_ops->passive_fd(pep->listener));
	if (pep->eq) {
		switch_events_remove(pep->eq, &pep->pep_fid.fid);
		pep->eq->refs--;
	}
	pep->fabric->core_ops->listener_close(pep->listener);
	fabric->hub.refs--;
	pthread_mutex_unlock(&fabric->hub.lock);
	fi_freeinfo(pep->info);
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
	int ret;

	if (!pep->eq)
		return -FI_ENOEQ;
	if (pep->listening)
		return -FI_EOPBADSTATE;
	pthread_mutex_lock(&pep->fabric->hub.lock);
	ret = pep->fabric->core_ops->passive_listen(pep->listener);
	if (!ret) {
		pep->listening = true;
		switch_hub_add_fd(&pep->fabric->hub,
				  pep->fabric->core_ops->passive_fd(pep->listener));
	}
	pthread_mutex_unlock(&pep->fabric->hub.lock);
	return ret;
}

void switch_connreq_drop(struct fid *handle)
{
	struct switch_connreq *connreq = container_of(handle, struct switch_connreq, fid);

	connreq->core_ops->reject(connreq->request, NULL, 0);
	free(connreq);
}

/* Of the application's bytes, as its endpoints have it. */
static size_t cm_room(const struct switch_pep *pep)
{
	return switch_cm_size(pep->fabric->core_ops->passive_cm_size(pep->listener)) -
	       SESS_PREAMBLE_LEN;
}

static int pep_reject(struct fid_pep *fid, fid_t handle, const void *param, size_t paramlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid);
	struct switch_connreq *connreq = container_of(handle, struct switch_connreq, fid);

	if (!handle || handle->fclass != FI_CLASS_CONNREQ || (paramlen && !param) ||
	    paramlen > cm_room(pep))
		return -FI_EINVAL;
	if (connreq->ep)
		connreq->ep->connreq = NULL;
	pthread_mutex_lock(&pep->fabric->hub.lock);
	pep->fabric->core_ops->reject(connreq->request, param, paramlen);
	pthread_mutex_unlock(&pep->fabric->hub.lock);
	free(connreq);
	return 0;
}

static int pep_getname(fid_t fid, void *addr, size_t *addrlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (!addrlen || (*addrlen && !addr))
		return -FI_EINVAL;
	return pep->fabric->core_ops->listener_name(pep->listener, addr, addrlen);
}

static int pep_setname(fid_t fid, void *addr, size_t addrlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	return pep->fabric->core_ops->passive_setname(pep->listener, addr, addrlen);
}

static int pep_getopt(fid_t fid, int level, int optname, void *optval, size_t *optlen)
{
	struct switch_pep *pep = container_of(fid, struct switch_pep, pep_fid.fid);

	if (level != FI_OPT_ENDPOINT || optname != FI_OPT_CM_DATA_SIZE)
		return -FI_ENOPROTOOPT;
	return switch_opt_size(cm_room(pep), optval, optlen);
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
	pep->member.progress = pep_progress;
	pep->member.trywait = pep_trywait;
	pep->pep_fid.fid.fclass = FI_CLASS_PEP;
	pep->pep_fid.fid.context = context;
	pep->pep_fid.fid.ops = &pep_fid_ops;
	pep->pep_fid.ops = &pep_ops;
	pep->pep_fid.cm = &pep_cm_ops;
	pep->info = fi_dupinfo(info);
	ret = pep->info ? switch_core_info(fabric, info, true, &core_info) : -FI_ENOMEM;
	if (!ret) {
		ret = fabric->core_ops->passive_open(fabric->core, core_info, pep, &pep->listener);
		fi_freeinfo(core_info);
	}
	if (ret) {
		fi_freeinfo(pep->info);
		free(pep);
		return ret;
	}
	pthread_mutex_lock(&fabric->hub.lock);
	LIST_INSERT_HEAD(&fabric->hub.members, &pep->member, entry);
	fabric->hub.refs++;
	pthread_mutex_unlock(&fabric->hub.lock);
	*out = &pep->pep_fid;
	return 0;
}
