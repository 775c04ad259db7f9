/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain: one engine over one core domain, and everything they serve.
 */
#ifndef SWITCH_DOMAIN_H
#define SWITCH_DOMAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

#include "base/compat.h"
#include "core/core.h"
#include "switch_session.h"

struct switch_cntr;
struct switch_conn;
struct switch_cq;
struct switch_ep;
struct switch_fabric;
struct switch_mr;
struct switch_op_chunk;
struct switch_stranger;

struct switch_domain {
	struct fid_domain domain_fid;
	struct switch_fabric *fabric;
	LIST_ENTRY(switch_domain) link;
	struct fi_info *info;	   /* ours */
	struct fi_info *core_info; /* the core's, with a shared receive context where it has one */
	const struct core_ops *core_ops;
	size_t credits; /* packets that a peer may have on the way to us */
	struct core_domain *core;
	const struct core_caps *caps;
	struct sess_engine *engine;
	struct sess_core *sess_core; /* the core, as the engine knows it */

	pthread_mutex_t lock;
	bool locked; /* the lock is in use (see above) */
	enum fi_threading threading;
	enum fi_progress progress;
	pthread_t progress_thread; /* FI_PROGRESS_AUTO */
	int progress_fd;	   /* eventfd that wakes and ends it, or -1 */
	int progress_epoll;	   /* what it sleeps on */
	bool progress_stop;

	int timer_fd;	       /* the engine's next deadline */
	uint64_t timer_set;    /* what it is set to */
	bool waited;	       /* somebody may sleep whom no send that is held back wakes */
	unsigned cm_countdown; /* passes until connection events are read again */
	unsigned cm_pending;   /* connections being made or closed */
	uint64_t last_tick;    /* when deadlines were looked at */

	LIST_HEAD(, switch_ep) eps;
	LIST_HEAD(, switch_conn) conns; /* every session's path, lingering ones included */
	LIST_HEAD(, switch_cq) cqs;
	LIST_HEAD(, switch_cntr) cntrs;
	STAILQ_HEAD(, sess_op) free_ops;
	SLIST_HEAD(, switch_op_chunk) op_chunks;
	struct switch_mr *mrs;			      /* uthash by key */
	struct switch_stranger *strangers;	      /* uthash by address */
	struct switch_stranger *stranger_id;	      /* the same by number */
	TAILQ_HEAD(, switch_stranger) idle_strangers; /* without references, oldest first */
	size_t idle_stranger_cnt;
	uint64_t last_stranger;
	bool names_sources; /* completions need switch_name_source() */
	uint64_t next_key;
	int refs;
};

static inline void switch_domain_lock(struct switch_domain *domain)
{
	if (domain->locked)
		pthread_mutex_lock(&domain->lock);
}

static inline void switch_domain_unlock(struct switch_domain *domain)
{
	if (domain->locked)
		pthread_mutex_unlock(&domain->lock);
}

/* An event queue is about to be bound below this domain: from now on its lock
 * is in use and every event queue of the fabric progresses it.  Call without
 * locks; takes the fabric's. */
void switch_domain_need_lock(struct switch_domain *domain);

/* Polls the core, feeds the engine, performs its actions, writes completions
 * (progress/pump.c). */
void switch_domain_progress(struct switch_domain *domain);
/* Performs what the engine asks for, without polling: after a submission. */
void switch_domain_perform(struct switch_domain *domain);
/* The same after the application submitted something. */
void switch_domain_submitted(struct switch_domain *domain);
/* Sleeps a moment, the lock dropped, unless there is something to progress. */
void switch_domain_doze(struct switch_domain *domain);
/* The last endpoint is closed: gives its peers a moment to take leave, where the core
 * would not tell them that this process has exited. */
void switch_domain_rest(struct switch_domain *domain);
/* Closes what lingers, waiting for its peers at most close_timeout. */
void switch_domain_drain(struct switch_domain *domain);
int switch_progress_start(struct switch_domain *domain);
void switch_progress_stop(struct switch_domain *domain);
/* A deadline may have come nearer: whoever sleeps, the progress thread or an
 * application's, has to know. */
void switch_progress_wake(struct switch_domain *domain);

int switch_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain,
		       void *context);

#endif
