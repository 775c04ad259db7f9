/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Paths of the adapter for connectionless cores: made, found by id, named and freed.
 * Called by the other files of core/rdm under the domain's lock.  It sends nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/addr.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"
#include "core/rdm/path.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"

/* An id that no path has; never 0. */
static uint32_t path_id(struct core_domain *domain)
{
	struct core_path *other;
	uint32_t id;

	do {
		id = domain->next_id++;
		HASH_FIND(hh, domain->by_id, &id, sizeof(id), other);
	} while (!id || other);
	return id;
}

int core_rdm_path_create(struct core_port *port, const void *name, size_t name_len, void *user,
			 struct core_path **path)
{
	struct core_domain *domain = port->domain;
	struct core_path *p = calloc(1, sizeof(*p));
	int ret = p ? core_rdm_peer_get(domain, name, name_len, &p->peer)
		    : core_failed("path", -FI_ENOMEM);

	if (ret) {
		free(p);
		core_rdm_port_put(port);
		return ret;
	}
	p->domain = domain;
	p->port = port;
	p->id = path_id(domain);
	p->name_len = name_len;
	memcpy(p->name, name, name_len);
	core_path_base_init(&p->base, &domain->base, &port->tx, user);
	p->base.ep = port->ep;
	p->base.addr = p->peer->addr;
	LIST_INSERT_HEAD(&domain->paths, p, link);
	HASH_ADD(hh, domain->by_id, id, sizeof(p->id), p);
	if (!p->hh.tbl) {
		p->id = 0;
		core_rdm_path_free(p);
		return core_failed("path", -FI_ENOMEM);
	}
	*path = p;
	return 0;
}

void core_rdm_path_unlist(struct core_path *path)
{
	if (path->id)
		HASH_DEL(path->domain->by_id, path);
	path->id = 0;
}

void core_rdm_path_free(struct core_path *path)
{
	struct core_domain *domain = path->domain;

	if (path->due)
		TAILQ_REMOVE(&domain->due, path, due_link);
	core_rdm_path_unlist(path);
	LIST_REMOVE(path, link);
	core_rdm_peer_put(domain, path->peer);
	core_rdm_port_put(path->port);
	free(path->data);
	free(path);
}

/* -- names ------------------------------------------------------------------------------ */

int core_rdm_path_peer(struct core_path *path, void *addr, size_t *len)
{
	return core_addr_copy(path->name, path->name_len, addr, len);
}

int core_rdm_path_name(struct core_path *path, void *addr, size_t *len)
{
	return core_addr_copy(path->port->name, path->port->name_len, addr, len);
}
