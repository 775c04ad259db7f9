/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The local end of sessions: the half of an endpoint that has to do with peers.
 */
#ifndef SWITCH_LOCAL_H
#define SWITCH_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rdma/fabric.h>

#include "base/addr.h"
#include "core/core.h"
#include "switch_session.h"

struct switch_conn;
struct switch_events;
struct switch_local;
struct switch_pump;

/*
 * The operations of one type of endpoint: reliable datagrams (peer/rdm.c) or connected
 * endpoints (peer/cm.c).  All slots are required; the lock is held.
 */
struct switch_role {
	/* fi_enable: 0 or a negative errno. */
	int (*enable)(struct switch_local *local);
	/* Finds or opens the session to send by: 0 or a negative errno. */
	int (*sess)(struct switch_local *local, fi_addr_t fi_addr, struct sess **sess);
	/* The connection that exists already; NULL: none. */
	struct switch_conn *(*find)(const struct switch_local *local, fi_addr_t fi_addr);
	/* Where its paths begin, the port by which peers know it, and its name for paths to
	 * this peer: NULL, 0, NULL where it has none. */
	struct core_listener *(*listener)(const struct switch_local *local);
	uint16_t (*port)(const struct switch_local *local);
	const struct switch_addr *(*name_for)(const struct switch_local *local,
					      const struct switch_addr *peer);
	/* Callbacks of the pump (struct switch_front) for a connection of this endpoint. */
	void (*up)(struct switch_conn *conn);
	void (*bye)(struct switch_conn *conn);
	void (*down)(struct switch_conn *conn, int error);
	bool (*refused)(struct switch_conn *conn, const void *data, size_t len);
	void (*connect)(struct switch_conn *conn);
	/* Makes the connection unavailable for sends: the next one to this peer opens
	 * another. */
	void (*forget)(struct switch_conn *conn);
	/* The connection is about to be freed. */
	void (*gone)(struct switch_conn *conn);
	/* The endpoint is being closed: stops listening, and gives back what it has not
	 * used. */
	void (*close)(struct switch_local *local);
	/* The endpoint is closed: frees the role's memory. */
	void (*fini)(struct switch_local *local);
};

/* Where an endpoint is in its life. */
enum switch_life {
	SWITCH_OPEN,	/* objects are bound to it; waits for fi_enable */
	SWITCH_ENABLED, /* may send and receive; waits for fi_close */
	SWITCH_CLOSING, /* fi_close was called, and may have to be called again; events are not
			   reported any more */
};

/* Embedded in an endpoint, at the beginning of what its role adds.  The lock covers it. */
struct switch_local {
	const struct switch_role *role;
	struct switch_pump *pump;
	struct sess_ep *sess_ep;
	struct fid *fid;	      /* the endpoint, in events */
	struct switch_events *events; /* or NULL */
	struct fi_info *info;
	struct fi_info *core_info; /* the core's: where to listen, or to connect from */
	enum switch_life life;
	bool warned; /* the log has a warning of a peer that did not agree */
};

#endif
