/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The backlog: memory that peers make us keep, for messages and transfers that met no
 * receive and for answers that wait for credits.  It is counted by session and by receive
 * context.  The more a session has piled up, the fewer credits its peer is given.  The peers
 * of a context that keeps too much may only announce messages.  Past a limit, which holds
 * for a context however many sessions it has, messages of ended sessions are dropped, and
 * then the session that keeps the most is failed.
 *
 * Counting never fails a session: its caller may be in the middle of that session's
 * lists.  backlog_enforce() does, behind each record.
 */
#include <errno.h>

#include "session/internal.h"

enum {
	/* a session may pile up this part of config.throttle, however many do */
	SHARES_MAX = 16,
	/* calls for progress in which the application took nothing that was piled up:
	 * it waits for something else, which may stand behind */
	IDLE_CALLS = 32,
	BUDGET_LEAST = 64 << 10, /* bytes of unmatched copies */
};

#define LOOK_INTERVAL UINT64_C(1000000) /* nanoseconds between looks by the clock */

/* -- promises ---------------------------------------------------------------------- */

/*
 * Peers may send everything that we promised to take before we look, and before they hear
 * that there is no room for more.  The sessions of a context share out as much as it may
 * keep before it is full: packets, and the bytes of copies that need not wait for a receive.
 * A session that opens when nothing is left is promised the least there is.
 */
static int64_t packets_left(const struct sess_link *link)
{
	const struct sess_rx *rx = link->sess->ep->rx;

	return ((int64_t)rx->engine->config.unexpected_max - rx->promised) /
	       (int64_t)link->core->config.buffer_size;
}

static void greet_session(struct sess *sess)
{
	const struct sess_config *config = &sess->engine->config;
	struct sess_rx *rx = sess->ep->rx;
	const int64_t bytes = (int64_t)(config->unexpected_max / 2) - rx->budgets;
	const uint64_t budget = bytes / 8 > BUDGET_LEAST ? (uint64_t)(bytes / 8) : BUDGET_LEAST;

	if (sess->own_budget)
		return; /* it was said already, or is about to be */
	sess->own_budget = budget < config->eager_budget ? budget : config->eager_budget;
	rx->budgets += (int64_t)sess->own_budget;
}

void backlog_greet(struct sess_link *link)
{
	struct sess_credit *credit = &link->credit;

	if (credit->fixed)
		return;
	credit->fixed = true;
	if (credit->rx_grant > link->core->config.first_credits)
		credit->rx_grant = (uint16_t)link->core->config.first_credits;
	if (packets_left(link) < credit->rx_grant)
		credit->rx_grant = SESS_CREDITS_MIN;
	greet_session(link->sess);
}

/* Packets of a link that closes are not counted: it takes the last of them, and the numbers go
 * on over another one. */
void backlog_promise(struct sess_link *link, int32_t packets)
{
	if (link->sess->state < SESS_FAILED && link->state < LINK_CLOSING)
		link->sess->ep->rx->promised += packets * (int64_t)link->core->config.buffer_size;
}

/* -- giving fewer credits --------------------------------------------------------- */

/* The bytes that a session may pile up even if the application takes none of them. */
static uint64_t share(const struct sess *sess)
{
	const unsigned sharers = sess->ep->rx->piled_up;

	return sess->engine->config.throttle /
	       (sharers < SHARES_MAX ? sharers + !sharers : SHARES_MAX);
}

/* The bytes that a session may pile up before it is throttled. */
static uint64_t patience(const struct sess *sess)
{
	return sess->patience > share(sess) ? sess->patience : share(sess);
}

static void throttle(struct sess *sess)
{
	struct sess_link *link;

	TAILQ_FOREACH (link, &sess->links, sess_entry) {
		credit_throttle(&link->credit);
		if (sess->told_full != sess->ep->rx->full)
			link->credit.owed = true; /* that, it is owed all the same */
	}
	sess->is_throttled = true;
	sess->taken = true; /* since it is throttled: not yet looked at */
	sess->stats.throttles++;
	TAILQ_INSERT_TAIL(&sess->engine->throttled, sess, throttled);
}

static void release(struct sess *sess)
{
	struct sess_link *link;

	TAILQ_REMOVE(&sess->engine->throttled, sess, throttled);
	sess->is_throttled = false;
	TAILQ_FOREACH (link, &sess->links, sess_entry) {
		credit_release(&link->credit);
		if (link->credit.owed)
			sess_link_ready(link);
	}
}

/* The application receives none of the piled up messages, so it waits for another: the peer
 * may send as much again. */
