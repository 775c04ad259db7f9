/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rivals: several requests come in the name of one peer before any of them has greeted, from
 * the peer itself and from raw endpoints at its IP address.  Each may be the peer's own until
 * one proves it, or greets first; a rival neither gets the peer's messages nor fails them.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/func_claim.h"
#include "lib/func_common.h"
#include "session/wire.h"

enum { BEGUN, WAITING, TURNED_AWAY, SENT, GREETED, OVER }; /* words of the team */

/* The refusal by which an honest peer says that its own request, with the secret, goes on. */
static void refuse_crossing(struct func_node *node, struct fi_info *info)
{
	const struct switch_nonce nonce = func_claim_nonce(SECRET);
	uint8_t data[SWITCH_REFUSAL_MAX];
	const size_t len = switch_refusal_write(SWITCH_REFUSAL_CROSSING, &nonce, data);

	FUNC_OK(fi_reject(node->pep, info->handle, data, len));
	fi_freeinfo(info);
}

/*
 * It claims the name of a peer that we connect to and that connects to us, with the very
 * preamble of that peer's request, but ahead of it.  Only the peer's own is adopted; and
 * again when that has not greeted yet, when another instance could be its successor.
 */
static void crossing(struct func_team *team, int rank)
{
	struct sess_request call, answer;
	struct func_req out = {.done = 0};
	struct func_node node, peer;
	struct func_event event;
	struct func_addr addr;
	static char buf[9];

	switch (rank) {
	case FRIEND:
		func_claim_listen(team, &node, &addr);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, &call));
		func_say(team, BEGUN, 1);
		func_hear(team, NULL, WAITING, 1);
		refuse_crossing(&node, event.info);
		func_hear(team, NULL, TURNED_AWAY, 1);
		func_claim_begin(team, &peer, func_claim_port(&addr), 1, ATTEMPT, SECRET);
		FUNC_EVENT(&peer, &event, FI_CONNECTED);
		FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, &answer));
		FUNC_EQ(answer.session_id, call.session_id);
		FUNC_EQ(answer.cookie, call.cookie);
		func_say(team, GREETED, 1);
		func_hear(team, NULL, OVER, 1);
		func_close(&peer);
		break;
	case IMPOSTOR:
		func_hear(team, NULL, BEGUN, 1);
		func_claim_wait(team, &node);
		func_say(team, WAITING, 1);
		func_claim_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		func_hear(team, NULL, GREETED, 1);
		func_claim(team, func_claim_port(func_addr_of(team, FRIEND, NULL)), 2);
		func_say(team, OVER, 1);
		return;
	default:
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, &out));
		/* the peer closes without a hello */
		FUNC_WAIT(&node, &out, FI_ECONNRESET);
	}
	func_close(&node);
}

/* An address that nobody listens at, as long as this descriptor is open. */
static int reserve(struct func_addr *addr)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	FUNC_TRUE(fd >= 0 && !bind(fd, (struct sockaddr *)&in, len) &&
		  !getsockname(fd, (struct sockaddr *)&in, &len));
	addr->len = len;
	memcpy(addr->bytes, &in, len);
	return fd;
}

/* Reserves an address so, which is the friend's name. */
static int reserve_friend(struct func_team *team)
{
	struct func_addr addr;
	const int fd = reserve(&addr);

	func_publish(team, FRIEND, &addr);
	return fd;
}

/* Connects to us in the friend's name, and is accepted; our answer. */
static void claim_is_accepted(struct func_team *team, struct func_node *node, uint64_t instance,
			      uint32_t attempt, struct sess_request *answer)
{
	struct func_event event;

	func_claim_begin(team, node, func_claim_port(func_addr_of(team, FRIEND, NULL)), instance,
			 attempt, GUESS);
	FUNC_EVENT(node, &event, FI_CONNECTED);
	FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, answer));
}

/* The peer connects, and then the impostor, both in the peer's name.  Returns the peer's
 * reserved port, or -1. */
static int claim_in_turn(struct func_team *team, int rank, struct func_node *node,
			 struct sess_request *answer)
{
	const int fd = rank == FRIEND ? reserve_friend(team) : -1;

