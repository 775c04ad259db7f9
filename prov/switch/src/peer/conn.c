/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connections to peers: opens their paths, and passes the callbacks of the pump to the role of
 * the endpoint.  Called by the roles and by the pump.  The lock is held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/compat.h"
#include "base/os.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/conn.h"
#include "peer/data.h"
#include "peer/local.h"
#include "peer/source.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

_Static_assert(SWITCH_ADDR_MAX == CORE_ADDR_MAX, "an address of a core fits");
_Static_assert(SWITCH_SOCKADDR_IP == CORE_SOCKADDR_IP, "as cores call it");

struct switch_conn *switch_conn_create(struct switch_local *local, fi_addr_t fi_addr)
{
	struct switch_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->local = local;
	conn->fi_addr = fi_addr;
	switch_random(&conn->nonce, sizeof(conn->nonce));
	switch_link_init(&conn->link, local->pump);
	return conn;
}

/* The addresses of both ends of a path, as the core gets them. */
struct ends {
	struct switch_addr peer, source;
};

/* Finds both ends of a path between socket addresses. 0, or a negative errno if no path
 * can lead from here to there. */
static int find_ends(const struct switch_local *local, const void *addr, size_t addr_len,
		     struct ends *ends)
{
	const uint32_t format = local->info->addr_format;
	const struct fi_info *info = local->core_info;
	const struct switch_addr *name;
	bool bound;

	if (switch_addr_set(format, addr, addr_len, &ends->peer))
		return -FI_EINVAL;
	bound = !switch_addr_set(format, info->src_addr, info->src_addrlen, &ends->source);
	if (switch_addr_localize(bound ? &ends->source : NULL, &ends->peer)) {
		SW_WARN(EP_CTRL, "cannot connect: a link-local address without a scope id\n");
		return -FI_EADDRNOTAVAIL;
	}
	name = local->role->name_for(local, &ends->peer);
	if (name) {
		ends->source = *name;
		switch_addr_set_port(&ends->source, 0);
		return 0;
	}
	if (!bound)
		ends->source.len = 0; /* the core chooses */
	if (!bound || switch_addr_same_family(&ends->source, &ends->peer))
		return 0;
	if (!switch_addr_is_any(format, ends->source.bytes, ends->source.len)) {
		SW_WARN(EP_CTRL, "cannot connect: IPv4 and IPv6 do not reach each other\n");
		return -FI_EADDRNOTAVAIL;
	}
	switch_addr_set_any(&ends->peer, &ends->source);
	return 0;
}

/* Writes the connection data.  Returns the length, or a negative errno where the core does
 * not carry so much. */
static ssize_t write_data(const struct switch_conn *conn, const void *data, size_t len,
			  uint8_t *buf)
{
	const struct switch_local *local = conn->local;

	return switch_data_write(conn->link.sess, local->role->port(local), data, len, buf,
				 switch_data_size(conn->link.core->caps->cm_data_size));
}

int switch_conn_open_path(struct switch_conn *conn, const void *addr, size_t addr_len,
			  const void *data, size_t len)
{
	const struct switch_local *local = conn->local;
	struct fi_info info = *local->core_info;
	struct ends ends;
	uint8_t buf[SWITCH_CM_DATA_MAX];
	ssize_t buf_len = write_data(conn, data, len, buf);
	int ret;

	if (buf_len < 0)
		return (int)buf_len;
	if (switch_addr_is_socket(local->info->addr_format) &&
	    !conn->link.core->caps->addr_is_name) {
		ret = find_ends(local, addr, addr_len, &ends);
		if (ret)
			return ret;
		info.src_addr = ends.source.len ? ends.source.bytes : NULL;
		info.src_addrlen = ends.source.len;
		addr = ends.peer.bytes;
		addr_len = ends.peer.len;
	}
	return switch_link_connect(&conn->link, local->role->listener(local), &info, addr, addr_len,
				   buf, (size_t)buf_len);
}

int switch_conn_accept_path(struct switch_conn *conn, struct core_request *request,
			    const void *data, size_t len)
{
	uint8_t buf[SWITCH_CM_DATA_MAX];
	ssize_t buf_len = write_data(conn, data, len, buf);

	if (buf_len < 0) {
		conn->link.core->ops->reject(request, NULL, 0);
		return (int)buf_len;
	}
	return switch_link_accept(&conn->link, request, buf, (size_t)buf_len);
}

void switch_conn_leave(struct switch_local *local)
{
	struct switch_link *link;

	LIST_FOREACH (link, &local->pump->links, entry) {
		struct switch_conn *conn = switch_conn_of(link);

		if (conn->local != local)
			continue;
		local->role->forget(conn);
		conn->local = NULL;
	}
}

/* -- callbacks of the pump ------------------------------------------------------------ */

static int keep_cm_data(struct switch_conn *conn, const void *data, size_t len)
{
	if (!len)
		return 0;
	conn->cm_data = malloc(len);
	if (!conn->cm_data)
		return -FI_ENOMEM;
	memcpy(conn->cm_data, data, len);
	conn->cm_data_len = len;
	return 0;
}

int switch_conn_data(struct switch_link *link, const void *data, size_t len)
{
	return -keep_cm_data(switch_conn_of(link), data, len);
}

bool switch_conn_refused(struct switch_link *link, const void *data, size_t len)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->local && conn->local->role->refused(conn, data, len))
		return true;
	if (keep_cm_data(conn, data, len))
		SW_WARN(EP_CTRL, "no memory for the data of a refusal\n");
	return false;
}

void switch_conn_connect(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->local)
		conn->local->role->connect(conn);
	else
		sess_path_down(sess_link(link->sess), FI_ECONNREFUSED);
}

void switch_conn_up(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->local)
		conn->local->role->up(conn);
}

void switch_conn_bye(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->local)
		conn->local->role->bye(conn);
}

/* Warns of the first peer of an endpoint that breaks the protocol or does not agree in the
 * hello; all other ends are logged as information. */
static void log_end(const struct switch_conn *conn, int error)
{
	const bool misfit = error == EPROTO || (conn->link.met && !conn->link.was_up);

	if (misfit && conn->local && !conn->local->warned) {
		SW_WARN(EP_CTRL, "session %#x ended: %s (%s)\n", conn->link.session_id,
			sess_reason(conn->link.sess), fi_strerror(error));
		conn->local->warned = true;
		return;
	}
	SW_INFO(EP_CTRL, "session %#x ended: %s (%s)\n", conn->link.session_id,
		sess_reason(conn->link.sess), fi_strerror(error));
}

void switch_conn_down(struct switch_link *link, int error)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (error)
		log_end(conn, error);
	if (conn->local)
		conn->local->role->down(conn, error);
}

void switch_conn_gone(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->local)
		conn->local->role->gone(conn);
	switch_unknown_release(conn->unknown);
	free(conn->cm_data);
	free(conn);
}
