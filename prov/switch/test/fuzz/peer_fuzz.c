/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One engine against a peer that is no engine: the input is a script of what that
 * peer sends, over several sessions, of what the application does, and of how the
 * core behaves.  The peer keeps to the rules where the script does not tell it
 * otherwise, or no session would get far; it knows what the victim told it, and
 * holds the victim to that.  An honest peer of the same engine exchanges messages
 * all the while: whatever the other does, they arrive.
 */
#include <errno.h>
#include <stdio.h>

#include "fuzz/fuzz_input.h"
#include "fuzz_memory.h"
#include "session/internal.h"

enum {
	PEERS = 4,	    /* sessions of the hostile peer at a time */
	OPENINGS_MAX = 100, /* and ever */
	STEPS_MAX = 1000,
	ECHOES_MAX = 50,
	TRANSFERS = 8, /* that a session of the peer remembers, in each direction */
	ROOM = 8,      /* what the core takes of a session at a time */
	MULTI_PARTS = 4,
	KEY_LEN = 8,
	WINDOW = 8,
	PACKET_MAX = 4096,
	FIRST_SEQ = -3, /* of the peer's packets: they wrap */
	SOURCE = 100,	/* names of the hostile peer begin here */
};

#define ECHO_TAG (UINT64_C(1) << 63) /* receives that the script posts do not match it */

/* One that the peer announced, or (theirs) that was announced to it. */
struct transfer {
	uint32_t id;
	uint64_t rest; /* bytes behind the initial portion, or what GO asked for */
	uint64_t sent; /* of them, in segments */
};

/* A session as the hostile peer sees it. */
struct peer {
	struct link_end *end; /* NULL: none yet */
	struct sess_request victim, own;
	bool greeted; /* our hello went out */
	bool hello_came, bye_came;
	uint32_t seq;	/* of our next packet */
	uint32_t limit; /* below which we may send */
	uint32_t heard; /* number of the victim's next packet */
	uint32_t acked; /* what the victim was told that it was consumed */
	uint32_t given; /* below which the victim may send */
	uint32_t packet_max;
	uint64_t eager_budget, eager_sent, eager_released; /* the victim's */
	struct transfer ours[TRANSFERS], theirs[TRANSFERS];
	unsigned our_cnt, their_cnt;
};

struct scene {
	struct link *link;
	struct link_node *victim, *honest;
	struct sess_ep *ep; /* of the victim: what the peer talks to; NULL: destroyed */
	struct sess_rx *rx; /* its receive context, where it is not the endpoint's own */
	bool own_ep;	    /* the honest peer talks to another */
	bool ep_closed;
	struct input in;
	unsigned steps, openings, echoes;
	unsigned sess_most; /* at a time */
	size_t index_most;  /* bytes of buckets, likewise */
	uint32_t next_id;
	struct peer peer[PEERS];
	struct fuzz_ops ops;
};

/* The most that a receive context may keep because of its peers, bytes, however many
 * sessions they open: the limit, and the record that went beyond it. */
static size_t kept_bound(const struct link_node *victim)
{
	return victim->engine->backlog_max + victim->config.engine.eager_budget + MESSAGE_SIZE_MIN +
	       sizeof(struct sess_xfer);
}

/*
 * The most memory that the engines may hold, bytes: that, the sessions and the
 * application's operations themselves, what the core has, and a packet that is being
 * filled or was refused.  What was freed may be kept for the next of its kind, so the
 * most that there ever were count.
 */
static size_t memory_bound(const struct scene *scene)
{
	const struct link_config *config = &scene->victim->config;
	const size_t packet = sizeof(struct sess_packet) + config->core.buffer_size;
	const size_t transfer =
		sizeof(struct sess_xfer) + sess_engine_inline_max(scene->victim->engine);
	const size_t tables = 16 << 10; /* of ids, and spare control records */
	size_t op_cnt = 2;		/* of an honest peer's message */

	for (unsigned i = 0; i < scene->ops.cnt; i++)
		op_cnt += 1 + scene->ops.op[i]->part_cnt;
	return 2 * (sizeof(struct sess_engine) + sizeof(struct sess_core)) +
	       3 * sizeof(struct sess_ep) + sizeof(struct sess_rx) + tables +
	       2 * kept_bound(scene->victim) +
	       scene->sess_most * (sizeof(struct sess) + sizeof(struct sess_link) + 2 * packet) +
	       scene->link->io_most * packet + op_cnt * transfer + scene->index_most;
}

