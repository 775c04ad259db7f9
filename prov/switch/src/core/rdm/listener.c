/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listeners of the adapter for connectionless cores.  A listener is a port whose requests
 * are reported.  Called through core_rdm_ops under the domain's lock; a passive
 * one has a domain and a lock of its own (core/rdm/passive.c).
 */
#include <stdlib.h>

#include "core/common/addr.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"
#include "core/rdm/listener.h"
#include "core/rdm/port.h"

void core_rdm_listener_lock(struct core_listener *listener)
{
	if (listener->passive)
		pthread_mutex_lock(&listener->passive->lock);
}

void core_rdm_listener_unlock(struct core_listener *listener)
{
	if (listener->passive)
		pthread_mutex_unlock(&listener->passive->lock);
}

void core_rdm_listener_put(struct core_listener *listener)
{
	if (atomic_fetch_sub(&listener->refs, 1) != 1)
		return;
	if (listener->passive) {
		if (listener->domain)
			core_rdm_domain_close(listener->domain);
		pthread_mutex_destroy(&listener->passive->lock);
		fi_freeinfo(listener->passive->info);
		free(listener->passive);
	}
	free(listener);
}

struct core_listener *core_rdm_listener_create(void *user, bool passive)
{
	struct core_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->user = user;
	atomic_init(&l->refs, 1);
	if (!passive)
		return l;
	l->passive = calloc(1, sizeof(*l->passive));
	if (!l->passive) {
		free(l);
		return NULL;
	}
	pthread_mutex_init(&l->passive->lock, NULL);
	return l;
}

int core_rdm_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener)
{
	struct core_listener *l = core_rdm_listener_create(user, false);
	int ret;

	if (!l)
		return core_failed("listener", -FI_ENOMEM);
	ret = core_rdm_port_open(domain, info, &l->port);
	if (ret) {
		core_rdm_listener_put(l);
		return core_failed("opening an endpoint to listen", ret);
	}
	l->domain = domain;
	l->port->listener = l;
	LIST_INSERT_HEAD(&domain->listeners, l, link);
	*listener = l;
	return 0;
}

int core_rdm_listener_name(struct core_listener *listener, void *addr, size_t *len)
{
	int ret = -FI_EOPBADSTATE;

	core_rdm_listener_lock(listener);
	if (listener->port)
		ret = core_addr_copy(listener->port->name, listener->port->name_len, addr, len);
	core_rdm_listener_unlock(listener);
	return ret;
}

void core_rdm_listener_drop_port(struct core_listener *listener)
{
	if (!listener->port)
		return;
	listener->port->listener = NULL;
	core_rdm_port_put(listener->port);
	listener->port = NULL;
}

void core_rdm_listener_close(struct core_listener *listener)
{
	core_rdm_listener_lock(listener);
	if (!listener->passive)
		LIST_REMOVE(listener, link);
	core_rdm_listener_drop_port(listener);
	core_rdm_listener_unlock(listener);
	core_rdm_listener_put(listener);
}
