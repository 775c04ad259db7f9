/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events of core_ops.poll, built and released in the same way by both adapters.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/common/domain.h"
#include "core/common/path.h"
#include "core/common/rx.h"

/* A message of len bytes that lies in this buffer.  Sets the named fields only: clearing the rest
 * takes longer than receiving a small message may take. */
static inline void core_event_recv(struct core_event *event, struct core_rx *rx, const void *data,
				   size_t len)
{
	rx->ctx.kind = CORE_KIND_NONE;
	event->type = CORE_RECV;
	event->data = data;
	event->len = len;
	event->token = rx;
}

/* An operation of the path finished; sets the named fields only. */
static inline void core_event_done(struct core_event *event, struct core_path *path,
				   struct core_io *io, int error)
{
	event->type = CORE_DONE;
	event->error = error;
	event->path = path;
	event->user = core_path_base_of(path)->user;
	event->io = io;
	event->token = NULL;
}

/* A path was connected, refused, broken or closed, with the connection data that came with it (len
 * 0: none). */
static inline void core_event_path(struct core_event *event, enum core_event_type type,
				   struct core_path *path, int error, const void *data, size_t len)
{
	*event = (struct core_event){
		.type = type,
		.error = error,
		.path = path,
		.user = core_path_base_of(path)->user,
		.data = len ? data : NULL,
		.len = len,
	};
}

/* core_ops.release: posts the buffer of a message again, or hands a request to
 * request_release. */
static inline void core_event_release(struct core_domain_base *base, struct core_event *event,
				      void (*request_release)(struct core_request *request))
{
	if (!event->token)
		return;
	if (event->type == CORE_RECV)
		core_rx_post(base, event->token);
	else
		request_release(event->token);
	event->token = NULL;
}

#endif
