/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The pump of a domain: polls the core, feeds the engine, performs what the
 * engine asks for, hands out completions.  The only file that performs engine
 * actions on a core.  Called with the domain's lock by every read of a queue
 * or counter, after every submission, and by the progress thread.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "base/os.h"
#include "base/params.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/conn.h"
#include "peer/rdm.h"
#include "progress/op.h"
#include "progress/wait.h"
#include "switch_session.h"

enum {
	POLL_BATCH = 16,
	POLL_ROUNDS = 8,   /* batches in one pass: others get the lock, too */
	CM_INTERVAL = 256, /* passes between looks at the connections */
	DRAIN_WAIT = 10,   /* milliseconds to sleep while closing */
	REST_SHARE = 10,   /* of CLOSE_TIMEOUT, for fi_close of the last endpoint */
	WAIT_FDS = 8,
};

_Static_assert(sizeof(((struct sess_io *)0)->core) == sizeof(struct core_io),
	       "the engine lends the core its scratch");
_Static_assert(offsetof(struct sess_io, core) == 0, "and finds its own by the address");
_Static_assert((int)CORE_IOV_MAX >= (int)SESS_SEND_IOV_MAX, "a packet fits one core send");

/* -- from the core to the engine ---------------------------------------------- */

static void handle_event(struct switch_domain *domain, struct core_event *event)
{
	switch (event->type) {
	case CORE_RECV:
		sess_input(domain->engine, event->data, event->len);
		break;
	case CORE_DONE:
		sess_done(domain->engine, (struct sess_io *)event->io, event->error);
		break;
	case CORE_REQUEST:
		switch_rdm_request(event);
		break;
	case CORE_CONNECTED:
		switch_conn_connected(event);
		break;
	case CORE_REFUSED:
		switch_conn_refused(event);
		break;
	case CORE_BROKEN:
		switch_conn_broken(event);
		break;
	case CORE_CLOSED:
		switch_conn_path_closed(event);
		break;
	}
}

/* tick: the clock went on.  Who is asked seldom looks at the connections each
 * time, who is asked often now and then: a peer that connects is waiting. */
static void poll_core(struct switch_domain *domain, bool tick)
{
	struct core_event events[POLL_BATCH];
	bool check_cm = tick || domain->cm_pending || !domain->cm_countdown;
	int cnt;

	domain->cm_countdown = domain->cm_countdown ? domain->cm_countdown - 1 : CM_INTERVAL;
	for (int round = 0; round < POLL_ROUNDS; round++) {
		cnt = domain->core_ops->poll(domain->core, events, POLL_BATCH, check_cm);
		for (int i = 0; i < cnt; i++) {
			handle_event(domain, &events[i]);
			domain->core_ops->release(domain->core, &events[i]);
		}
		if (cnt < POLL_BATCH)
			break;
		switch_domain_perform(domain);
	}
}

/* -- from the engine to the core ----------------------------------------------- */

static void core_iov(const struct switch_domain *domain, const struct sess_action *action,
		     struct iovec *iov, void **desc)
{
	for (unsigned i = 0; i < action->iov_cnt; i++) {
		const struct core_mr *mr = (const struct core_mr *)action->iov[i].mem;

		iov[i].iov_base = action->iov[i].addr;
		iov[i].iov_len = action->iov[i].len;
		desc[i] = mr ? domain->core_ops->mr_desc(mr) : NULL;
	}
}

static void perform_send(struct switch_domain *domain, const struct sess_action *action)
{
	const struct switch_conn *conn = action->user;
	struct sess_io *io = action->io;
	struct iovec iov[SESS_SEND_IOV_MAX];
	void *desc[SESS_SEND_IOV_MAX];
	int ret;

	core_iov(domain, action, iov, desc);
	ret = domain->core_ops->send(conn->path, (struct core_io *)io, iov, desc, action->iov_cnt,
				     action->len, action->may_buffer);
	sess_took(domain->engine, ret > 0 ? 0 : ret);
	if (ret > 0)
		sess_done(domain->engine, io, 0);
}

static void perform_rma(struct switch_domain *domain, const struct sess_action *action)
{
	const struct core_ops *ops = domain->core_ops;
	const struct switch_conn *conn = action->user;
	struct core_io *io = (struct core_io *)action->io;
	struct iovec iov[SESS_SEND_IOV_MAX];
	void *desc[SESS_SEND_IOV_MAX];
	uint64_t key = 0;
	int ret = -EPROTO;

	core_iov(domain, action, iov, desc);
	if (action->key_len <= sizeof(key)) {
		memcpy(&key, action->key, action->key_len);
		ret = (action->type == SESS_ACT_READ ? ops->read : ops->write)(
			conn->path, io, iov, desc, action->iov_cnt, action->raddr, key);
	}
	sess_took(domain->engine, ret);
}

