/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Listeners and connection requests of the adapter for connection-oriented
 * cores.  Called through core_msg_ops and core_msg_cm_poll() under the
 * domain's lock, and as core_msg_passive_*() under the lock of the passive
 * endpoint's owner.  It makes no path: core_msg_accept() does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "core/msg/msg.h"

int core_msg_eq_open(struct fid_fabric *fabric, struct fid_eq **eq, int *fd)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_FD};
	int ret;

	ret = fi_eq_open(fabric, &attr, eq, NULL);
	if (ret)
		return core_failed("fi_eq_open", ret);
	ret = fi_control(&(*eq)->fid, FI_GETWAIT, fd);
	if (ret) {
		fi_close(&(*eq)->fid);
		*eq = NULL;
		return core_failed("descriptor of the event queue", ret);
	}
	return 0;
}

/* Returns like fi_eq_read.  The tcp core takes an old errno for the reason
 * when a peer hangs up instead of answering; an old EAGAIN makes it wait for
 * ever. */
ssize_t core_msg_eq_read(struct fid_eq *eq, uint32_t *type, union core_msg_cm *cm)
{
	ssize_t ret;

	errno = 0;
	ret = fi_eq_read(eq, type, cm, sizeof(*cm), 0);
	if (ret < 0 && ret != -FI_EAGAIN && ret != -FI_EAVAIL)
		core_failed("fi_eq_read", (int)ret);
	return ret;
}

/* fi_trywait: the tcp core before 1.18 progresses its connections in here, too. */
int core_msg_eq_trywait(struct fid_fabric *fabric, struct fid_eq *eq)
{
	struct fid *fid = &eq->fid;

	errno = 0;
	return fi_trywait(fabric, &fid, 1);
}

size_t core_msg_cm_len(ssize_t ret)
{
	size_t head = sizeof(struct fi_eq_cm_entry);

	return (size_t)ret > head ? (size_t)ret - head : 0;
}

/* -- listeners ---------------------------------------------------------- */

/* The process or the system has no room for another connection: reading again
 * lets nobody in. */
static bool core_msg_no_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/*
 * Whether to read on behind a read that brought nothing.  The tcp core lets one
 * connection in with each read, and whoever said nothing yet makes no event: a
 * request would wait for one look per connection ahead of it.  The descriptor says
 * whether more are there.  It stays readable behind an event, too, until trywait,
 * which therefore comes first and is followed by a read.  error: errno of the read.
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

/* One request of a listener's queue; false: none is there, or (idle_reads has come to
 * its end) so many connections were let in that others want their turn. */
static bool core_msg_listener_event(struct core_listener *listener, union core_msg_cm *cm,
				    size_t *len)
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

/* Turns away whoever is at the door.  The tcp core would forget them when it
 * closes the listener, but keep their sockets open, and they would wait for an
 * answer for ever.  Who connected and said nothing is beyond reach. */
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

static void core_msg_listener_put(struct core_listener *listener)
{
	if (atomic_fetch_sub(&listener->refs, 1) != 1)
		return;
	if (listener->pep) {
		core_msg_listener_drain(listener);
		fi_close(&listener->pep->fid);
	}
	if (listener->eq)
		fi_close(&listener->eq->fid);
	fi_freeinfo(listener->info);
	free(listener);
}

static int core_msg_listener_create(struct fid_fabric *fabric, struct fi_info *info, void *user,
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

/* Not bound to its queue before: verbs forgets that with a new name. */
static int core_msg_listener_start(struct core_listener *listener)
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

int core_msg_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct core_listener *l;
	int ret;

	ret = core_msg_listener_create(domain->fabric, info, user, &l);
	if (ret)
		return ret;
	ret = core_msg_listener_start(l);
	if (ret)
		goto fail;
	if (epoll_ctl(domain->cm_fd, EPOLL_CTL_ADD, l->eq_fd, &event)) {
		ret = core_failed("epoll_ctl", -errno);
		goto fail;
	}
	l->domain = domain;
	LIST_INSERT_HEAD(&domain->listeners, l, link);
	*listener = l;
	return 0;

fail:
	core_msg_listener_put(l);
	return ret;
}

int core_msg_listener_name(struct core_listener *listener, void *addr, size_t *len)
{
	return fi_getname(&listener->pep->fid, addr, len);
}

void core_msg_listener_close(struct core_listener *listener)
{
	if (listener->domain) {
		LIST_REMOVE(listener, link);
		epoll_ctl(listener->domain->cm_fd, EPOLL_CTL_DEL, listener->eq_fd, NULL);
	}
	core_msg_listener_put(listener);
}

int core_msg_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener)
{
	return core_msg_listener_create(fabric, info, user, listener);
}

int core_msg_passive_setname(struct core_listener *listener, void *addr, size_t len)
{
	if (atomic_load(&listener->use) != CORE_MSG_UNUSED)
		return -FI_EOPBADSTATE;
	return fi_setname(&listener->pep->fid, addr, len);
}

