/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Keeps a peer that connects from blocking the whole process.  The tcp core before 1.18
 * reads the head of a connection request, and then the data that the head announces, from
 * a socket that blocks: a peer that sent 32 bytes and no more made it wait for ever, with
 * the domain's lock held.  Linux gives the sockets that it accepts the receive timeout of
 * the listening one, so that is set here.  Called when a listener starts; with any other
 * core it finds no socket, and does nothing.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <rdma/fi_cm.h>

#include "core/common/caps.h"
#include "core/common/log.h"
#include "core/msg/fds.h"
#include "core/msg/listener.h"

static bool core_msg_fd_listens(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) && value;
}

/* Sets the shortest timeout that there is, since an attacker makes us wait for each of its
 * connections.  The data of an honest peer has come when its head has: both are one
 * segment.  The timeout counts while the socket blocks, which it does until the request is
 * accepted. */
static void core_msg_fd_hurry(int fd)
{
	const struct timeval shortest = {.tv_usec = 1};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &shortest, sizeof(shortest)))
		CORE_INFO(EP_CTRL, "a timeout for connection requests: %m\n");
}

/* Guards the listening sockets in the epoll set that is the descriptor of the listener's
 * event queue, as the kernel lists it.  False: there is none. */
static bool core_msg_guard_listed(const struct core_listener *listener)
{
	char path[64], line[256];
	bool found = false;
	FILE *set;
	int fd;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", listener->eq_fd);
	set = fopen(path, "re");
	if (!set)
		return false;
	while (fgets(line, sizeof(line), set)) {
		if (sscanf(line, "tfd: %d", &fd) == 1 && core_msg_fd_listens(fd)) {
			core_msg_fd_hurry(fd);
			found = true;
		}
	}
	fclose(set);
	return found;
}

/* Guards the listening socket with the listener's address.  Only for the core that needs it:
 * with another one, the socket with this address may be the application's. */
static void core_msg_guard_named(const struct core_listener *listener)
{
	uint8_t name[CORE_ADDR_MAX];
	size_t len = sizeof(name);

	if (!core_is_tcp(listener->info) || !FI_VERSION_LT(fi_version(), FI_VERSION(1, 18)) ||
	    fi_getname(&listener->pep->fid, name, &len))
		return;
	for (int fd = 0; fd < CORE_MSG_FDS_MAX; fd++) {
		if (core_msg_socket_named(fd, name, len) && core_msg_fd_listens(fd))
			core_msg_fd_hurry(fd);
	}
}

void core_msg_listener_guard(const struct core_listener *listener)
{
	if (!core_msg_guard_listed(listener))
		core_msg_guard_named(listener);
}
