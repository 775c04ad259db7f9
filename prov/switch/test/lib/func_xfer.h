/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: data transfers described by one struct, whichever function of libfabric
 * submits them.
 */
#ifndef FUNC_XFER_H
#define FUNC_XFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rdma/fabric.h>

#include "lib/func_wait.h"

enum func_how {
	FUNC_PLAIN,
	FUNC_V,
	FUNC_MSG,
	FUNC_INJECT,
	FUNC_DATA,
	FUNC_INJECTDATA,
	FUNC_HOWS,
	FUNC_RECV_HOWS = FUNC_INJECT,
};

struct func_xfer {
	enum func_how how;
	bool tagged;
	void *buf;
	size_t len;
	int pieces; /* for V and MSG: default 1 */
	uint64_t tag, ignore, data;
	uint64_t flags; /* for MSG */
	fi_addr_t addr;
};

/* Submits a send once.  Returns libfabric's result. */
ssize_t func_try_send(struct func_node *node, const struct func_xfer *xfer, struct func_req *req);
ssize_t func_try_recv(struct func_node *node, const struct func_xfer *xfer, struct func_req *req);
/* Submits a send, again while libfabric answers -FI_EAGAIN. */
#define func_send(node, xfer, req) FUNC_POST(node, func_try_send(node, xfer, req))
#define func_recv(node, xfer, req) FUNC_POST(node, func_try_recv(node, xfer, req))
static inline bool func_injects(enum func_how how)
{
	return how == FUNC_INJECT || how == FUNC_INJECTDATA;
}

#endif
