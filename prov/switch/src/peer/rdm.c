/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reliable datagram endpoints: a session with each peer, opened by the first
 * send to it or by its first to us, found by address.  The engine's rule settles crossing
 * connects; a request in the name of a peer that this endpoint connects to itself is a claim
 * (peer/claim.c).  The domain's lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/claim.h"
#include "peer/conn.h"
#include "peer/data.h"
#include "peer/local.h"
#include "peer/names.h"
#include "peer/rdm.h"
#include "peer/source.h"
#include "progress/core.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

static struct switch_rdm *rdm_of(struct switch_local *local)
{
	return container_of(local, struct switch_rdm, local);
}

/* -- connections by address -------------------------------------------------------- */

/* Makes room for a connection at this index. */
static int conns_reserve(struct switch_rdm *rdm, fi_addr_t fi_addr)
{
	size_t cnt = rdm->conn_cnt ? rdm->conn_cnt : 16;
	struct switch_conn **conns;

	if (fi_addr < rdm->conn_cnt)
		return 0;
	while (cnt <= fi_addr)
		cnt *= 2;
	conns = realloc(rdm->conns, cnt * sizeof(*conns));
	if (!conns)
		return -FI_ENOMEM;
	memset(conns + rdm->conn_cnt, 0, (cnt - rdm->conn_cnt) * sizeof(*conns));
	rdm->conns = conns;
	rdm->conn_cnt = cnt;
	return 0;
}

static void conn_set_unnamed(struct switch_conn *conn)
{
	conn->is_unnamed = true;
	LIST_INSERT_HEAD(&rdm_of(conn->local)->unnamed, conn, unnamed);
}

/* From here on the peer's name finds this connection; there is room for it. */
static void hold_name(struct switch_conn *conn)
{
	if (conn->fi_addr == FI_ADDR_NOTAVAIL)
		conn_set_unnamed(conn);
	else
		rdm_of(conn->local)->conns[conn->fi_addr] = conn;
}

static void rdm_forget(struct switch_conn *conn)
{
	struct switch_rdm *rdm = rdm_of(conn->local);

	if (conn->is_unnamed) {
		LIST_REMOVE(conn, unnamed);
		conn->is_unnamed = false;
	}
	if (conn->fi_addr < rdm->conn_cnt && rdm->conns[conn->fi_addr] == conn)
		rdm->conns[conn->fi_addr] = NULL;
}

static struct switch_conn *find_unnamed(struct switch_rdm *rdm, const struct switch_addr *addr)
{
	struct switch_conn *conn;

	LIST_FOREACH (conn, &rdm->unnamed, unnamed)
		if (switch_addr_equal(&conn->addr, addr))
			return conn;
	return NULL;
}

/* Names a connection whose peer has been inserted into the address vector. */
static int conn_name(struct switch_conn *conn, fi_addr_t fi_addr)
{
	struct switch_rdm *rdm = rdm_of(conn->local);
	int ret = conns_reserve(rdm, fi_addr);

	if (ret)
		return ret;
	rdm_forget(conn);
	conn->fi_addr = fi_addr;
	rdm->conns[fi_addr] = conn;
	sess_set_source(conn->link.sess, fi_addr);
	switch_unknown_release(conn->unknown);
	conn->unknown = NULL;
	return 0;
}

/* The engine's key for a peer that is in no address vector. */
static uint64_t unknown_key(struct switch_rdm *rdm, const struct switch_addr *addr,
			    struct switch_unknown **unknown)
{
	return rdm->source_err ? switch_source_key(rdm->sources, addr, unknown) : SESS_SOURCE_ANY;
}

/* The engine's key for the peer of a conn. */
static uint64_t source_key(struct switch_rdm *rdm, struct switch_conn *conn)
{
	if (conn->fi_addr != FI_ADDR_NOTAVAIL)
		return conn->fi_addr;
	return unknown_key(rdm, &conn->addr, &conn->unknown);
}

/* Takes the name from a connection whose peer is in no address vector, or not any more. */
static void conn_unname(struct switch_conn *conn)
{
	rdm_forget(conn);
	conn->fi_addr = FI_ADDR_NOTAVAIL;
	sess_set_source(conn->link.sess, source_key(rdm_of(conn->local), conn));
	conn_set_unnamed(conn);
}

