/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The role of connected endpoints: one session, made by connecting or by accepting, and the
 * events that tell the application of it.  Its own bytes travel behind our preamble and are
 * handed out without it.  The lock is held.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "core/core.h"
#include "peer/cm.h"
#include "peer/conn.h"
#include "peer/data.h"
#include "peer/local.h"
#include "peer/passive.h"
#include "progress/events.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

static struct switch_msg *msg_of(struct switch_local *local)
{
	return container_of(local, struct switch_msg, local);
}

/* True if no more events are reported: FI_SHUTDOWN was, or the endpoint is being closed. */
static bool is_mute(const struct switch_msg *msg)
{
	return msg->state == SWITCH_MSG_ENDED || msg->local.life == SWITCH_CLOSING;
}

/* -- events ------------------------------------------------------------------------ */

static void push_cm_event(struct switch_events *eq, uint32_t event, fid_t fid, struct fi_info *info,
			  const void *data, size_t len)
{
	struct fi_eq_cm_entry *entry = calloc(1, sizeof(*entry) + len);
	int ret = -FI_ENOMEM;

	if (entry) {
		entry->fid = fid;
		entry->info = info;
		if (len)
			memcpy(entry->data, data, len);
		ret = switch_events_push(eq, event, entry, sizeof(*entry) + len);
		free(entry);
	}
	if (ret) {
		SW_WARN(EQ, "an event is lost: %s\n", fi_strerror(-ret));
		fi_freeinfo(info);
	}
}

static void msg_up(struct switch_conn *conn)
{
	struct switch_msg *msg = msg_of(conn->local);

	if (!is_mute(msg))
		push_cm_event(msg->local.events, FI_CONNECTED, msg->local.fid, NULL, conn->cm_data,
			      conn->cm_data_len);
}

static void msg_bye(struct switch_conn *conn)
{
	struct switch_msg *msg = msg_of(conn->local);

	if (is_mute(msg))
		return;
	msg->state = SWITCH_MSG_ENDED;
	sess_ep_end(msg->local.sess_ep, FI_ESHUTDOWN);
	push_cm_event(msg->local.events, FI_SHUTDOWN, msg->local.fid, NULL, NULL, 0);
}

static void failed(struct switch_conn *conn, int error)
{
	struct switch_msg *msg = msg_of(conn->local);

	sess_ep_end(msg->local.sess_ep, error ? error : FI_ECONNABORTED);
	if (is_mute(msg))
		return;
	if (switch_events_push_error(msg->local.events, msg->local.fid, msg->local.fid->context,
				     error ? error : FI_ECONNABORTED, error, conn->cm_data,
				     conn->cm_data_len))
		SW_WARN(EQ, "no memory to tell that a connection failed\n");
}

static void msg_down(struct switch_conn *conn, int error)
{
	if (conn->link.was_up)
		msg_bye(conn);
	else
		failed(conn, error);
}

/* -- the address of a passive endpoint ------------------------------------------------- */

static void return_address(struct switch_msg *msg, bool taken)
{
	if (!msg->origin)
		return;
	msg->local.core_info->handle = NULL;
	msg->local.pump->core.ops->passive_return(msg->origin, taken);
	msg->origin = NULL;
}

int switch_msg_take_address(struct switch_msg *msg, struct switch_passive *passive)
{
	struct fi_info *info = msg->local.info, *core_info = msg->local.core_info;
	uint8_t addr[CORE_ADDR_MAX];
	size_t len = sizeof(addr);
	struct fid *handle;
	int ret;

	ret = passive->core_ops->listener_name(passive->listener, addr, &len);
	if (!ret)
		ret = switch_info_set_addr(&info->src_addr, &info->src_addrlen, addr, len);
	if (!ret)
		ret = switch_info_set_addr(&core_info->src_addr, &core_info->src_addrlen, addr,
					   len);
	if (ret)
		return ret;
	handle = passive->core_ops->passive_lend(passive->listener);
	if (!handle)
		return -FI_EBUSY;
	msg->origin = passive->listener;
	core_info->handle = handle;
	return 0;
}

/* -- connecting ---------------------------------------------------------------------- */

