/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive contexts.
 */
#ifndef SWITCH_RX_H
#define SWITCH_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "switch_session.h"

struct switch_domain;
struct switch_ep;

/* Where receives are posted: an endpoint's own, or a shared receive context. */
struct switch_rx {
	struct switch_domain *domain;
	struct switch_ep *ep;	    /* the endpoint that owns it; NULL: a shared context */
	LIST_HEAD(, switch_ep) eps; /* endpoints that share it */
	struct sess_rx *sess_rx;
	size_t left; /* receives that may still be posted */
	size_t min_multi_recv;
	bool directed;
};

/* An enabled endpoint that receives from it; NULL if there is none. */
const struct switch_ep *switch_rx_ep(const struct switch_rx *rx);

#endif