/* Another connection has the name: nothing that comes over this one is the peer's. */
static void conn_lose_name(struct switch_conn *conn)
{
	rdm_forget(conn);
	conn->fi_addr = FI_ADDR_NOTAVAIL;
	sess_set_source(conn->link.sess, SESS_SOURCE_ANY);
}

void switch_rdm_named(struct switch_rdm *rdm, fi_addr_t fi_addr)
{
	const struct switch_addr *addr = switch_names_get(rdm->names, fi_addr);
	struct switch_conn *conn = addr ? find_unnamed(rdm, addr) : NULL;

	if (conn && conn_name(conn, fi_addr))
		SW_WARN(AV, "no memory to name a peer that is connected\n");
}

void switch_rdm_unnamed(struct switch_rdm *rdm, fi_addr_t fi_addr, const struct switch_addr *addr,
			fi_addr_t twin)
{
	struct switch_conn *conn = fi_addr < rdm->conn_cnt ? rdm->conns[fi_addr] : NULL;
	struct switch_unknown *unknown = NULL;
	uint64_t source = twin;

	if (twin == FI_ADDR_NOTAVAIL)
		source = unknown_key(rdm, addr, &unknown);
	sess_ep_rename_source(rdm->local.sess_ep, fi_addr, source);
	switch_unknown_release(unknown);
	if (conn)
		conn_unname(conn);
}

/* -- opening ------------------------------------------------------------------------- */

static bool is_own_address(const struct switch_rdm *rdm, const struct switch_addr *addr)
{
	return switch_addr_equal(&rdm->name, addr);
}

/* Asks the peer for a connection. */
static int request_path(struct switch_conn *conn)
{
	return switch_conn_open_path(conn, conn->addr.bytes, conn->addr.len, &conn->nonce,
				     sizeof(conn->nonce));
}

static int rdm_open(struct switch_rdm *rdm, fi_addr_t fi_addr, const struct switch_addr *addr,
		    struct switch_conn **out)
{
	struct switch_conn *conn = switch_conn_create(&rdm->local, fi_addr);
	int ret;

	if (!conn)
		return -FI_ENOMEM;
	memcpy(&conn->addr, addr, offsetof(struct switch_addr, bytes) + addr->len);
	if (is_own_address(rdm, addr)) {
		ret = sess_connect_self(rdm->local.sess_ep, &conn->link, fi_addr, &conn->link.sess);
	} else {
		ret = sess_connect(rdm->local.sess_ep, conn->link.core->sess, &conn->link, fi_addr,
				   &conn->link.sess);
		if (!ret)
			ret = request_path(conn);
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	conn->is_sure = true;
	rdm->conns[fi_addr] = conn;
	*out = conn;
	return 0;
}

fi_addr_t switch_rdm_first(const struct switch_rdm *rdm, fi_addr_t fi_addr)
{
	const struct switch_addr *addr;
	fi_addr_t first;

	if (fi_addr < rdm->conn_cnt && rdm->conns[fi_addr])
		return fi_addr; /* only the first entry has a connection */
	addr = switch_names_get(rdm->names, fi_addr);
	first = addr ? switch_names_find(rdm->names, addr->bytes, addr->len) : FI_ADDR_NOTAVAIL;
	return first == FI_ADDR_NOTAVAIL ? fi_addr : first;
}

static int rdm_sess(struct switch_local *local, fi_addr_t fi_addr, struct sess **sess)
{
	struct switch_rdm *rdm = rdm_of(local);
	const struct switch_addr *addr;
	struct switch_conn *conn;
	int ret;

	conn = fi_addr < rdm->conn_cnt ? rdm->conns[fi_addr] : NULL;
	if (!conn) {
		addr = switch_names_get(rdm->names, fi_addr);
		if (!addr)
			return -FI_EINVAL;
		fi_addr = switch_rdm_first(rdm, fi_addr);
		if (fi_addr < rdm->conn_cnt && rdm->conns[fi_addr]) {
			*sess = rdm->conns[fi_addr]->link.sess;
			return 0;
		}
		ret = conns_reserve(rdm, fi_addr);
		if (ret)
			return ret;
		conn = find_unnamed(rdm, addr);
		ret = conn ? conn_name(conn, fi_addr) : rdm_open(rdm, fi_addr, addr, &conn);
		if (ret)
			return ret;
	}
	*sess = conn->link.sess;
	return 0;
}

/* -- being connected to ----------------------------------------------------------------- */

/* The peer's name: what the core says, or else its IP address as the core saw it,
 * and its listener's port. */
static int peer_name(const struct switch_rdm *rdm, const struct core_event *event,
		     const struct sess_request *request, struct switch_addr *name)
{
	int ret = switch_addr_set(rdm->local.info->addr_format, event->addr, event->addr_len, name);

	if (ret || rdm->local.pump->core.caps->addr_is_name)
		return ret;
	if (!switch_addr_port(name))
		return FI_EADDRNOTAVAIL;
	switch_addr_set_port(name, request->port);
	return 0;
}

static struct switch_conn *find_maker(struct switch_rdm *rdm, const struct sess_request *request)
{
	struct switch_link *link;

