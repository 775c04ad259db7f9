/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reliable datagram endpoints: a session with each peer, opened by the first
 * send to it or by its first to us, found by address.  Crossing connects are
 * settled by the engine's rule.  The domain's lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/domain.h"
#include "api/ep.h"
#include "base/addr.h"
#include "base/switch.h"
#include "core/core.h"
#include "discover/info.h"
#include "peer/conn.h"
#include "peer/rdm.h"
#include "peer/source.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

/* What a refusal carries: why.  The peer of a crossing connect must not give
 * up, for our own connection to it goes on. */
static const uint8_t refusal_crossing[] = {'O', 'F', 'S', 'W', 1};
static const uint8_t refusal_closing[] = {'O', 'F', 'S', 'W', 2};

bool switch_refusal_is_crossing(const void *data, size_t len)
{
	return len >= sizeof(refusal_crossing) &&
	       !memcmp(data, refusal_crossing, sizeof(refusal_crossing));
}

/* -- connections by address -------------------------------------------------------- */

/* Room for an entry by fi_addr. */
static int conns_reserve(struct switch_ep *ep, fi_addr_t fi_addr)
{
	size_t cnt = ep->conn_cnt ? ep->conn_cnt : 16;
	struct switch_conn **conns;

	if (fi_addr < ep->conn_cnt)
		return 0;
	while (cnt <= fi_addr)
		cnt *= 2;
	conns = realloc(ep->conns, cnt * sizeof(*conns));
	if (!conns)
		return -FI_ENOMEM;
	memset(conns + ep->conn_cnt, 0, (cnt - ep->conn_cnt) * sizeof(*conns));
	ep->conns = conns;
	ep->conn_cnt = cnt;
	return 0;
}

static void conn_set_unnamed(struct switch_conn *conn)
{
	conn->is_unnamed = true;
	LIST_INSERT_HEAD(&conn->ep->unnamed, conn, unnamed);
}

void switch_rdm_forget_conn(struct switch_conn *conn)
{
	struct switch_ep *ep = conn->ep;

	if (conn->is_unnamed) {
		LIST_REMOVE(conn, unnamed);
		conn->is_unnamed = false;
	}
	if (ep && ep->type == FI_EP_RDM && conn->fi_addr < ep->conn_cnt &&
	    ep->conns[conn->fi_addr] == conn)
		ep->conns[conn->fi_addr] = NULL;
}

static struct switch_conn *find_unnamed(struct switch_ep *ep, const struct switch_addr *addr)
{
	struct switch_conn *conn;

	LIST_FOREACH (conn, &ep->unnamed, unnamed)
		if (switch_addr_equal(&conn->addr, addr))
			return conn;
	return NULL;
}

/* A peer that was in no address vector is there now. */
static int conn_name(struct switch_conn *conn, fi_addr_t fi_addr)
{
	int ret = conns_reserve(conn->ep, fi_addr);

	if (ret)
		return ret;
	switch_rdm_forget_conn(conn);
	conn->fi_addr = fi_addr;
	conn->ep->conns[fi_addr] = conn;
	sess_set_source(conn->link.sess, fi_addr);
	switch_source_forget(conn);
	return 0;
}

void switch_ep_av_inserted(struct switch_ep *ep, fi_addr_t fi_addr)
{
	const struct switch_addr *addr = switch_av_get(ep->av, fi_addr);
	struct switch_conn *conn = addr ? find_unnamed(ep, addr) : NULL;

	if (conn && conn_name(conn, fi_addr))
		SW_WARN(AV, "no memory to name a peer that is connected\n");
}

void switch_ep_av_removed(struct switch_ep *ep, fi_addr_t fi_addr)
{
	struct switch_conn *conn = fi_addr < ep->conn_cnt ? ep->conns[fi_addr] : NULL;

	if (!conn)
		return;
	ep->conns[fi_addr] = NULL;
	conn->fi_addr = FI_ADDR_NOTAVAIL;
	sess_set_source(conn->link.sess, switch_source_key(conn));
	conn_set_unnamed(conn);
}

/* -- opening ------------------------------------------------------------------------- */

static bool is_own_address(const struct switch_ep *ep, const struct switch_addr *addr)
{
	return switch_addr_equal(&ep->name, addr);
}

static int rdm_open(struct switch_ep *ep, fi_addr_t fi_addr, const struct switch_addr *addr,
		    struct switch_conn **out)
{
	struct switch_conn *conn = switch_conn_create(ep, fi_addr);
	int ret;

