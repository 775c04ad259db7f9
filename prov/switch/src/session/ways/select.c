/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which way a message takes: a table by size, made once when the session
 * comes up, from both sides' capabilities and the configuration.  The sender
 * decides alone, and START says how: the receiver checks that it can, not that
 * it would have done the same.
 */
#include "session/internal.h"

/* In order of preference for what is large. */
static const struct sess_way_ops *const ways[] = {
	&sess_read_ops,
	&sess_write_ops,
	&sess_copy_ops,
};

#define WAY_CNT (sizeof(ways) / sizeof(ways[0]))

const struct sess_way_ops *select_ops(enum sess_way way)
{
	for (unsigned i = 0; i < WAY_CNT; i++)
		if (ways[i]->way == way)
			return ways[i];
	return NULL;
}

/* What is left of a packet behind the longest head of an inline record. */
size_t select_inline_max(uint32_t packet_max)
{
	return packet_max - WIRE_HEADER_LEN - wire_inline_len(WIRE_TAGGED | WIRE_DATA | WIRE_ACK);
}

/* The first way that both sides can use and that is worth its while for a
 * message of this length. */
static const struct sess_way_ops *best(const struct sess *sess, uint64_t len)
{
	const uint64_t *threshold = sess->engine->config.threshold;

	for (unsigned i = 0; i < WAY_CNT; i++)
		if (len >= threshold[ways[i]->way] && ways[i]->usable(sess))
			return ways[i];
	return &sess_copy_ops;
}

/* The least threshold above this length; UINT64_MAX: none. */
static uint64_t next_threshold(const struct sess_config *config, uint64_t len)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < WAY_CNT; i++) {
		uint64_t threshold = config->threshold[ways[i]->way];

		if (threshold > len && threshold < next)
			next = threshold;
	}
	return next;
}

/* The forced way if both sides can, else the first that they can. */
static const struct sess_way_ops *forced(const struct sess *sess, enum sess_way wanted)
{
	const struct sess_way_ops *ops = select_ops(wanted);

	return ops && ops->usable(sess) ? ops : best(sess, UINT64_MAX);
}

void select_build(struct sess *sess)
{
	const struct sess_config *config = &sess->engine->config;
	struct sess_choice *choice = sess->choice;
	uint64_t len = select_inline_max(sess->packet_max), next;

	/* inline, and one choice behind it and behind each threshold; copy has none */
	_Static_assert(sizeof(sess->choice) / sizeof(sess->choice[0]) == 1 + WAY_CNT,
		       "a choice for every threshold");
	*choice++ = (struct sess_choice){.up_to = len++};
	if (config->transfer != SESS_AUTO) {
		*choice = (struct sess_choice){UINT64_MAX, forced(sess, config->transfer)};
		return;
	}
	while ((next = next_threshold(config, len)) != UINT64_MAX) {
		*choice++ = (struct sess_choice){next - 1, best(sess, len)};
		len = next;
	}
	*choice = (struct sess_choice){UINT64_MAX, best(sess, len)};
}

/* A peer that is out of storage gets nothing but announcements. */
const struct sess_way_ops *select_way(const struct sess *sess, uint64_t len)
{
	const struct sess_choice *choice = sess->choice;

	while (len > choice->up_to)
		choice++;
	if (!choice->ops && sess->peer_full)
		return &sess_copy_ops;
	return choice->ops;
}
