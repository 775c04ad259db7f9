/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The attributes in an entry of fi_getinfo: those that the provider offers over a
 * core, whether they satisfy an application's hints, and how the hints show in the
 * answer.
 *
 * Called by discover/info.c, and when an object is opened with attributes that the
 * application may have changed; calls no core and keeps nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/fabric.h"
#include "base/compat.h"
#include "base/params.h"
#include "base/switch.h"
#include "core/core.h"
#include "discover/attr.h"
#include "switch_session.h"

#define PROTO_SWITCH (0x80000000u | 0x7377) /* provider specific, "sw" */

#define MESSAGES     (FI_MSG | FI_TAGGED)
#define PRIMARY_CAPS (MESSAGES | FI_DIRECTED_RECV)
#define MODIFIERS    (FI_SEND | FI_RECV)
#define COMM_CAPS    (FI_LOCAL_COMM | FI_REMOTE_COMM)
#define RDM_CAPS                                                                                   \
	(PRIMARY_CAPS | MODIFIERS | COMM_CAPS | FI_SOURCE | FI_SOURCE_ERR | FI_MULTI_RECV |        \
	 FI_AV_USER_ID)
#define MSG_CAPS (RDM_CAPS & ~(FI_DIRECTED_RECV | FI_SOURCE | FI_SOURCE_ERR | FI_AV_USER_ID))
#define TX_CAPS	 (FI_MSG | FI_TAGGED | FI_SEND)
#define RX_CAPS                                                                                    \
	(FI_MSG | FI_TAGGED | FI_RECV | FI_DIRECTED_RECV | FI_SOURCE | FI_MULTI_RECV |             \
	 FI_SOURCE_ERR)

#define OBJECT_CNT 65536 /* endpoints, queues, counters: memory bounds them, and nothing else */

/* Capabilities by the type of the endpoint, in the order of the answer. */
static const struct offer {
	enum fi_ep_type type;
	uint64_t caps;
} offers[] = {
	{.type = FI_EP_RDM, .caps = RDM_CAPS},
	{.type = FI_EP_MSG, .caps = MSG_CAPS},
};

enum { OFFERS = sizeof(offers) / sizeof(offers[0]) };

static const struct offer *offer_of(enum fi_ep_type type)
{
	for (size_t i = 0; i < OFFERS; i++)
		if (offers[i].type == type)
			return &offers[i];
	return NULL;
}

enum fi_ep_type switch_attr_type(size_t idx)
{
	return idx < OFFERS ? offers[idx].type : FI_EP_UNSPEC;
}

bool switch_attr_offers(enum fi_ep_type type)
{
	return offer_of(type);
}

static void entry_attrs(struct fi_info *info, enum fi_ep_type type)
{
	const uint64_t caps = offer_of(type)->caps;
	char *const domain_name = info->domain_attr->name;
	const size_t inject = switch_params.buffer_size - SWITCH_PACKET_HEAD;

	info->caps = caps;
	info->mode = 0;
	*info->tx_attr = (struct fi_tx_attr){
		.caps = caps & TX_CAPS,
		.msg_order = FI_ORDER_SAS,
		.inject_size = inject < SWITCH_INJECT_SIZE ? inject : SWITCH_INJECT_SIZE,
		.size = SWITCH_TX_SIZE,
		.iov_limit = SESS_IOV_MAX,
		.rma_iov_limit = 1,
	};
	*info->rx_attr = (struct fi_rx_attr){
		.caps = caps & RX_CAPS,
		.msg_order = FI_ORDER_SAS,
		.size = SWITCH_RX_SIZE,
		.iov_limit = SESS_IOV_MAX,
	};
	*info->ep_attr = (struct fi_ep_attr){
		.type = type,
		.protocol = PROTO_SWITCH,
		.protocol_version = 1,
		.max_msg_size = SIZE_MAX / 2, /* in several transfers where the core has less */
		.mem_tag_format = 0xaaaaaaaaaaaaaaaaULL, /* every bit matters, in one field */
		.tx_ctx_cnt = 1,
		.rx_ctx_cnt = 1,
	};
	*info->domain_attr = (struct fi_domain_attr){
		.name = domain_name,
		.threading = FI_THREAD_SAFE,
		.control_progress = FI_PROGRESS_MANUAL,
		.data_progress = FI_PROGRESS_MANUAL,
		.resource_mgmt = FI_RM_ENABLED,
		.av_type = FI_AV_UNSPEC,
		.mr_key_size = sizeof(uint64_t),
		.cq_data_size = sizeof(uint64_t),
		.cq_cnt = OBJECT_CNT,
		.ep_cnt = OBJECT_CNT,
		.tx_ctx_cnt = OBJECT_CNT,
		.rx_ctx_cnt = OBJECT_CNT,
		.max_ep_tx_ctx = 1,
		.max_ep_rx_ctx = 1,
		.max_ep_stx_ctx = OBJECT_CNT,
		.max_ep_srx_ctx = OBJECT_CNT,
		.cntr_cnt = OBJECT_CNT,
		.mr_iov_limit = SESS_IOV_MAX,
		.caps = caps & (COMM_CAPS | FI_AV_USER_ID),
		.max_err_data = CORE_ADDR_MAX,
		.mr_cnt = OBJECT_CNT,
	};
}

