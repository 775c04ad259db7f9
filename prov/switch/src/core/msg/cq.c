/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The completion queues of a domain: opens them, chooses one for each path, and prepares
 * them for sleeping.  Called by the other files of core/msg under the domain's lock.  It
 * reads no completion.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "core/common/data.h"
#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/msg/cq.h"
#include "core/msg/domain.h"
#include "core/msg/path.h"

/*
 * Why there are two.  One queue with a descriptor serves any number of paths.  The tcp core
 * of libfabric before 1.18 asks such a queue with epoll(7), and every message then pays for
 * the kernel's bookkeeping, some 0.8 us of a half round trip.  It asks a queue of
 * FI_WAIT_POLLFD with poll(2), at 20 ns for each path.  So with that core the first few
 * paths get a queue of the second kind, the polled one; the other is the waited one.
 *
 * The polled queue has no descriptor to sleep on but a list of them, which changes while
 * somebody sleeps.  An epoll set of our own follows that list, exactly, from
 * core_msg_queue_trywait() on and as long as the domain is armed.  Following costs a call
 * into the core for each poll, so it ends after ARMED_CALLS, and whoever may still be
 * asleep is woken.  Sleepers are woken, too, when a poll leaves something behind in a
 * queue: the read has taken away the core's own signal.
 */
enum {
	ARMED_CALLS = 1024, /* polls and operations during which the list is followed */
};

static int queue_open(struct core_domain *domain, enum fi_wait_obj wait_obj, struct fid_cq **cq)
{
	struct fi_cq_attr attr = {
		.size = domain->rx_max + CORE_OUT_MAX,
		.format = FI_CQ_FORMAT_MSG,
		.wait_obj = wait_obj,
	};

	return fi_cq_open(domain->base.domain, &attr, cq, NULL);
}

static int polled_open(struct core_domain *domain)
{
	struct core_msg_polled *polled = &domain->polled;
	int ret;

	ret = queue_open(domain, FI_WAIT_POLLFD, &polled->queue.cq);
	if (ret)
		return core_failed("fi_cq_open", ret);
	return core_epoll_open(&polled->epoll_fd);
}

int core_msg_queues_open(struct core_domain *domain, bool with_polled)
{
	int ret;

	domain->rx_max = domain->window ? CORE_MSG_RX_MAX : domain->base.buffer_max;
	ret = queue_open(domain, FI_WAIT_FD, &domain->waited.cq);
	while (ret && domain->window && domain->rx_max > domain->base.buffer_max) {
		domain->rx_max /= 2; /* the device has no queue of that size */
		ret = queue_open(domain, FI_WAIT_FD, &domain->waited.cq);
	}
	if (ret)
		return core_failed("fi_cq_open", ret);
	ret = core_fid_wait_fd(&domain->waited.cq->fid, "a completion queue", &domain->waited_fd);
	if (ret)
		return ret;
	domain->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (domain->wake_fd < 0)
		return core_failed("eventfd", -errno);
	return with_polled ? polled_open(domain) : 0;
}

void core_msg_queues_close(struct core_domain *domain)
{
	CORE_CLOSE(domain->waited.cq, "a completion queue");
	CORE_CLOSE(domain->polled.queue.cq, "a completion queue");
	core_fd_close(domain->polled.epoll_fd);
	core_fd_close(domain->wake_fd);
}

struct core_msg_queue *core_msg_queue_choose(struct core_domain *domain)
{
	struct core_msg_queue *polled = &domain->polled.queue;

	if (!polled->cq || polled->path_cnt == CORE_MSG_POLLED_PATHS ||
	    domain->expected > CORE_MSG_POLLED_PATHS)
		return &domain->waited;
	return polled;
}

/* -- waiting -------------------------------------------------------------- */

static bool same_fds(const struct core_msg_polled *polled, const struct fi_wait_pollfd *now)
{
	if (polled->change_index != now->change_index || polled->fd_cnt != now->nfds)
		return false;
	for (size_t i = 0; i < now->nfds; i++)
		if (polled->fds[i].fd != now->fd[i].fd ||
		    polled->fds[i].events != now->fd[i].events)
			return false;
	return true;
}

/* Empties the set before its descriptors are closed: a file that a forked child still has
 * open would stay in the set although its last descriptor here is closed. */
static void polled_forget(struct core_msg_polled *polled)
{
	for (size_t i = 1; i < polled->fd_cnt; i++)
		core_epoll_remove(polled->epoll_fd, polled->fds[i].fd);
	polled->fd_cnt = 0;
}

/* Fills the set anew from the core's list; adding a descriptor that is ready wakes whoever
 * sleeps.  poll(2) and epoll(7) share the bits of their events.  The list's first
 * descriptor is left out: the core wakes sleepers of its own with it, and only they reset
 * it.  On failure the set is empty, so the next call fills it again. */
static int polled_make(struct core_msg_polled *polled, const struct fi_wait_pollfd *list)
{
	int ret;

	polled_forget(polled);
	memcpy(polled->fds, list->fd, list->nfds * sizeof(polled->fds[0]));
	polled->fd_cnt = list->nfds;
	polled->change_index = list->change_index;
	for (size_t i = 1; i < polled->fd_cnt; i++) {
		ret = core_epoll_add(polled->epoll_fd, polled->fds[i].fd,
				     (uint32_t)polled->fds[i].events);
		if (ret) {
			polled_forget(polled);
			return ret;
		}
	}
	return 0;
}

/* Makes the set equal to the core's list.  Fails, too, if there is a completion to read. */
static int polled_follow(struct core_msg_polled *polled)
{
	struct pollfd fds[CORE_MSG_POLLED_FDS];
	struct fi_wait_pollfd now = {.nfds = CORE_MSG_POLLED_FDS, .fd = fds};
	int ret;

	/* the core brings its list up to date when it is read */
	if (fi_cq_read(polled->queue.cq, NULL, 0) != -FI_EAGAIN)
		return -FI_EAGAIN;
	ret = fi_control(&polled->queue.cq->fid, FI_GETWAIT, &now);
	if (ret)
		return core_failed("descriptors of the polled queue", ret);
	return same_fds(polled, &now) ? 0 : polled_make(polled, &now);
}

void core_msg_queue_closing(const struct core_path *path)
{
	if (path->queue == &path->domain->polled.queue)
		polled_forget(&path->domain->polled);
}

void core_msg_wake(struct core_domain *domain)
{
	if (!domain->armed)
		return;
	domain->armed = 0;
	eventfd_write(domain->wake_fd, 1);
}

void core_msg_queue_changed(struct core_domain *domain)
{
	if (!domain->polled.queue.cq)
		return;
	if (domain->armed == 1 || polled_follow(&domain->polled))
		core_msg_wake(domain);
	else
		domain->armed--;
}

int core_msg_queue_trywait(struct core_domain *domain)
{
	struct core_msg_polled *polled = &domain->polled;
	struct fid *waited_fid = &domain->waited.cq->fid, *polled_fid;
	eventfd_t cnt;
	int ret;

	eventfd_read(domain->wake_fd, &cnt);
	domain->armed = ARMED_CALLS;
	ret = fi_trywait(domain->fabric, &waited_fid, 1);
	if (ret || !polled->queue.cq)
		return ret;
	if (polled_follow(polled))
		return -FI_EAGAIN;
	polled_fid = &polled->queue.cq->fid;
	ret = fi_trywait(domain->fabric, &polled_fid, 1);
	if (ret)
		return ret;
	return polled_follow(polled) ? -FI_EAGAIN : 0; /* fi_trywait may have changed the list */
}
