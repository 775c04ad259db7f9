/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion queues.  A queue is a list of finished operations, each its own
 * entry, so that it can neither overrun nor allocate; reading an entry frees
 * the operation, which gives its endpoint the place for another one.
 *
 * The calls are the application's and take the domain's lock.  Reading any queue progresses the
 * whole domain.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/complete.h"
#include "api/cq.h"
#include "api/domain.h"
#include "api/fabric.h"
#include "api/no.h"
#include "api/opt.h"
#include "api/trywait.h"
#include "base/addr.h"
#include "base/compat.h"
#include "peer/source.h"
#include "progress/completion.h"
#include "progress/op.h"
#include "progress/pump.h"
#include "progress/wait.h"
#include "switch_session.h"

enum {
	UNREAD_MOST = 16384, /* unread entries above which a read does not ask the core for more */
	BUSY_READS = 16,     /* reads of a queue that is never empty, for each look at the core */
};

static uint64_t entry_flags(const struct switch_op *op)
{
	const uint16_t received_data = SESS_RECV | SESS_DATA;
	const bool data = (op->sess.flags & received_data) == received_data;

	return op->cq_flags | (data ? FI_REMOTE_CQ_DATA : 0);
}

/* Where the received data are.  A peek (FI_PEEK) delivers none. */
static void *entry_buf(const struct switch_op *op)
{
	const bool has = op->sess.flags & SESS_RECV && !(op->sess.flags & SESS_PEEK);

	return has && op->sess.iov_cnt ? op->sess.iov[0].addr : NULL;
}

/* Writes the entry of op at buf; returns where the next one goes. */
static void *entry_write(enum fi_cq_format format, void *buf, const struct switch_op *op)
{
	const bool received = op->sess.flags & SESS_RECV;
	struct fi_cq_tagged_entry *entry = buf;

	/* each format begins with all of the smaller ones */
	entry->op_context = op->context;
	if (format == FI_CQ_FORMAT_CONTEXT)
		return (struct fi_cq_entry *)buf + 1;
	entry->flags = entry_flags(op);
	entry->len = op->sess.len;
	if (format == FI_CQ_FORMAT_MSG)
		return (struct fi_cq_msg_entry *)buf + 1;
	entry->buf = entry_buf(op);
	entry->data = received ? op->sess.data : 0;
	if (format == FI_CQ_FORMAT_DATA)
		return (struct fi_cq_data_entry *)buf + 1;
	entry->tag = op->sess.tag;
	return entry + 1;
}

/* Takes up to count entries out of the queue.  Returns how many, -FI_EAVAIL if the first
 * is an error, or -FI_EAGAIN if there is none. */
static ssize_t cq_take(struct switch_cq *cq, void *buf, size_t count, fi_addr_t *src_addr)
{
	struct sess_op *sess_op;
	size_t taken = 0;

	while ((sess_op = STAILQ_FIRST(&cq->queue.done))) {
		struct switch_op *op = container_of(sess_op, struct switch_op, sess);

		if (sess_op->error)
			return taken ? (ssize_t)taken : -FI_EAVAIL;
		if (taken == count)
			return taken;
		buf = entry_write(cq->format, buf, op);
		if (src_addr)
			src_addr[taken] =
				sess_op->flags & SESS_RECV ? sess_op->source : FI_ADDR_NOTAVAIL;
		switch_queue_pop(&cq->queue);
		switch_op_free(&cq->domain->ops, op);
		taken++;
	}
	return taken ? (ssize_t)taken : -FI_EAGAIN;
}

/* Progresses if the queue is empty, if the application asks for nothing but progress
 * (count 0), and once in BUSY_READS reads when the application never empties the queue,
 * because its peers must not wait for that.  With UNREAD_MOST entries unread it does not
 * progress: a peer can fill one multi-receive buffer with any number of empty messages,
 * and only this limit bounds their entries. */
