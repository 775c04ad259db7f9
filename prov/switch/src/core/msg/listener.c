/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listeners of the adapter for connection-oriented cores.  Called through core_msg_ops
 * under the domain's lock, and by core/msg/passive.c under the lock of the passive
 * endpoint's owner.  It makes no request and no path.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <rdma/fi_cm.h>

#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"

enum {
	CORE_MSG_DRAIN =
		4096, /* reads of the queue of a listener that closes, however many connect */
};

/* Whether accept failed because the process or the system has no room for another
 * connection: reading again lets none in. */
static bool core_msg_no_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/*
 * Whether to read again behind a read that brought nothing.  The tcp core accepts one
 * connection with each read, which makes no event until its request has come: a request
 * would wait for one poll per connection ahead of it.  The descriptor is readable while
 * there are more connections.  It stays readable behind an event, too, until trywait, which
 * is therefore called first, and followed by a read.  error: errno of the read.
 */
static bool core_msg_listener_more(struct core_listener *listener, int error)
{
	struct pollfd pfd = {.fd = listener->eq_fd, .events = POLLIN};

	if (listener->idle_reads >= CORE_MSG_ACCEPTS || core_msg_no_room(error) ||
	    poll(&pfd, 1, 0) <= 0)
		return false;
	if (!listener->idle_reads++)
		core_msg_eq_trywait(listener->fabric, listener->eq);
	return true;
}

bool core_msg_listener_event(struct core_listener *listener, union core_msg_cm *cm, size_t *len)
{
	struct fi_eq_err_entry err = {0};
	uint32_t type;
	ssize_t ret;

	for (;;) {
		ret = core_msg_eq_read(listener->eq, &type, cm);
		if (ret == -FI_EAVAIL) {
			if (fi_eq_readerr(listener->eq, &err, 0) < 0)
				return false;
			CORE_INFO(EQ, "listener: %s\n", fi_strerror(err.err));
			continue;
		}
		if (ret == -FI_EAGAIN && core_msg_listener_more(listener, errno))
			continue;
		if (ret < 0)
			return false;
		if (type == FI_CONNREQ) {
			*len = core_msg_cm_len(ret);
			return true;
		}
	}
}

/* Rejects the requests that are in the queue.  The tcp core would forget them when it closes
 * the listener, but keep their sockets open, and the peers would wait for an answer for
 * ever.  Connections without a request yet cannot be rejected. */
static void core_msg_listener_drain(struct core_listener *listener)
{
	union core_msg_cm cm;
	size_t len;

	for (unsigned reads = 0; reads < CORE_MSG_DRAIN; reads += 1 + listener->idle_reads) {
		listener->idle_reads = 0;
		if (core_msg_listener_event(listener, &cm, &len)) {
			fi_reject(listener->pep, cm.entry.info->handle, NULL, 0);
			fi_freeinfo(cm.entry.info);
		} else if (listener->idle_reads < CORE_MSG_ACCEPTS) {
			return;
		}
	}
}

void core_msg_listener_put(struct core_listener *listener)
{
	if (atomic_fetch_sub(&listener->refs, 1) != 1)
		return;
	if (listener->pep)
		core_msg_listener_drain(listener);
	CORE_CLOSE(listener->pep, "a passive endpoint");
	CORE_CLOSE(listener->eq, "an event queue");
	fi_freeinfo(listener->info);
	free(listener->passive);
	free(listener);
}

int core_msg_listener_create(struct fid_fabric *fabric, struct fi_info *info, void *user,
			     struct core_listener **listener)
{
	struct core_listener *l;
	int ret;

	l = calloc(1, sizeof(*l));
	if (!l)
		return core_failed("listener", -FI_ENOMEM);
	l->fabric = fabric;
	l->user = user;
	atomic_init(&l->refs, 1);

	l->info = fi_dupinfo(info);
	ret = l->info ? core_msg_eq_open(fabric, &l->eq, &l->eq_fd)
		      : core_failed("listener", -FI_ENOMEM);
	if (ret)
		goto fail;
	ret = fi_passive_ep(fabric, l->info, &l->pep, l);
	if (ret) {
		core_failed("fi_passive_ep", ret);
		goto fail;
	}
	*listener = l;
	return 0;

fail:
	core_msg_listener_put(l);
	return ret;
}

/* The passive endpoint is bound to its queue only here: verbs forgets that with a new name. */
int core_msg_listener_start(struct core_listener *listener)
{
	int ret;

	if (!listener->bound) {
		ret = fi_pep_bind(listener->pep, &listener->eq->fid, 0);
		if (ret)
			return core_failed("fi_pep_bind", ret);
		listener->bound = true;
	}
	ret = fi_listen(listener->pep);
	if (ret)
		return core_failed("fi_listen", ret);
	core_msg_listener_guard(listener);
	return 0;
}

size_t core_msg_pep_cm_size(struct fid_pep *pep)
{
	size_t size = 0, len = sizeof(size);

	if (fi_getopt(&pep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &size, &len) ||
	    size < CORE_MSG_CM_DATA_MIN)
		return CORE_MSG_CM_DATA_MIN;
	return size < CORE_MSG_CM_DATA ? size : CORE_MSG_CM_DATA;
}

int core_msg_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener)
{
	struct core_listener *l;
	int ret;

	ret = core_msg_listener_create(domain->fabric, info, user, &l);
	if (ret)
		return ret;
	ret = core_msg_listener_start(l);
	if (!ret)
		ret = core_epoll_add(domain->cm_fd, l->eq_fd, EPOLLIN);
	if (ret) {
		core_msg_listener_put(l);
		return ret;
	}
	l->domain = domain;
	LIST_INSERT_HEAD(&domain->listeners, l, link);
	*listener = l;
	return 0;
}

int core_msg_listener_name(struct core_listener *listener, void *addr, size_t *len)
{
	return fi_getname(&listener->pep->fid, addr, len);
}

void core_msg_listener_close(struct core_listener *listener)
{
	if (listener->domain) {
		LIST_REMOVE(listener, link);
		core_epoll_remove(listener->domain->cm_fd, listener->eq_fd);
	}
	core_msg_listener_put(listener);
}
