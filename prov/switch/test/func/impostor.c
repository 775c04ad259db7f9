/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Impostors: a raw endpoint of the core connects from an honest peer's IP address and claims
 * to be another endpoint: a peer that has a session, the endpoint itself, or a peer that we
 * are just connecting to.  It is refused, and the honest pair notices nothing.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rdma/fi_ext_switch.h>

#include "lib/func_common.h"
#include "peer/data.h"
#include "session/wire.h"

enum { US, FRIEND, IMPOSTOR };
enum { LEN = 30000, STOP_TAG = 1, FIRST_TAG = 2, ROUNDS = 10, ATTEMPT = 1000 };
enum { BEGUN, WAITING, TURNED_AWAY, SENT, GREETED, OVER }; /* words of the team */

static uint16_t port_of(const struct func_addr *addr)
{
	struct sockaddr_in in;

	memcpy(&in, addr->bytes, sizeof(in));
	return ntohs(in.sin_port);
}

/* -- the impostor ----------------------------------------------------------------- */

/* A nonce is made of one byte. */
enum { GUESS = 0, SECRET = 7, NO_NONCE = -1 };

static struct switch_nonce nonce_of(int byte)
{
	struct switch_nonce nonce;

	memset(&nonce, byte, sizeof(nonce));
	return nonce;
}

/* Connects to us and claims to be the endpoint with this port. */
static void claim_begin(struct func_team *team, struct func_node *node, uint16_t port,
			uint64_t instance, uint32_t attempt, int byte)
{
	const struct switch_nonce nonce = nonce_of(byte);
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	const struct sess_request request = {
		.session_id = 0x1000001,
		.cookie = 4711,
		.instance = instance,
		.attempt = attempt,
		.port = port,
	};
	uint8_t data[SESS_PREAMBLE_LEN + sizeof(nonce)];

	wire_put_preamble(data, &request);
	memcpy(data + SESS_PREAMBLE_LEN, &nonce, sizeof(nonce));
	func_connect(node, &conf, func_addr_of(team, US, NULL), data,
		     byte == NO_NONCE ? SESS_PREAMBLE_LEN : sizeof(data));
}

static void claim_is_refused(struct func_node *node)
{
	struct func_event event;

	func_event(node, &event);
	FUNC_EQ(event.err, FI_ECONNREFUSED);
	func_close(node);
}

static void claim(struct func_team *team, uint16_t port, uint64_t instance)
{
	struct func_node node;

	claim_begin(team, &node, port, instance, ATTEMPT, GUESS);
	claim_is_refused(&node);
}

/* The instance of the endpoint with this name, which it tells whoever connects. */
static uint64_t learn_instance(struct func_team *team, int rank)
{
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	const struct sess_request ours = {.session_id = 1, .instance = 1, .attempt = 1, .port = 1};
	uint8_t preamble[SESS_PREAMBLE_LEN];
	struct sess_request theirs;
	struct func_event event;
	struct func_node node;

	wire_put_preamble(preamble, &ours);
	func_connect(&node, &conf, func_addr_of(team, rank, NULL), preamble, sizeof(preamble));
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, &theirs));
	func_close(&node);
	return theirs.instance;
}

/* -- the honest pair --------------------------------------------------------------- */

static void open_here(struct func_team *team, int rank, struct func_node *node)
{
	const struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV};
	struct func_addr addr;

	func_open(node, &conf);
	func_name(&node->ep->fid, &addr);
	func_publish(team, rank, &addr);
}

static fi_addr_t know(struct func_team *team, int rank, struct func_node *node)
{
	fi_addr_t peer;

	FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, rank, node)->bytes, 1, &peer, 0, NULL),
		1);
	return peer;
}

/* Answers every message of this peer, up to the last. */
static void answer(struct func_node *node, fi_addr_t peer)
{
	static char in_buf[LEN], out_buf[LEN];
	struct func_req in, out;

	do {
		FUNC_POST(node, fi_trecv(node->ep, in_buf, LEN, NULL, peer, 0, UINT64_MAX,
					 func_fresh(&in)));
		FUNC_DONE(node, &in);
		func_verify(in_buf, LEN, in.entry.tag);
		func_fill(out_buf, LEN, ~in.entry.tag);
		FUNC_POST(node, fi_tsend(node->ep, out_buf, LEN, NULL, peer, in.entry.tag,
					 func_fresh(&out)));
		FUNC_DONE(node, &out);
	} while (in.entry.tag != STOP_TAG);
}

