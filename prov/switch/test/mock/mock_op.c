/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations.  Checks the arguments of a data call, and the memory that the application lends
 * until it has read the completion: the context, which the mock overwrites; the arrays of
 * pieces, which must not change; and the message prefix, which belongs to the mock meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "mock.h"

static bool is_rma(enum mock_kind kind)
{
	return kind == MOCK_WRITE || kind == MOCK_READ;
}

static size_t iov_sum(const struct iovec *iov, size_t cnt)
{
	size_t len = 0;

	for (size_t i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	return len;
}

/* -- contexts -------------------------------------------------------------- */

static size_t context_len(void)
{
	if (mock_config.mode & FI_CONTEXT2)
		return sizeof(struct fi_context2);
	return mock_config.mode & FI_CONTEXT ? sizeof(struct fi_context) : 0;
}

static uint64_t context_word(const struct mock_op *op, size_t i)
{
	return (op->id + i + 1) * 0x9e3779b97f4a7c15;
}

static bool overlap(const void *a, const void *b, size_t len)
{
	const uintptr_t at = (uintptr_t)a, bt = (uintptr_t)b;

	return at < bt + len && bt < at + len;
}

static void context_lend(struct mock_op *op)
{
	const size_t len = context_len();
	const struct mock_op *other;

	if (!len || op->silent)
		return;
	if (!op->context)
		mock_violation("an operation without the context that FI_CONTEXT asks for");
	LIST_FOREACH (other, &op->ep->domain->ops, all)
		if (other->context && !other->silent && overlap(other->context, op->context, len))
			mock_violation("context %p is in use already", op->context);
	for (size_t i = 0; i < len / sizeof(uint64_t); i++)
		((uint64_t *)op->context)[i] = context_word(op, i);
}

static void context_check(const struct mock_op *op)
{
	if (op->silent || !op->context)
		return;
	for (size_t i = 0; i < context_len() / sizeof(uint64_t); i++)
		if (((uint64_t *)op->context)[i] != context_word(op, i))
			mock_violation("context %p was written to while it was out", op->context);
}

/* -- arrays ------------------------------------------------------------------ */

static void arrays_take(struct mock_op *op, const struct mock_args *args)
{
	const bool async = mock_config.mode & FI_ASYNC_IOV;

	op->given_cnt = args->iov_cnt;
	for (size_t i = 0; i < args->iov_cnt; i++) {
		op->given[i] = args->iov[i];
		op->desc[i] = args->desc ? args->desc[i] : NULL;
	}
	op->rma_cnt = args->rma_cnt;
	for (size_t i = 0; i < args->rma_cnt; i++)
		op->rma[i] = args->rma[i];
	if (async && args->iov_cnt > 1) {
		op->user_iov = args->iov;
		op->user_desc = args->desc;
	}
	if (async && args->rma_cnt > 1)
		op->user_rma = args->rma;
}

static bool same_rma(const struct fi_rma_iov *a, const struct fi_rma_iov *b)
{
	return a->addr == b->addr && a->len == b->len && a->key == b->key;
}

static void arrays_check(const struct mock_op *op)
{
	for (size_t i = 0; op->user_iov && i < op->given_cnt; i++)
		if (op->user_iov[i].iov_base != op->given[i].iov_base ||
		    op->user_iov[i].iov_len != op->given[i].iov_len)
			mock_violation("an iovec was changed while it was out (FI_ASYNC_IOV)");
	for (size_t i = 0; op->user_desc && i < op->given_cnt; i++)
		if (op->user_desc[i] != op->desc[i])
			mock_violation("a desc was changed while it was out (FI_ASYNC_IOV)");
	for (size_t i = 0; op->user_rma && i < op->rma_cnt; i++)
		if (!same_rma(&op->user_rma[i], &op->rma[i]))
			mock_violation("an rma_iov was changed while it was out (FI_ASYNC_IOV)");
}

/* -- data ---------------------------------------------------------------------- */

/* Overwrites the prefix, which belongs to the mock from the call to the completion. */
static void prefix_scribble(const struct mock_op *op)
{
	const size_t len = is_rma(op->kind) || !op->given_cnt ? 0 : mock_config.prefix_size;

	if (len)
		mock_random(op->given[0].iov_base, len < 256 ? len : 256);
}

/* Sets the operation's data, which begin behind the prefix. */
static void data_take(struct mock_op *op)
{
	const size_t prefix = is_rma(op->kind) ? 0 : mock_config.prefix_size;

	if (prefix && (!op->given_cnt || op->given[0].iov_len < prefix))
		mock_violation("no %zu bytes in one piece for the prefix", prefix);
	memcpy(op->iov, op->given, op->given_cnt * sizeof(op->iov[0]));
	op->iov_cnt = op->given_cnt;
	if (prefix) {
		prefix_scribble(op);
		op->iov[0].iov_base = (char *)op->iov[0].iov_base + prefix;
		op->iov[0].iov_len -= prefix;
	}
	op->len = iov_sum(op->iov, op->iov_cnt);
}

static void data_copy(struct mock_op *op)
{
	char *at;

	if (op->len > mock_config.inject_size)
		mock_violation("%zu bytes injected, the limit is %zu", op->len,
			       mock_config.inject_size);
	at = op->copy = mock_alloc(op->len + 1);
	for (size_t i = 0; i < op->iov_cnt; i++) {
		if (op->iov[i].iov_len)
			memcpy(at, op->iov[i].iov_base, op->iov[i].iov_len);
		at += op->iov[i].iov_len;
	}
	op->iov[0] = (struct iovec){op->copy, op->len};
	op->iov_cnt = 1;
}

size_t mock_op_fill(struct mock_op *op, const void *data, size_t len)
{
	const char *at = data;
	size_t left = len;

	for (size_t i = 0; i < op->iov_cnt && left; i++) {
		const size_t part = op->iov[i].iov_len < left ? op->iov[i].iov_len : left;

		memcpy(op->iov[i].iov_base, at, part);
		at += part;
		left -= part;
	}
	return len - left;
}

/* -- rules ----------------------------------------------------------------------- */

/* What each kind of operation requires of its endpoint and its memory, and the flags it allows. */
static const struct rule {
	const char *name;
	uint64_t cap, access, flags, entry_flags;
} rules[] = {
	[MOCK_SEND] = {"send", FI_SEND, FI_SEND,
		       FI_COMPLETION | FI_MORE | FI_INJECT | FI_REMOTE_CQ_DATA |
			       FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE,
		       FI_MSG | FI_SEND},
	[MOCK_RECV] = {"receive", FI_RECV, FI_RECV, FI_COMPLETION | FI_MORE, FI_MSG | FI_RECV},
	[MOCK_WRITE] = {"write", FI_WRITE, FI_WRITE,
			FI_COMPLETION | FI_MORE | FI_INJECT | FI_REMOTE_CQ_DATA |
				FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE,
			FI_RMA | FI_WRITE},
	[MOCK_READ] = {"read", FI_READ, FI_READ,
		       FI_COMPLETION | FI_MORE | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE |
			       FI_DELIVERY_COMPLETE,
		       FI_RMA | FI_READ},
};

static void args_check(const struct mock_ep *ep, enum mock_kind kind, const struct mock_args *args)
{
	const struct rule *rule = &rules[kind];

	if (!ep->enabled)
		mock_violation("a %s on an endpoint that is not enabled", rule->name);
	if (!(ep->caps & rule->cap))
		mock_violation("a %s on an endpoint opened without that capability", rule->name);
	if (args->iov_cnt > mock_config.iov_limit || args->rma_cnt > mock_config.iov_limit)
		mock_violation("a %s of %zu and %zu pieces, the limit is %zu", rule->name,
			       args->iov_cnt, args->rma_cnt, mock_config.iov_limit);
	if (args->flags & ~rule->flags)
		mock_violation("a %s with flags 0x%llx, which it does not know", rule->name,
			       (unsigned long long)(args->flags & ~rule->flags));
	if (is_rma(kind) && !args->rma_cnt)
		mock_violation("a %s without a place", rule->name);
}

static void op_check(const struct mock_op *op)
{
	size_t rma = 0;

	for (size_t i = 0; i < op->rma_cnt; i++)
		rma += op->rma[i].len;
	if (is_rma(op->kind) && rma != op->len)
		mock_violation("a %s of %zu bytes here and %zu there", rules[op->kind].name,
			       op->len, rma);
	if (op->kind != MOCK_RECV && op->len > mock_config.max_msg)
		mock_violation("a %s of %zu bytes, the limit is %zu", rules[op->kind].name, op->len,
			       mock_config.max_msg);
	for (size_t i = 0; i < op->given_cnt && !(op->flags & FI_INJECT); i++)
		mock_mr_local(op->ep, &op->given[i], op->desc[i], rules[op->kind].access);
}

static bool is_silent(const struct mock_ep *ep, enum mock_kind kind, const struct mock_args *args)
{
	const bool selective = kind == MOCK_RECV ? ep->rx_selective : ep->tx_selective;

	return args->no_completion || (selective && !(args->flags & FI_COMPLETION));
}

/* -- the life of an operation ------------------------------------------------------ */

static struct mock_op *op_new(struct mock_ep *ep, enum mock_kind kind)
{
	struct mock_op *op = mock_alloc(sizeof(*op));

	op->ep = ep;
	op->kind = kind;
	op->cq = kind == MOCK_RECV ? ep->rx_cq : ep->tx_cq;
	op->id = ++ep->domain->last_id;
	op->entry.flags = rules[kind].entry_flags;
	if (kind != MOCK_RECV) {
		op->entry.len = SIZE_MAX; /* len is defined for receives only (fi_cq(3)) */
		op->entry.buf = (void *)UINTPTR_MAX;
	}
	return op;
}

static size_t *op_count(const struct mock_op *op)
{
	return op->kind == MOCK_RECV ? &op->ep->rx_cnt : &op->ep->tx_cnt;
}

int mock_op_open(struct mock_ep *ep, enum mock_kind kind, const struct mock_args *args,
		 struct mock_op **result)
{
	struct mock_op *op;

	args_check(ep, kind, args);
	if (kind == MOCK_RECV ? ep->rx_cnt >= mock_config.rx_size
			      : ep->tx_cnt >= mock_config.tx_size)
		return -FI_EAGAIN;
	op = op_new(ep, kind);
	op->flags = args->flags;
	op->silent = is_silent(ep, kind, args);
	op->context = args->context;
	op->entry.data = args->data;
	arrays_take(op, args);
	data_take(op);
	op_check(op);
	if (op->flags & FI_INJECT)
		data_copy(op);
	for (size_t i = 0; i < op->rma_cnt; i++)
		op->rma[i].key = mock_mr_wire_key(ep->domain, op->rma[i].key);
	context_lend(op);
	LIST_INSERT_HEAD(&ep->domain->ops, op, all);
	++*op_count(op);
	*result = op;
	return 0;
}

struct mock_op *mock_op_notice(struct mock_ep *ep)
{
	struct mock_op *op = op_new(ep, MOCK_RECV);

	LIST_INSERT_HEAD(&ep->domain->ops, op, all);
	++*op_count(op);
	return op;
}

void mock_op_finish(struct mock_op *op, int error)
{
	--*op_count(op);
	op->done = true;
	if (!(op->flags & FI_INJECT))
		prefix_scribble(op);
	op->conn = NULL;
	op->entry.err = error;
	op->entry.prov_errno = error;
	op->entry.op_context = op->silent ? NULL : op->context;
	if (op->silent && !error)
		mock_op_close(op);
	else
		mock_cq_push(op->cq, op);
}

void mock_op_close(struct mock_op *op)
{
	context_check(op);
	arrays_check(op);
	mock_op_drop(op);
}

void mock_op_drop(struct mock_op *op)
{
	LIST_REMOVE(op, all);
	free(op);
}
