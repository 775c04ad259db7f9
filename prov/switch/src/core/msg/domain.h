/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connection-oriented cores.
 */
#ifndef CORE_MSG_DOMAIN_H
#define CORE_MSG_DOMAIN_H

#include <sys/queue.h>

#include "core/common/domain.h"
#include "core/common/rx.h"
#include "core/common/tx.h"
#include "core/msg/cq.h"
#include "core/msg/eq.h"

enum {
	CORE_MSG_RX_MAX = 16384, /* receives posted over a core without flow control */
};

/* Owned by whoever opened it, freed by core_msg_domain_close(), under the domain's lock. */
struct core_domain {
	struct core_domain_base base; /* first */
	struct fid_fabric *fabric;
	struct core_msg_queue waited;  /* the completion queue with a descriptor, waited_fd */
	struct core_msg_polled polled; /* the completion queue with a list for poll(2) */
	bool polled_first;	       /* the next poll reads it before the waited one */
	int waited_fd;
	int wake_fd;	/* eventfd: wakes whoever sleeps, for whatever reason */
	unsigned armed; /* somebody may sleep: calls for which the polled queue is followed */
	struct fid_eq *eq;
	int cm_fd;	    /* epoll set of the event queues, this one and the listeners' */
	struct fid_ep *srx; /* NULL: each path has receives of its own */
	size_t rx_ctx_cnt;  /* the core's endpoints are opened with this rx_ctx_cnt */

	struct core_pool pool; /* with srx only */
	struct core_tx_pool tx;
	size_t window; /* buffers posted for each path; 0: the core has flow control */
	size_t rx_max; /* receives that the queues have room for */

	bool cm_due;	     /* read connection events: a path may have broken, or some were left */
	bool slept;	     /* somebody may have slept, and been woken by a connection event */
	unsigned cm_pending; /* paths that wait for a connection event */
	unsigned path_cnt;
	size_t expected;				   /* peers that may be connected */
	LIST_HEAD(, core_path) paths;			   /* all of them */
	TAILQ_HEAD(core_msg_draining, core_path) draining; /* the first to drain comes first */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* requests to those listeners, not freed yet */
	union core_msg_cm cm[CORE_BATCH];   /* connection data of events, until the next poll */
};

/* -- core/msg/domain.c -------------------------------------------------- */

/* The slots of core_msg_ops of these names. */
void core_msg_caps(const struct fi_info *info, struct core_caps *caps);
int core_msg_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain);
void core_msg_domain_close(struct core_domain *domain);
int core_msg_wait_fds(struct core_domain *domain, int *fds, int max);
int core_msg_trywait(struct core_domain *domain);
void core_msg_expect(struct core_domain *domain, size_t peers);

/* -- core/msg/poll.c ---------------------------------------------------- */

/* An operation that was out is over.  Returns how many events that makes, 0 or 1. */
int core_msg_out_done(struct core_out *out, int error, struct core_event *event);
int core_msg_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_msg_release(struct core_domain *domain, struct core_event *event);

/* -- core/msg/cm.c ------------------------------------------------------ */

/* Reads connection events; returns how many events they make. */
int core_msg_cm_poll(struct core_domain *domain, struct core_event *events, int max);

/* To be called behind every call that may change what the core waits for. */
static inline void core_msg_queue_touched(struct core_domain *domain)
{
	if (domain->armed)
		core_msg_queue_changed(domain);
}

#endif
