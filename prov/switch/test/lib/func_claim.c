/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Claims of a peer's name, made with the provider's own encoders.  Called by the functional
 * tests of impostors; the nodes belong to them.
 */
#include <arpa/inet.h>
#include <string.h>

#include "lib/func_claim.h"
#include "lib/func_common.h"
#include "session/wire.h"

uint16_t func_claim_port(const struct func_addr *addr)
{
	struct sockaddr_in in;

	memcpy(&in, addr->bytes, sizeof(in));
	return ntohs(in.sin_port);
}

struct switch_nonce func_claim_nonce(int byte)
{
	struct switch_nonce nonce;

	memset(&nonce, byte, sizeof(nonce));
	return nonce;
}

void func_claim_begin(struct func_team *team, struct func_node *node, uint16_t port,
		      uint64_t instance, uint32_t attempt, int byte)
{
	const struct switch_nonce nonce = func_claim_nonce(byte);
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

void func_claim_refused(struct func_node *node)
{
	struct func_event event;

	func_event(node, &event);
	FUNC_EQ(event.err, FI_ECONNREFUSED);
	func_close(node);
}

void func_claim(struct func_team *team, uint16_t port, uint64_t instance)
{
	struct func_node node;

	func_claim_begin(team, &node, port, instance, ATTEMPT, GUESS);
	func_claim_refused(&node);
}

void func_claim_wait(struct func_team *team, struct func_node *node)
{
	func_claim_begin(team, node, func_claim_port(func_addr_of(team, FRIEND, NULL)), 1, ATTEMPT,
			 GUESS);
	/* refused at once, and behind the other */
	func_claim(team, func_claim_port(func_addr_of(team, US, NULL)), 1);
}

void func_claim_listen(struct func_team *team, struct func_node *node, struct func_addr *addr)
{
	const struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG, .prov = func_core()};

	func_listen(node, &conf);
	func_name(&node->pep->fid, addr);
	func_publish(team, FRIEND, addr);
}

void func_claim_open(struct func_team *team, int rank, struct func_node *node)
{
	const struct func_conf conf = {.caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV};
	struct func_addr addr;

	func_open(node, &conf);
	func_name(&node->ep->fid, &addr);
	func_publish(team, rank, &addr);
}

fi_addr_t func_claim_know(struct func_team *team, int rank, struct func_node *node)
{
	fi_addr_t peer;

	FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, rank, node)->bytes, 1, &peer, 0, NULL),
		1);
	return peer;
}
