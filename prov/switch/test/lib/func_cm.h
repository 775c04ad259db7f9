/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: connections between endpoints that have them, and their events.
 */
#ifndef FUNC_CM_H
#define FUNC_CM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rdma/fabric.h>

#include "lib/func_check.h"
#include "lib/func_node.h"

/* Opens a passive endpoint (FI_EP_MSG) that listens. */
void func_listen(struct func_node *node, const struct func_conf *conf);
/* Accepts the connection request that came with info, which node then owns. node may be the
 * listener, or a further node that uses the listener's objects.  FI_CONNECTED is still to
 * come. */
void func_accept(struct func_node *node, struct func_node *listener, struct fi_info *info,
		 const void *param, size_t len);
/* Connects the active side.  FI_CONNECTED is still to come. */
void func_connect(struct func_node *node, const struct func_conf *conf,
		  const struct func_addr *dest, const void *param, size_t len);

/* An event or an error read from an event queue. */
struct func_event {
	uint32_t type;
	ssize_t len; /* result of the read: length of the entry */
	int err;     /* errno of an error event, else 0 */
	size_t data_len;
	char data[512]; /* connection data, or error data */
	fid_t fid;
	struct fi_info *info;
};
#define func_event(node, event) func_event_at(__FILE__, __LINE__, node, event)
void func_event_at(const char *file, int line, struct func_node *node, struct func_event *event);
/* The next event must be of this type and no error. */
#define FUNC_EVENT(node, event, want)                                                              \
	do {                                                                                       \
		func_event(node, event);                                                           \
		if ((event)->err)                                                                  \
			func_fail(__FILE__, __LINE__, "error event %d (%s), not %s", (event)->err, \
				  fi_strerror((event)->err), #want);                               \
		FUNC_EQ((event)->type, want);                                                      \
	} while (0)

#endif
