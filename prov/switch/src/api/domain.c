/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain: one engine over one core domain, and everything they serve.
 *
 * Opened and closed by the application.  It owns the engine, the core domain,
 * the timer and the progress thread; endpoints, queues, counters, address
 * vectors and memory regions hold a reference and keep it from being closed.
 */
#include <errno.h>
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/cntr.h"
#include "api/complete.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/ep.h"
#include "api/fabric.h"
#include "api/mr.h"
#include "api/no.h"
#include "api/poll.h"
#include "api/shared.h"
#include "base/compat.h"
#include "base/host.h"
#include "base/os.h"
#include "base/params.h"
#include "base/switch.h"
#include "core/core.h"
#include "discover/cores.h"
#include "discover/costs.h"
#include "peer/source.h"
#include "progress/hub.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "switch_session.h"

_Static_assert((int)SWITCH_HOST_LEN <= (int)SESS_HOST_MAX, "the hello has room for it");

enum {
	BUFFERS_FIRST = 32,
	BUFFERS_PER_CREDIT = 4,
	CREDITS = 64,
	CREDITS_POSTED = 16,
};

static const char *domain_name(const struct switch_domain *domain)
{
	const char *name = domain->info->domain_attr->name;

	return name ? name : "(any)";
}

void switch_domain_need_lock(struct switch_domain *domain)
{
	if (switch_hub_need_lock(&domain->fabric->hub, &domain->pump))
		SW_WARN(EQ, "an event queue cannot wait for domain %s\n", domain_name(domain));
}

/* -- opening and closing ------------------------------------------------- */

/* Packets that a peer may have on the way to us.  Where the core has no flow
 * control, buffers wait for all of them. */
static size_t credits_for(const struct core_caps *caps)
{
	if (switch_params.credits)
		return switch_params.credits;
	return caps->flow_control ? CREDITS : CREDITS_POSTED;
}

static int open_core(struct switch_domain *domain)
{
	struct core_attr attr = {
		.buffer_size = switch_params.buffer_size,
		.buffer_cnt = BUFFERS_FIRST,
	};
	struct core_caps caps;
	int ret;

	ret = switch_core_info(domain->fabric, domain->info, false, &domain->pump.core.info);
	if (ret) {
		SW_WARN(DOMAIN, "core %s has no domain %s that could serve\n",
			domain->fabric->core_prov, domain_name(domain));
		return ret;
	}
	domain->pump.core.ops = domain->fabric->core_ops;
	domain->pump.core.ops->info_caps(domain->pump.core.info, &caps);
	domain->pump.core.credits = credits_for(&caps);
	attr.path_cnt = domain->pump.core.credits + 1; /* one more for the hello */
	attr.buffer_max =
		(domain->pump.core.credits > CREDITS ? domain->pump.core.credits : CREDITS) *
		BUFFERS_PER_CREDIT;
	ret = domain->pump.core.ops->domain_open(domain->fabric->core, domain->pump.core.info,
						 &attr, &domain->pump.core.domain);
	if (ret)
		SW_WARN(DOMAIN, "core %s: domain %s does not open: %s\n", domain->fabric->core_prov,
			domain_name(domain), fi_strerror(-ret));
	else
		domain->pump.core.caps = domain->pump.core.ops->caps(domain->pump.core.domain);
	return ret;
}

/* The sizes of a message from which a read or a write costs less than copying. */
static void set_thresholds(const struct switch_domain *domain, struct sess_core_config *config)
{
	const struct switch_params *params = &switch_params;
	const struct switch_costs_row *row =
		switch_costs_for(params->costs, domain->fabric->core_prov);

	config->threshold[SESS_READ] = params->rndv_threshold ? params->rndv_threshold : row->read;
	config->threshold[SESS_WRITE] =
		params->rndv_threshold ? params->rndv_threshold : row->write;
}

/* Describes the core to the engine. */
static int describe_core(struct switch_domain *domain)
{
	const struct switch_params *params = &switch_params;
	struct switch_core *core = &domain->pump.core;
	const struct core_caps *caps = core->caps;
	struct sess_core_config config = {
		.buffer_size = params->buffer_size,
		.credits = (uint32_t)core->credits,
		.send_iov_limit = caps->iov_limit,
		.rma_iov_limit = caps->rma_iov_limit,
		.can_read = caps->can_read && params->rdma_read,
		.can_write = caps->can_write && params->rdma_write,
		.read_target = caps->read_target && params->rma_target,
		.write_target = caps->write_target && params->rma_target,
		.local_mem = caps->mr_local,
		.stage = caps->stage_size,
		.send_after_write = caps->send_after_write,
		.key_len = sizeof(uint64_t), /* the adapter keeps the core's own key */
		.virtual_addr = caps->mr_virt_addr,
		.rma_max = caps->rma_max,
	};

	set_thresholds(domain, &config);
	return sess_core_create(domain->pump.engine, &config, core, &core->sess);
}

static int open_engine(struct switch_domain *domain)
{
	const struct switch_params *params = &switch_params;
	struct sess_config config = {
		.transfer = (enum sess_way)params->transfer,
		.initial = params->initial,
		.unexpected_max = params->unexpected_max,
		.hello_timeout = params->hello_timeout * UINT64_C(1000000),
		.close_timeout = params->close_timeout * UINT64_C(1000000),
		.random = switch_random,
		.slot = switch_op_slot,
	};
	int ret;

	switch_random(&config.first_seq, sizeof(config.first_seq));
	config.host_len = (uint8_t)switch_host(config.host);
	ret = sess_engine_create(&config, &domain->pump.engine);
	return ret ? ret : describe_core(domain);
}

