/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Unknown programs: raw endpoints of the core and bare TCP sockets that connect and send
 * nothing, or nonsense, or that accept a connection and send nothing.  Their connection fails
 * within HELLO_TIMEOUT, or at once when they close it, while this process and an honest peer
 * exchange messages over the same endpoint all the time.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/func_common.h"
#include "lib/func_hide.h"

enum { US, FRIEND, STRANGER };
enum {
	LEN = 30000,
	STOP_TAG = 1,
	OPEN_TAG = 2,
	FIRST_TAG = 3,
	AFTER = 20,
	HALF_AFTER = 500, /* messages: more than pass before the core is asked for connections */
	GARBAGE_MAX = 4000,
	ATTEMPTS = 12
};

static struct func_conf raw_conf(void)
{
	return (struct func_conf){.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
}

/* Short timeouts, for this process only.  On a slow machine an honest peer's request may take
 * longer than that, so a process that connects to an honest peer tries again. */
static void short_times(void)
{
	setenv("FI_OFI_SWITCH_HELLO_TIMEOUT", "500", 1);
	setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "500", 1);
}

static void garbage(uint64_t *state, unsigned char *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) /* small numbers are more likely to be accepted */
		buf[i] = (unsigned char)(func_rand(state) >> (func_rand(state) % 9));
}

/* -- this process and the honest peer ------------------------------------ */

/* Sends a message to the peer and receives its answer. */
static void exchange(struct func_node *node, uint64_t tag)
{
	static char in_buf[16], out_buf[LEN];
	struct func_req in = {.done = 0}, out = {.done = 0};
	size_t len = tag % 2 ? LEN : 9;

	func_fill(out_buf, len, tag);
	FUNC_POST(node,
		  fi_trecv(node->ep, in_buf, sizeof(in_buf), NULL, FI_ADDR_UNSPEC, tag, 0, &in));
	do {
		FUNC_POST(node, fi_tsend(node->ep, out_buf, len, NULL, node->peer[FRIEND], tag,
					 func_fresh(&out)));
		FUNC_UNTIL(node, func_done(&out));
	} while (tag == OPEN_TAG && out.err == FI_ETIMEDOUT);
	FUNC_EQ(out.err, 0);
	FUNC_DONE(node, &in);
	FUNC_EQ(in.entry.len, 9);
	func_verify(in_buf, 9, ~tag);
}

static void be_friend(struct func_team *team)
{
	static char in_buf[LEN], out_buf[9];
	struct func_req in, out;
	struct func_node node;
	struct func_addr addr;
	fi_addr_t peer;

	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	func_name(&node.ep->fid, &addr);
	func_publish(team, FRIEND, &addr);
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, US, &node)->bytes, 1, &peer, 0, NULL), 1);
	do {
		FUNC_POST(&node, fi_trecv(node.ep, in_buf, LEN, NULL, FI_ADDR_UNSPEC, 0, UINT64_MAX,
					  func_fresh(&in)));
		FUNC_DONE(&node, &in);
		func_verify(in_buf, in.entry.len, in.entry.tag);
		func_fill(out_buf, sizeof(out_buf), ~in.entry.tag);
		FUNC_POST(&node, fi_tsend(node.ep, out_buf, sizeof(out_buf), NULL, peer,
					  in.entry.tag, func_fresh(&out)));
		FUNC_DONE(&node, &out);
	} while (in.entry.tag != STOP_TAG);
	func_close(&node);
}

static void we_open(struct func_team *team, struct func_node *node)
{
	struct func_addr addr;

	short_times();
	func_open(node, &(struct func_conf){.type = FI_EP_RDM});
	func_name(&node->ep->fid, &addr);
	func_publish(team, US, &addr);
	FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, FRIEND, node)->bytes, 1,
			     &node->peer[FRIEND], 0, NULL),
		1);
	exchange(node, OPEN_TAG);
}

static void we_close(struct func_node *node)
{
	uint64_t tag;

	for (tag = FIRST_TAG; tag < FIRST_TAG + AFTER; tag++)
		exchange(node, tag);
	exchange(node, STOP_TAG);
	func_close(node);
}

/* Exchanges messages until the unknown program has ended. */
static void we_outlive(struct func_team *team)
{
	struct func_node node;
	uint64_t tag = FIRST_TAG;

	we_open(team, &node);
	while (!atomic_load(&team->dead[STRANGER]))
		exchange(&node, tag++);
	we_close(&node);
}

/* -- unknown programs that connect --------------------------------------- */

/* Waits until the connection has failed or is shut down.  The core makes progress only if its
 * completion queue is read as well. */
