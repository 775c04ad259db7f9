/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A path of the adapter for connection-oriented cores: one connection.
 */
#ifndef CORE_MSG_PATH_H
#define CORE_MSG_PATH_H

#include <sys/queue.h>

#include "core/common/path.h"
#include "core/common/rx.h"

struct core_msg_queue;

/* The event for which a path drains: it is reported when nothing that the path had out can be
 * in a completion queue any more. */
enum core_msg_report {
	CORE_MSG_REPORT_NONE,	 /* it does not drain */
	CORE_MSG_REPORT_REFUSED, /* CORE_REFUSED; then it waits for path_close */
	CORE_MSG_REPORT_BROKEN,	 /* CORE_BROKEN; then it waits for path_close */
	CORE_MSG_REPORT_CLOSED,	 /* CORE_CLOSED, and it is freed */
	CORE_MSG_REPORT_NOTHING, /* no event, since its user was never given the path; it is freed
				  */
};

/* Allocated by connect and accept, freed by core_msg_drain_poll() when it reports
 * CORE_CLOSED, or by core_msg_domain_close(); under the domain's lock. */
struct core_path {
	struct core_path_base base;	   /* first */
	LIST_ENTRY(core_path) link;	   /* in domain->paths */
	TAILQ_ENTRY(core_path) drain_link; /* report is set: in domain->draining */
	struct core_domain *domain;
	struct core_msg_queue *queue;
	enum core_msg_report report;
	bool read_failed;  /* a read failed before the core reported that the path broke */
	bool severed;	   /* the core is about to report that the path broke */
	int error;	   /* of the CORE_REFUSED or CORE_BROKEN that it drains for */
	uint64_t drain_at; /* value of queue->seen from which on nothing of the path is in the queue
			    */
	struct core_pool pool; /* used where the domain has no srx */
};

/* -- core/msg/path.c ---------------------------------------------------- */

/* A path with an enabled endpoint whose receives are posted; 0 or a negative errno. */
int core_msg_path_create(struct core_domain *domain, struct fi_info *info, void *user,
			 struct core_path **path);
/* Frees a path whose endpoint is closed and whose buffers no completion names. */
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
/* Closes a path that its user was never given; it is freed once it is drained. */
void core_msg_path_discard(struct core_path *path);
/* Closes the core's endpoint of a path; the path drains, and then reports. */
void core_msg_path_shut(struct core_path *path, enum core_msg_report report);
/* The path drains from now on: report follows when nothing that it has out can be in its
 * completion queue any more. */
void core_msg_drain_enter(struct core_path *path, enum core_msg_report report);
/* The queue was read empty: its paths that drain are through. */
void core_msg_drain_emptied(struct core_domain *domain, const struct core_msg_queue *queue);
/* Reports the last events of paths that are drained; returns how many.  in_use: events of
 * this poll may lie in buffers that are freed with their path, which therefore waits. */
int core_msg_drain_poll(struct core_domain *domain, struct core_event *events, int max,
			bool in_use);

/* -- core/msg/sever.c --------------------------------------------------- */

/* Shuts the socket of a path that is up down, which the core then notices and reports.  0,
 * or a negative errno if the connection goes on. */
int core_msg_path_sever(struct core_path *path);

#endif
