/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo(): returns one entry, or none where the hints ask for a capability that this
 * core does not have or lack a mode that it requires.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

static const uint64_t rma_rights = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
static const uint64_t tx_flags = FI_COMPLETION | FI_INJECT | FI_INJECT_COMPLETE |
				 FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE;

static uint64_t caps_offered(void)
{
	return FI_MSG | FI_SEND | FI_RECV | FI_LOCAL_COMM | FI_REMOTE_COMM |
	       (mock_config.rma ? FI_RMA | mock_config.rma : 0);
}

/* Adds the directions: a capability such as FI_MSG without FI_SEND or FI_RECV means both
 * (fi_getinfo(3)). */
static uint64_t caps_explicit(uint64_t caps)
{
	if (caps & FI_MSG && !(caps & (FI_SEND | FI_RECV)))
		caps |= FI_SEND | FI_RECV;
	if (caps & FI_RMA && !(caps & rma_rights))
		caps |= rma_rights;
	return caps;
}

static bool fits_tx(const struct fi_tx_attr *want)
{
	return !want ||
	       (!(caps_explicit(want->caps) & ~caps_offered()) && !(want->op_flags & ~tx_flags) &&
		!(want->msg_order & ~(mock_config.sas ? FI_ORDER_SAS : 0)) && !want->comp_order &&
		want->inject_size <= mock_config.inject_size && want->size <= mock_config.tx_size &&
		want->iov_limit <= mock_config.iov_limit &&
		want->rma_iov_limit <= mock_config.iov_limit);
}

static bool fits_rx(const struct fi_rx_attr *want)
{
	return !want ||
	       (!(caps_explicit(want->caps) & ~caps_offered()) &&
		!(want->op_flags & ~FI_COMPLETION) &&
		!(want->msg_order & ~(mock_config.sas ? FI_ORDER_SAS : 0)) && !want->comp_order &&
		want->size <= mock_config.rx_size && want->iov_limit <= mock_config.iov_limit);
}

static bool fits_ep(const struct fi_ep_attr *want)
{
	return !want || ((want->type == FI_EP_UNSPEC || want->type == FI_EP_RDM) &&
			 (want->protocol == FI_PROTO_UNSPEC || want->protocol == MOCK_PROTO) &&
			 want->max_msg_size <= mock_config.max_msg && want->tx_ctx_cnt <= 1 &&
			 want->rx_ctx_cnt <= 1 && !want->auth_key_size);
}

static bool manual(enum fi_progress progress)
{
	return progress != FI_PROGRESS_AUTO;
}

static bool fits_domain(const struct fi_domain_attr *want)
{
	const int have = want ? want->mr_mode : 0;

	if ((have & mock_config.mr_mode) != mock_config.mr_mode || have == SWITCH_MR_BASIC)
		return false;
	return !want ||
	       ((want->threading == FI_THREAD_UNSPEC || want->threading == FI_THREAD_DOMAIN) &&
		manual(want->control_progress) && manual(want->data_progress) &&
		(want->resource_mgmt != FI_RM_ENABLED || mock_config.rm) &&
		want->mr_key_size <= mock_config.key_size && want->cq_data_size <= MOCK_CQ_DATA &&
		!(want->caps & ~(FI_LOCAL_COMM | FI_REMOTE_COMM)) && !want->auth_key_size &&
		(!want->name || !strcmp(want->name, "mock")));
}

static bool fits(const struct fi_info *want)
{
	const uint64_t mode = want->mode;

	/* a fi_context2 is an array of two fi_context and may serve as either */
	return !(caps_explicit(want->caps) & ~caps_offered()) &&
	       (mode & mock_config.mode) == mock_config.mode &&
	       (want->addr_format == FI_FORMAT_UNSPEC || want->addr_format == FI_ADDR_STR) &&
	       fits_tx(want->tx_attr) && fits_rx(want->rx_attr) && fits_ep(want->ep_attr) &&
	       fits_domain(want->domain_attr) &&
	       (!want->fabric_attr || !want->fabric_attr->name ||
		!strcmp(want->fabric_attr->name, "mock"));
}

/* -- the answer ------------------------------------------------------------- */

