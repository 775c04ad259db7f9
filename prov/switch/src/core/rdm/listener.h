/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A listener of the adapter for connectionless cores, of an endpoint in a domain or passive.
 */
#ifndef CORE_RDM_LISTENER_H
#define CORE_RDM_LISTENER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "core/common/listener.h"
#include "core/core.h"

struct core_port;

/* Members that only a passive endpoint has; owned by its listener. */
struct core_rdm_passive {
	pthread_mutex_t lock;
	enum core_passive_use use;
	struct fi_info *info; /* for its ports */
	struct fid lent;      /* stands for its address */
};

/*
 * Owned by whoever opened it, until listener_close; freed with its last reference, of which
 * its owner has one, every unanswered request, and the path that its address is lent to.
 * Under the lock of its domain.  A passive one has a domain of its own, closed with the last
 * reference; passive->lock covers both, since requests are answered under other locks than
 * the owner's.
 */
struct core_listener {
	LIST_ENTRY(core_listener) link; /* in the domain's listeners */
	struct core_domain *domain;
	struct core_port *port; /* NULL: its address is lent */
	void *user;
	atomic_uint refs;		  /* dropped under any lock */
	struct core_rdm_passive *passive; /* NULL: it belongs to an endpoint in a domain */
};

/* Whether the listener reports requests (a passive endpoint does only once it listens). */
static inline bool core_rdm_listens(const struct core_listener *listener)
{
	return !listener->passive || listener->passive->use == CORE_PASSIVE_LISTENS;
}

/* -- core/rdm/listener.c -------------------------------------------------- */

/* A listener without a port and with one reference, or NULL: there is no memory. */
struct core_listener *core_rdm_listener_create(void *user, bool passive);
/* Drops a reference; with the last one the listener is freed.  Not under its lock. */
void core_rdm_listener_put(struct core_listener *listener);
/* Lock and unlock a passive one; the lock of any other is held already. */
void core_rdm_listener_lock(struct core_listener *listener);
void core_rdm_listener_unlock(struct core_listener *listener);
/* Gives up the port, under the lock. */
void core_rdm_listener_drop_port(struct core_listener *listener);
int core_rdm_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener);
int core_rdm_listener_name(struct core_listener *listener, void *addr, size_t *len);
void core_rdm_listener_close(struct core_listener *listener);

/* -- core/rdm/passive.c --------------------------------------------------- */

int core_rdm_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener);
int core_rdm_passive_setname(struct core_listener *listener, void *addr, size_t len);
int core_rdm_passive_listen(struct core_listener *listener);
int core_rdm_passive_poll(struct core_listener *listener, struct core_event *event);
void core_rdm_passive_release(struct core_listener *listener, struct core_event *event);
int core_rdm_passive_trywait(struct core_listener *listener);
int core_rdm_passive_fd(struct core_listener *listener);
struct fid *core_rdm_passive_lend(struct core_listener *listener);
void core_rdm_passive_return(struct core_listener *listener, bool taken);
size_t core_rdm_passive_cm_size(struct core_listener *listener);

#endif
