/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tests of the mock itself: over the mock everything works that libfabric allows, with each
 * of its settings.
 */
#include "lib/mock_fixture.h"

/* -- what every mode allows ------------------------------------------------------ */

static void message(size_t len)
{
	struct req recv = {0}, send = {0};
	uint8_t *from = a.mem + MESSAGE, *to = b.mem + MESSAGE;

	fill(from + prefix(), len, 7);
	cr_assert_eq(fi_recv(b.ep, to, len + prefix(), desc(&b), FI_ADDR_UNSPEC, &recv), 0);
	cr_assert_eq(fi_senddata(a.ep, from, len + prefix(), desc(&a), 77, a.peer, &send), 0);
	done(&send);
	done(&recv);
	verify(to + prefix(), len, 7);
	cr_assert_eq(recv.entry.len, len + prefix());
	cr_assert_eq(recv.entry.flags, FI_MSG | FI_RECV | FI_REMOTE_CQ_DATA);
	cr_assert_eq(recv.entry.data, 77);
	cr_assert_eq(send.entry.flags, FI_MSG | FI_SEND);
}

/* An unexpected message in pieces, the first of which holds only the prefix. */
static void message_in_pieces(void)
{
	struct req recv = {0}, send = {0};
	uint8_t *from = a.mem + MESSAGE, *to = b.mem + MESSAGE;
	struct iovec from_iov[3] = {{from, prefix()}, {from + 100, 30}, {from + 200, 34}};
	struct iovec to_iov[2] = {{to, prefix() + 10}, {to + 300, 54}};
	void *from_desc[3] = {desc(&a), desc(&a), desc(&a)}, *to_desc[2] = {desc(&b), desc(&b)};

	fill(from + 100, 30, 1);
	fill(from + 200, 34, 31);
	cr_assert_eq(fi_sendv(a.ep, from_iov, from_desc, 3, a.peer, &send), 0);
	done(&send);
	cr_assert_eq(fi_recvv(b.ep, to_iov, to_desc, 2, FI_ADDR_UNSPEC, &recv), 0);
	done(&recv);
	verify(to + prefix(), 10, 1);
	verify(to + 300, 54, 11);
	cr_assert_eq(recv.entry.len, 64 + prefix());
}

static void inject(void)
{
	struct req recv = {0};
	uint8_t *from = a.mem + MESSAGE;

	fill(from + prefix(), 64, 3);
	cr_assert_eq(fi_recv(b.ep, b.mem + MESSAGE, 64 + prefix(), desc(&b), FI_ADDR_UNSPEC, &recv),
		     0);
	cr_assert_eq(fi_inject(a.ep, from, 64 + prefix(), a.peer), 0);
	memset(from, 0, 64 + prefix());
	done(&recv);
	verify(b.mem + MESSAGE + prefix(), 64, 3);
}

static void write_delivered(struct side *side, struct req *req, size_t len)
{
	struct iovec iov[2] = {{side->mem + HERE, len / 2}, {side->mem + HERE + len / 2, len / 2}};
	void *descs[2] = {desc(side), desc(side)};
	struct fi_rma_iov rma = {side->addr + THERE, len, side->key};
	const struct fi_msg_rma msg = {
		.msg_iov = iov,
		.desc = descs,
		.iov_count = 2,
		.addr = side->peer,
		.rma_iov = &rma,
		.rma_iov_count = 1,
		.context = req,
	};

	cr_assert_eq(fi_writemsg(side->ep, &msg, FI_COMPLETION | FI_DELIVERY_COMPLETE), 0);
	done(req);
}

static void writes(void)
{
	struct req big = {0}, back = {0}, with_data = {0}, recv = {0};

	fill(a.mem + HERE, BIG, 5);
	fill(b.mem + HERE, BIG, 9);
	cr_assert_eq(
		fi_write(b.ep, b.mem + HERE, BIG, desc(&b), b.peer, b.addr + THERE, b.key, &back),
		0);
	write_delivered(&a, &big, BIG);
	verify(b.mem + THERE, BIG, 5);
	done(&back);
	cr_assert_eq(back.entry.flags, FI_RMA | FI_WRITE);

	if (a.info->mode & FI_RX_CQ_DATA)
		cr_assert_eq(fi_recv(b.ep, b.mem + MESSAGE, prefix() + 1, desc(&b), FI_ADDR_UNSPEC,
				     &recv),
			     0);
	cr_assert_eq(fi_writedata(a.ep, a.mem + HERE + 1, 100, desc(&a), 99, a.peer, a.addr + THERE,
				  a.key, &with_data),
		     0);
	until(a.info->mode & FI_RX_CQ_DATA ? &recv.done : &b.notices);
	if (recv.done)
		b.notice = recv.entry;
	cr_assert_eq(b.notice.flags, FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA);
	cr_assert_eq(b.notice.data, 99);
	verify(b.mem + THERE, 100, 6);
	done(&with_data);
}