	func_hear(team, NULL, BEGUN, 1);
	if (rank == IMPOSTOR)
		func_hear(team, NULL, WAITING, 1);
	claim_is_accepted(team, node, (uint64_t)rank + 5, ATTEMPT, answer);
	func_say(team, WAITING, rank == IMPOSTOR ? 2 : 1);
	return fd;
}

/* fd: of a reserved port, or -1. */
static void leave(struct func_node *node, int fd)
{
	func_close(node);
	if (fd >= 0)
		close(fd);
}

static void send_packet(struct func_node *node, const struct sess_request *answer, uint32_t seq,
			const uint8_t *record, size_t record_len)
{
	uint8_t packet[512];
	const struct wire_header header = {
		.session_id = answer->session_id,
		.cookie = answer->cookie,
		.seq = seq,
		.window = 64,
		.record_cnt = 1,
	};
	struct func_req out = {.done = 0};
	const size_t len = wire_put_header(packet, &header);

	memcpy(packet + len, record, record_len);
	FUNC_POST(node, fi_send(node->ep, packet, len + record_len, NULL, 0, &out));
	FUNC_DONE(node, &out);
}

/* Says hello over a connection that was accepted; its attempt does not matter. */
static void send_hello(struct func_node *node, uint64_t instance, const struct sess_request *answer)
{
	const struct wire_hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.byte_order = WIRE_BYTE_ORDER,
		.window = 64,
		.buffer_size = 1 << 16,
		.attempt = ATTEMPT,
		.instance = instance,
		.next_seq = 1,
		.exts = 1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET,
		.name_len = 1,
	};
	uint8_t record[256];

	send_packet(node, answer, 0, record, wire_put_hello(record, &hello));
}

/* The same, and waits for our answer. */
static void greet(struct func_node *node, uint64_t instance, const struct sess_request *answer)
{
	static uint8_t buf[1 << 16];
	struct func_req in = {.done = 0};

	FUNC_POST(node, fi_recv(node->ep, buf, sizeof(buf), NULL, 0, &in));
	send_hello(node, instance, answer);
	FUNC_DONE(node, &in);
}

/* Sends a message right behind the hello, and waits for our answer, or for the end. */
static void greet_in_vain(struct func_node *node, uint64_t instance,
			  const struct sess_request *answer, uint64_t tag)
{
	static uint8_t buf[1 << 16];
	struct func_req in = {.done = 0};
	uint8_t record[32];

	FUNC_POST(node, fi_recv(node->ep, buf, sizeof(buf), NULL, 0, &in));
	send_hello(node, instance, answer);
	send_packet(node, answer, 1, record, wire_put_inline(record, WIRE_TAGGED, 0, tag, 0, 0));
	FUNC_UNTIL(node, func_done(&in));
}

/* It claims the name of a peer that has connected to us and has not greeted yet: what we
 * send to that peer waits for that peer all the same. */
static void ungreeted(struct func_team *team, int rank)
{
	struct func_req out[2] = {{.done = 0}, {.done = 0}};
	struct sess_request answer;
	struct func_node node;
	static char buf[9];
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve_friend(team);
		claim_is_accepted(team, &node, 5, ATTEMPT, &answer);
		func_say(team, BEGUN, 1);
		func_hear(team, NULL, SENT, 2);
		greet(&node, 5, &answer);
		break;
	case IMPOSTOR:
		func_hear(team, NULL, SENT, 1);
		claim_is_accepted(team, &node, 1, ATTEMPT, &answer);
		func_say(team, WAITING, 1);
		break;
	default:
		func_claim_open(team, US, &node);
		peer = func_claim_know(team, FRIEND, &node);
		func_hear(team, &node, BEGUN, 1);
		FUNC_POST(&node,
			  fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 1, func_fresh(&out[0])));
		func_say(team, SENT, 1);
		func_hear(team, &node, WAITING, 1);
		FUNC_POST(&node,
			  fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 2, func_fresh(&out[1])));
		func_say(team, SENT, 2);
		FUNC_DONE(&node, &out[0]);
		FUNC_DONE(&node, &out[1]);
		func_say(team, OVER, 1);
	}
	func_hear(team, NULL, OVER, 1);
	leave(&node, fd);
}

/* Two have connected in the name of a peer, and both greet, in either order.  Who greets
 * second is turned away, and a receive from that peer neither gets its data nor fails. */