	if (!conn)
		return -FI_ENOMEM;
	memcpy(&conn->addr, addr, offsetof(struct switch_addr, bytes) + addr->len);
	if (is_own_address(ep, addr)) {
		ret = sess_connect_self(ep->sess_ep, &conn->link, fi_addr, &conn->link.sess);
	} else {
		ret = sess_connect(ep->sess_ep, conn->link.core->sess, &conn->link, fi_addr, &conn->link.sess);
		if (!ret)
			ret = switch_conn_open_path(conn, addr->bytes, addr->len, NULL, 0);
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	ep->conns[fi_addr] = conn;
	*out = conn;
	return 0;
}

fi_addr_t switch_rdm_first(const struct switch_ep *ep, fi_addr_t fi_addr)
{
	const struct switch_addr *addr;
	fi_addr_t first;

	if (fi_addr < ep->conn_cnt && ep->conns[fi_addr])
		return fi_addr; /* connections are of the first only */
	addr = switch_av_get(ep->av, fi_addr);
	first = addr ? switch_av_find(ep->av, addr->bytes, addr->len) : FI_ADDR_NOTAVAIL;
	return first == FI_ADDR_NOTAVAIL ? fi_addr : first;
}

int switch_rdm_sess(struct switch_ep *ep, fi_addr_t fi_addr, struct sess **sess)
{
	const struct switch_addr *addr;
	struct switch_conn *conn;
	int ret;

	conn = fi_addr < ep->conn_cnt ? ep->conns[fi_addr] : NULL;
	if (!conn) {
		addr = switch_av_get(ep->av, fi_addr);
		if (!addr)
			return -FI_EINVAL;
		fi_addr = switch_rdm_first(ep, fi_addr);
		if (fi_addr < ep->conn_cnt && ep->conns[fi_addr]) {
			*sess = ep->conns[fi_addr]->link.sess;
			return 0;
		}
		ret = conns_reserve(ep, fi_addr);
		if (ret)
			return ret;
		conn = find_unnamed(ep, addr);
		ret = conn ? conn_name(conn, fi_addr) : rdm_open(ep, fi_addr, addr, &conn);
		if (ret)
			return ret;
	}
	*sess = conn->link.sess;
	return 0;
}

/* -- being connected to ----------------------------------------------------------------- */

/* The peer's name: what the core says, or else its IP address as the core saw it,
 * and its listener's port. */
static int peer_name(const struct switch_ep *ep, const struct core_event *event,
		     const struct sess_request *request, struct switch_addr *name)
{
	int ret = switch_addr_set(ep->info->addr_format, event->addr, event->addr_len, name);

	if (ret || ep->domain->pump.core.caps->addr_is_name)
		return ret;
	if (!switch_addr_port(name))
		return FI_EADDRNOTAVAIL;
	switch_addr_set_port(name, request->port);
	return 0;
}

static struct switch_conn *find_maker(struct switch_ep *ep, const struct sess_request *request)
{
	struct switch_link *link;

