/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Links: how one opens, carries the packets of its session, and ends, with its session or
 * without it.  A session has one link as a rule, and may have another or none for a while.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

int sess_link_create(struct sess *sess, struct sess_core *core, void *user, struct sess_link **out)
{
	struct sess_engine *engine = sess->engine;
	struct sess_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->id = table_add(&engine->links, link);
	if (!link->id) {
		free(link);
		return -ENOMEM;
	}
	link->sess = sess;
	link->core = core;
	link->user = user;
	engine->config.random(&link->cookie, sizeof(link->cookie));
	link->attempt = ++sess->ep->attempts;
	credit_init(&link->credit, &sess->numbers, (uint16_t)core->config.credits);
	TAILQ_INSERT_TAIL(&sess->links, link, sess_entry);
	*out = link;
	return 0;
}

static void drop_packet(struct sess_link *link, struct sess_packet **packet, int error)
{
	struct sess_op *op;

	if (!*packet)
		return;
	while ((op = STAILQ_FIRST(&(*packet)->ops))) {
		STAILQ_REMOVE_HEAD(&(*packet)->ops, link);
		packet_op_done(link->sess, op, error);
	}
	if ((*packet)->xfer)
		(*packet)->xfer->io_out--;
	packet_free(*packet);
	*packet = NULL;
}

void sess_link_free(struct sess_link *link, int error)
{
	struct sess *sess = link->sess;
	struct sess_xfer *xfer;

	engine_set_work(link, NULL);
	timer_stop(&link->timer);
	timer_stop(&link->retry);
	sess_link_forget_event(link);
	drop_packet(link, &link->packet, error);
	drop_packet(link, &link->refused, error);
	TAILQ_FOREACH (xfer, &sess->xfers, entry)
		if (xfer->link == link)
			xfer->link = NULL;
	table_remove(&sess->engine->links, link->id);
	TAILQ_REMOVE(&sess->links, link, sess_entry);
	if (sess->link == link)
		sess->link = NULL;
	free(link);
}

/* -- opening ------------------------------------------------------------------ */

void sess_link_expect_hello(struct sess_link *link)
{
	timer_start(&link->timer, &link->sess->engine->hellos);
}

void sess_link_take_request(struct sess_link *link, const struct sess_request *request)
{
	link->peer_id = request->session_id;
	link->peer_cookie = request->cookie;
	link->peer_attempt = request->attempt;
}

struct sess_link *sess_link(const struct sess *sess)
{
	return sess->link ? sess->link : TAILQ_FIRST(&sess->links);
}

int sess_link_connect(struct sess *sess, struct sess_core *core, void *user,
		      struct sess_link **link)
{
	int ret;

	if (sess->state != SESS_OPEN || sess->is_self)
		return -EINVAL;
	ret = sess_link_create(sess, core, user, link);
	if (ret)
		return ret;
	(*link)->is_opener = true;
	sess_link_expect_hello(*link);
	return 0;
}

int sess_link_accept(struct sess *sess, struct sess_core *core, const struct sess_request *request,
		     void *user, struct sess_link **link)
{
	int ret;

	if (sess->state != SESS_OPEN || sess->is_self || request->instance != sess->peer_instance)
		return -EINVAL;
	ret = sess_link_create(sess, core, user, link);
	if (ret)
		return ret;
	sess_link_take_request(*link, request);
	sess_link_expect_hello(*link);
	return 0;
}

static void link_came_up(struct sess_link *link)
{
	struct sess *sess = link->sess;

	timer_stop(&link->timer);
	link->state = LINK_OPEN;
	select_build(link);
	if (!link->is_opener)
		link->due |= LINK_HELLO;
	if (!sess->link)
		sess->link = link;
	link->credit.owed = sess->ep->rx->full; /* the hello does not tell */
	if (sess->is_throttled)
		credit_throttle(&link->credit);
	sess_link_ready(link);
	schedule_prepare(sess);
	if (sess->state == SESS_OPENING)
		session_came_up(sess);
}

static void open_if_complete(struct sess_link *link)
{
	const unsigned needs = LINK_PATH | LINK_GREETED;

	if (link->state == LINK_OPENING && (link->has & needs) == needs)
		link_came_up(link);
}

