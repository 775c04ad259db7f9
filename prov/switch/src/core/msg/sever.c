/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shuts the socket of a path's connection down without the core, which then notices the end
 * of the stream.  Called by core/msg/close.c under the domain's lock, where
 * caps.rma_pins_path.  It does not block, and closes no descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rdma/fi_cm.h>

#include "core/common/log.h"
#include "core/msg/fds.h"
#include "core/msg/path.h"

/*
 * Why it is needed: the tcp code of libfabric before 1.18 (the cores tcp and net) leaves a
 * read in its queue of reads while it receives the answer.  fi_close and fi_shutdown flush
 * that queue and then what is being received, which is the same entry: it is freed twice,
 * and later given to two operations.  The code does bear the end of the stream: the receiver
 * then takes the entry out first, reports it, and flushes the rest once.  So the socket is
 * shut down here; the core reads what the kernel still has, finds the end, flushes, and
 * reports that in its event queue, as it does when a peer hangs up.  No byte that comes
 * later is taken: the kernel answers it with a reset.
 *
 * How the socket is found: the core has no call that returns its descriptor, but it returns
 * both addresses of the connection, and no other TCP socket of a network namespace has the
 * same two.  A process in several namespaces could have two such sockets: then neither is
 * shut down.
 */

/* The two addresses of a connection. */
struct ends {
	size_t name_len, peer_len;
	uint8_t name[CORE_ADDR_MAX], peer[CORE_ADDR_MAX];
};

struct search {
	struct ends ends;
	int fd;		 /* -1: none found yet */
	uint64_t cookie; /* the kernel's number of its socket */
	bool ambiguous;	 /* another socket has the same addresses */
};

static bool is_tcp(int fd)
{
	int type = 0, protocol = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM &&
	       !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) && protocol == IPPROTO_TCP;
}

static bool has_ends(int fd, const struct ends *ends)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (!core_msg_socket_named(fd, ends->name, ends->name_len))
		return false;
	return !getpeername(fd, (struct sockaddr *)&addr, &len) && len == ends->peer_len &&
	       !memcmp(&addr, ends->peer, len) && is_tcp(fd);
}

/* Several descriptors may refer to one socket, which its number (SO_COOKIE) shows. */
static void try_fd(struct search *search, int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (!has_ends(fd, &search->ends))
		return;
	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	if (search->fd >= 0 && cookie != search->cookie)
		search->ambiguous = true;
	search->fd = fd;
	search->cookie = cookie;
}

/* The descriptors of this thread, as the kernel lists them: the list of the process would be
 * empty once its first thread has ended. */
static void try_listed(struct search *search)
{
	DIR *dir = opendir("/proc/thread-self/fd");
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			try_fd(search, atoi(entry->d_name));
	closedir(dir);
}

static void try_numbers(struct search *search)
{
	for (int fd = 0; fd < CORE_MSG_FDS_MAX; fd++)
		try_fd(search, fd);
}

/* The list does not name the socket where /proc is not mounted, is hidden or is that of
 * another system, or where no descriptor is left to open it. */
static void try_all(struct search *search)
{
	try_listed(search);
	if (search->fd < 0)
		try_numbers(search);
}

int core_msg_path_sever(struct core_path *path)
{
	struct search search = {.fd = -1};
	struct ends *ends = &search.ends;
	int ret;

	ends->name_len = sizeof(ends->name);
	ends->peer_len = sizeof(ends->peer);
	ret = fi_getname(&path->base.ep->fid, ends->name, &ends->name_len);
	if (!ret)
		ret = fi_getpeer(path->base.ep, ends->peer, &ends->peer_len);
	if (ret == -FI_ENOTCONN)
		return 0; /* the connection is over, as the core is about to notice */
	if (ret)
		return core_failed("the ends of a connection", ret);
	try_all(&search);
	if (search.ambiguous)
		return core_failed("two sockets with the same ends", -FI_EBUSY);
	if (search.fd < 0)
		return core_failed("the socket of a connection", -FI_ENOENT);
	/* only the core closes the socket, and it runs under the lock that we hold */
	if (shutdown(search.fd, SHUT_RDWR) && errno != ENOTCONN)
		return core_failed("shutdown", -errno);
	return 0;
}
