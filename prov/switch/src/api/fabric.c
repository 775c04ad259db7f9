/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The fabric: the core's fabric beneath it; and the list of all fabrics that are open,
 * for fi_getinfo.
 *
 * Called by the application.  A core is opened here for the first time, never earlier.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/eq.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/pep.h"
#include "api/trywait.h"
#include "api/wait_set.h"
#include "base/compat.h"
#include "base/switch.h"
#include "discover/cores.h"
#include "progress/hub.h"
#include "progress/pump.h"

/* -- open fabrics --------------------------------------------------------------- */

/* In the order of their opening.  The lock is outermost. */
static TAILQ_HEAD(, switch_fabric) open_fabrics = TAILQ_HEAD_INITIALIZER(open_fabrics);
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_of_entry(const struct switch_fabric *fabric, const char *core,
			const struct fi_info *entry)
{
	return !strcmp(fabric->name, entry->fabric_attr->name) && !strcmp(fabric->core_prov, core);
}

/* The domain of the entry that was opened first. */
static struct fid_domain *find_open_domain(struct switch_fabric *fabric,
					   const struct fi_info *entry,
					   const struct fid_domain *wanted)
{
	struct fid_domain *found = NULL;
	struct switch_pump *pump;

	pthread_mutex_lock(&fabric->hub.lock);
	LIST_FOREACH (pump, &fabric->hub.pumps, entry) { /* the newest pump first */
		struct switch_domain *domain = container_of(pump, struct switch_domain, pump);
		const char *name = domain->info->domain_attr->name;

		if ((!wanted || wanted == &domain->domain_fid) && name &&
		    !strcmp(name, entry->domain_attr->name))
			found = &domain->domain_fid;
	}
	pthread_mutex_unlock(&fabric->hub.lock);
	return found;
}

bool switch_fabric_opened(const char *core, const struct fi_info *hints, struct fi_info *entry)
{
	const struct fid_fabric *wants_fabric =
		hints && hints->fabric_attr ? hints->fabric_attr->fabric : NULL;
	const struct fid_domain *wants_domain =
		hints && hints->domain_attr ? hints->domain_attr->domain : NULL;
	struct switch_fabric *fabric;

	pthread_mutex_lock(&open_lock);
	TAILQ_FOREACH (fabric, &open_fabrics, link) {
		if (!is_of_entry(fabric, core, entry) ||
		    (wants_fabric && wants_fabric != &fabric->fabric_fid))
			continue;
		if (!entry->fabric_attr->fabric)
			entry->fabric_attr->fabric = &fabric->fabric_fid;
		entry->domain_attr->domain = find_open_domain(fabric, entry, wants_domain);
		if (entry->domain_attr->domain) {
			entry->fabric_attr->fabric = &fabric->fabric_fid;
			break;
		}
	}
	pthread_mutex_unlock(&open_lock);
	return (!wants_fabric || entry->fabric_attr->fabric) &&
	       (!wants_domain || entry->domain_attr->domain);
}

static int switch_fabric_close(struct fid *fid)
{
	struct switch_fabric *fabric = container_of(fid, struct switch_fabric, fabric_fid.fid);
	int refs, ret;

	pthread_mutex_lock(&fabric->hub.lock);
	refs = fabric->hub.refs;
	pthread_mutex_unlock(&fabric->hub.lock);
	if (refs)
		return -FI_EBUSY;
	pthread_mutex_lock(&open_lock);
	TAILQ_REMOVE(&open_fabrics, fabric, link);
	pthread_mutex_unlock(&open_lock);
	ret = fi_close(&fabric->core->fid);
	if (ret)
		SW_WARN(FABRIC, "the core's fabric does not close: %s\n", fi_strerror(-ret));
	switch_hub_fini(&fabric->hub);
	free(fabric->core_prov);
	free(fabric->name);
	free(fabric);
	return 0;
}

static struct fi_ops switch_fabric_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_fabric_close,
	.bind = switch_no_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_fabric switch_fabric_ops = {
	.size = sizeof(struct fi_ops_fabric),
	.domain = switch_domain_open,
	.passive_ep = switch_pep_open,
	.eq_open = switch_eq_open,
	.wait_open = switch_waitset_open,
	.trywait = switch_trywait,
};

/* "tcp;ofi_switch" -> "tcp"; the default where only we are named.  NULL with
 * -FI_ENOMEM. */
static int core_name(const char *prov_name, char **name)
{
	const char *last = strrchr(prov_name, ';'), *def = switch_default_core();

	*name = NULL;
	if (last)
		*name = strndup(prov_name, last - prov_name);
	else if (def)
		*name = strdup(def);
	return *name || (!last && !def) ? 0 : -FI_ENOMEM;
}

static int open_core(struct switch_fabric *fabric, const struct fi_fabric_attr *attr)
{
	struct fi_info *core_info;
	char *name;
	int ret = core_name(attr->prov_name, &name);

	if (ret)
		return ret;
	ret = switch_core_fabric(name, attr->name, &core_info);
	if (ret) {
		SW_WARN(FABRIC, "core %s has no fabric %s that could serve\n",
			name ? name : "(any)", attr->name);
	} else {
		fabric->core_prov = strdup(core_info->fabric_attr->prov_name);
		fabric->core_type = core_info->ep_attr->type;
		fabric->core_ops = switch_core_ops(core_info);
		ret = fabric->core_prov ? fi_fabric(core_info->fabric_attr, &fabric->core, NULL)
					: -FI_ENOMEM;
		fi_freeinfo(core_info);
	}
	free(name);
	return ret;
}

int switch_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fabric_fid, void *context)
{
	struct switch_fabric *fabric;
	int ret;

	if (!attr || !attr->name || !attr->prov_name)
		return -FI_EINVAL;
	fabric = calloc(1, sizeof(*fabric));
	if (!fabric)
		return -FI_ENOMEM;
	fabric->name = strdup(attr->name);
	ret = fabric->name ? open_core(fabric, attr) : -FI_ENOMEM;
	if (ret) {
		free(fabric->core_prov);
		free(fabric->name);
		free(fabric);
		return ret;
	}
	fabric->fabric_fid.fid.fclass = FI_CLASS_FABRIC;
	fabric->fabric_fid.fid.context = context;
	fabric->fabric_fid.fid.ops = &switch_fabric_fid_ops;
	fabric->fabric_fid.ops = &switch_fabric_ops;
	fabric->fabric_fid.api_version = attr->api_version;
	switch_hub_init(&fabric->hub);
	pthread_mutex_lock(&open_lock);
	TAILQ_INSERT_TAIL(&open_fabrics, fabric, link);
	pthread_mutex_unlock(&open_lock);
	*fabric_fid = &fabric->fabric_fid;
	return 0;
}
