/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations, completion queues and counters: the test completes operations as the pump does,
 * and reads the completions through libfabric's calls.
 */
#include <netinet/in.h>

#include "api/cntr.h"
#include "api/complete.h"
#include "api/cq.h"
#include "api/ep.h"
#include "api/rx.h"
#include "base/os.h"
#include "lib/later.h"
#include "lib/switch_fixture.h"
#include "peer/source.h"
#include "progress/op.h"
#include "progress/pump.h"

static struct fid_cq *cq;

static struct switch_cq *the_cq(void)
{
	return container_of(cq, struct switch_cq, cq_fid);
}

static struct fid_cq *open_cq(enum fi_cq_format format, enum fi_wait_obj wait_obj)
{
	struct fi_cq_attr attr = {.format = format, .wait_obj = wait_obj};
	struct fid_cq *fid;

	cr_assert_eq(fi_cq_open(domain, &attr, &fid, NULL), 0);
	return fid;
}

static void cq_setup(void)
{
	setup();
	cq = open_cq(FI_CQ_FORMAT_TAGGED, FI_WAIT_UNSPEC);
}

static void cq_teardown(void)
{
	cr_assert_eq(fi_close(&cq->fid), 0);
	teardown();
}

TestSuite(cq, .init = cq_setup, .fini = cq_teardown);

/* A receive that reports to fid; its tag is also its context and its length. */
static struct switch_op *receive(struct fid_cq *fid, uint64_t tag)
{
	struct switch_op *op = switch_op_alloc(&the_domain()->ops);

	cr_assert_not_null(op);
	op->queue = &container_of(fid, struct switch_cq, cq_fid)->queue;
	op->context = (void *)(uintptr_t)tag;
	op->cq_flags = FI_RECV | FI_TAGGED;
	op->wants_entry = true;
	op->sess.flags = SESS_RECV | SESS_TAGGED;
	op->sess.tag = tag;
	op->sess.len = op->sess.full_len = tag;
	op->sess.source = SESS_SOURCE_ANY;
	return op;
}

static void complete(struct switch_op *op)
{
	switch_pump_lock(&the_domain()->pump);
	switch_op_complete(the_domain(), op);
	switch_pump_unlock(&the_domain()->pump);
}

Test(cq, entries_come_in_order_with_all_fields)
{
	struct fi_cq_tagged_entry entries[4];
	fi_addr_t sources[4];
	struct switch_op *op;
	char buf[8];

	complete(receive(cq, 1));
	op = receive(cq, 2);
	op->sess.flags |= SESS_DATA;
	op->sess.data = 0x1122334455667788;
	op->sess.source = 42;
	op->sess.iov[0].addr = buf;
	op->sess.iov_cnt = 1;
	complete(op);
	op = receive(cq, 3);
	op->sess.flags = SESS_TAGGED | SESS_DATA; /* of a send, whose data are for the peer */
	op->sess.data = 7;
	op->cq_flags = FI_SEND | FI_TAGGED;
	complete(op);

	cr_assert_eq(fi_cq_readfrom(cq, entries, 4, sources), 3);
	cr_assert_eq(entries[0].op_context, (void *)1);
	cr_assert_eq(entries[0].flags, FI_RECV | FI_TAGGED);
	cr_assert_eq(entries[0].len, 1);
	cr_assert_eq(entries[0].tag, 1);
	cr_assert_eq(sources[0], FI_ADDR_NOTAVAIL);
	cr_assert_eq(entries[1].flags, FI_RECV | FI_TAGGED | FI_REMOTE_CQ_DATA);
	cr_assert_eq(entries[1].data, 0x1122334455667788);
	cr_assert_eq(entries[1].buf, buf);
	cr_assert_eq(sources[1], 42);
	cr_assert_eq(entries[2].flags, FI_SEND | FI_TAGGED);
	cr_assert_eq(entries[2].data, 0);
	cr_assert_eq(sources[2], FI_ADDR_NOTAVAIL);
	cr_assert_eq(fi_cq_read(cq, entries, 4), -FI_EAGAIN);
	cr_assert_eq(fi_cq_read(cq, NULL, 0), -FI_EAGAIN);
}

