/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Draining: an endpoint or a domain that is closed waits for its sessions to end, whose peers
 * have not acknowledged everything yet.
 */
#include <poll.h>

#include <rdma/fi_errno.h>

#include "base/os.h"
#include "base/params.h"
#include "base/switch.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

enum {
	DRAIN_WAIT = 10, /* milliseconds to sleep while closing */
	REST_SHARE = 10, /* fi_close of the last endpoint waits CLOSE_TIMEOUT / REST_SHARE */
};

void switch_pump_wait(struct switch_pump *pump)
{
	struct pollfd pollfds[SWITCH_PUMP_FDS];
	int fds[SWITCH_PUMP_FDS],
		cnt = pump->core.ops->wait_fds(pump->core.domain, fds, SWITCH_PUMP_FDS);

	if (pump->core.ops->trywait(pump->core.domain))
		return;
	for (int i = 0; i < cnt; i++)
		pollfds[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	switch_pump_unlock(pump);
	poll(pollfds, (nfds_t)cnt, DRAIN_WAIT);
	switch_pump_lock(pump);
}

static size_t link_cnt(const struct switch_pump *pump)
{
	const struct switch_link *link;
	size_t cnt = 0;

	LIST_FOREACH (link, &pump->links, entry)
		cnt++;
	return cnt;
}

/* Progresses until no link is left or the deadline is over.  After the deadline it goes on
 * for as long as links end, because the process may have been stopped meanwhile. */
static void drain_until(struct switch_pump *pump, uint64_t deadline)
{
	size_t left = SIZE_MAX, before;
	uint64_t now;

	for (;;) {
		now = switch_now();
		pump->cm_countdown = 0;
		switch_pump_progress(pump);
		before = left;
		left = link_cnt(pump);
		if (!left || (now >= deadline && left >= before))
			return;
		if (now < deadline)
			switch_pump_wait(pump);
	}
}

/*
 * A program may exit without closing its domain.  Over a core with connections the
 * peers notice.  Over others nobody tells them, their own close would wait for an
 * answer in vain, and the core may leave something behind (shm: a file).  A peer that
 * makes progress answers within the time; one that computes or is idle must not hold
 * up a server for long, and finds our BYE later, where the core keeps it.
 */
void switch_pump_rest(struct switch_pump *pump)
{
	const uint64_t linger = (uint64_t)switch_params.close_timeout * 1000000;
	struct switch_link *link;

	if (!pump->core.caps->tells_end)
		drain_until(pump, switch_now() + linger / REST_SHARE);
	if (pump->core.caps->keeps_sent && !LIST_EMPTY(&pump->links)) {
		LIST_FOREACH (link, &pump->links, entry)
			if (link->sess)
				sess_leave(link->sess);
		switch_pump_perform(pump);
		drain_until(pump, switch_now());
	}
	pump->core.ops->rest(pump->core.domain);
}

void switch_pump_drain(struct switch_pump *pump)
{
	const uint64_t linger = (uint64_t)switch_params.close_timeout * 1000000;
	struct switch_link *link;

	drain_until(pump, switch_now() + linger);
	LIST_FOREACH (link, &pump->links, entry)
		if (link->sess)
			sess_abort(link->sess, FI_ECANCELED);
	switch_pump_perform(pump);
	drain_until(pump, switch_now() + linger);
	if (!LIST_EMPTY(&pump->links))
		SW_WARN(DOMAIN, "leaving paths behind that the core did not give up\n");
	while ((link = LIST_FIRST(&pump->links)))
		switch_link_end(link);
	switch_pump_perform(pump);
}
