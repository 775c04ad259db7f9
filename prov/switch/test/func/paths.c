/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One endpoint and peers at different addresses: of this host alone, of an interface,
 * link-local, IPv4 and IPv6.  Each receives the others' messages with their source (FI_SOURCE,
 * FI_DIRECTED_RECV), whichever side connects first.
 *
 * If the system allows it the test runs in a network namespace of its own, with a pair of
 * interfaces that have an address of every kind; otherwise with the addresses of this
 * machine.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/func_common.h"

static bool own_net;

/* -- networks ----------------------------------------------------------- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool run(const char *command)
{
	return system(command) == 0; /* NOLINT: fixed strings, and numbers of ours */
}

static bool net_enter(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getgid());
	return !unshare(CLONE_NEWUSER | CLONE_NEWNET) &&
	       write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", uid) && write_file("/proc/self/gid_map", gid) &&
	       run("exec 2>/dev/null; ip link set lo up && "
		   "ip link add va type veth peer name vb && "
		   "ip link set va addrgenmode none && ip link set vb addrgenmode none && "
		   "ip addr add 10.77.0.1/24 dev va && ip addr add 10.77.1.1/24 dev vb && "
		   "ip link set va up && ip link set vb up && "
		   "{ ip addr add fd77::1/64 dev va nodad && ip addr add fe80::77/64 dev va nodad "
		   "|| true; }");
}

/* Tries it in a child process first, because it cannot be undone. */
static bool net_own(void)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(!net_enter());
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && net_enter();
}

/* -- addresses ---------------------------------------------------------- */

enum kind { LO4, NET4, LO6, NET6, LINK6, KINDS };

static const char *const kind_names[KINDS] = {
	"127.0.0.1",
	"an interface's IPv4 address",
	"::1",
	"an interface's IPv6 address",
	"a link-local IPv6 address",
};

static enum kind kind_of(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ? LO4 : NET4;
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return LINK6;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ? LO6 : NET6;
}

static uint32_t format_of(enum kind kind)
{
	return kind == LO4 || kind == NET4 ? FI_SOCKADDR_IN : FI_SOCKADDR_IN6;
}

/* Finds an address of this kind, with port 0.  Returns false if there is none. */
static bool own_addr(enum kind kind, struct func_addr *addr)
{
	struct ifaddrs *list, *one;
	bool found = false;

	FUNC_EQ(getifaddrs(&list), 0);
	for (one = list; one && !found; one = one->ifa_next) {
		const struct sockaddr *sa = one->ifa_addr;

		if (!sa || !(one->ifa_flags & IFF_UP) ||
		    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6) || kind_of(sa) != kind)
			continue;
		addr->len = sa->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6);
		memcpy(addr->bytes, sa, addr->len);
		found = true;
	}
	freeifaddrs(list);
	return found;
}

static void set_port_of(struct func_addr *addr, const struct func_addr *of)
{
	const size_t at = offsetof(struct sockaddr_in, sin_port); /* as in sockaddr_in6 */

	memcpy(addr->bytes + at, of->bytes + at, sizeof(in_port_t));
}

static sa_family_t family(const struct func_addr *addr)
{
	struct sockaddr sa;

	memcpy(&sa, addr->bytes, sizeof(sa));
	return sa.sa_family;
}

/* -- talking ------------------------------------------------------------ */

enum { LARGE = 300000 };

struct talk {
	struct func_req in[2], out[2];
	char *from, *to; /* LARGE bytes each */
};

static void hear(struct func_node *node, fi_addr_t peer, uint64_t key, struct talk *talk)
{
	talk->to = func_alloc(LARGE);
	for (uint64_t i = 0; i < 2; i++)
		FUNC_POST(node, fi_trecv(node->ep, talk->to, i ? LARGE : 9, NULL, peer, key + i, 0,
					 func_fresh(&talk->in[i])));
}

static void say(struct func_node *node, fi_addr_t peer, uint64_t key, struct talk *talk)
{
	talk->from = func_alloc(LARGE);
	func_fill(talk->from, LARGE, key);
	for (uint64_t i = 0; i < 2; i++)
		FUNC_POST(node, fi_tsend(node->ep, talk->from, i ? LARGE : 9, NULL, peer, key + i,
					 func_fresh(&talk->out[i])));
}