static ssize_t cq_poll(struct switch_cq *cq, void *buf, size_t count, fi_addr_t *src_addr)
{
	if (!cq->queue.done_cnt || !count ||
	    (!(++cq->passes % BUSY_READS) && cq->queue.done_cnt < UNREAD_MOST))
		switch_pump_progress(&cq->domain->pump);
	return cq_take(cq, buf, count, src_addr);
}

static ssize_t switch_cq_readfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid);
	ssize_t ret;

	switch_pump_lock(&cq->domain->pump);
	ret = cq_poll(cq, buf, count, src_addr);
	if (ret == -FI_EAGAIN)
		cq->signaled = false;
	switch_pump_unlock(&cq->domain->pump);
	return ret;
}

static ssize_t switch_cq_read(struct fid_cq *fid, void *buf, size_t count)
{
	return switch_cq_readfrom(fid, buf, count, NULL);
}

static void write_error_data(struct fi_cq_err_entry *entry, const struct switch_unknown *unknown,
			     bool has_size)
{
	const struct switch_addr *addr = unknown ? switch_unknown_addr(unknown) : NULL;
	const size_t room = has_size ? entry->err_data_size : 0;
	const size_t len = addr ? addr->len : 0;

	if (!room)
		entry->err_data = addr ? (void *)addr->bytes : NULL;
	else if (len)
		memcpy(entry->err_data, addr->bytes, len < room ? len : room);
	if (has_size)
		entry->err_data_size = room && room < len ? room : len;
}

/*
 * Writes field by field: the struct of an application that was built against a libfabric
 * before 1.5 ends before err_data_size.  The only data of an error is the address of an unknown
 * source.  An application of that age, and one that brings no buffer, gets a pointer to our
 * copy, which is valid until the next error is read.
 */
static void entry_write_error(struct fi_cq_err_entry *entry, const struct switch_op *op,
			      bool has_size)
{
	const bool received = op->sess.flags & SESS_RECV;

	entry->op_context = op->context;
	entry->flags = entry_flags(op);
	entry->len = op->sess.len;
	entry->buf = entry_buf(op);
	entry->data = received ? op->sess.data : 0;
	entry->tag = op->sess.tag;
	entry->olen = op->sess.full_len > op->sess.len ? op->sess.full_len - op->sess.len : 0;
	entry->err = op->sess.error;
	entry->prov_errno = op->sess.error;
	write_error_data(entry, op->unknown, has_size);
}

static ssize_t switch_cq_readerr(struct fid_cq *fid, struct fi_cq_err_entry *entry, uint64_t flags)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid);
	struct switch_domain *domain = cq->domain;
	const uint32_t api = domain->fabric->fabric_fid.api_version;
	struct sess_op *first;
	ssize_t ret = -FI_EAGAIN;

	(void)flags;
	switch_pump_lock(&domain->pump);
	if (STAILQ_EMPTY(&cq->queue.done))
		switch_pump_progress(&domain->pump);
	first = STAILQ_FIRST(&cq->queue.done);
	if (first && first->error) {
		struct switch_op *op = container_of(first, struct switch_op, sess);

		entry_write_error(entry, op, FI_VERSION_GE(api, FI_VERSION(1, 5)));
		switch_unknown_release(cq->shown);
		cq->shown = op->unknown;
		op->unknown = NULL;
		switch_queue_pop(&cq->queue);
		switch_op_free(&domain->ops, op);
		ret = 1;
	}
	switch_pump_unlock(&domain->pump);
	return ret;
}

bool switch_cq_polled(struct switch_cq *cq)
{
	const bool ready = !STAILQ_EMPTY(&cq->queue.done) || cq->signaled;

	cq->signaled = false;
	return ready;
}

static struct switch_cq *cq_of(struct switch_wait *wait)
{
	return container_of(wait, struct switch_cq, queue.wait);
}

