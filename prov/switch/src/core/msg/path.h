/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A path of the adapter for connection-oriented cores: one connection.
 */
#ifndef CORE_MSG_PATH_H
#define CORE_MSG_PATH_H

#include <sys/queue.h>

#include "core/common/line.h"
#include "core/common/rx.h"

struct core_msg_queue;

/* What a path that drains reports when nothing it had out can be in a completion queue
 * any more. */
enum core_msg_report {
	CORE_MSG_REPORT_NONE,	 /* it does not drain */
	CORE_MSG_REPORT_REFUSED, /* CORE_REFUSED, and then waits for path_close */
	CORE_MSG_REPORT_BROKEN,	 /* CORE_BROKEN, and then waits for path_close */
	CORE_MSG_REPORT_CLOSED,	 /* CORE_CLOSED, and is freed */
	CORE_MSG_REPORT_NOTHING, /* nobody was told of the path: it is freed */
};

/* Allocated by connect and accept, freed when CORE_CLOSED is reported. */
struct core_path {
	struct core_line line; /* first; its ep is NULL once closed */
	LIST_ENTRY(core_path) link;
	TAILQ_ENTRY(core_path) drain_link;
	struct core_domain *domain;
	struct core_msg_queue *queue;
	enum core_msg_report report;
	bool read_failed;      /* by itself, before the core said that the path broke */
	bool severed;	       /* leaving: the core will say that the path broke */
	int error;	       /* of CORE_REFUSED and CORE_BROKEN that are to be reported */
	uint64_t drain_at;     /* value of queue->seen that nothing of ours comes after */
	struct core_pool pool; /* without srx only */
};

/* -- core/msg/path.c ---------------------------------------------------- */

int core_msg_path_create(struct core_domain *domain, struct fi_info *info, void *user,
			 struct core_path **path);

void core_msg_path_free(struct core_path *path);
int core_msg_path_peer(struct core_path *path, void *addr, size_t *len);
int core_msg_path_name(struct core_path *path, void *addr, size_t *len);

/* -- core/msg/open.c ---------------------------------------------------- */

int core_msg_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path);
int core_msg_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path);

/* -- core/msg/close.c --------------------------------------------------- */

void core_msg_path_close(struct core_path *path);
/* Frees a path that nobody was told of, as soon as it is drained. */
void core_msg_path_discard(struct core_path *path);
/* Closes the core's endpoint of a path that was given up; it drains. */
void core_msg_path_shut(struct core_path *path, enum core_msg_report report);
/* The path's last events follow when nothing it had out can be in the
 * completion queue any more. */
void core_msg_drain_enter(struct core_path *path, enum core_msg_report report);

void core_msg_drain_emptied(struct core_domain *domain, const struct core_msg_queue *queue);
int core_msg_drain_poll(struct core_domain *domain, struct core_event *events, int max,
			bool in_use);

/* -- core/msg/sever.c --------------------------------------------------- */

/* Ends the connection of a path that is up, for the core to find: 0, or a negative
 * errno if it goes on. */
int core_msg_path_sever(struct core_path *path);

#endif
