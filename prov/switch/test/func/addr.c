/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Formats of addresses: fi_getinfo gives the same answers as the core for the same node,
 * service, flags and hints, but in the format that was asked for; address vectors insert,
 * look up and print addresses of each format; and invalid addresses are refused with a reason
 * in the log.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/func_common.h"

/* -- as the core -------------------------------------------------------- */

enum { TEXT = 65536 };

static void add_addr(char *text, size_t size, const void *addr, size_t len)
{
	const unsigned char *bytes = addr;
	size_t pos = strlen(text);

	for (size_t i = 0; addr && i < len && pos + 3 < size; i++)
		pos += (size_t)snprintf(text + pos, size - pos, "%02x", bytes[i]);
	snprintf(text + pos, size - pos, "/%zu ", addr ? len : 0);
}

/* Returns whether entries of one format may answer hints of the other. */
static bool fits(uint32_t format, uint32_t wanted)
{
	if (wanted == FI_SOCKADDR)
		return format >= FI_SOCKADDR && format <= FI_SOCKADDR_IN6;
	return format == wanted || wanted == FI_FORMAT_UNSPEC;
}

/* Returns the different addresses in a provider's entries, one per line: all of them, or
 * those of a format that fits. */
static char *addrs_of(const struct fi_info *list, const char *prov, uint32_t wanted)
{
	char *text = func_alloc(TEXT), line[1024];

	*text = 0;
	for (; list; list = list->next) {
		if (strcmp(list->fabric_attr->prov_name, prov) || !fits(list->addr_format, wanted))
			continue;
		snprintf(line, sizeof(line), "format %u, %s: ", list->addr_format,
			 list->domain_attr->name);
		add_addr(line, sizeof(line), list->src_addr, list->src_addrlen);
		add_addr(line, sizeof(line), list->dest_addr, list->dest_addrlen);
		strcat(line, "\n");
		if (!strstr(text, line) && strlen(text) + strlen(line) < TEXT)
			strcat(text, line);
	}
	return text;
}

struct question {
	const char *node, *service;
	uint64_t flags;
	uint32_t format;
	const struct func_addr *src, *dest;
};

static void *copy_of(const struct func_addr *addr)
{
	return memcpy(func_alloc(addr->len), addr->bytes, addr->len);
}

/* Asks a provider; looks only at entries whose format fits, if there are any. */
static int ask(const struct question *q, const char *prov, enum fi_ep_type type, bool fitting,
	       char **text)
{
	struct fi_info *hints = fi_allocinfo(), *list = NULL;
	int ret;

	FUNC_TRUE(hints);
	hints->fabric_attr->prov_name = strdup(prov);
	hints->ep_attr->type = type;
	hints->caps = FI_MSG;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->addr_format = q->format;
	if (q->src) {
		hints->src_addr = copy_of(q->src);
		hints->src_addrlen = q->src->len;
	}
	if (q->dest) {
		hints->dest_addr = copy_of(q->dest);
		hints->dest_addrlen = q->dest->len;
	}
	ret = fi_getinfo(FUNC_VERSION, q->node, q->service, q->flags, hints, &list);
	FUNC_TRUE((ret == 0) == (list != NULL));
	*text = addrs_of(list, prov, fitting ? q->format : FI_FORMAT_UNSPEC);
	fi_freeinfo(list);
	fi_freeinfo(hints);
	return ret ? ret : **text ? 0 : -FI_ENODATA;
}

/* Finds the numeric address of the node in the format asked for, which the core itself would
 * not look up. */