static bool cq_is_ready(struct switch_wait *wait)
{
	return switch_cq_polled(cq_of(wait));
}

static int cq_trywait(struct switch_wait *wait, bool *ready, bool *signaled)
{
	return switch_waitable_try(cq_of(wait)->domain, wait, cq_is_ready, ready, signaled);
}

/* A blocking read. */
struct cq_reader {
	struct switch_waiter waiter; /* first */
	void *buf;
	size_t count;
	fi_addr_t *src_addr;
	size_t want;	  /* entries for which it waits, at least 1 */
	uint64_t signals; /* the queue's count of signals when the read began */
};

/* True if the queue has as many entries as the reader waits for, or an error, which must
 * be read before the entries behind it. */
static bool cq_enough(const struct switch_cq *cq, const struct cq_reader *reader)
{
	const struct sess_op *op;
	size_t cnt = 0;

	STAILQ_FOREACH (op, &cq->queue.done, link)
		if (op->error || ++cnt >= reader->want)
			return true;
	return false;
}

/* Entries stay in the queue until there are enough, so that other readers see them. */
static ssize_t cq_look(struct switch_waiter *waiter, bool may_sleep)
{
	const struct cq_reader *reader = (struct cq_reader *)waiter;
	struct switch_cq *cq = cq_of(waiter->wait);
	struct switch_pump *pump = &cq->domain->pump;
	ssize_t ret = -FI_EAGAIN;

	switch_pump_lock(pump);
	switch_wait_leave(waiter->wait, &waiter->sleeper);
	if (!cq_enough(cq, reader))
		switch_pump_progress(pump);
	if (cq_enough(cq, reader))
		ret = cq_poll(cq, reader->buf, reader->count, reader->src_addr);
	else if (cq->signals != reader->signals)
		ret = -FI_ECANCELED;
	else if (may_sleep && !switch_pump_trywait(pump) && !cq_enough(cq, reader))
		switch_wait_enter(waiter->wait, &waiter->sleeper);
	switch_pump_unlock(pump);
	return ret;
}

static void cq_begin(struct switch_cq *cq, struct cq_reader *reader)
{
	switch_pump_lock(&cq->domain->pump);
	/* a signal that nobody has noticed ends this read, too */
	reader->signals = cq->signals - cq->signaled;
	switch_pump_unlock(&cq->domain->pump);
}

/* Takes the entries that are there when the time is over, fi_cq_signal was called, or a
 * signal handler ran. */
static ssize_t cq_give_up(struct switch_waiter *waiter, int why)
{
	const struct cq_reader *reader = (struct cq_reader *)waiter;
	struct switch_cq *cq = cq_of(waiter->wait);
	ssize_t ret;

	(void)why;
	switch_pump_lock(&cq->domain->pump);
	switch_wait_leave(waiter->wait, &waiter->sleeper);
	ret = cq_take(cq, reader->buf, reader->count, reader->src_addr);
	cq->signaled = false;
	switch_pump_unlock(&cq->domain->pump);
	return ret;
}

/* Waits for one entry, or for as many as the threshold asks if they come in
 * time and fit. */
static ssize_t switch_cq_sreadfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr,
				   const void *cond, int timeout)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid);
	size_t want = cq->threshold ? (uintptr_t)cond : 1;
	struct cq_reader reader = {
		.waiter = {.wait = &cq->queue.wait,
			   .sleeper = switch_sleeper(timeout),
			   .spins = SWITCH_SPINS,
			   .look = cq_look,
			   .give_up = cq_give_up},
		.buf = buf,
		.count = count,
		.src_addr = src_addr,
	};

	if (cq->queue.wait.epoll_fd < 0)
		return -FI_ENOSYS;
	if (want > count)
		want = count;
	reader.want = want ? want : 1;
	cq_begin(cq, &reader);
	return switch_wait_block(&reader.waiter);
}

