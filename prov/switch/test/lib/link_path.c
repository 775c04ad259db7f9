/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The paths of the test link: they come up, deliver packets, break and close. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link_internal.h"

static void lose_packets(struct link *link, const struct link_end *from)
{
	struct link_event *event;

	TAILQ_FOREACH (event, &link->events, link)
		if (event->type == EV_DELIVER && event->other == from)
			event->lost = true;
}

/* Cuts one end off its path: no packet is sent or delivered any more, and every io that the
 * core still has completes. */
static void cut(struct link_end *end, bool lose)
{
	struct link *link = end->node->link;
	struct link_io *io;

	if (!end->open)
		return;
	end->open = false;
	if (lose)
		lose_packets(link, end);
	TAILQ_FOREACH (io, &end->ios, link) {
		io->lost = lose || !io->in_order;
		if (io->type != SESS_ACT_SEND || link_rand(link, 2))
			io->error = ECANCELED;
		if (end->scripted) { /* of other ends the completion is already queued */
			end->last_done = at_least(end->last_done, link->now + link_delay(link));
			link_event_at(link, EV_DONE, end, end->last_done)->io = io;
		}
	}
	if (end->peer && end->peer->open)
		link_event_at(link, EV_DOWN, end->peer,
			      at_least(end->last_sent, link->now) + link_delay(link))
			->error = lose ? ECONNRESET : 0;
}

void link_break(struct link_end *end)
{
	struct link *link = end->node->link;
	struct link_end *peer = end->peer;

	if (!end->open)
		return;
	cut(end, true);
	link_event_soon(link, EV_DOWN, end)->error = ECONNRESET;
	if (peer)
		cut(peer, true);
}

struct link_end *link_end(struct link_node *at, struct link_node *to)
{
	struct link_end *end;

	TAILQ_FOREACH (end, &at->ends, node_link)
		if (end->peer_idx == to->idx && end->sess && !end->closing)
			return end;
	return NULL;
}

static struct link_end *end_create(struct link_node *node, unsigned peer_idx)
{
	struct link_end *end = link_memory(sizeof(*end));

	end->node = node;
	end->peer_idx = peer_idx;
	TAILQ_INIT(&end->ios);
	TAILQ_INIT(&end->kept);
	TAILQ_INSERT_TAIL(&node->ends, end, node_link);
	return end;
}

static struct link_event *ask(struct link_end *end, enum event_type type, struct link_node *to)
{
	struct link *link = end->node->link;
	struct link_event *event;

	end->conn = ++link->conns;
	event = link_event_soon(link, type, end);
	event->node = to;
	event->conn = end->conn;
	sess_preamble(end->link, (uint16_t)(1000 + end->node->idx), event->preamble);
	return event;
}

struct link_end *link_connect(struct link_node *from, struct link_node *to)
{
	struct link_end *end = end_create(from, to->idx);
	int ret = sess_connect(from->ep, from->core, end, to->idx, &end->sess);

	if (ret) {
		end->sess = NULL;
		end->error = -ret;
		return end;
	}
	end->link = sess_link(end->sess);
	ask(end, EV_REQUEST, to);
	return end;
}

struct link_end *link_connect_again(struct link_node *from, struct sess *ours, struct link_node *to,
				    struct sess *theirs)
{
	struct link_end *end = end_create(from, to->idx);

	end->sess = ours;
	if (sess_link_connect(ours, from->core, end, &end->link))
		link_die(from->link, "no second link");
	ask(end, EV_AGAIN, to)->sess = theirs;
	return end;
}

void link_path_connect(struct link_end *end)
{
	if (end->conn)
		link_die(end->node->link, "CONNECT while a request is out");
	ask(end, EV_REQUEST, end->node->link->node[end->peer_idx]);
}

struct link_end *link_connect_self(struct link_node *node)
{
	struct link_end *end = end_create(node, node->idx);

	if (sess_connect_self(node->ep, end, node->idx, &end->sess))
		end->sess = NULL;
	return end;
}

