/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection management as the application sees it: connect, accept, reject,
 * shutdown and their events, passive endpoints, names.  The application's own
 * bytes travel behind our preamble and are handed out without it.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/ep.h"
#include "api/fabric.h"
#include "api/no.h"
#include "base/addr.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/pep.h"
#include "progress/events.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

size_t switch_cm_size(size_t core_size)
{
	return core_size < SWITCH_CM_DATA_MAX ? core_size : SWITCH_CM_DATA_MAX;
}

/* -- events ------------------------------------------------------------------------ */

static void push_cm_event(struct switch_events *eq, uint32_t event, fid_t fid, struct fi_info *info,
			  const void *data, size_t len)
{
	struct fi_eq_cm_entry *entry = calloc(1, sizeof(*entry) + len);
	int ret = -FI_ENOMEM;

	if (entry) {
		entry->fid = fid;
		entry->info = info;
		if (len)
			memcpy(entry->data, data, len);
		ret = switch_events_push(eq, event, entry, sizeof(*entry) + len);
		free(entry);
	}
	if (ret) {
		SW_WARN(EQ, "an event is lost: %s\n", fi_strerror(-ret));
		fi_freeinfo(info);
	}
}

void switch_msg_connected(struct switch_conn *conn)
{
	struct switch_ep *ep = conn->ep;

	if (ep->shut_down)
		return;
	push_cm_event(ep->eq, FI_CONNECTED, &ep->face.fid.fid, NULL, conn->cm_data,
		      conn->cm_data_len);
}

void switch_msg_shutdown(struct switch_conn *conn)
{
	struct switch_ep *ep = conn->ep;

	if (ep->shut_down)
		return;
	ep->shut_down = true;
	sess_ep_end(ep->sess_ep, FI_ESHUTDOWN);
	push_cm_event(ep->eq, FI_SHUTDOWN, &ep->face.fid.fid, NULL, NULL, 0);
}

void switch_msg_failed(struct switch_conn *conn, int error)
{
	struct switch_ep *ep = conn->ep;

	sess_ep_end(ep->sess_ep, error ? error : FI_ECONNABORTED);
	if (ep->shut_down)
		return;
	if (switch_events_push_error(ep->eq, &ep->face.fid.fid, ep->face.fid.fid.context,
				     error ? error : FI_ECONNABORTED, error, conn->cm_data,
				     conn->cm_data_len))
		SW_WARN(EQ, "no memory to tell that a connection failed\n");
}

/* -- the address of a passive endpoint ------------------------------------------------- */

static void return_address(struct switch_ep *ep, bool taken)
{
	if (!ep->origin)
		return;
	ep->core_info->handle = NULL;
	ep->domain->pump.core.ops->passive_return(ep->origin, taken);
	ep->origin = NULL;
}

int switch_msg_take_address(struct switch_ep *ep, struct switch_pep *pep)
{
	uint8_t addr[CORE_ADDR_MAX];
	size_t len = sizeof(addr);
	struct fid *handle;
	int ret;

	if (pep->fabric != ep->domain->fabric)
		return -FI_EINVAL;
	ret = pep->fabric->core_ops->listener_name(pep->listener, addr, &len);
	if (!ret)
		ret = switch_info_set_addr(&ep->info->src_addr, &ep->info->src_addrlen, addr, len);
	if (!ret)
		ret = switch_info_set_addr(&ep->core_info->src_addr, &ep->core_info->src_addrlen,
					   addr, len);
	if (ret)
		return ret;
	handle = pep->fabric->core_ops->passive_lend(pep->listener);
	if (!handle)
		return -FI_EBUSY;
	ep->origin = pep->listener;
	ep->core_info->handle = handle;
	return 0;
}

/* -- active endpoints ---------------------------------------------------------------- */

