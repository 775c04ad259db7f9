/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Closes objects of a core, and keeps the epoll sets that users of a domain sleep on.
 * Called by both adapters under the lock of whoever owns the object.  It never sleeps.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/common/fd.h"
#include "core/common/log.h"

void core_fid_close(struct fid *fid, const char *what)
{
	int ret = fi_close(fid);

	if (ret)
		CORE_WARN(CORE, "closing %s: %s\n", what, fi_strerror(-ret));
}

int core_fid_wait_fd(struct fid *fid, const char *what, int *fd)
{
	int ret = fi_control(fid, FI_GETWAIT, fd);

	if (ret)
		CORE_WARN(CORE, "descriptor of %s: %s\n", what, fi_strerror(-ret));
	return ret;
}

int core_epoll_open(int *set)
{
	*set = epoll_create1(EPOLL_CLOEXEC);
	return *set < 0 ? core_failed("epoll_create1", -errno) : 0;
}

int core_epoll_add(int set, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? core_failed("epoll_ctl", -errno) : 0;
}

void core_epoll_remove(int set, int fd)
{
	epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
}

void core_fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
