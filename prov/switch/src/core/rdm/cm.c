/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Paths of the adapter for connectionless cores: opened by a REQUEST to an
 * address, answered by ACCEPT or REJECT, given up by CLOSE.  Called through
 * core_rdm_ops and by the other core_rdm files under the domain's lock.  What a frame
 * says counts only if it repeats the path's secret.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/rdm/rdm.h"

/* -- making and freeing -------------------------------------------------------- */

static uint32_t path_id(struct core_domain *domain)
{
	struct core_path *other;
	uint32_t id;

	do {
		id = domain->next_id++;
		HASH_FIND(hh, domain->by_id, &id, sizeof(id), other);
	} while (!id || other);
	return id;
}

/* Takes over a reference to the port, even if it fails. */
static int path_create(struct core_port *port, const void *name, size_t name_len, void *user,
		       struct core_path **path)
{
	struct core_domain *domain = port->domain;
	struct core_path *p = calloc(1, sizeof(*p));
	int ret = p ? core_rdm_peer_get(domain, name, name_len, &p->peer)
		    : core_failed("path", -FI_ENOMEM);

	if (ret) {
		free(p);
		core_rdm_port_put(port);
		return ret;
	}
	p->domain = domain;
	p->port = port;
	p->user = user;
	p->id = path_id(domain);
	p->state = CORE_RDM_CONNECTING;
	p->name_len = name_len;
	memcpy(p->name, name, name_len);
	p->line.ep = port->ep;
	p->line.addr = p->peer->addr;
	p->line.tx = &port->tx;
	TAILQ_INIT(&p->line.outs);
	LIST_INSERT_HEAD(&domain->paths, p, link);
	HASH_ADD(hh, domain->by_id, id, sizeof(p->id), p);
	if (!p->hh.tbl) {
		p->id = 0;
		core_rdm_path_free(p);
		return core_failed("path", -FI_ENOMEM);
	}
	*path = p;
	return 0;
}

static void path_unlist(struct core_path *path)
{
	if (path->id)
		HASH_DEL(path->domain->by_id, path);
	path->id = 0;
}

void core_rdm_path_free(struct core_path *path)
{
	struct core_domain *domain = path->domain;

	if (path->tell)
		TAILQ_REMOVE(&domain->due, path, due_link);
	path_unlist(path);
	LIST_REMOVE(path, link);
	core_rdm_peer_put(domain, path->peer);
	core_rdm_port_put(path->port);
	free(path->data);
	free(path);
}

void core_rdm_path_tell(struct core_path *path, unsigned what)
{
	if (!path->tell)
		TAILQ_INSERT_TAIL(&path->domain->due, path, due_link);
	path->tell |= what;
}

/* -- opening --------------------------------------------------------------------- */

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
		ret = path_create(port, addr, addr_len, user, &p);
	if (ret)
		return ret;
	if (getrandom(&p->secret, sizeof(p->secret), 0) != sizeof(p->secret)) {
		ret = core_failed("getrandom", -errno);
		goto fail;
	}
	frame.from = p->id;
	frame.secret = p->secret;
	frame.name = port->name;
	frame.name_len = port->name_len;
	ret = core_rdm_frame_send(port, p->peer, p, &frame);
	if (ret) {
		core_failed("asking for a connection", ret);
		goto fail;
	}
	*path = p;
	return 0;

fail:
	core_rdm_path_free(p);
	return ret;
}

/* For a port of this domain, beside that of another's which was asked: at the same host,
 * where names are those of hosts.  info and addr: storage. */
