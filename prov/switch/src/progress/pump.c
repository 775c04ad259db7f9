/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The pump of a domain: polls the core, feeds the engine, performs the engine's actions,
 * hands out completions.  The only file that performs engine actions on a core.  Called with
 * the lock by every read of a queue or counter, after every submission, and by the progress
 * thread.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/os.h"
#include "base/switch.h"
#include "core/core.h"
#include "progress/core.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

enum {
	POLL_BATCH = 16,
	POLL_ROUNDS = 8,   /* batches in one pass, because others want the lock */
	CM_INTERVAL = 256, /* passes between looks at the connections */
};

_Static_assert(sizeof(((struct sess_io *)0)->core) == sizeof(struct core_io),
	       "the engine lends the core its scratch");
_Static_assert(offsetof(struct sess_io, core) == 0, "and finds its own by the address");
_Static_assert((int)CORE_IOV_MAX >= (int)SESS_SEND_IOV_MAX, "a packet fits one core send");

/* -- from the core to the engine ---------------------------------------------- */

static void handle_event(struct switch_pump *pump, struct core_event *event)
{
	switch (event->type) {
	case CORE_RECV:
		sess_input(pump->engine, event->data, event->len);
		break;
	case CORE_DONE:
		sess_done(pump->engine, (struct sess_io *)event->io, event->error);
		break;
	case CORE_REQUEST:
		pump->front->request(pump, event);
		break;
	case CORE_CONNECTED:
		switch_link_connected(event);
		break;
	case CORE_REFUSED:
		switch_link_refused(event);
		break;
	case CORE_BROKEN:
		switch_link_broken(event);
		break;
	case CORE_CLOSED:
		switch_link_path_closed(event);
		break;
	}
}

/* tick: the coarse clock went on since the last pass.  Connection events are then read in
 * every pass of an application that progresses seldom, and now and then in one that polls,
 * because a peer that connects is waiting. */
static void poll_core(struct switch_pump *pump, bool tick)
{
	struct core_event events[POLL_BATCH];
	bool check_cm = tick || pump->cm_pending || !pump->cm_countdown;
	int cnt;

	pump->cm_countdown = pump->cm_countdown ? pump->cm_countdown - 1 : CM_INTERVAL;
	for (int round = 0; round < POLL_ROUNDS; round++) {
		cnt = pump->core.ops->poll(pump->core.domain, events, POLL_BATCH, check_cm);
		for (int i = 0; i < cnt; i++) {
			handle_event(pump, &events[i]);
			pump->core.ops->release(pump->core.domain, &events[i]);
		}
		if (cnt < POLL_BATCH)
			break;
		switch_pump_perform(pump);
	}
}

/* -- from the engine to the core ----------------------------------------------- */

static void core_iov(const struct switch_core *core, const struct sess_action *action,
		     struct iovec *iov, void **desc)
{
	for (unsigned i = 0; i < action->iov_cnt; i++) {
		const struct core_mr *mr = (const struct core_mr *)action->iov[i].mem;

		iov[i].iov_base = action->iov[i].addr;
		iov[i].iov_len = action->iov[i].len;
		desc[i] = mr ? core->ops->mr_desc(mr) : NULL;
	}
}

static void perform_send(struct switch_pump *pump, const struct sess_action *action)
{
	const struct switch_link *link = action->user;
	struct sess_io *io = action->io;
	struct iovec iov[SESS_SEND_IOV_MAX];
	void *desc[SESS_SEND_IOV_MAX];
	int ret;

	core_iov(link->core, action, iov, desc);
	ret = link->core->ops->send(link->path, (struct core_io *)io, iov, desc, action->iov_cnt,
				    action->len, action->may_buffer);
	sess_took(pump->engine, ret > 0 ? 0 : ret);
	if (ret > 0)
		sess_done(pump->engine, io, 0);
}

static void perform_rma(struct switch_pump *pump, const struct sess_action *action)
{
	const struct switch_link *link = action->user;
	const struct core_ops *ops = link->core->ops;
	struct core_io *io = (struct core_io *)action->io;
	struct iovec iov[SESS_SEND_IOV_MAX];
	void *desc[SESS_SEND_IOV_MAX];
	uint64_t key = 0;
	int ret = -EPROTO;

	core_iov(link->core, action, iov, desc);
	if (action->key_len <= sizeof(key)) {
		memcpy(&key, action->key, action->key_len);
		ret = (action->type == SESS_ACT_READ ? ops->read : ops->write)(
			link->path, io, iov, desc, action->iov_cnt, action->raddr, key);
	}
	sess_took(pump->engine, ret);
}

