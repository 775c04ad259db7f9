/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: nodes.  A node is an endpoint and the objects that it needs, opened as a
 * struct func_conf asks.
 */
#ifndef FUNC_NODE_H
#define FUNC_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include "lib/func_team.h"

struct func_conf {
	const char *prov;	  /* default: func_prov() */
	enum fi_ep_type type;	  /* default: FI_EP_RDM */
	uint64_t caps;		  /* default: FI_MSG | FI_TAGGED */
	enum fi_av_type av;	  /* default: FI_AV_TABLE */
	enum fi_cq_format format; /* default: FI_CQ_FORMAT_TAGGED */
	enum fi_wait_obj wait;
	enum fi_progress progress;
	enum fi_threading threading;
	size_t cq_size;
	bool two_cqs; /* separate completion queues for sends and receives */
	bool counters;
	bool shared;	    /* endpoints use shared contexts */
	uint64_t selective; /* FI_TRANSMIT, FI_RECV: directions with selective completion */
	uint64_t tx_op_flags, rx_op_flags;
	const struct func_addr *src; /* default: any port of FUNC_HOST */
	uint32_t addr_format;	     /* default: FI_SOCKADDR_IN, FI_ADDR_STR where names are text */
};

struct func_node {
	struct func_conf conf;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_eq *eq;
	struct fid_pep *pep;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *tx_cq, *rx_cq; /* the same queue unless conf.two_cqs */
	struct fid_cntr *tx_cntr, *rx_cntr;
	struct fid_stx *stx;
	struct fid_ep *srx;
	struct fid_ep *ep;
	bool borrows; /* its fabric, event queue, domain and completion objects belong to another
			 node */
	fi_addr_t peer[FUNC_MAX]; /* addresses of the team's members (func_join) */
};

/* Returns hints for this configuration; the caller frees them. */
struct fi_info *func_hints(const struct func_conf *conf);
/* Returns the first entry of fi_getinfo(), or NULL if there is none. dest may be NULL. */
struct fi_info *func_info(const struct func_conf *conf, const struct func_addr *dest);

/* Like func_info(), but fails if our provider has no entry, and skips the case if another
 * provider has none. */
struct fi_info *func_need_info(const struct func_conf *conf, const struct func_addr *dest);

/* Opens all objects of an FI_EP_RDM node and enables its endpoint. */
void func_open(struct func_node *node, const struct func_conf *conf);
/* The steps of func_open(): the fabric (and event queue) for this info, which node then owns;
 * the domain with completion objects (and address vector); the endpoint, enabled. */
void func_open_fabric(struct func_node *node, const struct func_conf *conf, struct fi_info *info);
void func_open_domain(struct func_node *node);
void func_open_ep(struct func_node *node);
/* Opens a further endpoint with the objects of another node; it must be closed before that node. */
void func_open_beside(struct func_node *second, const struct func_node *node);
void func_close_ep(struct func_node *node);
void func_close(struct func_node *node);
void func_name(struct fid *fid, struct func_addr *addr);
/* Inserts the address of an endpoint of this process into the node's address vector. */
fi_addr_t func_know(struct func_node *node, struct fid_ep *ep);

#endif
