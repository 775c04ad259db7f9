/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which way a message takes: a table by size, made once when the link
 * opens, from both sides' capabilities and the configuration.  The sender
 * decides alone, and START says how: the receiver checks that it can, not that
 * it would have done the same.
 */
#include "session/internal.h"

/* In order of preference for large messages. */
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

/* Bytes of a packet that are left behind the longest head of an inline record. */
size_t select_inline_max(uint32_t packet_max)
{
	return packet_max - WIRE_HEADER_LEN - wire_inline_len(WIRE_TAGGED | WIRE_DATA | WIRE_ACK);
}

/* The first way that both sides can use and that is worth its while for a
 * message of this length. */
static const struct sess_way_ops *best(const struct sess_link *link, uint64_t len)
{
	const uint64_t *threshold = link->core->config.threshold;

	for (unsigned i = 0; i < WAY_CNT; i++)
		if (len >= threshold[ways[i]->way] && ways[i]->usable(link))
			return ways[i];
	return &sess_copy_ops;
}

/* The least threshold above this length; UINT64_MAX: none. */
static uint64_t next_threshold(const struct sess_core_config *config, uint64_t len)
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
static const struct sess_way_ops *forced(const struct sess_link *link, enum sess_way wanted)
{
	const struct sess_way_ops *ops = select_ops(wanted);

	return ops && ops->usable(link) ? ops : best(link, UINT64_MAX);
}

void select_build(struct sess_link *link)
{
	const enum sess_way transfer = link->sess->engine->config.transfer;
	struct sess_choice *choice = link->choice;
	uint64_t len = select_inline_max(link->packet_max), next;

	/* inline, and one choice behind it and behind each threshold; copy has none */
	_Static_assert(sizeof(link->choice) / sizeof(link->choice[0]) == 1 + WAY_CNT,
		       "a choice for every threshold");
	*choice++ = (struct sess_choice){.up_to = len++};
	if (transfer != SESS_AUTO) {
		*choice = (struct sess_choice){UINT64_MAX, forced(link, transfer)};
		return;
	}
	while ((next = next_threshold(&link->core->config, len)) != UINT64_MAX) {
		*choice++ = (struct sess_choice){next - 1, best(link, len)};
		len = next;
	}
	*choice = (struct sess_choice){UINT64_MAX, best(link, len)};
}

bool select_heeds_full(const struct sess_link *link, uint64_t len)
{
	return len <= link->choice[0].up_to;
}

/* A peer that is out of storage gets nothing but announcements. */
const struct sess_way_ops *select_way(const struct sess_link *link, uint64_t len)
{
	const struct sess_choice *choice = link->choice;

	while (len > choice->up_to)
		choice++;
	if (!choice->ops && link->sess->peer_full)
		return &sess_copy_ops;
	return choice->ops;
}
