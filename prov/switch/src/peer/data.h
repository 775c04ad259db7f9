/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection data: our preamble, then the bytes of the application, or the nonce of an RDM
 * endpoint; and the data of refusals, which give the reason.
 */
#ifndef SWITCH_DATA_H
#define SWITCH_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/siphash.h"
#include "switch_session.h"

/* Bytes that travel with a connection if the core takes core_size of them, our preamble
 * included. */
size_t switch_data_size(size_t core_size);
/* Our preamble for this session, then the application's bytes, in buf.  port: of this
 * side's name, or 0.  Returns the length, or -FI_EINVAL: more than size. */
ssize_t switch_data_write(const struct sess *sess, uint16_t port, const void *data, size_t len,
			  uint8_t *buf, size_t size);

/*
 * The request of an RDM endpoint has a nonce behind the preamble.  The proof of that nonce
 * shows which request is meant.  Whoever is told the proof can neither make a request that
 * looks like this one, nor send packets for its session: the nonce and the cookie have gone
 * only to the receiver of the request.
 */
struct switch_nonce {
	uint8_t bytes[SWITCH_SIPHASH_KEY_LEN];
};
struct switch_proof {
	uint8_t bytes[SWITCH_SIPHASH_LEN];
};

void switch_proof_make(const struct switch_nonce *nonce, struct switch_proof *proof);
/* Makes the proof of the request with these data.  False: it has no nonce. */
bool switch_proof_read(const void *data, size_t len, struct switch_proof *proof);
bool switch_proof_equal(const struct switch_proof *a, const struct switch_proof *b);

/* Why a peer is refused. */
enum switch_refusal {
	SWITCH_REFUSAL_NONE,	 /* no reason is given, or none that we know */
	SWITCH_REFUSAL_CROSSING, /* our own connection to the peer goes on, so it must not give
				  * up; has the proof of our request */
	SWITCH_REFUSAL_CLOSING,
	SWITCH_REFUSAL_AGAIN, /* there is a session with a peer of this name: try again, for it
			       * may be over */
	/* read only: CROSSING that does not say which request goes on, as version 1 of the
	 * protocol had it */
	SWITCH_REFUSAL_VERSION,
};

enum { SWITCH_REFUSAL_MAX = 5 + SWITCH_SIPHASH_LEN }; /* bytes of the data of a refusal */

/* Writes the data of a refusal for this reason; ours: with CROSSING, the nonce of our
 * request.  Returns the length. */
size_t switch_refusal_write(enum switch_refusal why, const struct switch_nonce *ours,
			    uint8_t buf[SWITCH_REFUSAL_MAX]);
/* Reads the data of a refusal; winner: with CROSSING, the proof of the peer's request. */
enum switch_refusal switch_refusal_read(const void *data, size_t len, struct switch_proof *winner);
/* Warns that a request without a preamble was refused; once for each endpoint, because
 * anybody can send many. */
void switch_refusal_warn(bool *warned);

#endif
