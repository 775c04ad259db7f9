/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connections between endpoints: sequenced-packet sockets in the abstract namespace of Unix
 * sockets, where an endpoint listens under its name.  The domain's epoll set watches them, and
 * a completion queue blocks on that set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mock.h"

static socklen_t address(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path + 1, name, strlen(name));
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static struct mock_conn *conn_new(struct mock_ep *ep, int fd)
{
	struct mock_conn *conn = mock_alloc(sizeof(*conn));

	conn->domain = ep->domain;
	conn->ep = ep;
	conn->fd = fd;
	conn->refs = 1;
	STAILQ_INIT(&conn->outs);
	LIST_INSERT_HEAD(&ep->domain->conns, conn, link);
	return conn;
}

static int socket_new(void)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		abort();
	return fd;
}

/* The events that the epoll set watches for.  A connection whose endpoint is closed waits only
 * until its socket can be written. */
static uint32_t interest(const struct mock_conn *conn)
{
	return (conn->ep ? EPOLLIN : 0) | (conn->blocked ? EPOLLOUT : 0);
}

static void watch(struct mock_conn *conn, int what)
{
	struct epoll_event event = {.events = interest(conn), .data.ptr = conn};

	if (epoll_ctl(conn->domain->epfd, what, conn->fd, &event))
		abort();
}

void mock_conn_watch(struct mock_conn *conn)
{
	watch(conn, EPOLL_CTL_MOD);
}

struct mock_conn *mock_conn_listen(struct mock_ep *ep, int *error)
{
	struct sockaddr_un addr;
	const socklen_t len = address(&addr, ep->name);
	const int fd = socket_new();
	struct mock_conn *conn;

	if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, SOMAXCONN)) {
		*error = errno;
		close(fd);
		return NULL;
	}
	conn = conn_new(ep, fd);
	conn->listening = true;
	conn->connected = true;
	watch(conn, EPOLL_CTL_ADD);
	return conn;
}

void mock_conn_accept(struct mock_conn *listener)
{
	for (;;) {
		const int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct mock_conn *conn;

		if (fd < 0)
			return;
		conn = conn_new(listener->ep, fd);
		conn->connected = true;
		watch(conn, EPOLL_CTL_ADD);
	}
}

struct mock_conn *mock_conn_to(struct mock_ep *ep, const char *peer)
{
	struct mock_conn *conn;

	LIST_FOREACH (conn, &ep->domain->conns, link)
		if (conn->ep == ep && conn->fd >= 0 && !strcmp(conn->peer, peer))
			return conn;
	conn = conn_new(ep, socket_new());
	strcpy(conn->peer, peer);
	return conn;
}

void mock_conn_try(struct mock_conn *conn)
{
	struct sockaddr_un addr;
	const socklen_t len = address(&addr, conn->peer);

	if (conn->connected)
		return;
	if (!connect(conn->fd, (struct sockaddr *)&addr, len)) {
		conn->connected = true;
		watch(conn, EPOLL_CTL_ADD);
	} else if (errno != EAGAIN && errno != EINTR) {
		mock_conn_break(conn, errno);
	}
}

void mock_conn_hold(struct mock_conn *conn)
{
	conn->refs++;
}

void mock_conn_release(struct mock_conn *conn)
{
	if (--conn->refs)
		return;
	LIST_REMOVE(conn, link);
	free(conn);
}

static void fail_ops(struct mock_conn *conn, int error)
{
	struct mock_op *op, *next;

	for (op = LIST_FIRST(&conn->domain->ops); op; op = next) {
		next = LIST_NEXT(op, all);
		if (op->conn == conn && !op->done)
			mock_op_finish(op, error);
	}
}

void mock_conn_break(struct mock_conn *conn, int error)
{
	struct mock_out *out;

	if (conn->fd < 0)
		return;
	close(conn->fd);
	conn->fd = -1;
	conn->blocked = false;
	while ((out = STAILQ_FIRST(&conn->outs))) {
		STAILQ_REMOVE_HEAD(&conn->outs, link);
		mock_out_free(out);
	}
	free(conn->in);
	conn->in = NULL;
	fail_ops(conn, error);
	mock_conn_release(conn);
}

/* Removes from the queue the messages that use memory of the application; injected data and
 * answers have been copied and stay. */
static void forget_unfinished(struct mock_conn *conn)
{
	STAILQ_HEAD(, mock_out) keep = STAILQ_HEAD_INITIALIZER(keep);
	struct mock_out *out;

	while ((out = STAILQ_FIRST(&conn->outs))) {
		STAILQ_REMOVE_HEAD(&conn->outs, link);
		if (out->op && !(out->op->flags & FI_INJECT)) {
			mock_out_free(out);
			continue;
		}
		out->op = NULL;
		STAILQ_INSERT_TAIL(&keep, out, link);
	}
	STAILQ_CONCAT(&conn->outs, &keep);
}

void mock_conn_leave(struct mock_conn *conn)
{
	mock_wire_flush(conn);
	forget_unfinished(conn);
	conn->ep = NULL;
	if (conn->fd >= 0 && conn->connected)
		mock_conn_watch(conn);
}
