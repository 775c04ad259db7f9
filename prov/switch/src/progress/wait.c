/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wait objects: the descriptor by which an application sleeps until a queue or
 * a counter has something, or until there is something to progress; and the loop of
 * the calls that block.
 *
 * Owned by the queue or counter that embeds them, under that one's lock.  A
 * domain with a progress thread is not in them: its thread sleeps on the core
 * and signals.  Nothing but switch_wait_sleep() blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "base/os.h"
#include "progress/pump.h"
#include "progress/wait.h"
#include "switch_session.h"

static int add_fd(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST ? -errno : 0;
}

/* An epoll set with an eventfd in it. */
static int open_pair(int *epoll_fd, int *event_fd)
{
	*event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return *event_fd < 0 || *epoll_fd < 0 ? -errno : add_fd(*epoll_fd, *event_fd);
}

static void close_pair(int *epoll_fd, int *event_fd)
{
	if (*epoll_fd >= 0)
		close(*epoll_fd);
	if (*event_fd >= 0)
		close(*event_fd);
	*epoll_fd = *event_fd = -1;
}

static int wait_init(struct switch_wait *wait)
{
	int ret = open_pair(&wait->epoll_fd, &wait->event_fd);

	if (!ret)
		ret = open_pair(&wait->sleep_fd, &wait->call_fd);
	if (ret)
		switch_wait_fini(wait);
	return ret;
}

void switch_wait_fini(struct switch_wait *wait)
{
	if (wait->set)
		wait->leave_set(wait);
	close_pair(&wait->epoll_fd, &wait->event_fd);
	close_pair(&wait->sleep_fd, &wait->call_fd);
	wait->set = NULL;
}

int switch_wait_add_fd(struct switch_wait *wait, int fd)
{
	int ret;

	if (wait->epoll_fd < 0 || fd < 0)
		return 0;
	ret = add_fd(wait->epoll_fd, fd);
	return ret ? ret : add_fd(wait->sleep_fd, fd);
}

void switch_wait_del_fd(struct switch_wait *wait, int fd)
{
	struct epoll_event event = {0};

	if (wait->epoll_fd < 0 || fd < 0)
		return;
	epoll_ctl(wait->epoll_fd, EPOLL_CTL_DEL, fd, &event);
	epoll_ctl(wait->sleep_fd, EPOLL_CTL_DEL, fd, &event);
}

int switch_wait_add_pump(struct switch_wait *wait, struct switch_pump *pump)
{
	int fds[SWITCH_PUMP_FDS];
	int cnt, ret = 0;

	if (wait->epoll_fd < 0)
		return 0;
	cnt = switch_pump_fds(pump, fds);
	for (int i = 0; i < cnt && !ret; i++)
		ret = switch_wait_add_fd(wait, fds[i]);
	return ret;
}

void switch_wait_del_pump(struct switch_wait *wait, struct switch_pump *pump)
{
	int fds[SWITCH_PUMP_FDS];
	int cnt;

	if (wait->epoll_fd < 0)
		return;
	cnt = switch_pump_fds(pump, fds);
	for (int i = 0; i < cnt; i++)
		switch_wait_del_fd(wait, fds[i]);
}

int switch_wait_open(struct switch_wait *wait, enum fi_wait_obj wait_obj, struct switch_pump *pump)
{
	int ret;

	*wait = (struct switch_wait){.epoll_fd = -1, .event_fd = -1, .sleep_fd = -1, .call_fd = -1};
	wait->obj = wait_obj == FI_WAIT_UNSPEC ? FI_WAIT_FD : wait_obj;
	if (wait_obj == FI_WAIT_NONE)
		return 0;
	ret = wait_init(wait);
	if (!ret && pump) {
		ret = switch_wait_add_pump(wait, pump);
		if (ret)
			switch_wait_fini(wait);
	}
	return ret;
}

void switch_wait_signal(struct switch_wait *wait)
{
	if (wait->armed) {
		wait->armed = false;
		wait->signaled = true;
		eventfd_write(wait->event_fd, 1);
	}
	if (wait->called < wait->asleep) {
		if (!wait->called)
			eventfd_write(wait->call_fd, 1);
		wait->called = wait->asleep;
		wait->calls++;
	}
}

bool switch_wait_arm(struct switch_wait *wait)
{
	const bool signaled = wait->signaled;
	eventfd_t cnt;

	if (wait->epoll_fd < 0)
		return false;
	if (signaled)
		eventfd_read(wait->event_fd, &cnt);
	wait->signaled = false;
	wait->armed = true;
	return signaled;
}

/* -- threads ------------------------------------------------------------------ */

struct switch_sleeper switch_sleeper(int timeout)
{
	return (struct switch_sleeper){
		.deadline = timeout < 0 ? SESS_NEVER : switch_now() + (uint64_t)timeout * 1000000};
}

void switch_wait_enter(struct switch_wait *wait, struct switch_sleeper *sleeper)
{
	sleeper->entered = true;
	sleeper->calls = wait->calls;
	wait->asleep++;
}

bool switch_wait_leave(struct switch_wait *wait, struct switch_sleeper *sleeper)
{
	const bool called = sleeper->entered && sleeper->calls != wait->calls;
	eventfd_t cnt;

	if (!sleeper->entered)
		return false;
	sleeper->entered = false;
	wait->asleep--;
	if (called && !--wait->called)
		eventfd_read(wait->call_fd, &cnt);
	return called;
}

int switch_wait_sleep(const struct switch_wait *wait, const struct switch_sleeper *sleeper)
{
	struct epoll_event event;
	uint64_t now, left;
	int timeout = -1, ret;

	if (sleeper->deadline != SESS_NEVER) {
		now = switch_now();
		if (now >= sleeper->deadline)
			return -FI_ETIMEDOUT;
		left = (sleeper->deadline - now + 999999) / 1000000;
		timeout = left < INT32_MAX ? (int)left : INT32_MAX;
	}
	if (!sleeper->entered)
		return 0;
	ret = epoll_wait(wait->sleep_fd, &event, 1, timeout);
	if (ret < 0)
		return errno == EINTR ? -FI_EAGAIN : -errno;
	return 0; /* when the time is over, the next call says so */
}

ssize_t switch_wait_block(struct switch_waiter *waiter)
{
	ssize_t ret;
	int why;

	for (unsigned pass = 0;; pass++) {
		ret = waiter->look(waiter, pass >= waiter->spins);
		if (ret == -FI_ECANCELED)
			return waiter->give_up(waiter, (int)ret);
		if (ret != -FI_EAGAIN)
			return ret;
		why = switch_wait_sleep(waiter->wait, &waiter->sleeper);
		if (why && !(why == -FI_EAGAIN && waiter->restarts))
			return waiter->give_up(waiter, why);
	}
}
