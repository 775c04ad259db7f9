/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opens paths: asks for a connection, or accepts a request.  Called through core_msg_ops
 * under the domain's lock.  It does not wait for the answer: core/msg/cm.c reads that.
 */
#include <errno.h>
#include <string.h>

#include <rdma/fi_cm.h>

#include "core/common/addr.h"
#include "core/common/failure.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"
#include "core/msg/path.h"
#include "core/msg/request.h"

/* Whether a listener of this domain has this port: a path cannot have it too. */
static bool core_msg_port_taken(const struct core_domain *domain, uint16_t port)
{
	struct core_listener *listener;
	uint8_t addr[CORE_ADDR_MAX];
	size_t len;

	if (!port)
		return false;
	LIST_FOREACH (listener, &domain->listeners, link) {
		len = sizeof(addr);
		if (!fi_getname(&listener->pep->fid, addr, &len) &&
		    core_addr_port(addr, len) == port)
			return true;
	}
	return false;
}

/* A shallow copy of an info for an endpoint of this domain, with storage for the parts that
 * differ. */
struct core_msg_ep_info {
	struct fi_info info;
	struct fi_ep_attr ep_attr;
	uint8_t src_addr[CORE_ADDR_MAX];
};

static int core_msg_ep_info(const struct core_domain *domain, const struct fi_info *info,
			    struct core_msg_ep_info *copy)
{
	if (info->src_addrlen > sizeof(copy->src_addr))
		return -FI_EINVAL;
	copy->info = *info;
	copy->ep_attr = *info->ep_attr;
	copy->info.ep_attr = &copy->ep_attr;
	copy->info.next = NULL;
	if (copy->info.handle && copy->info.handle->fclass != FI_CLASS_PEP)
		copy->info.handle = NULL;
	copy->ep_attr.rx_ctx_cnt = domain->rx_ctx_cnt;
	if (info->src_addr) {
		memcpy(copy->src_addr, info->src_addr, info->src_addrlen);
		copy->info.src_addr = copy->src_addr;
		if (core_msg_port_taken(domain, core_addr_port(copy->src_addr, info->src_addrlen)))
			core_addr_port_clear(copy->src_addr, info->src_addrlen);
	}
	return 0;
}

/* Whether fi_connect failed because the peer cannot be reached.  Some cores (sockets) ask
 * the network within the call; CORE_REFUSED reports it later, as with the others. */
static bool refused_at_once(int error)
{
	switch (error) {
	case -FI_ECONNREFUSED:
	case -FI_ECONNRESET:
	case -FI_ETIMEDOUT:
	case -FI_EHOSTUNREACH:
	case -EHOSTDOWN:
	case -FI_ENETUNREACH:
	case -FI_EIO: /* the peer hung up */
		return true;
	default:
		return false;
	}
}

int core_msg_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path)
{
	struct core_msg_ep_info copy;
	struct core_path *p;
	int ret;

	(void)from; /* a connection cannot start at the address that it listens at */
	if (len > domain->base.caps.cm_data_size)
		return -FI_EINVAL;
	ret = core_msg_ep_info(domain, info, &copy);
	if (ret)
		return ret;
	copy.info.dest_addr = (void *)addr;
	copy.info.dest_addrlen = addr_len;
	ret = core_msg_path_create(domain, &copy.info, user, &p);
	if (ret)
		return ret;
	ret = fi_connect(p->base.ep, addr, data, len);
	if (refused_at_once(ret)) {
		p->base.state = CORE_PATH_DEAD;
		p->error = core_peer_error(-ret);
		domain->cm_pending--;
		core_msg_drain_enter(p, CORE_MSG_REPORT_REFUSED);
		ret = 0;
	}
	if (ret) {
		core_failed("fi_connect", ret);
		core_msg_path_discard(p);
		return ret;
	}
	*path = p;
	return 0;
}

int core_msg_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path)
{
	struct core_path *p;
	int ret = -FI_EINVAL;

	if (len > domain->base.caps.cm_data_size)
		goto fail;
	request->info->ep_attr->rx_ctx_cnt = domain->rx_ctx_cnt;
	ret = core_msg_path_create(domain, request->info, user, &p);
	if (ret)
		goto fail;
	ret = fi_accept(p->base.ep, data, len);
	if (ret) {
		core_failed("fi_accept", ret);
		core_msg_path_discard(p);
		goto fail;
	}
	core_msg_request_answered(request);
	*path = p;
	return 0;

fail:
	/* this frees what the core keeps of the request, wherever its socket is now */
	core_msg_reject(request, NULL, 0);
	return ret;
}