	LIST_FOREACH (link, &rdm->local.pump->links, entry) {
		struct switch_conn *conn = switch_conn_of(link);

		if (conn->local == &rdm->local && !conn->link.down &&
		    sess_made_request(conn->link.sess, request))
			return conn;
	}
	return NULL;
}

/* ours: of CROSSING, the nonce of our own request, which goes on. */
static void refuse(struct switch_rdm *rdm, struct core_event *event, enum switch_refusal why,
		   const struct switch_nonce *ours)
{
	switch_claim_reject(rdm->local.pump, event->request, why, ours);
	event->request = NULL;
}

/* Handles a request that claims to come from this endpoint: it does if one of our sessions
 * made it.  Anybody can make the claim, so other such requests are refused without effect. */
static void meet_self(struct switch_rdm *rdm, struct core_event *event,
		      const struct sess_request *request)
{
	struct switch_conn *conn = find_maker(rdm, request);

	refuse(rdm, event, SWITCH_REFUSAL_CLOSING, NULL);
	if (!conn)
		return;
	sess_adopt_self(conn->link.sess);
	switch_link_drop_path(&conn->link);
}

/* named: no other connection has this name, so that this one gets it. */
static void accept_new(struct switch_rdm *rdm, struct core_event *event,
		       const struct sess_request *request, const struct switch_addr *name,
		       bool named)
{
	fi_addr_t fi_addr =
		named ? switch_names_find(rdm->names, name->bytes, name->len) : FI_ADDR_NOTAVAIL;
	struct core_request *core_request = event->request;
	struct switch_conn *conn = switch_conn_create(&rdm->local, fi_addr);

	if (conn)
		conn->addr = *name;
	if (!conn ||
	    sess_accept(rdm->local.sess_ep, conn->link.core->sess, request, &conn->link,
			named ? source_key(rdm, conn) : SESS_SOURCE_ANY, &conn->link.sess) ||
	    (fi_addr != FI_ADDR_NOTAVAIL && conns_reserve(rdm, fi_addr))) {
		SW_WARN(EP_CTRL, "no memory for a peer that connects\n");
		refuse(rdm, event, SWITCH_REFUSAL_CLOSING, NULL);
		if (conn)
			switch_link_end(&conn->link);
		return;
	}
	event->request = NULL;
	if (switch_conn_accept_path(conn, core_request, NULL, 0)) {
		switch_link_end(&conn->link);
		return;
	}
	if (named)
		hold_name(conn);
}

/* -- requests ------------------------------------------------------------------------------ */

/*
 * The peer's own connection goes on, but the peer speaks another version of the protocol and
 * does not say which request that is.  Ours fails, and the request that waits, or comes now, is
 * let in as if it had come after that: the hello then tells both sides that their versions
 * differ.
 */
static void yield_to_misfit(struct switch_conn *conn)
{
	struct switch_rdm *rdm = rdm_of(conn->local);
	struct core_event event = {.request = conn->claim};

	if (!rdm->local.warned)
		SW_WARN(EP_CTRL, "refused by a peer that speaks another version of the protocol: "
				 "no common protocol version\n");
	rdm->local.warned = true;
	rdm_forget(conn);
	if (!conn->claim || rdm->local.life == SWITCH_CLOSING)
		return;
	conn->claim = NULL;
	accept_new(rdm, &event, &conn->claimant, &conn->addr, true);
}

static bool rdm_refused(struct switch_conn *conn, const void *data, size_t len)
{
	struct switch_proof winner;

	switch (switch_refusal_read(data, len, &winner)) {
	case SWITCH_REFUSAL_CROSSING:
		switch_claim_yield(conn, &winner);
		return true;
	case SWITCH_REFUSAL_AGAIN:
		sess_retry(conn->link.sess);
		return true;
	case SWITCH_REFUSAL_VERSION:
		yield_to_misfit(conn);
		break;
	case SWITCH_REFUSAL_CLOSING:
	case SWITCH_REFUSAL_NONE:
		break;
	}
	return false;
}

static void rdm_connect(struct switch_conn *conn)
{
	int ret;

	if (conn->link.path)
		return;
	ret = request_path(conn);
	if (ret)
		sess_path_down(sess_link(conn->link.sess), -ret);
}

static struct switch_conn *find_peer(struct switch_rdm *rdm, const struct switch_addr *name)
{
	fi_addr_t fi_addr = switch_names_find(rdm->names, name->bytes, name->len);