/* Replaces the core's attributes, all but names, by empty ones.  A newer libfabric may have
 * fields in them that we do not know. */
static int blank_attrs(struct fi_info *info)
{
	struct fi_info *blank = fi_allocinfo(), old = *info;

	if (!blank)
		return -FI_ENOMEM;
	info->tx_attr = blank->tx_attr;
	info->rx_attr = blank->rx_attr;
	info->ep_attr = blank->ep_attr;
	info->domain_attr = blank->domain_attr;
	info->domain_attr->name = old.domain_attr->name;
	old.domain_attr->name = NULL;
	blank->tx_attr = old.tx_attr;
	blank->rx_attr = old.rx_attr;
	blank->ep_attr = old.ep_attr;
	blank->domain_attr = old.domain_attr;
	fi_freeinfo(blank);
	return 0;
}

/* An entry with everything that endpoints of this type offer over a core; NULL when memory
 * is short. */
static struct fi_info *offer_create(const struct fi_info *core, enum fi_ep_type type)
{
	struct fi_info *info = fi_dupinfo(core);

	if (!info)
		return NULL;
	info->handle = NULL;
	info->fabric_attr->fabric = NULL;
	info->fabric_attr->prov_version = switch_prov.version;
	if (blank_attrs(info)) {
		fi_freeinfo(info);
		return NULL;
	}
	entry_attrs(info, type);
	return info;
}

/* -- comparing with hints ------------------------------------------------------ */

/* The hints of an application, with the version of libfabric that it was written for: its
 * structs end before fields that are newer. */
struct wish {
	const struct fi_info *hints;
	uint32_t version;
	uint64_t caps; /* capabilities of the endpoint, which limit those of its contexts; 0: all */
};

static bool within(const char *what, uint64_t asked, uint64_t most)
{
	if (asked > most)
		SW_INFO(CORE, "%s %" PRIu64 " is asked for, at most %" PRIu64 " is offered\n", what,
			asked, most);
	return asked <= most;
}

static bool subset(const char *what, uint64_t asked, uint64_t offered)
{
	if (asked & ~offered)
		SW_INFO(CORE, "%s %#" PRIx64 " is asked for, which is not offered\n", what,
			asked & ~offered);
	return !(asked & ~offered);
}

/* Whether the capabilities asked of a context are offered, and among those of its endpoint
 * if the hints name any.  Capabilities of the other direction are ignored. */
static bool context_caps_suit(const char *what, uint64_t asked, uint64_t offered,
			      uint64_t direction, uint64_t of_endpoint)
{
	asked &= ~(RDM_CAPS & ~direction);
	if (of_endpoint & MESSAGES && !(of_endpoint & MODIFIERS))
		of_endpoint |= MODIFIERS;
	return subset(what, asked, offered) && (!of_endpoint || subset(what, asked, of_endpoint));
}