static void until_gone(struct func_node *node)
{
	char buf[sizeof(struct fi_eq_cm_entry) + 512];
	struct fi_eq_err_entry error = {0};
	uint32_t type = FI_CONNECTED;
	ssize_t ret;

	func_mark(__FILE__, __LINE__, "the end of a stranger's connection");
	while (type == FI_CONNECTED) {
		ret = fi_eq_read(node->eq, &type, buf, sizeof(buf), 0);
		if (ret == -FI_EAVAIL) {
			FUNC_OK(fi_eq_readerr(node->eq, &error, 0));
			FUNC_TRUE(error.err > 0);
			return;
		}
		if (ret == -FI_EAGAIN)
			func_idle(node);
		else
			FUNC_OK(ret);
	}
	FUNC_EQ(type, FI_SHUTDOWN);
}

/* Connects with nonsense in the request, and sends nonsense once connected. */
static void raw_nonsense(struct func_node *node, const struct func_addr *dest, uint64_t *state)
{
	struct func_conf conf = raw_conf();
	struct func_event event;
	unsigned char buf[GARBAGE_MAX];
	struct func_req req[4];
	int i;

	garbage(state, buf, 64);
	func_connect(node, &conf, dest, buf, func_rand(state) % 64);
	func_event(node, &event);
	if (event.err)
		return;
	for (i = 0; i < 4; i++) {
		garbage(state, buf, sizeof(buf));
		if (fi_send(node->ep, buf, func_rand(state) % GARBAGE_MAX, NULL, 0,
			    func_fresh(&req[i])))
			break;
		FUNC_UNTIL(node, func_done(&req[i]));
	}
	until_gone(node);
}

static void raw_stranger(struct func_team *team, const struct func_addr *dest)
{
	struct func_conf conf = raw_conf();
	uint64_t state = team->seed;
	struct func_node node;
	int i;

	func_connect(&node, &conf, dest, NULL, 0);
	until_gone(&node);
	func_close(&node);
	for (i = 0; i < ATTEMPTS; i++) {
		raw_nonsense(&node, dest, &state);
		func_close(&node);
	}
}

static int dial(const struct func_addr *dest)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	FUNC_TRUE(fd >= 0);
	if (connect(fd, (const struct sockaddr *)dest->bytes, (socklen_t)dest->len))
		func_fail(__FILE__, __LINE__, "connect: %m");
	return fd;
}

/* Opens sockets that send nothing and stay open; then some that send nonsense, whole or in part. */
static void socket_stranger(struct func_team *team, const struct func_addr *dest)
{
	unsigned char buf[GARBAGE_MAX];
	uint64_t state = team->seed;
	int i, fd, silent[4];

	for (i = 0; i < 4; i++)
		silent[i] = dial(dest);
	for (i = 0; i < ATTEMPTS; i++) {
		fd = dial(dest);
		garbage(&state, buf, sizeof(buf));
		if (i % 3)
			FUNC_TRUE(send(fd, buf, func_rand(&state) % GARBAGE_MAX, MSG_NOSIGNAL) >=
				  0);
		if (i % 3 == 1) {
			shutdown(fd, SHUT_WR);
			func_mark(__FILE__, __LINE__, "the end of a socket");
			while (recv(fd, buf, sizeof(buf), 0) > 0)
				;
		}
		close(fd);
	}
	for (i = 0; i < 4; i++)
		close(silent[i]);
}

enum { RAW, SOCKET, HANGS_UP, RESETS };

/* -- requests that stop half way ---------------------------------------- */

enum { HALVES_WORD, OVER_WORD };

/* Sends the headers of the tcp core's connection requests (of libfabric 1.17), each of which
 * announces data, and sends no data. */
static void half_requests(struct func_team *team, const struct func_addr *dest)
{
	static const unsigned char head[32] = {[0] = 3, [3] = 28, [24] = 1};
	int i, fd[4];

	for (i = 0; i < 4; i++) {
		fd[i] = dial(dest);
		FUNC_TRUE(send(fd[i], head, sizeof(head), MSG_NOSIGNAL) == sizeof(head));
	}
	func_say(team, HALVES_WORD, 1);
	func_hear(team, NULL, OVER_WORD, 1);
	for (i = 0; i < 4; i++)
		close(fd[i]);
}

/* The same while the lists of descriptors, by which the provider finds the listening socket,
 * are empty. */
