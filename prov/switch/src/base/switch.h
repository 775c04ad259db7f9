/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Constants of the provider, and its log.
 *
 * Locks, outermost first:
 *   open_lock            the list of open fabrics (api/fabric.c)
 *   switch_waitset.lock  its members
 *   switch_hub.lock      of a fabric: its lists of pumps, event queues and passive
 *                        endpoints, and those themselves
 *   switch_pump.lock     of a domain: engine, core, endpoints, completion queues,
 *                        counters, address vectors
 *   switch_events.lock   the events of one queue
 * A pump's lock is absent only under FI_THREAD_DOMAIN with manual progress and without
 * an event queue bound to one of the domain's endpoints (reading an event queue
 * progresses the domain from any thread).  Functions expect the caller to hold the
 * pump's lock, "the lock", unless they say otherwise.
 */
#ifndef SWITCH_H
#define SWITCH_H

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/providers/fi_log.h>
#include <rdma/providers/fi_prov.h>

#include "base/compat.h"

#define SWITCH_NAME	      "ofi_switch"
#define SWITCH_INJECT_SIZE    4096  /* less where BUFFER_SIZE holds less */
#define SWITCH_PACKET_HEAD    128   /* bytes of a packet that no payload may count on */
#define SWITCH_TX_SIZE	      65536 /* operations outstanding, unread completions included */
#define SWITCH_RX_SIZE	      65536
#define SWITCH_CQ_SIZE	      1024
#define SWITCH_MIN_MULTI_RECV 64
#define SWITCH_CM_DATA_MAX    512 /* bytes, our preamble included */

/* Flags that operations of an endpoint may have by default. */
#define SWITCH_TX_OP_FLAGS                                                                         \
	(FI_COMPLETION | FI_INJECT | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE |                   \
	 FI_DELIVERY_COMPLETE)
#define SWITCH_RX_OP_FLAGS (FI_COMPLETION | FI_MULTI_RECV)

extern struct fi_provider switch_prov;

#define SW_WARN(subsys, ...) FI_WARN(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)
#define SW_INFO(subsys, ...) FI_INFO(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)

#endif