static const struct fi_info *near_info(const struct core_domain *domain,
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
		.secret = request->secret,
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
		ret = core_rdm_port_share(domain, near_info(domain, request->info, &info, addr),
					  &port);
	if (!ret)
		ret = path_create(port, request->name, request->name_len, user, &p);
	if (ret)
		goto fail;
	p->peer_id = request->peer_id;
	p->secret = request->secret;
	frame.from = p->id;
	frame.name = port->name;
	frame.name_len = port->name_len;
	ret = core_rdm_frame_send(port, p->peer, p, &frame);
	if (ret) {
		core_failed("accepting a connection", ret);
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

/* The acceptor's side is up once its answer is on the way: nothing overtakes it. */
void core_rdm_path_sent(struct core_path *path)
{
	if (path->state != CORE_RDM_CONNECTING || !path->peer_id)
		return;
	path->state = CORE_RDM_UP;
	core_rdm_path_tell(path, CORE_RDM_TELL_CONNECTED);
}

/* -- ending ------------------------------------------------------------------------ */

void core_rdm_path_fail(struct core_path *path, int error)
{
	switch (path->state) {
	case CORE_RDM_CONNECTING:
		path->error = error ? error : FI_ECONNREFUSED;
		core_rdm_path_tell(path, CORE_RDM_TELL_REFUSED);
		break;
	case CORE_RDM_UP:
		/* told when everything that arrived before has been */
		path->error = error;
		path->drain_at = path->domain->seen + path->domain->base.rx_cnt;
		core_rdm_path_tell(path, CORE_RDM_TELL_BROKEN);
		break;
	default:
		return;
	}
	path->state = CORE_RDM_DEAD;
}

/* Nobody waits for it to arrive. */
static void path_say(struct core_path *path, enum core_rdm_type type)
{
	const struct core_rdm_frame frame = {
		.type = type,
		.to = path->peer_id,
		.secret = path->secret,
	};

	core_rdm_frame_send(path->port, path->peer, NULL, &frame);
}

/* Tells the peer, if it knows of the path. */
static void path_say_goodbye(struct core_path *path)
{
	if (path->peer_id && path->state <= CORE_RDM_UP)
		path_say(path, path->state == CORE_RDM_UP ? CORE_RDM_CLOSE : CORE_RDM_REJECT);
}

void core_rdm_path_close(struct core_path *path)
{
	if (path->state == CORE_RDM_GONE)
		return;
	core_rdm_frames_drop(path->domain, path);
	core_rdm_frames_orphan(path);
	path_say_goodbye(path);
	path_unlist(path);
	path->state = CORE_RDM_GONE;
	if (path->tell)
		TAILQ_REMOVE(&path->domain->due, path, due_link);
	path->tell = 0;
	core_rdm_path_settle(path);
}

/* Not due before: nobody could sleep until the core gives up what it has. */
void core_rdm_path_settle(struct core_path *path)
{
	if (path->state == CORE_RDM_GONE && TAILQ_EMPTY(&path->line.outs))
		core_rdm_path_tell(path, CORE_RDM_TELL_CLOSED);
}

/* -- frames that came ---------------------------------------------------------------- */

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

/* The peer may go on from another port than the one that was asked. */
static int move_to(struct core_path *path, const struct core_rdm_frame *frame)
{
	struct core_peer *peer;
	int ret = core_rdm_peer_get(path->domain, frame->name, frame->name_len, &peer);

	if (ret)
		return ret;
	core_rdm_peer_put(path->domain, path->peer);
	path->peer = peer;
	path->line.addr = peer->addr;
	return 0;
}

static void accepted(struct core_path *path, const struct core_rdm_frame *frame)
{
	int ret;

	if (path->state != CORE_RDM_CONNECTING || path->peer_id || !frame->from)
		return;
	path->peer_id = frame->from;
	ret = move_to(path, frame);
	if (!ret)
		ret = keep_data(path, frame);
	if (ret) {
		path_say(path, CORE_RDM_CLOSE); /* the peer thinks that it is connected */
		core_rdm_path_fail(path, -ret);
		return;
	}
	path->state = CORE_RDM_UP;
	core_rdm_path_tell(path, CORE_RDM_TELL_CONNECTED);
}

static void rejected(struct core_path *path, const struct core_rdm_frame *frame)
{
	if (path->state != CORE_RDM_CONNECTING || path->peer_id)
		return;
	if (keep_data(path, frame))
		core_failed("data of a refusal", -FI_ENOMEM);
	core_rdm_path_fail(path, FI_ECONNREFUSED);
}

/* Who accepts what we gave up is told. */
static void turn_away(struct core_port *port, const struct core_rdm_frame *frame)
{
	const struct core_rdm_frame answer = {
		.type = CORE_RDM_CLOSE,
		.to = frame->from,
		.secret = frame->secret,
	};
	struct core_peer *peer;

	if (core_rdm_peer_get(port->domain, frame->name, frame->name_len, &peer))
		return;
	core_rdm_frame_send(port, peer, NULL, &answer);
	core_rdm_peer_put(port->domain, peer);
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

/* -- names ------------------------------------------------------------------------------ */

static int copy_name(const void *name, size_t name_len, void *addr, size_t *len)
{
	const size_t room = *len;

	*len = name_len;
	memcpy(addr, name, name_len < room ? name_len : room);
	return name_len > room ? -FI_ETOOSMALL : 0;
}

int core_rdm_path_peer(struct core_path *path, void *addr, size_t *len)
{
	return copy_name(path->name, path->name_len, addr, len);
}

int core_rdm_path_name(struct core_path *path, void *addr, size_t *len)
{
	return copy_name(path->port->name, path->port->name_len, addr, len);
}
