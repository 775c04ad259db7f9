/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection data: written and parsed.  Called by the roles of endpoints.  Keeps nothing.
 */
#include <string.h>

#include <rdma/fi_errno.h>

#include "base/siphash.h"
#include "base/switch.h"
#include "peer/data.h"
#include "switch_session.h"

size_t switch_data_size(size_t core_size)
{
	return core_size < SWITCH_CM_DATA_MAX ? core_size : SWITCH_CM_DATA_MAX;
}

ssize_t switch_data_write(const struct sess *sess, uint16_t port, const void *data, size_t len,
			  uint8_t *buf, size_t size)
{
	if (len > size - SESS_PREAMBLE_LEN)
		return -FI_EINVAL;
	sess_preamble(sess_link(sess), port, buf);
	if (len)
		memcpy(buf + SESS_PREAMBLE_LEN, data, len);
	return (ssize_t)(SESS_PREAMBLE_LEN + len);
}

void switch_proof_make(const struct switch_nonce *nonce, struct switch_proof *proof)
{
	switch_siphash(nonce->bytes, NULL, 0, proof->bytes);
}

bool switch_proof_read(const void *data, size_t len, struct switch_proof *proof)
{
	struct switch_nonce nonce;

	if (len < SESS_PREAMBLE_LEN + sizeof(nonce))
		return false;
	memcpy(&nonce, (const uint8_t *)data + SESS_PREAMBLE_LEN, sizeof(nonce));
	switch_proof_make(&nonce, proof);
	return true;
}

bool switch_proof_equal(const struct switch_proof *a, const struct switch_proof *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static const uint8_t magic[] = {'O', 'F', 'S', 'W'}; /* then the reason */

size_t switch_refusal_write(enum switch_refusal why, const struct switch_nonce *ours,
			    uint8_t buf[SWITCH_REFUSAL_MAX])
{
	struct switch_proof proof;

	if (why == SWITCH_REFUSAL_NONE)
		return 0;
	memcpy(buf, magic, sizeof(magic));
	buf[sizeof(magic)] = (uint8_t)why;
	if (why != SWITCH_REFUSAL_CROSSING)
		return sizeof(magic) + 1;
	switch_proof_make(ours, &proof);
	memcpy(buf + sizeof(magic) + 1, &proof, sizeof(proof));
	return SWITCH_REFUSAL_MAX;
}

enum switch_refusal switch_refusal_read(const void *data, size_t len, struct switch_proof *winner)
{
	const uint8_t *bytes = data;
	const size_t head = sizeof(magic) + 1;

	if (len < head || memcmp(bytes, magic, sizeof(magic)))
		return SWITCH_REFUSAL_NONE;
	switch (bytes[sizeof(magic)]) {
	case SWITCH_REFUSAL_CROSSING:
		if (len == head)
			return SWITCH_REFUSAL_VERSION;
		if (len - head < sizeof(*winner))
			return SWITCH_REFUSAL_NONE;
		memcpy(winner, bytes + head, sizeof(*winner));
		return SWITCH_REFUSAL_CROSSING;
	case SWITCH_REFUSAL_CLOSING:
		return SWITCH_REFUSAL_CLOSING;
	case SWITCH_REFUSAL_AGAIN:
		return SWITCH_REFUSAL_AGAIN;
	default:
		return SWITCH_REFUSAL_NONE;
	}
}

void switch_refusal_warn(bool *warned)
{
	if (!*warned)
		SW_WARN(EP_CTRL, "refused a peer that is no switch, or over another kind "
				 "of core: its request has no preamble\n");
	*warned = true;
}