Test(cq, each_format_has_its_size)
{
	static const struct {
		enum fi_cq_format format;
		size_t size;
	} formats[] = {
		{FI_CQ_FORMAT_UNSPEC, sizeof(struct fi_cq_entry)},
		{FI_CQ_FORMAT_CONTEXT, sizeof(struct fi_cq_entry)},
		{FI_CQ_FORMAT_MSG, sizeof(struct fi_cq_msg_entry)},
		{FI_CQ_FORMAT_DATA, sizeof(struct fi_cq_data_entry)},
		{FI_CQ_FORMAT_TAGGED, sizeof(struct fi_cq_tagged_entry)},
	};
	uint8_t buf[3 * sizeof(struct fi_cq_tagged_entry)];

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct fid_cq *fid = open_cq(formats[i].format, FI_WAIT_NONE);
		const size_t size = formats[i].size;
		void *context;

		complete(receive(fid, 10));
		complete(receive(fid, 11));
		memset(buf, 0xee, sizeof(buf));
		cr_assert_eq(fi_cq_read(fid, buf, 3), 2);
		for (uintptr_t j = 0; j < 2; j++) {
			memcpy(&context, buf + j * size, sizeof(context));
			cr_assert_eq(context, (void *)(10 + j));
		}
		cr_assert_eq(buf[2 * size], 0xee);
		cr_assert_eq(fi_close(&fid->fid), 0);
	}
}

Test(cq, an_error_stands_in_its_place)
{
	struct fi_cq_tagged_entry entries[4];
	struct fi_cq_err_entry err = {0};
	struct switch_op *op;

	complete(receive(cq, 1));
	op = receive(cq, 10);
	op->wants_entry = false; /* an error is reported nevertheless */
	op->sess.error = FI_ETRUNC;
	op->sess.full_len = 25;
	complete(op);
	complete(receive(cq, 3));
	cr_assert_eq(fi_cq_readerr(cq, &err, 0), -FI_EAGAIN);
	cr_assert_eq(fi_cq_read(cq, entries, 4), 1);
	cr_assert_eq(fi_cq_read(cq, entries, 4), -FI_EAVAIL);
	cr_assert_eq(fi_cq_read(cq, NULL, 0), -FI_EAVAIL);
	cr_assert_eq(fi_cq_sread(cq, entries, 4, NULL, -1), -FI_EAVAIL);
	cr_assert_eq(fi_cq_readerr(cq, &err, 0), 1);
	cr_assert_eq(err.op_context, (void *)10);
	cr_assert_eq(err.err, FI_ETRUNC);
	cr_assert_eq(err.len, 10);
	cr_assert_eq(err.olen, 15);
	cr_assert_eq(err.tag, 10);
	cr_assert_eq(err.err_data_size, 0);
	cr_assert_str_eq(fi_cq_strerror(cq, err.prov_errno, NULL, NULL, 0), fi_strerror(FI_ETRUNC));
	cr_assert_eq(fi_cq_read(cq, entries, 4), 1);
	cr_assert_eq(entries[0].op_context, (void *)3);
}

Test(cq, an_old_application_has_a_shorter_error_entry)
{
	struct fi_cq_err_entry err;
	struct switch_op *op = receive(cq, 1);

	the_domain()->fabric->fabric_fid.api_version = FI_VERSION(1, 4);
	op->sess.error = FI_EIO;
	complete(op);
	memset(&err, 0xee, sizeof(err));
	cr_assert_eq(fi_cq_readerr(cq, &err, 0), 1);
	cr_assert_null(err.err_data);
	cr_assert_eq(err.err_data_size, 0xeeeeeeeeeeeeeeee);
}

