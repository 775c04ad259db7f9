/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by the tests of the libfabric objects: a fabric and a domain of the provider that is
 * linked into the test, over the real tcp core on loopback, opened without libfabric's
 * registry.
 */
#ifndef SWITCH_FIXTURE_H
#define SWITCH_FIXTURE_H

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#include "api/domain.h"
#include "api/fabric.h"
#include "base/compat.h"
#include "base/switch.h"
#include "discover/info.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define leaks_found() __lsan_do_recoverable_leak_check()
#else
#define leaks_found() 0
#endif

struct fi_provider *fi_prov_ini(void);

/* Calls libfabric first: it must be initialized before a provider defines its parameters. */
static inline void load_provider(void)
{
	struct fi_param *params;
	int cnt;

	cr_assert_eq(fi_getparams(&params, &cnt), 0);
	fi_freeparams(params);
	fi_prov_ini();
}

static struct fid_fabric *fabric;
static struct fid_domain *domain;

static inline struct switch_domain *the_domain(void)
{
	return container_of(domain, struct switch_domain, domain_fid);
}

/* Asks our provider for entries that match these hints (NULL: none), for tcp on loopback. */
static inline int ask(uint32_t version, const struct fi_info *hints, struct fi_info **list)
{
	struct fi_info *all = hints ? fi_dupinfo(hints) : fi_allocinfo();
	int ret;

	if (!all->fabric_attr->prov_name)
		all->fabric_attr->prov_name = strdup("tcp;ofi_switch");
	ret = switch_getinfo(version, "127.0.0.1", NULL, FI_SOURCE | FI_NUMERICHOST, all, list);
	fi_freeinfo(all);
	return ret;
}

static inline void open_domain(enum fi_threading threading, enum fi_progress progress)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	struct fi_fabric_attr attr;

	hints->domain_attr->threading = threading;
	hints->domain_attr->data_progress = progress;
	hints->ep_attr->type = FI_EP_RDM;
	cr_assert_eq(ask(FI_VERSION(1, 17), hints, &info), 0);
	attr = *info->fabric_attr;
	attr.prov_name = "tcp;ofi_switch";
	attr.api_version = FI_VERSION(1, 17);
	cr_assert_eq(switch_fabric_open(&attr, &fabric, NULL), 0);
	cr_assert_eq(fi_domain(fabric, info, &domain, NULL), 0);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static inline void setup(void)
{
	load_provider();
	open_domain(FI_THREAD_SAFE, FI_PROGRESS_MANUAL);
}

static inline void teardown(void)
{
	cr_assert_eq(fi_close(&domain->fid), 0);
	cr_assert_eq(fi_close(&fabric->fid), 0);
	switch_prov.cleanup();
	cr_assert_eq(leaks_found(), 0);
}

/* -- objects with a descriptor to wait by (FI_WAIT_FD) ---------------------- */

static inline int readable(struct fid *fid, int timeout)
{
	struct pollfd pfd = {.events = POLLIN};

	cr_assert_eq(fi_control(fid, FI_GETWAIT, &pfd.fd), 0);
	return poll(&pfd, 1, timeout);
}

/* Requires that the object has no entry: the application may wait, and the descriptor is not
 * readable. */
static inline void must_wait(struct fid *fid)
{
	cr_assert_eq(fi_trywait(fabric, &fid, 1), 0);
	cr_assert_eq(readable(fid, 0), 0);
}

/* Requires that the object has an entry: the descriptor becomes readable, and the application
 * must not wait before it has read the entry. */
static inline void must_wake(struct fid *fid)
{
	cr_assert_eq(readable(fid, 10000), 1);
	cr_assert_eq(fi_trywait(fabric, &fid, 1), -FI_EAGAIN);
}

#endif