/* The buckets of long lists: a context's own, not its peers'. */
static size_t index_memory(const struct sess_rx *rx)
{
	enum { BUCKETS = 4096 };
	const struct match_queue *const queue[] = {&rx->plain, &rx->tagged};
	size_t size = 0;

	for (unsigned i = 0; i < 2; i++) {
		size += queue[i]->by_tag ? 2 * BUCKETS * sizeof(*queue[i]->by_tag) : 0;
		size += queue[i]->receives ? BUCKETS * sizeof(*queue[i]->receives) : 0;
	}
	return size;
}

static void note_index(struct scene *scene)
{
	size_t size =
		index_memory(&scene->victim->ep->own_rx) + index_memory(&scene->honest->ep->own_rx);

	if (scene->own_ep && scene->ep)
		size += index_memory(&scene->ep->own_rx);
	if (scene->rx)
		size += index_memory(scene->rx);
	if (size > scene->index_most)
		scene->index_most = size;
}

static void check_memory(struct scene *scene)
{
	size_t peak = fuzz_memory_peak();
	const struct link_end *end;
	unsigned sess_cnt = 2; /* the honest ones, and what was opened and closed at once */

	TAILQ_FOREACH (end, &scene->victim->ends, node_link)
		sess_cnt += end->sess != NULL;
	note_index(scene);
	if (sess_cnt > scene->sess_most)
		scene->sess_most = sess_cnt;
	if (peak > memory_bound(scene))
		link_die(scene->link, "%zu bytes are held, and %zu are the most allowed", peak,
			 memory_bound(scene));
}

static bool is_over(const struct peer *peer)
{
	return !peer->end || peer->end->down || !peer->end->sess;
}

/* -- what the victim sends ------------------------------------------------------- */

static struct peer *find_peer(struct scene *scene, const struct link_end *end)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (scene->peer[i].end == end)
			return &scene->peer[i];
	link_die(scene->link, "a packet for nobody");
}

/* Its first packet is a hello, or says why there is none. */
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

/* Returns how many credits such a packet leaves unused. */
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

/* The victim keeps to what it was told, whatever it is told. */
static void heard(struct link_end *end, const uint8_t *packet, size_t len)
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

/* -- what the peer sends ---------------------------------------------------------- */

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

static void send_hello(struct scene *scene, struct peer *peer, bool odd)
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

/* The rest in one or two pieces. */
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

/* Returns its length.  0: there is no room for it. */
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
	WRONG_CREDIT, /* more than we may send */
	WRONGS,
};

/* The new limit of the victim: it never falls, and may rise generously or not. */
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

/* What breaks a rule fails its session; what names no session touches none. */
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

/* One packet; it stays unsent where the victim gave no credit for it. */
static void send_packet(struct scene *scene, struct peer *peer)
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
	/* A packet that the core refused may have told us more, and counts as sent. */
	if (!sess_link(peer->end->sess)->refused)
		breaks |= beyond || (int32_t)(header.ack - peer->heard) > 0;
	peer->acked = header.ack;
	limit = header.ack + header.window;
	if ((int32_t)(limit - peer->given) > 0)
		peer->given = limit;
	wire_put_header(packet, &header);
	/* A first packet, which is a hello or wrong, has no limits to break yet. */
	breaks = (breaks && before.greeted) || wrong == WRONG_FLAGS;
	deliver(scene, peer, packet, len, breaks && !names_nobody, names_nobody);
}

/* -- sessions ---------------------------------------------------------------------- */

static void know_victim(struct peer *peer)
{
	uint8_t preamble[SESS_PREAMBLE_LEN];

	sess_preamble(sess_link(peer->end->sess), 0, preamble);
	if (sess_request_parse(preamble, sizeof(preamble), &peer->victim))
		link_die(peer->end->node->link, "a preamble did not survive");
}

/* The peer asks again.  True: its session is over, it may have another. */
static bool asks_again(struct scene *scene, struct peer *peer, const struct sess_request *request)
{
	switch (sess_crossing(peer->end->sess, request)) {
	case SESS_CROSS_ADOPT:
		sess_adopt(peer->end->sess, request);
		peer->own = *request;
		link_scripted_up(peer->end, NULL);
		return false;
	case SESS_CROSS_RENEW:
		sess_abort(peer->end->sess, ECONNRESET);
		link_act(scene->victim);
		return true;
	default:
		return false;
	}
}