static void be_patient(struct sess *sess)
{
	sess->patience = 2 * sess->kept;
	release(sess);
}

void backlog_grant(struct sess_link *link)
{
	const struct sess *sess = link->sess;
	struct sess_credit *credit = &link->credit;
	uint32_t grant = credit->rx_grant;

	if (!credit->owed || credit->throttled)
		return;
	if (packets_left(link) < 0)
		grant /= 2;
	/* A few messages may never be received. */
	else if (packets_left(link) > 2 * (int64_t)grant && sess->kept <= share(sess) / 2)
		grant *= 2;
	if (grant > credit->rx_window)
		grant = credit->rx_window;
	credit->rx_grant = (uint16_t)(grant > SESS_CREDITS_MIN ? grant : SESS_CREDITS_MIN);
}

void backlog_forget_link(struct sess_link *link)
{
	if (link->has & LINK_GREETED)
		backlog_promise(link, -credit_left(&link->credit));
}

void backlog_progress(struct sess_engine *engine)
{
	struct sess *sess, *next;

	if (TAILQ_EMPTY(&engine->throttled))
		return;
	if (engine->taken) {
		engine->idle_calls = 0;
		engine->taken = false;
		return;
	}
	if (++engine->idle_calls < IDLE_CALLS)
		return;
	engine->idle_calls = 0;
	TAILQ_EACH_SAFE (sess, &engine->throttled, throttled, next)
		be_patient(sess);
}

uint64_t backlog_tick(struct sess_engine *engine, uint64_t now)
{
	struct sess *sess, *next;

	if (TAILQ_EMPTY(&engine->throttled))
		return SESS_NEVER;
	if (now < engine->next_look)
		return engine->next_look;
	engine->next_look = now + LOOK_INTERVAL;
	TAILQ_EACH_SAFE (sess, &engine->throttled, throttled, next) {
		if (sess->taken)
			sess->taken = false;
		else
			be_patient(sess);
	}
	return TAILQ_EMPTY(&engine->throttled) ? SESS_NEVER : engine->next_look;
}

void backlog_forget(struct sess *sess)
{
	struct sess_link *link;

	if (sess->is_throttled)
		TAILQ_REMOVE(&sess->engine->throttled, sess, throttled);
	sess->is_throttled = false;
	TAILQ_FOREACH (link, &sess->links, sess_entry) {
		link->credit.throttled = false;
		backlog_forget_link(link);
	}
	sess->ep->rx->budgets -= (int64_t)sess->own_budget;
	sess->own_budget = 0;
}

/* -- announcements only ------------------------------------------------------------ */

/* Full is told with the next packet to each peer; empty enough again, those
 * that were told get one. */
static void tell_full(struct sess_ep *ep, bool full)
{
	struct sess *sess;

	TAILQ_FOREACH (sess, &ep->sessions, ep_link) {
		if (sess->told_full != full && sess->state == SESS_OPEN && sess->link) {
			sess->link->credit.owed = true;
			sess_link_ready(sess->link);
		}
	}
}

/* Messages of ended sessions do not count: their peers are gone, and the other peers could
 * do nothing about them. */
static void judge_full(struct sess_rx *rx)
{
	const uint64_t most = rx->engine->config.unexpected_max;
	const uint64_t kept = rx->kept - rx->orphaned;
	const bool full = kept > (rx->full ? most / 2 : most);
	struct sess_ep *ep;

	if (rx->full == full)
		return;
	rx->full = full;
	TAILQ_FOREACH (ep, &rx->eps, rx_link)
		tell_full(ep, full);
}

/* -- counting ---------------------------------------------------------------------- */

void backlog_add(struct sess *sess, uint64_t bytes)
{
	struct sess_rx *rx = sess->ep->rx;

	if (sess->is_self)
		return; /* the application makes itself keep it */
	if (!sess->kept)
		rx->piled_up++;
	sess->kept += bytes;
	rx->kept += bytes;
	if (!sess->is_throttled && sess->state < SESS_FAILED && sess->kept > patience(sess))
		throttle(sess);
	judge_full(rx);
}

void backlog_remove(struct sess *sess, uint64_t bytes)
{
	struct sess_rx *rx = sess->ep->rx;

	if (sess->is_self)
		return;
	sess->kept -= bytes;
	rx->kept -= bytes;
	if (!sess->kept)
		rx->piled_up--;
	if (sess->kept <= share(sess) / 2)
		sess->patience = 0;
	if (sess->is_throttled && sess->kept <= patience(sess) / 2)
		release(sess);
	judge_full(rx);
}

