/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connection data: refusals with their reasons, and proofs of nonces.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "base/siphash.h"
#include "peer/data.h"

/* The vectors of the paper's reference: key 0, 1, ..., 15, message 0, 1, ... */
Test(refusal, siphash)
{
	static const struct {
		size_t len;
		uint8_t hash[SWITCH_SIPHASH_LEN];
	} vectors[] = {
		{0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
		{1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
		{8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
		{15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
	};
	uint8_t key[SWITCH_SIPHASH_KEY_LEN], message[16], hash[SWITCH_SIPHASH_LEN];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		switch_siphash(key, message, vectors[i].len, hash);
		cr_expect_arr_eq(hash, vectors[i].hash, sizeof(hash), "%zu bytes", vectors[i].len);
	}
}

static const struct switch_nonce nonce = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

/* Version 1 of the protocol ended every refusal behind the reason. */
enum { VERSION_1_LEN = 5 };

Test(refusal, every_reason_is_read_as_it_was_written)
{
	uint8_t data[SWITCH_REFUSAL_MAX];
	struct switch_proof proof, winner;
	size_t len;

	for (enum switch_refusal why = SWITCH_REFUSAL_NONE; why <= SWITCH_REFUSAL_AGAIN; why++) {
		len = switch_refusal_write(why, &nonce, data);
		cr_expect_eq(switch_refusal_read(data, len, &winner), why);
		for (size_t cut = 0; why && cut < len; cut++)
			cr_expect_eq(switch_refusal_read(data, cut, &winner),
				     cut == VERSION_1_LEN ? SWITCH_REFUSAL_VERSION
							  : SWITCH_REFUSAL_NONE,
				     "reason %u, %zu of %zu bytes", why, cut, len);
	}
	len = switch_refusal_write(SWITCH_REFUSAL_CROSSING, &nonce, data);
	switch_refusal_read(data, len, &winner);
	switch_proof_make(&nonce, &proof);
	cr_expect(switch_proof_equal(&proof, &winner));
}

Test(refusal, a_proof_is_that_of_one_nonce)
{
	uint8_t data[SESS_PREAMBLE_LEN + sizeof(nonce)] = {0};
	struct switch_proof proof, read;

	switch_proof_make(&nonce, &proof);
	memcpy(data + SESS_PREAMBLE_LEN, &nonce, sizeof(nonce));
	cr_assert(switch_proof_read(data, sizeof(data), &read));
	cr_expect(switch_proof_equal(&proof, &read));
	cr_expect_not(switch_proof_read(data, sizeof(data) - 1, &read), "no whole nonce");
	for (size_t i = SESS_PREAMBLE_LEN; i < sizeof(data); i++) {
		data[i] ^= 1;
		switch_proof_read(data, sizeof(data), &read);
		cr_expect_not(switch_proof_equal(&proof, &read), "byte %zu", i);
		data[i] ^= 1;
	}
}
