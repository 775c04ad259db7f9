/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Posts the operations of a path in the form that its core takes: injected, from the
 * caller's memory, or copied into a send buffer where the core wants registered memory, a
 * prefix in front, or no list of pieces.  Called through core_ops, directly or by
 * core/msg/ops.c, under the domain's lock.  It makes no event.
 */
#include <string.h>

#include <rdma/fi_rma.h>

#include "core/common/data.h"
#include "core/common/failure.h"
#include "core/common/log.h"
#include "core/common/tx.h"

enum {
	CORE_INJECT_COPY =
		256,	     /* longest message whose pieces are copied together to be injected */
	CORE_PATH_LEAST = 2, /* operations, and send buffers, that each path may always have */
};

/* Translates the error with which the core refused an operation, for the caller of
 * core_ops. */
static int refused(const char *what, ssize_t ret)
{
	if (ret == -FI_EAGAIN)
		return -FI_EAGAIN;
	core_failed(what, (int)ret);
	return -core_peer_error((int)-ret);
}

/*
 * Whether the path may post an operation.  All paths of a domain share CORE_OUT_MAX.  Any
 * path may use the first half; the second half is for paths that have fewer than
 * CORE_PATH_LEAST out.  So peers that do not receive cannot keep the other paths from
 * sending, unless there are a thousand of them.
 */
static bool may_go_out(const struct core_path_base *base)
{
	const size_t out_cnt = base->domain->out_cnt;

	return out_cnt < CORE_OUT_MAX / 2 ||
	       (base->out_cnt < CORE_PATH_LEAST && out_cnt < CORE_OUT_MAX);
}

/* The same for send buffers, of which there are fewer: enough for 64 such peers. */
static bool may_copy(const struct core_path_base *base)
{
	return base->tx->busy < CORE_TX_MAX / 2 || base->tx_cnt < CORE_PATH_LEAST;
}

/* Handles the core's answer to an operation with a completion: lists it if it was taken. */
static int taken(struct core_path *path, struct core_out *out, const char *what, ssize_t ret)
{
	if (ret) {
		out->ctx.kind = CORE_KIND_NONE;
		return refused(what, ret);
	}
	out->path = path;
	core_path_out_add(core_path_base_of(path), out);
	core_path_base_of(path)->domain->out_cnt++;
	return 0;
}

static int inject(const struct core_path_base *base, const struct iovec *iov, size_t cnt,
		  size_t len)
{
	uint8_t copy[CORE_INJECT_COPY];
	const void *buf = cnt ? iov[0].iov_base : NULL;
	size_t i, done = 0;
	ssize_t ret;

	if (cnt > 1) {
		for (i = 0; i < cnt; i++) {
			memcpy(copy + done, iov[i].iov_base, iov[i].iov_len);
			done += iov[i].iov_len;
		}
		buf = copy;
	}
	ret = fi_inject(base->ep, buf, len, base->addr);
	if (!ret)
		return 1;
	return refused("fi_inject", ret);
}

static int send_copied(struct core_path *path, struct core_io *io, const struct iovec *iov,
		       size_t cnt, size_t len, bool may_buffer)
{
	const struct core_path_base *base = core_path_base_of(path);
	struct core_domain_base *domain = base->domain;
	struct core_tx *tx;
	int ret = may_copy(base) ? core_tx_fill(domain, base->tx, iov, cnt, len, &tx) : -FI_EAGAIN;

	if (ret)
		return ret;
	ret = taken(path, &tx->out, "fi_send", core_tx_send(domain, base->ep, base->addr, tx, len));
	if (ret) {
		core_tx_put(tx);
		return ret;
	}
	if (may_buffer)
		return 1;
	tx->io = io;
	return 0;
}

