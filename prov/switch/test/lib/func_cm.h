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

/* MSG: a passive endpoint that listens. */
void func_listen(struct func_node *node, const struct func_conf *conf);
/* Accepts the request that came with info (then node's).  node may be the
 * listener or a further node that borrows from it.  FI_CONNECTED is still to
 * come. */
void func_accept(struct func_node *node, struct func_node *listener, struct fi_info *info,
		 const void *param, size_t len);
/* The same on the other side. */
void func_connect(struct func_node *node, const struct func_conf *conf,
		  const struct func_addr *dest, const void *param, size_t len);

/* An event of an event queue, or an error. */
struct func_event {
	uint32_t type;
	ssize_t len; /* what the read returned */
	int err;     /* of an error event, else 0 */
	size_t data_len;
	char data[512]; /* of the connection or the error */
	fid_t fid;
	struct fi_info *info;
};
#define func_event(node, event) func_event_at(__FILE__, __LINE__, node, event)
void func_event_at(const char *file, int line, struct func_node *node, struct func_event *event);
/* The next event must be of this type; without error. */
#define FUNC_EVENT(node, event, want)                                                              \
	do {                                                                                       \
		func_event(node, event);                                                           \
		if ((event)->err)                                                                  \
			func_fail(__FILE__, __LINE__, "error event %d (%s), not %s", (event)->err, \
				  fi_strerror((event)->err), #want);                               \
		FUNC_EQ((event)->type, want);                                                      \
	} while (0)

#endif