Test(cq, what_is_not_wanted_is_counted_only)
{
	struct fi_cq_tagged_entry entry;
	struct fi_cntr_attr attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct switch_op *op = receive(cq, 1);
	struct fid_cntr *cntr;

	cr_assert_eq(fi_cntr_open(domain, &attr, &cntr, NULL), 0);
	op->count = &container_of(cntr, struct switch_cntr, cntr_fid)->count;
	op->wants_entry = false;
	complete(op);
	cr_assert_eq(fi_cq_read(cq, &entry, 1), -FI_EAGAIN);
	cr_assert_eq(fi_cntr_read(cntr), 1);
	cr_assert_eq(fi_cntr_wait(cntr, 1, 0), 0);
	cr_assert_eq(fi_cntr_wait(cntr, 2, 10), -FI_ETIMEDOUT);
	op = receive(cq, 2);
	op->count = &container_of(cntr, struct switch_cntr, cntr_fid)->count;
	op->queue = NULL;
	op->sess.error = FI_ECANCELED;
	complete(op);
	cr_assert_eq(fi_cntr_read(cntr), 1);
	cr_assert_eq(fi_cntr_readerr(cntr), 1);
	cr_assert_eq(fi_cntr_add(cntr, 10), 0);
	cr_assert_eq(fi_cntr_read(cntr), 11);
	cr_assert_eq(fi_cntr_set(cntr, 5), 0);
	cr_assert_eq(fi_cntr_adderr(cntr, 2), 0);
	cr_assert_eq(fi_cntr_readerr(cntr), 3);
	cr_assert_eq(fi_cntr_seterr(cntr, 0), 0);
	cr_assert_eq(fi_cntr_read(cntr), 5);
	cr_assert_eq(fi_close(&cntr->fid), 0);
}

Test(cq, operations_return_their_place_to_the_endpoint)
{
	enum { CNT = 100 };
	struct switch_ep ep = {.tx_left = 0};
	struct switch_rx rx = {.ep = &ep}, other = {.ep = &ep};
	struct fi_cq_tagged_entry entries[CNT];
	struct switch_op *ops[CNT];

	for (size_t i = 0; i < CNT; i++) {
		ops[i] = receive(cq, i);
		ops[i]->rx = i % 2 ? &rx : &other;
		ops[i]->room = &ops[i]->rx->left;
	}
	for (size_t i = 0; i < CNT / 2; i++)
		complete(ops[i]);
	cr_assert_eq(rx.left, 0, "an entry that was not read holds its place");
	cr_assert_eq(fi_cq_read(cq, entries, CNT), CNT / 2);
	cr_assert_eq(rx.left, CNT / 4);
	cr_assert_eq(other.left, CNT / 4);
	complete(ops[CNT - 1]);
	switch_op_forget(&the_domain()->ops, &ep, &rx);
	for (size_t i = CNT / 2; i < CNT - 1; i++)
		complete(ops[i]);
	/* completions that were queued before stay, the others of the closed endpoint are gone */
	cr_assert_eq(fi_cq_read(cq, entries, CNT), 1 + CNT / 4);
	cr_assert_eq(rx.left, CNT / 4);
	cr_assert_eq(other.left, CNT / 2);
}

/* Whichever way an operation ends, the next one takes its memory: thousands of them, one at a
 * time, need no more than a few. */
Test(cq, operations_that_ended_are_used_again)
{
	enum { ENTRY, ERROR, UNWANTED, WAYS };
	enum { FEW = 64, MANY = 4096 };
	struct fi_cq_tagged_entry entry;
	struct fi_cq_err_entry err = {0};

	for (int way = ENTRY; way < WAYS; way++) {
		const struct switch_op *seen[FEW];
		size_t cnt = 0, i;

		for (int round = 0; round < MANY; round++) {
			struct switch_op *op = receive(cq, 1);

			for (i = 0; i < cnt && seen[i] != op; i++)
				;
			cr_assert_lt(i, FEW, "way %d: %zu operations for one at a time", way, i);
			if (i == cnt)
				seen[cnt++] = op;
			op->sess.error = way == ERROR ? FI_EIO : 0;
			op->wants_entry = way == ENTRY;
			complete(op);
			if (way == ENTRY)
				cr_assert_eq(fi_cq_read(cq, &entry, 1), 1);
			else if (way == ERROR)
				cr_assert_eq(fi_cq_readerr(cq, &err, 0), 1);
		}
	}
}

/* -- waiting ------------------------------------------------------------- */

static void complete_op(void *op)
{
	complete(op);
}

