/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The attributes in an entry of fi_getinfo, and whether an application may ask for others.
 */
#ifndef SWITCH_ATTR_H
#define SWITCH_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>

struct switch_domain;

/* The types of endpoints that are offered, in the order of the answer; FI_EP_UNSPEC behind
 * the last. */
enum fi_ep_type switch_attr_type(size_t idx);
bool switch_attr_offers(enum fi_ep_type type);
/* Our entry of this type over a core's; *entry is NULL if it does not satisfy
 * the hints (NULL: none).  0 or -FI_ENOMEM (discover/attr.c). */
int switch_attr_entry(const struct fi_info *core, enum fi_ep_type type, uint32_t version,
		      const struct fi_info *hints, struct fi_info **entry);

/* Check the info with which an application opens an endpoint, or the attributes of a
 * shared context (one of them is NULL; both: the defaults).  -FI_EINVAL if they ask for
 * something that fi_getinfo would not offer, -FI_ENOMEM. */
int switch_attr_check_ep(const struct switch_domain *domain, const struct fi_info *info);
int switch_attr_check_shared(const struct switch_domain *domain, const struct fi_tx_attr *tx,
			     const struct fi_rx_attr *rx);

#endif
