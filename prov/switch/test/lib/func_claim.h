/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: claims of a peer's name, which a raw endpoint of the core makes in its
 * connection request, and the honest pair that it makes them to.  It needs the provider's
 * private headers, so func_common.h does not include it.
 */
#ifndef FUNC_CLAIM_H
#define FUNC_CLAIM_H

#include "lib/func_meet.h"
#include "lib/func_node.h"
#include "peer/data.h"

enum { US, FRIEND, IMPOSTOR };		       /* ranks of a team */
enum { ATTEMPT = 1000 };		       /* of a claim that does not say another */
enum { GUESS = 0, SECRET = 7, NO_NONCE = -1 }; /* the byte that a nonce is made of */

uint16_t func_claim_port(const struct func_addr *addr);
struct switch_nonce func_claim_nonce(int byte);

/* Connects to us and claims to be the endpoint with this port. */
void func_claim_begin(struct func_team *team, struct func_node *node, uint16_t port,
		      uint64_t instance, uint32_t attempt, int byte);
/* Waits for the refusal and closes the node. */
void func_claim_refused(struct func_node *node);
/* Begins a claim with a nonce that is a guess, and waits for the refusal. */
void func_claim(struct func_team *team, uint16_t port, uint64_t instance);
/* Begins to claim the name of the friend, to whom we are connecting.  Returns once we have that
 * request, which waits for the friend's answer. */
void func_claim_wait(struct func_team *team, struct func_node *node);

/* Listens as the friend, with a passive endpoint of the core, and publishes its address. */
void func_claim_listen(struct func_team *team, struct func_node *node, struct func_addr *addr);
/* Opens an endpoint of the provider and publishes its address. */
void func_claim_open(struct func_team *team, int rank, struct func_node *node);
/* Inserts the address of that rank. */
fi_addr_t func_claim_know(struct func_team *team, int rank, struct func_node *node);

#endif