	if (fi_addr < rdm->conn_cnt && rdm->conns[fi_addr])
		return rdm->conns[fi_addr];
	return find_unnamed(rdm, name);
}

/* Whether a name is this endpoint's own, at any of the interfaces that it listens on. */
static bool is_own_name(const struct switch_rdm *rdm, const struct switch_addr *name)
{
	return is_own_address(rdm, name) ||
	       (rdm->everywhere && switch_addr_port(name) == switch_addr_port(&rdm->name) &&
		switch_addr_is_here(name));
}

/* The session that has this name is given up only when the core says that its path is
 * broken; over cores that do not tell, at once, or a peer that was started again would never
 * be let in. */
static void renew(struct switch_conn *conn, struct core_event *event,
		  const struct sess_request *request, const struct switch_addr *name)
{
	struct switch_rdm *rdm = rdm_of(conn->local);

	if (rdm->local.pump->core.caps->tells_end) {
		sess_probe(conn->link.sess);
		refuse(rdm, event, SWITCH_REFUSAL_AGAIN, NULL);
		return;
	}
	rdm_forget(conn);
	sess_abort(conn->link.sess, FI_ECONNRESET);
	accept_new(rdm, event, request, name, true);
}

void switch_rdm_request(struct switch_pump *pump, struct core_event *event)
{
	struct switch_rdm *rdm = event->user;
	struct sess_request request;
	struct switch_addr name;
	struct switch_conn *conn;

	(void)pump;
	if (sess_request_parse(event->data, event->len, &request) ||
	    peer_name(rdm, event, &request, &name)) {
		switch_refusal_warn(&rdm->local.warned);
		refuse(rdm, event, SWITCH_REFUSAL_NONE, NULL);
		return;
	}
	if (sess_ep_is_self(rdm->local.sess_ep, &request)) {
		meet_self(rdm, event, &request);
		return;
	}
	if (is_own_name(rdm, &name)) {
		refuse(rdm, event, SWITCH_REFUSAL_NONE, NULL);
		return;
	}
	conn = find_peer(rdm, &name);
	if (rdm->local.life == SWITCH_CLOSING &&
	    (!conn || sess_crossing(conn->link.sess, &request) != SESS_CROSS_ADOPT)) {
		refuse(rdm, event, SWITCH_REFUSAL_CLOSING, NULL);
		return;
	}
	if (!conn) {
		accept_new(rdm, event, &request, &name, true);
		return;
	}
	switch (sess_crossing(conn->link.sess, &request)) {
	case SESS_CROSS_REFUSE:
		refuse(rdm, event, SWITCH_REFUSAL_CROSSING, &conn->nonce);
		break;
	case SESS_CROSS_LATE:
		refuse(rdm, event, SWITCH_REFUSAL_AGAIN, NULL);
		break;
	case SESS_CROSS_ADOPT:
		switch_claim_make(conn, event, &request);
		break;
	case SESS_CROSS_RENEW:
		renew(conn, event, &request, &name);
		break;
	case SESS_CROSS_BESIDE:
		if (conn->is_sure)
			refuse(rdm, event, SWITCH_REFUSAL_AGAIN, NULL);
		else
			accept_new(rdm, event, &request, &name, false);
		break;
	case SESS_CROSS_SELF: /* sess_ep_is_self() has excluded it */
		break;
	}
}

/* -- enabling ---------------------------------------------------------------------------- */

static int rdm_enable(struct switch_local *local)
{
	struct switch_rdm *rdm = rdm_of(local);
	const struct switch_core *core = &local->pump->core;
	uint8_t name[CORE_ADDR_MAX];
	size_t len = sizeof(name);
	int ret;

	ret = core->ops->listen(core->domain, local->core_info, rdm, &rdm->listener);
	if (ret) {
		SW_WARN(EP_CTRL, "the core cannot listen: %s\n", fi_strerror(-ret));
		return ret;
	}
	ret = core->ops->listener_name(rdm->listener, name, &len);
	if (!ret)
		ret = -switch_addr_set(local->info->addr_format, name, len, &rdm->name);
	rdm->everywhere = !ret && switch_addr_is_any(local->info->addr_format, rdm->name.bytes,
						     rdm->name.len);
	if (rdm->everywhere)
		ret = rdm->own_addr(local, &rdm->name);
	if (ret) {
		core->ops->listener_close(rdm->listener);
		rdm->listener = NULL;
		return ret;
	}
	sess_ep_set_name(local->sess_ep, rdm->name.bytes, rdm->name.len);
	return 0;
}

/* -- the role ------------------------------------------------------------------------------ */

static struct switch_conn *rdm_find(const struct switch_local *local, fi_addr_t fi_addr)
{
	const struct switch_rdm *rdm = container_of(local, struct switch_rdm, local);

