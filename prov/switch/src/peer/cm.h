/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connected endpoints: one session, made by connecting or by accepting.
 */
#ifndef SWITCH_CM_H
#define SWITCH_CM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"
#include "peer/local.h"

struct switch_conn;
struct switch_connreq;
struct switch_passive;

/* A connected endpoint connects or accepts once in its life. */
enum switch_msg_state {
	SWITCH_MSG_FRESH, /* waits for fi_connect or fi_accept */
	SWITCH_MSG_TRIED, /* connects, is connected, or failed to */
	SWITCH_MSG_ENDED, /* FI_SHUTDOWN was told */
};

struct switch_msg {
	struct switch_local local; /* first */
	struct switch_conn *conn;
	struct switch_connreq *connreq; /* to be accepted */
	struct core_listener *origin;	/* of a passive endpoint, whose address it takes over */
	enum switch_msg_state state;
};

extern const struct switch_role switch_msg_role;

/* fi_connect, fi_accept and fi_shutdown: 0 or a negative errno.  The caller
 * performs the engine's actions. */
int switch_msg_connect(struct switch_msg *msg, const void *addr, size_t addr_len, const void *param,
		       size_t paramlen);
int switch_msg_accept(struct switch_msg *msg, const void *param, size_t paramlen);
int switch_msg_shutdown(struct switch_msg *msg);
/* The endpoint takes over the address of a passive one of the same fabric
 * (info->handle). */
int switch_msg_take_address(struct switch_msg *msg, struct switch_passive *passive);

#endif
