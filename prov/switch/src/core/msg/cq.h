/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The completion queues of a domain: the waited one, which has a descriptor, and with some
 * cores a polled one, which has a list of descriptors.
 */
#ifndef CORE_MSG_CQ_H
#define CORE_MSG_CQ_H

#include <poll.h>

#include "core/core.h"

enum {
	CORE_MSG_POLLED_PATHS = 16, /* paths of the polled queue at most */
	CORE_MSG_POLLED_FDS = 64,   /* descriptors: their sockets, and those that the core adds */
};

/* A completion queue; lies in the domain and is under its lock. */
struct core_msg_queue {
	struct fid_cq *cq;
	unsigned path_cnt; /* paths bound to it, until they are freed */
	uint64_t seen;	   /* completions with a context that were read: see core_drain_at() */
};

/* The queue of the first few paths, where the core is faster with it (core/msg/cq.c). */
struct core_msg_polled {
	struct core_msg_queue queue; /* cq NULL: there is none */
	int epoll_fd;		     /* the epoll set that follows the core's list */
	uint64_t change_index;	     /* the core's version number of its list */
	size_t fd_cnt;
	struct pollfd fds[CORE_MSG_POLLED_FDS]; /* the list as it was last seen */
};

/* Opens the waited queue, and with_polled the polled one too.  0 or a negative errno; then
 * core_msg_queues_close() is still due. */
int core_msg_queues_open(struct core_domain *domain, bool with_polled);
void core_msg_queues_close(struct core_domain *domain);
/* The queue for a new path: the polled one as long as every known peer would fit there. */
struct core_msg_queue *core_msg_queue_choose(struct core_domain *domain);
/* 0: the descriptors of both will wake whoever sleeps; -FI_EAGAIN: read them first. */
int core_msg_queue_trywait(struct core_domain *domain);
/* While armed, makes the epoll set equal to the core's list; see core_msg_queue_touched(). */
void core_msg_queue_changed(struct core_domain *domain);
/* Wakes whoever sleeps: there is something to poll for, until trywait is called again. */
void core_msg_wake(struct core_domain *domain);
/* The core is about to close the path's socket. */
void core_msg_queue_closing(const struct core_path *path);

#endif
