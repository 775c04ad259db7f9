/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peer fuzz target: parses the packets that the victim sends, as a peer would, and ends the
 * process when one of them breaks the protocol.
 */
#include "fuzz/peer_scene.h"

static struct peer *find_peer(struct scene *scene, const struct link_end *end)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (scene->peer[i].end == end)
			return &scene->peer[i];
	link_die(scene->link, "a packet for nobody");
}

/* The first packet of the victim holds a hello, or a refusal. */
static void hear_hello(struct scene *scene, struct peer *peer, const struct wire_header *header,
		       const uint8_t *p, size_t len)
{
	struct wire_record record;
	struct wire_hello hello;

	if (header->record_cnt != 1 || wire_get_record(p, len, &record) != (long)len ||
	    len + WIRE_HEADER_LEN > WIRE_HELLO_MAX)
		link_die(scene->link, "a first packet that is no hello");
	if (record.type == WIRE_REFUSE)
		return;
	if (record.type != WIRE_HELLO || wire_get_hello(&record, &hello))
		link_die(scene->link, "a first packet that is no hello");
	peer->hello_came = true;
	peer->limit = peer->seq + hello.window;
}

static void hear_start(struct scene *scene, struct peer *peer, const struct wire_record *record)
{
	if (record->way == SESS_COPY && !(record->flags & WIRE_HELD)) {
		peer->eager_sent += record->total;
		if (peer->eager_sent - peer->eager_released > peer->eager_budget)
			link_die(scene->link, "more eager bytes than the budget");
	}
	peer->theirs[peer->their_cnt++ % TRANSFERS] = (struct transfer){
		.id = record->id,
		.rest = record->total - record->len,
	};
}

static void hear_go(struct peer *peer, const struct wire_record *record)
{
	for (unsigned i = 0; i < TRANSFERS; i++) {
		if (peer->ours[i].id != record->id)
			continue;
		peer->ours[i].rest = record->total;
		peer->ours[i].sent = 0;
	}
}

/* Reads the records of one packet.  Returns the credits that the packet's class must leave
 * unused. */
static int32_t hear_records(struct scene *scene, struct peer *peer, unsigned cnt, const uint8_t *p,
			    size_t len)
{
	struct wire_record record;
	int32_t unused = cnt ? 1 : 0;
	long used;

	for (; cnt; cnt--, p += used, len -= (size_t)used) {
		bool aborts;

		used = wire_get_record(p, len, &record);
		if (used < 0)
			link_die(scene->link, "a malformed record");
		aborts = record.type == WIRE_BYE && record.flags & WIRE_ABORT;
		if (peer->bye_came && !aborts)
			link_die(scene->link, "a record behind BYE");
		peer->bye_came |= record.type == WIRE_BYE;
		if (record.type == WIRE_START)
			hear_start(scene, peer, &record);
		else if (record.type == WIRE_INLINE && record.flags & WIRE_ACK)
			peer->theirs[peer->their_cnt++ % TRANSFERS].id = record.id;
		else if (record.type == WIRE_GO)
			hear_go(peer, &record);
		if (record.type == WIRE_INLINE || record.type == WIRE_START ||
		    record.type == WIRE_SEGMENT)
			unused = 2;
		else if (aborts)
			unused = 0;
	}
	if (len)
		link_die(scene->link, "bytes behind the last record");
	return unused;
}

void heard(struct link_end *end, const uint8_t *packet, size_t len)
{
	struct scene *scene = end->node->link->tap_arg;
	struct peer *peer = find_peer(scene, end);
	struct wire_header header;
	int32_t unused;

	if (wire_get_header(packet, len, &header) || header.session_id != peer->own.session_id ||
	    header.cookie != peer->own.cookie)
		link_die(scene->link, "a packet for another session");
	if (!peer->hello_came) {
		hear_hello(scene, peer, &header, packet + WIRE_HEADER_LEN, len - WIRE_HEADER_LEN);
		return;
	}
	unused = hear_records(scene, peer, header.record_cnt, packet + WIRE_HEADER_LEN,
			      len - WIRE_HEADER_LEN);
	if (header.seq != peer->heard)
		link_die(scene->link, "packet %u instead of %u", header.seq, peer->heard);
	if ((int32_t)(peer->given - header.seq) <= unused)
		link_die(scene->link, "packet %u leaves no %d credits below %u", header.seq, unused,
			 peer->given);
	if (len > peer->packet_max)
		link_die(scene->link, "a packet of %zu bytes", len);
	if ((int32_t)(header.ack - peer->seq) > 0 || !header.window ||
	    (int32_t)(header.ack + header.window - peer->limit) < 0)
		link_die(scene->link, "credits that do not add up");
	peer->limit = header.ack + header.window;
	peer->heard++;
}