	LIST_FOREACH (link, &ep->domain->pump.links, entry) {
		struct switch_conn *conn = switch_conn_of(link);

		if (conn->ep == ep && !conn->link.down &&
		    sess_made_request(conn->link.sess, request))
			return conn;
	}
	return NULL;
}

static void refuse(struct switch_ep *ep, struct core_event *event, const uint8_t *why, size_t len)
{
	ep->domain->pump.core.ops->reject(event->request, why, len);
	event->request = NULL;
}

/* The request of one of our own sessions, whose peer is this endpoint; or of
 * somebody who says so. */
static void meet_self(struct switch_ep *ep, struct core_event *event,
		      const struct sess_request *request)
{
	struct switch_conn *conn = find_maker(ep, request);

	refuse(ep, event, refusal_closing, sizeof(refusal_closing));
	if (!conn)
		return;
	sess_adopt_self(conn->link.sess);
	switch_link_drop_path(&conn->link);
}

static void accept_new(struct switch_ep *ep, struct core_event *event,
		       const struct sess_request *request, const struct switch_addr *name)
{
	fi_addr_t fi_addr = switch_av_find(ep->av, name->bytes, name->len);
	struct core_request *core_request = event->request;
	struct switch_conn *conn = switch_conn_create(ep, fi_addr);

	if (conn)
		conn->addr = *name;
	if (!conn ||
	    sess_accept(ep->sess_ep, conn->link.core->sess, request, &conn->link, switch_source_key(conn),
			&conn->link.sess) ||
	    (fi_addr != FI_ADDR_NOTAVAIL && conns_reserve(ep, fi_addr))) {
		SW_WARN(EP_CTRL, "no memory for a peer that connects\n");
		refuse(ep, event, refusal_closing, sizeof(refusal_closing));
		if (conn)
			switch_link_end(&conn->link);
		return;
	}
	event->request = NULL;
	if (switch_conn_accept_path(conn, core_request, NULL, 0)) {
		switch_link_end(&conn->link);
		return;
	}
	if (fi_addr == FI_ADDR_NOTAVAIL)
		conn_set_unnamed(conn);
	else
		ep->conns[fi_addr] = conn;
}

/* Our attempt gives way to the peer's. */
static void adopt(struct switch_conn *conn, struct core_event *event,
		  const struct sess_request *request)
{
	struct core_request *core_request = event->request;
	int ret;

	event->request = NULL;
	switch_link_drop_path(&conn->link);
	sess_adopt(conn->link.sess, request);
	ret = switch_conn_accept_path(conn, core_request, NULL, 0);
	if (ret)
		sess_path_down(sess_link(conn->link.sess), -ret);
}

static struct switch_conn *find_peer(struct switch_ep *ep, const struct switch_addr *name)
{
	fi_addr_t fi_addr = switch_av_find(ep->av, name->bytes, name->len);

	if (fi_addr < ep->conn_cnt && ep->conns[fi_addr])
		return ep->conns[fi_addr];
	return find_unnamed(ep, name);
}

void switch_rdm_request(struct switch_pump *pump, struct core_event *event)
{
	struct switch_ep *ep = event->user;
	struct sess_request request;
	struct switch_addr name;
	struct switch_conn *conn;

	(void)pump;
	if (sess_request_parse(event->data, event->len, &request) ||
	    peer_name(ep, event, &request, &name)) {
		switch_conn_stranger(&ep->told_misfit);
		refuse(ep, event, NULL, 0);
		return;
	}
	if (sess_ep_is_self(ep->sess_ep, &request)) {
		meet_self(ep, event, &request);
		return;
	}
	conn = find_peer(ep, &name);
	if (ep->closing &&
	    (!conn || sess_crossing(conn->link.sess, &request) != SESS_CROSS_ADOPT)) {
		refuse(ep, event, refusal_closing, sizeof(refusal_closing));
		return;
	}
	if (!conn) {
		accept_new(ep, event, &request, &name);
		return;
	}
	switch (sess_crossing(conn->link.sess, &request)) {
	case SESS_CROSS_REFUSE:
		refuse(ep, event, refusal_crossing, sizeof(refusal_crossing));
		break;
	case SESS_CROSS_ADOPT:
		adopt(conn, event, &request);
		break;
	case SESS_CROSS_RENEW:
		switch_rdm_forget_conn(conn);
		sess_abort(conn->link.sess, FI_ECONNRESET);
		accept_new(ep, event, &request, &name);
		break;
	case SESS_CROSS_SELF: /* taken care of above */
		break;
	}
}

/* -- enabling ---------------------------------------------------------------------------- */

int switch_rdm_enable(struct switch_ep *ep)
{
	struct switch_domain *domain = ep->domain;
	uint8_t name[CORE_ADDR_MAX];
	size_t len = sizeof(name);
	int ret;

	ret = domain->pump.core.ops->listen(domain->pump.core.domain, ep->core_info, ep,
					    &ep->listener);
	if (ret) {
		SW_WARN(EP_CTRL, "the core cannot listen: %s\n", fi_strerror(-ret));
		return ret;
	}
	ret = domain->pump.core.ops->listener_name(ep->listener, name, &len);
	if (!ret)
		ret = -switch_addr_set(ep->info->addr_format, name, len, &ep->name);
	ep->everywhere =
		!ret && switch_addr_is_any(ep->info->addr_format, ep->name.bytes, ep->name.len);
	if (ep->everywhere)
		ret = switch_core_own_addr(domain->fabric, &ep->name);
	if (ret) {
		domain->pump.core.ops->listener_close(ep->listener);
		ep->listener = NULL;
		return ret;
	}
	sess_ep_set_name(ep->sess_ep, ep->name.bytes, ep->name.len);
	return 0;
}