/* Sends a message, and receives the answer from that peer only. */
static void call(struct func_node *node, fi_addr_t peer, uint64_t tag)
{
	static char in_buf[LEN], out_buf[LEN];
	struct func_req in = {.done = 0}, out = {.done = 0};

	func_fill(out_buf, LEN, tag);
	FUNC_POST(node, fi_trecv(node->ep, in_buf, LEN, NULL, peer, tag, 0, &in));
	FUNC_POST(node, fi_tsend(node->ep, out_buf, LEN, NULL, peer, tag, &out));
	FUNC_DONE(node, &out);
	FUNC_DONE(node, &in);
	func_verify(in_buf, LEN, ~tag);
}

static uint64_t credit_packets(struct func_node *node)
{
	struct fi_switch_ops_ep *ops;
	struct fi_switch_stats stats = {.size = sizeof(stats)};

	FUNC_OK(fi_open_ops(&node->ep->fid, FI_SWITCH_EP_OPS, 0, (void **)&ops, NULL));
	FUNC_OK(ops->stats(node->ep, &stats));
	return stats.tx_credit_packets;
}

/* -- cases --------------------------------------------------------------------------- */

/*
 * It learns the instance of a peer that has a session, and says that it is an old attempt
 * of that peer.  The refusal must not tell how packets for the session are addressed, or a
 * packet over any other connection could end it.
 */
static void overheard(struct func_team *team)
{
	struct sess_request session;
	struct func_event event;
	struct func_node node;

	claim_begin(team, &node, port_of(func_addr_of(team, FRIEND, NULL)),
		    learn_instance(team, FRIEND), 0, GUESS);
	func_event(&node, &event);
	FUNC_EQ(event.err, FI_ECONNREFUSED);
	for (size_t at = 0; at < event.data_len; at++)
		FUNC_TRUE(wire_get_preamble((uint8_t *)event.data + at, event.data_len - at,
					    &session));
	func_close(&node);
}

/* The impostor claims the name of a peer that has a session. */
static void established(struct func_team *team, int rank)
{
	const uint64_t instance = team->func_case->arg ? 1 : UINT64_MAX - 1;
	struct func_node node;
	fi_addr_t peer;
	uint64_t tag = FIRST_TAG;

	if (rank == IMPOSTOR) {
		func_hear(team, NULL, BEGUN, 1);
		overheard(team);
		for (int i = 0; i < ROUNDS; i++)
			claim(team, port_of(func_addr_of(team, FRIEND, NULL)), instance);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	open_here(team, rank, &node);
	peer = know(team, rank == US ? FRIEND : US, &node);
	if (rank == FRIEND) {
		answer(&node, peer);
	} else {
		call(&node, peer, tag);
		func_say(team, BEGUN, 1);
		while (!atomic_load(&team->word[TURNED_AWAY])) /* messages continue meanwhile */
			call(&node, peer, ++tag);
		call(&node, peer, STOP_TAG);
	}
	func_close(&node);
}

/* The impostor claims the name of a peer that has a session, and is silent: a packet asks the core about it each time, for the peer
 * may have been started anew. */
static void silent(struct func_team *team, int rank)
{
	struct func_node node;
	uint64_t before;
	fi_addr_t peer;

	if (rank == IMPOSTOR) {
		established(team, rank);
		return;
	}
	open_here(team, rank, &node);
	peer = know(team, rank == US ? FRIEND : US, &node);
	if (rank == FRIEND) {
		answer(&node, peer);
	} else {
		call(&node, peer, FIRST_TAG);
		before = credit_packets(&node);
		func_say(team, BEGUN, 1);
		func_hear(team, &node, TURNED_AWAY, 1);
		FUNC_TRUE(credit_packets(&node) >= before + ROUNDS);
		call(&node, peer, STOP_TAG);
	}
	func_close(&node);
}

/* The impostor claims the name of the endpoint itself, which sends messages to itself. */
static void ourselves(struct func_team *team, int rank)
{
	static char in_buf[LEN], out_buf[LEN];
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_node node;
	fi_addr_t self;

	if (rank == IMPOSTOR) {
		claim(team, port_of(func_addr_of(team, US, NULL)), 1);
		claim(team, port_of(func_addr_of(team, US, NULL)), UINT64_MAX - 1);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	if (rank == FRIEND)
		return;
	open_here(team, rank, &node);
	self = know(team, US, &node);
	func_hear(team, &node, TURNED_AWAY, 1);
	func_fill(out_buf, LEN, 5);
	FUNC_POST(&node, fi_trecv(node.ep, in_buf, LEN, NULL, self, 5, 0, &in));
	FUNC_POST(&node, fi_tsend(node.ep, out_buf, LEN, NULL, self, 5, &out));
	FUNC_DONE(&node, &out);
	FUNC_DONE(&node, &in);
	func_verify(in_buf, LEN, 5);
	func_close(&node);
}

/*
 * The impostor claims the name of a peer that we are just connecting to, with an instance
 * whose connection wins.  That peer, a passive endpoint of the core, refuses our request
 * without saying that the impostor's request is its own: the impostor is not accepted in its
 * place, and our message fails.
 */
static void connecting(struct func_team *team, int rank)
{
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	struct func_req out = {.done = 0};
	struct func_event event;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];

	switch (rank) {
	case FRIEND:
		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
		func_publish(team, FRIEND, &addr);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		func_say(team, BEGUN, 1);
		func_hear(team, NULL, WAITING, 1);
		FUNC_OK(fi_reject(node.pep, event.info->handle, NULL, 0));
		fi_freeinfo(event.info);
		func_hear(team, NULL, TURNED_AWAY, 1);
		break;
	case IMPOSTOR:
		func_hear(team, NULL, BEGUN, 1);
		claim_begin(team, &node, port_of(func_addr_of(team, FRIEND, NULL)), 1, ATTEMPT,
			    GUESS);
		/* refused at once, and behind the other */
		claim(team, port_of(func_addr_of(team, US, NULL)), 1);
		func_say(team, WAITING, 1);
		claim_is_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		return;
	default:
		open_here(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, &out));
		func_hear(team, &node, WAITING, 1);
		FUNC_UNTIL(&node, func_done(&out));
		FUNC_EQ(out.err, FI_ECONNREFUSED);
		func_hear(team, &node, TURNED_AWAY, 1);
	}
	func_close(&node);
}

