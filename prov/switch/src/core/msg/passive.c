/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints of the adapter for connection-oriented cores: listeners outside of any
 * domain.  Called through core_msg_ops under the lock of the passive endpoint's owner.
 * It answers no request.
 */
#include <stdlib.h>

#include <rdma/fi_cm.h>

#include "core/common/listener.h"
#include "core/common/log.h"
#include "core/msg/listener.h"
#include "core/msg/request.h"

int core_msg_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener)
{
	struct core_listener *l;
	int ret = core_msg_listener_create(fabric, info, user, &l);

	if (ret)
		return ret;
	l->passive = calloc(1, sizeof(*l->passive));
	if (!l->passive) {
		core_msg_listener_put(l);
		return core_failed("listener", -FI_ENOMEM);
	}
	atomic_init(&l->passive->use, CORE_PASSIVE_UNUSED);
	*listener = l;
	return 0;
}

int core_msg_passive_setname(struct core_listener *listener, void *addr, size_t len)
{
	if (atomic_load(&listener->passive->use) != CORE_PASSIVE_UNUSED)
		return -FI_EOPBADSTATE;
	return fi_setname(&listener->pep->fid, addr, len);
}

/* Begins a use.  False: the listener is in use already. */
static bool core_msg_passive_use(struct core_listener *listener, enum core_passive_use use)
{
	unsigned unused = CORE_PASSIVE_UNUSED;

	return atomic_compare_exchange_strong(&listener->passive->use, &unused, use);
}

int core_msg_passive_listen(struct core_listener *listener)
{
	int ret;

	if (!core_msg_passive_use(listener, CORE_PASSIVE_LISTENS))
		return -FI_EOPBADSTATE;
	ret = core_msg_listener_start(listener);
	if (ret)
		atomic_store(&listener->passive->use, CORE_PASSIVE_UNUSED);
	return ret;
}

struct fid *core_msg_passive_lend(struct core_listener *listener)
{
	if (!core_msg_passive_use(listener, CORE_PASSIVE_LENT))
		return NULL;
	atomic_fetch_add(&listener->refs, 1);
	return &listener->pep->fid;
}

void core_msg_passive_return(struct core_listener *listener, bool taken)
{
	if (!taken)
		atomic_store(&listener->passive->use, CORE_PASSIVE_UNUSED);
	core_msg_listener_put(listener);
}

int core_msg_passive_trywait(struct core_listener *listener)
{
	return core_msg_eq_trywait(listener->fabric, listener->eq);
}

size_t core_msg_passive_cm_size(struct core_listener *listener)
{
	return core_msg_pep_cm_size(listener->pep);
}

int core_msg_passive_fd(struct core_listener *listener)
{
	return listener->eq_fd;
}

int core_msg_passive_poll(struct core_listener *listener, struct core_event *event)
{
	const bool came = core_msg_request_next(listener, &listener->passive->cm, event);

	if (!came) /* the next poll counts its reads anew */
		listener->idle_reads = 0;
	return came;
}

/* The data lies in the listener until the next poll; the request owns the rest. */
void core_msg_passive_release(struct core_listener *listener, struct core_event *event)
{
	(void)listener;
	event->data = NULL;
	event->len = 0;
}
