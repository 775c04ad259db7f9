/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Impostors: a raw endpoint of the core connects from an honest peer's IP address and claims
 * to be another endpoint: a peer that has a session, the endpoint itself, or a peer that we
 * are just connecting to.  It is refused, and the honest pair notices nothing.  Where a second
 * request of the same name comes into it, see rivals.c.
 */
#include <rdma/fi_ext_switch.h>

#include "lib/func_claim.h"
#include "lib/func_common.h"
#include "session/wire.h"

enum { LEN = 30000, STOP_TAG = 1, FIRST_TAG = 2, ROUNDS = 10 };
enum { BEGUN, WAITING, TURNED_AWAY }; /* words of the team */

/* -- the impostor ----------------------------------------------------------------- */

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

	func_claim_begin(team, &node, func_claim_port(func_addr_of(team, FRIEND, NULL)),
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
			func_claim(team, func_claim_port(func_addr_of(team, FRIEND, NULL)),
				   instance);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	func_claim_open(team, rank, &node);
	peer = func_claim_know(team, rank == US ? FRIEND : US, &node);
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

/* The impostor claims the name of a peer that has a session, and is silent: a packet asks the core
 * about it each time, for the peer may have been started anew. */
static void silent(struct func_team *team, int rank)
{
	struct func_node node;
	uint64_t before;
	fi_addr_t peer;

	if (rank == IMPOSTOR) {
		established(team, rank);
		return;
	}
	func_claim_open(team, rank, &node);
	peer = func_claim_know(team, rank == US ? FRIEND : US, &node);
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
		func_claim(team, func_claim_port(func_addr_of(team, US, NULL)), 1);
		func_claim(team, func_claim_port(func_addr_of(team, US, NULL)), UINT64_MAX - 1);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	if (rank == FRIEND)
		return;
	func_claim_open(team, rank, &node);
	self = func_claim_know(team, US, &node);
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
	struct func_req out = {.done = 0};
	struct func_event event;
	struct func_node node;
	struct func_addr addr;
	static char buf[9];

	switch (rank) {
	case FRIEND:
		func_claim_listen(team, &node, &addr);
		FUNC_EVENT(&node, &event, FI_CONNREQ);
		func_say(team, BEGUN, 1);
		func_hear(team, NULL, WAITING, 1);
		FUNC_OK(fi_reject(node.pep, event.info->handle, NULL, 0));
		fi_freeinfo(event.info);
		func_hear(team, NULL, TURNED_AWAY, 1);
		break;
	case IMPOSTOR:
		func_hear(team, NULL, BEGUN, 1);
		func_claim_wait(team, &node);
		func_say(team, WAITING, 1);
		func_claim_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		return;
	default:
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, &out));
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
		func_claim_wait(team, &node);
		func_say(team, WAITING, 1);
		func_claim_refused(&node);
		func_say(team, TURNED_AWAY, 1);
		return;
	}
	func_claim_open(team, rank, &node);
	peer = func_claim_know(team, rank == US ? FRIEND : US, &node);
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

/*
 * A peer that speaks version 1 of the protocol connects to us while we connect to it, and
 * refuses us as that version does: its own connection goes on.  It is accepted, so that the
 * hello can say that the versions differ; our message fails.
 */
static void older(struct func_team *team, int rank)
{
	static const uint8_t crossing[] = {'O', 'F', 'S', 'W', 1};
	struct func_req out = {.done = 0};
	struct func_event request, event;
	struct func_node node, caller;
	struct func_addr addr;
	static char buf[9];

	if (rank == FRIEND) {
		func_claim_listen(team, &node, &addr);
		FUNC_EVENT(&node, &request, FI_CONNREQ);
		func_claim_begin(team, &caller, func_claim_port(&addr), 1, ATTEMPT, NO_NONCE);
		/* refused at once, and behind the other */
		func_claim(team, func_claim_port(func_addr_of(team, US, NULL)), 1);
		FUNC_OK(fi_reject(node.pep, request.info->handle, crossing, sizeof(crossing)));
		fi_freeinfo(request.info);
		FUNC_EVENT(&caller, &event, FI_CONNECTED);
		func_say(team, TURNED_AWAY, 1);
		func_close(&caller);
	} else {
		func_claim_open(team, US, &node);
		FUNC_POST(&node, fi_tsend(node.ep, buf, sizeof(buf), NULL,
					  func_claim_know(team, FRIEND, &node), 1, &out));
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
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
