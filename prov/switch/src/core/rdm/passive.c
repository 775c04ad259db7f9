/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Passive endpoints of the adapter for connectionless cores: listeners with a domain of
 * their own, under their own lock.  Called through core_rdm_ops.  Their domain never has
 * a path.
 */
#include "core/common/domain.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/listener.h"
#include "core/rdm/port.h"

int core_rdm_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener)
{
	const struct core_attr attr = {
		.buffer_size = CORE_RDM_FRAME_MAX,
		.buffer_cnt = CORE_BATCH,
		.buffer_max = CORE_BATCH * CORE_BATCH,
		.path_cnt = 1,
	};
	struct core_listener *l = core_rdm_listener_create(user, true);
	int ret = -FI_ENOMEM;

	if (!l)
		return core_failed("listener", ret);
	l->passive->lent.fclass = FI_CLASS_PEP;
	l->passive->lent.context = l;
	l->passive->info = fi_dupinfo(info);
	if (l->passive->info)
		ret = core_rdm_domain_open(fabric, l->passive->info, &attr, &l->domain);
	if (!ret)
		ret = core_rdm_port_open(l->domain, l->passive->info, &l->port);
	if (ret) {
		core_rdm_listener_put(l);
		return core_failed("opening an endpoint to listen", ret);
	}
	l->port->listener = l;
	*listener = l;
	return 0;
}

/* Gives up the port for one at this address, under the lock. */
static int passive_move(struct core_listener *listener, void *addr, size_t len)
{
	struct fi_info info = *listener->passive->info;
	struct core_port *port;
	int ret;

	info.src_addr = addr;
	info.src_addrlen = len;
	ret = core_rdm_port_open(listener->domain, &info, &port);
	if (ret)
		return core_failed("opening an endpoint to listen", ret);
	core_rdm_listener_drop_port(listener);
	listener->port = port;
	port->listener = listener;
	return 0;
}

int core_rdm_passive_setname(struct core_listener *listener, void *addr, size_t len)
{
	int ret = -FI_EOPBADSTATE;

	core_rdm_listener_lock(listener);
	if (listener->passive->use == CORE_PASSIVE_UNUSED)
		ret = passive_move(listener, addr, len);
	core_rdm_listener_unlock(listener);
	return ret;
}

int core_rdm_passive_listen(struct core_listener *listener)
{
	int ret = 0;

	core_rdm_listener_lock(listener);
	if (listener->passive->use != CORE_PASSIVE_UNUSED)
		ret = -FI_EOPBADSTATE;
	else
		listener->passive->use = CORE_PASSIVE_LISTENS;
	core_rdm_listener_unlock(listener);
	return ret;
}

/* The domain has no path, so only requests are expected.  Messages from unknown sources are
 * dropped, up to CORE_READS of them, so that a request behind them does not wait for one poll
 * each. */
int core_rdm_passive_poll(struct core_listener *listener, struct core_event *event)
{
	int n = 0;

	core_rdm_listener_lock(listener);
	for (int looks = 0; looks < CORE_READS; looks++) {
		n = core_rdm_poll(listener->domain, event, 1, true);
		if (!n || event->type == CORE_REQUEST)
			break;
		core_rdm_release(listener->domain, event);
		n = 0;
	}
	core_rdm_listener_unlock(listener);
	return n;
}

void core_rdm_passive_release(struct core_listener *listener, struct core_event *event)
{
	core_rdm_listener_lock(listener);
	core_rdm_release(listener->domain, event);
	core_rdm_listener_unlock(listener);
}

int core_rdm_passive_trywait(struct core_listener *listener)
{
	int ret;

	core_rdm_listener_lock(listener);
	ret = core_rdm_trywait(listener->domain);
	core_rdm_listener_unlock(listener);
	return ret;
}

int core_rdm_passive_fd(struct core_listener *listener)
{
	return listener->domain->wait_fd;
}

/* The port is closed, since the endpoint that connects opens one of its own at the address. */
struct fid *core_rdm_passive_lend(struct core_listener *listener)
{
	struct fid *lent = NULL;

	core_rdm_listener_lock(listener);
	if (listener->passive->use == CORE_PASSIVE_UNUSED) {
		listener->passive->use = CORE_PASSIVE_LENT;
		core_rdm_listener_drop_port(listener);
		atomic_fetch_add(&listener->refs, 1);
		lent = &listener->passive->lent;
	}
	core_rdm_listener_unlock(listener);
	return lent;
}

void core_rdm_passive_return(struct core_listener *listener, bool taken)
{
	core_rdm_listener_lock(listener);
	if (!taken &&
	    !core_rdm_port_open(listener->domain, listener->passive->info, &listener->port)) {
		listener->port->listener = listener;
		listener->passive->use = CORE_PASSIVE_UNUSED;
	}
	core_rdm_listener_unlock(listener);
	core_rdm_listener_put(listener);
}

size_t core_rdm_passive_cm_size(struct core_listener *listener)
{
	(void)listener;
	return CORE_RDM_CM_DATA;
}
