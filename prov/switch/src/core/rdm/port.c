/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints of a connectionless core: opened for a listener, or shared by paths of
 * endpoints that never listen, and freed once no completion names their buffers.  Called
 * by the other files of core/rdm under the domain's lock.  It sends nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_cm.h>

#include "core/common/addr.h"
#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/port.h"

enum {
	BUSY_TRIES = 64, /* names that are tried for an endpoint */
};

/* Prefixes of addresses of the shm core.  An address with the first prefix is the name of
 * an endpoint as it stands.  From an address with the second one the core makes a name, by
 * adding the process id and a number that it counts up.  If a fixed name is in use, the
 * core takes it away from the endpoint that has it (smr_retry_map in 1.17). */
static const char FIXED[] = "fi_ns://", COUNTED[] = "fi_shm://";

static bool is_fixed(const struct fi_info *info)
{
	return info->src_addr && info->src_addrlen > strlen(FIXED) &&
	       !strncmp(info->src_addr, FIXED, strlen(FIXED));
}

/* A shallow copy of an info for an endpoint, with storage for the parts that differ. */
struct port_info {
	struct fi_info info;
	struct fi_tx_attr tx_attr;
	uint8_t src_addr[CORE_ADDR_MAX];
};

static int port_info(const struct core_domain *domain, const struct fi_info *info,
		     struct port_info *copy)
{
	if (info->src_addrlen > sizeof(copy->src_addr))
		return -FI_EINVAL;
	copy->info = *domain->info;
	copy->tx_attr = *domain->info->tx_attr;
	copy->info.tx_attr = &copy->tx_attr;
	copy->info.next = NULL;
	copy->info.handle = NULL;
	copy->info.dest_addr = NULL;
	copy->info.dest_addrlen = 0;
	copy->info.src_addr = info->src_addr ? copy->src_addr : NULL;
	copy->info.src_addrlen = info->src_addr ? info->src_addrlen : 0;
	if (info->src_addr)
		memcpy(copy->src_addr, info->src_addr, info->src_addrlen);
	/* so that operations complete that are posted without flags */
	copy->tx_attr.op_flags = FI_COMPLETION;
	if (domain->base.async_iov) /* these are posted without flags */
		copy->tx_attr.op_flags |= domain->base.write_flags;
	return 0;
}

static int port_bind(struct core_port *port)
{
	struct core_domain *domain = port->domain;
	int ret;

	ret = fi_ep_bind(port->ep, &domain->av->fid, 0);
	if (!ret)
		ret = fi_ep_bind(port->ep, &domain->cq->fid, FI_TRANSMIT | FI_SELECTIVE_COMPLETION);
	if (!ret)
		ret = fi_ep_bind(port->ep, &domain->cq->fid, FI_RECV);
	if (!ret)
		ret = fi_enable(port->ep);
	if (!ret) {
		port->name_len = sizeof(port->name);
		ret = fi_getname(&port->ep->fid, port->name, &port->name_len);
	}
	return ret;
}

/* Opens, binds and enables the core's endpoint.  Some cores notice only when it is enabled
 * that an address is taken. */
static int port_start(struct core_port *port, struct fi_info *info)
{
	int ret = fi_endpoint(port->domain->base.domain, info, &port->ep, port);

	if (ret) {
		port->ep = NULL;
		return ret;
	}
	ret = port_bind(port);
	if (ret) {
		core_fid_close(&port->ep->fid, "an endpoint");
		port->ep = NULL;
	}
	return ret;
}

int core_rdm_port_open(struct core_domain *domain, const struct fi_info *info,
		       struct core_port **port)
{
	struct port_info copy;
	struct core_port *p;
	int ret = port_info(domain, info, &copy);

	if (ret)
		return ret;
	p = calloc(1, sizeof(*p));
	if (!p)
		return core_failed("port", -FI_ENOMEM);
	p->domain = domain;
	p->refs = 1;
	LIST_INSERT_HEAD(&domain->ports, p, link);
	/* a killed process with our process id may have left its names behind */
	for (int tries = 0; tries < BUSY_TRIES; tries++) {
		ret = port_start(p, &copy.info);
		if (ret != -FI_EBUSY || is_fixed(&copy.info))
			break;
	}
	if (ret) {
		LIST_REMOVE(p, link);
		free(p);
		return ret;
	}
	p->pool.ep = p->tx.ep = p->ep;
	p->pool.owner = p->tx.owner = p;
	ret = core_pool_grow(&domain->base, &p->pool, domain->base.buffer_cnt);
	if (ret) {
		core_rdm_port_put(p);
		return ret;
	}
	*port = p;
	return 0;
}

/* Opens a port at info's source address if it is free, and else at another one: a listener
 * may have it, and no peer depends on where our paths begin. */
