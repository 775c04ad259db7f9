/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, nodes: see lib/func_node.h.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_cm.h>

#include "lib/func_check.h"
#include "lib/func_data.h"
#include "lib/func_node.h"
#include "lib/func_prov.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* False for cores whose addresses are names rather than hosts. */
static bool has_hosts(void)
{
	return strcmp(func_core(), "shm") && strcmp(func_core(), "mock");
}

struct fi_info *func_hints(const struct func_conf *conf)
{
	struct fi_info *hints = fi_allocinfo();

	FUNC_TRUE(hints);
	hints->fabric_attr->prov_name = strdup(conf->prov ? conf->prov : func_prov());
	hints->ep_attr->type = conf->type ? conf->type : FI_EP_RDM;
	hints->caps = conf->caps ? conf->caps : FI_MSG | FI_TAGGED;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->addr_format = has_hosts() ? FI_SOCKADDR_IN : FI_ADDR_STR;
	if (conf->addr_format)
		hints->addr_format = conf->addr_format;
	hints->domain_attr->av_type = conf->av;
	hints->domain_attr->threading = conf->threading;
	hints->domain_attr->data_progress = conf->progress;
	if (conf->shared)
		hints->ep_attr->tx_ctx_cnt = hints->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
	hints->tx_attr->op_flags = conf->tx_op_flags;
	hints->rx_attr->op_flags = conf->rx_op_flags;
	return hints;
}

static void *copy_of(const void *data, size_t len)
{
	return memcpy(func_alloc(len), data, len);
}

struct fi_info *func_info(const struct func_conf *conf, const struct func_addr *dest)
{
	struct fi_info *hints = func_hints(conf), *info = NULL;
	bool any = !conf->src && !dest && has_hosts();
	int ret;

	if (conf->src) {
		hints->src_addr = copy_of(conf->src->bytes, conf->src->len);
		hints->src_addrlen = conf->src->len;
	}
	if (dest) {
		hints->dest_addr = copy_of(dest->bytes, dest->len);
		hints->dest_addrlen = dest->len;
	}
	ret = fi_getinfo(FUNC_VERSION, any ? FUNC_HOST : NULL, NULL, any ? FI_SOURCE : 0, hints,
			 &info);
	if (ret != -FI_ENODATA)
		FUNC_OK(ret);
	fi_freeinfo(hints);
	return info;
}

struct fi_info *func_need_info(const struct func_conf *conf, const struct func_addr *dest)
{
	struct fi_info *info = func_info(conf, dest);

	if (!info && func_is_switch())
		func_fail(__FILE__, __LINE__, "fi_getinfo finds nothing for %s", func_prov());
	if (!info)
		func_skip("%s does not offer it", func_prov());
	return info;
}

void func_open_fabric(struct func_node *node, const struct func_conf *conf, struct fi_info *info)
{
	struct fi_eq_attr attr = {.flags = FI_WRITE, .wait_obj = FI_WAIT_UNSPEC};

	memset(node, 0, sizeof(*node));
	node->conf = *conf;
	node->info = info;
	FUNC_OK(fi_fabric(info->fabric_attr, &node->fabric, NULL));
	if (info->ep_attr->type == FI_EP_MSG)
		FUNC_OK(fi_eq_open(node->fabric, &attr, &node->eq, NULL));
}

static void open_cqs(struct func_node *node)
{
	struct fi_cntr_attr cntr_attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_cq_attr attr = {
		.size = node->conf.cq_size,
		.format = node->conf.format ? node->conf.format : FI_CQ_FORMAT_TAGGED,
		.wait_obj = node->conf.wait,
	};

	FUNC_OK(fi_cq_open(node->domain, &attr, &node->rx_cq, NULL));
	node->tx_cq = node->rx_cq;
	if (node->conf.two_cqs)
		FUNC_OK(fi_cq_open(node->domain, &attr, &node->tx_cq, NULL));
	if (node->conf.counters) {
		FUNC_OK(fi_cntr_open(node->domain, &cntr_attr, &node->tx_cntr, NULL));
		FUNC_OK(fi_cntr_open(node->domain, &cntr_attr, &node->rx_cntr, NULL));
	}
}