/* The impostor claims the name of a peer that we are just connecting to, and which accepts. */
static void accepted(struct func_team *team, int rank)
{
	static char in_buf[LEN], out_buf[LEN];
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_node node;
	fi_addr_t peer;

	if (rank == IMPOSTOR) {
		func_hear(team, NULL, BEGUN, 1);
		claim_begin(team, &node, port_of(func_addr_of(team, FRIEND, NULL)), 1, ATTEMPT,
			    GUESS);
		/* refused at once, and behind the other */
		claim(team, port_of(func_addr_of(team, US, NULL)), 1);
		func_say(team, WAITING, 1);
		claim_is_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	open_here(team, rank, &node);
	peer = know(team, rank == US ? FRIEND : US, &node);
	if (rank == FRIEND) {
		func_hear(team, NULL, WAITING, 1);
		answer(&node, peer);
	} else {
		func_fill(out_buf, LEN, FIRST_TAG);
		FUNC_POST(&node, fi_trecv(node.ep, in_buf, LEN, NULL, peer, FIRST_TAG, 0, &in));
		FUNC_POST(&node, fi_tsend(node.ep, out_buf, LEN, NULL, peer, FIRST_TAG, &out));
		func_say(team, BEGUN, 1);
		FUNC_DONE(&node, &out);
		FUNC_DONE(&node, &in);
		func_verify(in_buf, LEN, ~(uint64_t)FIRST_TAG);
		func_hear(team, &node, TURNED_AWAY, 1); /* it does not wait for our end */
		call(&node, peer, STOP_TAG);
	}
	func_close(&node);
}

/* The refusal by which an honest peer says that its own request, with the secret, goes on. */
static void refuse_crossing(struct func_node *node, struct fi_info *info)
{
	const struct switch_nonce nonce = nonce_of(SECRET);
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
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	struct sess_request call, answer;
	struct func_req out = {.done = 0};
	struct func_node node, peer;
	struct func_event event;
	struct func_addr addr;
	static char buf[9];

	switch (rank) {
	case FRIEND:
		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
		func_publish(team, FRIEND, &addr);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, &call));
		func_say(team, BEGUN, 1);
		func_hear(team, NULL, WAITING, 1);
		refuse_crossing(&node, event.info);
		func_hear(team, NULL, TURNED_AWAY, 1);
		claim_begin(team, &peer, port_of(&addr), 1, ATTEMPT, SECRET);
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
		claim_begin(team, &node, port_of(func_addr_of(team, FRIEND, NULL)), 1, ATTEMPT,
			    GUESS);
		/* refused at once, and behind the other */
		claim(team, port_of(func_addr_of(team, US, NULL)), 1);
		func_say(team, WAITING, 1);
		claim_is_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		func_hear(team, NULL, GREETED, 1);
		claim(team, port_of(func_addr_of(team, FRIEND, NULL)), 2);
		func_say(team, OVER, 1);
		return;
	default:
		open_here(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, &out));
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

