/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Cuts messages into packets and puts packets together again; makes a pass of progress.  The
 * call that posts an operation writes nothing: the application's memory is read as late as
 * possible.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "mock.h"

enum {
	EVENTS = 16,
	PACKETS = 16, /* packets that a connection reads in one pass */
};

/* -- out ------------------------------------------------------------------ */

void mock_out_free(struct mock_out *out)
{
	free(out->owned);
	free(out);
}

static void out_piece(struct mock_out *out, void *base, size_t len)
{
	if (!len)
		return;
	out->iov[out->iov_cnt++] = (struct iovec){base, len};
	out->head.len += len;
}

void mock_wire_send(struct mock_conn *conn, struct mock_op *op)
{
	static const enum mock_type types[] = {
		[MOCK_SEND] = MOCK_MSG, [MOCK_WRITE] = MOCK_PUT, [MOCK_READ] = MOCK_GET};
	struct mock_out *out = mock_alloc(sizeof(*out));

	op->conn = conn;
	out->op = op;
	out->head.type = types[op->kind];
	out->head.id = op->id;
	out->head.flags = op->flags & (FI_REMOTE_CQ_DATA | FI_DELIVERY_COMPLETE);
	out->head.data = op->entry.data;
	out->head.rma_cnt = op->rma_cnt;
	out->owned = op->copy;
	op->copy = NULL;
	memcpy(out->rma, op->rma, sizeof(out->rma));
	out_piece(out, out->rma, op->rma_cnt * sizeof(out->rma[0]));
	for (size_t i = 0; i < op->iov_cnt && op->kind != MOCK_READ; i++)
		out_piece(out, op->iov[i].iov_base, op->iov[i].iov_len);
	STAILQ_INSERT_TAIL(&conn->outs, out, link);
}

void mock_wire_answer(struct mock_conn *conn, uint64_t id, int status, void *body, size_t len)
{
	struct mock_out *out = mock_alloc(sizeof(*out));

	out->head.type = MOCK_ACK;
	out->head.id = id;
	out->head.status = status;
	out->owned = body;
	out_piece(out, body, len);
	if (conn->fd < 0)
		mock_out_free(out);
	else
		STAILQ_INSERT_TAIL(&conn->outs, out, link);
}

