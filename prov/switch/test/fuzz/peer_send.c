/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peer fuzz target: builds the packets of the hostile peer.  They keep to the protocol unless
 * the input names a rule to break.
 */
#include <string.h>

#include "fuzz/peer_scene.h"

static size_t put_hello(struct scene *scene, struct peer *peer, bool odd, uint8_t *p)
{
	struct input *in = &scene->in;
	struct wire_hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.byte_order = WIRE_BYTE_ORDER,
		.window = WINDOW,
		.rma_iov_limit = WIRE_DESC_MAX,
		.key_len = KEY_LEN,
		.caps = WIRE_CAN_READ | WIRE_CAN_WRITE | WIRE_READ_TARGET | WIRE_WRITE_TARGET,
		.buffer_size = PACKET_MAX,
		.attempt = peer->own.attempt,
		.peer_attempt = peer->victim.attempt,
		.instance = peer->own.instance,
		.next_seq = peer->seq,
		.exts = 1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET,
		.eager_budget = 5000,
		.rma_max = SIZE_MAX,
	};
	uint8_t wrong;

	if (odd) {
		wrong = next8(in);
		hello.version_min += wrong == 1;
		hello.version_max -= wrong == 2;
		hello.byte_order += wrong == 3;
		hello.peer_attempt += wrong == 4;
		hello.instance += wrong == 5;
		hello.window = next8(in);
		if (hello.window == UINT8_MAX)
			hello.window = SESS_CREDITS_MAX;
		hello.buffer_size = (uint32_t)next64(in);
		hello.caps = next8(in);
		hello.eager_budget = next64(in);
		hello.rma_max = next64(in);
		hello.rma_iov_limit = wrong >> 4;
		hello.key_len = next8(in) % (SESS_KEY_MAX + 2);
		hello.name_len = next8(in) % (SESS_NAME_MAX + 1);
		if (wrong & 8)
			hello.exts = next8(in);
	}
	if (!peer->greeted) {
		peer->greeted = true;
		peer->given = peer->heard + hello.window;
		peer->eager_budget = hello.eager_budget;
		peer->packet_max = scene->victim->config.core.buffer_size;
		if (hello.buffer_size < peer->packet_max)
			peer->packet_max = hello.buffer_size;
	}
	return wire_put_hello(p, &hello);
}

void send_hello(struct scene *scene, struct peer *peer, bool odd)
{
	const struct wire_header header = {
		.session_id = peer->victim.session_id,
		.cookie = peer->victim.cookie,
		.seq = peer->seq - 1,
		.record_cnt = 1,
	};
	uint8_t packet[WIRE_HELLO_MAX];
	size_t len = wire_put_header(packet, &header);

	len += put_hello(scene, peer, odd, packet + len);
	fuzz_deliver(scene->victim->engine, packet, len);
}

static size_t put_inline(struct scene *scene, uint8_t *p, size_t room)
{
	uint8_t bits = next8(&scene->in);
	uint8_t flags = bits & (WIRE_TAGGED | WIRE_DATA | WIRE_ACK);
	size_t head = wire_inline_len(flags), len = next64(&scene->in);

	if (head >= room)
		return 0;
	len %= room - head;
	wire_put_inline(p, flags, (uint16_t)len, bits >> 4 & 3, 5, scene->next_id++);
	return head + len;
}

/* Fills descriptors for the rest of a transfer, in one or two pieces.  Returns their number. */
static unsigned split(struct wire_desc *desc, uint64_t rest, bool twice)
{
	memset(desc, 0, 2 * sizeof(*desc));
	desc[0].len = rest;
	if (!twice || rest < 2)
		return 1;
	desc[1].len = rest / 2;
	desc[0].len -= rest / 2;
	return 2;
}

static size_t put_start(struct scene *scene, struct peer *peer, uint8_t *p, size_t room, bool odd)
{
	struct input *in = &scene->in;
	uint8_t bits = next8(in), flags = bits & (WIRE_TAGGED | WIRE_DATA | WIRE_ACK);
	enum sess_way way = (enum sess_way)(1 + (bits >> 6) % 3);
	struct wire_desc desc[WIRE_DESC_MAX];
	uint64_t total = next64(in), initial = next64(in);
	unsigned cnt = 0;
	size_t head = wire_start_len(flags, way == SESS_READ ? 2 : 0, KEY_LEN);
	struct transfer *transfer = &peer->ours[peer->our_cnt++ % TRANSFERS];

	if (head >= room)
		return 0;
	initial %= room - head;
	if (initial > total)
		initial = total;
	if (way == SESS_COPY && bits & WIRE_HELD)
		flags |= WIRE_HELD;
	else if (way != SESS_COPY && total == initial && !odd)
		total++;
	*transfer = (struct transfer){.id = scene->next_id++, .rest = total - initial};
	if (way == SESS_READ)
		cnt = split(desc, transfer->rest, bits & 32);
	if (odd) {
		cnt = next8(in) % 3;
		next_descs(in, desc, cnt);
		transfer->id = peer->ours[next8(in) % TRANSFERS].id;
	}
	head = wire_put_start(p, flags, (uint16_t)initial, transfer->id, total, bits >> 4 & 3, 6,
			      way, desc, cnt, KEY_LEN);
	return head + initial > room ? 0 : head + initial;
}

