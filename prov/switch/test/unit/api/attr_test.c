/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every attribute of fi_getinfo(3), fi_endpoint(3) and fi_domain(3) in the hints, for both
 * types of endpoints: the answer if it is absent, if the value can be granted, if it is a
 * mere hint, and the refusal if it cannot be granted.
 */
#include <netinet/in.h>

#include "lib/switch_fixture.h"

#define API FI_VERSION(1, 17)

static const enum fi_ep_type types[] = {FI_EP_RDM, FI_EP_MSG};

static void attr_setup(void)
{
	load_provider();
}

static void attr_teardown(void)
{
	switch_prov.cleanup();
	cr_assert_eq(leaks_found(), 0);
}

TestSuite(attr, .init = attr_setup, .fini = attr_teardown);

/* -- the table ----------------------------------------------------------------- */

enum part { INFO, TX, RX, EP, DOMAIN, FABRIC };

/* The attribute in the answer to a value that can be granted. */
enum answer {
	SAME,  /* the same value */
	OFFER, /* the value for absent hints, which is as good or better */
	COUNT, /* the larger of that and the value asked for */
};

#define ANY  UINT64_MAX /* any value */
#define NONE 0		/* there is no such value */

struct row {
	const char *name;
	enum part part;
	size_t at, size;
	bool since_1_5;
	uint64_t absent; /* the value in the answer to absent hints */
	uint64_t good;	 /* a value that can be granted */
	enum answer answer;
	uint64_t hint; /* a value that is a mere hint: the answer is as for absent hints */
	uint64_t bad;  /* a value that cannot be granted */
};

#define AT(type, field)	  offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define ROW_INFO(field)	  #field, INFO, AT(fi_info, field), false
#define ROW_TX(field)	  "tx_attr " #field, TX, AT(fi_tx_attr, field), false
#define ROW_RX(field)	  "rx_attr " #field, RX, AT(fi_rx_attr, field), false
#define ROW_EP(field)	  "ep_attr " #field, EP, AT(fi_ep_attr, field), false
#define ROW_DOMAIN(field) "domain_attr " #field, DOMAIN, AT(fi_domain_attr, field), false
#define ROW_FABRIC(field) "fabric_attr " #field, FABRIC, AT(fi_fabric_attr, field), false
#define NEW_EP(field)	  "ep_attr " #field, EP, AT(fi_ep_attr, field), true
#define NEW_DOMAIN(field) "domain_attr " #field, DOMAIN, AT(fi_domain_attr, field), true

#define PROTO 0x80007377 /* "sw", of a provider's own */

