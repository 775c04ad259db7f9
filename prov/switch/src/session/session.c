/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions: how they are opened, closed in order, and fail once.  One that is over
 * keeps its operations until the driver has closed its path (sess_closed): only then
 * nobody uses their memory.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"

/* -- opening ------------------------------------------------------------------ */

static int session_create(struct sess_ep *ep, void *user, uint64_t source, struct sess **out)
{
	struct sess_engine *engine = ep->engine;
	struct sess *sess = calloc(1, sizeof(*sess));

	if (!sess)
		return -ENOMEM;
	sess->id = table_add(&engine->sessions, sess);
	if (!sess->id) {
		free(sess);
		return -ENOMEM;
	}
	sess->engine = engine;
	sess->ep = ep;
	sess->user = user;
	sess->source = source;
	sess->reason = "";
	engine->config.random(&sess->cookie, sizeof(sess->cookie));
	sess->attempt = ++ep->attempts;
	STAILQ_INIT(&sess->sends);
	STAILQ_INIT(&sess->controls);
	TAILQ_INIT(&sess->bulk);
	TAILQ_INIT(&sess->xfers);
	TAILQ_INIT(&sess->messages);
	credit_init(&sess->credit, engine->config.first_seq, (uint16_t)engine->config.credits);
	TAILQ_INSERT_TAIL(&ep->sessions, sess, ep_link);
	*out = sess;
	return 0;
}

int sess_connect(struct sess_ep *ep, void *user, uint64_t source, struct sess **sess)
{
	int ret = session_create(ep, user, source, sess);

	if (ret)
		return ret;
	(*sess)->is_opener = true;
	engine_set_timer(*sess, &ep->engine->timed_hello);
	return 0;
}

int sess_connect_self(struct sess_ep *ep, void *user, uint64_t source, struct sess **sess)
{
	int ret = session_create(ep, user, source, sess);

	if (ret)
		return ret;
	(*sess)->is_self = true;
	(*sess)->state = SESS_OPEN;
	return 0;
}

static void take_request(struct sess *sess, const struct sess_request *request)
{
	sess->is_opener = false;
	sess->peer_id = request->session_id;
	sess->peer_cookie = request->cookie;
	sess->peer_instance = request->instance;
	sess->peer_attempt = request->attempt;
}

int sess_accept(struct sess_ep *ep, const struct sess_request *request, void *user, uint64_t source,
		struct sess **sess)
{
	int ret = session_create(ep, user, source, sess);

	if (ret)
		return ret;
	take_request(*sess, request);
	engine_set_timer(*sess, &ep->engine->timed_hello);
	return 0;
}

void sess_adopt(struct sess *sess, const struct sess_request *request)
{
	take_request(sess, request);
}

void sess_adopt_self(struct sess *sess)
{
	struct sess_op *op;

	engine_clear_timer(sess);
	sess->is_self = true;
	sess->state = SESS_OPEN;
	while ((op = STAILQ_FIRST(&sess->sends))) {
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		sess->pending--;
		if (self_send(sess, op, op->len))
			op_done(op, ENOMEM);
	}
	if (sess->close_due || sess->ep->closed)
		session_fail(sess, 0, "closed");
}

enum sess_crossing sess_crossing(const struct sess *sess, const struct sess_request *request)
{
	if (request->instance == sess->ep->instance)
		return SESS_CROSS_SELF;
	if (sess->state == SESS_CONNECTING && sess->is_opener && !sess->path_up)
		return sess->ep->instance < request->instance ? SESS_CROSS_REFUSE
							      : SESS_CROSS_ADOPT;
	/* Its path is there but not its hello: whose opening this is, the
	 * smaller instance's, is known from is_opener. */
	if (sess->state <= SESS_GREETING && sess->is_opener)
		return sess->ep->instance < request->instance ? SESS_CROSS_REFUSE
							      : SESS_CROSS_RENEW;
	if (sess->peer_instance == request->instance &&
	    (int32_t)(request->attempt - sess->peer_attempt) <= 0)
		return SESS_CROSS_REFUSE;
	return SESS_CROSS_RENEW;
}

bool sess_ep_is_self(const struct sess_ep *ep, const struct sess_request *request)
{
	return ep->instance == request->instance;
}

bool sess_made_request(const struct sess *sess, const struct sess_request *request)
{
	return sess->state == SESS_CONNECTING && sess->is_opener && !sess->path_up &&
	       sess->id == request->session_id && sess->cookie == request->cookie &&
	       sess->ep->instance == request->instance;
}

void sess_preamble(const struct sess *sess, uint16_t port, uint8_t buf[SESS_PREAMBLE_LEN])
{
	const struct sess_request request = {
		.session_id = sess->id,
		.cookie = sess->cookie,
		.instance = sess->ep->instance,
		.attempt = sess->attempt,
		.port = port,
	};

	wire_put_preamble(buf, &request);
}

