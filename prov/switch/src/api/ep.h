/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints.
 */
#ifndef SWITCH_EP_H
#define SWITCH_EP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include "api/handle.h"
#include "api/rx.h"
#include "base/addr.h"
#include "base/compat.h"
#include "core/core.h"
#include "peer/cm.h"
#include "peer/local.h"
#include "peer/rdm.h"
#include "switch_session.h"

struct switch_av;
struct switch_count;
struct switch_domain;
struct switch_queue;
struct switch_stx;

/* The complete table of differences between kinds of endpoints. api/ep.c has one for each
 * type. */
struct switch_ep_kind {
	enum fi_ep_type type;
	const char *name; /* in statistics */
	const struct switch_role *role;
	struct fi_ops_cm *cm;
	/* Whether an event queue, or an address vector, must be bound before fi_enable.
	 * Without needs_av, no address vector may be bound. */
	bool needs_eq, needs_av;
	bool listens;
	/* Receives may be posted before the endpoint is enabled, so that a message which
	 * comes right behind the connection finds one. */
	bool early_receives;
	/* Sets the members of the endpoint's role, for these capabilities. */
	void (*setup)(struct switch_ep *ep, uint64_t caps);
	/* Uses info->handle, a passive endpoint or a connection request: 0 or a negative
	 * errno. */
	int (*take_handle)(struct switch_ep *ep, fid_t handle);
};

/* Capabilities and attributes with which an endpoint was opened, and flags of its
 * bindings. */
enum switch_ep_trait {
	SWITCH_EP_SENDS = 1 << 0,
	SWITCH_EP_RECEIVES = 1 << 1,
	SWITCH_EP_SOURCE = 1 << 2,	 /* completions name the source */
	SWITCH_EP_SHARED_TX = 1 << 3,	 /* attributes ask for a shared transmit context */
	SWITCH_EP_SHARED_RX = 1 << 4,	 /* and for a shared receive context */
	SWITCH_EP_TX_SELECTIVE = 1 << 5, /* only sends with FI_COMPLETION have an entry */
	SWITCH_EP_RX_SELECTIVE = 1 << 6,
};

struct switch_ep {
	struct switch_handle handle;
	unsigned aliases; /* handles beside its own */
	struct switch_domain *domain;
	LIST_ENTRY(switch_ep) link;
	const struct switch_ep_kind *kind;
	union { /* the local end of its sessions: rdm or msg, by its kind */
		struct switch_local local;
		struct switch_rdm rdm;
		struct switch_msg msg;
	};
	unsigned traits; /* enum switch_ep_trait */
	struct switch_av *av;
	struct switch_queue *tx_cq, *rx_cq;
	struct switch_count *tx_cntr, *rx_cntr;
	struct switch_count *rma_cntr[4]; /* bound, but not counted: there are no such operations */
	unsigned rma_cntrs;
	size_t max_msg_size, inject_size;
	size_t tx_left; /* sends that may still be posted */

	struct switch_rx own_rx;
	struct switch_rx *srx; /* the shared context that is bound, instead of its own */
	LIST_ENTRY(switch_ep) srx_link;
	struct switch_stx *stx;
};

int switch_ep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep,
		   void *context);

#endif