static bool number_of(const struct question *q, char *number, size_t size)
{
	const bool source = q->flags & FI_SOURCE, numeric = q->flags & FI_NUMERICHOST;
	const struct addrinfo hints = {
		.ai_family = q->format == FI_SOCKADDR_IN ? AF_INET : AF_INET6,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = (source ? AI_PASSIVE : 0) | (numeric ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *list;
	int ret;

	if ((q->format != FI_SOCKADDR_IN && q->format != FI_SOCKADDR_IN6) ||
	    (!q->node && !q->service) || getaddrinfo(q->node, q->node ? NULL : "0", &hints, &list))
		return false;
	ret = getnameinfo(list->ai_addr, list->ai_addrlen, number, (socklen_t)size, NULL, 0,
			  NI_NUMERICHOST);
	freeaddrinfo(list);
	return !ret;
}

/* Returns what the core would answer if it kept to the format. */
static int ask_core(const struct question *q, char **text)
{
	struct question again = *q;
	char number[128];
	int ret;

	if (!q->format && (q->src || q->dest)) /* the core's entries would have no format */
		again.format = FI_SOCKADDR_IN;
	ret = ask(&again, func_core(), FI_EP_MSG, true, text);

	if (!ret || !number_of(&again, number, sizeof(number)))
		return ret;
	free(*text);
	again.node = number;
	return ask(&again, func_core(), FI_EP_MSG, true, text);
}

static void same(const struct question *q)
{
	static const enum fi_ep_type types[] = {FI_EP_MSG, FI_EP_RDM};
	char *want, *got;
	int ret, i, core_ret;

	func_mark(__FILE__, __LINE__, q->node ? q->node : "fi_getinfo");
	core_ret = ask_core(q, &want);
	for (i = 0; i < 2; i++) {
		ret = ask(q, func_prov(), types[i], false, &got);
		if (ret != core_ret || strcmp(got, want))
			func_fail(__FILE__, __LINE__,
				  "node %s, service %s, flags %#llx, format %u: %d, not %d:\n%s"
				  "instead of\n%s",
				  q->node ? q->node : "NULL", q->service ? q->service : "NULL",
				  (unsigned long long)q->flags, q->format, ret, core_ret, got,
				  want);
		free(got);
	}
	free(want);
}

static const uint32_t formats[] = {FI_FORMAT_UNSPEC, FI_SOCKADDR,    FI_SOCKADDR_IN,
				   FI_SOCKADDR_IN6,  FI_SOCKADDR_IB, FI_ADDR_STR};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

/* Numeric addresses only, so that no name server is asked. */
static void names(struct func_team *team, int rank)
{
	static const char *const nodes[] = {"127.0.0.1",  "::1",     NULL,	   "0.0.0.0",  "::",
					    "fe80::1%lo", "fe80::1", "192.0.2.77", "1.2.3.4.5"};
	static const char *const services[] = {"7777", NULL, "0", "70000", "-1", "no service"};
	enum { NODES = sizeof(nodes) / sizeof(nodes[0]), PLAIN = 3 };
	enum { SERVICES = sizeof(services) / sizeof(services[0]) };
	int n, s, f;

	(void)team, (void)rank;
	for (n = 0; n < NODES; n++) /* the odd services only with the plain nodes */
		for (s = 0; s < (n < PLAIN ? SERVICES : 2); s++)
			for (f = 0; f < (s ? 3 : FORMATS); f++) {
				struct question q = {.node = nodes[n],
						     .service = services[s],
						     .flags = FI_NUMERICHOST,
						     .format = formats[f]};

				same(&q);
				q.flags |= FI_SOURCE;
				same(&q);
			}
}

/* Without FI_NUMERICHOST: names that every machine knows, and names that no machine knows. */
static void plain_names(struct func_team *team, int rank)
{
	static const char *const nodes[] = {"127.0.0.1", "::1", "localhost", "no such host."};
	size_t n, i;

	(void)team, (void)rank;
	for (n = 0; n < sizeof(nodes) / sizeof(nodes[0]); n++)
		for (i = 0; i < FORMATS; i++) {
			same(&(struct question){
				.node = nodes[n], .service = "7777", .format = formats[i]});
			same(&(struct question){.node = nodes[n],
						.service = "7777",
						.flags = FI_SOURCE,
						.format = formats[i]});
		}
}

static struct func_addr addr_of(const char *host, uint16_t port, uint32_t scope)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct func_addr addr = {.len = sizeof(in)};

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		memcpy(addr.bytes, &in, sizeof(in));
		return addr;
	}
	FUNC_EQ(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
	in6.sin6_scope_id = scope;
	addr.len = sizeof(in6);
	memcpy(addr.bytes, &in6, sizeof(in6));
	return addr;
}

static const struct pair {
	const char *host;
	uint32_t format;
} pairs[] = {
	{"127.0.0.1", FI_FORMAT_UNSPEC}, {"127.0.0.1", FI_SOCKADDR},
	{"127.0.0.1", FI_SOCKADDR_IN},	 {"::1", FI_SOCKADDR},
	{"::1", FI_SOCKADDR_IN6},
};

/* The same addresses in the hints, alone and beside a node. */
static void hinted(struct func_team *team, int rank)
{
	(void)team, (void)rank;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *host = pairs[i].host;
		struct func_addr addr = addr_of(host, 7777, 0), other = addr_of(host, 7778, 0);
		struct question q = {.format = pairs[i].format, .src = &addr};

		same(&q);
		q.dest = &other;
		same(&q);
		q.node = host;
		q.service = "7779";
		same(&q);
		q.src = NULL;
		q.flags = FI_SOURCE;
		same(&q);
		q.dest = NULL;
		q.src = &addr;
		q.flags = 0;
		same(&q);
	}
}