	return fi_addr < rdm->conn_cnt ? rdm->conns[fi_addr] : NULL;
}

static struct core_listener *rdm_listener(const struct switch_local *local)
{
	return container_of(local, struct switch_rdm, local)->listener;
}

static uint16_t rdm_port(const struct switch_local *local)
{
	return switch_addr_port(&container_of(local, struct switch_rdm, local)->name);
}

/* An endpoint that listens on every interface connects from the address that is its
 * name, by which peers know it, and not from the one that the route would have.  It has
 * no name for peers of the other family, and one of this link alone is none for others. */
static const struct switch_addr *rdm_name_for(const struct switch_local *local,
					      const struct switch_addr *peer)
{
	const struct switch_rdm *rdm = container_of(local, struct switch_rdm, local);
	const enum switch_reach reach = switch_addr_reach(&rdm->name);

	return rdm->everywhere && switch_addr_same_family(&rdm->name, peer) &&
			       (reach == SWITCH_REACH_NET || reach == switch_addr_reach(peer))
		       ? &rdm->name
		       : NULL;
}

/* The first session of a name that comes up has it, unless we connect to the name.  The name
 * may have come into the address vector since the peer connected, or left it. */
static void rdm_up(struct switch_conn *conn)
{
	struct switch_rdm *rdm = rdm_of(conn->local);
	struct switch_conn *holder = find_peer(rdm, &conn->addr);
	fi_addr_t fi_addr;

	switch_claim_drop(conn);
	if (holder == conn)
		return;
	if (holder && (holder->is_sure || sess_is_up(holder->link.sess))) {
		conn_lose_name(conn);
		sess_abort(conn->link.sess, FI_ECONNREFUSED);
		return;
	}
	if (holder) {
		/* what was to be sent to the peer, who did not open that session */
		sess_move_sends(holder->link.sess, conn->link.sess);
		conn_lose_name(holder);
	}
	fi_addr = switch_names_find(rdm->names, conn->addr.bytes, conn->addr.len);
	if (fi_addr == FI_ADDR_NOTAVAIL)
		conn_unname(conn);
	else if (conn_name(conn, fi_addr))
		sess_abort(conn->link.sess, FI_ENOMEM);
}

/* The endpoint closes, or the connection is about to be freed. */
static void rdm_leave(struct switch_conn *conn)
{
	switch_claim_drop(conn);
	rdm_forget(conn);
}

static void rdm_down(struct switch_conn *conn, int error)
{
	(void)error;
	rdm_leave(conn);
}

static void rdm_close(struct switch_local *local)
{
	struct switch_rdm *rdm = rdm_of(local);

	if (rdm->listener)
		local->pump->core.ops->listener_close(rdm->listener);
	rdm->listener = NULL;
}

static void rdm_fini(struct switch_local *local)
{
	free(rdm_of(local)->conns);
}

const struct switch_role switch_rdm_role = {
	.enable = rdm_enable,
	.sess = rdm_sess,
	.find = rdm_find,
	.listener = rdm_listener,
	.port = rdm_port,
	.name_for = rdm_name_for,
	.up = rdm_up,
	.bye = rdm_forget,
	.down = rdm_down,
	.refused = rdm_refused,
	.connect = rdm_connect,
	.forget = rdm_leave,
	.gone = rdm_leave,
	.close = rdm_close,
	.fini = rdm_fini,
};
