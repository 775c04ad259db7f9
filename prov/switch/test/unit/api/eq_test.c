/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Event queues: events that are pushed are read, or dropped when their object is closed. */
#include "api/eq.h"
#include "lib/later.h"
#include "lib/switch_fixture.h"
#include "progress/events.h"
#include "progress/hub.h"

static struct fid_eq *eq;
static struct fid one, two; /* two objects of libfabric */

static struct switch_eq *the_eq(void)
{
	return container_of(eq, struct switch_eq, eq_fid);
}

static void eq_setup(void)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_FD, .flags = FI_WRITE};

	setup();
	cr_assert_eq(fi_eq_open(fabric, &attr, &eq, NULL), 0);
}

static void eq_teardown(void)
{
	cr_assert_eq(fi_close(&eq->fid), 0);
	teardown();
}

TestSuite(eq, .init = eq_setup, .fini = eq_teardown);

static void push(struct fid *fid)
{
	const struct fi_eq_entry entry = {.fid = fid};

	cr_assert_eq(switch_events_push(&the_eq()->events, FI_MR_COMPLETE, &entry, sizeof(entry)),
		     0);
}

Test(eq, an_event_is_peeked_and_read)
{
	struct fi_eq_entry entry;
	uint32_t event;

	push(&one);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry) - 1, 0), -FI_ETOOSMALL);
	for (int i = 0; i < 2; i++) {
		memset(&entry, 0, sizeof(entry));
		cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), FI_PEEK), sizeof(entry));
		cr_assert_eq(event, FI_MR_COMPLETE);
		cr_assert_eq(entry.fid, &one);
	}
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAGAIN);
}

Test(eq, connection_data_follows_the_entry)
{
	uint8_t buf[sizeof(struct fi_eq_cm_entry) + 8];
	struct fi_eq_cm_entry *entry = (void *)buf;
	uint32_t event;

	memset(buf, 0, sizeof(buf));
	entry->fid = &one;
	memcpy(entry->data, "abc", 3);
	cr_assert_eq(switch_events_push(&the_eq()->events, FI_CONNECTED, buf, sizeof(*entry) + 3),
		     0);
	memset(buf, 0xee, sizeof(buf));
	cr_assert_eq(fi_eq_read(eq, &event, buf, sizeof(buf), 0), sizeof(*entry) + 3);
	cr_assert_eq(memcmp(entry->data, "abc\xee", 4), 0);
}

/* The peer chooses the length of connection data: a read with too little room gets as much as
 * fits. */
Test(eq, connection_data_are_cut)
{
	uint8_t buf[sizeof(struct fi_eq_cm_entry) + 8];
	struct fi_eq_cm_entry *entry = (void *)buf;
	const size_t len = sizeof(*entry);
	uint32_t event;

	memset(buf, 0, sizeof(buf));
	entry->fid = &one;
	memcpy(entry->data, "abcdef", 6);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(switch_events_push(&the_eq()->events, FI_CONNREQ + (uint32_t)i, buf,
						len + 6),
			     0);
	memset(buf, 0xee, sizeof(buf));
	cr_assert_eq(fi_eq_read(eq, &event, buf, len - 1, 0), -FI_ETOOSMALL);
	cr_assert_eq(fi_eq_read(eq, &event, buf, len, 0), len);
	cr_assert_eq(event, FI_CONNREQ);
	cr_assert_eq(entry->fid, &one);
	cr_assert_eq(entry->data[0], 0xee);
	cr_assert_eq(fi_eq_read(eq, &event, buf, len + 2, 0), len + 2);
	cr_assert_eq(event, FI_CONNECTED);
	cr_assert_eq(memcmp(entry->data, "ab\xee", 3), 0);
	cr_assert_eq(fi_eq_read(eq, &event, buf, sizeof(buf), 0), -FI_EAGAIN);
}

Test(eq, errors_stand_in_their_place)
{
	struct fi_eq_entry entry;
	struct fi_eq_err_entry err = {0};
	char data[2];
	uint32_t event;

	push(&one);
	cr_assert_eq(switch_events_push_error(&the_eq()->events, &two, &event, FI_ECONNREFUSED, 111,
					      "why", 3),
		     0);
	cr_assert_eq(fi_eq_readerr(eq, &err, 0), -FI_EAGAIN);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAVAIL);
	err.err_data = data;
	err.err_data_size = sizeof(data);
	cr_assert_eq(fi_eq_readerr(eq, &err, FI_PEEK), sizeof(err));
	cr_assert_eq(err.fid, &two);
	cr_assert_eq(err.context, &event);
	cr_assert_eq(err.err, FI_ECONNREFUSED);
	cr_assert_eq(err.err_data_size, 2, "what the application has room for");
	cr_assert_arr_eq(data, "wh", 2);
	memset(&err, 0, sizeof(err));
	cr_assert_eq(fi_eq_readerr(eq, &err, 0), sizeof(err));
	cr_assert_eq(err.err_data_size, 3);
	cr_assert_arr_eq(err.err_data, "why", 3);
	cr_assert_str_eq(fi_eq_strerror(eq, err.prov_errno, err.err_data, NULL, 0),
			 fi_strerror(111));
}

Test(eq, an_old_application_has_a_shorter_error_entry)
{
	struct fi_eq_err_entry err;

	the_domain()->fabric->fabric_fid.api_version = FI_VERSION(1, 4);
	switch_events_push_error(&the_eq()->events, &two, NULL, FI_EIO, 0, "x", 1);
	memset(&err, 0xee, sizeof(err));
	cr_assert_gt(fi_eq_readerr(eq, &err, 0), 0);
	cr_assert_arr_eq(err.err_data, "x", 1);
	cr_assert_eq(err.err_data_size, 0xeeeeeeeeeeeeeeee);
}