static bool tx_suits(const struct fi_info *info, const struct wish *wish)
{
	const struct fi_tx_attr *tx = info->tx_attr, *want = wish->hints->tx_attr;

	return !want ||
	       (context_caps_suit("tx_attr caps", want->caps, tx->caps, TX_CAPS, wish->caps) &&
		subset("tx_attr op_flags", want->op_flags, SWITCH_TX_OP_FLAGS) &&
		subset("tx_attr msg_order", want->msg_order, tx->msg_order) &&
		subset("tx_attr comp_order", want->comp_order, tx->comp_order) &&
		within("inject_size", want->inject_size, tx->inject_size) &&
		within("tx_attr size", want->size, tx->size) &&
		within("tx_attr iov_limit", want->iov_limit, tx->iov_limit) &&
		within("rma_iov_limit", want->rma_iov_limit, tx->rma_iov_limit));
}

/* total_buffered_recv is not checked: unexpected messages have as much room as there is. */
static bool rx_suits(const struct fi_info *info, const struct wish *wish)
{
	const struct fi_rx_attr *rx = info->rx_attr, *want = wish->hints->rx_attr;

	return !want ||
	       (context_caps_suit("rx_attr caps", want->caps, rx->caps, RX_CAPS, wish->caps) &&
		subset("rx_attr op_flags", want->op_flags, SWITCH_RX_OP_FLAGS) &&
		subset("rx_attr msg_order", want->msg_order, rx->msg_order) &&
		subset("rx_attr comp_order", want->comp_order, rx->comp_order) &&
		within("rx_attr size", want->size, rx->size) &&
		within("rx_attr iov_limit", want->iov_limit, rx->iov_limit));
}

/* Fields that fi_getinfo(3) has since 1.5. */
static bool is_new(const struct wish *wish)
{
	return FI_VERSION_GE(wish->version, FI_VERSION(1, 5));
}

/* msg_prefix_size is not checked: no prefix is needed, whatever the application could
 * spare. */
static bool ep_suits(const struct fi_info *info, const struct wish *wish)
{
	const struct fi_ep_attr *ep = info->ep_attr, *want = wish->hints->ep_attr;

	return !want ||
	       ((!want->type || want->type == ep->type) &&
		subset("protocol", want->protocol ? want->protocol ^ ep->protocol : 0, 0) &&
		within("protocol_version", want->protocol_version, ep->protocol_version) &&
		within("max_msg_size", want->max_msg_size, ep->max_msg_size) &&
		within("max_order_raw_size", want->max_order_raw_size, ep->max_order_raw_size) &&
		within("max_order_war_size", want->max_order_war_size, ep->max_order_war_size) &&
		within("max_order_waw_size", want->max_order_waw_size, ep->max_order_waw_size) &&
		(want->tx_ctx_cnt == FI_SHARED_CONTEXT ||
		 within("tx_ctx_cnt", want->tx_ctx_cnt, ep->tx_ctx_cnt)) &&
		(want->rx_ctx_cnt == FI_SHARED_CONTEXT ||
		 within("rx_ctx_cnt", want->rx_ctx_cnt, ep->rx_ctx_cnt)) &&
		(!is_new(wish) || within("auth_key_size", want->auth_key_size, 0)));
}

static bool new_domain_suits(const struct fi_domain_attr *domain, const struct wish *wish)
{
	const struct fi_domain_attr *want = wish->hints->domain_attr;

#if FI_MAJOR_VERSION >= 2
	if (FI_VERSION_GE(wish->version, FI_VERSION(2, 0)) &&
	    (!within("max_ep_auth_key", want->max_ep_auth_key, 0) ||
	     !within("max_group_id", want->max_group_id, 0)))
		return false;
#endif
	return within("mr_iov_limit", want->mr_iov_limit, domain->mr_iov_limit) &&
	       within("max_err_data", want->max_err_data, domain->max_err_data) &&
	       within("auth_key_size", want->auth_key_size, 0) &&
	       subset("domain_attr caps", want->caps, domain->caps);
}