static void second(struct func_team *team, int rank)
{
	const int greeter = (int)team->func_case->arg;
	struct func_req in = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	static char buf[9];
	int fd = -1;

	if (rank == US) {
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_trecv(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, 0, &in));
		func_say(team, BEGUN, 1);
		func_hear(team, &node, OVER, 1);
		FUNC_OK(fi_cancel(&node.ep->fid, &in));
		FUNC_WAIT(&node, &in, FI_ECANCELED);
		func_say(team, OVER, 2);
	} else {
		fd = claim_in_turn(team, rank, &node, &answer);
		func_hear(team, NULL, WAITING, 2);
		if (rank == greeter) {
			greet(&node, (uint64_t)rank + 5, &answer);
			func_say(team, GREETED, 1);
		} else {
			func_hear(team, NULL, GREETED, 1);
			greet_in_vain(&node, (uint64_t)rank + 5, &answer, 1);
			func_say(team, OVER, 1);
		}
		func_hear(team, NULL, OVER, 2);
	}
	leave(&node, fd);
}

/* It is ahead of a peer, as a later attempt of that very instance, and never greets: the
 * peer is let in, and has its name. */
static void ahead(struct func_team *team, int rank)
{
	struct func_req out = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	static char buf[9];
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve_friend(team);
		func_hear(team, NULL, WAITING, 1);
		claim_is_accepted(team, &node, 5, 1, &answer);
		greet(&node, 5, &answer);
		func_say(team, GREETED, 1);
		break;
	case IMPOSTOR:
		claim_is_accepted(team, &node, 5, ATTEMPT, &answer);
		func_say(team, WAITING, 1);
		break;
	default:
		func_claim_open(team, US, &node);
		peer = func_claim_know(team, FRIEND, &node);
		func_hear(team, &node, GREETED, 1);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 1, &out));
		FUNC_DONE(&node, &out);
		func_say(team, OVER, 1);
	}
	func_hear(team, NULL, OVER, 1);
	leave(&node, fd);
}

/* Two have connected in the name of a peer and not greeted yet.  Its entry of the address
 * vector goes, and another peer gets its place; then one of the two greets.  It is not that
 * other peer, whom nobody listens for. */
static void renamed(struct func_team *team, int rank)
{
	const int greeter = (int)team->func_case->arg;
	struct func_req out = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];
	fi_addr_t peer, other;
	int fd = -1;

	if (rank == US) {
		fd = reserve(&addr);
		func_claim_open(team, US, &node);
		peer = func_claim_know(team, FRIEND, &node);
		func_say(team, BEGUN, 1);
		func_hear(team, &node, WAITING, 2);
		FUNC_OK(fi_av_remove(node.av, &peer, 1, 0));
		FUNC_EQ(fi_av_insert(node.av, addr.bytes, 1, &other, 0, NULL), 1);
		FUNC_EQ(other, peer);
		func_say(team, SENT, 1);
		func_hear(team, &node, GREETED, 1);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL, other, 1, &out));
		FUNC_WAIT(&node, &out, FI_ECONNREFUSED);
		func_say(team, OVER, 1);
	} else {
		fd = claim_in_turn(team, rank, &node, &answer);
		func_hear(team, NULL, SENT, 1);
		if (rank == greeter) {
			greet(&node, (uint64_t)rank + 5, &answer);
			func_say(team, GREETED, 1);
		}
		func_hear(team, NULL, OVER, 1);
	}
	leave(&node, fd);
}

/*
 * A peer accepts our connection and is started again before its hello.  It connects to us
 * from its old name: it is told to try again, and not to wait for a connection of ours, which
 * it has had.
 */
