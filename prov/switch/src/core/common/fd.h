/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Helpers of both adapters: closing objects of a core, and epoll sets of the descriptors that
 * wake sleepers.
 */
#ifndef CORE_FD_H
#define CORE_FD_H

#include <stdint.h>

#include <rdma/fabric.h>

/* Closes an object of the core; does nothing if it was never opened (NULL). */
#define CORE_CLOSE(object, what)                                                                   \
	do {                                                                                       \
		if (object)                                                                        \
			core_fid_close(&(object)->fid, what);                                      \
	} while (0)

/* A failure is logged and otherwise ignored: there is nothing left to do about it. */
void core_fid_close(struct fid *fid, const char *what);
/* The descriptor that is readable while the queue has something; 0 or a negative errno. */
int core_fid_wait_fd(struct fid *fid, const char *what, int *fd);
/* A new epoll set; 0 or a negative errno. */
int core_epoll_open(int *set);
/* Adds a descriptor to the set, for these events of epoll(7); 0 or a negative errno. */
int core_epoll_add(int set, int fd, uint32_t events);
void core_epoll_remove(int set, int fd);
/* Closes a descriptor; does nothing if it was never opened (negative). */
void core_fd_close(int fd);

#endif