/* clang-format off */
static const struct row rows[] = {
	/*                                 absent, good, answer, hint, bad */
	{ROW_INFO(mode),                   0, NONE, OFFER, UINT64_MAX, NONE},
	{ROW_INFO(addr_format),            FI_SOCKADDR_IN, FI_SOCKADDR_IN, SAME, FI_SOCKADDR, FI_SOCKADDR_IN6},
	{ROW_INFO(addr_format),            FI_SOCKADDR_IN, NONE, SAME, NONE, FI_ADDR_STR},
	{ROW_INFO(src_addrlen),            sizeof(struct sockaddr_in), NONE, SAME, 99, NONE},
	{ROW_INFO(dest_addrlen),           0, NONE, SAME, 99, NONE},

	{ROW_TX(mode),                     0, NONE, OFFER, UINT64_MAX, NONE},
	{ROW_TX(op_flags),                 0, FI_DELIVERY_COMPLETE | FI_COMPLETION, SAME, NONE, FI_COMMIT_COMPLETE},
	{ROW_TX(op_flags),                 0, FI_INJECT_COMPLETE, SAME, NONE, FI_MULTICAST},
	{ROW_TX(op_flags),                 0, FI_TRANSMIT_COMPLETE | FI_INJECT, SAME, NONE, FI_FENCE},
	{ROW_TX(msg_order),                FI_ORDER_SAS, FI_ORDER_SAS, OFFER, NONE, FI_ORDER_RAW},
	{ROW_TX(comp_order),               0, NONE, OFFER, NONE, FI_ORDER_SAS},
	{ROW_TX(inject_size),              SWITCH_INJECT_SIZE, 1, OFFER, NONE, SWITCH_INJECT_SIZE + 1},
	{ROW_TX(size),                     SWITCH_TX_SIZE, 3, OFFER, NONE, SWITCH_TX_SIZE + 1},
	{ROW_TX(iov_limit),                SESS_IOV_MAX, 1, OFFER, NONE, SESS_IOV_MAX + 1},
	{ROW_TX(rma_iov_limit),            1, 1, OFFER, NONE, 2},
	{ROW_TX(tclass),                   0, NONE, OFFER, FI_TC_LOW_LATENCY, NONE},

	{ROW_RX(mode),                     0, NONE, OFFER, UINT64_MAX, NONE},
	{ROW_RX(op_flags),                 0, FI_COMPLETION | FI_MULTI_RECV, SAME, NONE, FI_DELIVERY_COMPLETE},
	{ROW_RX(msg_order),                FI_ORDER_SAS, FI_ORDER_SAS, OFFER, NONE, FI_ORDER_WAW},
	{ROW_RX(comp_order),               0, NONE, OFFER, NONE, FI_ORDER_SAS},
	{ROW_RX(total_buffered_recv),      0, NONE, OFFER, 1 << 20, NONE},
	{ROW_RX(total_buffered_recv),      0, NONE, OFFER, SIZE_MAX, NONE},
	{ROW_RX(size),                     SWITCH_RX_SIZE, 3, OFFER, NONE, SWITCH_RX_SIZE + 1},
	{ROW_RX(iov_limit),                SESS_IOV_MAX, 1, OFFER, NONE, SESS_IOV_MAX + 1},

	{ROW_EP(protocol),                 PROTO, PROTO, SAME, NONE, FI_PROTO_RXM},
	{ROW_EP(protocol_version),         ANY, 1, OFFER, NONE, UINT32_MAX},
	{ROW_EP(max_msg_size),             SIZE_MAX / 2, 4 << 20, OFFER, NONE, SIZE_MAX},
	{ROW_EP(msg_prefix_size),          0, NONE, OFFER, 64, NONE},
	{ROW_EP(max_order_raw_size),       0, NONE, OFFER, NONE, 8},
	{ROW_EP(max_order_war_size),       0, NONE, OFFER, NONE, 8},
	{ROW_EP(max_order_waw_size),       0, NONE, OFFER, NONE, SIZE_MAX},
	{ROW_EP(mem_tag_format),           0xaaaaaaaaaaaaaaaa, 0x30ff, SAME, NONE, NONE},
	{ROW_EP(mem_tag_format),           0xaaaaaaaaaaaaaaaa, UINT64_MAX, SAME, NONE, NONE},
	{ROW_EP(mem_tag_format),           0xaaaaaaaaaaaaaaaa, 1, SAME, NONE, NONE}, /* FI_TAG_MPI of 2.x */
	{ROW_EP(tx_ctx_cnt),               1, 1, OFFER, NONE, 2},
	{ROW_EP(tx_ctx_cnt),               1, FI_SHARED_CONTEXT, SAME, NONE, SIZE_MAX - 1},
	{ROW_EP(rx_ctx_cnt),               1, 1, OFFER, NONE, 2},
	{ROW_EP(rx_ctx_cnt),               1, FI_SHARED_CONTEXT, SAME, NONE, SIZE_MAX - 1},
	{NEW_EP(auth_key_size),            0, NONE, OFFER, NONE, 16},

	{ROW_DOMAIN(threading),            FI_THREAD_SAFE, FI_THREAD_DOMAIN, SAME, NONE, 99},
	{ROW_DOMAIN(threading),            FI_THREAD_SAFE, FI_THREAD_COMPLETION, SAME, NONE, NONE},
	{ROW_DOMAIN(control_progress),     FI_PROGRESS_MANUAL, FI_PROGRESS_AUTO, SAME, NONE, 99},
	{ROW_DOMAIN(data_progress),        FI_PROGRESS_MANUAL, FI_PROGRESS_AUTO, SAME, NONE, 99},
	{ROW_DOMAIN(resource_mgmt),        FI_RM_ENABLED, FI_RM_ENABLED, SAME, FI_RM_DISABLED, 99},
	{ROW_DOMAIN(av_type),              FI_AV_UNSPEC, FI_AV_TABLE, SAME, NONE, 99},
	{ROW_DOMAIN(av_type),              FI_AV_UNSPEC, FI_AV_MAP, SAME, NONE, NONE},
	{ROW_DOMAIN(mr_mode),              0, NONE, OFFER, FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY, NONE},
	{ROW_DOMAIN(mr_mode),              0, NONE, OFFER, FI_MR_ENDPOINT | FI_MR_RAW | FI_MR_HMEM, NONE},
	{ROW_DOMAIN(mr_key_size),          8, 4, OFFER, NONE, 9},
	{ROW_DOMAIN(cq_data_size),         8, 4, OFFER, NONE, 9},
	{ROW_DOMAIN(cq_cnt),               65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(ep_cnt),               65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(tx_ctx_cnt),           65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(rx_ctx_cnt),           65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(max_ep_tx_ctx),        1, 1, OFFER, NONE, 2},
	{ROW_DOMAIN(max_ep_rx_ctx),        1, 1, OFFER, NONE, 2},
	{ROW_DOMAIN(max_ep_stx_ctx),       65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(max_ep_srx_ctx),       65536, 1 << 20, COUNT, 1, NONE},
	{NEW_DOMAIN(cntr_cnt),             65536, 1 << 20, COUNT, 1, NONE},
	{NEW_DOMAIN(mr_iov_limit),         SESS_IOV_MAX, 1, OFFER, NONE, SESS_IOV_MAX + 1},
	{NEW_DOMAIN(caps),                 ANY, FI_LOCAL_COMM | FI_REMOTE_COMM, OFFER, NONE, FI_SHARED_AV},
	{ROW_DOMAIN(mode),                 0, NONE, OFFER, UINT64_MAX, NONE},
	{NEW_DOMAIN(auth_key_size),        0, NONE, OFFER, NONE, 16},
	{NEW_DOMAIN(max_err_data),         CORE_ADDR_MAX, 16, OFFER, NONE, CORE_ADDR_MAX + 1},
	{NEW_DOMAIN(mr_cnt),               65536, 1 << 20, COUNT, 1, NONE},
	{ROW_DOMAIN(tclass),               0, NONE, OFFER, FI_TC_BULK_DATA, NONE},

	{ROW_FABRIC(prov_version),         FI_VERSION(1, 0), FI_VERSION(1, 0), OFFER, NONE, UINT32_MAX},
	{ROW_FABRIC(api_version),          ANY, NONE, OFFER, FI_VERSION(1, 9), NONE},
};
/* clang-format on */

