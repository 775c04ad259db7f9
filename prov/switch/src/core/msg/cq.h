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
	CORE_MSG_POLLED_PATHS = 16, /* that poll(2) is asked about */
	CORE_MSG_POLLED_FDS = 64,   /* their sockets, and what the core adds */
};

struct core_msg_queue {
	struct fid_cq *cq;
	unsigned path_cnt; /* paths bound to it, until they are freed */
	uint64_t seen;	   /* completions read that had a context */
};

/* The one for the first few paths, where it is worth having (core/msg/queue.c). */
struct core_msg_polled {
	struct core_msg_queue queue; /* cq NULL: there is none */
	int epoll_fd;		     /* the set that follows the core's list */
	uint64_t change_index;
	size_t fd_cnt;
	struct pollfd fds[CORE_MSG_POLLED_FDS]; /* the list as it was last seen */
};

/* with_polled: two queues, not one.  On failure core_msg_queues_close() is still due. */
int core_msg_queues_open(struct core_domain *domain, bool with_polled);
void core_msg_queues_close(struct core_domain *domain);
/* For a new path: the polled one as long as all that are known may be. */
struct core_msg_queue *core_msg_queue_choose(struct core_domain *domain);
/* 0: the descriptors of both will wake whoever sleeps; -FI_EAGAIN: read first. */
int core_msg_queue_trywait(struct core_domain *domain);
/* After every call that may change what the core waits for, if armed. */
void core_msg_queue_changed(struct core_domain *domain);
/* There is something to do: nobody may sleep until he asked trywait. */
void core_msg_wake(struct core_domain *domain);
/* The core is about to close the path's socket. */
void core_msg_queue_closing(const struct core_path *path);

#endif
