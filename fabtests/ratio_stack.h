/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One provider, opened in two processes: what switch_ratio measures.  Each of the
 * two has a struct ratio_stack of its own and calls the same functions in the same
 * order; a socket between them (peer_fd) carries names while the endpoints connect.
 * A failure ends the process with a reason.
 */
#ifndef RATIO_STACK_H
#define RATIO_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

enum {
	RATIO_WINDOW = 64, /* messages under way at a time, in ratio_stack_stream() */
};

struct ratio_stack {
	/* set by the caller */
	const char *prov;
	enum fi_ep_type type;
	bool tagged;
	const char *path; /* FI_PROVIDER_PATH of these processes, or NULL */
	bool is_client;
	int peer_fd;
	size_t size_max; /* bytes of the longest message */

	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_eq *eq;
	struct fid_cq *tx_cq, *rx_cq;
	struct fid_av *av;
	struct fid_pep *pep;
	struct fid_ep *ep;
	struct fid_mr *mr;
	void *desc;
	fi_addr_t peer;
	size_t inject_size;
	char *buf; /* sent from the first half, received into the second */
	struct fi_context tx_context[RATIO_WINDOW], rx_context[RATIO_WINDOW];
	unsigned rx_posted; /* receives ever posted */
};

/* To the other process, and from it; ends this one if the other is gone. */
void ratio_tell(int fd, const void *data, size_t len);
void ratio_hear(int fd, void *data, size_t len);

/* Opens the provider, connects the endpoints, and posts one receive. */
void ratio_stack_open(struct ratio_stack *stack);
void ratio_stack_close(struct ratio_stack *stack);

/* Half a round trip of size bytes, in microseconds, over cnt round trips. */
double ratio_stack_ping_pong(struct ratio_stack *stack, size_t size, unsigned cnt);

/* Microseconds for each message of cnt windows, which the client sends.  Before it
 * begins a window, the server has received the whole of the one before. */
double ratio_stack_stream(struct ratio_stack *stack, size_t size, unsigned cnt);

#endif
