/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Prepares sleeping until a connectionless core has something: on its queue's descriptor if
 * it has one that can be slept on, else until a timer expires.  Called through core_rdm_ops
 * and by core_rdm_poll() under the domain's lock.  It does not sleep itself.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/rdm/domain.h"

enum {
	BUSY_POLLS = 64,     /* polls without an event, in a row, before the timer is used */
	WAIT_FIRST = 20000,  /* nanoseconds until the timer expires at first */
	WAIT_LAST = 1000000, /* and at most */
	WAITS_MOST = 256,    /* successful calls of trywait without an event ... */
	WAITS_TIME = 100,    /* ... within so many milliseconds: nobody slept */
};

int core_rdm_wait_open(struct core_domain *domain)
{
	int ret;

	ret = core_epoll_open(&domain->wait_fd);
	if (ret)
		return ret;
	domain->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (domain->timer_fd < 0)
		return core_failed("timerfd_create", -errno);
	ret = core_epoll_add(domain->wait_fd, domain->timer_fd, EPOLLIN);
	if (ret || !domain->has_fd)
		return ret;
	ret = core_fid_wait_fd(&domain->cq->fid, "a completion queue", &domain->cq_fd);
	return ret ? ret : core_epoll_add(domain->wait_fd, domain->cq_fd, EPOLLIN);
}

/* A core without a descriptor does not wake sleepers, and no core does when it could take a
 * frame that it refused before.  So the timer wakes them: soon, and later less often. */
void core_rdm_timer_arm(struct core_domain *domain)
{
	struct itimerspec when = {.it_value.tv_nsec = WAIT_FIRST};
	unsigned i;

	for (i = BUSY_POLLS; i < domain->idle_polls && when.it_value.tv_nsec < WAIT_LAST; i++)
		when.it_value.tv_nsec += WAIT_FIRST;
	timerfd_settime(domain->timer_fd, 0, &when, NULL);
	domain->timer_set = true;
}

/* A timer that has expired is readable until it is set again. */
static void disarm_timer(struct core_domain *domain)
{
	const struct itimerspec never = {.it_value.tv_nsec = 0};

	if (domain->timer_set)
		timerfd_settime(domain->timer_fd, 0, &never, NULL);
	domain->timer_set = false;
}

int core_rdm_wait_fds(struct core_domain *domain, int *fds, int max)
{
	if (max < 1)
		return 0;
	fds[0] = domain->wait_fd;
	return 1;
}

uint64_t core_rdm_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The descriptor of some cores (net) stays readable with nothing to read, and whoever sleeps
 * on it spins.  Then it is taken out of the set, and the timer is used instead. */
static int count_wait(struct core_domain *domain)
{
	if (!domain->waits++)
		domain->waits_since = core_rdm_now();
	if (domain->waits < WAITS_MOST)
		return 0;
	domain->waits = 0;
	if (core_rdm_now() - domain->waits_since > WAITS_TIME)
		return 0;
	CORE_INFO(CQ, "the queue's descriptor wakes for nothing: looking by the clock\n");
	core_epoll_remove(domain->wait_fd, domain->cq_fd);
	domain->has_fd = false;
	return -FI_EAGAIN;
}

int core_rdm_trywait(struct core_domain *domain)
{
	struct fid *fid = &domain->cq->fid;
	int ret = 0;

	if (!TAILQ_EMPTY(&domain->due) || !SLIST_EMPTY(&domain->base.idle))
		return -FI_EAGAIN;
	if (!domain->has_fd || !TAILQ_EMPTY(&domain->waiting)) {
		if (domain->idle_polls < BUSY_POLLS)
			return -FI_EAGAIN;
		core_rdm_timer_arm(domain);
	} else {
		disarm_timer(domain);
	}
	if (domain->has_fd) {
		ret = fi_trywait(domain->fabric, &fid, 1);
		if (!ret)
			ret = count_wait(domain);
	}
	domain->armed = !ret;
	return ret;
}
