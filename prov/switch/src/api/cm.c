/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The calls of connection management and of names, of endpoints of both types.  They are
 * carried out by peer/cm.c.
 */
#include <string.h>

#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/cm.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/handle.h"
#include "api/no.h"
#include "base/addr.h"
#include "core/core.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/local.h"
#include "progress/pump.h"

static int enable_if_needed(struct switch_ep *ep)
{
	return ep->local.life != SWITCH_OPEN ? 0 : fi_enable(&ep->handle.fid);
}

static int msg_connect(struct fid_ep *fid, const void *addr, const void *param, size_t paramlen)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	size_t addr_len = ep->local.info->dest_addrlen;
	int ret = enable_if_needed(ep);

	if (ret)
		return ret;
	if (!addr)
		addr = ep->local.info->dest_addr;
	if (!addr || (paramlen && !param))
		return -FI_EINVAL;
	if (addr != ep->local.info->dest_addr)
		addr_len = switch_addr_len(ep->local.info, addr);
	switch_pump_lock(&ep->domain->pump);
	ret = switch_msg_connect(&ep->msg, addr, addr_len, param, paramlen);
	switch_pump_perform(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
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
	ret = switch_msg_accept(&ep->msg, param, paramlen);
	switch_pump_perform(&ep->domain->pump);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
}

static int msg_shutdown(struct fid_ep *fid, uint64_t flags)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	int ret;

	if (flags)
		return -FI_EINVAL;
	switch_pump_lock(&ep->domain->pump);
	ret = switch_msg_shutdown(&ep->msg);
	switch_pump_unlock(&ep->domain->pump);
	return ret;
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
	if (ep->msg.conn && ep->msg.conn->link.path)
		ret = ep->domain->pump.core.ops->path_name(ep->msg.conn->link.path, name.bytes,
							   &len);
	switch_pump_unlock(&ep->domain->pump);
	return ret ? give_addr(ep->local.info->src_addr, ep->local.info->src_addrlen, addr, addrlen)
		   : give_addr(name.bytes, len, addr, addrlen);
}

static int msg_getpeer(struct fid_ep *fid, void *addr, size_t *addrlen)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct switch_addr name;
	size_t len = sizeof(name.bytes);
	int ret = -FI_ENOTCONN;

	switch_pump_lock(&ep->domain->pump);
	if (ep->msg.conn && ep->msg.conn->link.path)
		ret = ep->domain->pump.core.ops->path_peer(ep->msg.conn->link.path, name.bytes,
							   &len);
	switch_pump_unlock(&ep->domain->pump);
	return ret ? ret : give_addr(name.bytes, len, addr, addrlen);
}

static int rdm_getname(fid_t fid, void *addr, size_t *addrlen)
{
	struct switch_ep *ep = switch_ep_of(fid);

	if (!ep->rdm.listener)
		return -FI_EOPBADSTATE;
	return give_addr(ep->rdm.name.bytes, ep->rdm.name.len, addr, addrlen);
}

static int ep_setname(fid_t fid, void *addr, size_t addrlen)
{
	struct switch_ep *ep = switch_ep_of(fid);

	if (ep->local.life != SWITCH_OPEN || ep->local.core_info->handle)
		return -FI_EOPBADSTATE;
	if (!addr || addrlen < sizeof(uint16_t) || addrlen > CORE_ADDR_MAX)
		return -FI_EINVAL;
	return switch_info_set_addr(&ep->local.core_info->src_addr,
				    &ep->local.core_info->src_addrlen, addr, addrlen);
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
