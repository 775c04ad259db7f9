/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A listener of the adapter for connection-oriented cores, of an endpoint in a domain or
 * passive.
 */
#ifndef CORE_MSG_LISTENER_H
#define CORE_MSG_LISTENER_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "core/core.h"
#include "core/msg/eq.h"

enum {
	CORE_MSG_ACCEPTS = 64, /* connections without a request yet that one poll lets in */
};

/* Members that only a passive endpoint has; owned by its listener. */
struct core_msg_passive {
	atomic_uint use;      /* enum core_passive_use */
	union core_msg_cm cm; /* of the last event */
};

/*
 * Owned by whoever opened it, until listener_close; freed with its last reference, of which
 * its owner has one, every unanswered request (fi_reject needs the listener), and the path
 * that its address is lent to.  refs and passive->use are atomic, since requests and paths
 * are under the lock of any domain; the rest is under the lock of the domain, or of the
 * passive endpoint's owner.  A listener has an event queue of its own: the tcp core keeps
 * requests whose data has not arrived yet in the queue, where they outlive the listener.
 */
struct core_listener {
	LIST_ENTRY(core_listener) link;
	struct core_domain *domain; /* NULL: passive, or not listening yet */
	struct fid_fabric *fabric;
	struct fi_info *info; /* a copy; the sockets core goes on using it */
	struct fid_pep *pep;
	struct fid_eq *eq;
	int eq_fd;
	unsigned idle_reads; /* reads of this poll that brought no request */
	void *user;
	atomic_uint refs;
	bool bound;			  /* the passive endpoint is bound to eq */
	struct core_msg_passive *passive; /* NULL: it belongs to an endpoint in a domain */
};

/* -- core/msg/listener.c ------------------------------------------------ */

/* A listener that does not listen yet, with one reference; 0 or a negative errno. */
int core_msg_listener_create(struct fid_fabric *fabric, struct fi_info *info, void *user,
			     struct core_listener **listener);
/* Begins to listen; 0 or a negative errno. */
int core_msg_listener_start(struct core_listener *listener);
/* Drops a reference; with the last one the listener is closed and freed. */
void core_msg_listener_put(struct core_listener *listener);
/* Reads the next request.  *len: bytes of connection data in *cm.  False: there is none, or
 * (idle_reads has reached CORE_MSG_ACCEPTS) other listeners want their turn. */
bool core_msg_listener_event(struct core_listener *listener, union core_msg_cm *cm, size_t *len);
/* Bytes of connection data that the core carries. */
size_t core_msg_pep_cm_size(struct fid_pep *pep);
int core_msg_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener);
int core_msg_listener_name(struct core_listener *listener, void *addr, size_t *len);
void core_msg_listener_close(struct core_listener *listener);

/* -- core/msg/guard.c --------------------------------------------------- */

/* Keeps peers that connect from blocking the process. */
void core_msg_listener_guard(const struct core_listener *listener);

/* -- core/msg/passive.c ------------------------------------------------- */

int core_msg_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener);
int core_msg_passive_setname(struct core_listener *listener, void *addr, size_t len);
int core_msg_passive_listen(struct core_listener *listener);
int core_msg_passive_poll(struct core_listener *listener, struct core_event *event);
void core_msg_passive_release(struct core_listener *listener, struct core_event *event);
int core_msg_passive_trywait(struct core_listener *listener);
int core_msg_passive_fd(struct core_listener *listener);
struct fid *core_msg_passive_lend(struct core_listener *listener);
void core_msg_passive_return(struct core_listener *listener, bool taken);
size_t core_msg_passive_cm_size(struct core_listener *listener);

#endif