static void fill_contexts(struct fi_info *info)
{
	const uint64_t order = mock_config.sas ? FI_ORDER_SAS : 0;

	*info->tx_attr = (struct fi_tx_attr){
		.caps = info->caps & ~(FI_RECV | FI_REMOTE_READ | FI_REMOTE_WRITE),
		.mode = info->mode,
		.msg_order = order,
		.inject_size = mock_config.inject_size,
		.size = mock_config.tx_size,
		.iov_limit = mock_config.iov_limit,
		.rma_iov_limit = mock_config.iov_limit,
	};
	*info->rx_attr = (struct fi_rx_attr){
		.caps = info->caps & ~(FI_SEND | FI_READ | FI_WRITE),
		.mode = info->mode,
		.msg_order = order,
		.size = mock_config.rx_size,
		.iov_limit = mock_config.iov_limit,
	};
	*info->ep_attr = (struct fi_ep_attr){
		.type = FI_EP_RDM,
		.protocol = MOCK_PROTO,
		.protocol_version = 1,
		.max_msg_size = mock_config.max_msg,
		.msg_prefix_size = mock_config.prefix_size,
		.tx_ctx_cnt = 1,
		.rx_ctx_cnt = 1,
	};
}

static void fill_domain(struct fi_info *info, const struct fi_info *want)
{
	const enum fi_av_type av =
		want && want->domain_attr ? want->domain_attr->av_type : FI_AV_UNSPEC;

	*info->domain_attr = (struct fi_domain_attr){
		.name = strdup("mock"),
		.threading = FI_THREAD_DOMAIN,
		.control_progress = FI_PROGRESS_MANUAL,
		.data_progress = FI_PROGRESS_MANUAL,
		.resource_mgmt = mock_config.rm ? FI_RM_ENABLED : FI_RM_DISABLED,
		.av_type = av,
		.mr_mode = mock_config.mr_mode,
		.mr_key_size = mock_config.key_size,
		.cq_data_size = MOCK_CQ_DATA,
		.cq_cnt = 256,
		.ep_cnt = 256,
		.tx_ctx_cnt = 256,
		.rx_ctx_cnt = 256,
		.max_ep_tx_ctx = 1,
		.max_ep_rx_ctx = 1,
		.mr_iov_limit = 1,
		.caps = FI_LOCAL_COMM | FI_REMOTE_COMM,
		.mr_cnt = 65536,
	};
	info->fabric_attr->name = strdup("mock");
	info->fabric_attr->prov_version = FI_VERSION(1, 0);
}

int mock_name_make(char name[MOCK_NAME_MAX], const char *node, const char *service)
{
	const bool whole = node && !strncmp(node, MOCK_SCHEME, strlen(MOCK_SCHEME));
	const int len = snprintf(name, MOCK_NAME_MAX, "%s%s%s%s", whole ? "" : MOCK_SCHEME,
				 node ? node : "", service ? ":" : "", service ? service : "");

	return len < MOCK_NAME_MAX ? 0 : -FI_EINVAL;
}

static int set_name(void **addr, size_t *len, const char *name)
{
	free(*addr);
	*addr = strdup(name);
	*len = *addr ? strlen(name) + 1 : 0;
	return *addr ? 0 : -FI_ENOMEM;
}

/* Copies the addresses of the hints. node and service, where given, replace the source or the
 * destination address. */
static int fill_addresses(struct fi_info *info, const struct fi_info *want, const char *node,
			  const char *service, uint64_t flags)
{
	char name[MOCK_NAME_MAX];
	int ret = 0;

	if (want && want->src_addr)
		ret = set_name(&info->src_addr, &info->src_addrlen, want->src_addr);
	if (!ret && want && want->dest_addr)
		ret = set_name(&info->dest_addr, &info->dest_addrlen, want->dest_addr);
	if (ret || (!node && !service))
		return ret;
	ret = mock_name_make(name, node, service);
	if (ret)
		return ret;
	return flags & FI_SOURCE ? set_name(&info->src_addr, &info->src_addrlen, name)
				 : set_name(&info->dest_addr, &info->dest_addrlen, name);
}

int mock_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		 const struct fi_info *hints, struct fi_info **list)
{
	struct fi_info *info;
	int ret;

	(void)version;
	if (!mock_config.on || (hints && !fits(hints)))
		return -FI_ENODATA;
	info = fi_allocinfo();
	if (!info)
		return -FI_ENOMEM;
	info->caps = hints && hints->caps ? caps_explicit(hints->caps) : caps_offered();
	info->caps |= FI_LOCAL_COMM | FI_REMOTE_COMM;
	info->mode = mock_config.mode;
	info->addr_format = FI_ADDR_STR;
	fill_contexts(info);
	fill_domain(info, hints);
	if (hints && hints->tx_attr)
		info->tx_attr->op_flags = hints->tx_attr->op_flags;
	if (hints && hints->rx_attr)
		info->rx_attr->op_flags = hints->rx_attr->op_flags;
	ret = fill_addresses(info, hints, node, service, flags);
	if (ret) {
		fi_freeinfo(info);
		return ret;
	}
	*list = info;
	return 0;
}
