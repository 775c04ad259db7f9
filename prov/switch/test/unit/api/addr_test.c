/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Addresses: which are equal, how names are resolved and counted, and how addresses are printed. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/addr.h"
#include "lib/switch_fixture.h"

static struct sockaddr_in ipv4(const char *host, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, host, &in.sin_addr);
	return in;
}

Test(addr, padding_does_not_count)
{
	struct sockaddr_in in = ipv4("10.0.0.1", 5000);
	struct switch_addr a, b;

	cr_assert_eq(switch_addr_set(FI_SOCKADDR_IN, &in, sizeof(in), &a), 0);
	memset(in.sin_zero, 0xee, sizeof(in.sin_zero));
	cr_assert_eq(switch_addr_set(FI_SOCKADDR, &in, sizeof(in), &b), 0);
	cr_assert_eq(a.len, b.len);
	cr_assert_arr_eq(a.bytes, b.bytes, a.len);
}

Test(addr, scope_counts_for_link_local_only)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 7, .sin6_flowinfo = 9};
	struct switch_addr a;
	struct sockaddr_in6 out;

	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	cr_assert_eq(switch_addr_set(FI_SOCKADDR_IN6, &in6, sizeof(in6), &a), 0);
	memcpy(&out, a.bytes, sizeof(out));
	cr_assert_eq(out.sin6_scope_id, 7);
	cr_assert_eq(out.sin6_flowinfo, 0);
	inet_pton(AF_INET6, "fd00::1", &in6.sin6_addr);
	cr_assert_eq(switch_addr_set(FI_SOCKADDR_IN6, &in6, sizeof(in6), &a), 0);
	memcpy(&out, a.bytes, sizeof(out));
	cr_assert_eq(out.sin6_scope_id, 0);
}

static struct switch_addr of(uint32_t format, const char *host, uint32_t scope)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = scope};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct switch_addr addr = {.len = 0};

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
		switch_addr_set(format, &in, sizeof(in), &addr);
	else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
		switch_addr_set(format, &in6, sizeof(in6), &addr);
	return addr;
}

Test(addr, ipv4_in_ipv6_is_ipv4_where_both_are)
{
	const struct switch_addr four = of(FI_SOCKADDR, "10.0.0.1", 0);
	struct switch_addr a = of(FI_SOCKADDR, "::ffff:10.0.0.1", 0);

	cr_assert(switch_addr_equal(&a, &four));
	a = of(FI_SOCKADDR_IN6, "::ffff:10.0.0.1", 0);
	cr_assert_eq(a.len, sizeof(struct sockaddr_in6), "of this format it stays");
	cr_assert(switch_addr_same_family(&a, &four));
	a = of(FI_SOCKADDR, "fd00::1", 0);
	cr_assert_not(switch_addr_same_family(&a, &four));
}

Test(addr, reach)
{
	static const struct {
		const char *host;
		enum switch_reach reach;
	} hosts[] = {
		{"127.0.0.9", SWITCH_REACH_HOST}, {"169.254.1.2", SWITCH_REACH_LINK},
		{"10.0.0.1", SWITCH_REACH_NET},	  {"::1", SWITCH_REACH_HOST},
		{"fe80::1", SWITCH_REACH_LINK},	  {"fd00::1", SWITCH_REACH_NET},
	};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		const struct switch_addr addr = of(FI_SOCKADDR, hosts[i].host, 3);

		cr_assert_eq(switch_addr_reach(&addr), hosts[i].reach, "%s", hosts[i].host);
	}
	const struct switch_addr mapped = of(FI_SOCKADDR_IN6, "::ffff:127.0.0.1", 0);

	cr_assert_eq(switch_addr_reach(&mapped), SWITCH_REACH_HOST);
}

Test(addr, links_are_our_own)
{
	const struct switch_addr link = of(FI_SOCKADDR_IN6, "fe80::1", 5),
				 net = of(FI_SOCKADDR_IN6, "fd00::1", 0),
				 same = of(FI_SOCKADDR_IN6, "fe80::2", 5),
				 bare = of(FI_SOCKADDR_IN6, "fe80::2", 0);
	struct switch_addr a = of(FI_SOCKADDR_IN6, "fe80::2", 9);

	cr_assert_eq(switch_addr_localize(&net, &a), 0);
	cr_assert_not(switch_addr_equal(&a, &same), "nothing is known of the link");
	cr_assert_eq(switch_addr_localize(&link, &a), 0);
	cr_assert(switch_addr_equal(&a, &same));
	a = bare;
	cr_assert_eq(switch_addr_localize(&net, &a), FI_EADDRNOTAVAIL);
	cr_assert_eq(switch_addr_localize(NULL, &a), FI_EADDRNOTAVAIL);
	cr_assert_eq(switch_addr_localize(&link, &a), 0);
	cr_assert(switch_addr_equal(&a, &same));
	a = of(FI_SOCKADDR, "10.0.0.1", 0);
	cr_assert_eq(switch_addr_localize(&net, &a), 0, "no link-local address at all");
}