int switch_msg_connect(struct switch_msg *msg, const void *addr, size_t addr_len, const void *param,
		       size_t paramlen)
{
	struct switch_conn *conn;
	int ret;

	if (msg->local.life == SWITCH_OPEN || msg->state != SWITCH_MSG_FRESH || msg->connreq)
		return -FI_EOPBADSTATE;
	conn = switch_conn_create(&msg->local, FI_ADDR_NOTAVAIL);
	if (!conn)
		return -FI_ENOMEM;
	ret = sess_connect(msg->local.sess_ep, conn->link.core->sess, &conn->link, SESS_SOURCE_ANY,
			   &conn->link.sess);
	if (!ret) {
		ret = switch_conn_open_path(conn, addr, addr_len, param, paramlen);
		return_address(msg, true); /* the path uses it now, or has given it up */
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	msg->conn = conn;
	msg->state = SWITCH_MSG_TRIED;
	return 0;
}

int switch_msg_accept(struct switch_msg *msg, const void *param, size_t paramlen)
{
	struct switch_connreq *connreq = msg->connreq;
	struct core_request *request;
	struct switch_conn *conn;
	int ret;

	if (msg->local.life == SWITCH_OPEN || msg->conn || !connreq)
		return -FI_EOPBADSTATE;
	if (paramlen >
	    switch_data_size(msg->local.pump->core.caps->cm_data_size) - SESS_PREAMBLE_LEN)
		return -FI_EINVAL;
	conn = switch_conn_create(&msg->local, FI_ADDR_NOTAVAIL);
	if (!conn)
		return -FI_ENOMEM;
	ret = sess_accept(msg->local.sess_ep, conn->link.core->sess, &connreq->preamble,
			  &conn->link, SESS_SOURCE_ANY, &conn->link.sess);
	if (!ret) {
		request = connreq->request;
		msg->connreq = NULL;
		free(connreq);
		ret = switch_conn_accept_path(conn, request, param, paramlen);
	}
	if (ret) {
		switch_link_end(&conn->link);
		return ret;
	}
	msg->conn = conn;
	msg->state = SWITCH_MSG_TRIED;
	return 0;
}

int switch_msg_shutdown(struct switch_msg *msg)
{
	if (!msg->conn)
		return is_mute(msg) ? 0 : -FI_ENOTCONN;
	sess_ep_end(msg->local.sess_ep, FI_ESHUTDOWN);
	sess_close(msg->conn->link.sess);
	switch_pump_wake(msg->local.pump);
	switch_pump_submitted(msg->local.pump);
	return 0;
}

/* -- the role -------------------------------------------------------------------------- */

/* Nothing to do: the session begins when the endpoint connects or accepts. */
static int msg_enable(struct switch_local *local)
{
	(void)local;
	return 0;
}

static int msg_sess(struct switch_local *local, fi_addr_t fi_addr, struct sess **sess)
{
	const struct switch_conn *conn = msg_of(local)->conn;

	(void)fi_addr;
	if (!conn)
		return -FI_ENOTCONN;
	*sess = conn->link.sess;
	return 0;
}

static struct switch_conn *msg_find(const struct switch_local *local, fi_addr_t fi_addr)
{
	(void)fi_addr;
	return container_of(local, struct switch_msg, local)->conn;
}

/* A connected endpoint does not listen. */
static struct core_listener *msg_listener(const struct switch_local *local)
{
	(void)local;
	return NULL;
}

static uint16_t msg_port(const struct switch_local *local)
{
	(void)local;
	return 0;
}

static const struct switch_addr *msg_name_for(const struct switch_local *local,
					      const struct switch_addr *peer)
{
	(void)local, (void)peer;
	return NULL;
}

/* Never asked: no listener tells a connected endpoint to try again. */
static void msg_connect_again(struct switch_conn *conn)
{
	sess_path_down(sess_link(conn->link.sess), FI_ECONNREFUSED);
}

/* Whatever the refusal says, the connection has failed. */
static bool msg_refused(struct switch_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data, (void)len;
	return false;
}

/* A connected endpoint has one connection in its life, and keeps it until it is freed. */
static void msg_forget(struct switch_conn *conn)
{
	(void)conn;
}

static void msg_gone(struct switch_conn *conn)
{
	struct switch_msg *msg = msg_of(conn->local);

	if (msg->conn == conn)
		msg->conn = NULL;
}

/* The endpoint may hold an address or a request that it has not used. */
static void msg_close(struct switch_local *local)
{
	struct switch_msg *msg = msg_of(local);

	return_address(msg, false);
	if (!msg->connreq)
		return;
	msg->connreq->core_ops->reject(msg->connreq->request, NULL, 0);
	free(msg->connreq);
	msg->connreq = NULL;
}

static void msg_fini(struct switch_local *local)
{
	(void)local;
}

const struct switch_role switch_msg_role = {
	.enable = msg_enable,
	.sess = msg_sess,
	.find = msg_find,
	.listener = msg_listener,
	.port = msg_port,
	.name_for = msg_name_for,
	.up = msg_up,
	.bye = msg_bye,
	.down = msg_down,
	.refused = msg_refused,
	.connect = msg_connect_again,
	.forget = msg_forget,
	.gone = msg_gone,
	.close = msg_close,
	.fini = msg_fini,
};
