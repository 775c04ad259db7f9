/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a core's fi_info says to either adapter: capabilities, and what it wants
 * of buffers and registrations.  Opens nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "core/common/common.h"

/* The RMA that we can use.  Raw keys would have to travel and be mapped at the other
 * side; a core that insists on them is served by copying. */
static uint64_t rma_of(const struct fi_info *info)
{
	const uint64_t rma = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;

	if (!(info->caps & FI_RMA) || info->domain_attr->mr_mode & FI_MR_RAW ||
	    info->domain_attr->mr_key_size > sizeof(uint64_t))
		return 0;
	/* FI_RMA without any of the four means all of them (fi_getinfo(3)) */
	return info->caps & rma ? info->caps & rma : rma;
}

static size_t pieces_of(const struct fi_info *info)
{
	/* a list of pieces would have to outlive the call */
	if (info->mode & FI_ASYNC_IOV)
		return 1;
	return info->tx_attr->iov_limit < CORE_IOV_MAX ? info->tx_attr->iov_limit : CORE_IOV_MAX;
}

bool core_is_tcp(const struct fi_info *info)
{
	const char *prov = info->fabric_attr->prov_name;

	return prov && (!strcmp(prov, "tcp") || !strcmp(prov, "net"));
}

void core_caps_init(const struct fi_info *info, struct core_caps *caps)
{
	const uint64_t mode = info->domain_attr->mr_mode, rma = rma_of(info);

	*caps = (struct core_caps){
		.iov_limit = pieces_of(info),
		/* the pieces are local ones: rma_iov_limit counts the remote ones */
		.rma_iov_limit = pieces_of(info),
		.inject_size = info->tx_attr->inject_size,
		.rma_max = info->ep_attr->max_msg_size,
		.key_size = info->domain_attr->mr_key_size,
		.can_read = rma & FI_READ,
		.can_write = rma & FI_WRITE,
		.read_target = rma & FI_REMOTE_READ,
		.write_target = rma & FI_REMOTE_WRITE,
		.mr_local = mode & FI_MR_LOCAL,
		.mr_virt_addr = mode & FI_MR_VIRT_ADDR,
		.mr_prov_key = mode & FI_MR_PROV_KEY,
		.mr_endpoint = mode & FI_MR_ENDPOINT,
		.send_after_write = info->tx_attr->msg_order & FI_ORDER_SAW,
		.stage_size = core_is_tcp(info) ? CORE_TCP_STAGE : 0,
	};
}

void core_base_init(struct core_base *base, const struct fi_info *info,
		    const struct core_attr *attr)
{
	const size_t most = info->rx_attr->size;

	base->prefix = info->mode & FI_MSG_PREFIX ? info->ep_attr->msg_prefix_size : 0;
	base->async_iov = info->mode & FI_ASYNC_IOV;
	core_caps_init(info, &base->caps);
	/* without order between them, a message says that a write has arrived
	 * only if the write's completion says so */
	base->write_flags =
		FI_COMPLETION | (base->caps.send_after_write ? 0 : FI_DELIVERY_COMPLETE);
	base->buffer_size = attr->buffer_size;
	base->buffer_max = most && attr->buffer_max > most ? most : attr->buffer_max;
	base->buffer_cnt =
		attr->buffer_cnt < base->buffer_max ? attr->buffer_cnt : base->buffer_max;
	if (info->rx_attr->iov_limit > 1 && base->buffer_size > CORE_HEAD && !base->prefix &&
	    !base->async_iov)
		base->head_size = CORE_HEAD;
}

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

int core_peer_error(int error)
{
	switch (error) {
	case 0: /* nothing that has a name */
		return 0;
	case FI_EIO: /* tcp: the end of the stream where an answer was to come */
	case FI_ENOTCONN:
	case FI_ESHUTDOWN:
	case EPIPE:
		return FI_ECONNRESET;
	default:
		return error > 0 ? error : FI_EIO;
	}
}
