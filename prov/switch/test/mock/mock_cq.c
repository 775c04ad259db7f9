/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion queues: lists of operations that have completed.  When the application reads a
 * completion, the memory that it lent to the operation is checked.
 *
 * A queue with a wait object has an epoll set of two descriptors: its own event descriptor,
 * which is raised while the queue is not empty, and the epoll set of the domain's sockets.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mock.h"

static void raise_event(const struct mock_cq *cq)
{
	if (cq->evfd >= 0)
		eventfd_write(cq->evfd, 1);
}

void mock_cq_push(struct mock_cq *cq, struct mock_op *op)
{
	if (!mock_config.rm && cq->cnt >= cq->size)
		mock_violation("a completion queue of %zu entries is full (MOCK_RM=0)", cq->size);
	cq->cnt++;
	TAILQ_INSERT_TAIL(&cq->done, op, link);
	raise_event(cq);
}

/* Lowers the event descriptor if the queue is empty. */
static void settle(struct mock_cq *cq)
{
	eventfd_t value;

	if (cq->evfd >= 0 && TAILQ_EMPTY(&cq->done))
		(void)eventfd_read(cq->evfd, &value);
}

int mock_cq_trywait(struct mock_cq *cq)
{
	mock_progress(cq->domain);
	settle(cq);
	return TAILQ_EMPTY(&cq->done) && !mock_restless(cq->domain) ? 0 : -FI_EAGAIN;
}

static struct mock_op *take(struct mock_cq *cq)
{
	struct mock_op *op = TAILQ_FIRST(&cq->done);

	TAILQ_REMOVE(&cq->done, op, link);
	cq->cnt--;
	return op;
}

static size_t entry_size(const struct mock_cq *cq)
{
	static const size_t sizes[] = {
		[FI_CQ_FORMAT_CONTEXT] = sizeof(struct fi_cq_entry),
		[FI_CQ_FORMAT_MSG] = sizeof(struct fi_cq_msg_entry),
		[FI_CQ_FORMAT_DATA] = sizeof(struct fi_cq_data_entry),
	};

	return sizes[cq->format];
}

static ssize_t read_entries(struct mock_cq *cq, void *buf, size_t count, fi_addr_t *src_addr)
{
	const size_t size = entry_size(cq);
	struct mock_op *op;
	size_t i = 0;

	mock_progress(cq->domain);
	for (; i < count && (op = TAILQ_FIRST(&cq->done)) && !op->entry.err; i++) {
		take(cq);
		/* each format begins with the shorter ones, and so does an error */
		memcpy((char *)buf + i * size, &op->entry, size);
		if (src_addr)
			src_addr[i] = FI_ADDR_NOTAVAIL;
		mock_op_close(op);
	}
	settle(cq);
	op = TAILQ_FIRST(&cq->done);
	if (i || (op && !op->entry.err))
		return i;
	return op ? -FI_EAVAIL : -FI_EAGAIN;
}

static ssize_t cq_readfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid);
	ssize_t ret;

	mock_enter(cq->domain);
	ret = read_entries(cq, buf, count, src_addr);
	mock_leave(cq->domain);
	return ret;
}

static ssize_t cq_read(struct fid_cq *fid, void *buf, size_t count)
{
	return cq_readfrom(fid, buf, count, NULL);
}

static ssize_t cq_readerr(struct fid_cq *fid, struct fi_cq_err_entry *buf, uint64_t flags)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid);
	struct mock_op *op = TAILQ_FIRST(&cq->done);

	if (flags)
		return -FI_EBADFLAGS;
	if (!op || !op->entry.err)
		return -FI_EAGAIN;
	mock_enter(cq->domain);
	*buf = take(cq)->entry;
	mock_op_close(op);
	settle(cq);
	mock_leave(cq->domain);
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Blocks until something happens.  Returns false if the time is up. */
static bool cq_wait(struct mock_cq *cq, int timeout, int64_t until)
{
	struct pollfd fd = {cq->epfd, POLLIN, 0};
	const int64_t left = timeout < 0 ? -1 : until - now_ms();
	int ret;

	if (timeout >= 0 && left <= 0)
		return false;
	mock_enter(cq->domain);
	ret = mock_cq_trywait(cq);
	mock_leave(cq->domain);
	if (!ret && !atomic_load(&cq->signaled))
		poll(&fd, 1, (int)left);
	return true;
}

