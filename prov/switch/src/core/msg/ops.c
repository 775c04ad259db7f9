/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of the adapter for connection-oriented cores (tcp, verbs, sockets), and its
 * calls that move data.  Called under the domain's lock; it takes no lock, never blocks,
 * never reads a message.
 */
#include "core/common/data.h"
#include "core/common/mr.h"
#include "core/msg/domain.h"
#include "core/msg/listener.h"
#include "core/msg/path.h"
#include "core/msg/request.h"

static int core_msg_send(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, size_t len, bool may_buffer)
{
	int ret = core_data_send(path, io, iov, desc, cnt, len, may_buffer);

	core_msg_queue_touched(path->domain);
	return ret;
}

static int core_msg_read(struct core_path *path, struct core_io *io, const struct iovec *iov,
			 void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	int ret = core_data_read(path, io, iov, desc, cnt, raddr, key);

	core_msg_queue_touched(path->domain);
	return ret;
}

static int core_msg_write(struct core_path *path, struct core_io *io, const struct iovec *iov,
			  void **desc, size_t cnt, uint64_t raddr, uint64_t key)
{
	int ret = core_data_write(path, io, iov, desc, cnt, raddr, key);

	core_msg_queue_touched(path->domain);
	return ret;
}

/* Nothing is kept for the next path: each has an endpoint of its own. */
static void core_msg_rest(struct core_domain *domain)
{
	(void)domain;
}

const struct core_ops core_msg_ops = {
	.name = "msg",
	.domain_open = core_msg_domain_open,
	.domain_close = core_msg_domain_close,
	.poll = core_msg_poll,
	.release = core_msg_release,
	.listen = core_msg_listen,
	.listener_name = core_msg_listener_name,
	.listener_close = core_msg_listener_close,
	.connect = core_msg_connect,
	.accept = core_msg_accept,
	.reject = core_msg_reject,
	.path_peer = core_msg_path_peer,
	.path_name = core_msg_path_name,
	.path_close = core_msg_path_close,
	.send = core_msg_send,
	.read = core_msg_read,
	.write = core_msg_write,
	.mr_reg = core_mr_reg,
	.mr_close = core_mr_close,
	.mr_desc = core_mr_desc,
	.wait_fds = core_msg_wait_fds,
	.trywait = core_msg_trywait,
	.expect = core_msg_expect,
	.rest = core_msg_rest,
	.caps = core_domain_caps,
	.info_caps = core_msg_caps,
	.passive_open = core_msg_passive_open,
	.passive_setname = core_msg_passive_setname,
	.passive_listen = core_msg_passive_listen,
	.passive_poll = core_msg_passive_poll,
	.passive_release = core_msg_passive_release,
	.passive_trywait = core_msg_passive_trywait,
	.passive_fd = core_msg_passive_fd,
	.passive_lend = core_msg_passive_lend,
	.passive_return = core_msg_passive_return,
	.passive_cm_size = core_msg_passive_cm_size,
};