static void *field_of(const struct row *row, struct fi_info *info)
{
	void *const parts[] = {info,	      info->tx_attr,	 info->rx_attr,
			       info->ep_attr, info->domain_attr, info->fabric_attr};

	return (char *)parts[row->part] + row->at;
}

static uint64_t get(const struct row *row, struct fi_info *info)
{
	uint32_t small = 0;
	uint64_t large = 0;

	if (row->size == sizeof(small)) {
		memcpy(&small, field_of(row, info), sizeof(small));
		return small;
	}
	cr_assert_eq(row->size, sizeof(large));
	memcpy(&large, field_of(row, info), sizeof(large));
	return large;
}

static void set(const struct row *row, struct fi_info *info, uint64_t value)
{
	const uint32_t small = (uint32_t)value;

	memcpy(field_of(row, info), row->size == sizeof(small) ? (void *)&small : (void *)&value,
	       row->size);
}

/* Returns the answer to hints in which one attribute has this value; NULL: none. */
static struct fi_info *answer_to(const struct row *row, enum fi_ep_type type, uint32_t version,
				 uint64_t value)
{
	struct fi_info *hints = fi_allocinfo(), *list;
	int ret;

	hints->ep_attr->type = type;
	if (row)
		set(row, hints, value);
	ret = ask(version, hints, &list);
	fi_freeinfo(hints);
	cr_expect(!ret || ret == -FI_ENODATA, "%s: %d", row ? row->name : "no hints", ret);
	cr_expect_eq(!ret, list != NULL);
	return list;
}

