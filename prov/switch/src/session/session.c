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
	sess->engine = engine;
	sess->ep = ep;
	sess->user = user;
	sess->source = source;
	sess->reason = "";
	TAILQ_INIT(&sess->links);
	STAILQ_INIT(&sess->sends);
	STAILQ_INIT(&sess->controls);
	TAILQ_INIT(&sess->bulk);
	TAILQ_INIT(&sess->xfers);
	TAILQ_INIT(&sess->messages);
	numbers_init(&sess->numbers, engine->config.first_seq);
	engine->config.random(sess->secret, sizeof(sess->secret));
	TAILQ_INSERT_TAIL(&ep->sessions, sess, ep_link);
	*out = sess;
	return 0;
}

/* With its first link. */
static int create_linked(struct sess_ep *ep, struct sess_core *core, void *user, uint64_t source,
			 struct sess **sess, struct sess_link **link)
{
	int ret = session_create(ep, user, source, sess);

	if (ret)
		return ret;
	ret = sess_link_create(*sess, core, user, link);
	if (ret) {
		TAILQ_REMOVE(&ep->sessions, *sess, ep_link);
		free(*sess);
		return ret;
	}
	(*link)->is_first = true;
	sess_link_expect_hello(*link);
	return 0;
}

int sess_connect(struct sess_ep *ep, struct sess_core *core, void *user, uint64_t source,
		 struct sess **sess)
{
	struct sess_link *link;
	int ret = create_linked(ep, core, user, source, sess, &link);

	if (!ret)
		link->is_opener = true;
	return ret;
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

static void take_request(struct sess_link *link, const struct sess_request *request)
{
	link->is_opener = false;
	link->sess->peer_instance = request->instance;
	sess_link_take_request(link, request);
}

int sess_accept(struct sess_ep *ep, struct sess_core *core, const struct sess_request *request,
		void *user, uint64_t source, struct sess **sess)
{
	struct sess_link *link;
	int ret = create_linked(ep, core, user, source, sess, &link);

	if (!ret)
		take_request(link, request);
	return ret;
}

/* Its own attempt is over, and is not repeated. */
static void stop_connecting(struct sess *sess)
{
	timer_stop(&sess_link(sess)->retry);
	engine_untell(sess, TELL_CONNECT);
}

void sess_adopt(struct sess *sess, const struct sess_request *request)
{
	stop_connecting(sess);
	take_request(sess_link(sess), request);
}

void sess_adopt_self(struct sess *sess)
{
	struct sess_op *op;

	timer_stop(&sess_link(sess)->timer);
	stop_connecting(sess);
	sess->is_self = true;
	sess->state = SESS_OPEN;
	while ((op = STAILQ_FIRST(&sess->sends))) {
		STAILQ_REMOVE_HEAD(&sess->sends, link);
		sess->pending--;
		if (self_send(sess, op, op->len))
			op_done(op, ENOMEM);
	}
	if (sess->bye & BYE_ASKED || sess->ep->closed)
		session_fail(sess, 0, "closed");
	engine_settle(sess->engine);
}

/* This side connects, and the core has not answered yet. */
static bool is_connecting(const struct sess *sess)
{
	const struct sess_link *link = sess_link(sess);

	return sess->state == SESS_OPENING && link->is_opener && !(link->has & LINK_PATH);
}

enum sess_crossing sess_crossing(const struct sess *sess, const struct sess_request *request)
{
	const struct sess_link *link = sess_link(sess);
	/* Of two connections that cross, the one that the smaller instance opened goes on. */
	const bool ours_wins = sess->ep->instance < request->instance;

