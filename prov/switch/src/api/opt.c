/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Options (fi_getopt(3)) and the texts of errors, for the calls of several kinds of objects.
 * Keeps nothing.
 */
#include <stdio.h>
#include <string.h>

#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/opt.h"
#include "api/rx.h"

int switch_opt_size(size_t value, void *optval, size_t *optlen)
{
	const size_t room = optlen ? *optlen : 0;

	if (!optval || !optlen)
		return -FI_EINVAL;
	*optlen = sizeof(value);
	if (room < sizeof(value))
		return -FI_ETOOSMALL;
	memcpy(optval, &value, sizeof(value));
	return 0;
}

int switch_rx_getopt(const struct switch_rx *rx, int optname, void *optval, size_t *optlen)
{
	if (optname != FI_OPT_MIN_MULTI_RECV)
		return -FI_ENOPROTOOPT;
	return switch_opt_size(rx->min_multi_recv, optval, optlen);
}

int switch_rx_setopt(struct switch_rx *rx, int level, int optname, const void *optval,
		     size_t optlen)
{
	if (level != FI_OPT_ENDPOINT || optname != FI_OPT_MIN_MULTI_RECV)
		return -FI_ENOPROTOOPT;
	if (!optval || optlen != sizeof(rx->min_multi_recv))
		return -FI_EINVAL;
	memcpy(&rx->min_multi_recv, optval, optlen);
	return 0;
}

const char *switch_strerror(int prov_errno, char *buf, size_t len)
{
	const char *text = fi_strerror(prov_errno);

	if (!buf || !len)
		return text;
	snprintf(buf, len, "%s", text);
	return buf;
}