static void reads(void)
{
	struct req read[2] = {{.done = 0}, {.done = 0}}, wrong = {0};

	fill(b.mem + THERE, BIG, 20);
	fill(a.mem + THERE, BIG, 40);
	for (int i = 0; i < 2; i++) {
		struct side *side = i ? &b : &a;

		cr_assert_eq(fi_read(side->ep, side->mem + HERE, BIG, desc(side), side->peer,
				     side->addr + THERE, side->key, &read[i]),
			     0);
	}
	done(&read[0]);
	done(&read[1]);
	verify(a.mem + HERE, BIG, 20);
	verify(b.mem + HERE, BIG, 40);
	cr_assert_eq(fi_read(a.ep, a.mem, 2, desc(&a), a.peer, a.addr + SPACE - 1, a.key, &wrong),
		     0);
	until(&wrong.done);
	cr_assert_eq(wrong.err, FI_EACCES);
}

static void everything(const char *mode, const char *mr_mode)
{
	open_both(mode, mr_mode);
	message(0);
	message(100);
	message(BIG);
	message_in_pieces();
	inject();
	writes();
	reads();
	close_both();
}

TestSuite(mock, .timeout = 300);

Test(mock, plain)
{
	everything(NULL, NULL);
}
Test(mock, context)
{
	everything("FI_CONTEXT", NULL);
}
Test(mock, context2)
{
	everything("FI_CONTEXT2", NULL);
}
Test(mock, prefix)
{
	everything("FI_MSG_PREFIX", NULL);
}
Test(mock, async_iov)
{
	everything("FI_ASYNC_IOV", NULL);
}
Test(mock, rx_cq_data)
{
	everything("FI_RX_CQ_DATA", NULL);
}
Test(mock, mr_local)
{
	everything(NULL, "FI_MR_LOCAL");
}
Test(mock, mr_virt_addr)
{
	everything(NULL, "FI_MR_VIRT_ADDR");
}
Test(mock, mr_allocated)
{
	everything(NULL, "FI_MR_ALLOCATED");
}
Test(mock, mr_prov_key)
{
	everything(NULL, "FI_MR_PROV_KEY");
}
Test(mock, mr_endpoint)
{
	everything(NULL, "FI_MR_ENDPOINT");
}
Test(mock, mr_raw)
{
	everything(NULL, "FI_MR_RAW,FI_MR_PROV_KEY");
}
Test(mock, mr_rma_event)
{
	everything(NULL, "FI_MR_RMA_EVENT");
}
Test(mock, everything_at_once)
{
	everything("FI_CONTEXT,FI_CONTEXT2,FI_MSG_PREFIX,FI_ASYNC_IOV,FI_RX_CQ_DATA",
		   "FI_MR_LOCAL,FI_MR_VIRT_ADDR,FI_MR_ALLOCATED,FI_MR_PROV_KEY,FI_MR_ENDPOINT,"
		   "FI_MR_RAW,FI_MR_RMA_EVENT");
}

/* -- fi_getinfo ------------------------------------------------------------------ */

static int ask_with(uint64_t caps, uint64_t mode, int mr_mode)
{
	struct fi_info *hints = hints_new(), *info;
	int ret;

	hints->caps = caps;
	hints->mode = mode;
	hints->domain_attr->mr_mode = mr_mode;
	ret = ask(hints, &info);
	if (ret)
		return ret;
	/* providers layered over the mock may answer, too, or instead of it */
	ret = -FI_ENODATA;
	for (const struct fi_info *one = info; one; one = one->next) {
		if (!strcmp(one->fabric_attr->prov_name, "mock"))
			ret = 0;
	}
	fi_freeinfo(info);
	return ret;
}

Test(mock, shows_only_when_called)
{
	unsetenv("MOCK_CORE"); /* the variable may be set when the test is run by hand */
	cr_assert_eq(ask_with(FI_MSG, 0, 0), -FI_ENODATA);
}

