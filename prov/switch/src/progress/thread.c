/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The progress thread of a pump (FI_PROGRESS_AUTO): sleeps on the core's descriptors,
 * and progresses under the lock.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/os.h"
#include "progress/pump.h"
#include "switch_session.h"

static int thread_epoll(struct switch_pump *pump)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fds[SWITCH_PUMP_FDS], cnt, epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return -1;
	cnt = pump->core.ops->wait_fds(pump->core.domain, fds, SWITCH_PUMP_FDS - 1);
	fds[cnt++] = pump->progress_fd;
	for (int i = 0; i < cnt; i++) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event)) {
			close(epoll_fd);
			return -1;
		}
	}
	return epoll_fd;
}

/* Returns how long the thread may sleep, in milliseconds: 0 if there is work. */
static int thread_progress(struct switch_pump *pump)
{
	uint64_t now, deadline;

	pump->cm_countdown = 0; /* an event left unread would wake us at once */
	switch_pump_progress(pump);
	if (pump->core.ops->trywait(pump->core.domain))
		return 0;
	now = switch_now();
	sess_tick(pump->engine, now);
	switch_pump_perform(pump); /* sessions that timed out, and the actions that follow */
	deadline = sess_tick(pump->engine, now);
	if (deadline == SESS_NEVER)
		return -1;
	return deadline <= now ? 0 : (int)((deadline - now) / 1000000 + 1);
}

static void *progress_thread(void *arg)
{
	struct switch_pump *pump = arg;
	struct epoll_event event;
	eventfd_t cnt;
	int timeout;
	bool stop;

	do {
		pthread_mutex_lock(&pump->lock);
		timeout = thread_progress(pump);
		stop = pump->progress_stop;
		pthread_mutex_unlock(&pump->lock);
		if (!stop && timeout)
			epoll_wait(pump->progress_epoll, &event, 1, timeout);
		eventfd_read(pump->progress_fd, &cnt);
	} while (!stop);
	return NULL;
}

int switch_pump_thread_start(struct switch_pump *pump)
{
	int ret;

	pump->progress_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pump->progress_fd < 0)
		return -errno;
	pump->progress_epoll = thread_epoll(pump);
	if (pump->progress_epoll < 0) {
		ret = -errno;
		close(pump->progress_fd);
		return ret;
	}
	ret = -pthread_create(&pump->progress_thread, NULL, progress_thread, pump);
	if (ret) {
		close(pump->progress_epoll);
		close(pump->progress_fd);
	}
	return ret;
}

void switch_pump_thread_stop(struct switch_pump *pump)
{
	pthread_mutex_lock(&pump->lock);
	pump->progress_stop = true;
	pthread_mutex_unlock(&pump->lock);
	eventfd_write(pump->progress_fd, 1);
	pthread_join(pump->progress_thread, NULL);
	close(pump->progress_epoll);
	close(pump->progress_fd);
	pump->progress_fd = -1;
}
