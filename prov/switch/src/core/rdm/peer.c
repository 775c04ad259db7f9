/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Addresses of peers: checked, since anybody may have sent them, and kept in the core's
 * address vector as long as they are used and for a while after.  Called by the other
 * files of core/rdm under the domain's lock.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/common/addr.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"

enum {
	IDLE_PEERS = 64, /* peers that are kept without references */
};

/* The shm core takes the part behind the first "://" for the name of shared memory; see
 * shm_open(3). */
static bool is_text_name(const char *name, size_t len)
{
	const char *own = memchr(name, '\0', len) == name + len - 1 ? strstr(name, "://") : NULL;

	if (!own)
		return false;
	own += strlen("://");
	return *own && !strchr(own, '/') && strcmp(own, ".") != 0 && strcmp(own, "..") != 0;
}

/* Only addresses of our own endpoints' family and length: an address vector of the net core
 * that was given a shorter one takes no more of the others. */
static bool is_socket_name(const struct core_domain *domain, const void *name, size_t len)
{
	const struct core_port *port = LIST_FIRST(&domain->ports);
	const struct sockaddr *addr = name, *own;

	if (!port || len != port->name_len)
		return false;
	own = (const struct sockaddr *)port->name;
	return addr->sa_family == own->sa_family && core_addr_port(name, len);
}

bool core_rdm_is_name(const struct core_domain *domain, const void *name, size_t len)
{
	if (!len || len > CORE_ADDR_MAX)
		return false;
	switch (domain->info->addr_format) {
	case FI_ADDR_STR:
		return is_text_name(name, len);
	case FI_SOCKADDR:
	case FI_SOCKADDR_IN:
	case FI_SOCKADDR_IN6:
	case CORE_SOCKADDR_IP:
		return is_socket_name(domain, name, len);
	default:
		return true;
	}
}

/* Frees an idle peer. */
static void peer_free(struct core_domain *domain, struct core_peer *peer)
{
	TAILQ_REMOVE(&domain->idle_peers, peer, link);
	domain->idle_peer_cnt--;
	HASH_DEL(domain->peers, peer);
	fi_av_remove(domain->av, &peer->addr, 1, 0);
	free(peer);
}

/* The vector may be full: then an idle peer is freed first. */
static int peer_insert(struct core_domain *domain, struct core_peer *peer)
{
	for (int tries = 0; tries < 2; tries++) {
		if (fi_av_insert(domain->av, peer->name, 1, &peer->addr, 0, NULL) == 1)
			return 0;
		if (TAILQ_EMPTY(&domain->idle_peers))
			break;
		peer_free(domain, TAILQ_FIRST(&domain->idle_peers));
	}
	CORE_INFO(AV, "the core does not take an address\n");
	return -FI_EADDRNOTAVAIL;
}

static int peer_create(struct core_domain *domain, const void *name, size_t len,
		       struct core_peer **peer)
{
	struct core_peer *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return core_failed("address", -FI_ENOMEM);
	memcpy(p->name, name, len);
	p->name_len = len;
	ret = peer_insert(domain, p);
	if (ret) {
		free(p);
		return ret;
	}
	HASH_ADD_KEYPTR(hh, domain->peers, p->name, p->name_len, p);
	if (!p->hh.tbl) {
		fi_av_remove(domain->av, &p->addr, 1, 0);
		free(p);
		return core_failed("address", -FI_ENOMEM);
	}
	*peer = p;
	return 0;
}

int core_rdm_peer_get(struct core_domain *domain, const void *name, size_t len,
		      struct core_peer **peer)
{
	struct core_peer *p;
	int ret;

	if (!core_rdm_is_name(domain, name, len))
		return -FI_EINVAL;
	HASH_FIND(hh, domain->peers, name, len, p);
	if (!p) {
		ret = peer_create(domain, name, len, &p);
		if (ret)
			return ret;
	} else if (!p->refs) {
		TAILQ_REMOVE(&domain->idle_peers, p, link);
		domain->idle_peer_cnt--;
	}
	p->refs++;
	*peer = p;
	return 0;
}

void core_rdm_peer_put(struct core_domain *domain, struct core_peer *peer)
{
	if (--peer->refs)
		return;
	TAILQ_INSERT_TAIL(&domain->idle_peers, peer, link);
	if (++domain->idle_peer_cnt > IDLE_PEERS)
		peer_free(domain, TAILQ_FIRST(&domain->idle_peers));
}

void core_rdm_peers_free(struct core_domain *domain)
{
	while (!TAILQ_EMPTY(&domain->idle_peers))
		peer_free(domain, TAILQ_FIRST(&domain->idle_peers));
}
