/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Claims: requests in the name of a peer that this endpoint connects to itself.
 */
#ifndef SWITCH_CLAIM_H
#define SWITCH_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "peer/data.h"
#include "switch_session.h"

struct core_event;
struct core_request;
struct switch_conn;
struct switch_pump;

/* Handles a request in the name of a peer that conn connects to: adopts it if the peer has
 * said that it is its own, keeps it until the peer has answered, or refuses it.  Takes it out
 * of the event. */
void switch_claim_make(struct switch_conn *conn, struct core_event *event,
		       const struct sess_request *request);
/* The peer has refused conn because its own connection goes on, whose request has this proof:
 * that is adopted, now or when it comes, and no other. */
void switch_claim_yield(struct switch_conn *conn, const struct switch_proof *winner);
/* Refuses the request that waits for the peer's answer, if there is one. */
void switch_claim_drop(struct switch_conn *conn);
/* Refuses a request for this reason; ours: of CROSSING, the nonce
 * of our own request, which goes on. */
void switch_claim_reject(struct switch_pump *pump, struct core_request *request,
			 enum switch_refusal why, const struct switch_nonce *ours);

#endif