static int open_anywhere(struct core_domain *domain, const struct fi_info *info,
			 struct core_port **port)
{
	struct fi_info any = *info;
	uint8_t addr[CORE_ADDR_MAX];
	int ret;

	if (is_fixed(info)) {
		any.src_addr = addr;
		any.src_addrlen = (size_t)snprintf((char *)addr, sizeof(addr), "%s%.*s", COUNTED,
						   (int)(info->src_addrlen - strlen(FIXED)),
						   (char *)info->src_addr + strlen(FIXED)) +
				  1;
		return any.src_addrlen <= sizeof(addr) ? core_rdm_port_open(domain, &any, port)
						       : -FI_EINVAL;
	}
	ret = core_rdm_port_open(domain, info, port);
	if (ret && info->src_addr && info->src_addrlen <= sizeof(addr)) {
		memcpy(addr, info->src_addr, info->src_addrlen);
		any.src_addr = core_addr_port_clear(addr, info->src_addrlen) ? addr : NULL;
		any.src_addrlen = any.src_addr ? info->src_addrlen : 0;
		ret = core_rdm_port_open(domain, &any, port);
	}
	return ret;
}

static int open_shared(struct core_domain *domain, const struct fi_info *info,
		       struct core_port **port)
{
	struct core_port_share *share = calloc(1, sizeof(*share));
	int ret = share ? open_anywhere(domain, info, port) : -FI_ENOMEM;

	if (ret) {
		free(share);
		return core_failed("opening an endpoint", ret);
	}
	share->asked_len = info->src_addr ? info->src_addrlen : 0;
	if (info->src_addr)
		memcpy(share->asked, info->src_addr, info->src_addrlen);
	(*port)->share = share;
	return 0;
}

/* The shared port for info's source address, or NULL. */
static struct core_port *find_shared(const struct core_domain *domain, const struct fi_info *info)
{
	const size_t len = info->src_addr ? info->src_addrlen : 0;
	struct core_port *port;

	LIST_FOREACH (port, &domain->ports, link)
		if (port->share && port->share->asked_len == len &&
		    (!len || !memcmp(port->share->asked, info->src_addr, len)))
			return port;
	return NULL;
}

int core_rdm_port_share(struct core_domain *domain, const struct fi_info *info,
			struct core_port **port)
{
	const bool one_of_many =
		info->src_addr && core_addr_port(info->src_addr, info->src_addrlen);
	int ret;

	*port = find_shared(domain, info);
	if (!*port) {
		ret = open_shared(domain, info, port);
		if (ret || one_of_many)
			return ret;
		(*port)->share->kept = true;
	}
	core_rdm_port_get(*port);
	return 0;
}

void core_rdm_ports_unshare(struct core_domain *domain)
{
	struct core_port *port = LIST_FIRST(&domain->ports), *next;
	bool kept;

	for (; port; port = next) {
		next = LIST_NEXT(port, link);
		kept = port->share && port->share->kept;
		free(port->share);
		port->share = NULL;
		if (kept)
			core_rdm_port_put(port);
	}
}

void core_rdm_port_get(struct core_port *port)
{
	port->refs++;
}

/* Closes the core's endpoint.  A core of FI_MR_ENDPOINT refuses that (-FI_EBUSY) while a
 * registration is bound to it; then core_rdm_ports_reap() tries again. */
static void port_end(struct core_port *port)
{
	struct core_domain *domain = port->domain;
	int ret = fi_close(&port->ep->fid);

	if (ret == -FI_EBUSY)
		return;
	if (ret)
		core_failed("closing an endpoint", ret);
	port->ep = NULL;
	port->drain_at = core_drain_at(&domain->base, domain->seen);
}

void core_rdm_port_close(struct core_port *port)
{
	struct core_domain *domain = port->domain;

	port->pool.ep = NULL;
	LIST_REMOVE(port, link);
	LIST_INSERT_HEAD(&domain->closed_ports, port, link);
	port_end(port);
}

void core_rdm_port_put(struct core_port *port)
{
	if (!--port->refs && port->pool.ep)
		core_rdm_port_close(port);
}

void core_rdm_ports_drained(struct core_domain *domain)
{
	struct core_port *port;

	LIST_FOREACH (port, &domain->closed_ports, link)
		port->drain_at = domain->seen;
}

void core_rdm_ports_reap(struct core_domain *domain, bool all)
{
	struct core_port *port = LIST_FIRST(&domain->closed_ports), *next;

	for (; port; port = next) {
		next = LIST_NEXT(port, link);
		if (port->ep)
			port_end(port);
		if (port->ep ||
		    (!all && (port->refs || !core_drained(domain->seen, port->drain_at))))
			continue;
		LIST_REMOVE(port, link);
		core_rdm_frames_lost(port);
		core_pool_free(&domain->base, &port->pool);
		core_tx_pool_free(&domain->base, &port->tx);
		free(port->share);
		free(port);
	}
}
