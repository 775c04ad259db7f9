/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connection-oriented cores.
 */
#ifndef CORE_MSG_DOMAIN_H
#define CORE_MSG_DOMAIN_H

#include <sys/queue.h>

#include "core/common/base.h"
#include "core/common/rx.h"
#include "core/common/tx.h"
#include "core/msg/cq.h"
#include "core/msg/eq.h"

enum {
	CORE_MSG_RX_MAX = 16384, /* receives posted where the core does not hold back */
};

struct core_domain {
	struct core_base base; /* first */
	struct fid_fabric *fabric;
	struct core_msg_queue waited;
	struct core_msg_polled polled;
	bool polled_first; /* that is read first next time */
	int wake_fd;	   /* wakes who sleeps, whatever for */
	unsigned armed;	   /* somebody may sleep: so many calls are still followed */
	struct fid_eq *eq;
	struct fid_ep *srx;   /* NULL: each path has receives of its own */
	int waited_fd, cm_fd; /* cm_fd: epoll set of our and our listeners' event queues */
	size_t rx_ctx_cnt;

	struct core_pool pool; /* with srx only */
	struct core_tx_pool tx;
	size_t window; /* buffers that have to wait for each path; 0: the core holds back */
	size_t rx_max; /* buffers that the queues have room for */

	bool cm_due;	     /* something broke or was left over: read the events */
	bool slept;	     /* somebody may have: an event may have woken him */
	unsigned cm_pending; /* paths that wait for a connection event */
	unsigned path_cnt;
	size_t expected;				   /* peers that may be connected */
	LIST_HEAD(, core_path) paths;			   /* all of them */
	TAILQ_HEAD(core_msg_draining, core_path) draining; /* wait for their last completions */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* of those listeners */
	union core_msg_cm cm[CORE_BATCH];   /* one per event, until the next poll */
};

/* -- core/msg/domain.c -------------------------------------------------- */

void core_msg_caps(const struct fi_info *info, struct core_caps *caps);
int core_msg_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain);
void core_msg_domain_close(struct core_domain *domain);
int core_msg_wait_fds(struct core_domain *domain, int *fds, int max);
int core_msg_trywait(struct core_domain *domain);
void core_msg_expect(struct core_domain *domain, size_t peers);

/* -- core/msg/poll.c ---------------------------------------------------- */

int core_msg_out_done(struct core_out *out, int error, struct core_event *event);

int core_msg_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_msg_release(struct core_domain *domain, struct core_event *event);

/* -- core/msg/cm.c ------------------------------------------------------ */

int core_msg_cm_poll(struct core_domain *domain, struct core_event *events, int max);

static inline void core_msg_queue_touched(struct core_domain *domain)
{
	if (domain->armed)
		core_msg_queue_changed(domain);
}

#endif