static int msg_connect_locked(struct switch_ep *ep, const void *addr, size_t addr_len,
			      const void *param, size_t paramlen)
{
	struct switch_conn *conn;
	int ret;

	if (!ep->enabled || ep->tried || ep->connreq)
		return -FI_EOPBADSTATE;
	conn = switch_conn_create(ep, FI_ADDR_NOTAVAIL);
	if (!conn)
		return -FI_ENOMEM;
	ret = sess_connect(ep->sess_ep, conn->link.core->sess, &conn->link, SESS_SOURCE_ANY, &conn->link.sess);
	if (!ret) {
		ret = switch_conn_open_path(conn, addr, addr_len, param, paramlen);
		return_address(ep, true); /* the path has it, or had */
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	ep->conn = conn;
	ep->tried = true;
	return 0;
}

static int enable_if_needed(struct switch_ep *ep)
{
	return ep->enabled ? 0 : fi_enable(&ep->face.fid);
}

static int msg_connect(struct fid_ep *fid, const void *addr, const void *param, size_t paramlen)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	size_t addr_len = ep->info->dest_addrlen;
	int ret = enable_if_needed(ep);

	if (ret)
		return ret;
	if (!addr)
		addr = ep->info->dest_addr;
	if (!addr || (paramlen && !param))
		return -FI_EINVAL;
	if (addr != ep->info->dest_addr)
		addr_len = switch_addr_len(ep->info, addr);
	switch_pump_lock(&ep->domain->pump);
	ret = msg_connect_locked(ep, addr, addr_len, param, paramlen);
	switch_pump_perform(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

static int msg_accept_locked(struct switch_ep *ep, const void *param, size_t paramlen)
{
	struct switch_connreq *connreq = ep->connreq;
	struct core_request *request;
	struct switch_conn *conn;
	int ret;

	if (!ep->enabled || ep->conn || !connreq)
		return -FI_EOPBADSTATE;
	if (paramlen > switch_cm_size(ep->domain->pump.core.caps->cm_data_size) - SESS_PREAMBLE_LEN)
		return -FI_EINVAL;
	conn = switch_conn_create(ep, FI_ADDR_NOTAVAIL);
	if (!conn)
		return -FI_ENOMEM;
	ret = sess_accept(ep->sess_ep, conn->link.core->sess, &connreq->preamble, &conn->link,
			  SESS_SOURCE_ANY, &conn->link.sess);
	if (!ret) {
		request = connreq->request;
		ep->connreq = NULL;
		free(connreq);
		ret = switch_conn_accept_path(conn, request, param, paramlen);
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	ep->conn = conn;
	ep->tried = true;
	return 0;
}

static int msg_accept(struct fid_ep *fid, const void *param, size_t paramlen)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	int ret = enable_if_needed(ep);

	if (ret)
		return ret;
	if (paramlen && !param)
		return -FI_EINVAL;
	switch_pump_lock(&ep->domain->pump);
	ret = msg_accept_locked(ep, param, paramlen);
	switch_pump_perform(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

static int msg_shutdown(struct fid_ep *fid, uint64_t flags)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	int ret = 0;

	if (flags)
		return -FI_EINVAL;
	switch_pump_lock(&ep->domain->pump);
	if (ep->conn) {
		sess_ep_end(ep->sess_ep, FI_ESHUTDOWN);
		sess_close(ep->conn->link.sess);
		switch_pump_wake(&ep->domain->pump);
		switch_pump_submitted(&ep->domain->pump);
	} else if (!ep->shut_down) {
		ret = -FI_ENOTCONN;
	}
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

/* The endpoint is closed before it connected or answered. */
void switch_msg_close(struct switch_ep *ep)
{
	return_address(ep, false);
	if (!ep->connreq)
		return;
	ep->connreq->core_ops->reject(ep->connreq->request, NULL, 0);
	free(ep->connreq);
	ep->connreq = NULL;
}

/* -- names ----------------------------------------------------------------------------- */

static int give_addr(const void *from, size_t from_len, void *addr, size_t *addrlen)
{
	size_t room = addrlen ? *addrlen : 0;

	if (!addrlen || (room && !addr))
		return -FI_EINVAL;
	if (!from)
		return -FI_EADDRNOTAVAIL;
	*addrlen = from_len;
	if (room)
		memcpy(addr, from, room < from_len ? room : from_len);
	return room < from_len ? -FI_ETOOSMALL : 0;
}

static int msg_getname(fid_t fid, void *addr, size_t *addrlen)
{
	struct switch_ep *ep = switch_ep_of(fid);
	struct switch_addr name;
	size_t len = sizeof(name.bytes);
	int ret = -FI_EADDRNOTAVAIL;

	switch_pump_lock(&ep->domain->pump);
	if (ep->conn && ep->conn->link.path)
		ret = ep->domain->pump.core.ops->path_name(ep->conn->link.path, name.bytes, &len);
	switch_pump_unlock(&ep->domain->pump);
	return ret ? give_addr(ep->info->src_addr, ep->info->src_addrlen, addr, addrlen)
		   : give_addr(name.bytes, len, addr, addrlen);
}

static int msg_getpeer(struct fid_ep *fid, void *addr, size_t *addrlen)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct switch_addr name;
	size_t len = sizeof(name.bytes);
	int ret = -FI_ENOTCONN;

	switch_pump_lock(&ep->domain->pump);
	if (ep->conn && ep->conn->link.path)
		ret = ep->domain->pump.core.ops->path_peer(ep->conn->link.path, name.bytes, &len);
	switch_pump_unlock(&ep->domain->pump);
	return ret ? ret : give_addr(name.bytes, len, addr, addrlen);
}

static int rdm_getname(fid_t fid, void *addr, size_t *addrlen)
{
	struct switch_ep *ep = switch_ep_of(fid);

	if (!ep->listener)
		return -FI_EOPBADSTATE;
	return give_addr(ep->name.bytes, ep->name.len, addr, addrlen);
}

static int ep_setname(fid_t fid, void *addr, size_t addrlen)
{
	struct switch_ep *ep = switch_ep_of(fid);

	if (ep->enabled || ep->origin)
		return -FI_EOPBADSTATE;
	if (!addr || addrlen < sizeof(uint16_t) || addrlen > CORE_ADDR_MAX)
		return -FI_EINVAL;
	return switch_info_set_addr(&ep->core_info->src_addr, &ep->core_info->src_addrlen, addr,
				    addrlen);
}

/* -- tables ------------------------------------------------------------------------------- */

struct fi_ops_cm switch_msg_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = ep_setname,
	.getname = msg_getname,
	.getpeer = msg_getpeer,
	.connect = msg_connect,
	.listen = switch_no_listen,
	.accept = msg_accept,
	.reject = switch_no_reject,
	.shutdown = msg_shutdown,
	.join = switch_no_join,
};

struct fi_ops_cm switch_rdm_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = ep_setname,
	.getname = rdm_getname,
	.getpeer = switch_no_getpeer,
	.connect = switch_no_connect,
	.listen = switch_no_listen,
	.accept = switch_no_accept,
	.reject = switch_no_reject,
	.shutdown = switch_no_shutdown,
	.join = switch_no_join,
};
