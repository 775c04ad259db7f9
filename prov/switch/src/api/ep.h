/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints, and what the application holds of them.
 */
#ifndef SWITCH_EP_H
#define SWITCH_EP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include "base/addr.h"
#include "base/compat.h"
#include "core/core.h"
#include "switch_session.h"

struct switch_av;
struct switch_conn;
struct switch_connreq;
struct switch_count;
struct switch_domain;
struct switch_events;
struct switch_queue;
struct switch_stx;

/* Where receives are posted: an endpoint's own, or a shared receive context. */
struct switch_rx {
	struct switch_domain *domain;
	struct switch_ep *ep;	    /* whose own it is; NULL: shared */
	LIST_HEAD(, switch_ep) eps; /* that share it */
	struct sess_rx *sess_rx;
	size_t left; /* receives that may still be posted */
	size_t min_multi_recv;
	bool directed;
};

/* An enabled endpoint that receives from it; NULL if there is none. */
const struct switch_ep *switch_rx_ep(const struct switch_rx *rx);

/*
 * What the application holds of an endpoint, of an alias of one, or of a shared
 * receive context: the object behind every fid_ep of this provider but passive
 * endpoints.
 */
struct switch_face {
	struct fid_ep fid;
	struct switch_ep *ep; /* NULL: of a shared receive context */
	struct switch_rx *rx;
	uint64_t tx_op_flags, rx_op_flags;
};

static inline struct switch_face *switch_face_of(struct fid *fid)
{
	return container_of(fid, struct switch_face, fid.fid);
}

static inline struct switch_ep *switch_ep_of(struct fid *fid)
{
	return switch_face_of(fid)->ep;
}

struct switch_ep {
	struct switch_face face;
	unsigned aliases; /* faces beside its own */
	struct switch_domain *domain;
	LIST_ENTRY(switch_ep) link;
	LIST_ENTRY(switch_ep) av_link;
	struct fi_info *info;
	struct fi_info *core_info; /* the core's: where to listen, or to connect from */
	enum fi_ep_type type;
	bool enabled, sends, receives, closing;
	bool source, source_err; /* completions say who sent; those of strangers, too */
	struct switch_av *av;
	struct switch_events *eq;
	struct switch_queue *tx_cq, *rx_cq;
	struct switch_count *tx_cntr, *rx_cntr;
	struct switch_count *rma_cntr[4]; /* bound, never counted yet */
	unsigned rma_cntrs;
	bool tx_selective, rx_selective;
	size_t max_msg_size, inject_size;
	size_t tx_left; /* sends that may still be posted */
	struct sess_ep *sess_ep;

	struct switch_rx own_rx;
	bool wants_srx, wants_stx; /* attributes ask for shared contexts */
	struct switch_rx *srx;	   /* bound, instead of its own */
	LIST_ENTRY(switch_ep) srx_link;
	struct switch_stx *stx;

	/* RDM: connections by fi_addr, and those of peers not in the AV */
	struct switch_conn **conns;
	size_t conn_cnt;
	LIST_HEAD(, switch_conn) unnamed;
	struct core_listener *listener;
	bool told_misfit; /* somebody did not fit, and the log says so */
	bool everywhere;  /* listens on every interface; the name is that of one */
	struct switch_addr name;

	/* MSG */
	struct switch_conn *conn;
	struct switch_connreq *connreq; /* to be accepted */
	struct core_listener *origin;	/* of a passive endpoint, whose address it takes over */
	bool tried;			/* to connect or accept: once in its life */
	bool shut_down;			/* FI_SHUTDOWN was told */
};

/* fi_control of an endpoint or an alias but FI_ENABLE: aliases and the flags of
 * operations (api/alias.c). */
int switch_face_control(struct switch_face *face, int command, void *arg);

int switch_ep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep,
		   void *context);

#endif
