/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A session and the core path under it: how the path comes and goes, and what
 * core and engine have to say about it.  What that means to the application
 * is in peer/rdm.c and peer/cm.c.  The domain's lock is held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/ep.h"
#include "base/addr.h"
#include "base/switch.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/rdm.h"
#include "peer/source.h"
#include "progress/link.h"
#include "switch_session.h"

struct switch_conn *switch_conn_create(struct switch_ep *ep, fi_addr_t fi_addr)
{
	struct switch_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->domain = ep->domain;
	conn->ep = ep;
	conn->fi_addr = fi_addr;
	switch_link_init(&conn->link, &ep->domain->pump);
	return conn;
}

/* Our preamble, then the application's bytes.  Returns the length, or a
 * negative errno where the core does not carry so much. */
static ssize_t cm_data(const struct switch_conn *conn, const void *data, size_t len, uint8_t *buf,
		       size_t size)
{
	const struct switch_ep *ep = conn->ep;
	uint16_t port = 0;

	if (len > size - SESS_PREAMBLE_LEN)
		return -FI_EINVAL;
	if (ep->type == FI_EP_RDM)
		port = switch_addr_port(&ep->name);
	sess_preamble(sess_link(conn->link.sess), port, buf);
	if (len)
		memcpy(buf + SESS_PREAMBLE_LEN, data, len);
	return (ssize_t)(SESS_PREAMBLE_LEN + len);
}

/* An endpoint that listens on every interface connects from the address that is its
 * name, by which peers know it, and not from the one that the route would have.  It has
 * no name for peers of the other family, and one of this link alone is none for others. */
static bool name_is_for(const struct switch_ep *ep, const struct switch_addr *peer)
{
	const enum switch_reach reach = switch_addr_reach(&ep->name);

	return ep->everywhere && switch_addr_same_family(&ep->name, peer) &&
	       (reach == SWITCH_REACH_NET || reach == switch_addr_reach(peer));
}

/* The two ends of a path, as the core is told them. */
struct ends {
	struct switch_addr peer, source;
};

/* Of socket addresses.  0, or a negative errno: there is no path from here to there. */
static int find_ends(const struct switch_ep *ep, const void *addr, size_t addr_len,
		     struct ends *ends)
{
	const uint32_t format = ep->info->addr_format;
	const struct fi_info *info = ep->core_info;
	bool bound;

	if (switch_addr_set(format, addr, addr_len, &ends->peer))
		return -FI_EINVAL;
	bound = !switch_addr_set(format, info->src_addr, info->src_addrlen, &ends->source);
	if (switch_addr_localize(bound ? &ends->source : NULL, &ends->peer)) {
		SW_WARN(EP_CTRL, "cannot connect: a link-local address without a scope id\n");
		return -FI_EADDRNOTAVAIL;
	}
	if (name_is_for(ep, &ends->peer)) {
		ends->source = ep->name;
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

int switch_conn_open_path(struct switch_conn *conn, const void *addr, size_t addr_len,
			  const void *data, size_t len)
{
	struct switch_domain *domain = conn->domain;
	struct fi_info info = *conn->ep->core_info;
	struct ends ends;
	uint8_t buf[SWITCH_CM_DATA_MAX];
	ssize_t buf_len =
		cm_data(conn, data, len, buf, switch_cm_size(domain->pump.core.caps->cm_data_size));
	int ret;

	if (buf_len < 0)
		return (int)buf_len;
	if (switch_addr_is_socket(conn->ep->info->addr_format) &&
	    !domain->pump.core.caps->addr_is_name) {
		ret = find_ends(conn->ep, addr, addr_len, &ends);
		if (ret)
			return ret;
		info.src_addr = ends.source.len ? ends.source.bytes : NULL;
		info.src_addrlen = ends.source.len;
		addr = ends.peer.bytes;
		addr_len = ends.peer.len;
	}
	return switch_link_connect(&conn->link, conn->ep->listener, &info, addr, addr_len, buf,
				   (size_t)buf_len);
}

int switch_conn_accept_path(struct switch_conn *conn, struct core_request *request,
			    const void *data, size_t len)
{
	struct switch_domain *domain = conn->domain;
	uint8_t buf[SWITCH_CM_DATA_MAX];
	ssize_t buf_len =
		cm_data(conn, data, len, buf, switch_cm_size(domain->pump.core.caps->cm_data_size));

	if (buf_len < 0) {
		domain->pump.core.ops->reject(request, NULL, 0);
		return (int)buf_len;
	}
	return switch_link_accept(&conn->link, request, buf, (size_t)buf_len);
}

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

void switch_conn_stranger(bool *told)
{
	if (!*told)
		SW_WARN(EP_CTRL, "refused a peer that is no switch, or over another kind "
				 "of core: its request has no preamble\n");
	*told = true;
}

/* Two that do not agree, or a peer that is broken, are not what happens every day: the
 * first of them that an endpoint meets is a warning. */
static void log_end(const struct switch_conn *conn, int error)
{
	const bool misfit = error == EPROTO || (conn->link.met && !conn->link.was_up);

	if (misfit && conn->ep && !conn->ep->told_misfit) {
		SW_WARN(EP_CTRL, "session %#x ended: %s (%s)\n", conn->link.session_id,
			sess_reason(conn->link.sess), fi_strerror(error));
		conn->ep->told_misfit = true;
		return;
	}
	SW_INFO(EP_CTRL, "session %#x ended: %s (%s)\n", conn->link.session_id,
		sess_reason(conn->link.sess), fi_strerror(error));
}

/* -- what the pump tells ------------------------------------------------------------ */

int switch_conn_data(struct switch_link *link, const void *data, size_t len)
{
	return -keep_cm_data(switch_conn_of(link), data, len);
}

bool switch_conn_refused(struct switch_link *link, const void *data, size_t len)
{
	struct switch_conn *conn = switch_conn_of(link);

	/* The peer's own connection is on its way, and wins. */
	if (conn->ep && conn->ep->type == FI_EP_RDM && switch_refusal_is_crossing(data, len))
		return true;
	if (keep_cm_data(conn, data, len))
		SW_WARN(EP_CTRL, "no memory for the data of a refusal\n");
	return false;
}

void switch_conn_up(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (conn->ep && conn->ep->type == FI_EP_MSG)
		switch_msg_connected(conn);
}

void switch_conn_bye(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	switch_rdm_forget_conn(conn);
	if (conn->ep && conn->ep->type == FI_EP_MSG)
		switch_msg_shutdown(conn);
}

void switch_conn_down(struct switch_link *link, int error)
{
	struct switch_conn *conn = switch_conn_of(link);

	if (error)
		log_end(conn, error);
	switch_rdm_forget_conn(conn);
	if (conn->ep && conn->ep->type == FI_EP_MSG) {
		if (link->was_up)
			switch_msg_shutdown(conn);
		else
			switch_msg_failed(conn, error);
	}
}

void switch_conn_gone(struct switch_link *link)
{
	struct switch_conn *conn = switch_conn_of(link);

	switch_rdm_forget_conn(conn);
	if (conn->ep && conn->ep->conn == conn)
		conn->ep->conn = NULL;
	switch_source_forget(conn);
	free(conn->cm_data);
	free(conn);
}
