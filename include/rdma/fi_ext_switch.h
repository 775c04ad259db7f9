/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Extensions of the ofi_switch provider: statistics of an endpoint.
 *
 *	struct fi_switch_ops_ep *ops;
 *	struct fi_switch_stats stats = {.size = sizeof(stats)};
 *
 *	if (!fi_open_ops(&ep->fid, FI_SWITCH_EP_OPS, 0, (void **)&ops, NULL))
 *		ops->stats(ep, &stats);
 *
 * See fi_switch(7) for what is counted.
 */
#ifndef FI_EXT_SWITCH_H
#define FI_EXT_SWITCH_H

#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name to give to fi_open_ops(). */
#define FI_SWITCH_EP_OPS "switch ep ops"

/* The ways in which messages travel. */
enum fi_switch_way {
	FI_SWITCH_INLINE, /* whole, in one packet */
	FI_SWITCH_READ,	  /* the receiver reads all but the beginning */
	FI_SWITCH_WRITE,  /* the sender writes all but the beginning */
	FI_SWITCH_COPY,	  /* in pieces, in packets */
	FI_SWITCH_WAYS,
};

/*
 * Counters since the endpoint (or session) was opened.  Messages count when
 * they are announced (tx) or delivered (rx), with all of their bytes; those
 * that were to be read or written and had to be copied count as copied.
 */
struct fi_switch_stats {
	size_t size; /* in: sizeof(struct fi_switch_stats) as the caller knows it */
	uint64_t tx_packets, rx_packets;
	uint64_t tx_records, rx_records;
	uint64_t tx_msgs[FI_SWITCH_WAYS], tx_bytes[FI_SWITCH_WAYS];
	uint64_t rx_msgs[FI_SWITCH_WAYS], rx_bytes[FI_SWITCH_WAYS];
	uint64_t credit_stalls;	    /* something to send found no credit */
	uint64_t tx_credit_packets; /* packets that carried credits only */
	uint64_t rx_credit_packets;
	uint64_t coalesced_records; /* records that shared a packet */
	uint64_t unexpected_msgs;   /* messages that came before their receive */
	uint64_t registrations;	    /* memory registered with the core */
	uint64_t fallbacks;	    /* transfers copied for want of a registration */
	uint64_t stale;		    /* replies to operations that were called back */
	uint64_t failures;	    /* sessions that ended with an error */
	uint64_t sessions;	    /* sessions counted here that exist now */
	/* The first version ended here; the rest is filled in as far as size goes. */
	uint64_t throttles;    /* a peer got fewer credits, for nobody received its messages */
	uint64_t dropped_msgs; /* unmatched messages of ended sessions or of peers that broke
				  the rules, thrown away */
};

struct fi_switch_ops_ep {
	size_t size;
	/*
	 * Sum over all sessions of ep, ended ones included.  Returns 0, or
	 * -FI_EINVAL if stats->size is less than that of the first version.
	 */
	int (*stats)(struct fid_ep *ep, struct fi_switch_stats *stats);
	/*
	 * The session with one peer: fi_addr of an RDM endpoint, ignored for
	 * MSG.  Returns 0, -FI_ENOENT if there is no session with it, or
	 * -FI_EINVAL.
	 */
	int (*peer_stats)(struct fid_ep *ep, fi_addr_t fi_addr, struct fi_switch_stats *stats);
};

#ifdef __cplusplus
}
#endif

#endif
