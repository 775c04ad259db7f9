/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Works out capabilities from a core's fi_info.  Called by both adapters when a domain is
 * opened and when a core is looked at before that; it opens nothing.
 */
#include <string.h>

#include "core/common/caps.h"

/* The tcp core copies sends of fewer bytes into a buffer of its own while the socket is
 * full, and reports them done (its parameter staging_sbuf_size). */
#define CORE_TCP_STAGE 9000

/* The RMA capabilities that we can use.  Raw keys would have to be sent to the peer and
 * mapped there; over a core that requires them, messages are copied. */
static uint64_t rma_of(const struct fi_info *info)
{
	const uint64_t rma = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;

	if (!(info->caps & FI_RMA) || info->domain_attr->mr_mode & FI_MR_RAW ||
	    info->domain_attr->mr_key_size > sizeof(uint64_t))
		return 0;
	/* FI_RMA without any of the four means all of them (fi_getinfo(3)) */
	return info->caps & rma ? info->caps & rma : rma;
}

static size_t pieces_of(const struct fi_info *info)
{
	/* the list of pieces would have to outlive the call */
	if (info->mode & FI_ASYNC_IOV)
		return 1;
	return info->tx_attr->iov_limit < CORE_IOV_MAX ? info->tx_attr->iov_limit : CORE_IOV_MAX;
}

bool core_is(const struct fi_info *info, const char *name)
{
	const char *prov = info->fabric_attr->prov_name;

	return prov && !strcmp(prov, name);
}

bool core_is_tcp(const struct fi_info *info)
{
	return core_is(info, "tcp") || core_is(info, "net");
}

void core_caps_init(const struct fi_info *info, struct core_caps *caps)
{
	const uint64_t mode = info->domain_attr->mr_mode, rma = rma_of(info);

	*caps = (struct core_caps){
		.iov_limit = pieces_of(info),
		/* of local pieces; tx_attr->rma_iov_limit is about remote ones */
		.rma_iov_limit = pieces_of(info),
		.inject_size = info->tx_attr->inject_size,
		.rma_max = info->ep_attr->max_msg_size,
		.key_size = info->domain_attr->mr_key_size,
		.can_read = rma & FI_READ,
		.can_write = rma & FI_WRITE,
		.read_target = rma & FI_REMOTE_READ,
		.write_target = rma & FI_REMOTE_WRITE,
		.mr_local = mode & FI_MR_LOCAL,
		.mr_virt_addr = mode & FI_MR_VIRT_ADDR,
		.mr_prov_key = mode & FI_MR_PROV_KEY,
		.mr_endpoint = mode & FI_MR_ENDPOINT,
		.send_after_write = info->tx_attr->msg_order & FI_ORDER_SAW,
		.stage_size = core_is_tcp(info) ? CORE_TCP_STAGE : 0,
	};
}