static void open_session(struct scene *scene, struct peer *peer)
{
	static const uint64_t sources[] = {SOURCE, SOURCE + 1, SESS_SOURCE_ANY};
	uint8_t how = next8(&scene->in);
	uint64_t source = sources[(how >> 4) % 3];
	const struct sess_request request = {
		.session_id = 0x1234 + scene->openings,
		.cookie = 0xc00c1e,
		.instance = how & 64 ? 1 : UINT64_MAX - 1,
		.attempt = how & 128 ? scene->openings : 1,
	};

	if (scene->ep_closed || scene->openings == OPENINGS_MAX)
		return;
	scene->openings++;
	if (!is_over(peer) && !asks_again(scene, peer, &request))
		return;
	*peer = (struct peer){
		.end = link_scripted(scene->victim, scene->ep, how & 1 ? NULL : &request, source),
		.own = request,
		.seq = (uint32_t)FIRST_SEQ,
		.limit = (uint32_t)FIRST_SEQ,
		.heard = scene->victim->config.engine.first_seq,
		.acked = scene->victim->config.engine.first_seq,
		.given = scene->victim->config.engine.first_seq,
	};
	peer->end->room = ROOM;
	know_victim(peer);
	if (!(how & 2))
		link_scripted_up(peer->end, how & 1 ? &request : NULL);
	if (!(how & 4))
		send_hello(scene, peer, how & 8);
	link_act(scene->victim);
}

/* -- the application ------------------------------------------------------------------ */

static void receive(struct scene *scene)
{
	uint8_t bits = next8(&scene->in), how = next8(&scene->in);
	size_t size = next64(&scene->in) % 50000;
	struct link_op *op;

	if (!scene->ep && !scene->rx)
		return;
	op = fuzz_op_create(&scene->ops, scene->victim, size, how & 16 ? 1 : 1 + (bits >> 6));
	if (!op)
		return;
	op->op.flags = (uint16_t)((bits & SESS_TAGGED) | fuzz_recv_flags(how));
	if (bits & SESS_TAGGED) {
		op->op.tag = bits >> 2 & 3;
		op->op.ignore = how & 1 ? ~ECHO_TAG : 0;
	}
	if (bits & 16)
		op->op.source = SOURCE + (bits >> 5 & 1);
	if (how & 16) {
		op->op.flags |= SESS_MULTI;
		op->op.multi_min = 50;
		op->part_max = MULTI_PARTS;
	}
	op->op.claim = how & 32 ? scene : NULL;
	link_recv_from(scene->rx ? scene->rx : sess_ep_rx(scene->ep), op);
}

static void submit(struct scene *scene, struct peer *peer)
{
	uint8_t bits = next8(&scene->in), how = next8(&scene->in);
	size_t size = next64(&scene->in) % 50000;
	struct link_op *op;

	if (is_over(peer))
		return;
	op = fuzz_op_create(&scene->ops, scene->victim, size, 1 + (bits >> 6));
	if (!op)
		return;
	op->op.flags = (uint16_t)((bits & (SESS_TAGGED | SESS_DATA)) | fuzz_send_flags(how));
	op->op.tag = bits & SESS_TAGGED ? bits >> 2 & 3 : 0;
	link_send(peer->end->sess, op);
}

/* What ends everything that the endpoint has is not for one that the honest peer uses. */
static void end_endpoint(struct scene *scene, unsigned how)
{
	if (!scene->own_ep || !scene->ep)
		return;
	switch (how & 3) {
	case 0:
		sess_ep_abort(scene->ep, ECANCELED);
		break;
	case 1:
		sess_ep_end(scene->ep, ECONNRESET);
		break;
	default:
		sess_ep_close(scene->ep, ECANCELED);
		scene->ep_closed = true;
		if (how & 1) {
			sess_ep_destroy(scene->ep);
			scene->ep = NULL;
		}
	}
}

