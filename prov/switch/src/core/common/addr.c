/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads and clears the port of a socket address, IPv4 or IPv6.  It resolves no name and
 * leaves addresses of other families alone.
 */
#include <netinet/in.h>
#include <string.h>

#include <rdma/fi_errno.h>

#include "core/common/addr.h"

static in_port_t *port_of(void *addr, size_t len)
{
	struct sockaddr_in6 *sin6 = addr;
	struct sockaddr_in *sin = addr;

	if (len >= sizeof(*sin) && sin->sin_family == AF_INET)
		return &sin->sin_port;
	if (len >= sizeof(*sin6) && sin6->sin6_family == AF_INET6)
		return &sin6->sin6_port;
	return NULL;
}

uint16_t core_addr_port(const void *addr, size_t len)
{
	const in_port_t *port = port_of((void *)addr, len);

	return port ? *port : 0;
}

bool core_addr_port_clear(void *addr, size_t len)
{
	in_port_t *port = port_of(addr, len);

	if (!port || !*port)
		return false;
	*port = 0;
	return true;
}

int core_addr_copy(const void *from, size_t from_len, void *addr, size_t *len)
{
	const size_t room = *len;

	*len = from_len;
	memcpy(addr, from, from_len < room ? from_len : room);
	return from_len > room ? -FI_ETOOSMALL : 0;
}