static void expect(const struct row *row, enum fi_ep_type type, uint32_t version, uint64_t asked,
		   uint64_t want)
{
	struct fi_info *list = answer_to(row, type, version, asked);

	cr_expect_not_null(list, "%s, type %d: %#lx is refused", row->name, type, asked);
	if (list)
		cr_expect(want == ANY || get(row, list) == want,
			  "%s, type %d: to %#lx the answer is %#lx, not %#lx", row->name, type,
			  asked, get(row, list), want);
	fi_freeinfo(list);
}

static void check_row(const struct row *row, enum fi_ep_type type)
{
	struct fi_info *list = answer_to(NULL, type, API, 0);
	const uint64_t absent = get(row, list);
	uint64_t want = row->good;

	fi_freeinfo(list);
	cr_expect(row->absent == ANY || absent == row->absent,
		  "%s, type %d: without, the answer is %#lx, not %#lx", row->name, type, absent,
		  row->absent);
	if (row->answer == OFFER || (row->answer == COUNT && want < absent))
		want = absent;
	if (row->good != NONE)
		expect(row, type, API, row->good, want);
	if (row->hint != NONE)
		expect(row, type, API, row->hint, absent);
	if (row->bad == NONE)
		return;
	list = answer_to(row, type, API, row->bad);
	cr_expect_null(list, "%s, type %d: %#lx is granted", row->name, type, row->bad);
	fi_freeinfo(list);
	if (row->since_1_5) /* an older application may leave anything in the field */
		expect(row, type, FI_VERSION(1, 4), row->bad, absent);
}

Test(attr, every_number)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t t = 0; t < 2; t++)
			check_row(&rows[i], types[t]);
}

/* -- capabilities ---------------------------------------------------------------- */

#define REFUSED UINT64_MAX
#define COMM	(FI_LOCAL_COMM | FI_REMOTE_COMM)
#define BOTH	(FI_SEND | FI_RECV)
#define ALL                                                                                        \
	(FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_MULTI_RECV | FI_SOURCE | FI_AV_USER_ID |       \
	 BOTH | COMM)
#define NOT_MSG (FI_DIRECTED_RECV | FI_SOURCE | FI_AV_USER_ID)

