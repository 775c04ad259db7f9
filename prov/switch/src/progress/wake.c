/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wakes up the threads that wait for a pump: by the descriptors of its core, and by a timer for
 * the next deadline of the engine.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/os.h"
#include "progress/pump.h"
#include "switch_session.h"

int switch_pump_fds(struct switch_pump *pump, int *fds)
{
	if (pump->progress == FI_PROGRESS_AUTO)
		return 0;
	fds[0] = pump->timer_fd;
	return 1 + pump->core.ops->wait_fds(pump->core.domain, fds + 1, SWITCH_PUMP_FDS - 1);
}

/* Sets the timer to the next deadline, as sess_tick() returned it: before somebody sleeps,
 * and when a deadline may have come nearer while somebody does. */
static void timer_set(struct switch_pump *pump, uint64_t deadline)
{
	struct itimerspec spec = {0};

	if (deadline == pump->timer_set)
		return;
	pump->timer_set = deadline;
	if (deadline != SESS_NEVER) {
		spec.it_value.tv_sec = deadline / 1000000000;
		spec.it_value.tv_nsec = deadline % 1000000000;
	}
	timerfd_settime(pump->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

int switch_pump_trywait(struct switch_pump *pump)
{
	uint64_t now, deadline;

	if (pump->progress == FI_PROGRESS_AUTO)
		return 0;
	pump->cm_countdown = 0; /* a connection event left unread would wake us at once */
	switch_pump_progress(pump);
	now = switch_now();
	sess_tick(pump->engine, now);
	switch_pump_perform(pump); /* actions of sessions that ended in the tick */
	deadline = sess_tick(pump->engine, now);
	timer_set(pump, deadline);
	pump->waited = true;
	if (deadline <= now)
		return -FI_EAGAIN;
	return pump->core.ops->trywait(pump->core.domain);
}

void switch_pump_wake(struct switch_pump *pump)
{
	if (pump->progress_fd >= 0)
		eventfd_write(pump->progress_fd, 1);
	else
		timer_set(pump, sess_tick(pump->engine, switch_now()));
}

int switch_pump_timer_open(struct switch_pump *pump)
{
	pump->timer_set = SESS_NEVER;
	pump->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return pump->timer_fd < 0 ? -errno : 0;
}

void switch_pump_timer_close(struct switch_pump *pump)
{
	if (pump->timer_fd >= 0)
		close(pump->timer_fd);
}