/* Finds the pieces of the next chunk.  Returns their number. */
static size_t chunk(const struct mock_out *out, struct iovec *iov, size_t *len)
{
	size_t skip = out->sent, room = MOCK_CHUNK, cnt = 0;

	for (size_t i = 0; i < out->iov_cnt && room; i++) {
		size_t part = out->iov[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		part = part < room ? part : room;
		iov[cnt++] = (struct iovec){(char *)out->iov[i].iov_base + skip, part};
		skip = 0;
		room -= part;
	}
	*len = MOCK_CHUNK - room;
	return cnt;
}

/* Writes a message.  Returns true once all of it is written, or false with errno as sendmsg(2)
 * set it. */
static bool out_write(struct mock_conn *conn, struct mock_out *out)
{
	struct iovec iov[MOCK_IOV_MAX + 2] = {{&out->head, sizeof(out->head)}};
	struct msghdr msg = {.msg_iov = iov};
	size_t len;

	do {
		out->head.off = out->sent;
		msg.msg_iovlen = 1 + chunk(out, iov + 1, &len);
		if (sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return false;
		out->sent += len;
	} while (out->sent < out->head.len);
	return true;
}

/* Frees a message that is written.  A send completes then, unless it asked for delivery. */
static void out_written(struct mock_out *out)
{
	struct mock_op *op = out->op;

	if (op && op->kind == MOCK_SEND && !(op->flags & FI_DELIVERY_COMPLETE))
		mock_op_finish(op, 0);
	mock_out_free(out);
}

/* Writes queued messages until the socket takes no more.  Returns false if the socket is
 * broken; a read reports that too, after the data that the peer still sent. */
static bool outs_write(struct mock_conn *conn)
{
	const bool was = conn->blocked;
	struct mock_out *out;
	int error = 0;

	mock_conn_try(conn);
	if (!conn->connected || conn->fd < 0)
		return true;
	while ((out = STAILQ_FIRST(&conn->outs)) && !error) {
		if (!out_write(conn, out)) {
			error = errno;
			continue;
		}
		STAILQ_REMOVE_HEAD(&conn->outs, link);
		out_written(out);
	}
	conn->blocked = error == EAGAIN || error == ENOBUFS || error == EINTR;
	if (was != conn->blocked)
		mock_conn_watch(conn);
	return !error || conn->blocked;
}

void mock_wire_flush(struct mock_conn *conn)
{
	bool alive = true;

	if (conn->fd < 0)
		return;
	mock_conn_hold(conn);
	if (!STAILQ_EMPTY(&conn->outs))
		alive = outs_write(conn);
	if (!conn->ep && (!alive || STAILQ_EMPTY(&conn->outs)))
		mock_conn_break(conn, FI_ECANCELED);
	mock_conn_release(conn);
}

/* -- in ------------------------------------------------------------------- */

static void took(struct mock_conn *conn, const struct mock_head *head, const void *chunk_data,
		 size_t len)
{
	struct mock_in *in = conn->in;

	if (!head->off) {
		free(in); /* an incomplete message of a peer endpoint that closed */
		in = mock_alloc(sizeof(*in) + head->len);
		in->head = *head;
		conn->in = in;
	}
	if (!in || in->got != head->off || len > in->head.len - in->got)
		mock_violation("a packet that makes no sense");
	memcpy(in->body + in->got, chunk_data, len);
	in->got += len;
	if (in->got < in->head.len)
		return;
	conn->in = NULL;
	in->conn = conn;
	mock_conn_hold(conn);
	mock_serve(in);
}

static void conn_read(struct mock_conn *conn)
{
	const size_t room = sizeof(struct mock_head) + MOCK_CHUNK;
	uint8_t *packet = conn->domain->packet;

	for (int i = 0; i < PACKETS && conn->fd >= 0; i++) {
		const ssize_t len = recv(conn->fd, packet, room, MSG_DONTWAIT);

		/* ECONNRESET: the peer closed without reading everything; the data that it
		 * sent follow */
		if (len < 0 && (errno == ECONNRESET || errno == EINTR))
			continue;
		if (len < 0)
			return;
		if (!len) {
			mock_conn_break(conn, FI_ECONNRESET);
			return;
		}
		if ((size_t)len < sizeof(struct mock_head))
			mock_violation("a packet of %zd bytes", len);
		took(conn, (struct mock_head *)packet, packet + sizeof(struct mock_head),
		     len - sizeof(struct mock_head));
	}
}

/* -- progress --------------------------------------------------------------- */

void mock_wire_flush_all(struct mock_domain *domain)
{
	struct mock_conn *conn, *next;

	for (conn = LIST_FIRST(&domain->conns); conn; conn = next) {
		next = LIST_NEXT(conn, link);
		mock_wire_flush(conn);
	}
}

static void read_all(struct mock_domain *domain)
{
	struct epoll_event events[EVENTS];
	const int cnt = epoll_wait(domain->epfd, events, EVENTS, 0);

	for (int i = 0; i < cnt; i++)
		mock_conn_hold(events[i].data.ptr);
	for (int i = 0; i < cnt; i++) {
		struct mock_conn *conn = events[i].data.ptr;

		if (conn->listening)
			mock_conn_accept(conn);
		else if (conn->ep && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			conn_read(conn);
	}
	for (int i = 0; i < cnt; i++)
		mock_conn_release(events[i].data.ptr);
}

void mock_progress(struct mock_domain *domain)
{
	struct mock_ep *ep;

	domain->pass++;
	mock_wire_flush_all(domain);
	read_all(domain);
	LIST_FOREACH (ep, &domain->eps, link)
		mock_serve_posted(ep);
	mock_serve_late(domain);
	mock_wire_flush_all(domain);
}

bool mock_restless(const struct mock_domain *domain)
{
	const struct mock_conn *conn;

	if (!STAILQ_EMPTY(&domain->late))
		return true;
	LIST_FOREACH (conn, &domain->conns, link)
		if (!STAILQ_EMPTY(&conn->outs) && !conn->blocked)
			return true;
	return false;
}
