/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints without a source address (info->src_addr NULL): one that connects reaches every
 * address that the system reaches; one that listens is reached at every interface, and has a
 * name that peers can use where they need one.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/func_common.h"

/* The addresses of the peers and their format. */
static const struct {
	const char *host,
		*other; /* addresses of this machine; other is NULL if there is no second one */
	uint32_t format;
} homes[] = {
	{"127.0.0.1", "127.0.0.2", FI_SOCKADDR_IN},
	{"127.0.0.1", "127.0.0.2", FI_SOCKADDR},
	{"::1", NULL, FI_SOCKADDR_IN6},
	{"::1", NULL, FI_SOCKADDR},
};

/* -- addresses ---------------------------------------------------------- */

static struct func_addr addr_of(const char *host)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct func_addr addr = {.len = sizeof(in)};

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		memcpy(addr.bytes, &in, sizeof(in));
		return addr;
	}
	FUNC_EQ(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
	addr.len = sizeof(in6);
	memcpy(addr.bytes, &in6, sizeof(in6));
	return addr;
}

/* Returns the host's address with the port of another address. */
static struct func_addr at_port_of(const char *host, const struct func_addr *of)
{
	const size_t at = offsetof(struct sockaddr_in, sin_port); /* as in sockaddr_in6 */
	struct func_addr addr = addr_of(host);

	memcpy(addr.bytes + at, of->bytes + at, sizeof(in_port_t));
	return addr;
}

static bool is_any(const struct func_addr *addr)
{
	struct func_addr none = {.len = 0};

	none = at_port_of(addr->len == sizeof(struct sockaddr_in) ? "0.0.0.0" : "::", addr);
	return !memcmp(none.bytes, addr->bytes, addr->len);
}

static void need_host(const char *host)
{
	struct func_addr addr = addr_of(host);
	bool four = addr.len == sizeof(struct sockaddr_in);
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && !bind(fd, (const struct sockaddr *)addr.bytes, (socklen_t)addr.len);

	if (fd >= 0)
		close(fd);
	FUNC_SKIP_IF(!has, "this machine has not %s", host);
}

/* -- endpoints ---------------------------------------------------------- */

static struct fi_info *info_of(const struct func_conf *conf, bool sourced)
{
	struct fi_info *info = func_need_info(conf, NULL);

	if (!sourced) {
		free(info->src_addr);
		info->src_addr = NULL;
		info->src_addrlen = 0;
	}
	return info;
}

static void listen_at(struct func_node *node, const struct func_conf *conf, bool sourced)
{
	func_open_fabric(node, conf, info_of(conf, sourced));
	FUNC_OK(fi_passive_ep(node->fabric, node->info, &node->pep, NULL));
	FUNC_OK(fi_pep_bind(node->pep, &node->eq->fid, 0));
	FUNC_OK(fi_listen(node->pep));
}

static void connect_to(struct func_node *node, const struct func_conf *conf, bool sourced,
		       const struct func_addr *dest)
{
	struct func_event event;
	struct func_addr own;

	func_open_fabric(node, conf, info_of(conf, sourced));
	func_open_domain(node);
	func_open_ep(node);
	FUNC_OK(fi_connect(node->ep, dest->bytes, NULL, 0));
	FUNC_EVENT(node, &event, FI_CONNECTED);
	func_name(&node->ep->fid, &own); /* the endpoint has a name by now */
	FUNC_TRUE(own.len == dest->len && !is_any(&own));
}

static void be_connected(struct func_node *listener)
{
	struct func_event event;
	struct func_node node;

	FUNC_EVENT(listener, &event, FI_CONNREQ);
	func_accept(&node, listener, event.info, NULL, 0);
	FUNC_EVENT(listener, &event, FI_CONNECTED);
	FUNC_EVENT(listener, &event, FI_SHUTDOWN);
	func_close(&node);
}

enum { LISTENER_HAS_SOURCE = 1 << 8, CONNECTOR_HAS_SOURCE = 1 << 9 };

static void connection(struct func_team *team, int rank)
{
	const long arg = team->func_case->arg, home = arg & 0xff;
	const bool listener_sourced = arg & LISTENER_HAS_SOURCE;
	const struct func_addr src = addr_of(homes[home].host);
	const struct func_conf conf = {
		.type = FI_EP_MSG, .addr_format = homes[home].format, .src = &src};
	const char *other = listener_sourced ? NULL : homes[home].other;
	struct func_addr name, dest;
	struct func_node node;

	need_host(homes[home].host);
	if (rank == 0) {
		listen_at(&node, &conf, listener_sourced);
		func_name(&node.pep->fid, &name);
		FUNC_EQ(name.len, src.len);
		FUNC_EQ(is_any(&name), !listener_sourced);
		func_publish(team, rank, &name);
		be_connected(&node);
		if (other)
			be_connected(&node);
		func_close(&node);
		return;
	}
	dest = at_port_of(homes[home].host, func_addr_of(team, 0, NULL));
	connect_to(&node, &conf, arg & CONNECTOR_HAS_SOURCE, &dest);
	func_close(&node);
	if (!other)
		return;
	dest = at_port_of(other, &dest);
	connect_to(&node, &conf, arg & CONNECTOR_HAS_SOURCE, &dest);
	func_close(&node);
}