int sess_request_parse(const void *buf, size_t len, struct sess_request *request)
{
	return wire_get_preamble(buf, len, request) ? -EPROTO : 0;
}

void sess_path_up(struct sess *sess, const struct sess_request *answer)
{
	if (sess->state != SESS_CONNECTING || sess->path_up)
		return;
	sess->path_up = true;
	if (sess->is_opener) {
		if (!answer) {
			session_fail(sess, EPROTO,
				     "the peer is no switch: its answer has no preamble");
			return;
		}
		take_request(sess, answer);
		sess->is_opener = true;
		sess->hello_due = true;
		sess->state = SESS_GREETING;
		schedule_ready(sess);
	} else {
		sess->state = SESS_GREETING;
		if (sess->hello_seen)
			session_came_up(sess);
	}
}

void sess_path_down(struct sess *sess, int error)
{
	/* a peer that leaves (sess_leave) does not wait for our BYE */
	if (sess->bye_seen && (sess->bye_sent || !sess->pending))
		session_fail(sess, 0, "closed");
	else if (sess->state < SESS_OPEN && error)
		session_fail(sess, error, "the path could not be made");
	else if (sess->state < SESS_OPEN)
		session_fail(sess, sess->is_opener ? ECONNREFUSED : ECONNRESET,
			     "the peer closed the path before its hello");
	else
		session_fail(sess, error ? error : ECONNRESET, "the path broke");
}

/* Both hellos are here and the path is up. */
void session_came_up(struct sess *sess)
{
	bool closing = sess->close_due || sess->ep->closed;

	engine_clear_timer(sess);
	sess->state = SESS_OPEN;
	select_build(sess);
	sess->tell_up = true;
	engine_event(sess);
	sess->credit.owed = sess->ep->rx->full; /* the hello does not tell */
	if (!sess->is_opener)
		sess->hello_due = true;
	schedule_ready(sess);
	if (closing)
		sess_close(sess);
}

/* -- closing ------------------------------------------------------------------- */

static void session_over(struct sess *sess)
{
	engine_clear_timer(sess);
	sess->tell_down = true;
	engine_event(sess);
}

/* Transfers leave the work lists, and no receive meets them any more; the
 * rest is done by sess_closed(). */
static void stop_transfers(struct sess *sess)
{
	struct sess_xfer *xfer;

	TAILQ_FOREACH (xfer, &sess->xfers, link) {
		if (xfer->queued != WORK_RELEASE)
			xfer_unqueue(xfer);
		xfer_orphan(xfer);
	}
}

/*
 * Receives that are posted for this peer alone end with the session, unless the peer
 * said BYE.  They end, too, with a session that was never up: the peer is gone, or not
 * there yet, and a send to it fails likewise.  But a side that aborts such a session
 * closes, or is about to have another one with this peer.
 */
static void fail(struct sess *sess, int error, const char *reason, bool by_us)
{
	bool was_greeted = sess->path_up && sess->state >= SESS_OPEN;
	/* who connected to us and said no hello may not be whom he claims to be */
	bool peer_failed =
		was_greeted || (!by_us && !sess->is_self && (sess->is_opener || sess->hello_seen));

	if (sess->state >= SESS_FAILED)
		return;
	engine_clear_timer(sess);
	backlog_forget(sess);
	sess->state = SESS_FAILED;
	sess->error = error;
	sess->reason = reason;
	if (error)
		sess->stats.failures++;
	stop_transfers(sess);
	if (error && peer_failed && !sess->bye_seen)
		rx_fail_source(sess, error);
	engine_set_work(sess, NULL);
	/* Nothing may come before our hello; where it did not leave, the end of the
	 * path says enough. */
	sess->abort_due = error && was_greeted && !sess->refused && !sess->hello_due;
	if (sess->abort_due || sess->refuse_due)
		engine_set_work(sess, &sess->engine->ready);
	session_over(sess);
}

void session_fail(struct sess *sess, int error, const char *reason)
{
	fail(sess, error, reason, false);
}

void session_expel(struct sess *sess, int error, const char *reason)
{
	sess->expelled |= sess->state < SESS_FAILED;
	session_fail(sess, error, reason);
}

void sess_abort(struct sess *sess, int error)
{
	fail(sess, error, "aborted by this side", true);
}

void sess_close(struct sess *sess)
{
	struct sess_xfer *xfer, *next;

	if (sess->state >= SESS_CLOSING)
		return;
	if (sess->is_self || (sess->state < SESS_OPEN && !sess->pending)) {
		session_fail(sess, 0, "closed");
		return;
	}
	if (sess->state < SESS_OPEN) {
		sess->close_due = true; /* session_came_up() goes on */
		return;
	}
	sess->state = SESS_CLOSING;
	engine_set_timer(sess, &sess->engine->timed_close);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, link, next)
		incoming_turn_down(xfer);
	schedule_ready(sess);
	session_progress_close(sess);
}

void sess_leave(struct sess *sess)
{
	if (sess->state == SESS_CLOSING && sess->bye_sent && !sess->pending && !sess->packet &&
	    !sess->refused)
		session_fail(sess, 0, "closed; the peer has not answered yet");
}