Test(mock, requires_its_modes)
{
	set("MOCK_CORE", "1");
	set("MOCK_MODE", "FI_CONTEXT2,FI_ASYNC_IOV");
	set("MOCK_MR_MODE", "FI_MR_LOCAL,FI_MR_RAW");
	cr_assert_eq(ask_with(FI_MSG, FI_CONTEXT2, FI_MR_LOCAL | FI_MR_RAW), -FI_ENODATA);
	cr_assert_eq(ask_with(FI_MSG, FI_CONTEXT2 | FI_ASYNC_IOV, FI_MR_LOCAL), -FI_ENODATA);
	cr_assert_eq(ask_with(FI_MSG, FI_CONTEXT2 | FI_ASYNC_IOV, FI_MR_LOCAL | FI_MR_RAW), 0);
}

Test(mock, has_only_its_capabilities)
{
	set("MOCK_CORE", "1");
	set("MOCK_CAPS", "READ,REMOTE_READ");
	cr_assert_eq(ask_with(FI_MSG | FI_RMA, 0, 0), -FI_ENODATA);
	cr_assert_eq(ask_with(FI_MSG | FI_TAGGED, 0, 0), -FI_ENODATA);
	cr_assert_eq(ask_with(FI_MSG | FI_RMA | FI_WRITE, 0, 0), -FI_ENODATA);
	cr_assert_eq(ask_with(FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ, 0, 0), 0);
}