static void perform_register(struct switch_domain *domain, const struct sess_action *action)
{
	const uint64_t access = (action->access & SESS_ACCESS_LOCAL_READ ? FI_WRITE | FI_SEND : 0) |
				(action->access & SESS_ACCESS_LOCAL_WRITE ? FI_READ | FI_RECV : 0) |
				(action->access & SESS_ACCESS_REMOTE_READ ? FI_REMOTE_READ : 0) |
				(action->access & SESS_ACCESS_REMOTE_WRITE ? FI_REMOTE_WRITE : 0);
	const struct switch_conn *conn = action->user;
	struct core_mr *mr = NULL;
	uint64_t raddr = 0, key = 0;
	int ret;

	ret = domain->core_ops->mr_reg(domain->core, conn->path, action->iov[0].addr,
				       action->iov[0].len, access, &mr, &raddr, &key);
	if (ret)
		SW_INFO(MR, "the core did not register %zu bytes: %s\n", action->iov[0].len,
			fi_strerror(-ret));
	sess_registered(domain->engine, action->xfer, -ret, (struct sess_mem *)mr, raddr, &key,
			sizeof(key));
}

static void perform_complete(struct switch_domain *domain, struct sess_op *op)
{
	if (op->error == EMSGSIZE && op->flags & SESS_RECV)
		op->error = FI_ETRUNC;
	switch_op_complete(domain, (struct switch_op *)op);
}

void switch_domain_perform(struct switch_domain *domain)
{
	const struct sess_action *action;

	while ((action = sess_next(domain->engine))) {
		switch (action->type) {
		case SESS_ACT_COMPLETE:
			perform_complete(domain, action->op);
			break;
		case SESS_ACT_SEND:
			perform_send(domain, action);
			break;
		case SESS_ACT_READ:
		case SESS_ACT_WRITE:
			perform_rma(domain, action);
			break;
		case SESS_ACT_REGISTER:
			perform_register(domain, action);
			break;
		case SESS_ACT_DEREGISTER:
			domain->core_ops->mr_close((struct core_mr *)action->mem);
			break;
		case SESS_ACT_UP:
			switch_conn_up(action->user);
			break;
		case SESS_ACT_BYE:
			switch_conn_bye(action->user);
			break;
		case SESS_ACT_DOWN:
			switch_conn_down(action->user, action->error);
			break;
		case SESS_ACT_LINK_DOWN: /* no session of ours has a second link to close */
			break;
		}
	}
}

void switch_domain_submitted(struct switch_domain *domain)
{
	if (domain->progress == FI_PROGRESS_AUTO) {
		sess_flush(domain->engine);
	} else if (domain->waited && sess_holds(domain->engine)) {
		domain->waited = false; /* until somebody is about to sleep again */
		switch_progress_wake(domain);
	}
	switch_domain_perform(domain);
}

void switch_domain_progress(struct switch_domain *domain)
{
	const uint64_t now = switch_now_coarse(); /* every empty poll pays for it */
	const bool tick = now != domain->last_tick;

	sess_progress(domain->engine, sess_wants_time(domain->engine) ? switch_now() : now);
	poll_core(domain, tick);
	if (tick) {
		domain->last_tick = now;
		sess_tick(domain->engine, now);
	}
	switch_domain_perform(domain);
}

/* -- the progress thread --------------------------------------------------------- */

static int thread_epoll(struct switch_domain *domain)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fds[WAIT_FDS], cnt, epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return -1;
	cnt = domain->core_ops->wait_fds(domain->core, fds, WAIT_FDS - 1);
	fds[cnt++] = domain->progress_fd;
	for (int i = 0; i < cnt; i++) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event)) {
			close(epoll_fd);
			return -1;
		}
	}
	return epoll_fd;
}

/* Returns how long the thread may sleep, in milliseconds: 0 if there is work. */
static int thread_progress(struct switch_domain *domain)
{
	uint64_t now, deadline;

	domain->cm_countdown = 0; /* an event left unread would wake us at once */
	switch_domain_progress(domain);
	if (domain->core_ops->trywait(domain->core))
		return 0;
	now = switch_now();
	sess_tick(domain->engine, now);
	switch_domain_perform(domain); /* what timed out, and what that makes */
	deadline = sess_tick(domain->engine, now);
	if (deadline == SESS_NEVER)
		return -1;
	return deadline <= now ? 0 : (int)((deadline - now) / 1000000 + 1);
}