Test(eq, what_belongs_to_a_closed_object_goes_with_it)
{
	struct fi_eq_entry entry = {.fid = &one, .data = 5};
	uint32_t event;

	push(&one);
	push(&two);
	switch_events_push_error(&the_eq()->events, &one, NULL, FI_EIO, 0, NULL, 0);
	cr_assert_eq(fi_eq_write(eq, FI_NOTIFY, &entry, sizeof(entry), 0), sizeof(entry));
	push(&one);
	switch_events_remove(&the_eq()->events, &one);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(entry.fid, &two);
	/* events that the application wrote itself */
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(event, FI_NOTIFY);
	cr_assert_eq(entry.data, 5);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAGAIN);
}

Test(eq, a_request_nobody_reads_frees_its_info)
{
	struct fi_eq_cm_entry entry = {.fid = &one};

	for (int i = 0; i < 2; i++) {
		entry.info = fi_allocinfo();
		switch_events_push(&the_eq()->events, FI_CONNREQ, &entry, sizeof(entry));
		if (!i)
			switch_events_remove(&the_eq()->events, &one);
	}
}

static void push_event(void *fid)
{
	push(fid);
}

Test(eq, an_event_wakes_a_blocking_read)
{
	struct fi_eq_entry entry;
	struct later later;
	uint32_t event;

	later_begin(&later, push_event, &two);
	cr_assert_eq(fi_eq_sread(eq, &event, &entry, sizeof(entry), -1, 0), sizeof(entry));
	cr_assert_eq(entry.fid, &two);
	later_end(&later);
	cr_assert_eq(fi_eq_sread(eq, &event, &entry, sizeof(entry), 10, 0), -FI_EAGAIN);
}

static void nothing(struct switch_hub_member *member)
{
	(void)member;
}

static int nothing_to_wait_for(struct switch_hub_member *member)
{
	(void)member;
	return 0;
}

/* Comes between a look at the queue and the sleep behind it. */
static int push_once(struct switch_hub_member *member)
{
	member->trywait = nothing_to_wait_for;
	push(&one);
	return 0;
}

Test(eq, an_event_that_comes_before_the_sleep_is_not_slept_over)
{
	struct switch_hub_member member = {.progress = nothing, .trywait = push_once};
	struct switch_hub *hub = &the_domain()->fabric->hub;
	struct fi_eq_entry entry;
	struct later later;
	uint64_t calls;
	uint32_t event;

	LIST_INSERT_HEAD(&hub->members, &member, entry);
	later_begin(&later, push_event, &two);
	cr_assert_eq(fi_eq_sread(eq, &event, &entry, sizeof(entry), -1, 0), sizeof(entry));
	calls = the_eq()->events.wait.calls;
	later_end(&later);
	LIST_REMOVE(&member, entry);
	cr_assert_eq(calls, 0, "it slept until it was called");
}

/* An endpoint and a passive one are closed with an event of theirs unread. */
Test(eq, closed_objects_take_their_events_along)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	struct fi_eq_entry entry;
	struct fid_ep *ep;
	struct fid_pep *pep;
	uint32_t event;

	hints->ep_attr->type = FI_EP_MSG;
	cr_assert_eq(ask(FI_VERSION(1, 17), hints, &info), 0);
	cr_assert_eq(fi_endpoint(domain, info, &ep, NULL), 0);
	cr_assert_eq(fi_ep_bind(ep, &eq->fid, 0), 0);
	push(&ep->fid);
	cr_assert_eq(fi_passive_ep(fabric, info, &pep, NULL), 0);
	cr_assert_eq(fi_pep_bind(pep, &eq->fid, 0), 0);
	push(&pep->fid);
	push(&one);
	cr_assert_eq(fi_close(&ep->fid), 0);
	cr_assert_eq(fi_close(&pep->fid), 0);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(entry.fid, &one);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

Test(eq, the_descriptor_sleeps_after_trywait_and_wakes)
{
	struct fi_eq_entry entry;
	uint32_t event;

	must_wait(&eq->fid);
	push(&one);
	must_wake(&eq->fid);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	must_wait(&eq->fid);
}

Test(eq, attributes_are_checked)
{
	struct fi_eq_attr plain = {.wait_obj = FI_WAIT_NONE}, set = {.wait_obj = FI_WAIT_SET};
	struct fi_eq_attr mutex = {.wait_obj = FI_WAIT_MUTEX_COND};
	struct fi_eq_entry entry = {.fid = &one};
	struct fid_eq *fid;
	uint32_t event;

	cr_assert_eq(fi_eq_open(fabric, NULL, &fid, NULL), -FI_EINVAL);
	cr_assert_eq(fi_eq_open(fabric, &set, &fid, NULL), -FI_EINVAL, "it names none");
	cr_assert_eq(fi_eq_open(fabric, &mutex, &fid, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_eq_open(fabric, &plain, &fid, NULL), 0);
	cr_assert_eq(fi_eq_write(fid, FI_NOTIFY, &entry, sizeof(entry), 0), -FI_ENOSYS);
	cr_assert_eq(fi_eq_sread(fid, &event, &entry, sizeof(entry), -1, 0), -FI_ENOSYS);
	cr_assert_eq(fi_close(&fabric->fid), -FI_EBUSY);
	cr_assert_eq(fi_close(&fid->fid), 0);
}