Test(cq, a_completion_wakes_a_blocking_read)
{
	struct fi_cq_tagged_entry entry;
	struct later later;

	later_begin(&later, complete_op, receive(cq, 9));
	cr_assert_eq(fi_cq_sread(cq, &entry, 1, NULL, -1), 1);
	cr_assert_eq(entry.tag, 9);
	later_end(&later);
}

static void signal_cq(void *fid)
{
	cr_assert_eq(fi_cq_signal(fid), 0);
}

Test(cq, a_signal_wakes_a_blocking_read_once)
{
	struct fi_cq_tagged_entry entry;
	struct later later;
	uint64_t begin;

	later_begin(&later, signal_cq, cq);
	cr_assert_eq(fi_cq_sread(cq, &entry, 1, NULL, -1), -FI_EAGAIN);
	later_end(&later);
	begin = switch_now();
	cr_assert_eq(fi_cq_sread(cq, &entry, 1, NULL, 20), -FI_EAGAIN);
	cr_assert_geq(switch_now() - begin, UINT64_C(20000000));
}

Test(cq, a_threshold_is_waited_for)
{
	struct fi_cq_attr attr = {
		.format = FI_CQ_FORMAT_TAGGED,
		.wait_obj = FI_WAIT_FD,
		.wait_cond = FI_CQ_COND_THRESHOLD,
	};
	struct fi_cq_tagged_entry entries[4];
	struct fid_cq *fid;
	struct later later;

	cr_assert_eq(fi_cq_open(domain, &attr, &fid, NULL), 0);
	complete(receive(fid, 1));
	later_begin(&later, complete_op, receive(fid, 2));
	cr_assert_eq(fi_cq_sread(fid, entries, 4, (void *)2, -1), 2);
	cr_assert_eq(entries[1].tag, 2);
	later_end(&later);
	complete(receive(fid, 3));
	cr_assert_eq(fi_cq_sread(fid, entries, 4, (void *)2, 20), 1);
	cr_assert_eq(fi_close(&fid->fid), 0);
}

Test(cq, the_descriptor_sleeps_after_trywait_and_wakes)
{
	struct fid_cq *fid = open_cq(FI_CQ_FORMAT_TAGGED, FI_WAIT_FD);
	struct fid *fids[] = {&fid->fid};
	struct fi_cq_tagged_entry entry;
	enum fi_wait_obj obj;

	cr_assert_eq(fi_control(&fid->fid, FI_GETWAITOBJ, &obj), 0);
	cr_assert_eq(obj, FI_WAIT_FD);
	for (uint64_t round = 1; round < 4; round++) {
		must_wait(&fid->fid);
		complete(receive(fid, round));
		complete(receive(fid, round));
		must_wake(&fid->fid);
		cr_assert_eq(fi_cq_read(fid, &entry, 1), 1);
		cr_assert_eq(fi_trywait(fabric, fids, 1), -FI_EAGAIN);
		cr_assert_eq(fi_cq_read(fid, &entry, 1), 1);
	}
	cr_assert_eq(fi_close(&fid->fid), 0);
}

Test(cq, a_counter_tells_of_change_before_it_lets_sleep)
{
	struct fi_cntr_attr attr = {.wait_obj = FI_WAIT_FD};
	struct fid_cntr *cntr;

	cr_assert_eq(fi_cntr_open(domain, &attr, &cntr, NULL), 0);
	must_wait(&cntr->fid);
	fi_cntr_add(cntr, 1);
	must_wake(&cntr->fid);
	cr_assert_eq(fi_cntr_read(cntr), 1);
	must_wait(&cntr->fid);
	cr_assert_eq(fi_close(&cntr->fid), 0);
}

static const struct core_ops *real_ops;
static bool comes; /* one more entry */

/* Comes in the very last look before the sleep. */
static int complete_once(struct core_domain *core)
{
	if (comes)
		switch_op_complete(the_domain(), receive(cq, 1));
	comes = false;
	return real_ops->trywait(core);
}

static void complete_later(void *op)
{
	complete(op);
}