	if (request->instance == sess->ep->instance)
		return SESS_CROSS_SELF;
	if (is_connecting(sess))
		return ours_wins ? SESS_CROSS_REFUSE : SESS_CROSS_ADOPT;
	/* The peer has accepted our connection, so that it waits for no other of ours.  If ours
	 * wins, the request crossed it, or the peer began anew and does not know of it.  If not,
	 * the peer accepted because it had none of its own: it made this one since. */
	if (sess->state == SESS_OPENING && link->is_opener)
		return ours_wins ? SESS_CROSS_LATE : SESS_CROSS_RENEW;
	/* The opener of this session may not be the peer: neither its instance nor its attempt
	 * counts. */
	if (sess->state == SESS_OPENING)
		return SESS_CROSS_BESIDE;
	/* The peer made this request before the connection that the session has. */
	if (sess->peer_instance == request->instance &&
	    (!link || (int32_t)(request->attempt - link->peer_attempt) <= 0))
		return SESS_CROSS_LATE;
	return SESS_CROSS_RENEW;
}

void sess_probe(struct sess *sess)
{
	/* The last credit is for grants: two sides that had spent it, because somebody made them
	 * probe each other, could not tell of the credits that they give. */
	if (!sess->link || !credit_may_send(&sess->link->credit, CREDIT_CONTROL))
		return;
	sess->link->credit.owed = true;
	sess_link_ready(sess->link);
}

void sess_retry(struct sess *sess)
{
	if (is_connecting(sess))
		timer_start(&sess_link(sess)->retry, &sess->engine->retries);
}

bool sess_ep_is_self(const struct sess_ep *ep, const struct sess_request *request)
{
	return ep->instance == request->instance;
}

bool sess_made_request(const struct sess *sess, const struct sess_request *request)
{
	return is_connecting(sess) && sess_link(sess)->id == request->session_id &&
	       sess_link(sess)->cookie == request->cookie &&
	       sess->ep->instance == request->instance;
}

void sess_preamble(const struct sess_link *link, uint16_t port, uint8_t buf[SESS_PREAMBLE_LEN])
{
	const struct sess_request request = {
		.session_id = link->id,
		.cookie = link->cookie,
		.instance = link->sess->ep->instance,
		.attempt = link->attempt,
		.port = port,
	};

	wire_put_preamble(buf, &request);
}

int sess_request_parse(const void *buf, size_t len, struct sess_request *request)
{
	return wire_get_preamble(buf, len, request) ? -EPROTO : 0;
}

void session_came_up(struct sess *sess)
{
	bool closing = sess->bye & BYE_ASKED || sess->ep->closed;

	sess->state = SESS_OPEN;
	engine_tell(sess, TELL_UP);
	if (closing)
		session_close(sess);
}

/* -- closing ------------------------------------------------------------------- */

/* Transfers leave the work lists, and no receive meets them any more; the
 * rest is done by sess_closed(). */
static void stop_transfers(struct sess *sess)
{
	struct sess_xfer *xfer;

	TAILQ_FOREACH (xfer, &sess->xfers, entry) {
		if (xfer->queued != WORK_RELEASE)
			xfer_unqueue(xfer);
		xfer_orphan(xfer);
	}
}

/*
 * Whether the peer's end is known by the failure of this session: then receives that are
 * posted for that peer alone can never match, and fail too.  The failure of a session that
 * was up tells it.  So does that of one that was not, if this side connected to the peer
 * or the peer said hello: a send to it fails likewise.  It tells nothing if somebody connected
 * in the peer's name and said no hello, for that may not have been the peer; nor if
 * this side aborts (by_us) a session that was never up, for it is about to close, or to have
 * another session with this peer.
 */
static bool tells_peers_end(const struct sess *sess, bool by_us)
{
	const struct sess_link *link = sess_link(sess);

	if (sess->state >= SESS_OPEN)
		return !sess->is_self;
	return !by_us && (link->is_opener || link->has & LINK_GREETED);
}

/* The links of a session that fails: each says its last word, if it has one. */
static void fail_links(struct sess *sess, int error)
{
	struct sess_link *link;

	TAILQ_FOREACH (link, &sess->links, sess_entry) {
		timer_stop(&link->timer);
		timer_stop(&link->retry);
		sess_link_forget_event(link);
		engine_set_work(link, NULL);
		/* Nothing may come before our hello; where it did not leave, the end of
		 * the path says enough. */
		if (error && link == sess->link && !link->refused && !(link->due & LINK_HELLO))
			link->due |= LINK_ABORT;
		link->due &= LINK_ABORT | LINK_REFUSE;
		if (link->due)
			engine_set_work(link, &sess->engine->ready);
		link->state = LINK_DOWN;
	}
}

static void fail(struct sess *sess, int error, const char *reason, bool by_us)
{
	const bool peer_failed = tells_peers_end(sess, by_us);

	if (sess->state >= SESS_FAILED)
		return;
	timer_stop(&sess->timer);
	backlog_forget(sess);
	sess->state = SESS_FAILED;
	sess->error = error;
	sess->reason = reason;
	if (error)
		sess->stats.failures++;
	sess->fail = FAIL_MARKED;
	if (error && peer_failed && !(sess->bye & BYE_SEEN))
		sess->fail |= FAIL_RECEIVES;
	TAILQ_INSERT_TAIL(&sess->engine->failing, sess, failing);
}

void session_settle(struct sess *sess)
{
	if (!(sess->fail & FAIL_MARKED))
		return;
	TAILQ_REMOVE(&sess->engine->failing, sess, failing);
	sess->fail &= (uint8_t)~FAIL_MARKED;
	stop_transfers(sess);
	if (sess->fail & FAIL_EXPELLED)
		backlog_drop(sess);
	if (sess->fail & FAIL_RECEIVES)
		rx_fail_source(sess, sess->error);
	fail_links(sess, sess->error);
	engine_untell(sess, TELL_CONNECT);
	engine_tell(sess, TELL_DOWN);
}

void session_settle_all(struct sess_engine *engine)
{
	struct sess *sess;

	while ((sess = TAILQ_FIRST(&engine->failing)))
		session_settle(sess);
}

void session_fail(struct sess *sess, int error, const char *reason)
{
	fail(sess, error, reason, false);
}

void session_expel(struct sess *sess, int error, const char *reason)
{
	const bool is_first = sess->state < SESS_FAILED;

	session_fail(sess, error, reason);
	if (is_first)
		sess->fail |= FAIL_EXPELLED;
}

void session_abort(struct sess *sess, int error)
{
	fail(sess, error, "aborted by this side", true);
}

void sess_abort(struct sess *sess, int error)
{
	session_abort(sess, error);
	engine_settle(sess->engine);
}

void session_close(struct sess *sess)
{
	struct sess_xfer *xfer, *next;

	if (sess->state >= SESS_CLOSING)
		return;
	if (sess->is_self || (sess->state == SESS_OPENING && !sess->pending)) {
		session_fail(sess, 0, "closed");
		return;
	}
	if (sess->state == SESS_OPENING) {
		sess->bye |= BYE_ASKED; /* session_came_up() goes on */
		return;
	}
	sess->state = SESS_CLOSING;
	timer_start(&sess->timer, &sess->engine->closings);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, entry, next)
		incoming_turn_down(xfer);
	schedule_ready(sess);
	session_progress_close(sess);
}