static void halves_visit(struct func_team *team, int rank)
{
	struct func_node node;
	uint64_t tag;

	if (rank == FRIEND) {
		be_friend(team);
	} else if (rank == STRANGER) {
		half_requests(team, func_addr_of(team, US, NULL));
	} else {
		FUNC_SKIP_IF(!func_hide_fds(), "lists of descriptors cannot be hidden here");
		we_open(team, &node);
		for (tag = FIRST_TAG; !atomic_load(&team->word[HALVES_WORD]); tag++)
			exchange(&node, tag);
		for (int i = 0; i < HALF_AFTER; i++)
			exchange(&node, tag++);
		func_say(team, OVER_WORD, 1);
		we_close(&node);
	}
}

/* -- unknown programs at a connectionless endpoint ----------------------- */

/* Unknown programs connect to our connectionless endpoint. */
static void visitors(struct func_team *team, int rank)
{
	if (rank == US)
		we_outlive(team);
	else if (rank == FRIEND)
		be_friend(team);
	else if (team->func_case->arg == RAW)
		raw_stranger(team, func_addr_of(team, US, NULL));
	else
		socket_stranger(team, func_addr_of(team, US, NULL));
}

/* -- unknown programs that listen ----------------------------------------- */

/* Accepts each connection and closes it, after reading its data or (RESETS) without, until
 * word 0 says that the case is over.  This looks like a process that is killed. */
static void hang_up(struct func_team *team, int fd)
{
	unsigned char buf[GARBAGE_MAX];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int conn;

	func_mark(__FILE__, __LINE__, "somebody who connects");
	while (!atomic_load(&team->word[0])) {
		if (poll(&pfd, 1, 10) <= 0)
			continue;
		conn = accept(fd, NULL, NULL);
		FUNC_TRUE(conn >= 0);
		recv(conn, buf, sizeof(buf), team->func_case->arg == RESETS ? MSG_PEEK : 0);
		close(conn);
	}
}

/* Accepts connections and sends nothing; or has a socket that never accepts, or that closes
 * each connection. */
static void silent_listener(struct func_team *team)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct func_conf conf = raw_conf();
	socklen_t len = sizeof(sin);
	struct func_addr addr;
	struct func_event event;
	struct func_node node;
	int fd = -1;

	if (team->func_case->arg == RAW) {
		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
	} else {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		FUNC_TRUE(fd >= 0 && !bind(fd, (struct sockaddr *)&sin, sizeof(sin)) &&
			  !listen(fd, 5) && !getsockname(fd, (struct sockaddr *)&sin, &len));
		addr.len = len;
		memcpy(addr.bytes, &sin, len);
	}
	func_publish(team, STRANGER, &addr);
	if (fd < 0) {
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		func_accept(&node, &node, event.info, NULL, 0);
		until_gone(&node);
		func_close(&node);
	}
	if (team->func_case->arg >= HANGS_UP)
		hang_up(team, fd);
	func_hear(team, NULL, 0, 1);
	if (fd >= 0)
		close(fd);
}

/* A send to a silent peer fails after a timeout; if the peer closed the connection, the log
 * says so. */
static void expect_lost(const struct func_team *team, int err)
{
	if (team->func_case->arg < HANGS_UP)
		FUNC_TRUE(err > 0);
	else if (err != FI_ECONNREFUSED)
		FUNC_EQ(err, FI_ECONNRESET);
}

/* Sends to such listeners: each send fails, whether small, large or injected. */
static void we_send(struct func_team *team)
{
	struct func_req bad[3] = {{.done = 0}};
	char *buf = func_alloc(1 << 20);
	uint64_t tag = FIRST_TAG;
	struct func_node node;
	fi_addr_t peer;
	int i;

	we_open(team, &node);
	FUNC_EQ(fi_av_insert(node.av, func_addr_of(team, STRANGER, &node)->bytes, 1, &peer, 0,
			     NULL),
		1);
	for (i = 0; i < 3; i++)
		FUNC_POST(&node, fi_tsend(node.ep, buf, i ? 1 << 20 : 5, NULL, peer, 5, &bad[i]));
	for (i = 0; i < 3; i++) {
		while (!func_done(&bad[i]))
			exchange(&node, tag++);
		expect_lost(team, bad[i].err);
	}
	func_say(team, 0, 1);
	we_close(&node);
	free(buf);
}

static void hosts(struct func_team *team, int rank)
{
	if (rank == US)
		we_send(team);
	else if (rank == FRIEND)
		be_friend(team);
	else
		silent_listener(team);
}