/* Connects to us in the friend's name, and is accepted; our answer. */
static void claim_is_accepted(struct func_team *team, struct func_node *node, uint64_t instance,
			      uint32_t attempt, struct sess_request *answer)
{
	struct func_event event;

	claim_begin(team, node, port_of(func_addr_of(team, FRIEND, NULL)), instance, attempt,
		    GUESS);
	FUNC_EVENT(node, &event, FI_CONNECTED);
	FUNC_OK(wire_get_preamble((uint8_t *)event.data, event.data_len, answer));
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
	struct func_addr addr;
	static char buf[9];
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve(&addr);
		func_publish(team, FRIEND, &addr);
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
		open_here(team, US, &node);
		peer = know(team, FRIEND, &node);
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
	func_close(&node);
	if (fd >= 0)
		close(fd);
}

/* Two have connected in the name of a peer, and both greet, in either order.  Who greets
 * second is turned away, and a receive from that peer neither gets its data nor fails. */
static void second(struct func_team *team, int rank)
{
	const int greeter = (int)team->func_case->arg;
	struct func_req in = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];
	int fd = -1;

	if (rank == US) {
		open_here(team, US, &node);
		FUNC_POST(&node, fi_trecv(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, 0, &in));
		func_say(team, BEGUN, 1);
		func_hear(team, &node, OVER, 1);
		FUNC_OK(fi_cancel(&node.ep->fid, &in));
		FUNC_WAIT(&node, &in, FI_ECANCELED);
		func_say(team, OVER, 2);
	} else {
		if (rank == FRIEND) {
			fd = reserve(&addr);
			func_publish(team, FRIEND, &addr);
		}
		func_hear(team, NULL, BEGUN, 1);
		if (rank == IMPOSTOR)
			func_hear(team, NULL, WAITING, 1);
		claim_is_accepted(team, &node, (uint64_t)rank + 5, ATTEMPT, &answer);
		func_say(team, WAITING, rank == IMPOSTOR ? 2 : 1);
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
	func_close(&node);
	if (fd >= 0)
		close(fd);
}

/* It is ahead of a peer, as a later attempt of that very instance, and never greets: the
 * peer is let in, and has its name. */
static void ahead(struct func_team *team, int rank)
{
	struct func_req out = {.done = 0};
	struct sess_request answer;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve(&addr);
		func_publish(team, FRIEND, &addr);
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
		open_here(team, US, &node);
		peer = know(team, FRIEND, &node);
		func_hear(team, &node, GREETED, 1);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 1, &out));
		FUNC_DONE(&node, &out);
		func_say(team, OVER, 1);
	}
	func_hear(team, NULL, OVER, 1);
	func_close(&node);
	if (fd >= 0)
		close(fd);
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
		open_here(team, US, &node);
		peer = know(team, FRIEND, &node);
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
		if (rank == FRIEND) {
			fd = reserve(&addr);
			func_publish(team, FRIEND, &addr);
		}
		func_hear(team, NULL, BEGUN, 1);
		if (rank == IMPOSTOR)
			func_hear(team, NULL, WAITING, 1);
		claim_is_accepted(team, &node, (uint64_t)rank + 5, ATTEMPT, &answer);
		func_say(team, WAITING, rank == IMPOSTOR ? 2 : 1);
		func_hear(team, NULL, SENT, 1);
		if (rank == greeter) {
			greet(&node, (uint64_t)rank + 5, &answer);
			func_say(team, GREETED, 1);
		}
		func_hear(team, NULL, OVER, 1);
	}
	func_close(&node);
	if (fd >= 0)
		close(fd);
}

/*
 * A peer accepts our connection and is started again before its hello.  It connects to us
 * from its old name: it is told to try again, and not to wait for a connection of ours, which
 * it has had.
 */
