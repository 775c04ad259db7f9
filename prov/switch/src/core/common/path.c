/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The list of a path's operations that the core has, with its counts, and the answers of a
 * path that is not up.  Called by both adapters under the domain's lock; it posts nothing.
 */
#include <rdma/fi_errno.h>

#include "core/common/path.h"

void core_path_base_init(struct core_path_base *base, struct core_domain_base *domain,
			 struct core_tx_pool *tx, void *user)
{
	base->domain = domain;
	base->state = CORE_PATH_CONNECTING;
	base->user = user;
	base->addr = FI_ADDR_UNSPEC;
	base->tx = tx;
	TAILQ_INIT(&base->outs);
}

int core_path_refuse(const struct core_path_base *base)
{
	switch (base->state) {
	case CORE_PATH_CONNECTING:
		return -FI_ENOTCONN;
	case CORE_PATH_DEAD:
		return -FI_ECONNRESET;
	default:
		return -FI_ESHUTDOWN;
	}
}

void core_path_out_add(struct core_path_base *base, struct core_out *out)
{
	TAILQ_INSERT_TAIL(&base->outs, out, link);
	base->out_cnt++;
	base->tx_cnt += out->ctx.kind == CORE_KIND_TX;
}

void core_path_out_remove(struct core_path_base *base, struct core_out *out)
{
	TAILQ_REMOVE(&base->outs, out, link);
	base->out_cnt--;
	base->tx_cnt -= out->ctx.kind == CORE_KIND_TX;
}