static void heard(struct func_node *node, fi_addr_t peer, uint64_t key, struct talk *talk)
{
	for (int i = 0; i < 2; i++) {
		FUNC_DONE(node, &talk->in[i]);
		FUNC_EQ(talk->in[i].src, peer);
	}
	func_verify(talk->to, LARGE, key);
	free(talk->to);
}

static void said(struct func_node *node, struct talk *talk)
{
	for (int i = 0; i < 2; i++)
		FUNC_DONE(node, &talk->out[i]);
	free(talk->from);
}

/* -- a hub and its peers ------------------------------------------------ */

enum { HUB_FIRST = 1 << 16 };

/* The hub's address and its format, and the peers. */
static const struct {
	const char *hub; /* a numeric address, or NULL: an address of the first peer's kind */
	uint32_t format;
	enum kind peers[KINDS];
	int cnt;
} stars[] = {
	{"127.0.0.1", FI_SOCKADDR_IN, {LO4, NET4}, 2},
	{"0.0.0.0", FI_SOCKADDR_IN, {LO4, NET4}, 2},
	{"::1", FI_SOCKADDR_IN6, {LO6, NET6}, 2},
	{"::", FI_SOCKADDR_IN6, {LO6, NET6, LINK6}, 3},
	{NULL, FI_SOCKADDR_IN6, {LINK6, NET6}, 2},
	{"::", FI_SOCKADDR, {LO4, NET4, LO6, NET6, LINK6}, 5},
	{"0.0.0.0", FI_SOCKADDR, {LO4, NET4}, 2},
};

static struct func_addr number(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct func_addr addr;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		addr.len = sizeof(in);
		memcpy(addr.bytes, &in, sizeof(in));
	} else {
		FUNC_EQ(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		addr.len = sizeof(in6);
		memcpy(addr.bytes, &in6, sizeof(in6));
	}
	return addr;
}

static fi_addr_t insert(struct func_node *node, const struct func_addr *addr)
{
	fi_addr_t fi_addr = FI_ADDR_NOTAVAIL;

	FUNC_EQ(fi_av_insert(node->av, addr->bytes, 1, &fi_addr, 0, NULL), 1);
	return fi_addr;
}

static void open_at(struct func_node *node, uint32_t format, const struct func_addr *src,
		    struct func_addr *name)
{
	struct func_conf conf = {.caps = FI_TAGGED | FI_SOURCE | FI_DIRECTED_RECV,
				 .addr_format = format,
				 .src = src};

	func_open(node, &conf);
	func_name(&node->ep->fid, name);
}

static void be_hub(struct func_team *team, const struct func_addr *src, uint32_t format, bool first)
{
	struct talk talks[KINDS + 1];
	struct func_node node;
	struct func_addr name;
	int i;

	open_at(&node, format, src, &name);
	func_publish(team, 0, &name);
	for (i = 1; i < team->size; i++) {
		node.peer[i] = insert(&node, func_addr_of(team, i, &node));
		hear(&node, node.peer[i], 10 * (uint64_t)i, &talks[i]);
	}
	func_meet(team, &node);
	for (i = 1; i < team->size && first; i++)
		say(&node, node.peer[i], 1000 + 10 * (uint64_t)i, &talks[i]);
	for (i = 1; i < team->size; i++)
		heard(&node, node.peer[i], 10 * (uint64_t)i, &talks[i]);
	for (i = 1; i < team->size && !first; i++)
		say(&node, node.peer[i], 1000 + 10 * (uint64_t)i, &talks[i]);
	for (i = 1; i < team->size; i++)
		said(&node, &talks[i]);
	func_meet(team, &node);
	func_close(&node);
}

static void be_peer(struct func_team *team, int rank, const struct func_addr *src, uint32_t format,
		    bool hub_first)
{
	struct func_addr name, hub;
	struct func_node node;
	struct talk talk;
	fi_addr_t peer;

	open_at(&node, format, src, &name);
	func_publish(team, rank, &name);
	hub = *func_addr_of(team, 0, &node);
	if (family(&hub) != family(src)) { /* the hub's name is of the other family */
		name = *src;
		set_port_of(&name, &hub);
		hub = name;
	}
	peer = insert(&node, &hub);
	hear(&node, peer, 1000 + 10 * (uint64_t)rank, &talk);
	func_meet(team, &node);
	if (hub_first)
		heard(&node, peer, 1000 + 10 * (uint64_t)rank, &talk);
	say(&node, peer, 10 * (uint64_t)rank, &talk);
	said(&node, &talk);
	if (!hub_first)
		heard(&node, peer, 1000 + 10 * (uint64_t)rank, &talk);
	func_meet(team, &node);
	func_close(&node);
}