static void perform_register(struct switch_pump *pump, const struct sess_action *action)
{
	const uint64_t access = (action->access & SESS_ACCESS_LOCAL_READ ? FI_WRITE | FI_SEND : 0) |
				(action->access & SESS_ACCESS_LOCAL_WRITE ? FI_READ | FI_RECV : 0) |
				(action->access & SESS_ACCESS_REMOTE_READ ? FI_REMOTE_READ : 0) |
				(action->access & SESS_ACCESS_REMOTE_WRITE ? FI_REMOTE_WRITE : 0);
	const struct switch_link *link = action->user;
	struct core_mr *mr = NULL;
	uint64_t raddr = 0, key = 0;
	int ret;

	ret = link->core->ops->mr_reg(link->core->domain, link->path, action->iov[0].addr,
				      action->iov[0].len, access, &mr, &raddr, &key);
	if (ret)
		SW_INFO(MR, "the core did not register %zu bytes: %s\n", action->iov[0].len,
			fi_strerror(-ret));
	sess_registered(pump->engine, action->xfer, -ret, (struct sess_mem *)mr, raddr, &key,
			sizeof(key));
}

static void perform_deregister(const struct sess_action *action)
{
	const struct switch_core *core = action->core; /* its link may be gone */

	core->ops->mr_close((struct core_mr *)action->mem);
}

void switch_pump_perform(struct switch_pump *pump)
{
	const struct sess_action *action;

	while ((action = sess_next(pump->engine))) {
		switch (action->type) {
		case SESS_ACT_COMPLETE:
			pump->front->complete(pump, action->op);
			break;
		case SESS_ACT_SEND:
			perform_send(pump, action);
			break;
		case SESS_ACT_READ:
		case SESS_ACT_WRITE:
			perform_rma(pump, action);
			break;
		case SESS_ACT_REGISTER:
			perform_register(pump, action);
			break;
		case SESS_ACT_DEREGISTER:
			perform_deregister(action);
			break;
		case SESS_ACT_UP:
			switch_link_up(action->user);
			break;
		case SESS_ACT_CONNECT:
			pump->front->connect(action->user);
			break;
		case SESS_ACT_BYE:
			switch_link_bye(action->user);
			break;
		case SESS_ACT_DOWN:
			switch_link_down(action->user, action->error);
			break;
		case SESS_ACT_LINK_DOWN: /* no session of ours has a second link to close */
			break;
		}
	}
}

void switch_pump_submitted(struct switch_pump *pump)
{
	if (pump->progress == FI_PROGRESS_AUTO) {
		sess_flush(pump->engine);
	} else if (pump->waited && sess_holds(pump->engine)) {
		pump->waited = false; /* set again by whoever is about to sleep */
		switch_pump_wake(pump);
	}
	switch_pump_perform(pump);
}

void switch_pump_progress(struct switch_pump *pump)
{
	const uint64_t now = switch_now_coarse(); /* every empty poll pays for it */
	const bool tick = now != pump->last_tick;

	sess_progress(pump->engine, sess_wants_time(pump->engine) ? switch_now() : now);
	poll_core(pump, tick);
	if (tick) {
		pump->last_tick = now;
		sess_tick(pump->engine, now);
	}
	switch_pump_perform(pump);
}

void switch_pump_init(struct switch_pump *pump, const struct switch_front *front)
{
	pump->front = front;
	pump->timer_fd = pump->progress_fd = -1;
	pthread_mutex_init(&pump->lock, NULL);
	LIST_INIT(&pump->links);
}

void switch_pump_fini(struct switch_pump *pump)
{
	if (pump->core.sess)
		sess_core_destroy(pump->core.sess);
	if (pump->engine)
		sess_engine_destroy(pump->engine);
	if (pump->core.domain)
		pump->core.ops->domain_close(pump->core.domain);
	switch_pump_timer_close(pump);
	fi_freeinfo(pump->core.info);
	pthread_mutex_destroy(&pump->lock);
}