/* -- messages ----------------------------------------------------------- */

static fi_addr_t insert(struct func_node *node, const struct func_addr *addr)
{
	fi_addr_t fi_addr = FI_ADDR_NOTAVAIL;

	FUNC_EQ(fi_av_insert(node->av, addr->bytes, 1, &fi_addr, 0, NULL), 1);
	return fi_addr;
}

static void say(struct func_node *node, fi_addr_t peer, uint64_t word)
{
	struct func_req req = {.done = 0};

	FUNC_POST(node, fi_tsend(node->ep, &word, sizeof(word), NULL, peer, word, &req));
	FUNC_DONE(node, &req);
}

static void hear(struct func_node *node, fi_addr_t peer, uint64_t word)
{
	struct func_req req = {.done = 0};
	uint64_t got = 0;

	FUNC_POST(node, fi_trecv(node->ep, &got, sizeof(got), NULL, peer, word, 0, &req));
	FUNC_DONE(node, &req);
	FUNC_EQ(got, word);
	FUNC_EQ(req.src, peer);
}

/* Rank 1 uses the name that rank 0 has, rank 2 an address of this host. */
static void messages(struct func_team *team, int rank)
{
	const long home = team->func_case->arg;
	const struct func_addr src = addr_of(homes[home].host);
	const struct func_conf conf = {.caps = FI_TAGGED | FI_SOURCE | FI_DIRECTED_RECV,
				       .addr_format = homes[home].format,
				       .src = &src};
	const uint64_t word = (uint64_t)rank;
	struct func_addr name;
	struct func_node node;
	fi_addr_t peer;

	need_host(homes[home].host);
	func_open_fabric(&node, &conf, info_of(&conf, false));
	func_open_domain(&node);
	func_open_ep(&node);
	func_name(&node.ep->fid, &name);
	FUNC_EQ(name.len, src.len);
	FUNC_TRUE(!is_any(&name));
	func_publish(team, rank, &name);
	name = *func_addr_of(team, 0, &node);
	if (rank == 0) {
		for (uint64_t i = 1; i <= 2; i++) {
			peer = insert(&node, func_addr_of(team, (int)i, &node));
			hear(&node, peer, i);
			say(&node, peer, 10 + i);
		}
	} else {
		if (rank == 2)
			name = at_port_of(homes[home].host, &name);
		peer = insert(&node, &name);
		say(&node, peer, word);
		hear(&node, peer, 10 + word);
	}
	func_meet(team, &node);
	func_close(&node);
}

int main(int argc, char **argv)
{
	enum { S = FUNC_SWITCH, L = LISTENER_HAS_SOURCE, C = CONNECTOR_HAS_SOURCE };
	static const struct func_case cases[] = {
		{"connects, FI_SOCKADDR_IN", 2, connection, S, 0 | L},
		{"connects, FI_SOCKADDR at IPv4", 2, connection, S, 1 | L},
		{"connects, FI_SOCKADDR_IN6", 2, connection, S, 2 | L},
		{"connects, FI_SOCKADDR at IPv6", 2, connection, S, 3 | L},
		{"listens, FI_SOCKADDR_IN", 2, connection, S, 0 | C},
		{"listens, FI_SOCKADDR at IPv4", 2, connection, S, 1 | C},
		{"listens, FI_SOCKADDR_IN6", 2, connection, S, 2 | C},
		{"listens, FI_SOCKADDR at IPv6", 2, connection, S, 3 | C},
		{"both, FI_SOCKADDR_IN", 2, connection, S, 0},
		{"both, FI_SOCKADDR_IN6", 2, connection, S, 2},
		{"both, FI_SOCKADDR at IPv6", 2, connection, S, 3},
		{"messages, FI_SOCKADDR_IN", 3, messages, S, 0},
		{"messages, FI_SOCKADDR at IPv4", 3, messages, S, 1},
		{"messages, FI_SOCKADDR_IN6", 3, messages, S, 2},
		{"messages, FI_SOCKADDR at IPv6", 3, messages, S, 3},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