/* Addresses in the hints that fi_getinfo(3) ignores: the source with FI_SOURCE, and the
 * destination where node or service give one. */
static void uncounted(struct func_team *team, int rank)
{
	struct func_addr in6 = addr_of("::1", 7777, 0), none = {.len = 0};
	const struct question questions[] = {
		{.node = "127.0.0.1", .flags = FI_SOURCE, .src = &in6},
		{.service = "7778", .flags = FI_SOURCE, .src = &in6},
		{.node = "127.0.0.1", .service = "7778", .dest = &in6},
		{.node = "127.0.0.1", .flags = FI_SOURCE, .src = &none},
	};
	char *got, *want;

	(void)team, (void)rank;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct question q = questions[i];

		q.format = FI_SOCKADDR_IN;
		FUNC_OK(ask(&q, func_prov(), i % 2 ? FI_EP_MSG : FI_EP_RDM, false, &got));
		q.src = q.dest = NULL;
		FUNC_OK(ask(&q, func_prov(), FI_EP_RDM, false, &want));
		if (strcmp(got, want))
			func_fail(__FILE__, __LINE__, "question %zu: %s instead of\n%s", i, got,
				  want);
		free(got);
		free(want);
	}
}

/* Without hints our answer matches the core's own entries in the same list. */
static void no_hints(struct func_team *team, int rank)
{
	static const char *const nodes[] = {NULL, "127.0.0.1", "::1"};
	struct fi_info *list;
	char *want, *got;
	int i;

	(void)team, (void)rank;
	for (i = 0; i < 6; i++) {
		if (fi_getinfo(FUNC_VERSION, nodes[i / 2], "7777",
			       (i % 2 ? FI_SOURCE : 0) | FI_NUMERICHOST, NULL, &list))
			continue; /* this machine has no IPv6 */
		want = addrs_of(list, func_core(), FI_FORMAT_UNSPEC);
		got = addrs_of(list, func_prov(), FI_FORMAT_UNSPEC);
		if (strcmp(want, got))
			func_fail(__FILE__, __LINE__, "%s instead of\n%s", got, want);
		FUNC_TRUE(*got);
		free(want);
		free(got);
		fi_freeinfo(list);
	}
}

/* -- refusals ----------------------------------------------------------- */

/* An address of another family than the format asked for. */
static void wrong_family(struct func_team *team, int rank)
{
	struct func_addr in = addr_of("127.0.0.1", 7777, 0), in6 = addr_of("::1", 7777, 0);
	const struct question questions[] = {
		{.format = FI_SOCKADDR_IN6, .src = &in},
		{.format = FI_SOCKADDR_IN6, .dest = &in},
		{.format = FI_SOCKADDR_IN, .src = &in6},
		{.format = FI_SOCKADDR_IN, .dest = &in6},
	};
	char *text;
	int ret[4], lines[4];

	(void)team, (void)rank;
	func_log_begin("info");
	for (int i = 0; i < 4; i++) {
		ret[i] = ask(&questions[i], func_prov(), i % 2 ? FI_EP_MSG : FI_EP_RDM, false,
			     &text);
		lines[i] = func_log_count("is no address of their addr_format");
		free(text);
	}
	func_log_end();
	for (int i = 0; i < 4; i++) {
		FUNC_ERR(ret[i], FI_ENODATA);
		FUNC_TRUE(lines[i] >= 1);
	}
}

/* -- vectors ------------------------------------------------------------ */

