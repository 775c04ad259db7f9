/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sockets of the core, which has no call that returns their descriptors: they are found by
 * their addresses.
 */
#ifndef CORE_MSG_FDS_H
#define CORE_MSG_FDS_H

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CORE_MSG_FDS_MAX = 65536, /* descriptor numbers that are tried where no list names them */
};

/* Whether this is the address of the socket. */
static inline bool core_msg_socket_named(int fd, const void *name, size_t len)
{
	struct sockaddr_storage addr;
	socklen_t addr_len = sizeof(addr);

	return !getsockname(fd, (struct sockaddr *)&addr, &addr_len) && addr_len == len &&
	       !memcmp(&addr, name, len);
}

#endif
