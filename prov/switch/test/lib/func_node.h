/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: nodes, each an endpoint and what belongs to it, opened to order.
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
	bool two_cqs; /* one for sends, one for receives */
	bool counters;
	bool shared;	    /* endpoints have shared contexts */
	uint64_t selective; /* FI_TRANSMIT, FI_RECV: those that complete selectively */
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
	struct fid_cq *tx_cq, *rx_cq; /* may be the same */
	struct fid_cntr *tx_cntr, *rx_cntr;
	struct fid_stx *stx;
	struct fid_ep *srx;
	struct fid_ep *ep;
	bool borrows; /* fabric, eq, domain and completion objects belong to another node */
	fi_addr_t peer[FUNC_MAX]; /* of the team's members (func_join) */
};

/* Hints for this configuration; the caller frees them. */
struct fi_info *func_hints(const struct func_conf *conf);
/* The first entry; NULL if there is none.  dest may be NULL. */
struct fi_info *func_info(const struct func_conf *conf, const struct func_addr *dest);

/* The same; skips the case where another provider than ours has nothing. */
struct fi_info *func_need_info(const struct func_conf *conf, const struct func_addr *dest);

/* RDM: everything, enabled. */
void func_open(struct func_node *node, const struct func_conf *conf);
/* Its steps: a fabric (and event queue) for this info, which node then owns; a
 * domain with completion objects (and address vector); the endpoint, enabled. */
void func_open_fabric(struct func_node *node, const struct func_conf *conf, struct fi_info *info);
void func_open_domain(struct func_node *node);
void func_open_ep(struct func_node *node);
/* A further endpoint on the objects of another node, which is closed after it. */
void func_open_beside(struct func_node *second, const struct func_node *node);
void func_close_ep(struct func_node *node);
void func_close(struct func_node *node);
void func_name(struct fid *fid, struct func_addr *addr);
/* Inserts the name of an endpoint of this process. */
fi_addr_t func_know(struct func_node *node, struct fid_ep *ep);

#endif