static void star(struct func_team *team, int rank)
{
	const long which = team->func_case->arg & ~HUB_FIRST;
	const bool hub_first = team->func_case->arg & HUB_FIRST;
	struct func_addr src[KINDS], hub;
	int i;

	for (i = 0; i < stars[which].cnt; i++) {
		enum kind kind = stars[which].peers[i];

		FUNC_SKIP_IF(!own_addr(kind, &src[i]), "this machine has not %s", kind_names[kind]);
	}
	hub = stars[which].hub ? number(stars[which].hub) : src[0];
	if (rank)
		be_peer(team, rank, &src[rank - 1], format_of(stars[which].peers[rank - 1]),
			hub_first);
	else
		be_hub(team, &hub, stars[which].format, hub_first);
}

/* -- two hosts ---------------------------------------------------------- */

/* Link-local addresses of two hosts: an interface that has index 5 on one has index 9 on the
 * other, and each names the other by the address that the other has for itself. */
static void two_hosts(struct func_team *team, int rank)
{
	struct func_addr src;
	char command[256];

	FUNC_SKIP_IF(!own_net, "no network of our own here");
	FUNC_SKIP_IF(!own_addr(LINK6, &src), "no IPv6 here");
	FUNC_EQ(unshare(CLONE_NEWNET), 0);
	if (rank) {
		func_say(team, 0, getpid());
		func_hear(team, NULL, 1, 1);
		FUNC_TRUE(run("ip link set lo up && ip link set wb addrgenmode none && "
			      "ip link set wb up && ip addr add fe80::b/64 dev wb nodad"));
		func_say(team, 2, 1);
	} else {
		func_hear(team, NULL, 0, 1);
		snprintf(command, sizeof(command),
			 "ip link set lo up && ip link add wa type veth peer name wb && "
			 "ip link set wb netns %d && ip link set wa addrgenmode none && "
			 "ip link set wa up && ip addr add fe80::a/64 dev wa nodad",
			 atomic_load(&team->word[0]));
		FUNC_TRUE(run(command));
		func_say(team, 1, 1);
		func_hear(team, NULL, 2, 1);
	}
	FUNC_TRUE(own_addr(LINK6, &src));
	if (rank)
		be_peer(team, rank, &src, FI_SOCKADDR_IN6, team->func_case->arg);
	else
		be_hub(team, &src, FI_SOCKADDR_IN6, team->func_case->arg);
}

int main(int argc, char **argv)
{
	enum { S = FUNC_SWITCH };
	static const struct func_case cases[] = {
		{"from 127.0.0.1, hub first", 3, star, 0, 0 | HUB_FIRST},
		{"from 127.0.0.1", 3, star, 0, 0},
		{"from 0.0.0.0, hub first", 3, star, S, 1 | HUB_FIRST},
		{"from 0.0.0.0", 3, star, S, 1},
		{"from ::1, hub first", 3, star, 0, 2 | HUB_FIRST},
		{"from ::1", 3, star, 0, 2},
		{"from ::, hub first", 4, star, S, 3 | HUB_FIRST},
		{"from ::", 4, star, S, 3},
		{"from a link-local address, hub first", 3, star, S, 4 | HUB_FIRST},
		{"from a link-local address", 3, star, S, 4},
		{"both families from ::, hub first", 6, star, S, 5 | HUB_FIRST},
		{"both families from ::", 6, star, S, 5},
		{"FI_SOCKADDR from 0.0.0.0, hub first", 3, star, S, 6 | HUB_FIRST},
		{"FI_SOCKADDR from 0.0.0.0", 3, star, S, 6},
		{"link-local addresses of two hosts, first first", 2, two_hosts, S, 1},
		{"link-local addresses of two hosts, second first", 2, two_hosts, S, 0},
	};

	own_net = net_own();
	if (!own_net)
		printf("no network of our own: with the addresses that this machine has\n");
	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
