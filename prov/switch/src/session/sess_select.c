/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which way a message takes: a table by size, made once when the session
 * comes up, from both sides' capabilities and the configuration.
 */
#include "sess_internal.h"

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

/* The forced way if both sides can, else the first that they can. */
static const struct sess_way_ops *best(const struct sess *sess, enum sess_way wanted)
{
	const struct sess_way_ops *ops = select_ops(wanted);

	if (ops && ops->usable(sess))
		return ops;
	for (unsigned i = 0; i < WAY_CNT; i++)
		if (ways[i]->usable(sess))
			return ways[i];
	return &sess_copy_ops;
}

void select_build(struct sess *sess)
{
	const struct sess_config *config = &sess->engine->config;
	struct sess_choice *choice = sess->choice;
	uint64_t inline_max = select_inline_max(sess->packet_max);

	*choice++ = (struct sess_choice){.up_to = inline_max};
	if (config->transfer != SESS_AUTO) {
		*choice = (struct sess_choice){UINT64_MAX, best(sess, config->transfer)};
		return;
	}
	if (config->rndv_threshold > inline_max + 1)
		*choice++ = (struct sess_choice){config->rndv_threshold - 1, &sess_copy_ops};
	*choice = (struct sess_choice){UINT64_MAX, best(sess, SESS_AUTO)};
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
