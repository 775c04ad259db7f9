/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What travels in the data of connections.  Keeps nothing.
 */
#include <string.h>

#include <rdma/fi_errno.h>

#include "base/switch.h"
#include "peer/data.h"
#include "switch_session.h"

size_t switch_data_size(size_t core_size)
{
	return core_size < SWITCH_CM_DATA_MAX ? core_size : SWITCH_CM_DATA_MAX;
}

ssize_t switch_data_write(const struct sess *sess, uint16_t port, const void *data, size_t len,
			  uint8_t *buf, size_t size)
{
	if (len > size - SESS_PREAMBLE_LEN)
		return -FI_EINVAL;
	sess_preamble(sess_link(sess), port, buf);
	if (len)
		memcpy(buf + SESS_PREAMBLE_LEN, data, len);
	return (ssize_t)(SESS_PREAMBLE_LEN + len);
}

static const uint8_t refusal_crossing[] = {'O', 'F', 'S', 'W', 1};
static const uint8_t refusal_closing[] = {'O', 'F', 'S', 'W', 2};

const void *switch_refusal_data(enum switch_refusal why, size_t *len)
{
	*len = why == SWITCH_REFUSAL_NONE ? 0 : sizeof(refusal_crossing);
	return why == SWITCH_REFUSAL_CROSSING  ? refusal_crossing
	       : why == SWITCH_REFUSAL_CLOSING ? refusal_closing
					       : NULL;
}

bool switch_refusal_is_crossing(const void *data, size_t len)
{
	return len >= sizeof(refusal_crossing) &&
	       !memcmp(data, refusal_crossing, sizeof(refusal_crossing));
}

void switch_refusal_warn(bool *warned)
{
	if (!*warned)
		SW_WARN(EP_CTRL, "refused a peer that is no switch, or over another kind "
				 "of core: its request has no preamble\n");
	*warned = true;
}
