/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Address vectors, through libfabric's calls and through the provider's own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>

#include "api/av.h"
#include "api/complete.h"
#include "base/addr.h"
#include "lib/switch_fixture.h"
#include "peer/names.h"
#include "peer/source.h"
#include "progress/op.h"

/* 2.x still has fi_av_bind(), but warns. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct fid_av *av;

static struct switch_av *the_av(void)
{
	return switch_av_from_fid(the_domain(), &av->fid);
}

static void av_setup(void)
{
	struct fi_av_attr attr = {.type = FI_AV_TABLE};

	setup();
	cr_assert_eq(fi_av_open(domain, &attr, &av, NULL), 0);
}

static void av_teardown(void)
{
	cr_assert_eq(fi_close(&av->fid), 0);
	teardown();
}

static struct sockaddr_in peer(uint32_t i)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(1 + i % 60000),
		.sin_addr.s_addr = htonl(0x0a000001 + i / 60000),
	};

	return in;
}

static fi_addr_t insert(uint32_t i)
{
	const struct sockaddr_in in = peer(i);
	fi_addr_t fi_addr;
	const int ret = fi_av_insert(av, &in, 1, &fi_addr, 0, NULL);

	cr_assert_eq(ret, 1);
	return fi_addr;
}

static fi_addr_t find(uint32_t i)
{
	const struct sockaddr_in in = peer(i);

	return switch_names_find(&the_av()->names, &in, sizeof(in));
}

TestSuite(av, .init = av_setup, .fini = av_teardown);

Test(av, indices_are_in_order_and_lead_back)
{
	struct sockaddr_in want = peer(1), got;
	size_t len = sizeof(got);

	cr_assert_eq(insert(0), 0);
	cr_assert_eq(insert(1), 1);
	cr_assert_eq(fi_av_lookup(av, 1, &got, &len), 0);
	cr_assert_eq(len, sizeof(got));
	cr_assert_eq(memcmp(&got, &want, len), 0);
	cr_assert_eq(find(1), 1);
	cr_assert_eq(find(2), FI_ADDR_NOTAVAIL);
	cr_assert_null(switch_names_get(&the_av()->names, 2));
	cr_assert_null(switch_names_get(&the_av()->names, FI_ADDR_UNSPEC));
	cr_assert_eq((uintptr_t)switch_names_get(&the_av()->names, 0)->bytes % 8, 0);
}

Test(av, lookup_truncates_and_says_the_full_length)
{
	uint8_t got[4] = {0, 0, 0, 0xee};
	size_t len = 3;

	insert(0);
	cr_assert_eq(fi_av_lookup(av, 0, got, &len), 0);
	cr_assert_eq(len, sizeof(struct sockaddr_in));
	cr_assert_eq(got[3], 0xee);
	len = 0;
	cr_assert_eq(fi_av_lookup(av, 0, NULL, &len), 0);
	cr_assert_eq(fi_av_lookup(av, 5, got, &len), -FI_EINVAL);
}

Test(av, the_lowest_free_index_is_used_again)
{
	fi_addr_t gone[] = {2, 5};

	for (uint32_t i = 0; i < 8; i++)
		insert(i);
	cr_assert_eq(fi_av_remove(av, gone, 2, 0), 0);
	cr_assert_eq(find(2), FI_ADDR_NOTAVAIL);
	cr_assert_eq(fi_av_remove(av, gone, 1, 0), -FI_EINVAL);
	cr_assert_eq(insert(100), 2);
	cr_assert_eq(insert(101), 5);
	cr_assert_eq(insert(102), 8);
	cr_assert_eq(find(101), 5);
}

Test(av, equal_addresses_are_entries_of_their_own)
{
	fi_addr_t first = insert(7), second = insert(7), third = insert(7);

	cr_assert_neq(first, second);
	cr_assert_eq(find(7), first);
	cr_assert_eq(fi_av_remove(av, &first, 1, 0), 0);
	cr_assert_eq(find(7), second);
	cr_assert_eq(fi_av_remove(av, &third, 1, 0), 0);
	cr_assert_eq(find(7), second);
	cr_assert_eq(fi_av_remove(av, &second, 1, 0), 0);
	cr_assert_eq(find(7), FI_ADDR_NOTAVAIL);
}

Test(av, a_bad_address_fails_alone)
{
	struct sockaddr_in in[4] = {peer(0), peer(1), peer(2), peer(3)};
	int errors[4] = {-1, -1, -1, -1};
	fi_addr_t fi_addr[4];

	in[1].sin_port = 0;
	in[2].sin_family = AF_INET6;
	cr_assert_eq(fi_av_insert(av, in, 4, fi_addr, FI_SYNC_ERR | FI_MORE, errors), 2);
	cr_assert_eq(fi_addr[0], 0);
	cr_assert_eq(fi_addr[1], FI_ADDR_NOTAVAIL);
	cr_assert_eq(fi_addr[2], FI_ADDR_NOTAVAIL);
	cr_assert_eq(fi_addr[3], 1);
	cr_assert_eq(errors[0], 0);
	cr_assert_eq(errors[1], FI_EADDRNOTAVAIL);
	cr_assert_eq(errors[2], FI_EINVAL);
	cr_assert_eq(errors[3], 0);
}

Test(av, arguments_are_checked)
{
	const struct sockaddr_in in = peer(0);
	fi_addr_t fi_addr = 0;

	cr_assert_eq(fi_av_insert(av, &in, 1, &fi_addr, FI_PEEK, NULL), -FI_EBADFLAGS);
	cr_assert_eq(fi_av_insert(av, &in, 1, &fi_addr, FI_SYNC_ERR, NULL), -FI_EINVAL);
	cr_assert_eq(fi_av_insert(av, NULL, 1, &fi_addr, 0, NULL), -FI_EINVAL);
	cr_assert_eq(fi_av_insert(av, NULL, 0, NULL, 0, NULL), 0);
	cr_assert_eq(fi_av_insertsvc(av, NULL, NULL, &fi_addr, 0, NULL), -FI_EINVAL);
	cr_assert_eq(fi_av_remove(av, &fi_addr, 1, FI_MORE), -FI_EINVAL);
}

Test(av, symmetric_insertion_goes_node_by_node)
{
	fi_addr_t fi_addr[4];
	char text[64];
	static const char *const want[] = {
		"fi_sockaddr_in://10.1.1.1:5000", "fi_sockaddr_in://10.1.1.1:5001",
		"fi_sockaddr_in://10.1.1.2:5000", "fi_sockaddr_in://10.1.1.2:5001"};

	cr_assert_eq(fi_av_insertsym(av, "10.1.1.1", 2, "5000", 2, fi_addr, 0, NULL), 4);
	for (size_t i = 0; i < 4; i++) {
		size_t len = sizeof(text);

		fi_av_straddr(av, switch_names_get(&the_av()->names, fi_addr[i])->bytes, text,
			      &len);
		cr_assert_str_eq(text, want[i]);
	}
	cr_assert_eq(fi_av_insertsym(av, "10.1.1.1", 1, "65535", 2, fi_addr, 0, NULL), 1);
	cr_assert_eq(fi_addr[1], FI_ADDR_NOTAVAIL);
}

Test(av, service_is_resolved)
{
	fi_addr_t fi_addr;

	cr_assert_eq(fi_av_insertsvc(av, "127.0.0.1", "5000", &fi_addr, 0, NULL), 1);
	cr_assert_eq(fi_addr, 0);
	cr_assert_eq(fi_av_insertsvc(av, "256.0.0.1.invalid", "5000", &fi_addr, 0, NULL), 0);
	cr_assert_eq(fi_addr, FI_ADDR_NOTAVAIL);
	cr_assert_eq(fi_av_insertsvc(av, "127.0.0.1", "65536", &fi_addr, 0, NULL), 0);
	cr_assert_eq(fi_addr, FI_ADDR_NOTAVAIL);
}

Test(av, a_hundred_thousand)
{
	enum { CNT = 100000 };
	struct sockaddr_in *in = calloc(CNT, sizeof(*in));
	fi_addr_t *fi_addr = calloc(CNT, sizeof(*fi_addr));

	for (uint32_t i = 0; i < CNT; i++)
		in[i] = peer(i);
	cr_assert_eq(fi_av_insert(av, in, CNT, fi_addr, 0, NULL), CNT);
	for (uint32_t i = 0; i < CNT; i += 997)
		cr_assert_eq(find(i), i);
	for (uint32_t i = 0; i < CNT; i += 2)
		cr_assert_eq(fi_av_remove(av, &fi_addr[i], 1, 0), 0);
	for (uint32_t i = 0; i < CNT; i += 2)
		cr_assert_eq(insert(CNT + i), i);
	for (uint32_t i = 1; i < CNT; i += 998)
		cr_assert_eq(find(i), i);
	free(in);
	free(fi_addr);
}

Test(av, asynchronous_insertion_reports_to_the_eq)
{
	struct sockaddr_in in[3] = {peer(0), peer(1), peer(2)};
	struct fi_av_attr attr = {.type = FI_AV_MAP, .flags = FI_EVENT};
	struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_NONE};
	struct fi_eq_err_entry err = {0};
	struct fi_eq_entry entry;
	struct fid_av *async;
	struct fid_eq *eq;
	fi_addr_t fi_addr[3];
	uint32_t event;

	in[1].sin_port = 0;
	cr_assert_eq(fi_av_open(domain, &attr, &async, NULL), 0);
	cr_assert_eq(fi_eq_open(fabric, &eq_attr, &eq, NULL), 0);
	cr_assert_eq(fi_av_insert(async, in, 3, fi_addr, 0, NULL), -FI_ENOEQ);
	cr_assert_eq(fi_av_bind(async, &eq->fid, 0), 0);
	cr_assert_eq(fi_close(&eq->fid), -FI_EBUSY);
	cr_assert_eq(fi_av_insert(async, in, 3, fi_addr, 0, &in), 0);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAVAIL);
	cr_assert_eq(fi_eq_readerr(eq, &err, 0), sizeof(err));
	cr_assert_eq(err.fid, &async->fid);
	cr_assert_eq(err.context, &in);
	cr_assert_eq(err.data, 1);
	cr_assert_eq(err.err, FI_EADDRNOTAVAIL);
	cr_assert_eq(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	cr_assert_eq(event, FI_AV_COMPLETE);
	cr_assert_eq(entry.fid, &async->fid);
	cr_assert_eq(entry.context, &in);
	cr_assert_eq(entry.data, 2);
	cr_assert_eq(fi_close(&async->fid), 0);
	cr_assert_eq(fi_close(&eq->fid), 0);
}

Test(av, what_is_not_offered_is_refused)
{
	struct fi_av_attr shared = {.type = FI_AV_TABLE, .name = "shared"};
	struct fi_av_attr reader = {.type = FI_AV_TABLE, .flags = FI_READ};
	struct fi_av_attr any = {.type = FI_AV_UNSPEC};
	struct fid_av *other;

	cr_assert_eq(fi_av_open(domain, &shared, &other, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_av_open(domain, &reader, &other, NULL), -FI_ENOSYS);
	cr_assert_eq(fi_av_open(domain, NULL, &other, NULL), -FI_EINVAL);
	cr_assert_eq(fi_close(&domain->fid), -FI_EBUSY);
	cr_assert_eq(fi_av_open(domain, &any, &other, NULL), 0);
	cr_assert_neq(any.type, FI_AV_UNSPEC);
	cr_assert_eq(fi_close(&other->fid), 0);
}

/* Names the source of a received message whose address is in no vector.  Returns its operation. */
static struct switch_op *message(uint64_t key)
{
	struct switch_op *op = switch_op_alloc(&the_domain()->ops);

