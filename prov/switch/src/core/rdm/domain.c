/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connectionless cores: one completion queue and one address
 * vector serve all endpoints.  Called through core_rdm_ops under the domain's lock.  It
 * looks at no completion itself; closing polls until peers were told, for at most
 * NOTIFY_TIME milliseconds.
 */
#include <sched.h>
#include <stdlib.h>

#include "core/common/caps.h"
#include "core/common/data.h"
#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/common/secret.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/listener.h"
#include "core/rdm/path.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

enum {
	NOTIFY_POLLS = 16, /* polls of a domain that closes, at least */
	NOTIFY_TIME = 100, /* milliseconds that these take at most */
};

void core_rdm_caps(const struct fi_info *info, struct core_caps *caps)
{
	core_caps_init(info, caps);
	caps->cm_data_size = CORE_RDM_CM_DATA;
	caps->keeps_sent = core_is(info, "shm");
	caps->addr_is_name = true;
	/* a peer that asks for a connection has been granted nothing yet, so its request needs
	 * a core that makes senders wait */
	caps->flow_control = info->domain_attr->resource_mgmt == FI_RM_ENABLED;
}

/* Tells peers that the domain closes, and polls until the core has sent that, since it may
 * drop what it has when an endpoint is closed. */
static void notify_peers(struct core_domain *domain)
{
	struct core_event events[CORE_BATCH];
	struct core_listener *listener;
	struct core_path *path;
	const uint64_t until = core_rdm_now() + NOTIFY_TIME;

	while ((listener = LIST_FIRST(&domain->listeners)))
		core_rdm_listener_close(listener);
	core_rdm_requests_drop(domain);
	LIST_FOREACH (path, &domain->paths, link)
		core_rdm_path_close(path);
	for (unsigned i = 0; i < NOTIFY_POLLS || core_rdm_now() < until; i++) {
		int n = core_rdm_poll(domain, events, CORE_BATCH, true);

		while (n--)
			core_rdm_release(domain, &events[n]);
		sched_yield();
		if (LIST_EMPTY(&domain->paths) && TAILQ_EMPTY(&domain->waiting) &&
		    !domain->base.out_cnt && i >= NOTIFY_POLLS)
			return;
	}
}

/* Closes endpoints first: then the core does not touch our memory any more. */
void core_rdm_domain_close(struct core_domain *domain)
{
	struct core_path *path;
	struct core_port *port;

	if (domain->cq)
		notify_peers(domain);
	core_rdm_frames_drop(domain, NULL);
	while ((port = LIST_FIRST(&domain->ports)))
		core_rdm_port_close(port);
	while ((path = LIST_FIRST(&domain->paths)))
		core_rdm_path_free(path);
	core_rdm_ports_reap(domain, false); /* those that the core did not close before */
	/* once the queue is closed, no completion names a buffer */
	CORE_CLOSE(domain->cq, "a completion queue");
	core_rdm_ports_reap(domain, true);
	core_rdm_peers_free(domain);
	CORE_CLOSE(domain->av, "an address vector");
	CORE_CLOSE(domain->base.domain, "the core's domain");
	core_fd_close(domain->wait_fd);
	core_fd_close(domain->timer_fd);
	fi_freeinfo(domain->info);
	free(domain);
}

/* Opens the queue with a descriptor if the core has such queues, else without. */
static int open_cq(struct core_domain *domain)
{
	struct fi_cq_attr attr = {
		.size = domain->base.buffer_max + CORE_OUT_MAX,
		.format = FI_CQ_FORMAT_MSG,
		.wait_obj = FI_WAIT_FD,
	};
	int ret = fi_cq_open(domain->base.domain, &attr, &domain->cq, NULL);

	domain->has_fd = !ret;
	if (ret) {
		attr.wait_obj = FI_WAIT_NONE;
		ret = fi_cq_open(domain->base.domain, &attr, &domain->cq, NULL);
	}
	return ret ? core_failed("fi_cq_open", ret) : 0;
}

static int open_av(struct core_domain *domain)
{
	const enum fi_av_type type = domain->info->domain_attr->av_type;
	struct fi_av_attr attr = {.type = type == FI_AV_UNSPEC ? FI_AV_TABLE : type};
	int ret = fi_av_open(domain->base.domain, &attr, &domain->av, NULL);

	return ret ? core_failed("fi_av_open", ret) : 0;
}

int core_rdm_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain)
{
	struct core_domain *d;
	int ret = -FI_ENOMEM;

	if (attr->buffer_size < CORE_RDM_FRAME_MAX || !attr->buffer_cnt || !attr->buffer_max)
		return core_failed("receive buffers", -FI_EINVAL);
	d = calloc(1, sizeof(*d));
	if (!d)
		return core_failed("core domain", ret);
	d->fabric = fabric;
	d->wait_fd = d->timer_fd = -1;
	TAILQ_INIT(&d->due);
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->idle_peers);
	core_domain_base_init(&d->base, info, attr);
	core_rdm_caps(info, &d->base.caps);
	d->info = fi_dupinfo(info);
	if (d->info)
		ret = fi_domain(fabric, info, &d->base.domain, NULL);
	if (ret)
		core_failed("fi_domain", ret);
	if (!ret)
		ret = core_secret_draw(&d->next_id, sizeof(d->next_id));
	if (!ret)
		ret = open_cq(d);
	if (!ret)
		ret = open_av(d);
	if (!ret)
		ret = core_rdm_wait_open(d);
	if (ret) {
		core_rdm_domain_close(d);
		return ret;
	}
	*domain = d;
	return 0;
}
