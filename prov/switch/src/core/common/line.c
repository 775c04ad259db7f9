/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The list of a path's operations that the core has, with its counts.  Called where an
 * operation is posted or completes; it posts nothing itself.
 */
#include <rdma/fi_errno.h>

#include "core/common/line.h"

void core_line_init(struct core_line *line, struct core_base *base, struct core_tx_pool *tx,
		    void *user)
{
	line->base = base;
	line->state = CORE_LINE_CONNECTING;
	line->user = user;
	line->addr = FI_ADDR_UNSPEC;
	line->tx = tx;
	TAILQ_INIT(&line->outs);
}

int core_line_refuse(const struct core_line *line)
{
	switch (line->state) {
	case CORE_LINE_CONNECTING:
		return -FI_ENOTCONN;
	case CORE_LINE_DEAD:
		return -FI_ECONNRESET;
	default:
		return -FI_ESHUTDOWN;
	}
}

void core_line_add(struct core_line *line, struct core_out *out)
{
	TAILQ_INSERT_TAIL(&line->outs, out, link);
	line->out_cnt++;
	line->tx_cnt += out->ctx.kind == CORE_KIND_TX;
}

void core_line_remove(struct core_line *line, struct core_out *out)
{
	TAILQ_REMOVE(&line->outs, out, link);
	line->out_cnt--;
	line->tx_cnt -= out->ctx.kind == CORE_KIND_TX;
}