void sess_close(struct sess *sess)
{
	session_close(sess);
	engine_settle(sess->engine);
}

void sess_leave(struct sess *sess)
{
	const struct sess_link *link = sess->link;

	if (sess->state == SESS_CLOSING && sess->bye & BYE_SENT && !sess->pending &&
	    !(link && (link->packet || link->refused)))
		session_fail(sess, 0, "closed; the peer has not answered yet");
	engine_settle(sess->engine);
}

void session_expired(struct sess_timer *timer)
{
	struct sess *sess = TIMER_OWNER(timer, struct sess, timer);

	if (sess->bye & BYE_SEEN)
		session_fail(sess, 0, "closed; the peer kept its path open");
	else
		session_fail(sess, ETIMEDOUT, "no BYE within the time allowed");
}

void session_progress_close(struct sess *sess)
{
	const unsigned both = BYE_SENT | BYE_SEEN;

	if (sess->state != SESS_CLOSING)
		return;
	if (!(sess->bye & BYE_SENT) && !sess->pending && STAILQ_EMPTY(&sess->controls)) {
		sess->bye |= BYE_DUE;
		schedule_ready(sess);
	}
	if ((sess->bye & both) == both && credit_diff(sess->numbers.tx_acked, sess->bye_seq) > 0)
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

void sess_move_sends(struct sess *from, struct sess *to)
{
	struct sess_op *op;

	if (from->state != SESS_OPENING)
		return;
	while (to->state == SESS_OPEN && (op = STAILQ_FIRST(&from->sends))) {
		STAILQ_REMOVE_HEAD(&from->sends, link);
		STAILQ_INSERT_TAIL(&to->sends, op, link);
		op->sess = to;
		from->pending--;
		to->pending++;
	}
	drop_sends(from, ECONNRESET);
	schedule_prepare(to);
	schedule_ready(to);
	if (from->bye & BYE_ASKED)
		session_fail(from, 0, "closed");
	engine_settle(from->engine);
}

/* The peer has nothing more for us, and takes nothing more from us. */
void session_bye_came(struct sess *sess, bool aborted)
{
	struct sess_xfer *xfer, *next;

	if (aborted) {
		session_fail(sess, ECONNRESET, "aborted by the peer");
		return;
	}
	sess->bye |= BYE_SEEN;
	if (sess->link)
		sess->link->credit.owed = true;
	drop_sends(sess, ECONNRESET);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, entry, next)
		if (!xfer->incoming)
			xfer_finish(xfer, ECONNRESET);
	engine_tell(sess, TELL_BYE);
	if (sess->state == SESS_OPEN) {
		sess->state = SESS_CLOSING;
		timer_start(&sess->timer, &sess->engine->closings);
	}
	schedule_ready(sess);
	session_progress_close(sess);
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

	if (sess->fail & FAIL_EXPELLED)
		backlog_drop(sess);
	drop_controls(sess);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, entry, next)
		if (xfer->counted && !xfer->io_out && !xfer->registering && !xfer->mem_cnt)
			xfer_abandon(xfer, end_error(sess));
}

void sess_closed(struct sess *sess)
{
	int error = end_error(sess);
	struct sess_xfer *xfer, *next;
	struct sess_link *link;

	session_settle(sess);
	timer_stop(&sess->timer);
	backlog_forget(sess);
	engine_untell(sess, sess->tell);
	sess->state = SESS_FAILED;
	while ((link = TAILQ_FIRST(&sess->links)))
		sess_link_free(link, error);
	drop_sends(sess, error);
	drop_controls(sess);
	rx_forget_session(sess, error);
	TAILQ_EACH_SAFE (xfer, &sess->xfers, entry, next)
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

/* -- queries of the driver ------------------------------------------------------- */

bool sess_is_up(const struct sess *sess)
{
	return sess->state == SESS_OPEN;
}

bool sess_is_open(const struct sess *sess)
{
	return sess->state <= SESS_OPEN && !(sess->bye & BYE_ASKED);
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

const void *sess_peer_host(const struct sess *sess, size_t *len)
{
	*len = sess->host_len;
	return sess->host;
}

const char *sess_reason(const struct sess *sess)
{
	return sess->reason;
}

void sess_stats(const struct sess *sess, struct sess_stats *stats)
{
	*stats = sess->stats;
}
