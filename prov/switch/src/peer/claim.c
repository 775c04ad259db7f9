/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Claims: decides whether a request in a peer's name comes from that peer, while this
 * endpoint connects to it.  Called by peer/rdm.c.  The domain's lock is held.
 *
 * The core vouches for a peer's IP address, but only the peer itself for its port, so any
 * process that can connect from that address can claim any name there.  Where this endpoint
 * connects to a name, the process that listens there is the peer: a request in its name waits,
 * and is adopted only if the peer says over our own connection, with its refusal, that this
 * request is its own.  The peer cannot tell whether the request that it refuses is ours, so
 * its refusal has only a proof (struct switch_proof), which helps no impostor.
 */
#include <stdint.h>

#include "core/core.h"
#include "peer/claim.h"
#include "peer/conn.h"
#include "peer/data.h"
#include "peer/local.h"
#include "progress/core.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

void switch_claim_reject(struct switch_pump *pump, struct core_request *request,
			 enum switch_refusal why, const struct switch_nonce *ours)
{
	uint8_t data[SWITCH_REFUSAL_MAX];
	const size_t len = switch_refusal_write(why, ours, data);

	pump->core.ops->reject(request, len ? data : NULL, len);
}

/* Our attempt gives way to the peer's. */
static void adopt(struct switch_conn *conn, struct core_request *core_request,
		  const struct sess_request *request)
{
	int ret;

	switch_link_drop_path(&conn->link);
	sess_adopt(conn->link.sess, request);
	ret = switch_conn_accept_path(conn, core_request, NULL, 0);
	if (ret)
		sess_path_down(sess_link(conn->link.sess), -ret);
}

void switch_claim_drop(struct switch_conn *conn)
{
	if (conn->claim)
		switch_claim_reject(conn->local->pump, conn->claim, SWITCH_REFUSAL_AGAIN, NULL);
	conn->claim = NULL;
}

static bool is_winner(const struct switch_conn *conn, const struct switch_proof *proof)
{
	return conn->yields && switch_proof_equal(proof, &conn->winner);
}

void switch_claim_make(struct switch_conn *conn, struct core_event *event,
		       const struct sess_request *request)
{
	struct core_request *core_request = event->request;
	struct switch_proof proof;
	/* version 1 of the protocol had none */
	const bool has_proof = switch_proof_read(event->data, event->len, &proof);

	event->request = NULL;
	if (has_proof && is_winner(conn, &proof)) {
		adopt(conn, core_request, request);
	} else if (conn->yields || conn->claim) {
		switch_claim_reject(conn->local->pump, core_request, SWITCH_REFUSAL_AGAIN, NULL);
	} else {
		conn->claim = core_request;
		conn->claimant = *request;
		conn->claim_has_proof = has_proof;
		if (has_proof)
			conn->claim_proof = proof;
	}
}

void switch_claim_yield(struct switch_conn *conn, const struct switch_proof *winner)
{
	struct core_request *request = conn->claim;

	conn->yields = true;
	conn->winner = *winner;
	if (request && conn->claim_has_proof && is_winner(conn, &conn->claim_proof)) {
		conn->claim = NULL;
		adopt(conn, request, &conn->claimant);
	} else {
		switch_claim_drop(conn);
		sess_retry(conn->link.sess); /* asks again: the peer may be gone before it comes */
	}
}