/* Numbers of objects are not checked: any suits. */
static bool domain_suits(const struct fi_info *info, const struct wish *wish)
{
	const struct fi_domain_attr *domain = info->domain_attr, *want = wish->hints->domain_attr;

	if (!want)
		return true;
	if (want->name && strcmp(want->name, domain->name))
		return false;
	return within("threading", want->threading, FI_THREAD_ENDPOINT) &&
	       within("control_progress", want->control_progress, SWITCH_PROGRESS_LAST) &&
	       within("data_progress", want->data_progress, SWITCH_PROGRESS_LAST) &&
	       within("resource_mgmt", want->resource_mgmt, FI_RM_ENABLED) &&
	       within("av_type", want->av_type, FI_AV_TABLE) &&
	       within("mr_key_size", want->mr_key_size, domain->mr_key_size) &&
	       within("cq_data_size", want->cq_data_size, domain->cq_data_size) &&
	       within("max_ep_tx_ctx", want->max_ep_tx_ctx, domain->max_ep_tx_ctx) &&
	       within("max_ep_rx_ctx", want->max_ep_rx_ctx, domain->max_ep_rx_ctx) &&
	       (!is_new(wish) || new_domain_suits(domain, wish));
}

static bool fabric_suits(const struct fi_info *info, const struct fi_fabric_attr *want)
{
	return !want || ((!want->name || !strcmp(want->name, info->fabric_attr->name)) &&
			 within("prov_version", want->prov_version, switch_prov.version));
}

/* Whether the attributes of an endpoint and its contexts are those that were asked for. */
static bool objects_suit(const struct fi_info *info, const struct wish *wish)
{
	const uint64_t caps = wish->hints->caps;

	if (caps & FI_SOURCE_ERR && !(caps & FI_SOURCE))
		return false;
	return ep_suits(info, wish) && subset("caps", caps, info->caps) && tx_suits(info, wish) &&
	       rx_suits(info, wish);
}

static bool entry_suits(const struct fi_info *info, const struct wish *wish)
{
	const struct fi_info *hints = wish->hints;

	if (!hints)
		return true;
	if (hints->handle && hints->handle->fclass != FI_CLASS_PEP)
		return false; /* nothing else can be copied, as fi_getinfo(3) wants it */
	return fabric_suits(info, hints->fabric_attr) && objects_suit(info, wish) &&
	       domain_suits(info, wish);
}

/* -- the answer ---------------------------------------------------------------- */

/* An application that names one of the two registration models of before 1.5 gets that
 * one.  Since 1.5 the field holds the modes that a provider requires; this one requires
 * none. */
static int answer_mr_mode(uint32_t version, const struct fi_domain_attr *want)
{
	const int asked = want ? want->mr_mode : 0;

	if (asked == SWITCH_MR_BASIC || asked == SWITCH_MR_SCALABLE)
		return asked;
	return FI_VERSION_LT(version, FI_VERSION(1, 5)) ? SWITCH_MR_SCALABLE : 0;
}

/* The capabilities that are asked for; if none are, all but FI_SOURCE_ERR, which makes
 * entries of unknown sources errors that not every application expects. */
static void answer_caps(struct fi_info *info, const struct fi_info *hints)
{
	const uint64_t tx = hints->tx_attr ? hints->tx_attr->caps & TX_CAPS : 0;
	const uint64_t rx = hints->rx_attr ? hints->rx_attr->caps & RX_CAPS : 0;
	uint64_t caps = hints->caps;

	if (caps) {
		if (caps & MESSAGES && !(caps & MODIFIERS))
			caps |= MODIFIERS;
		info->caps = caps | COMM_CAPS;
	}
	info->tx_attr->caps = info->caps & TX_CAPS;
	info->rx_attr->caps = info->caps & RX_CAPS;
	if (tx)
		info->tx_attr->caps &= tx | FI_SEND;
	if (rx)
		info->rx_attr->caps &= rx | FI_RECV;
}

static void answer_ep(struct fi_ep_attr *ep, const struct fi_ep_attr *want)
{
	if (want->mem_tag_format)
		ep->mem_tag_format = want->mem_tag_format;
	if (want->tx_ctx_cnt == FI_SHARED_CONTEXT)
		ep->tx_ctx_cnt = FI_SHARED_CONTEXT;
	if (want->rx_ctx_cnt == FI_SHARED_CONTEXT)
		ep->rx_ctx_cnt = FI_SHARED_CONTEXT;
}

