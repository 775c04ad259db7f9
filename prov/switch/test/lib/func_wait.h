/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: requests, which record how their operation completed; and waiting for a
 * request, or for any condition, with progress.
 */
#ifndef FUNC_WAIT_H
#define FUNC_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>

#include "lib/func_check.h"
#include "lib/func_node.h"

/* The context of an operation.  It records the completion; a second one ends the test. */
struct func_req {
	struct fi_context2 context; /* first */
	atomic_int done;
	int err; /* positive errno value of an error completion */
	int prov_errno;
	size_t olen;
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	bool multi; /* several completions are allowed (FI_MULTI_RECV) */
};

static inline bool func_done(struct func_req *req)
{
	return atomic_load_explicit(&req->done, memory_order_acquire) != 0;
}

/* Clears a request for its next operation and returns it. */
struct func_req *func_fresh(struct func_req *req);

/* Reads all completion queues of the node.  Returns the number of entries. */
int func_poll(struct func_node *node);
/* Like func_poll(); if there was nothing it lets other processes run, and blocks a little if
 * the queue can. node may be NULL. */
void func_idle(struct func_node *node);

/* Repeats a call while it returns -FI_EAGAIN, with progress; otherwise as FUNC_OK. */
#define FUNC_POST(node, call)                                                                      \
	do {                                                                                       \
		ssize_t func_post_;                                                                \
		func_mark(__FILE__, __LINE__, #call);                                              \
		while ((func_post_ = (call)) == -FI_EAGAIN)                                        \
			func_idle(node);                                                           \
		FUNC_OK(func_post_);                                                               \
	} while (0)

/* Makes progress until the condition holds. */
#define FUNC_UNTIL(node, cond)                                                                     \
	do {                                                                                       \
		func_mark(__FILE__, __LINE__, #cond);                                              \
		while (!(cond))                                                                    \
			func_idle(node);                                                           \
	} while (0)

/* Waits for a request and requires that it succeeded. */
#define FUNC_DONE(node, req) FUNC_WAIT(node, req, 0)
/* Waits for a request and requires that it failed with this (positive) errno. */
#define FUNC_WAIT(node, req, error)                                                                \
	do {                                                                                       \
		FUNC_UNTIL(node, func_done(req));                                                  \
		if ((req)->err != (error))                                                         \
			func_fail(__FILE__, __LINE__, "%s completed with %d (%s), not %s", #req,   \
				  (req)->err, fi_strerror((req)->err), #error);                    \
	} while (0)

#endif
