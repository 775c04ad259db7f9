/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain of the adapter for connectionless cores.
 */
#ifndef CORE_RDM_DOMAIN_H
#define CORE_RDM_DOMAIN_H

#include <sys/queue.h>

#include "core/common/base.h"
#include "core/common/line.h"

struct core_peer;
struct core_port;
struct core_rdm_waiting;

struct core_domain {
	struct core_base base; /* first */
	struct fid_fabric *fabric;
	struct fi_info *info; /* for its own endpoints */
	struct fid_cq *cq;
	struct fid_av *av;
	bool has_fd; /* the core's queue has a descriptor, cq_fd */
	bool armed;  /* somebody may sleep */
	int cq_fd;
	int timer_fd;	      /* wakes where nothing else does */
	bool timer_set;	      /* it may be readable, now or later */
	int wait_fd;	      /* epoll set of both */
	unsigned idle_polls;  /* in a row */
	unsigned waits;	      /* times that somebody may have slept, since the last event */
	uint64_t waits_since; /* milliseconds */
	uint64_t seen;	      /* completions read that had a context */
	LIST_HEAD(, core_port) ports, closed_ports;
	struct core_peer *peers;
	TAILQ_HEAD(, core_peer) idle_peers;
	unsigned idle_peer_cnt;
	LIST_HEAD(, core_path) paths;
	struct core_path *by_id;
	TAILQ_HEAD(core_rdm_due, core_path) due; /* have something to report */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* of those listeners, not answered yet */
	unsigned request_cnt;
	TAILQ_HEAD(, core_rdm_waiting) waiting;
	unsigned orphan_cnt; /* of these, those that nobody waits for */
	uint32_t next_id;
};

/* -- core/rdm/domain.c --------------------------------------------------- */

void core_rdm_caps(const struct fi_info *info, struct core_caps *caps);

int core_rdm_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain);
void core_rdm_domain_close(struct core_domain *domain);

/* -- core/rdm/poll.c ------------------------------------------------------ */

int core_rdm_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_rdm_release(struct core_domain *domain, struct core_event *event);

/* -- core/rdm/wait.c ------------------------------------------------------ */

int core_rdm_wait_open(struct core_domain *domain);
void core_rdm_timer_arm(struct core_domain *domain);

int core_rdm_wait_fds(struct core_domain *domain, int *fds, int max);
int core_rdm_trywait(struct core_domain *domain);

uint64_t core_rdm_now(void); /* milliseconds */

#endif
