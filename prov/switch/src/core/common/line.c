/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The list of a path's operations that the core has, with its counts.  Called where an
 * operation is posted or completes; it posts nothing itself.
 */
#include "core/common/line.h"
#include "core/common/log.h"

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