static void at_least(size_t *number, size_t asked)
{
	if (asked > *number)
		*number = asked;
}

/* Offers as many objects as the hints ask for. */
static void answer_counts(struct fi_domain_attr *domain, const struct fi_domain_attr *want,
			  uint32_t version)
{
	at_least(&domain->cq_cnt, want->cq_cnt);
	at_least(&domain->ep_cnt, want->ep_cnt);
	at_least(&domain->tx_ctx_cnt, want->tx_ctx_cnt);
	at_least(&domain->rx_ctx_cnt, want->rx_ctx_cnt);
	at_least(&domain->max_ep_stx_ctx, want->max_ep_stx_ctx);
	at_least(&domain->max_ep_srx_ctx, want->max_ep_srx_ctx);
	if (FI_VERSION_LT(version, FI_VERSION(1, 5)))
		return;
	at_least(&domain->cntr_cnt, want->cntr_cnt);
	at_least(&domain->mr_cnt, want->mr_cnt);
}

/* Puts the values that the hints ask for into an entry that satisfies them. */
static void entry_answer(struct fi_info *info, uint32_t version, const struct fi_info *hints)
{
	const struct fi_domain_attr *want = hints ? hints->domain_attr : NULL;

	info->domain_attr->mr_mode = answer_mr_mode(version, want);
	info->caps &= ~FI_SOURCE_ERR;
	info->rx_attr->caps &= ~FI_SOURCE_ERR;
	if (!hints)
		return;
	answer_caps(info, hints);
	if (hints->tx_attr)
		info->tx_attr->op_flags = hints->tx_attr->op_flags;
	if (hints->rx_attr)
		info->rx_attr->op_flags = hints->rx_attr->op_flags;
	if (hints->ep_attr)
		answer_ep(info->ep_attr, hints->ep_attr);
	info->handle = hints->handle;
	if (!want)
		return;
	if (want->threading)
		info->domain_attr->threading = want->threading;
	if (want->control_progress)
		info->domain_attr->control_progress = want->control_progress;
	if (want->data_progress)
		info->domain_attr->data_progress = want->data_progress;
	info->domain_attr->av_type = want->av_type;
	answer_counts(info->domain_attr, want, version);
}

int switch_attr_entry(const struct fi_info *core, enum fi_ep_type type, uint32_t version,
		      const struct fi_info *hints, struct fi_info **entry)
{
	const struct wish wish = {
		.hints = hints,
		.version = version,
		.caps = hints ? hints->caps : 0,
	};
	struct fi_info *info = offer_create(core, type);

	*entry = NULL;
	if (!info)
		return -FI_ENOMEM;
	if (!entry_suits(info, &wish)) {
		fi_freeinfo(info);
		return 0;
	}
	entry_answer(info, version, hints);
	*entry = info;
	return 0;
}

/* -- opening ------------------------------------------------------------------- */

static int check(const struct switch_domain *domain, enum fi_ep_type type,
		 const struct fi_info *want)
{
	const struct wish wish = {.hints = want, .version = domain->fabric->fabric_fid.api_version};
	struct fi_info *offer = offer_create(domain->pump.core.info, type);
	bool suits;

	if (!offer)
		return -FI_ENOMEM;
	suits = objects_suit(offer, &wish);
	fi_freeinfo(offer);
	return suits ? 0 : -FI_EINVAL;
}

int switch_attr_check_ep(const struct switch_domain *domain, const struct fi_info *info)
{
	const enum fi_ep_type type = info->ep_attr->type;

	return switch_attr_offers(type) ? check(domain, type, info) : -FI_EINVAL;
}

int switch_attr_check_shared(const struct switch_domain *domain, const struct fi_tx_attr *tx,
			     const struct fi_rx_attr *rx)
{
	struct fi_info want = {.tx_attr = (struct fi_tx_attr *)tx,
			       .rx_attr = (struct fi_rx_attr *)rx};

	return check(domain, FI_EP_RDM, &want); /* its offer includes that of FI_EP_MSG */
}