/* Accepts the connection request of the end theirs for the end ours. */
static void bind_ends(struct link *link, struct link_end *ours, struct link_end *theirs,
		      uint64_t conn)
{
	struct link_event *event;

	ours->conn = 0;
	ours->peer = theirs;
	ours->open = true;
	link_event_soon(link, EV_UP, ours);
	event = link_event_soon(link, EV_ANSWER, theirs);
	event->other = ours;
	event->conn = conn;
	sess_preamble(ours->link, (uint16_t)(1000 + ours->node->idx), event->preamble);
}

void link_path_request(struct link *link, const struct link_event *event)
{
	struct link_node *node = event->node;
	struct link_end *theirs = event->end, *ours;
	struct sess_request request;

	if (link->habits.deaf)
		return;
	if (sess_request_parse(event->preamble, sizeof(event->preamble), &request) ||
	    request.port != 1000 + theirs->node->idx)
		link_die(link, "a preamble did not survive");
	ours = link_end(node, theirs->node);
	if (ours) {
		switch (sess_crossing(ours->sess, &request)) {
		case SESS_CROSS_REFUSE:
		case SESS_CROSS_LATE:
			return; /* our own request, which is on its way, tells them */
		case SESS_CROSS_SELF:
			if (!sess_ep_is_self(node->ep, &request))
				link_die(link, "an endpoint does not know itself");
			if (sess_made_request(ours->sess, &request)) /* not closed since */
				sess_adopt_self(ours->sess);
			return;
		case SESS_CROSS_ADOPT:
			sess_adopt(ours->sess, &request);
			bind_ends(link, ours, theirs, event->conn);
			return;
		case SESS_CROSS_RENEW:
			sess_abort(ours->sess, ECONNRESET);
			break;
		case SESS_CROSS_BESIDE:
			break;
		}
	}
	ours = end_create(node, theirs->node->idx);
	if (sess_accept(node->ep, node->core, &request, ours, theirs->node->idx, &ours->sess))
		return;
	ours->link = sess_link(ours->sess);
	bind_ends(link, ours, theirs, event->conn);
}

void link_path_again(const struct link_event *event)
{
	struct link_node *node = event->node;
	struct sess_request request;
	struct link_end *ours;

	if (node->link->habits.deaf)
		return;
	ours = end_create(node, event->end->node->idx);

	sess_request_parse(event->preamble, sizeof(event->preamble), &request);
	ours->sess = event->sess;
	if (sess_link_accept(ours->sess, node->core, &request, ours, &ours->link))
		link_die(node->link, "a second link is turned away");
	bind_ends(node->link, ours, event->end, event->conn);
}

void link_path_answer(struct link *link, const struct link_event *event)
{
	struct link_end *end = event->end, *other = event->other;
	struct sess_request answer;

	if (!end->sess || end->closing || end->conn != event->conn) {
		link_event_soon(link, EV_DOWN, other)->error = ECONNRESET;
		return;
	}
	end->conn = 0;
	end->peer = other;
	end->open = other->open;
	if (!other->open)
		link_event_soon(link, EV_DOWN, end)->error = ECONNRESET;
	if (sess_request_parse(event->preamble, sizeof(event->preamble), &answer))
		link_die(link, "an answer's preamble did not survive");
	sess_path_up(end->link, &answer);
}

void link_path_down(struct link *link, struct link_end *end, int error)
{
	end->open = false;
	lose_packets(link, end);
	if (end->sess && !end->closing)
		sess_path_down(end->link, error);
}

/* Prints the records of a packet, for debugging. */
static void trace(const struct link *link, const struct link_end *to, const uint8_t *p, size_t len)
{
	fprintf(stderr,
		"%9llu %u->%u seq %u ack %u window %u records %u flags %x, %zu bytes, first %u\n",
		(unsigned long long)link->now, to->peer_idx, to->node->idx,
		p[8] | p[9] << 8 | p[10] << 16 | (unsigned)p[11] << 24,
		p[12] | p[13] << 8 | p[14] << 16 | (unsigned)p[15] << 24, p[16] | p[17] << 8, p[18],
		p[19], len, len > 20 ? p[20] : 0);
}