/* False: it is in use already. */
static bool core_msg_passive_use(struct core_listener *listener, enum core_msg_use use)
{
	unsigned unused = CORE_MSG_UNUSED;

	return atomic_compare_exchange_strong(&listener->use, &unused, use);
}

int core_msg_passive_listen(struct core_listener *listener)
{
	int ret;

	if (!core_msg_passive_use(listener, CORE_MSG_LISTENS))
		return -FI_EOPBADSTATE;
	ret = core_msg_listener_start(listener);
	if (ret)
		atomic_store(&listener->use, CORE_MSG_UNUSED);
	return ret;
}

struct fid *core_msg_passive_lend(struct core_listener *listener)
{
	if (!core_msg_passive_use(listener, CORE_MSG_LENT))
		return NULL;
	atomic_fetch_add(&listener->refs, 1);
	return &listener->pep->fid;
}

void core_msg_passive_return(struct core_listener *listener, bool taken)
{
	if (!taken)
		atomic_store(&listener->use, CORE_MSG_UNUSED);
	core_msg_listener_put(listener);
}

int core_msg_passive_trywait(struct core_listener *listener)
{
	return core_msg_eq_trywait(listener->fabric, listener->eq);
}

size_t core_msg_pep_cm_size(struct fid_pep *pep)
{
	size_t size = 0, len = sizeof(size);

	if (fi_getopt(&pep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &size, &len) ||
	    size < CORE_MSG_CM_DATA_MIN)
		return CORE_MSG_CM_DATA_MIN;
	return size < CORE_MSG_CM_DATA ? size : CORE_MSG_CM_DATA;
}

size_t core_msg_passive_cm_size(struct core_listener *listener)
{
	return core_msg_pep_cm_size(listener->pep);
}

int core_msg_passive_fd(struct core_listener *listener)
{
	return listener->eq_fd;
}

/* -- requests ----------------------------------------------------------- */

static void core_msg_request_free(struct core_request *request)
{
	if (request->listed)
		LIST_REMOVE(request, link);
	fi_freeinfo(request->info);
	free(request);
}

void core_msg_request_answered(struct core_request *request)
{
	core_msg_listener_put(request->listener);
	request->listener = NULL;
	if (!request->held)
		core_msg_request_free(request);
}

void core_msg_request_release(struct core_request *request)
{
	request->held = false;
	if (!request->listener)
		core_msg_request_free(request);
}

void core_msg_reject(struct core_request *request, const void *data, size_t len)
{
	int ret;

	/* the tcp core copies it into a buffer of that size unchecked */
	if (len > CORE_MSG_CM_DATA)
		len = 0;
	ret = fi_reject(request->listener->pep, request->info->handle, data, len);
	if (ret) /* verbs: the peer has left */
		CORE_INFO(EP_CTRL, "fi_reject: %s\n", fi_strerror(-ret));
	core_msg_request_answered(request);
}

void core_msg_requests_drop(struct core_domain *domain)
{
	struct core_request *request;

	while ((request = LIST_FIRST(&domain->requests))) {
		request->held = false;
		if (request->listener)
			core_msg_reject(request, NULL, 0);
		else
			core_msg_request_free(request);
	}
}

bool core_msg_request_next(struct core_listener *listener, union core_msg_cm *cm,
			   struct core_event *event)
{
	struct core_request *request;
	size_t len;

	if (!core_msg_listener_event(listener, cm, &len))
		return false;
	request = calloc(1, sizeof(*request));
	if (!request) {
		core_failed("connection request", -FI_ENOMEM);
		fi_reject(listener->pep, cm->entry.info->handle, NULL, 0);
		fi_freeinfo(cm->entry.info);
		return false;
	}
	request->listener = listener;
	request->info = cm->entry.info;
	atomic_fetch_add(&listener->refs, 1);
	if (listener->domain) {
		LIST_INSERT_HEAD(&listener->domain->requests, request, link);
		request->listed = request->held = true;
	}
	*event = (struct core_event){
		.type = CORE_REQUEST,
		.user = listener->user,
		.listener = listener,
		.request = request,
		.data = cm->entry.data,
		.len = len,
		.info = request->info,
		.addr = request->info->dest_addr,
		.addr_len = request->info->dest_addrlen,
		.token = listener->domain ? request : NULL,
	};
	return true;
}

int core_msg_passive_poll(struct core_listener *listener, struct core_event *event)
{
	const bool came = core_msg_request_next(listener, &listener->cm, event);

	if (!came) /* so ends a look */
		listener->idle_reads = 0;
	return came;
}

/* The data lies in the listener, the rest belongs to the request. */
void core_msg_passive_release(struct core_listener *listener, struct core_event *event)
{
	(void)listener;
	event->data = NULL;
	event->len = 0;
}
