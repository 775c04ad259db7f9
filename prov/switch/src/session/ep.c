/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints: they own their sessions, and have a receive context for the messages of these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

int sess_ep_create(struct sess_engine *engine, void *user, struct sess_ep **out)
{
	struct sess_ep *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return -ENOMEM;
	ep->engine = engine;
	ep->user = user;
	engine->config.random(&ep->instance, sizeof(ep->instance));
	TAILQ_INIT(&ep->sessions);
	TAILQ_INIT(&ep->messages);
	rx_init(&ep->own_rx, engine);
	ep->rx = &ep->own_rx;
	TAILQ_INSERT_TAIL(&ep->rx->eps, ep, rx_link);
	*out = ep;
	return 0;
}

int sess_ep_set_name(struct sess_ep *ep, const void *name, size_t len)
{
	if (len > SESS_NAME_MAX)
		return -EINVAL;
	memcpy(ep->name, name, len);
	ep->name_len = (uint8_t)len;
	return 0;
}

unsigned sess_ep_busy(const struct sess_ep *ep)
{
	return ep->busy;
}

void ep_free_if_done(struct sess_ep *ep)
{
	if (!ep->destroyed || !TAILQ_EMPTY(&ep->sessions))
		return;
	rx_close_ep(ep, ECANCELED); /* messages that came since it was closed */
	rx_fini(&ep->own_rx);
	free(ep);
}

void sess_ep_close(struct sess_ep *ep, int error)
{
	struct sess *sess, *next;

	ep->closed = true;
	rx_close_ep(ep, error);
	TAILQ_EACH_SAFE (sess, &ep->sessions, ep_link, next)
		session_close(sess);
	engine_settle(ep->engine);
}

void sess_ep_abort(struct sess_ep *ep, int error)
{
	struct sess *sess, *next;

	TAILQ_EACH_SAFE (sess, &ep->sessions, ep_link, next)
		session_abort(sess, error);
	engine_settle(ep->engine);
}

void sess_ep_destroy(struct sess_ep *ep)
{
	ep->destroyed = true;
	ep->user = NULL;
	ep_free_if_done(ep);
}

void session_stats_add(struct sess_stats *sum, const struct sess_stats *part)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)part;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "statistics are counters only");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

void sess_ep_stats(const struct sess_ep *ep, struct sess_stats *stats)
{
	const struct sess *sess;

	*stats = ep->stats;
	TAILQ_FOREACH (sess, &ep->sessions, ep_link)
		session_stats_add(stats, &sess->stats);
}
