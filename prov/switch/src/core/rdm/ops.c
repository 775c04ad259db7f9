/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of the adapter for connectionless cores (shm, net, sockets, efa, psm3 ...).
 * Connections are made of messages of our own (core/rdm/frame.c), which travel in order with
 * all others.  The sender of a message is not known here, and need not be.
 *
 * Such a core reports that a peer is gone only by failing an operation, and cancels nothing:
 * a path that is closed waits for the operations that it has out.
 */
#include "core/common/data.h"
#include "core/common/mr.h"
#include "core/rdm/domain.h"
#include "core/rdm/listener.h"
#include "core/rdm/path.h"
#include "core/rdm/port.h"
#include "core/rdm/request.h"

static void core_rdm_expect(struct core_domain *domain, size_t peers)
{
	(void)domain, (void)peers;
}

const struct core_ops core_rdm_ops = {
	.name = "rdm",
	.domain_open = core_rdm_domain_open,
	.domain_close = core_rdm_domain_close,
	.poll = core_rdm_poll,
	.release = core_rdm_release,
	.listen = core_rdm_listen,
	.listener_name = core_rdm_listener_name,
	.listener_close = core_rdm_listener_close,
	.connect = core_rdm_connect,
	.accept = core_rdm_accept,
	.reject = core_rdm_reject,
	.path_peer = core_rdm_path_peer,
	.path_name = core_rdm_path_name,
	.path_close = core_rdm_path_close,
	.send = core_data_send,
	.read = core_data_read,
	.write = core_data_write,
	.mr_reg = core_mr_reg,
	.mr_close = core_mr_close,
	.mr_desc = core_mr_desc,
	.wait_fds = core_rdm_wait_fds,
	.trywait = core_rdm_trywait,
	.expect = core_rdm_expect,
	.rest = core_rdm_ports_unshare,
	.caps = core_domain_caps,
	.info_caps = core_rdm_caps,
	.passive_open = core_rdm_passive_open,
	.passive_setname = core_rdm_passive_setname,
	.passive_listen = core_rdm_passive_listen,
	.passive_poll = core_rdm_passive_poll,
	.passive_release = core_rdm_passive_release,
	.passive_trywait = core_rdm_passive_trywait,
	.passive_fd = core_rdm_passive_fd,
	.passive_lend = core_rdm_passive_lend,
	.passive_return = core_rdm_passive_return,
	.passive_cm_size = core_rdm_passive_cm_size,
};