static size_t put_segment(struct scene *scene, struct transfer *transfer, uint8_t *p, size_t room,
			  bool odd)
{
	uint64_t len = next64(&scene->in), left = transfer->rest - transfer->sent;

	if (room < WIRE_SEGMENT_LEN + 2)
		return 0;
	len = 1 + len % (room - WIRE_SEGMENT_LEN - 1);
	if (len > left && left)
		len = left;
	wire_put_segment(p, (uint16_t)len, transfer->id, transfer->sent + odd);
	transfer->sent += len;
	return WIRE_SEGMENT_LEN + len;
}

static size_t put_sink(struct scene *scene, const struct transfer *transfer, uint8_t *p,
		       size_t room, bool odd)
{
	struct wire_desc desc[WIRE_DESC_MAX];
	uint8_t bits = next8(&scene->in);
	uint64_t len = bits & 4 ? next64(&scene->in) : transfer->rest;
	unsigned cnt = split(desc, len < transfer->rest ? len : transfer->rest, bits & 8);

	if (odd) {
		cnt = bits & 3;
		next_descs(&scene->in, desc, cnt);
	}
	if (WIRE_SINK_LEN + WIRE_DESC_MAX * (size_t)(WIRE_DESC_LEN + KEY_LEN) > room)
		return 0;
	return wire_put_sink(p, transfer->id, desc, cnt, KEY_LEN);
}

static size_t put_budget(struct scene *scene, struct peer *peer, uint8_t *p, bool odd)
{
	uint64_t released = odd ? next64(&scene->in) : peer->eager_sent;

	if (released > peer->eager_released && released <= peer->eager_sent)
		peer->eager_released = released;
	return wire_put_budget(p, released);
}

/* Puts one record.  Returns its length in bytes; 0: there is no room for it. */
static size_t put_record(struct scene *scene, struct peer *peer, uint8_t *p, size_t room)
{
	struct input *in = &scene->in;
	uint8_t what = next8(in);
	bool odd = what & 128;
	struct transfer *ours = &peer->ours[what >> 4 & 7], *theirs = &peer->theirs[what >> 4 & 7];

	if (room < WIRE_HELLO_LEN + SESS_NAME_MAX)
		return 0;
	switch (what & 15) {
	case 0 ... 3:
		return put_inline(scene, p, room);
	case 4 ... 5:
		return put_start(scene, peer, p, room, odd);
	case 6 ... 7:
		return put_segment(scene, ours, p, room, odd);
	case 8:
		return wire_put_go(p, theirs->id, odd ? next64(in) : theirs->rest);
	case 9:
		return put_sink(scene, theirs, p, room, odd);
	case 10:
		return wire_put_reply(p, WIRE_WRITTEN, odd ? next8(in) & 3 : WIRE_OK, ours->id);
	case 11:
		return wire_put_reply(p, WIRE_DONE, odd ? next8(in) & 3 : WIRE_OK, theirs->id);
	case 12:
		return wire_put_reply(p, WIRE_CANCEL, odd ? next8(in) & 3 : WIRE_OK, ours->id);
	case 13:
		return put_budget(scene, peer, p, odd);
	case 14:
		return wire_put_bye(p, odd ? WIRE_ABORT : 0);
	default:
		return odd ? wire_put_refuse(p, next8(in), peer->victim.attempt)
			   : put_hello(scene, peer, what & 64, p);
	}
}

enum wrong {
	NOTHING_WRONG,
	WRONG_SEQ_AHEAD,
	WRONG_SEQ_BEHIND,
	WRONG_ACK_AHEAD,
	WRONG_ACK_BEHIND,
	WRONG_LIMIT,
	WRONG_WINDOW,
	WRONG_SESSION,
	WRONG_COOKIE,
	WRONG_RECORD_CNT,
	WRONG_LEN_MORE,
	WRONG_LEN_LESS,
	WRONG_FLAGS,
	WRONG_CREDIT, /* a packet beyond the credits that the victim gave */
	WRONGS,
};

/* The limit that the packet announces to the victim: it never falls, and may rise by much, by
 * one or not at all. */
static uint32_t next_limit(const struct peer *peer, uint32_t ack, unsigned how)
{
	static const uint32_t window[] = {WINDOW, 0, 0, SESS_CREDITS_MAX};
	uint32_t limit = ack + window[how & 3];

	if ((int32_t)(limit - peer->given) < 0)
		limit = peer->given;
	if ((how & 3) == 2 && limit - ack < SESS_CREDITS_MAX)
		limit++;
	return limit;
}