Test(addr, wrong_family_or_length)
{
	struct sockaddr_in in = ipv4("10.0.0.1", 5000);
	struct switch_addr a;

	cr_assert_neq(switch_addr_set(FI_SOCKADDR_IN6, &in, sizeof(in), &a), 0);
	cr_assert_neq(switch_addr_set(FI_SOCKADDR_IN, &in, sizeof(in) - 1, &a), 0);
	cr_assert_neq(switch_addr_set(FI_SOCKADDR_IN, NULL, 0, &a), 0);
	in.sin_family = AF_INET6;
	cr_assert_neq(switch_addr_set(FI_SOCKADDR, &in, sizeof(in), &a), 0);
	in.sin_family = AF_UNIX;
	cr_assert_neq(switch_addr_set(FI_SOCKADDR, &in, sizeof(in), &a), 0);
}

Test(addr, peers_have_a_host_and_a_port)
{
	const struct sockaddr_in good = ipv4("10.0.0.1", 1), no_port = ipv4("10.0.0.1", 0),
				 wild = ipv4("0.0.0.0", 1);
	struct switch_addr a;

	switch_addr_set(FI_SOCKADDR_IN, &good, sizeof(good), &a);
	cr_assert(switch_addr_is_peer(FI_SOCKADDR_IN, &a));
	switch_addr_set(FI_SOCKADDR_IN, &no_port, sizeof(no_port), &a);
	cr_assert_not(switch_addr_is_peer(FI_SOCKADDR_IN, &a));
	switch_addr_set(FI_SOCKADDR_IN, &wild, sizeof(wild), &a);
	cr_assert_not(switch_addr_is_peer(FI_SOCKADDR_IN, &a));
}

Test(addr, nodes_count_up)
{
	static const struct {
		const char *node;
		size_t step;
		const char *next;
	} steps[] = {
		{"10.0.0.1", 0, "10.0.0.1"},	{"10.0.0.1", 1, "10.0.0.2"},
		{"10.0.0.255", 1, "10.0.1.0"},	{"10.0.0.0", 65537, "10.1.0.1"},
		{"fd00::ffff", 1, "fd00::1:0"}, {"fe80::1%eth0", 1, "fe80::2%eth0"},
		{"host10", 1, "host11"},	{"node01", 9, "node10"},
		{"node099", 1, "node100"},	{"r2n9", 1, "r2n10"},
		{"plain", 0, "plain"},		{"plain", 1, NULL},
		{"x9999999999", 1, NULL},
	};
	char buf[64];

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int ret = switch_addr_next_node(steps[i].node, steps[i].step, buf, sizeof(buf));

		cr_assert_eq(!ret, !!steps[i].next, "%s + %zu", steps[i].node, steps[i].step);
		if (steps[i].next)
			cr_assert_str_eq(buf, steps[i].next);
	}
	cr_assert_neq(switch_addr_next_node("node9", 1, buf, 6), 0, "node10 does not fit");
}

Test(addr, ports_count_up_to_their_end)
{
	const struct sockaddr_in in = ipv4("10.0.0.1", 65534);
	struct switch_addr a;
	struct sockaddr_in out;

	switch_addr_set(FI_SOCKADDR_IN, &in, sizeof(in), &a);
	cr_assert_eq(switch_addr_next_port(&a), 0);
	memcpy(&out, a.bytes, sizeof(out));
	cr_assert_eq(ntohs(out.sin_port), 65535);
	cr_assert_neq(switch_addr_next_port(&a), 0);
}

Test(addr, names_resolve)
{
	struct switch_addr a, b;

	cr_assert_eq(switch_addr_resolve(FI_SOCKADDR_IN, "127.0.0.1", "5000", &a), 0);
	cr_assert_eq(
		switch_addr_resolve(FI_SOCKADDR_IN, "fi_sockaddr_in://127.0.0.1:5000", NULL, &b),
		0);
	cr_assert_eq(a.len, b.len);
	cr_assert_arr_eq(a.bytes, b.bytes, a.len);
	cr_assert_eq(switch_addr_resolve(FI_SOCKADDR_IN6, "fi_sockaddr_in6://[::1]:5000", NULL, &a),
		     0);
	cr_assert_eq(a.len, sizeof(struct sockaddr_in6));
	cr_assert_neq(switch_addr_resolve(FI_SOCKADDR_IN, "fi_sockaddr_in://127.0.0.1", NULL, &a),
		      0);
	cr_assert_neq(switch_addr_resolve(FI_SOCKADDR_IN6, "fi_sockaddr_in6://[::1", NULL, &a), 0);
	cr_assert_neq(switch_addr_resolve(FI_SOCKADDR_IN, "http://127.0.0.1:5000", NULL, &a), 0);
	cr_assert_eq(a.len, 0);
	cr_assert_neq(switch_addr_resolve(FI_ADDR_STR, "127.0.0.1", "5000", &a), 0);
}

Test(addr, text_says_what_room_it_needs)
{
	const struct sockaddr_in in = ipv4("10.0.0.1", 5000);
	struct fi_info info = {.addr_format = FI_SOCKADDR_IN};
	const char *want = "fi_sockaddr_in://10.0.0.1:5000";
	char buf[64];

	cr_assert_eq(switch_addr_text(&info, &in, buf, sizeof(buf)), strlen(want) + 1);
	cr_assert_str_eq(buf, want);
	cr_assert_eq(switch_addr_text(&info, &in, buf, 8), strlen(want) + 1);
	cr_assert_str_eq(buf, "fi_sock");
	info.addr_format = FI_ADDR_PSMX3;
	info.src_addrlen = 4;
	switch_addr_text(&info, "\x01\xab\x00\xff", buf, sizeof(buf));
	cr_assert_str_eq(buf, "fi_addr://01ab00ff");
}