static void end_session(struct scene *scene, struct peer *peer)
{
	uint8_t how = next8(&scene->in);

	if (how & 16) {
		end_endpoint(scene, how);
		return;
	}
	if (is_over(peer))
		return;
	switch (how & 7) {
	case 0 ... 1:
		sess_close(peer->end->sess);
		break;
	case 2:
		sess_abort(peer->end->sess, ECANCELED);
		break;
	case 3:
		link_break(peer->end);
		break;
	case 4:
		link_scripted_down(peer->end, how & 8 ? ECONNRESET : 0);
		break;
	case 5:
		link_scripted_up(peer->end, peer->end->open ? NULL : &peer->own);
		break;
	case 6:
		sess_set_source(peer->end->sess, SOURCE + (how >> 3 & 1));
		break;
	default:
		send_hello(scene, peer, how & 8);
	}
}

/* -- the core, time, the honest peer ----------------------------------------------------- */

static void core_answers(struct scene *scene, struct peer *peer)
{
	uint8_t how = next8(&scene->in);

	if (!peer->end)
		return;
	for (unsigned i = how >> 4 & 7; i < 8; i++)
		link_scripted_done(peer->end, how & 7, how & 8 ? EIO : 0);
}

static void core_behaves(struct scene *scene, struct peer *peer)
{
	struct link_habits *habits = &scene->link->habits;
	uint8_t how = next8(&scene->in);

	switch (how & 7) {
	case 0 ... 1:
		if (peer->end)
			peer->end->room = how >> 4 < ROOM ? how >> 4 : ROOM;
		break;
	case 2:
		if (peer->end) {
			peer->end->refusal = how & 16 ? EIO : 0;
			peer->end->rma_refusal = how & 32 ? EIO : 0;
		}
		break;
	case 3:
		habits->refuse = how & 16 ? 50 : 0;
		break;
	case 4:
		habits->reg_fail = how & 16 ? 50 : 0;
		break;
	case 5:
		habits->reg_later = how & 16 ? 50 : 0;
		break;
	case 6:
		habits->lose_on_close = how & 16;
		break;
	default:
		link_wait(scene->link,
			  scene->victim->config.engine.close_timeout / (1 + (how >> 4)));
	}
}

static void run(struct scene *scene)
{
	uint8_t how = next8(&scene->in);

	switch (how & 3) {
	case 0:
		link_act(scene->victim);
		break;
	case 1:
		link_progress(scene->victim);
		break;
	case 2:
		for (unsigned i = how >> 2; i && link_step(scene->link); i--)
			;
		break;
	default:
		link_run(scene->link);
	}
}

/* One message to another node's endpoint, and its receive. */
static void carry(struct scene *scene, struct link_node *from, struct link_node *to, size_t size,
		  uint16_t flags)
{
	struct link_op *out = link_op_create(from, size, 1), *in = link_op_create(to, size, 1);
	struct link_end *end = link_end(from, to);
	uint32_t pattern = ++scene->echoes;

	in->op.flags = SESS_TAGGED;
	in->op.tag = ECHO_TAG;
	in->op.source = from->idx;
	out->op.flags = SESS_TAGGED | flags;
	out->op.tag = ECHO_TAG;
	link_op_fill(out, pattern);
	if (!end || link_recv(in) || link_send(end->sess, out))
		link_die(scene->link, "the honest peer's session is over");
	link_run(scene->link);
	if (in->pending || out->pending)
		link_die(scene->link, "the honest peer's session stands still");
	if (in->op.error || out->op.error || !link_op_holds(in, pattern, size))
		link_die(scene->link, "a message of %zu bytes was damaged", size);
	link_op_destroy(out);
	link_op_destroy(in);
}

/* While registrations fail a forced way may fail, which is no concern of this. */
static void echo(struct scene *scene, uint8_t how)
{
	static const uint16_t sizes[] = {0, 60, 400, 1000, 1490, 1500, 4000, 9000};
	const unsigned reg_fail = scene->link->habits.reg_fail;
	size_t size = sizes[how >> 1 & 7];

	if (scene->echoes >= ECHOES_MAX)
		return;
	scene->link->habits.reg_fail = 0;
	carry(scene, scene->honest, scene->victim, size, how & 1 ? SESS_DELIVERY : 0);
	carry(scene, scene->victim, scene->honest, size, how & 1 ? SESS_DELIVERY : 0);
	scene->link->habits.reg_fail = reg_fail;
}

/* -- the script ---------------------------------------------------------------------------- */

