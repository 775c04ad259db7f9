/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connectionless cores.
 */
#ifndef CORE_RDM_DOMAIN_H
#define CORE_RDM_DOMAIN_H

#include <sys/queue.h>

#include "core/common/domain.h"
#include "core/common/path.h"

struct core_peer;
struct core_port;
struct core_rdm_waiting;

/* Owned by whoever opened it, freed by core_rdm_domain_close(), under the domain's lock, or
 * the lock of the passive endpoint that it belongs to. */
struct core_domain {
	struct core_domain_base base; /* first */
	struct fid_fabric *fabric;
	struct fi_info *info; /* a copy, for the core's endpoints */
	struct fid_cq *cq;
	struct fid_av *av;
	bool has_fd; /* cq has a descriptor that can be slept on, cq_fd */
	bool armed;  /* trywait succeeded: somebody may sleep */
	int cq_fd;
	int timer_fd;	      /* wakes sleepers where no descriptor of the core does */
	bool timer_set;	      /* the timer runs or has expired */
	int wait_fd;	      /* epoll set of both: what users sleep on */
	unsigned idle_polls;  /* polls without an event, in a row */
	unsigned waits;	      /* successful calls of trywait since the last event */
	uint64_t waits_since; /* when the first of them was, core_rdm_now() */
	uint64_t seen;	      /* completions with a context that were read: see core_drain_at() */
	LIST_HEAD(, core_port) ports, closed_ports; /* closed: not freed yet */
	struct core_peer *peers;		    /* hash table, by name */
	TAILQ_HEAD(, core_peer) idle_peers;	    /* without references, the oldest first */
	unsigned idle_peer_cnt;
	LIST_HEAD(, core_path) paths;
	struct core_path *by_id;		 /* hash table of those that frames may name */
	TAILQ_HEAD(core_rdm_due, core_path) due; /* paths with events to report */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* requests to those listeners, not freed yet */
	unsigned request_cnt;
	TAILQ_HEAD(, core_rdm_waiting) waiting; /* frames that the core did not take yet */
	unsigned orphan_cnt;			/* those of them without a path */
	uint32_t next_id;			/* of a path */
};

/* -- core/rdm/domain.c --------------------------------------------------- */

/* The slots of core_rdm_ops of these names. */
void core_rdm_caps(const struct fi_info *info, struct core_caps *caps);
int core_rdm_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain);
void core_rdm_domain_close(struct core_domain *domain);

/* -- core/rdm/poll.c ------------------------------------------------------ */

int core_rdm_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_rdm_release(struct core_domain *domain, struct core_event *event);

/* -- core/rdm/wait.c ------------------------------------------------------ */

/* Opens the descriptors to sleep on; 0 or a negative errno. */
int core_rdm_wait_open(struct core_domain *domain);
/* Starts the timer that wakes sleepers. */
void core_rdm_timer_arm(struct core_domain *domain);
int core_rdm_wait_fds(struct core_domain *domain, int *fds, int max);
int core_rdm_trywait(struct core_domain *domain);
/* Milliseconds of the monotonic clock. */
uint64_t core_rdm_now(void);

#endif