/* Closes and frees what is open, in reverse order of opening. */
static void domain_free(struct switch_domain *domain)
{
	switch_pump_fini(&domain->pump);
	switch_op_fini(&domain->ops);
	switch_sources_fini(&domain->sources);
	fi_freeinfo(domain->info);
	free(domain);
}

static int switch_domain_close(struct fid *fid)
{
	struct switch_domain *domain = container_of(fid, struct switch_domain, domain_fid.fid);
	int refs;

	switch_pump_lock(&domain->pump);
	refs = domain->refs;
	switch_pump_unlock(&domain->pump);
	if (refs)
		return -FI_EBUSY;
	switch_hub_del_pump(&domain->fabric->hub,
			    &domain->pump); /* from here on no event queue progresses it */
	if (domain->pump.progress == FI_PROGRESS_AUTO)
		switch_pump_thread_stop(&domain->pump);
	switch_pump_lock(&domain->pump);
	switch_pump_drain(&domain->pump);
	switch_pump_unlock(&domain->pump);
	domain_free(domain);
	return 0;
}

/* -- what is not offered ------------------------------------------------- */

static int switch_no_scalable_ep(struct fid_domain *domain, struct fi_info *info,
				 struct fid_ep **sep, void *context)
{
	(void)domain, (void)info, (void)sep, (void)context;
	return -FI_ENOSYS;
}

static int switch_no_query_atomic(struct fid_domain *domain, enum fi_datatype datatype,
				  enum fi_op op, struct fi_atomic_attr *attr, uint64_t flags)
{
	(void)domain, (void)datatype, (void)op, (void)attr, (void)flags;
	return -FI_EOPNOTSUPP;
}

static int switch_no_query_collective(struct fid_domain *domain, enum fi_collective_op coll,
				      struct fi_collective_attr *attr, uint64_t flags)
{
	(void)domain, (void)coll, (void)attr, (void)flags;
	return -FI_ENOSYS;
}

static struct fi_ops switch_domain_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_domain_close,
	.bind = switch_no_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_domain switch_domain_ops = {
	.size = sizeof(struct fi_ops_domain),
	.av_open = switch_av_open,
	.cq_open = switch_cq_open,
	.endpoint = switch_ep_open,
	.scalable_ep = switch_no_scalable_ep,
	.cntr_open = switch_cntr_open,
	.poll_open = switch_poll_open,
	.stx_ctx = switch_stx_open,
	.srx_ctx = switch_srx_open,
	.query_atomic = switch_no_query_atomic,
	.query_collective = switch_no_query_collective,
};

/* -- opening ------------------------------------------------------------- */

/* An empty domain with the application's attributes; NULL when memory is short. */
static struct switch_domain *domain_alloc(struct switch_fabric *fabric, const struct fi_info *info,
					  void *context)
{
	struct switch_domain *domain = calloc(1, sizeof(*domain));
	const struct fi_domain_attr *attr = info->domain_attr;

	if (!domain)
		return NULL;
	domain->domain_fid.fid.fclass = FI_CLASS_DOMAIN;
	domain->domain_fid.fid.context = context;
	domain->domain_fid.fid.ops = &switch_domain_fid_ops;
	domain->domain_fid.ops = &switch_domain_ops;
	domain->domain_fid.mr = &switch_mr_ops;
	domain->fabric = fabric;
	switch_pump_init(&domain->pump, &switch_objects_front);
	domain->threading = attr->threading;
	domain->pump.progress = attr->control_progress == FI_PROGRESS_AUTO ||
						attr->data_progress == FI_PROGRESS_AUTO
					? FI_PROGRESS_AUTO
					: FI_PROGRESS_MANUAL;
	domain->pump.locked =
		domain->threading != FI_THREAD_DOMAIN || domain->pump.progress == FI_PROGRESS_AUTO;
	LIST_INIT(&domain->eps);
	switch_op_init(&domain->ops);
	switch_sources_init(&domain->sources);
	domain->info = fi_dupinfo(info);
	if (!domain->info) {
		domain_free(domain);
		return NULL;
	}
	return domain;
}

int switch_domain_open(struct fid_fabric *fabric_fid, struct fi_info *info,
		       struct fid_domain **domain_fid, void *context)
{
	struct switch_fabric *fabric = container_of(fabric_fid, struct switch_fabric, fabric_fid);
	struct switch_domain *domain;
	int ret;

	if (!info || !info->domain_attr)
		return -FI_EINVAL;
	domain = domain_alloc(fabric, info, context);
	if (!domain)
		return -FI_ENOMEM;
	ret = switch_pump_timer_open(&domain->pump);
	if (!ret)
		ret = open_core(domain);
	if (!ret)
		ret = open_engine(domain);
	if (!ret)
		ret = switch_hub_add_pump(&fabric->hub, &domain->pump);
	if (ret) {
		domain_free(domain);
		return ret;
	}
	if (domain->pump.progress == FI_PROGRESS_AUTO) {
		ret = switch_pump_thread_start(&domain->pump);
		if (ret) {
			switch_hub_del_pump(&domain->fabric->hub, &domain->pump);
			domain_free(domain);
			return ret;
		}
	}
	*domain_fid = &domain->domain_fid;
	return 0;
}