static const struct {
	uint64_t caps, tx, rx;	       /* the hints */
	uint64_t rdm, msg;	       /* the answers for FI_EP_RDM and FI_EP_MSG */
	uint64_t tx_answer, rx_answer; /* the answers for contexts; ANY: not checked */
} caps[] = {
	/* absent: every capability except those that not all applications can cope with */
	{0, 0, 0, ALL, ALL & ~NOT_MSG, FI_MSG | FI_TAGGED | FI_SEND, ANY},
	/* primary: those asked for and no others; without a modifier, both directions */
	{FI_MSG, 0, 0, FI_MSG | BOTH | COMM, FI_MSG | BOTH | COMM, FI_MSG | FI_SEND,
	 FI_MSG | FI_RECV},
	{FI_TAGGED | FI_RECV, 0, 0, FI_TAGGED | FI_RECV | COMM, FI_TAGGED | FI_RECV | COMM,
	 FI_TAGGED, FI_TAGGED | FI_RECV},
	{FI_MSG | FI_SEND, 0, 0, FI_MSG | FI_SEND | COMM, FI_MSG | FI_SEND | COMM, FI_MSG | FI_SEND,
	 FI_MSG},
	/* secondary, and for datagrams only */
	{FI_MSG | FI_MULTI_RECV, 0, 0, FI_MSG | FI_MULTI_RECV | BOTH | COMM,
	 FI_MSG | FI_MULTI_RECV | BOTH | COMM, ANY, FI_MSG | FI_MULTI_RECV | FI_RECV},
	{FI_TAGGED | FI_SOURCE, 0, 0, FI_TAGGED | FI_SOURCE | BOTH | COMM, REFUSED, ANY, ANY},
	{FI_TAGGED | FI_DIRECTED_RECV, 0, 0, FI_TAGGED | FI_DIRECTED_RECV | BOTH | COMM, REFUSED,
	 ANY, ANY},
	{FI_MSG | FI_SOURCE | FI_SOURCE_ERR, 0, 0, FI_MSG | FI_SOURCE | FI_SOURCE_ERR | BOTH | COMM,
	 REFUSED, ANY, ANY},
	{FI_MSG | FI_SOURCE_ERR, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_LOCAL_COMM, 0, 0, FI_MSG | BOTH | COMM, FI_MSG | BOTH | COMM, ANY, ANY},
	/* of contexts: a subset of the endpoint's, or of all that the provider has */
	{0, FI_MSG, FI_TAGGED, ALL, ALL & ~NOT_MSG, FI_MSG | FI_SEND, FI_TAGGED | FI_RECV},
	{FI_MSG | FI_TAGGED, FI_MSG | FI_SEND, FI_TAGGED, FI_MSG | FI_TAGGED | BOTH | COMM,
	 FI_MSG | FI_TAGGED | BOTH | COMM, FI_MSG | FI_SEND, FI_TAGGED | FI_RECV},
	{FI_MSG, FI_TAGGED, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG, 0, FI_TAGGED, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_RECV, FI_MSG | FI_SEND, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG, 0, FI_SOURCE, REFUSED, REFUSED, ANY, ANY},
	/* capabilities of the other direction are ignored */
	{FI_MSG, FI_MSG | BOTH, FI_MSG | BOTH, FI_MSG | BOTH | COMM, FI_MSG | BOTH | COMM,
	 FI_MSG | FI_SEND, FI_MSG | FI_RECV},
	/* capabilities that the provider does not have */
	{FI_RMA, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_READ, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_ATOMIC, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_MULTICAST, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_NAMED_RX_CTX, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_HMEM, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_COLLECTIVE, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_FENCE, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_TRIGGER, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_RMA_EVENT, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{FI_MSG | FI_SHARED_AV, 0, 0, REFUSED, REFUSED, ANY, ANY},
	{0, FI_ATOMIC, 0, REFUSED, REFUSED, ANY, ANY},
	{0, 0, FI_RMA_EVENT, REFUSED, REFUSED, ANY, ANY},
};

static void check_caps(size_t i, enum fi_ep_type type)
{
	const uint64_t want = type == FI_EP_RDM ? caps[i].rdm : caps[i].msg;
	struct fi_info *hints = fi_allocinfo(), *list;
	int ret;

	hints->ep_attr->type = type;
	hints->caps = caps[i].caps;
	hints->tx_attr->caps = caps[i].tx;
	hints->rx_attr->caps = caps[i].rx;
	ret = ask(API, hints, &list);
	fi_freeinfo(hints);
	cr_expect_eq(ret, want == REFUSED ? -FI_ENODATA : 0, "case %zu, type %d: %d", i, type, ret);
	if (!ret && want != REFUSED) {
		cr_expect_eq(list->caps, want, "case %zu, type %d: %#lx, not %#lx", i, type,
			     list->caps, want);
		cr_expect(caps[i].tx_answer == ANY || list->tx_attr->caps == caps[i].tx_answer,
			  "case %zu, type %d: tx_attr %#lx", i, type, list->tx_attr->caps);
		cr_expect(caps[i].rx_answer == ANY || list->rx_attr->caps == caps[i].rx_answer,
			  "case %zu, type %d: rx_attr %#lx", i, type, list->rx_attr->caps);
	}
	fi_freeinfo(list);
}

Test(attr, every_capability)
{
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		for (size_t t = 0; t < 2; t++)
			check_caps(i, types[t]);
}

/* -- the rest -------------------------------------------------------------------- */

Test(attr, every_type)
{
	static const enum fi_ep_type others[] = {FI_EP_DGRAM, 99};
	struct fi_info *list;

	for (size_t t = 0; t < 2; t++) {
		list = answer_to(NULL, types[t], API, 0);
		cr_assert_not_null(list);
		for (struct fi_info *info = list; info; info = info->next)
			cr_expect_eq(info->ep_attr->type, types[t]);
		fi_freeinfo(list);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect_null(answer_to(NULL, others[i], API, 0));
	list = answer_to(NULL, FI_EP_UNSPEC, API, 0);
	cr_assert(list && list->next);
	cr_expect_neq(list->ep_attr->type, list->next->ep_attr->type);
	fi_freeinfo(list);
}

/* Whole attribute structures may be absent. */
Test(attr, without_attributes)
{
	struct fi_info *all = fi_allocinfo(), hints, *list, *plain;
	char *want, *got;

	all->fabric_attr->prov_name = strdup("tcp;ofi_switch");
	cr_assert_eq(switch_getinfo(API, "127.0.0.1", NULL, FI_SOURCE, all, &plain), 0);
	want = strdup(fi_tostr(plain, FI_TYPE_INFO));
	for (int i = 0; i < 4; i++) {
		hints = *all;
		hints.tx_attr = i == 0 ? NULL : all->tx_attr;
		hints.rx_attr = i == 1 ? NULL : all->rx_attr;
		hints.ep_attr = i == 2 ? NULL : all->ep_attr;
		hints.domain_attr = i == 3 ? NULL : all->domain_attr;
		cr_assert_eq(switch_getinfo(API, "127.0.0.1", NULL, FI_SOURCE, &hints, &list), 0,
			     "%d", i);
		got = fi_tostr(list, FI_TYPE_INFO);
		cr_expect_str_eq(got, want, "%d", i);
		fi_freeinfo(list);
	}
	hints = *all;
	hints.fabric_attr = NULL;
	cr_assert_eq(switch_getinfo(API, "127.0.0.1", NULL, FI_SOURCE, &hints, &list), 0);
	fi_freeinfo(list);
	fi_freeinfo(plain);
	fi_freeinfo(all);
	free(want);
}

Test(attr, names)
{
	struct fi_info *hints = fi_allocinfo(), *list, *plain;
	char **const names[] = {&hints->domain_attr->name, &hints->fabric_attr->name};

	plain = answer_to(NULL, FI_EP_RDM, API, 0);
	for (int i = 0; i < 2; i++) {
		*names[i] = strdup(i ? plain->fabric_attr->name : plain->domain_attr->name);
		cr_expect_eq(ask(API, hints, &list), 0, "%s", *names[i]);
		fi_freeinfo(list);
		free(*names[i]);
		*names[i] = strdup("no such name");
		cr_expect_eq(ask(API, hints, &list), -FI_ENODATA);
		free(*names[i]);
		*names[i] = NULL;
	}
	fi_freeinfo(plain);
	fi_freeinfo(hints);
}

/* An answer that is used as hints yields the same answer. */
Test(attr, an_answer_is_a_fine_hint)
{
	struct fi_info *list, *again;
	char *want;

	cr_assert_eq(ask(API, NULL, &list), 0);
	for (struct fi_info *info = list; info; info = info->next) {
		want = strdup(fi_tostr(info, FI_TYPE_INFO));
		cr_assert_eq(ask(API, info, &again), 0);
		cr_expect_str_eq(fi_tostr(again, FI_TYPE_INFO), want);
		cr_expect_null(again->next);
		fi_freeinfo(again);
		free(want);
	}
	fi_freeinfo(list);
}

/* -- opening ---------------------------------------------------------------------- */

/* An application may open an endpoint with less than fi_getinfo answered, in one attribute
 * only; a value that was not offered is refused. */
Test(attr, an_endpoint_with_less_than_was_answered)
{
	struct fi_info *info;
	struct fid_ep *ep;

	open_domain(FI_THREAD_SAFE, FI_PROGRESS_MANUAL);
	for (size_t t = 0; t < 2; t++) {
		info = answer_to(NULL, types[t], API, 0);
		cr_assert_not_null(info);
		info->caps = FI_TAGGED | FI_RECV;
		info->rx_attr->total_buffered_recv = 1 << 20;
		cr_assert_eq(fi_endpoint(domain, info, &ep, NULL), 0);
		cr_assert_eq(fi_close(&ep->fid), 0);
		info->tx_attr->caps |= FI_ATOMIC;
		cr_expect_eq(fi_endpoint(domain, info, &ep, NULL), -FI_EINVAL);
		info->tx_attr->caps = 0;
		info->ep_attr->max_order_raw_size = 8;
		cr_expect_eq(fi_endpoint(domain, info, &ep, NULL), -FI_EINVAL);
		fi_freeinfo(info);
	}
	cr_assert_eq(fi_close(&domain->fid), 0);
	cr_assert_eq(fi_close(&fabric->fid), 0);
}