	cr_assert_not_null(op);
	op->queue = NULL;
	op->wants_entry = true;
	op->sess.flags = SESS_RECV;
	op->sess.error = 0;
	op->sess.source = key;
	switch_source_name(&the_domain()->sources, &the_av()->names, op);
	cr_assert_eq(op->sess.source, FI_ADDR_NOTAVAIL);
	cr_assert_eq(op->sess.error, FI_EADDRNOTAVAIL);
	return op;
}

static bool is_from(const struct switch_op *op, uint32_t i)
{
	const struct sockaddr_in addr = peer(i);
	struct switch_addr want;

	cr_assert_eq(switch_addr_set(FI_SOCKADDR_IN, &addr, sizeof(addr), &want), 0);
	return op->unknown && switch_addr_equal(switch_unknown_addr(op->unknown), &want);
}

Test(av, strangers_are_never_too_many)
{
	enum { CNT = 10000, KEPT = 4096 };
	struct switch_unknown *held = NULL;
	struct switch_addr name;
	struct switch_op *op, *unread = NULL;
	struct sockaddr_in addr;
	uint64_t key, first = 0;

	for (uint32_t i = 1; i <= CNT; i++) {
		addr = peer(i);
		switch_addr_set(FI_SOCKADDR_IN, &addr, sizeof(addr), &name);
		key = switch_source_key(&the_domain()->sources, &name, &held);
		op = message(key);
		cr_assert(is_from(op, i));
		if (i == 1)
			first = key;
		switch_unknown_release(held); /* the session ends, and the message still waits */
		held = NULL;
		if (i == 2)
			unread = op;
		else
			switch_op_drop(the_domain(), op);
		cr_assert_leq(the_domain()->sources.idle_cnt, KEPT);
	}
	cr_assert(is_from(unread, 2));
	switch_op_drop(the_domain(), unread);
	op = message(key);
	cr_assert(is_from(op, CNT));
	switch_op_drop(the_domain(), op);
	op = message(first);
	cr_assert_null(op->unknown, "the oldest is forgotten");
	switch_op_drop(the_domain(), op);
}