static void spoil(struct wire_header *header, enum wrong wrong)
{
	header->seq += (wrong == WRONG_SEQ_AHEAD) - (wrong == WRONG_SEQ_BEHIND);
	header->ack += (wrong == WRONG_ACK_AHEAD) - (wrong == WRONG_ACK_BEHIND);
	header->window = (uint16_t)(header->window - (wrong == WRONG_LIMIT));
	if (wrong == WRONG_WINDOW)
		header->window = UINT16_MAX;
	header->session_id += wrong == WRONG_SESSION;
	header->cookie += wrong == WRONG_COOKIE;
	header->record_cnt = (uint8_t)(header->record_cnt + (wrong == WRONG_RECORD_CNT));
	header->flags = (uint8_t)(header->flags + 2 * (wrong == WRONG_FLAGS));
}

static bool has_failed(const struct peer *peer)
{
	return *sess_reason(peer->end->sess);
}

/* Delivers a packet to the victim.  A packet that breaks a rule must fail its session; one
 * that names no session must touch none. */
static void deliver(struct scene *scene, struct peer *peer, const uint8_t *packet, size_t len,
		    bool breaks, bool names_nobody)
{
	struct sess *sess = peer->end->sess;
	struct sess_stats before, after;

	sess_stats(sess, &before);
	fuzz_deliver(scene->victim->engine, packet, len);
	sess_stats(sess, &after);
	if (breaks && !has_failed(peer))
		link_die(scene->link, "a packet that breaks the rules was taken");
	if (names_nobody && before.rx_packets != after.rx_packets)
		link_die(scene->link, "a packet for nobody was taken");
}

void send_packet(struct scene *scene, struct peer *peer)
{
	struct input *in = &scene->in;
	uint8_t how = next8(in), cnt = how & 8 ? 3 + (how & 7) : how & 3;
	enum wrong wrong = how >> 4 == 15 ? next8(in) % WRONGS : NOTHING_WRONG;
	uint8_t packet[PACKET_MAX] = {0};
	struct peer before = *peer;
	struct wire_header header;
	size_t len = WIRE_HEADER_LEN, room = scene->victim->config.core.buffer_size - 1;
	uint32_t limit;
	bool beyond, breaks, names_nobody;

	if (is_over(peer))
		return;
	header = (struct wire_header){
		.session_id = peer->victim.session_id,
		.cookie = peer->victim.cookie,
		.seq = peer->seq,
		.ack = how & 64 ? peer->acked : peer->heard,
		.flags = how & 128 && how & 4 ? WIRE_FULL : 0,
	};
	limit = next_limit(peer, header.ack, how >> 4);
	header.window = (uint16_t)(limit - header.ack);
	for (; cnt; cnt--) {
		size_t used = put_record(scene, peer, packet + len, room - len);

		len += used;
		header.record_cnt = (uint8_t)(header.record_cnt + (used > 0));
	}
	beyond = (int32_t)(peer->limit - peer->seq) <= 0;
	if (beyond && wrong != WRONG_CREDIT) {
		*peer = before;
		return;
	}
	spoil(&header, wrong);
	len += wrong == WRONG_LEN_MORE;
	len -= wrong == WRONG_LEN_LESS;
	names_nobody = wrong == WRONG_SESSION || wrong == WRONG_COOKIE;
	if (!names_nobody)
		peer->seq++;
	breaks = wrong == WRONG_SEQ_AHEAD || wrong == WRONG_SEQ_BEHIND || wrong == WRONG_WINDOW ||
		 wrong == WRONG_RECORD_CNT || wrong == WRONG_LEN_MORE ||
		 (int32_t)(header.ack - peer->acked) < 0 ||
		 (int32_t)(header.ack + header.window - peer->given) < 0;
	/* The checks of credit and acknowledgement hold only if the core has refused no
	 * packet of the victim: such a packet counts as sent, and may have told the hostile
	 * peer of a higher limit.  Before the victim's hello has come, the hostile peer does
	 * not know the limit. */
	if (!sess_link(peer->end->sess)->refused)
		breaks |= (beyond && peer->hello_came) || (int32_t)(header.ack - peer->heard) > 0;
	peer->acked = header.ack;
	limit = header.ack + header.window;
	if ((int32_t)(limit - peer->given) > 0)
		peer->given = limit;
	wire_put_header(packet, &header);
	/* Until the hostile peer has sent a hello its packet has no limits to break; only its
	 * flags can be wrong. */
	breaks = (breaks && before.greeted) || wrong == WRONG_FLAGS;
	deliver(scene, peer, packet, len, breaks && !names_nobody, names_nobody);
}