static ssize_t cq_sreadfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr,
			    const void *cond, int timeout)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid);
	const int64_t until = timeout < 0 ? 0 : now_ms() + timeout;
	ssize_t ret;

	(void)cond;
	if (cq->wait == FI_WAIT_NONE)
		mock_violation("fi_cq_sread of a queue without a wait object");
	do {
		ret = cq_readfrom(fid, buf, count, src_addr);
	} while (ret == -FI_EAGAIN && !atomic_exchange(&cq->signaled, false) &&
		 cq_wait(cq, timeout, until));
	return ret;
}

static ssize_t cq_sread(struct fid_cq *fid, void *buf, size_t count, const void *cond, int timeout)
{
	return cq_sreadfrom(fid, buf, count, NULL, cond, timeout);
}

/* May be called by any thread. */
static int cq_signal(struct fid_cq *fid)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid);

	if (cq->wait == FI_WAIT_NONE)
		return -FI_ENOSYS;
	atomic_store(&cq->signaled, true);
	raise_event(cq);
	return 0;
}

static const char *cq_strerror(struct fid_cq *fid, int prov_errno, const void *err_data, char *buf,
			       size_t len)
{
	const char *text = fi_strerror(prov_errno);

	(void)fid, (void)err_data;
	if (!buf || !len)
		return text;
	strncpy(buf, text, len - 1);
	buf[len - 1] = '\0';
	return buf;
}

static struct fi_ops_cq cq_ops = {
	.size = sizeof(struct fi_ops_cq),
	.read = cq_read,
	.readfrom = cq_readfrom,
	.readerr = cq_readerr,
	.sread = cq_sread,
	.sreadfrom = cq_sreadfrom,
	.signal = cq_signal,
	.strerror = cq_strerror,
};

static int cq_close(struct fid *fid)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid.fid);

	if (cq->refs)
		return -FI_EBUSY;
	while (!TAILQ_EMPTY(&cq->done))
		mock_op_drop(take(cq));
	if (cq->evfd >= 0) {
		close(cq->evfd);
		close(cq->epfd);
	}
	cq->domain->refs--;
	free(cq);
	return 0;
}

static int cq_control(struct fid *fid, int command, void *arg)
{
	struct mock_cq *cq = container_of(fid, struct mock_cq, fid.fid);

	switch (command) {
	case FI_GETWAIT:
		if (cq->wait != FI_WAIT_FD)
			return -FI_ENODATA;
		*(int *)arg = cq->epfd;
		return 0;
	case FI_GETWAITOBJ:
		*(enum fi_wait_obj *)arg = cq->wait;
		return 0;
	default:
		return -FI_ENOSYS;
	}
}

static struct fi_ops cq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = cq_close,
	.bind = mock_no_bind,
	.control = cq_control,
	.ops_open = mock_no_ops_open,
};

static void wait_open(struct mock_cq *cq)
{
	struct epoll_event event = {.events = EPOLLIN};

	cq->epfd = epoll_create1(EPOLL_CLOEXEC);
	cq->evfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (cq->epfd < 0 || cq->evfd < 0 || epoll_ctl(cq->epfd, EPOLL_CTL_ADD, cq->evfd, &event) ||
	    epoll_ctl(cq->epfd, EPOLL_CTL_ADD, cq->domain->epfd, &event))
		abort();
}

int mock_cq_open(struct fid_domain *fid, struct fi_cq_attr *attr, struct fid_cq **result,
		 void *context)
{
	struct mock_domain *domain = container_of(fid, struct mock_domain, fid);
	struct mock_cq *cq;

	if (attr->format > FI_CQ_FORMAT_DATA || attr->wait_cond != FI_CQ_COND_NONE ||
	    (attr->wait_obj != FI_WAIT_NONE && attr->wait_obj != FI_WAIT_FD &&
	     attr->wait_obj != FI_WAIT_UNSPEC))
		return -FI_ENOSYS;
	cq = mock_alloc(sizeof(*cq));
	cq->domain = domain;
	cq->format = attr->format == FI_CQ_FORMAT_UNSPEC ? FI_CQ_FORMAT_DATA : attr->format;
	cq->wait = attr->wait_obj;
	cq->size = attr->size ? attr->size : 1024;
	cq->epfd = cq->evfd = -1;
	if (cq->wait != FI_WAIT_NONE)
		wait_open(cq);
	TAILQ_INIT(&cq->done);
	cq->fid.fid.fclass = FI_CLASS_CQ;
	cq->fid.fid.context = context;
	cq->fid.fid.ops = &cq_fid_ops;
	cq->fid.ops = &cq_ops;
	domain->refs++;
	*result = &cq->fid;
	return 0;
}
