/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions of reliable datagram endpoints, by address.
 */
#ifndef SWITCH_RDM_H
#define SWITCH_RDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>

#include "core/core.h"
#include "switch_session.h"

struct switch_conn;
struct switch_ep;
struct switch_pump;

/* RDM (peer/rdm.c): the session with a peer, made if there is none.  0 or a
 * negative errno. */
int switch_rdm_sess(struct switch_ep *ep, fi_addr_t fi_addr, struct sess **sess);
/* An address inserted twice is one peer: the entry that stands for it. */
fi_addr_t switch_rdm_first(const struct switch_ep *ep, fi_addr_t fi_addr);
/* Somebody connects to an RDM endpoint. */
void switch_rdm_request(struct switch_pump *pump, struct core_event *event);
/* Its peer's next send needs a new one. */
void switch_rdm_forget_conn(struct switch_conn *conn);
int switch_rdm_enable(struct switch_ep *ep);
/* Data of a refused connection: the peer's own is on its way. */
bool switch_refusal_is_crossing(const void *data, size_t len);

/* Called with the domain's lock for every endpoint bound when entries come or go. */
void switch_ep_av_inserted(struct switch_ep *ep, fi_addr_t fi_addr);
void switch_ep_av_removed(struct switch_ep *ep, fi_addr_t fi_addr);

#endif