Test(mock, limits_and_names_come_with_the_info)
{
	struct fi_info *hints = hints_new(), *info;

	set("MOCK_CORE", "1");
	set("MOCK_CAPS", "NONE");
	set("MOCK_MODE", "FI_MSG_PREFIX");
	set("MOCK_PREFIX", "40");
	set("MOCK_IOV_LIMIT", "2");
	set("MOCK_RM", "0");
	set("MOCK_ORDER", "0");
	hints->caps = FI_MSG;
	cr_assert_eq(fi_getinfo(FI_VERSION(1, 17), "me", "7", FI_SOURCE, hints, &info), 0);
	cr_assert_str_eq(info->src_addr, "mock://me:7");
	cr_assert_eq(info->addr_format, FI_ADDR_STR);
	cr_assert_eq(info->caps & FI_RMA, 0);
	cr_assert_eq(info->ep_attr->msg_prefix_size, 40);
	cr_assert_eq(info->tx_attr->iov_limit, 2);
	cr_assert_eq(info->tx_attr->msg_order, 0);
	cr_assert_eq(info->domain_attr->resource_mgmt, FI_RM_DISABLED);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* -- liberties that it takes ------------------------------------------------------ */

Test(mock, writes_are_later_than_messages)
{
	struct req write = {0}, recv = {0};

	open_both(NULL, NULL);
	fill(a.mem + HERE, 100, 3);
	cr_assert_eq(fi_recv(b.ep, b.mem + MESSAGE, 10, NULL, FI_ADDR_UNSPEC, &recv), 0);
	cr_assert_eq(fi_write(a.ep, a.mem + HERE, 100, NULL, a.peer, THERE, a.key, &write), 0);
	done(&write);
	cr_assert_eq(fi_inject(a.ep, a.mem, 10, a.peer), 0);
	done(&recv);
	cr_assert_eq(b.mem[THERE], 0, "the message overtook the write");
	while (!b.mem[THERE])
		side_poll(&b);
	verify(b.mem + THERE, 100, 3);
	close_both();
}

Test(mock, messages_in_no_order)
{
	struct req recv[2] = {{.done = 0}, {.done = 0}};

	set("MOCK_ORDER", "0");
	open_both(NULL, NULL);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(fi_recv(b.ep, b.mem + i, 1, NULL, FI_ADDR_UNSPEC, &recv[i]), 0);
	cr_assert_eq(fi_inject(a.ep, "1", 1, a.peer), 0);
	cr_assert_eq(fi_inject(a.ep, "2", 1, a.peer), 0);
	side_poll(&a);
	done(&recv[0]);
	done(&recv[1]);
	cr_assert_eq(memcmp(b.mem, "21", 2), 0);
	close_both();
}

Test(mock, takes_only_so_many)
{
	struct req recv[3] = {{.done = 0}, {.done = 0}, {.done = 0}};

	set("MOCK_TX_SIZE", "2");
	set("MOCK_RX_SIZE", "3");
	open_both(NULL, NULL);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(fi_recv(b.ep, b.mem + i, 1, NULL, FI_ADDR_UNSPEC, &recv[i]), 0);
	cr_assert_eq(fi_recv(b.ep, b.mem, 1, NULL, FI_ADDR_UNSPEC, &recv[0]), -FI_EAGAIN);
	cr_assert_eq(fi_inject(a.ep, "1", 1, a.peer), 0);
	cr_assert_eq(fi_inject(a.ep, "2", 1, a.peer), 0);
	cr_assert_eq(fi_inject(a.ep, "3", 1, a.peer), -FI_EAGAIN);
	side_poll(&a);
	cr_assert_eq(fi_inject(a.ep, "3", 1, a.peer), 0);
	done(&recv[2]);
	close_both();
}

Test(mock, keys_are_unique_and_registrations_fail)
{
	struct fid_mr *mr;

	set("MOCK_FAIL_MR", "4");
	open_both(NULL, NULL); /* two are missing */
	cr_assert_eq(fi_mr_reg(a.domain, a.mem, 8, FI_SEND, 0, 42, 0, &mr, NULL), -FI_ENOKEY);
	cr_assert_eq(fi_mr_reg(a.domain, a.mem, 8, FI_SEND, 0, 43, 0, &mr, NULL), -FI_ENOMEM);
	close_both();
}

/* -- completions ----------------------------------------------------------------------- */

Test(mock, selective_completions)
{
	struct req send[2] = {{.done = 0}, {.done = 0}}, recv[2] = {{.done = 0}, {.done = 0}};
	struct iovec iov = {b.mem, 0};
	struct fi_msg msg = {.msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC};
	struct fi_cq_err_entry error = {0};
	ssize_t ret;

	a.bind_flags = b.bind_flags = FI_SELECTIVE_COMPLETION;
	open_both("FI_CONTEXT", NULL);
	for (int i = 0; i < 2; i++) {
		msg.context = &recv[i];
		cr_assert_eq(fi_recvmsg(b.ep, &msg, i ? FI_COMPLETION : 0), 0);
		msg.context = &send[i];
		msg.addr = a.peer;
		cr_assert_eq(fi_sendmsg(a.ep, &msg, i ? FI_COMPLETION | FI_DELIVERY_COMPLETE : 0),
			     0);
	}
	done(&send[1]);
	done(&recv[1]);
	cr_assert_eq(send[0].done + recv[0].done, 0);
	/* an error is reported in any case, without the context */
	cr_assert_eq(fi_inject_write(a.ep, a.mem, 8, a.peer, SPACE, a.key), 0);
	while ((ret = fi_cq_read(a.cq, NULL, 0)) == -FI_EAGAIN)
		side_poll(&b);
	cr_assert_eq(ret, -FI_EAVAIL);
	cr_assert_eq(fi_cq_readerr(a.cq, &error, 0), 1);
	cr_assert_eq(error.err, FI_EACCES);
	cr_assert_null(error.op_context);
	close_both();
}

Test(mock, truncation_and_cancelling)
{
	struct req recv = {0}, never = {0};

	open_both("FI_MSG_PREFIX,FI_CONTEXT", NULL);
	cr_assert_eq(fi_recv(b.ep, b.mem, 24 + 4, NULL, FI_ADDR_UNSPEC, &recv), 0);
	cr_assert_eq(fi_recv(b.ep, b.mem + 64, 64, NULL, FI_ADDR_UNSPEC, &never), 0);
	cr_assert_eq(fi_inject(a.ep, a.mem, 24 + 10, a.peer), 0);
	until(&recv.done);
	cr_assert_eq(recv.err, FI_ETRUNC);
	cr_assert_eq(recv.entry.len, 24 + 4);
	cr_assert_eq(recv.olen, 6);
	cr_assert_eq(fi_cancel(&b.ep->fid, &never), 0);
	cr_assert_eq(fi_cancel(&b.ep->fid, &never), -FI_ENOENT);
	until(&never.done);
	cr_assert_eq(never.err, FI_ECANCELED);
	close_both();
}

Test(mock, sleeping)
{
	struct req recv = {0}, again = {0};
	struct fi_cq_data_entry entry;
	struct fid *fid;
	struct pollfd fd = {.events = POLLIN};

	a.wait = FI_WAIT_UNSPEC;
	b.wait = FI_WAIT_FD;
	open_both(NULL, NULL);
	fid = &b.cq->fid;
	cr_assert_eq(fi_control(fid, FI_GETWAIT, &fd.fd), 0);
	cr_assert_eq(fi_recv(b.ep, b.mem, 8, NULL, FI_ADDR_UNSPEC, &recv), 0);
	cr_assert_eq(fi_recv(b.ep, b.mem, 8, NULL, FI_ADDR_UNSPEC, &again), 0);
	cr_assert_eq(fi_trywait(b.fabric, &fid, 1), 0);
	cr_assert_eq(poll(&fd, 1, 0), 0);
	cr_assert_eq(fi_inject(a.ep, a.mem, 8, a.peer), 0);
	side_poll(&a);
	while (!recv.done) {
		cr_assert(fi_trywait(b.fabric, &fid, 1) == -FI_EAGAIN || poll(&fd, 1, -1) == 1);
		side_poll(&b);
	}
	cr_assert_eq(fi_inject(a.ep, a.mem, 8, a.peer), 0);
	side_poll(&a);
	cr_assert_eq(fi_cq_sread(b.cq, &entry, 1, NULL, -1), 1);
	cr_assert_eq(entry.op_context, &again);
	cr_assert_eq(fi_cq_signal(a.cq), 0);
	cr_assert_eq(fi_cq_sread(a.cq, &entry, 1, NULL, -1), -FI_EAGAIN);
	cr_assert_eq(fi_cq_sread(a.cq, &entry, 1, NULL, 1), -FI_EAGAIN);
	close_both();
}

/* -- closing ---------------------------------------------------------------------------- */

Test(mock, what_was_injected_arrives)
{
	struct req recv[40] = {{.done = 0}}, never = {0};

	open_both(NULL, NULL);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(fi_recv(b.ep, b.mem + i, 1, NULL, FI_ADDR_UNSPEC, &recv[i]), 0);
	/* its completion was not reported; a socket takes less than that at once */
	cr_assert_eq(fi_send(a.ep, a.mem, SPACE, NULL, a.peer, &never), 0);
	cr_assert_eq(fi_inject_write(a.ep, "x", 1, a.peer, a.addr + THERE, a.key), 0);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(fi_inject(a.ep, &i, 1, a.peer), 0);
	cr_assert_eq(fi_close(&a.mr->fid), 0);
	cr_assert_eq(fi_close(&a.ep->fid), 0);
	done(&recv[39]);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(b.mem[i], i);
	while (b.mem[THERE] != 'x')
		side_poll(&b);
}

/* A name with a node and no service can be given to many endpoints. */
Test(mock, names)
{
	struct fi_info *hints = hints_new(), *info;
	char node[128], exact[128];
	size_t len = sizeof(node);
	struct fid_ep *ep;

	open_both(NULL, NULL);
	cr_assert_eq(fi_getinfo(FI_VERSION(1, 17), "here", NULL, FI_SOURCE, hints, &info), 0);
	cr_assert_eq(fi_endpoint(a.domain, info, &ep, NULL), 0);
	cr_assert_eq(fi_ep_bind(ep, &a.av->fid, 0), 0);
	cr_assert_eq(fi_ep_bind(ep, &a.cq->fid, FI_TRANSMIT | FI_RECV), 0);
	cr_assert_eq(fi_getname(&ep->fid, node, &len), -FI_EOPBADSTATE);
	cr_assert_eq(fi_enable(ep), 0);
	cr_assert_eq(fi_getname(&ep->fid, node, &len), 0);
	cr_assert_eq(strncmp(node, "mock://here:", 12), 0);
	cr_assert_eq(fi_close(&ep->fid), 0);
	fi_freeinfo(info);

	/* a name that is taken */
	len = sizeof(exact);
	cr_assert_eq(fi_getname(&b.ep->fid, exact, &len), 0);
	cr_assert_eq(fi_getinfo(FI_VERSION(1, 17), exact, NULL, FI_SOURCE, hints, &info), 0);
	cr_assert_eq(fi_endpoint(a.domain, info, &ep, NULL), 0);
	cr_assert_eq(fi_ep_bind(ep, &a.av->fid, 0), 0);
	cr_assert_eq(fi_ep_bind(ep, &a.cq->fid, FI_TRANSMIT | FI_RECV), 0);
	cr_assert_eq(fi_enable(ep), -FI_EADDRINUSE);
	cr_assert_eq(fi_close(&ep->fid), 0);
	fi_freeinfo(info);
	fi_freeinfo(hints);
	close_both();
}

Test(mock, a_peer_that_is_gone)
{
	struct req read = {0}, send = {0};

	open_both("FI_CONTEXT2", NULL);
	cr_assert_eq(fi_read(a.ep, a.mem, 8, NULL, a.peer, 0, a.key, &read), 0);
	side_poll(&a);
	cr_assert_eq(fi_close(&b.mr->fid), 0);
	cr_assert_eq(fi_close(&b.ep->fid), 0);
	until(&read.done);
	cr_assert_eq(read.err, FI_ECONNRESET);
	cr_assert_eq(fi_send(a.ep, a.mem, 8, NULL, a.peer, &send), 0);
	until(&send.done);
	cr_assert_eq(send.err, FI_ECONNREFUSED);
}
