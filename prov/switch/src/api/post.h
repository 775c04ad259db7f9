/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Submitting an operation.
 */
#ifndef SWITCH_POST_H
#define SWITCH_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_tagged.h>

struct switch_ep;
struct switch_rx;

struct switch_args {
	const struct iovec *iov;
	size_t iov_cnt;
	void **desc; /* NULL, or one for each piece */
	fi_addr_t addr;
	void *context;
	uint64_t tag, ignore, data;
	bool tagged;
	bool silent; /* inject: no completion but an error */
};

/* Return the value for the call of libfabric.  flags: those of the operation. */
ssize_t switch_post_send(struct switch_ep *ep, const struct switch_args *args, uint64_t flags);
ssize_t switch_post_recv(struct switch_rx *rx, const struct switch_args *args, uint64_t flags);

extern struct fi_ops_msg switch_msg_ops;
extern struct fi_ops_tagged switch_tagged_ops;

#endif