void func_open_domain(struct func_node *node)
{
	struct fi_av_attr attr = {.type = node->conf.av ? node->conf.av : FI_AV_TABLE};

	FUNC_OK(fi_domain(node->fabric, node->info, &node->domain, NULL));
	open_cqs(node);
	if (node->info->ep_attr->type == FI_EP_RDM)
		FUNC_OK(fi_av_open(node->domain, &attr, &node->av, NULL));
	if (node->conf.shared) {
		FUNC_OK(fi_stx_context(node->domain, node->info->tx_attr, &node->stx, NULL));
		FUNC_OK(fi_srx_context(node->domain, node->info->rx_attr, &node->srx, NULL));
	}
}

void func_open_ep(struct func_node *node)
{
	uint64_t tx = FI_TRANSMIT, rx = FI_RECV;

	if (node->conf.selective & FI_TRANSMIT)
		tx |= FI_SELECTIVE_COMPLETION;
	if (node->conf.selective & FI_RECV)
		rx |= FI_SELECTIVE_COMPLETION;
	FUNC_OK(fi_endpoint(node->domain, node->info, &node->ep, NULL));
	FUNC_OK(fi_ep_bind(node->ep, &node->tx_cq->fid, tx));
	FUNC_OK(fi_ep_bind(node->ep, &node->rx_cq->fid, rx));
	if (node->tx_cntr) {
		FUNC_OK(fi_ep_bind(node->ep, &node->tx_cntr->fid, FI_SEND));
		FUNC_OK(fi_ep_bind(node->ep, &node->rx_cntr->fid, FI_RECV));
	}
	if (node->eq)
		FUNC_OK(fi_ep_bind(node->ep, &node->eq->fid, 0));
	if (node->av)
		FUNC_OK(fi_ep_bind(node->ep, &node->av->fid, 0));
	if (node->srx) {
		FUNC_OK(fi_ep_bind(node->ep, &node->srx->fid, 0));
		FUNC_OK(fi_ep_bind(node->ep, &node->stx->fid, 0));
	}
	FUNC_OK(fi_enable(node->ep));
}

void func_open(struct func_node *node, const struct func_conf *conf)
{
	func_open_fabric(node, conf, func_need_info(conf, NULL));
	func_open_domain(node);
	func_open_ep(node);
}

void func_open_beside(struct func_node *second, const struct func_node *node)
{
	*second = *node;
	second->borrows = true;
	second->info = fi_dupinfo(node->info);
	func_open_ep(second);
}

void func_close_ep(struct func_node *node)
{
	func_mark(__FILE__, __LINE__, "fi_close of an endpoint");
	if (node->ep)
		FUNC_OK(fi_close(&node->ep->fid));
	node->ep = NULL;
}

void func_close(struct func_node *node)
{
	struct fid *fids[] = {
		node->pep ? &node->pep->fid : NULL,
		node->srx ? &node->srx->fid : NULL,
		node->stx ? &node->stx->fid : NULL,
		node->tx_cq != node->rx_cq ? &node->tx_cq->fid : NULL,
		node->rx_cq ? &node->rx_cq->fid : NULL,
		node->tx_cntr ? &node->tx_cntr->fid : NULL,
		node->rx_cntr ? &node->rx_cntr->fid : NULL,
		node->av ? &node->av->fid : NULL,
		node->domain ? &node->domain->fid : NULL,
		node->eq ? &node->eq->fid : NULL,
		node->fabric ? &node->fabric->fid : NULL,
	};
	size_t i;

	func_close_ep(node);
	for (i = 0; i < ARRAY_SIZE(fids) && !node->borrows; i++) {
		func_mark(__FILE__, __LINE__, "fi_close");
		if (fids[i])
			FUNC_OK(fi_close(fids[i]));
	}
	fi_freeinfo(node->info);
	memset(node, 0, sizeof(*node));
}

void func_name(struct fid *fid, struct func_addr *addr)
{
	addr->len = sizeof(addr->bytes);
	FUNC_OK(fi_getname(fid, addr->bytes, &addr->len));
}

fi_addr_t func_know(struct func_node *node, struct fid_ep *ep)
{
	struct func_addr addr;
	fi_addr_t known;

	func_name(&ep->fid, &addr);
	FUNC_EQ(fi_av_insert(node->av, addr.bytes, 1, &known, 0, NULL), 1);
	return known;
}
