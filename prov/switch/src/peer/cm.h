/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connections as MSG applications see them.
 */
#ifndef SWITCH_CM_H
#define SWITCH_CM_H

#include <stddef.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>

struct switch_conn;
struct switch_ep;
struct switch_pep;

void switch_msg_close(struct switch_ep *ep);
/* The endpoint takes over the address of a passive endpoint (info->handle).  0
 * or a negative errno. */
int switch_msg_take_address(struct switch_ep *ep, struct switch_pep *pep);
/* Bytes that travel with a connection if the core takes core_size of them, our preamble
 * included. */
size_t switch_cm_size(size_t core_size);

/* MSG (peer/cm.c): events for the application. */
void switch_msg_connected(struct switch_conn *conn);
void switch_msg_shutdown(struct switch_conn *conn);
void switch_msg_failed(struct switch_conn *conn, int error);

extern struct fi_ops_cm switch_msg_cm_ops, switch_rdm_cm_ops;

#endif
