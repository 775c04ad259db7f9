/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Aliases: further handles of an endpoint, each with flags of its own for the operations that
 * are posted by it (fi_ep_alias(3)); and those flags of the endpoint itself.  Every other
 * call on an alias acts on its endpoint.
 */
#include <stdlib.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/ep.h"
#include "api/handle.h"
#include "api/stats.h"
#include "base/switch.h"
#include "progress/pump.h"

/* The flags for sends or those for receives, as FI_TRANSMIT or FI_RECV selects.  NULL if
 * flags has none or both of these, or a flag that no such operation may have. */
static uint64_t *which_flags(struct switch_handle *handle, uint64_t flags)
{
	const uint64_t more = flags & ~(FI_TRANSMIT | FI_RECV);

	switch (flags & (FI_TRANSMIT | FI_RECV)) {
	case FI_TRANSMIT:
		return more & ~SWITCH_TX_OP_FLAGS ? NULL : &handle->tx_op_flags;
	case FI_RECV:
		return more & ~SWITCH_RX_OP_FLAGS ? NULL : &handle->rx_op_flags;
	default:
		return NULL;
	}
}

static int set_flags(struct switch_handle *handle, uint64_t flags)
{
	uint64_t *mine = which_flags(handle, flags);

	if (!mine)
		return -FI_EINVAL;
	*mine = flags & ~(FI_TRANSMIT | FI_RECV);
	return 0;
}

static int get_flags(struct switch_handle *handle, uint64_t *flags)
{
	const uint64_t *mine = which_flags(handle, *flags & (FI_TRANSMIT | FI_RECV));

	if (!mine)
		return -FI_EINVAL;
	*flags = *mine;
	return 0;
}

static int alias_close(struct fid *fid)
{
	struct switch_handle *alias = switch_handle_of(fid);
	struct switch_domain *domain = alias->ep->domain;

	switch_pump_lock(&domain->pump);
	alias->ep->aliases--;
	switch_pump_unlock(&domain->pump);
	free(alias);
	return 0;
}

static int alias_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	return fi_ep_bind(&switch_ep_of(fid)->handle.fid, bfid, flags);
}

static int alias_control(struct fid *fid, int command, void *arg)
{
	if (command == FI_ENABLE)
		return fi_enable(&switch_ep_of(fid)->handle.fid);
	return switch_handle_control(switch_handle_of(fid), command, arg);
}

static struct fi_ops alias_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = alias_close,
	.bind = alias_bind,
	.control = alias_control,
	.ops_open = switch_ep_ops_open,
};

static int alias_open(struct switch_handle *handle, const struct fi_alias *request)
{
	struct switch_handle *alias;

	if (!request || !request->fid || !which_flags(handle, request->flags))
		return -FI_EINVAL;
	alias = malloc(sizeof(*alias));
	if (!alias)
		return -FI_ENOMEM;
	*alias = *handle;
	alias->fid.fid.ops = &alias_fid_ops;
	set_flags(alias, request->flags);
	switch_pump_lock(&alias->ep->domain->pump);
	alias->ep->aliases++;
	switch_pump_unlock(&alias->ep->domain->pump);
	*request->fid = &alias->fid.fid;
	return 0;
}

int switch_handle_control(struct switch_handle *handle, int command, void *arg)
{
	switch (command) {
	case FI_ALIAS:
		return alias_open(handle, arg);
	case FI_GETOPSFLAG:
		return arg ? get_flags(handle, arg) : -FI_EINVAL;
	case FI_SETOPSFLAG:
		return arg ? set_flags(handle, *(uint64_t *)arg) : -FI_EINVAL;
	default:
		return -FI_ENOSYS;
	}
}