static ssize_t switch_cq_sread(struct fid_cq *fid, void *buf, size_t count, const void *cond,
			       int timeout)
{
	return switch_cq_sreadfrom(fid, buf, count, NULL, cond, timeout);
}

static int switch_cq_signal(struct fid_cq *fid)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid);

	if (cq->queue.wait.epoll_fd < 0)
		return -FI_ENOSYS;
	switch_pump_lock(&cq->domain->pump);
	cq->signaled = true;
	cq->signals++;
	switch_wait_signal(&cq->queue.wait);
	switch_pump_unlock(&cq->domain->pump);
	return 0;
}

static const char *switch_cq_strerror(struct fid_cq *fid, int prov_errno, const void *err_data,
				      char *buf, size_t len)
{
	(void)fid, (void)err_data;
	return switch_strerror(prov_errno, buf, len);
}

static int switch_cq_control(struct fid *fid, int command, void *arg)
{
	return switch_wait_control(&container_of(fid, struct switch_cq, cq_fid.fid)->queue.wait,
				   command, arg);
}

/* Frees the entries that are left: nobody will read them. */
static void cq_clear(struct switch_cq *cq)
{
	struct sess_op *op;

	while ((op = STAILQ_FIRST(&cq->queue.done))) {
		switch_queue_pop(&cq->queue);
		switch_op_drop(cq->domain, container_of(op, struct switch_op, sess));
	}
	switch_unknown_release(cq->shown);
	cq->shown = NULL;
}

static int switch_cq_close(struct fid *fid)
{
	struct switch_cq *cq = container_of(fid, struct switch_cq, cq_fid.fid);
	struct switch_domain *domain = cq->domain;
	int ret;

	switch_pump_lock(&domain->pump);
	if (!cq->queue.refs)
		cq_clear(cq);
	switch_pump_unlock(&domain->pump);
	ret = switch_waitable_close(domain, &cq->queue.wait, &cq->queue.refs);
	if (!ret)
		free(cq);
	return ret;
}

static struct fi_ops switch_cq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_cq_close,
	.bind = switch_no_bind,
	.control = switch_cq_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_cq switch_cq_ops = {
	.size = sizeof(struct fi_ops_cq),
	.read = switch_cq_read,
	.readfrom = switch_cq_readfrom,
	.readerr = switch_cq_readerr,
	.sread = switch_cq_sread,
	.sreadfrom = switch_cq_sreadfrom,
	.signal = switch_cq_signal,
	.strerror = switch_cq_strerror,
};

static int attr_check(const struct fi_cq_attr *attr)
{
	if (!attr || attr->flags & ~FI_AFFINITY || attr->format > FI_CQ_FORMAT_TAGGED ||
	    attr->wait_cond > FI_CQ_COND_THRESHOLD)
		return -FI_EINVAL;
	return switch_wait_check(attr->wait_obj, attr->wait_set);
}

int switch_cq_open(struct fid_domain *domain_fid, struct fi_cq_attr *attr, struct fid_cq **cq_fid,
		   void *context)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_cq *cq;
	int ret = attr_check(attr);

	if (ret)
		return ret;
	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return -FI_ENOMEM;
	cq->cq_fid.fid.fclass = FI_CLASS_CQ;
	cq->cq_fid.fid.context = context;
	cq->cq_fid.fid.ops = &switch_cq_fid_ops;
	cq->cq_fid.ops = &switch_cq_ops;
	cq->domain = domain;
	cq->format = attr->format ? attr->format : FI_CQ_FORMAT_CONTEXT;
	cq->threshold = attr->wait_cond == FI_CQ_COND_THRESHOLD;
	STAILQ_INIT(&cq->queue.done);
	ret = switch_waitable_open(domain, &cq->queue.wait, attr->wait_obj, attr->wait_set,
				   cq_trywait);
	if (ret) {
		free(cq);
		return ret;
	}
	*cq_fid = &cq->cq_fid;
	return 0;
}
