/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opens paths: a REQUEST to an address, answered by ACCEPT or REJECT.  Called through
 * core_rdm_ops and for frames that came, under the domain's lock.  A frame counts
 * only if it repeats the path's secret.
 */
#include <stdlib.h>
#include <string.h>

#include "core/common/addr.h"
#include "core/common/log.h"
#include "core/common/secret.h"
#include "core/rdm/domain.h"
#include "core/rdm/frame.h"
#include "core/rdm/listener.h"
#include "core/rdm/path.h"
#include "core/rdm/peer.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

/* Sends REQUEST or ACCEPT, which carry the id and secret of the path and where it begins. */
static int first_frame_send(struct core_path *path, struct core_rdm_frame *frame, const char *what)
{
	int ret;

	frame->from = path->id;
	frame->secret = path->secret;
	frame->name = path->port->name;
	frame->name_len = path->port->name_len;
	ret = core_rdm_frame_send(path->port, path->peer, path, frame);
	return ret ? core_failed(what, ret) : 0;
}

int core_rdm_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path)
{
	struct core_port *port = from ? from->port : NULL;
	struct core_rdm_frame frame = {.type = CORE_RDM_REQUEST, .data = data, .data_len = len};
	struct core_path *p;
	int ret = 0;

	if (len > CORE_RDM_CM_DATA || addr_len > CORE_ADDR_MAX)
		return -FI_EINVAL;
	if (port)
		core_rdm_port_get(port);
	else
		ret = core_rdm_port_share(domain, info, &port);
	if (!ret)
		ret = core_rdm_path_create(port, addr, addr_len, user, &p);
	if (ret)
		return ret;
	ret = core_secret_draw(&p->secret, sizeof(p->secret));
	if (!ret)
		ret = first_frame_send(p, &frame, "asking for a connection");
	if (ret) {
		core_rdm_path_free(p);
		return ret;
	}
	*path = p;
	return 0;
}

/* An info for a port of this domain on the host that was asked (where addresses name hosts),
 * to accept a request that came to a port of another domain.  info and addr: storage. */
static const struct fi_info *sibling_info(const struct core_domain *domain,
					  const struct fi_info *asked, struct fi_info *info,
					  uint8_t addr[CORE_ADDR_MAX])
{
	memcpy(addr, asked->src_addr, asked->src_addrlen);
	if (!core_addr_port_clear(addr, asked->src_addrlen))
		return domain->info;
	*info = *asked;
	info->src_addr = addr;
	return info;
}

int core_rdm_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path)
{
	struct core_rdm_frame frame = {
		.type = CORE_RDM_ACCEPT,
		.to = request->peer_id,
		.data = data,
		.data_len = len,
	};
	struct core_port *port = request->port;
	struct fi_info info;
	uint8_t addr[CORE_ADDR_MAX];
	struct core_path *p;
	int ret = len > CORE_RDM_CM_DATA ? -FI_EINVAL : 0;

	if (ret)
		goto fail;
	if (port->domain == domain)
		core_rdm_port_get(port);
	else
		ret = core_rdm_port_share(domain, sibling_info(domain, request->info, &info, addr),
					  &port);
	if (!ret)
		ret = core_rdm_path_create(port, request->name, request->name_len, user, &p);
	if (ret)
		goto fail;
	p->peer_id = request->peer_id;
	p->secret = request->secret;
	ret = first_frame_send(p, &frame, "accepting a connection");
	if (ret) {
		core_rdm_path_free(p);
		goto fail;
	}
	core_rdm_request_answered(request);
	*path = p;
	return 0;

fail:
	core_rdm_reject(request, NULL, 0);
	return ret;
}

/* The side that accepts is up once the core has taken its answer, which nothing overtakes. */
void core_rdm_path_sent(struct core_path *path)
{
	if (path->base.state != CORE_PATH_CONNECTING || !path->peer_id)
		return;
	path->base.state = CORE_PATH_UP;
	core_rdm_due_add(path, CORE_RDM_DUE_CONNECTED);
}

/* -- frames that came ---------------------------------------------------------------- */

/* Copies the connection data of an answer. */
static int keep_data(struct core_path *path, const struct core_rdm_frame *frame)
{
	if (!frame->data_len)
		return 0;
	path->data = malloc(frame->data_len);
	if (!path->data)
		return -FI_ENOMEM;
	memcpy(path->data, frame->data, frame->data_len);
	path->data_len = frame->data_len;
	return 0;
}

/* The peer may accept at another port than the one that was asked. */
static int move_to(struct core_path *path, const struct core_rdm_frame *frame)
{
	struct core_peer *peer;
	int ret = core_rdm_peer_get(path->domain, frame->name, frame->name_len, &peer);

	if (ret)
		return ret;
	core_rdm_peer_put(path->domain, path->peer);
	path->peer = peer;
	path->base.addr = peer->addr;
	return 0;
}

static void accepted(struct core_path *path, const struct core_rdm_frame *frame)
{
	int ret;

	if (path->base.state != CORE_PATH_CONNECTING || path->peer_id || !frame->from)
		return;
	path->peer_id = frame->from;
	ret = move_to(path, frame);
	if (!ret)
		ret = keep_data(path, frame);
	if (ret) {
		core_rdm_path_notify(path,
				     CORE_RDM_CLOSE); /* the peer thinks that it is connected */
		core_rdm_path_fail(path, -ret);
		return;
	}
	path->base.state = CORE_PATH_UP;
	core_rdm_due_add(path, CORE_RDM_DUE_CONNECTED);
}

static void rejected(struct core_path *path, const struct core_rdm_frame *frame)
{
	if (path->base.state != CORE_PATH_CONNECTING || path->peer_id)
		return;
	if (keep_data(path, frame))
		core_failed("data of a refusal", -FI_ENOMEM);
	core_rdm_path_fail(path, FI_ECONNREFUSED);
}

/* Tells a peer that has accepted a path which we closed before. */
static void turn_away(struct core_port *port, const struct core_rdm_frame *frame)
{
	const struct core_rdm_frame answer = {
		.type = CORE_RDM_CLOSE,
		.to = frame->from,
		.secret = frame->secret,
	};

	core_rdm_frame_answer(port, frame->name, frame->name_len, &answer);
}

void core_rdm_path_frame(struct core_port *port, const struct core_rdm_frame *frame)
{
	struct core_path *path;

	HASH_FIND(hh, port->domain->by_id, &frame->to, sizeof(frame->to), path);
	if (path && path->secret != frame->secret)
		path = NULL;
	if (!path) {
		if (frame->type == CORE_RDM_ACCEPT)
			turn_away(port, frame);
		return;
	}
	switch (frame->type) {
	case CORE_RDM_ACCEPT:
		accepted(path, frame);
		break;
	case CORE_RDM_REJECT:
		rejected(path, frame);
		break;
	case CORE_RDM_CLOSE:
		core_rdm_path_fail(path, 0);
		break;
	default:
		break;
	}
}