void link_path_deliver(struct link *link, struct link_event *event)
{
	struct link_end *end = event->end;

	if (event->lost || link->habits.silent || link->node[end->peer_idx]->silent ||
	    end->node->silent || (!end->open && !end->closing))
		return;
	if (link->habits.corrupt && link_rand(link, 1000) < link->habits.corrupt)
		for (unsigned i = (unsigned)link_rand(link, 4); i < 4; i++)
			event->packet[link_rand(link, event->len)] ^=
				(uint8_t)(1u << link_rand(link, 8));
	if (link->trace)
		trace(link, end, event->packet, event->len);
	if (link->tap)
		link->tap(link, end, event->packet, event->len);
	sess_input(end->node->engine, event->packet, event->len);
}

static void close_session(struct link_end *end, struct sess *sess)
{
	sess_stats(sess, &end->stats);
	snprintf(end->reason, sizeof(end->reason), "%s", sess_reason(sess));
	sess_closed(sess);
}

/* Returns an end of this session whose path is not closed, or NULL. */
static struct link_end *end_of(const struct link_node *node, const struct sess *sess)
{
	struct link_end *end;

	TAILQ_FOREACH (end, &node->ends, node_link)
		if (end->sess == sess)
			return end;
	return NULL;
}

void link_path_closed(struct link_end *end)
{
	struct sess *sess = end->sess;

	end->sess = NULL;
	if (!end->down)
		sess_link_closed(end->link);
	else if (!end_of(end->node, sess))
		close_session(end, sess);
	end->link = NULL;
}

void link_path_drained(struct link_end *end)
{
	if (end->closing && TAILQ_EMPTY(&end->ios))
		link_event_soon(end->node->link, EV_CLOSED, end);
}

static void close_end(struct link_end *end, int error)
{
	end->closing = true;
	end->error = error;
	cut(end, end->node->link->habits.lose_on_close);
	link_path_drained(end);
}

/* Performs DOWN. user: the end of the session's first link, given when the session was opened. */
void link_path_went_down(struct link_end *user, struct sess *sess, int error)
{
	struct link_node *node = user->node;
	struct link_end *end;

	if (user->down)
		link_die(node->link, "DOWN was told twice");
	node->downs++;
	TAILQ_FOREACH (end, &node->ends, node_link) {
		if (end->sess != sess)
			continue;
		end->down = true;
		if (!end->closing)
			close_end(end, error);
	}
	user->down = true;
	if (!end_of(node, sess))
		close_session(user, sess);
}

void link_path_link_down(struct link_end *end, int error)
{
	if (end->closing)
		link_die(end->node->link, "LINK_DOWN was told twice");
	close_end(end, error);
}

/* -- scripted peers -------------------------------------------------------------- */

struct link_end *link_scripted(struct link_node *node, struct sess_ep *ep,
			       const struct sess_request *request, uint64_t source)
{
	struct link_end *end = end_create(node, LINK_NODE_MAX);

	end->scripted = true;
	end->room = UINT_MAX;
	if (request ? sess_accept(ep, node->core, request, end, source, &end->sess)
		    : sess_connect(ep, node->core, end, source, &end->sess))
		link_die(node->link, "no session");
	end->link = sess_link(end->sess);
	return end;
}

void link_scripted_up(struct link_end *end, const struct sess_request *answer)
{
	if (end->was_open || end->closing)
		return;
	end->was_open = true;
	end->open = true;
	sess_path_up(end->link, answer);
}

void link_scripted_done(struct link_end *end, unsigned nth, int error)
{
	struct link_io *io, *first = TAILQ_FIRST(&end->ios);

	TAILQ_FOREACH (io, &end->ios, link)
		if (!nth--)
			break;
	if (!end->open || !io)
		return;
	if (io->type == SESS_ACT_SEND)
		for (io = first; io->type != SESS_ACT_SEND;)
			io = TAILQ_NEXT(io, link);
	io->error = error;
	link_core_done(end->node->link, io);
}

void link_scripted_down(struct link_end *end, int error)
{
	if (!end->open)
		return;
	cut(end, false);
	link_path_down(end->node->link, end, error);
}
