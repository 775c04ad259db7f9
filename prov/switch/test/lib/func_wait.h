/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: requests, which are told how their operation completed, and waiting
 * for them, or for anything else, with progress.
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

/* The context of an operation.  It is told every completion; a second one
 * ends the test. */
struct func_req {
	struct fi_context2 context; /* first */
	atomic_int done;
	int err; /* positive errno value of an error completion */
	int prov_errno;
	size_t olen;
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	bool multi; /* several completions are fine (FI_MULTI_RECV) */
};

static inline bool func_done(struct func_req *req)
{
	return atomic_load_explicit(&req->done, memory_order_acquire) != 0;
}

/* Forgets what it was told before: for the next operation. */
struct func_req *func_fresh(struct func_req *req);

/* Reads what is in the completion queues; returns how many entries. */
int func_poll(struct func_node *node);
/* The same, and lets others run if there was nothing; sleeps a little where the
 * queue can.  node may be NULL. */
void func_idle(struct func_node *node);

/* Repeats a call that answers -FI_EAGAIN, with progress; the rest is FUNC_OK. */
#define FUNC_POST(node, call)                                                                      \
	do {                                                                                       \
		ssize_t func_post_;                                                                \
		func_mark(__FILE__, __LINE__, #call);                                              \
		while ((func_post_ = (call)) == -FI_EAGAIN)                                        \
			func_idle(node);                                                           \
		FUNC_OK(func_post_);                                                               \
	} while (0)

/* Progresses until the condition holds. */
#define FUNC_UNTIL(node, cond)                                                                     \
	do {                                                                                       \
		func_mark(__FILE__, __LINE__, #cond);                                              \
		while (!(cond))                                                                    \
			func_idle(node);                                                           \
	} while (0)

/* Waits for a request and requires that it went well. */
#define FUNC_DONE(node, req) FUNC_WAIT(node, req, 0)
/* Waits for a request and requires this (positive) error. */
#define FUNC_WAIT(node, req, error)                                                                \
	do {                                                                                       \
		FUNC_UNTIL(node, func_done(req));                                                  \
		if ((req)->err != (error))                                                         \
			func_fail(__FILE__, __LINE__, "%s completed with %d (%s), not %s", #req,   \
				  (req)->err, fi_strerror((req)->err), #error);                    \
	} while (0)

#endif