static void restarted(struct func_team *team, int rank)
{
	struct func_node node, anew;
	struct func_req in = {.done = 0}, out = {.done = 0};
	uint8_t preamble[SESS_PREAMBLE_LEN];
	static uint8_t hello[1 << 16];
	struct switch_proof winner;
	struct func_event event;
	struct func_addr addr;
	static char buf[9];

	if (rank == US) {
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, &out));
		func_hear(team, &node, TURNED_AWAY, 1);
		FUNC_WAIT(&node, &out, FI_ECONNREFUSED);
		func_close(&node);
		return;
	}
	func_claim_listen(team, &node, &addr);
	FUNC_EVENT(&node, &event, FI_CONNREQ);
	wire_put_preamble(preamble, &(struct sess_request){.session_id = 1,
							   .instance = UINT64_MAX - 2,
							   .attempt = 1,
							   .port = func_claim_port(&addr)});
	func_accept(&node, &node, event.info, preamble, sizeof(preamble));
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	FUNC_POST(&node, fi_recv(node.ep, hello, sizeof(hello), NULL, 0, &in));
	FUNC_DONE(&node, &in);
	func_claim_begin(team, &anew, func_claim_port(&addr), UINT64_MAX - 1, 1, SECRET);
	func_event(&anew, &event);
	FUNC_EQ(event.err, FI_ECONNREFUSED);
	FUNC_EQ(switch_refusal_read(event.data, event.data_len, &winner), SWITCH_REFUSAL_AGAIN);
	func_close(&anew);
	func_say(team, TURNED_AWAY, 1);
	func_close(&node);
}

/* A peer says that its own connection goes on, and is gone before that comes: it is asked
 * again, and our message fails at once. */
static void vanished(struct func_team *team, int rank)
{
	struct func_req out = {.done = 0};
	struct func_event event;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];

	if (rank == US) {
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, &out));
		FUNC_WAIT(&node, &out, FI_ECONNREFUSED);
	} else {
		func_claim_listen(team, &node, &addr);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		refuse_crossing(&node, event.info);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		FUNC_OK(fi_reject(node.pep, event.info->handle, NULL, 0));
		fi_freeinfo(event.info);
	}
	func_close(&node);
}

/*
 * It is ahead of a peer, and does not greet before that peer has.  A message that we have
 * sent to the peer since goes to the peer, and to nobody else.
 */
static void waiting(struct func_team *team, int rank)
{
	static uint8_t hello[1 << 16], packet[1 << 16];
	struct func_req in[2] = {{.done = 0}, {.done = 0}}, out = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	static char buf[9] = "a secret";
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve_friend(team);
		func_hear(team, NULL, SENT, 1);
		claim_is_accepted(team, &node, 5, 1, &answer);
		FUNC_POST(&node, fi_recv(node.ep, hello, sizeof(hello), NULL, 0, &in[0]));
		FUNC_POST(&node, fi_recv(node.ep, packet, sizeof(packet), NULL, 0, &in[1]));
		send_hello(&node, 5, &answer);
		FUNC_DONE(&node, &in[0]);
		func_say(team, GREETED, 1);
		FUNC_DONE(&node, &in[1]);
		FUNC_TRUE(memmem(packet, in[1].entry.len, buf, sizeof(buf)));
		func_say(team, OVER, 1);
		break;
	case IMPOSTOR:
		claim_is_accepted(team, &node, 6, 1, &answer);
		func_say(team, WAITING, 1);
		func_hear(team, NULL, GREETED, 1);
		break;
	default:
		func_claim_open(team, US, &node);
		peer = func_claim_know(team, FRIEND, &node);
		func_hear(team, &node, WAITING, 1);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 1, &out));
		func_say(team, SENT, 1);
		FUNC_DONE(&node, &out);
		func_hear(team, &node, OVER, 1);
	}
	leave(&node, fd);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"a peer whose connection crosses ours", 3, crossing, FUNC_SWITCH, 0},
		{"a peer that is gone before it connects", 2, vanished, FUNC_SWITCH, 0},
		{"a peer that is started again", 2, restarted, FUNC_SWITCH, 0},
		{"a peer that has not greeted yet", 3, ungreeted, FUNC_SWITCH, 0},
		{"a peer by its own instance", 3, ahead, FUNC_SWITCH, 0},
		{"a peer that we have a message for", 3, waiting, FUNC_SWITCH, 0},
		{"a peer that greets first", 3, second, FUNC_SWITCH, FRIEND},
		{"a peer that is greeted for first", 3, second, FUNC_SWITCH, IMPOSTOR},
		{"a peer that is removed before the first greets", 3, renamed, FUNC_SWITCH, FRIEND},
		{"a peer that is removed before the second greets", 3, renamed, FUNC_SWITCH,
		 IMPOSTOR},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