static void *progress_thread(void *arg)
{
	struct switch_domain *domain = arg;
	struct epoll_event event;
	eventfd_t cnt;
	int timeout;
	bool stop;

	do {
		pthread_mutex_lock(&domain->lock);
		timeout = thread_progress(domain);
		stop = domain->progress_stop;
		pthread_mutex_unlock(&domain->lock);
		if (!stop && timeout)
			epoll_wait(domain->progress_epoll, &event, 1, timeout);
		eventfd_read(domain->progress_fd, &cnt);
	} while (!stop);
	return NULL;
}

int switch_progress_start(struct switch_domain *domain)
{
	int ret;

	domain->progress_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (domain->progress_fd < 0)
		return -errno;
	domain->progress_epoll = thread_epoll(domain);
	if (domain->progress_epoll < 0) {
		ret = -errno;
		close(domain->progress_fd);
		return ret;
	}
	ret = -pthread_create(&domain->progress_thread, NULL, progress_thread, domain);
	if (ret) {
		close(domain->progress_epoll);
		close(domain->progress_fd);
	}
	return ret;
}

void switch_progress_stop(struct switch_domain *domain)
{
	pthread_mutex_lock(&domain->lock);
	domain->progress_stop = true;
	pthread_mutex_unlock(&domain->lock);
	eventfd_write(domain->progress_fd, 1);
	pthread_join(domain->progress_thread, NULL);
	close(domain->progress_epoll);
	close(domain->progress_fd);
	domain->progress_fd = -1;
}

void switch_progress_wake(struct switch_domain *domain)
{
	if (domain->progress_fd >= 0)
		eventfd_write(domain->progress_fd, 1);
	else
		switch_domain_timer(domain, sess_tick(domain->engine, switch_now()));
}

/* -- closing ------------------------------------------------------------------------ */

void switch_domain_doze(struct switch_domain *domain)
{
	struct pollfd pollfds[WAIT_FDS];
	int fds[WAIT_FDS], cnt = domain->core_ops->wait_fds(domain->core, fds, WAIT_FDS);

	if (domain->core_ops->trywait(domain->core))
		return;
	for (int i = 0; i < cnt; i++)
		pollfds[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	switch_domain_unlock(domain);
	poll(pollfds, (nfds_t)cnt, DRAIN_WAIT);
	switch_domain_lock(domain);
}

static size_t conn_cnt(const struct switch_domain *domain)
{
	const struct switch_conn *conn;
	size_t cnt = 0;

	LIST_FOREACH (conn, &domain->conns, link)
		cnt++;
	return cnt;
}

/* The process may have stood still: it goes on looking after the deadline for as long
 * as it finds something. */
static void drain_until(struct switch_domain *domain, uint64_t deadline)
{
	size_t left = SIZE_MAX, before;
	uint64_t now;

	for (;;) {
		now = switch_now();
		domain->cm_countdown = 0;
		switch_domain_progress(domain);
		before = left;
		left = conn_cnt(domain);
		if (!left || (now >= deadline && left >= before))
			return;
		if (now < deadline)
			switch_domain_doze(domain);
	}
}

/*
 * A program may exit without closing its domain.  Over a core with connections the
 * peers notice.  Over others nobody tells them, their own close would wait for an
 * answer in vain, and the core may leave something behind (shm: a file).  A peer that
 * makes progress answers within the time; one that computes or is idle must not hold
 * up a server for long, and finds our BYE later, where the core keeps it.
 */
void switch_domain_rest(struct switch_domain *domain)
{
	const uint64_t linger = (uint64_t)switch_params.close_timeout * 1000000;
	struct switch_conn *conn;

	if (!domain->caps->tells_end)
		drain_until(domain, switch_now() + linger / REST_SHARE);
	if (domain->caps->keeps_sent && !LIST_EMPTY(&domain->conns)) {
		LIST_FOREACH (conn, &domain->conns, link)
			if (conn->sess)
				sess_leave(conn->sess);
		switch_domain_perform(domain);
		drain_until(domain, switch_now());
	}
	domain->core_ops->rest(domain->core);
}

void switch_domain_drain(struct switch_domain *domain)
{
	const uint64_t linger = (uint64_t)switch_params.close_timeout * 1000000;
	struct switch_conn *conn;

	drain_until(domain, switch_now() + linger);
	LIST_FOREACH (conn, &domain->conns, link)
		if (conn->sess)
			sess_abort(conn->sess, FI_ECANCELED);
	switch_domain_perform(domain);
	drain_until(domain, switch_now() + linger);
	if (!LIST_EMPTY(&domain->conns))
		SW_WARN(DOMAIN, "leaving paths behind that the core did not give up\n");
	while ((conn = LIST_FIRST(&domain->conns)))
		switch_conn_forget(conn);
	switch_domain_perform(domain);
}