static void step(struct scene *scene)
{
	uint8_t what = next8(&scene->in);
	struct peer *peer = &scene->peer[what & 3];

	scene->steps++;
	switch (what >> 4) {
	case 0 ... 4:
		send_packet(scene, peer);
		break;
	case 5:
		send_packet(scene, peer);
		link_progress(scene->victim);
		break;
	case 6:
		open_session(scene, peer);
		break;
	case 7 ... 8:
		receive(scene);
		break;
	case 9:
		submit(scene, peer);
		break;
	case 10:
		core_answers(scene, peer);
		break;
	case 11:
		core_behaves(scene, peer);
		break;
	case 12:
		end_session(scene, peer);
		break;
	case 13:
		run(scene);
		break;
	case 14:
		echo(scene, what & 15);
		break;
	default:
		fuzz_op_cancel(&scene->ops, next8(&scene->in));
	}
	check_memory(scene);
}

static bool more(const struct scene *scene)
{
	return scene->in.p < scene->in.end && scene->steps < STEPS_MAX;
}

enum { AGAIN = 255 };

/* The next few steps, many times. */
static void again(struct scene *scene)
{
	uint8_t times, steps;
	const uint8_t *first;

	scene->in.p++;
	times = next8(&scene->in);
	steps = 1 + (next8(&scene->in) & 7);
	for (first = scene->in.p; times && scene->steps < STEPS_MAX; times--) {
		scene->in.p = first;
		for (unsigned i = 0; i < steps && more(scene); i++)
			step(scene);
	}
}

static void play(struct scene *scene)
{
	while (more(scene)) {
		if (*scene->in.p == AGAIN)
			again(scene);
		else
			step(scene);
	}
}

static struct link_config make_config(struct input *in)
{
	struct link_config config = link_config();
	uint8_t how = next8(in), caps = next8(in);

	config.core.buffer_size = how & 1 ? 512 : 1024;
	config.core.credits = how & 2 ? 4 : 8;
	config.engine.transfer = (enum sess_way)(how >> 2 & 3 ? how >> 2 & 3 : SESS_AUTO);
	config.core.local_mem = how & 16;
	config.core.send_after_write = how & 32;
	config.core.send_iov_limit = how & 64 ? 1 : 4;
	config.core.stage = how & 128 ? 300 : 0;
	config.core.can_read = !(caps & 1);
	config.core.can_write = !(caps & 2);
	config.core.read_target = !(caps & 4);
	config.core.write_target = !(caps & 8);
	config.core.rma_iov_limit = caps & 16 ? 1 : 3;
	config.engine.unexpected_max = caps & 32 ? 1 : 4096;
	config.engine.announced_max = 16;
	config.engine.throttle = caps & 64 ? 2000 : UINT64_MAX;
	config.engine.eager_budget = 2000;
	config.core.copy_max = 100;
	config.engine.initial = 100;
	config.core.threshold[SESS_READ] = config.core.threshold[SESS_WRITE] = 1500;
	config.core.chunk = 700;
	return config;
}

static void begin(struct scene *scene)
{
	struct link_config config = make_config(&scene->in);
	uint8_t how = next8(&scene->in);

	fuzz_memory_begin();
	scene->link = link_create(how);
	scene->link->heard = heard;
	scene->link->tap_arg = scene;
	link_pair(scene->link, &config, &config);
	scene->victim = scene->link->node[how >> 7];
	scene->honest = scene->link->node[!(how >> 7)];
	scene->next_id = 1;
	scene->own_ep = how & 3;
	scene->ep = scene->victim->ep;
	if (scene->own_ep && sess_ep_create(scene->victim->engine, NULL, &scene->ep))
		link_die(scene->link, "no endpoint");
	if ((how & 3) != 3)
		return;
	if (sess_rx_create(scene->victim->engine, &scene->rx))
		link_die(scene->link, "no receive context");
	sess_ep_share_rx(scene->ep, scene->rx);
}

static void end(struct scene *scene)
{
	size_t left;

	scene->echoes = 0; /* this one takes place */
	echo(scene, (uint8_t)scene->steps);
	end_endpoint(scene, 3);
	if (scene->rx) {
		sess_rx_close(scene->rx, ECANCELED);
		sess_rx_destroy(scene->rx);
	}
	link_destroy(scene->link);
	fuzz_ops_destroy(&scene->ops);
	left = fuzz_memory_end();
	if (left) {
		fprintf(stderr, "%zu bytes were not freed\n", left);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene scene = {.in = {data, data + size}};

	begin(&scene);
	play(&scene);
	end(&scene);
	return 0;
}
