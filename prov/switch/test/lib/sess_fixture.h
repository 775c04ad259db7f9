/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by the tests of the engine: two engines with one session between them, helpers that
 * send and receive messages, and the engine's internal headers.  Included by the engine's
 * *_test.c files only.
 */
#ifndef SESS_FIXTURE_H
#define SESS_FIXTURE_H

#include <criterion/criterion.h>
#include <errno.h>

#include "lib/link.h"
#include "session/internal.h"

struct duo {
	struct link *link;
	struct link_node *a, *b; /* a opened the session */
	struct link_end *ab, *ba;
};

static inline struct duo duo_open(const struct link_config *a, const struct link_config *b)
{
	struct duo duo = {.link = link_create(1)};

	link_pair(duo.link, a, b);
	duo.a = duo.link->node[0];
	duo.b = duo.link->node[1];
	duo.ab = link_end(duo.a, duo.b);
	duo.ba = link_end(duo.b, duo.a);
	return duo;
}

/* Two engines of the same configuration. */
static inline struct duo duo_of(struct link_config config)
{
	return duo_open(&config, &config);
}

/* What a receive context counts for all its peers is what its sessions have, one by one. */
static inline void expect_books_balance(const struct sess_rx *rx)
{
	uint64_t kept = rx->orphaned;
	int64_t promised = 0, budgets = 0;
	unsigned piled_up = 0;
	const struct sess_link *link;
	const struct sess_ep *ep;
	const struct sess *sess;

	TAILQ_FOREACH (ep, &rx->eps, rx_link) {
		TAILQ_FOREACH (sess, &ep->sessions, ep_link) {
			kept += sess->kept;
			piled_up += sess->kept != 0;
			budgets += (int64_t)sess->own_budget;
			TAILQ_FOREACH (link, &sess->links, sess_entry)
				if (link->has & LINK_GREETED && link->state < LINK_CLOSING)
					promised += credit_left(&link->credit) *
						    (int64_t)link->core->config.buffer_size;
		}
	}
	cr_assert_eq(rx->kept, kept, "kept: %ld instead of %ld", (long)rx->kept, (long)kept);
	cr_assert_eq(rx->piled_up, piled_up, "piled up: %u instead of %u", rx->piled_up, piled_up);
	cr_assert_eq(rx->budgets, budgets, "budgets: %ld instead of %ld", (long)rx->budgets,
		     (long)budgets);
	cr_assert_eq(rx->promised, promised, "promised: %ld instead of %ld", (long)rx->promised,
		     (long)promised);
}

static inline void duo_close(struct duo *duo)
{
	for (unsigned i = 0; i < duo->link->node_cnt; i++)
		expect_books_balance(duo->link->node[i]->ep->rx);
	link_destroy(duo->link);
}

/* Forces this way on every message that is not inline; SESS_AUTO forces none. */
static inline struct link_config forced(enum sess_way way)
{
	struct link_config config = link_config();

	config.engine.transfer = way;
	return config;
}

/* Submits a send whose memory holds the pattern.  Flags are those of struct sess_op. */
static inline struct link_op *send_flags(struct link_end *end, size_t size, unsigned cnt,
					 uint32_t pattern, unsigned flags, uint64_t tag)
{
	struct link_op *op = link_op_create(end->node, size, cnt);

	link_op_fill(op, pattern);
	op->op.flags = (uint16_t)flags;
	op->op.tag = tag;
	op->op.data = ~(uint64_t)pattern;
	cr_assert_eq(link_send(end->sess, op), 0);
	return op;
}

static inline struct link_op *send_plain(struct link_end *end, size_t size, uint32_t pattern)
{
	return send_flags(end, size, 1, pattern, 0, 0);
}

static inline struct link_op *recv_flags(struct link_node *node, size_t size, unsigned cnt,
					 unsigned flags, uint64_t tag, uint64_t ignore)
{
	struct link_op *op = link_op_create(node, size, cnt);

	op->op.flags = (uint16_t)flags;
	op->op.tag = tag;
	op->op.ignore = ignore;
	cr_assert_eq(link_recv(op), 0);
	return op;
}

static inline struct link_op *recv_plain(struct link_node *node, size_t size)
{
	return recv_flags(node, size, 1, 0, 0, 0);
}

/* Requires that a send has completed without an error, and destroys it. */
static inline void expect_sent(struct link_op *op)
{
	cr_assert(!op->pending, "a send is not complete");
	cr_assert_eq(op->op.error, 0, "a send failed: %d", op->op.error);
	link_op_destroy(op);
}

static inline void expect_received(struct link_op *op, size_t size, uint32_t pattern)
{
	cr_assert(!op->pending, "a receive is not complete");
	cr_assert_eq(op->op.error, 0, "a receive failed: %d", op->op.error);
	cr_assert_eq(op->op.len, size);
	cr_assert_eq(op->op.full_len, size);
	cr_assert(link_op_holds(op, pattern, size), "a message of %zu bytes was damaged", size);
	link_op_destroy(op);
}

static inline void expect_error(struct link_op *op, int error)
{
	cr_assert(!op->pending, "an operation is not complete");
	cr_assert_eq(op->op.error, error, "error %d instead of %d", op->op.error, error);
	link_op_destroy(op);
}

static inline void expect_over(const struct link_end *end, int error)
{
	cr_assert_null(end->sess, "the session is not over");
	cr_assert(end->down);
	cr_assert_eq(end->error, error, "%s: error %d instead of %d", end->reason, end->error,
		     error);
}

static inline struct sess_stats stats_of(const struct link_end *end)
{
	struct sess_stats stats;

	if (!end->sess)
		return end->stats;
	sess_stats(end->sess, &stats);
	return stats;
}

/* Gives the engine a forged packet: a correct header with these records behind it. */
static inline void forge(struct link_end *to, uint8_t record_cnt, const void *records, size_t len)
{
	struct sess *sess = to->sess;
	uint8_t packet[1024];
	const struct wire_header header = {
		.session_id = sess_link(sess)->id,
		.cookie = sess_link(sess)->cookie,
		.seq = sess->numbers.rx_next,
		.ack = sess->numbers.tx_acked,
		.window = (uint16_t)(sess_link(sess)->credit.tx_limit - sess->numbers.tx_acked),
		.record_cnt = record_cnt,
	};

	wire_put_header(packet, &header);
	memcpy(packet + WIRE_HEADER_LEN, records, len);
	sess_input(to->node->engine, packet, WIRE_HEADER_LEN + len);
}

#endif
