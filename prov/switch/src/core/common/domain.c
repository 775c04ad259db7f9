/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Works out from a core's fi_info how buffers are posted and operations flagged.  Called when an
 * adapter opens a domain; it opens nothing.
 */
#include "core/common/caps.h"
#include "core/common/domain.h"

void core_domain_base_init(struct core_domain_base *base, const struct fi_info *info,
			   const struct core_attr *attr)
{
	const size_t most = info->rx_attr->size;

	base->prefix = info->mode & FI_MSG_PREFIX ? info->ep_attr->msg_prefix_size : 0;
	base->async_iov = info->mode & FI_ASYNC_IOV;
	core_caps_init(info, &base->caps);
	/* a core that does not order a send behind a write must complete the write only
	 * when it has arrived: then the send may follow */
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

const struct core_caps *core_domain_caps(const struct core_domain *domain)
{
	return &((const struct core_domain_base *)domain)->caps;
}