static void restarted(struct func_team *team, int rank)
{
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	struct func_node node, anew;
	struct func_req in = {.done = 0}, out = {.done = 0};
	uint8_t preamble[SESS_PREAMBLE_LEN];
	static uint8_t hello[1 << 16];
	struct switch_proof winner;
	struct func_event event;
	struct func_addr addr;
	static char buf[9];

	if (rank == US) {
		open_here(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, &out));
		func_hear(team, &node, TURNED_AWAY, 1);
		FUNC_WAIT(&node, &out, FI_ECONNREFUSED);
		func_close(&node);
		return;
	}
	func_listen(&node, &conf);
	func_name(&node.pep->fid, &addr);
	func_publish(team, FRIEND, &addr);
	FUNC_EVENT(&node, &event, FI_CONNREQ);
	wire_put_preamble(preamble, &(struct sess_request){.session_id = 1,
							   .instance = UINT64_MAX - 2,
							   .attempt = 1,
							   .port = port_of(&addr)});
	func_accept(&node, &node, event.info, preamble, sizeof(preamble));
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	FUNC_POST(&node, fi_recv(node.ep, hello, sizeof(hello), NULL, 0, &in));
	FUNC_DONE(&node, &in);
	claim_begin(team, &anew, port_of(&addr), UINT64_MAX - 1, 1, SECRET);
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
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	struct func_req out = {.done = 0};
	struct func_event event;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];

	if (rank == US) {
		open_here(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, &out));
		FUNC_WAIT(&node, &out, FI_ECONNREFUSED);
	} else {
		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
		func_publish(team, FRIEND, &addr);
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
	struct func_addr addr;
	static char buf[9] = "a secret";
	fi_addr_t peer;
	int fd = -1;

	switch (rank) {
	case FRIEND:
		fd = reserve(&addr);
		func_publish(team, FRIEND, &addr);
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
		open_here(team, US, &node);
		peer = know(team, FRIEND, &node);
		func_hear(team, &node, WAITING, 1);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL, peer, 1, &out));
		func_say(team, SENT, 1);
		FUNC_DONE(&node, &out);
		func_hear(team, &node, OVER, 1);
	}
	func_close(&node);
	if (fd >= 0)
		close(fd);
}

/*
 * A peer that speaks version 1 of the protocol connects to us while we connect to it, and
 * refuses us as that version does: its own connection goes on.  It is accepted, so that the
 * hello can say that the versions differ; our message fails.
 */
static void older(struct func_team *team, int rank)
{
	static const uint8_t crossing[] = {'O', 'F', 'S', 'W', 1};
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};
	struct func_req out = {.done = 0};
	struct func_event request, event;
	struct func_node node, caller;
	struct func_addr addr;
	static char buf[9];

	if (rank == FRIEND) {
		func_listen(&node, &conf);
		func_name(&node.pep->fid, &addr);
		func_publish(team, FRIEND, &addr);
		FUNC_EVENT(&node, &request, FI_CONNREQ);
		claim_begin(team, &caller, port_of(&addr), 1, ATTEMPT, NO_NONCE);
		/* refused at once, and behind the other */
		claim(team, port_of(func_addr_of(team, US, NULL)), 1);
		FUNC_OK(fi_reject(node.pep, request.info->handle, crossing, sizeof(crossing)));
		fi_freeinfo(request.info);
		FUNC_EVENT(&caller, &event, FI_CONNECTED);
		func_say(team, TURNED_AWAY, 1);
		func_close(&caller);
	} else {
		open_here(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  know(team, FRIEND, &node), 1, &out));
		FUNC_UNTIL(&node, func_done(&out));
		FUNC_EQ(out.err, FI_ECONNREFUSED);
		func_hear(team, &node, TURNED_AWAY, 1);
	}
	func_close(&node);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"an established peer, by a greater instance", 3, established, FUNC_SWITCH, 0},
		{"an established peer, by a smaller instance", 3, established, FUNC_SWITCH, 1},
		{"an established peer that is silent", 3, silent, FUNC_SWITCH, 0},
		{"the endpoint itself", 3, ourselves, FUNC_SWITCH, 0},
		{"a peer that we connect to", 3, connecting, FUNC_SWITCH, 0},
		{"a peer that accepts our connection", 3, accepted, FUNC_SWITCH, 0},
		{"a peer of version 1 that we connect to", 2, older, FUNC_SWITCH, 0},
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