static void path_up(struct sess_link *link, const struct sess_request *answer)
{
	if (link->state != LINK_OPENING || link->has & LINK_PATH)
		return;
	link->has |= LINK_PATH;
	if (!link->is_opener) {
		open_if_complete(link);
		return;
	}
	if (!answer) {
		sess_link_fail(link, EPROTO, "the peer is no switch: its answer has no preamble");
		return;
	}
	if (link->sess->state != SESS_OPENING && answer->instance != link->sess->peer_instance) {
		sess_link_expel(link, EPROTO, "another peer answers for this one");
		return;
	}
	link->sess->peer_instance = answer->instance;
	sess_link_take_request(link, answer);
	link->due |= LINK_HELLO;
	sess_link_ready(link);
}

void sess_path_up(struct sess_link *link, const struct sess_request *answer)
{
	path_up(link, answer);
	engine_settle(link->sess->engine);
}

void sess_link_greeted(struct sess_link *link)
{
	link->has |= LINK_GREETED;
	open_if_complete(link);
}

/* -- sending ------------------------------------------------------------------- */

void sess_link_ready(struct sess_link *link)
{
	struct sess_engine *engine = link->sess->engine;

	if (link->sess->state < SESS_FAILED && link->has & LINK_PATH && link->state < LINK_DOWN &&
	    link->work_list != &engine->blocked)
		engine_set_work(link, &engine->ready);
}

/* -- ending -------------------------------------------------------------------- */

void sess_link_forget_event(struct sess_link *link)
{
	if (link->tell_down)
		TAILQ_REMOVE(&link->sess->engine->links_down, link, event);
	link->tell_down = false;
}

/* The session goes on without it. */
static void go_down(struct sess_link *link, int error)
{
	struct sess_engine *engine = link->sess->engine;

	if (link->state == LINK_DOWN)
		return;
	timer_stop(&link->timer);
	backlog_forget_link(link);
	link->state = LINK_DOWN;
	link->error = error;
	link->due &= LINK_REFUSE;
	engine_set_work(link, link->due ? &engine->ready : NULL);
	link->tell_down = true;
	TAILQ_INSERT_TAIL(&engine->links_down, link, event);
}

/* Whether the session needs the link: its first, or one that carries packets. */
static bool is_needed(const struct sess_link *link)
{
	return link->sess->state == SESS_OPENING || link->state == LINK_OPEN ||
	       link->state == LINK_CLOSING;
}

void sess_link_fail(struct sess_link *link, int error, const char *reason)
{
	if (is_needed(link))
		session_fail(link->sess, error, reason);
	else
		go_down(link, error);
}

void sess_link_expel(struct sess_link *link, int error, const char *reason)
{
	if (is_needed(link))
		session_expel(link->sess, error, reason);
	else
		go_down(link, error);
}

void sess_path_down(struct sess_link *link, int error)
{
	struct sess *sess = link->sess;
	const bool said_all = sess->bye & BYE_SENT || !sess->pending;

	if (link->state == LINK_DOWN)
		return; /* the driver is about to hear, or has heard, that it is over */
	/* a peer that leaves (sess_leave) does not wait for our BYE */
	if (sess->bye & BYE_SEEN && said_all)
		session_fail(sess, 0, "closed");
	else if (link->state == LINK_CLOSING && !error)
		; /* the peer needs it no more; here it ends with its transfers and packets */
	else if (link->state == LINK_OPENING && error)
		sess_link_fail(link, error, "the path could not be made");
	else if (link->state == LINK_OPENING)
		sess_link_fail(link, link->is_opener ? ECONNREFUSED : ECONNRESET,
			       "the peer closed the path before its hello");
	else
		sess_link_fail(link, error ? error : ECONNRESET, "the path broke");
	engine_settle(sess->engine);
}

void sess_link_close(struct sess_link *link)
{
	struct sess *sess = link->sess;

	if (link->state > LINK_OPEN || sess->state >= SESS_FAILED)
		return;
	backlog_forget_link(link);
	link->state = LINK_CLOSING;
	if (sess->link == link) {
		sess->link = NULL;
		schedule_withdraw(sess);
	}
	sess_link_ready(link);
	sess_link_progress_close(link);
	engine_settle(sess->engine);
}

void sess_link_progress_close(struct sess_link *link)
{
	if (link->state == LINK_CLOSING && !link->packet && !link->refused && !link->out_cnt &&
	    !link->xfer_cnt)
		go_down(link, 0);
}

void sess_link_closed(struct sess_link *link)
{
	sess_link_free(link, link->error);
}