Test(cq, an_entry_that_comes_before_the_sleep_is_not_slept_over)
{
	struct switch_core *core = &the_domain()->pump.core;
	struct fi_cq_tagged_entry entry;
	struct core_ops ops = *core->ops;
	struct later later;
	uint64_t calls;

	real_ops = core->ops;
	ops.trywait = complete_once;
	core->ops = &ops;
	comes = true;
	later_begin(&later, complete_later, receive(cq, 2));
	cr_assert_eq(fi_cq_sread(cq, &entry, 1, NULL, -1), 1);
	calls = the_cq()->queue.wait.calls;
	later_end(&later);
	core->ops = real_ops;
	cr_assert_eq(calls, 0, "it slept until it was called");
}

/* A receive of a message from this unknown source, whose session is over. */
static void receive_from(struct fid_cq *fid, uint16_t port)
{
	const struct sockaddr_in bytes = {.sin_family = AF_INET, .sin_port = port};
	struct switch_sources *sources = &the_domain()->sources;
	struct switch_op *op = receive(fid, 1);
	struct switch_unknown *held = NULL;
	struct switch_addr addr;

	cr_assert_eq(switch_addr_set(FI_SOCKADDR_IN, &bytes, sizeof(bytes), &addr), 0);
	op->sess.source = switch_source_key(sources, &addr, &held);
	switch_source_name(sources, NULL, op);
	switch_unknown_release(held);
	complete(op);
}

/* The address of an error is shown until the next one is read; then nobody needs it. */
Test(cq, addresses_of_errors_are_given_back)
{
	const struct switch_sources *sources = &the_domain()->sources;
	struct fid_cq *fid = open_cq(FI_CQ_FORMAT_TAGGED, FI_WAIT_NONE);
	struct fi_cq_err_entry err = {0};
	struct sockaddr_in addr;

	for (uint16_t port = 1; port <= 3; port++)
		receive_from(fid, port);
	cr_assert_eq(sources->idle_cnt, 0);
	for (uint16_t port = 1; port <= 2; port++) {
		memset(&err, 0, sizeof(err));
		cr_assert_eq(fi_cq_readerr(fid, &err, 0), 1);
		cr_assert_eq(err.err, FI_EADDRNOTAVAIL);
		cr_assert_eq(err.err_data_size, sizeof(addr));
		memcpy(&addr, err.err_data, sizeof(addr));
		cr_assert_eq(addr.sin_port, port);
		cr_assert_eq(sources->idle_cnt, port - 1u, "the one before");
	}
	cr_assert_eq(fi_close(&fid->fid), 0);
	cr_assert_eq(sources->idle_cnt, 3, "of what was read, and of what was not");
}

Test(cq, without_a_wait_object_nothing_blocks)
{
	struct fid_cq *fid = open_cq(FI_CQ_FORMAT_TAGGED, FI_WAIT_NONE);
	struct fi_cq_tagged_entry entry;
	struct fid *fids[] = {&fid->fid};
	int fd;

	cr_assert_eq(fi_cq_sread(fid, &entry, 1, NULL, -1), -FI_ENOSYS);
	cr_assert_eq(fi_cq_signal(fid), -FI_ENOSYS);
	cr_assert_eq(fi_trywait(fabric, fids, 1), -FI_EINVAL);
	cr_assert_eq(fi_control(&fid->fid, FI_GETWAIT, &fd), -FI_ENODATA);
	cr_assert_eq(fi_close(&fid->fid), 0);
}

Test(cq, attributes_are_checked)
{
	struct fi_cq_attr bad_format = {.format = FI_CQ_FORMAT_TAGGED + 1};
	struct fi_cq_attr bad_wait = {.wait_obj = FI_WAIT_MUTEX_COND};
	struct fi_cntr_attr bad_cntr = {.flags = 1};
	struct fid_cntr *cntr;
	struct fid_cq *fid;

	cr_assert_eq(fi_cq_open(domain, &bad_format, &fid, NULL), -FI_EINVAL);
	cr_assert_eq(fi_cq_open(domain, &bad_wait, &fid, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_cq_open(domain, NULL, &fid, NULL), -FI_EINVAL);
	cr_assert_eq(fi_cntr_open(domain, &bad_cntr, &cntr, NULL), -FI_EINVAL);
	the_cq()->queue.refs++;
	cr_assert_eq(fi_close(&cq->fid), -FI_EBUSY);
	the_cq()->queue.refs--;
}