/* The same with a connected endpoint, which gets an error event. */
static void hosts_msg(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG};
	struct func_event event;
	struct func_node node;

	if (rank == US) {
		short_times();
		func_connect(&node, &conf, func_addr_of(team, STRANGER, NULL), NULL, 0);
		func_event(&node, &event);
		expect_lost(team, event.err);
		FUNC_TRUE(event.fid == &node.ep->fid);
		func_say(team, 0, 1);
		func_close(&node);
	} else if (rank == STRANGER) {
		silent_listener(team);
	}
}

/* -- unknown programs at a passive endpoint ------------------------------ */

/* Accepts each request (that of an unknown program may or may not be reported).  The
 * connection with the data "friend" gets its message echoed when all unknown programs have
 * ended. */
static void be_server(struct func_team *team)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG};
	struct func_node node, friend = {.ep = NULL}, other[2 * ATTEMPTS];
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_event event;
	struct func_addr addr;
	bool connected = false;
	int others = 0;
	char buf[16];

	short_times();
	func_listen(&node, &conf);
	func_name(&node.pep->fid, &addr);
	func_publish(team, US, &addr);
	while (!connected) {
		func_event(&node, &event);
		if (event.type == FI_CONNREQ && !event.err) {
			if (event.data_len == 6 && !memcmp(event.data, "friend", 6)) {
				func_accept(&friend, &node, event.info, NULL, 0);
			} else {
				FUNC_TRUE(others < 2 * ATTEMPTS);
				func_accept(&other[others++], &node, event.info, NULL, 0);
			}
		} else if (friend.ep && event.fid == &friend.ep->fid) {
			connected = !event.err && event.type == FI_CONNECTED;
			if (!connected)
				func_close(&friend);
		}
	}
	FUNC_POST(&friend, fi_recv(friend.ep, buf, sizeof(buf), NULL, 0, &in));
	FUNC_DONE(&friend, &in);
	FUNC_POST(&friend, fi_send(friend.ep, buf, in.entry.len, NULL, 0, &out));
	FUNC_DONE(&friend, &out);
	while (others)
		func_close(&other[--others]);
	func_meet(team, &friend);
	func_close(&friend);
	func_close(&node);
}

static void be_client(struct func_team *team)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG};
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_event event;
	struct func_node node;
	char buf[16];

	FUNC_UNTIL(NULL, atomic_load(&team->word[0]));
	for (;;) {
		func_connect(&node, &conf, func_addr_of(team, US, NULL), "friend", 6);
		func_event(&node, &event);
		if (!event.err)
			break;
		func_close(&node);
	}
	FUNC_EQ(event.type, FI_CONNECTED);
	FUNC_POST(&node, fi_recv(node.ep, buf, sizeof(buf), NULL, 0, &in));
	FUNC_POST(&node, fi_send(node.ep, "still here", 11, NULL, 0, &out));
	FUNC_DONE(&node, &out);
	FUNC_DONE(&node, &in);
	FUNC_TRUE(in.entry.len == 11 && !strcmp(buf, "still here"));
	func_meet(team, &node);
	func_close(&node);
}

static void visitors_msg(struct func_team *team, int rank)
{
	if (rank == US) {
		be_server(team);
	} else if (rank == FRIEND) {
		be_client(team);
	} else {
		if (team->func_case->arg == RAW)
			raw_stranger(team, func_addr_of(team, US, NULL));
		else
			socket_stranger(team, func_addr_of(team, US, NULL));
		func_say(team, 0, 1);
		func_meet(team, NULL);
	}
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"raw endpoints visit, rdm", 3, visitors, FUNC_SWITCH, RAW},
		{"sockets visit, rdm", 3, visitors, 0, SOCKET},
		{"half requests, descriptors not listed", 3, halves_visit, FUNC_SWITCH, 0},
		{"a raw endpoint listens, rdm", 3, hosts, FUNC_SWITCH, RAW},
		{"a socket listens, rdm", 3, hosts, FUNC_SWITCH, SOCKET},
		{"a socket hangs up, rdm", 3, hosts, FUNC_SWITCH, HANGS_UP},
		{"a socket resets, rdm", 3, hosts, FUNC_SWITCH, RESETS},
		{"raw endpoints visit, msg", 3, visitors_msg, FUNC_SWITCH, RAW},
		{"sockets visit, msg", 3, visitors_msg, 0, SOCKET},
		{"a raw endpoint listens, msg", 3, hosts_msg, FUNC_SWITCH, RAW},
		{"a socket listens, msg", 3, hosts_msg, FUNC_SWITCH, SOCKET},
		{"a socket hangs up, msg", 3, hosts_msg, FUNC_SWITCH, HANGS_UP},
		{"a socket resets, msg", 3, hosts_msg, FUNC_SWITCH, RESETS},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