/* Opens a node at this address.  Returns false if the machine has no such address. */
static bool open_at(struct func_node *node, uint32_t format, const struct func_addr *src)
{
	struct func_conf conf = {.addr_format = format, .src = src};
	int fd =
		socket(src->len == sizeof(struct sockaddr_in) ? AF_INET : AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && !bind(fd, (const struct sockaddr *)src->bytes, (socklen_t)src->len);

	if (fd >= 0)
		close(fd);
	if (has)
		func_open(node, &conf);
	return has;
}

static int insert(struct func_node *node, const struct func_addr *addr, fi_addr_t *fi_addr,
		  int *error)
{
	return fi_av_insert(node->av, addr->bytes, 1, fi_addr, FI_SYNC_ERR, error);
}

static void expect(struct func_node *node, fi_addr_t fi_addr, const struct func_addr *want,
		   const char *want_text)
{
	struct func_addr got = {.len = sizeof(got.bytes)};
	size_t len = 128;
	char text[128];

	FUNC_OK(fi_av_lookup(node->av, fi_addr, got.bytes, &got.len));
	FUNC_EQ(got.len, want->len);
	FUNC_TRUE(!memcmp(got.bytes, want->bytes, want->len));
	fi_av_straddr(node->av, got.bytes, text, &len);
	if (strcmp(text, want_text) || len != strlen(text) + 1)
		func_fail(__FILE__, __LINE__, "%s (%zu), not %s", text, len, want_text);
}

static const struct {
	const char *own;
	uint32_t format;
} homes[] = {
	{"127.0.0.1", FI_SOCKADDR_IN}, {"127.0.0.1", FI_SOCKADDR}, {"::1", FI_SOCKADDR_IN6},
	{"::1", FI_SOCKADDR},	       {"::", FI_SOCKADDR},
};

/* Inserts addresses of each family, one by one and by name, in each format that has them. */
static void vector(struct func_team *team, int rank)
{
	const long which = team->func_case->arg;
	const uint32_t format = homes[which].format;
	const struct func_addr own = addr_of(homes[which].own, 0, 0);
	const struct func_addr four = addr_of("10.0.0.1", 4001, 0),
			       six = addr_of("fd00::9", 4002, 0);
	struct func_addr name, many;
	struct func_node node;
	fi_addr_t fi_addr[6];
	int error = -1, want;

	(void)rank;
	FUNC_SKIP_IF(!open_at(&node, format, &own), "no IPv6 here");
	func_name(&node.ep->fid, &name);
	FUNC_EQ(name.len, own.len);
	want = format != FI_SOCKADDR_IN6;
	FUNC_EQ(insert(&node, &four, &fi_addr[0], &error), want);
	FUNC_TRUE(want ? !error : error == FI_EINVAL && fi_addr[0] == FI_ADDR_NOTAVAIL);
	if (want) {
		expect(&node, fi_addr[0], &four, "fi_sockaddr_in://10.0.0.1:4001");
		FUNC_EQ(fi_av_insertsvc(node.av, "10.0.0.1", "4001", &fi_addr[1], 0, NULL), 1);
		expect(&node, fi_addr[1], &four, "fi_sockaddr_in://10.0.0.1:4001");
		FUNC_EQ(fi_av_insertsvc(node.av, "fi_sockaddr_in://10.0.0.1:4001", NULL,
					&fi_addr[1], 0, NULL),
			1);
		expect(&node, fi_addr[1], &four, "fi_sockaddr_in://10.0.0.1:4001");
		FUNC_EQ(fi_av_insertsym(node.av, "10.0.0.255", 2, "4001", 2, fi_addr, 0, NULL), 4);
		many = addr_of("10.0.1.0", 4002, 0);
		expect(&node, fi_addr[3], &many, "fi_sockaddr_in://10.0.1.0:4002");
	}
	want = format != FI_SOCKADDR_IN;
	FUNC_EQ(insert(&node, &six, &fi_addr[0], &error), want);
	FUNC_TRUE(want ? !error : error == FI_EINVAL && fi_addr[0] == FI_ADDR_NOTAVAIL);
	if (want) {
		expect(&node, fi_addr[0], &six, "fi_sockaddr_in6://[fd00::9]:4002");
		FUNC_EQ(fi_av_insertsvc(node.av, "fd00::9", "4002", &fi_addr[1], 0, NULL), 1);
		expect(&node, fi_addr[1], &six, "fi_sockaddr_in6://[fd00::9]:4002");
		FUNC_EQ(fi_av_insertsym(node.av, "fd00::ffff", 2, "4001", 2, fi_addr, 0, NULL), 4);
		many = addr_of("fd00::1:0", 4002, 0);
		expect(&node, fi_addr[3], &many, "fi_sockaddr_in6://[fd00::1:0]:4002");
	}
	func_close(&node);
}

/* An IPv4-mapped IPv6 address, which a socket for both families reports, is the IPv4 peer. */
static void mapped(struct func_team *team, int rank)
{
	const struct func_addr own = addr_of("::", 0, 0), four = addr_of("10.0.0.1", 4001, 0),
			       odd = addr_of("::ffff:10.0.0.1", 4001, 0);
	struct func_node node;
	fi_addr_t fi_addr;
	int error;

	(void)team, (void)rank;
	FUNC_SKIP_IF(!open_at(&node, FI_SOCKADDR, &own), "no IPv6 here");
	FUNC_EQ(insert(&node, &odd, &fi_addr, &error), 1);
	expect(&node, fi_addr, &four, "fi_sockaddr_in://10.0.0.1:4001");
	func_close(&node);
}

/* A link-local address without a scope id, which cannot be guessed. */
static void no_scope(struct func_team *team, int rank)
{
	const struct func_addr own = addr_of("::1", 0, 0), none = addr_of("fe80::9", 4001, 0),
			       some = addr_of("fe80::9", 4001, if_nametoindex("lo")),
			       four = addr_of("10.0.0.1", 4001, 0);
	struct func_req req = {.done = 0};
	struct func_node node, both;
	fi_addr_t fi_addr[5];
	int ret, error = -1, lines, lines2;
	ssize_t sent;

	(void)team, (void)rank;
	func_log_begin("warn");
	if (!open_at(&node, FI_SOCKADDR_IN6, &own)) {
		func_log_end();
		func_skip("no IPv6 here");
	}
	func_log_count("\n");
	ret = insert(&node, &none, &fi_addr[0], &error);
	lines = func_log_count("scope");
	FUNC_TRUE(open_at(&both, FI_SOCKADDR, &own));
	FUNC_EQ(fi_av_insert(both.av, four.bytes, 1, &fi_addr[1], 0, NULL), 1);
	func_log_count("\n");
	sent = fi_tsend(both.ep, "x", 1, NULL, fi_addr[1], 1, &req);
	lines2 = func_log_count("IPv4 and IPv6");
	func_log_end();
	FUNC_EQ(ret, 0);
	FUNC_EQ(error, FI_EADDRNOTAVAIL);
	FUNC_TRUE(fi_addr[0] == FI_ADDR_NOTAVAIL);
	FUNC_EQ(lines, 1);
	FUNC_ERR(sent,
		 FI_EADDRNOTAVAIL); /* peers of different families cannot meet, and nothing hangs */
	FUNC_EQ(lines2, 1);
	func_close(&both);
	FUNC_EQ(insert(&node, &some, &fi_addr[0], &error), 1);
	expect(&node, fi_addr[0], &some, "fi_sockaddr_in6://[fe80::9]:4001");
	FUNC_EQ(fi_av_insertsvc(node.av, "fe80::9%lo", "4001", &fi_addr[0], 0, NULL), 1);
	expect(&node, fi_addr[0], &some, "fi_sockaddr_in6://[fe80::9]:4001");
	FUNC_EQ(fi_av_insertsym(node.av, "fe80::8%lo", 2, "4000", 2, fi_addr, 0, NULL), 4);
	expect(&node, fi_addr[3], &some, "fi_sockaddr_in6://[fe80::9]:4001");
	FUNC_TRUE(fi_av_insertsvc(node.av, "no such host.", "4001", &fi_addr[0], 0, NULL) <= 0);
	FUNC_TRUE(fi_av_insertsvc(node.av, "::1", "70000", &fi_addr[0], 0, NULL) <= 0);
	FUNC_TRUE(fi_av_insertsvc(node.av, "::1", "no service", &fi_addr[0], 0, NULL) <= 0);
	FUNC_TRUE(fi_av_insertsvc(node.av, "127.0.0.1", "4001", &fi_addr[0], 0, NULL) <= 0);
	func_close(&node);
}

/* Addresses that are strings, over the core that has such: one behind the other. */
static void strings(struct func_team *team, int rank)
{
	struct func_conf conf = {.prov = "shm;ofi_switch",
				 .addr_format = FI_ADDR_STR,
				 .src = &(struct func_addr){.len = 0}};
	char two[256], text[128];
	struct func_addr name, got = {.len = sizeof(got.bytes)};
	struct func_node node;
	struct fi_info *info;
	fi_addr_t fi_addr[2];
	size_t len = sizeof(text);

	(void)team, (void)rank;
	info = func_info(&conf, NULL);
	FUNC_SKIP_IF(!info, "the core shm has nothing for us here");
	func_open_fabric(&node, &conf, info);
	func_open_domain(&node);
	func_open_ep(&node);
	func_name(&node.ep->fid, &name);
	memcpy(two, name.bytes, name.len);
	strcpy(two + name.len, "fi_shm://somebody");
	FUNC_EQ(fi_av_insert(node.av, two, 2, fi_addr, 0, NULL), 2);
	expect(&node, fi_addr[0], &name, name.bytes);
	FUNC_OK(fi_av_lookup(node.av, fi_addr[1], got.bytes, &got.len));
	FUNC_EQ(got.len, strlen("fi_shm://somebody") + 1);
	FUNC_TRUE(!strcmp(got.bytes, "fi_shm://somebody"));
	fi_av_straddr(node.av, got.bytes, text, &len);
	FUNC_TRUE(!strcmp(text, got.bytes));
	FUNC_TRUE(fi_av_insertsvc(node.av, "127.0.0.1", "4001", fi_addr, 0, NULL) <= 0);
	func_close(&node);
}

/* Each end of a connection knows its own and the other's address. */
static void ends(struct func_team *team, int rank)
{
	const bool four = team->func_case->arg == FI_SOCKADDR_IN;
	struct func_addr own = addr_of(four ? "127.0.0.1" : "::1", 0, 0), name, peer;
	struct func_conf conf = {
		.type = FI_EP_MSG, .addr_format = (uint32_t)team->func_case->arg, .src = &own};
	struct func_node node;

	FUNC_SKIP_IF(!four && !open_at(&node, FI_SOCKADDR_IN6, &own), "no IPv6 here");
	if (!four)
		func_close(&node);
	func_join(team, rank, &node, &conf);
	func_name(&node.ep->fid, &name);
	peer.len = sizeof(peer.bytes);
	FUNC_OK(fi_getpeer(node.ep, peer.bytes, &peer.len));
	FUNC_EQ(name.len, own.len);
	FUNC_EQ(peer.len, own.len);
	memcpy(team->space + 512 * rank, &name, sizeof(name));
	memcpy(team->space + 512 * rank + 256, &peer, sizeof(peer));
	func_meet(team, &node);
	FUNC_TRUE(!memcmp(team->space + 512 * !rank + 256, &name.len, sizeof(name.len)));
	FUNC_TRUE(!memcmp(team->space + 512 * !rank + 256 + offsetof(struct func_addr, bytes),
			  name.bytes, name.len));
	peer.len = 2;
	FUNC_ERR(fi_getpeer(node.ep, peer.bytes, &peer.len), FI_ETOOSMALL);
	FUNC_EQ(peer.len, own.len);
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	enum { S = FUNC_SWITCH };
	static const struct func_case cases[] = {
		{"nodes and services", 1, names, S, 0},
		{"names", 1, plain_names, S, 0},
		{"addresses in the hints", 1, hinted, S, 0},
		{"addresses that do not count", 1, uncounted, S, 0},
		{"no hints", 1, no_hints, S, 0},
		{"wrong family", 1, wrong_family, S, 0},
		{"vector, FI_SOCKADDR_IN", 1, vector, S, 0},
		{"vector, FI_SOCKADDR at IPv4", 1, vector, S, 1},
		{"vector, FI_SOCKADDR_IN6", 1, vector, S, 2},
		{"vector, FI_SOCKADDR at IPv6", 1, vector, S, 3},
		{"vector, FI_SOCKADDR at both", 1, vector, S, 4},
		{"IPv4 in IPv6", 1, mapped, S, 0},
		{"no scope", 1, no_scope, S, 0},
		{"FI_ADDR_STR", 1, strings, S, 0},
		{"ends, FI_SOCKADDR_IN", 2, ends, S, FI_SOCKADDR_IN},
		{"ends, FI_SOCKADDR_IN6", 2, ends, S, FI_SOCKADDR_IN6},
		{"ends, FI_SOCKADDR", 2, ends, S, FI_SOCKADDR},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
