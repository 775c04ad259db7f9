/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What travels in the data of connections: our preamble, then the bytes of the application; and
 * in refusals, why.
 */
#ifndef SWITCH_DATA_H
#define SWITCH_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "switch_session.h"

/* Bytes that travel with a connection if the core takes core_size of them, our preamble
 * included. */
size_t switch_data_size(size_t core_size);
/* Our preamble for this session, then the application's bytes, in buf.  port: of this
 * side's name, or 0.  Returns the length, or -FI_EINVAL: more than size. */
ssize_t switch_data_write(const struct sess *sess, uint16_t port, const void *data, size_t len,
			  uint8_t *buf, size_t size);

/* Why a peer is refused. */
enum switch_refusal {
	SWITCH_REFUSAL_NONE,	 /* no reason is given, or none that we know */
	SWITCH_REFUSAL_CROSSING, /* our own connection to the peer goes on, so it must not give
				  * up; says which request that is */
	SWITCH_REFUSAL_CLOSING,
	SWITCH_REFUSAL_AGAIN, /* there is a session with a peer of this name: try again, for it
			       * may be over */
};

enum { SWITCH_REFUSAL_MAX = 5 + SESS_PREAMBLE_LEN }; /* bytes of their data */

/* The data of a refusal for this reason; ours: of CROSSING, the session that connects.
 * Returns the length. */
size_t switch_refusal_write(enum switch_refusal why, const struct sess *ours,
			    uint8_t buf[SWITCH_REFUSAL_MAX]);
/* What the data of a refusal say; winner: of CROSSING, the peer's request. */
enum switch_refusal switch_refusal_read(const void *data, size_t len, struct sess_request *winner);
/* Warns that a request without a preamble was refused; once for each endpoint, because
 * anybody can send many. */
void switch_refusal_warn(bool *warned);

#endif