void backlog_taken(struct sess *sess)
{
	sess->taken = true;
	sess->engine->taken = true;
}

/* Bytes of packets that peers of these links may send. */
static int64_t promised(const struct sess *sess)
{
	const struct sess_link *link;
	int64_t bytes = 0;

	TAILQ_FOREACH (link, &sess->links, sess_entry)
		if (link->has & LINK_GREETED && link->state < LINK_CLOSING)
			bytes += credit_left(&link->credit) *
				 (int64_t)link->core->config.buffer_size;
	return bytes;
}

void backlog_move(struct sess_ep *ep, struct sess_rx *to)
{
	struct sess *sess;

	TAILQ_FOREACH (sess, &ep->sessions, ep_link) {
		ep->rx->kept -= sess->kept;
		ep->rx->piled_up -= sess->kept != 0;
		to->kept += sess->kept;
		to->piled_up += sess->kept != 0;
		ep->rx->budgets -= (int64_t)sess->own_budget;
		to->budgets += (int64_t)sess->own_budget;
		ep->rx->promised -= promised(sess);
		to->promised += promised(sess);
	}
	judge_full(ep->rx);
}

/* -- the limit --------------------------------------------------------------------- */

void backlog_limits(struct sess_engine *engine, const struct sess_core_config *core)
{
	const struct sess_config *config = &engine->config;
	const uint64_t bytes =
		2 * config->unexpected_max + config->eager_budget +
		(uint64_t)core->credits * core->buffer_size +
		config->announced_max * (MESSAGE_SIZE_MIN + sizeof(struct sess_xfer));
	const unsigned answers = config->announced_max + core->credits * UINT8_MAX;

	if (bytes > engine->backlog_max)
		engine->backlog_max = bytes;
	if (answers > engine->answers_max)
		engine->answers_max = answers;
}

/* Whole messages stay receivable after their session, but for one that broke the
 * rules. */
void backlog_orphan(struct sess *sess)
{
	struct sess_rx *rx = sess->ep->rx;
	struct sess_message *message;

	if (sess->fail & FAIL_EXPELLED)
		session_shed(sess);
	while ((message = TAILQ_FIRST(&sess->messages))) {
		TAILQ_REMOVE(&sess->messages, message, sess_link);
		message->sess = NULL;
		TAILQ_INSERT_TAIL(&rx->orphans, message, sess_link);
		if (sess->is_self)
			continue;
		backlog_remove(sess, message_size(message));
		rx->kept += message_size(message);
		rx->orphaned += message_size(message);
	}
}

void backlog_drop(struct sess *sess)
{
	struct sess_message *message, *next;

	TAILQ_EACH_SAFE (message, &sess->messages, sess_link, next) {
		if (message->claimed)
			continue; /* the application was told that it has it */
		sess->stats.dropped_msgs++;
		message_forget(message);
	}
}

/* The oldest message of an ended session.  False: there is none. */
static bool drop_orphan(struct sess_rx *rx)
{
	struct sess_message *message;

	TAILQ_FOREACH (message, &rx->orphans, sess_link) {
		if (message->claimed || !message->counted)
			continue;
		message->ep->stats.dropped_msgs++;
		message_forget(message);
		return true;
	}
	return false;
}

/* Fails the session that makes us keep the most, and frees as much of that as can be freed
 * at once.  A session that failed before and is not closed yet counts as well.  False: none
 * makes us keep anything. */
static bool expel_greatest(struct sess_rx *rx)
{
	struct sess *sess, *greatest = NULL;
	struct sess_ep *ep;

	TAILQ_FOREACH (ep, &rx->eps, rx_link) {
		TAILQ_FOREACH (sess, &ep->sessions, ep_link) {
			if (!(sess->fail & FAIL_EXPELLED) &&
			    (!greatest || sess->kept > greatest->kept))
				greatest = sess;
		}
	}
	if (!greatest || !greatest->kept)
		return false;
	session_expel(greatest, ENOBUFS, "more unmatched messages than it was allowed");
	greatest->fail |= FAIL_EXPELLED;
	session_settle(greatest); /* its memory is wanted now */
	session_shed(greatest);
	return true;
}

void backlog_enforce(struct sess *sess)
{
	const struct sess_engine *engine = sess->engine;
	struct sess_rx *rx = sess->ep->rx;

	if (sess->answer_cnt > engine->answers_max)
		session_expel(sess, ENOBUFS,
			      "more answers waiting than a peer can cause that takes them");
	while (rx->kept > engine->backlog_max && (drop_orphan(rx) || expel_greatest(rx)))
		;
}