int core_data_send(struct core_path *path, struct core_io *io, const struct iovec *iov, void **desc,
		   size_t cnt, size_t len, bool may_buffer)
{
	struct core_path_base *base = core_path_base_of(path);
	const struct core_domain_base *domain = base->domain;
	struct core_out *out = (struct core_out *)io;
	struct fi_msg msg;

	if (base->state != CORE_PATH_UP)
		return core_path_refuse(base);
	if (may_buffer && !domain->prefix && len <= domain->caps.inject_size &&
	    (cnt <= 1 || len <= CORE_INJECT_COPY))
		return inject(base, iov, cnt, len);
	if (cnt > domain->caps.iov_limit)
		return -FI_EINVAL;
	if (!may_go_out(base))
		return -FI_EAGAIN;
	if (domain->prefix || domain->caps.mr_local || domain->async_iov)
		return send_copied(path, io, iov, cnt, len, may_buffer);
	out->ctx.kind = CORE_KIND_SEND;
	msg = (struct fi_msg){
		.msg_iov = iov,
		.desc = desc,
		.iov_count = cnt,
		.addr = base->addr,
		.context = out,
	};
	return taken(path, out, "fi_sendmsg", fi_sendmsg(base->ep, &msg, FI_COMPLETION));
}

/* Posts a read or a write of one piece by the calls that take no list of pieces and no
 * flags; the flags with which the endpoint was opened apply. */
static ssize_t rma_one(const struct core_path_base *base, struct core_out *out, enum core_kind kind,
		       const struct iovec *iov, void *desc, uint64_t raddr, uint64_t key)
{
	return kind == CORE_KIND_READ ? fi_read(base->ep, iov->iov_base, iov->iov_len, desc,
						base->addr, raddr, key, out)
				      : fi_write(base->ep, iov->iov_base, iov->iov_len, desc,
						 base->addr, raddr, key, out);
}

static ssize_t rma_list(const struct core_domain_base *domain, const struct core_path_base *base,
			struct core_out *out, enum core_kind kind, const struct iovec *iov,
			void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	struct fi_rma_iov rma = {.addr = raddr, .key = key};
	const struct fi_msg_rma msg = {
		.msg_iov = iov,
		.desc = desc,
		.iov_count = cnt,
		.addr = base->addr,
		.rma_iov = &rma,
		.rma_iov_count = 1,
		.context = out,
	};

	for (size_t i = 0; i < cnt; i++)
		rma.len += iov[i].iov_len;
	return kind == CORE_KIND_READ ? fi_readmsg(base->ep, &msg, FI_COMPLETION)
				      : fi_writemsg(base->ep, &msg, domain->write_flags);
}

static int rma(struct core_path *path, struct core_io *io, enum core_kind kind,
	       const struct iovec *iov, void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	struct core_path_base *base = core_path_base_of(path);
	const struct core_domain_base *domain = base->domain;
	struct core_out *out = (struct core_out *)io;
	ssize_t ret;

	if (base->state != CORE_PATH_UP)
		return core_path_refuse(base);
	if (cnt > domain->caps.rma_iov_limit)
		return -FI_EINVAL;
	if (!may_go_out(base))
		return -FI_EAGAIN;
	out->ctx.kind = kind;
	ret = domain->async_iov ? rma_one(base, out, kind, iov, *desc, raddr, key)
				: rma_list(domain, base, out, kind, iov, desc, cnt, raddr, key);
	ret = taken(path, out, kind == CORE_KIND_READ ? "fi_read" : "fi_write", ret);
	if (!ret && kind == CORE_KIND_READ)
		base->read_cnt++;
	return (int)ret;
}

int core_data_read(struct core_path *path, struct core_io *io, const struct iovec *iov, void **desc,
		   size_t cnt, uint64_t raddr, uint64_t key)
{
	return rma(path, io, CORE_KIND_READ, iov, desc, cnt, raddr, key);
}

int core_data_write(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	return rma(path, io, CORE_KIND_WRITE, iov, desc, cnt, raddr, key);
}

struct core_io *core_data_done(struct core_out *out)
{
	struct core_path_base *base = core_path_base_of(out->path);
	struct core_io *io = (struct core_io *)out;

	core_path_out_remove(base, out);
	base->domain->out_cnt--;
	if (out->ctx.kind == CORE_KIND_READ)
		base->read_cnt--;
	if (out->ctx.kind == CORE_KIND_TX) {
		io = ((struct core_tx *)out)->io;
		core_tx_put((struct core_tx *)out);
	}
	out->ctx.kind = CORE_KIND_NONE;
	return io;
}