void session_progress_close(struct sess *sess)
{
	if (sess->state != SESS_CLOSING)
		return;
	if (!sess->bye_sent && !sess->pending && STAILQ_EMPTY(&sess->controls)) {
		sess->bye_due = true;
		schedule_ready(sess);
	}
	if (sess->bye_sent && sess->bye_seen &&
	    credit_diff(sess->credit.tx_acked, sess->bye_seq) > 0)
		session_fail(sess, 0, "closed");
}

/* Sends that did not leave complete with error; those that have a transfer
 * end with it. */
static void drop_sends(struct sess *sess, int error)
{
	struct sess_op *op;

	while ((op = STAILQ_FIRST(&sess->sends))) {
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		if (op->xfer) {
			op->state = OP_MOVING;
			continue;
		}
		sess->pending--;
		op_done(op, error);
	}
}

/* The peer has nothing more for us, and takes nothing more from us. */
void session_bye_came(struct sess *sess, bool aborted)
{
	struct sess_xfer *xfer, *next;

	if (aborted) {
		session_fail(sess, ECONNRESET, "aborted by the peer");
		return;
	}
	sess->bye_seen = true;
	sess->credit.owed = true;
	drop_sends(sess, ECONNRESET);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, link, next)
		if (!xfer->incoming)
			xfer_finish(xfer, ECONNRESET);
	sess->tell_bye = true;
	engine_event(sess);
	if (sess->state == SESS_OPEN) {
		sess->state = SESS_CLOSING;
		engine_set_timer(sess, &sess->engine->timed_close);
	}
	schedule_ready(sess);
	session_progress_close(sess);
}

static void complete_packet_ops(struct sess *sess, struct sess_packet **packet, int error)
{
	struct sess_op *op;

	if (!*packet)
		return;
	while ((op = STAILQ_FIRST(&(*packet)->ops))) {
		STAILQ_REMOVE_HEAD(&(*packet)->ops, link);
		packet_op_done(sess, op, error);
	}
	if ((*packet)->xfer)
		(*packet)->xfer->io_out--;
	packet_free(sess->engine, *packet);
	*packet = NULL;
}

static int end_error(const struct sess *sess)
{
	return sess->error ? sess->error : ECANCELED;
}

static void drop_controls(struct sess *sess)
{
	struct sess_control *control;

	while ((control = STAILQ_FIRST(&sess->controls))) {
		if (control->op)
			packet_op_done(sess, control->op, end_error(sess));
		control_remove(sess);
	}
}

void session_shed(struct sess *sess)
{
	struct sess_xfer *xfer, *next;

	if (sess->expelled)
		backlog_drop(sess);
	drop_controls(sess);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, link, next)
		if (xfer->counted && !xfer->io_out && !xfer->registering && !xfer->mem_cnt)
			xfer_abandon(xfer, end_error(sess));
}

void sess_closed(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;
	int error = end_error(sess);
	struct sess_xfer *xfer, *next;

	engine_set_work(sess, NULL);
	engine_clear_timer(sess);
	backlog_forget(sess);
	if (sess->has_event) {
		TAILQ_REMOVE(&engine->events, sess, event);
		sess->has_event = false;
	}
	sess->state = SESS_FAILED;
	complete_packet_ops(sess, &sess->packet, error);
	complete_packet_ops(sess, &sess->refused, error);
	drop_sends(sess, error);
	drop_controls(sess);
	rx_forget_session(sess, error);
	table_remove(&engine->sessions, sess->id);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, link, next)
		xfer_abandon(xfer, error);
	sess->state = SESS_ENDED;
	session_free_if_ended(sess);
}

/* Transfers whose memory is still being released keep the session. */
void session_free_if_ended(struct sess *sess)
{
	struct sess_ep *ep = sess->ep;

	if (sess->state != SESS_ENDED || !TAILQ_EMPTY(&sess->xfers))
		return;
	backlog_orphan(sess);
	session_stats_add(&ep->stats, &sess->stats);
	TAILQ_REMOVE(&ep->sessions, sess, ep_link);
	free(sess);
	ep_free_if_done(ep);
}

/* -- what the driver asks -------------------------------------------------------- */

bool sess_is_up(const struct sess *sess)
{
	return sess->state == SESS_OPEN;
}

bool sess_is_open(const struct sess *sess)
{
	return sess->state <= SESS_OPEN && !sess->close_due;
}

void *sess_user(const struct sess *sess)
{
	return sess->user;
}

uint64_t sess_source(const struct sess *sess)
{
	return sess->source;
}

const void *sess_peer_name(const struct sess *sess, size_t *len)
{
	*len = sess->name_len;
	return sess->name;
}

const char *sess_reason(const struct sess *sess)
{
	return sess->reason;
}

void sess_stats(const struct sess *sess, struct sess_stats *stats)
{
	*stats = sess->stats;
}
