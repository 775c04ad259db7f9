/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The first packet in each direction: versions, limits, capabilities, or why there is no
 * agreement (REFUSE).  The opener speaks first; the answerer may send data right behind its
 * answer.  Requests that are turned down before that are for peer/rdm.c and peer/passive.c.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

enum {
	INTRODUCTION = 1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET,
	HOST = 1 << WIRE_EXT_HOST,
	RESUMPTION = 1 << WIRE_EXT_RESUME,
};

/* The first link of a session tells who we are. */
static void introduce(const struct sess *sess, struct wire_hello *hello)
{
	const struct sess_config *config = &sess->engine->config;

	hello->exts = INTRODUCTION;
	hello->eager_budget = sess->own_budget;
	hello->name_len = sess->ep->name_len;
	memcpy(hello->name, sess->ep->name, hello->name_len);
	memcpy(hello->secret, sess->secret, sizeof(hello->secret));
	if (config->host_len)
		hello->exts |= HOST;
	hello->host_len = config->host_len;
	memcpy(hello->host, config->host, hello->host_len);
}

/* A further one proves that we are the same. */
static void resume(const struct sess *sess, struct wire_hello *hello)
{
	hello->exts = RESUMPTION;
	hello->resume_seq = sess->numbers.rx_next;
	memcpy(hello->resume_secret, sess->peer_secret, sizeof(hello->resume_secret));
}

/* The hello needs no credit and has the number before the next packet. */
void hello_build(struct sess_link *link, struct sess_packet *packet)
{
	const struct sess_core_config *config = &link->core->config;
	struct sess *sess = link->sess;
	const struct wire_header header = {
		.session_id = link->peer_id,
		.cookie = link->peer_cookie,
		.seq = sess->numbers.tx_next - 1,
		.ack = sess->numbers.rx_next,
		.window = link->credit.rx_grant,
		.record_cnt = 1,
	};
	struct wire_hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.byte_order = WIRE_BYTE_ORDER,
		.window = link->credit.rx_grant,
		.rma_iov_limit = WIRE_DESC_MAX,
		.key_len = (uint16_t)config->key_len,
		.caps = (config->can_read ? WIRE_CAN_READ : 0u) |
			(config->can_write ? WIRE_CAN_WRITE : 0u) |
			(config->read_target ? WIRE_READ_TARGET : 0u) |
			(config->write_target ? WIRE_WRITE_TARGET : 0u),
		.buffer_size = config->buffer_size,
		.attempt = link->is_opener ? link->attempt : sess->ep->attempts,
		.peer_attempt = link->is_opener ? 0 : link->peer_attempt,
		.instance = sess->ep->instance,
		.next_seq = sess->numbers.tx_next,
		.rma_max = config->rma_max,
		.virtual_addr = config->virtual_addr,
	};

	if (link->is_first)
		introduce(sess, &hello);
	else
		resume(sess, &hello);
	packet->len = (uint32_t)wire_put_header(packet->bytes, &header);
	if (link->due & LINK_REFUSE)
		packet->len += (uint32_t)wire_put_refuse(packet->bytes + packet->len, link->refusal,
							 link->peer_attempt);
	else
		packet->len += (uint32_t)wire_put_hello(packet->bytes + packet->len, &hello);
	packet->record_cnt = 1;
	link->due &= (uint8_t) ~(LINK_HELLO | LINK_REFUSE);
	sess->stats.tx_packets++;
	sess->stats.tx_records++;
}

/* 0, or why this hello cannot be answered. */
static uint16_t judge(const struct wire_hello *hello)
{
	if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION)
		return WIRE_REFUSE_VERSION;
	if (hello->byte_order != WIRE_BYTE_ORDER)
		return WIRE_REFUSE_ORDER;
	if (hello->window < SESS_CREDITS_MIN || hello->window > SESS_CREDITS_MAX ||
	    hello->buffer_size < SESS_BUFFER_MIN)
		return WIRE_REFUSE_LIMITS;
	/* A peer could make us move messages byte by byte. */
	if (hello->caps && hello->rma_max && hello->rma_max < SESS_RMA_MIN)
		return WIRE_REFUSE_LIMITS;
	return 0;
}

static const char *refusal_text(uint16_t refusal)
{
	switch (refusal) {
	case WIRE_REFUSE_VERSION:
		return "no common protocol version";
	case WIRE_REFUSE_ORDER:
		return "another byte order";
	case WIRE_REFUSE_LIMITS:
		return "control buffers, window or RMA operations too small";
	case WIRE_REFUSE_ATTEMPT:
		return "the hello answers another attempt";
	default:
		return "refused by the peer for an unknown reason";
	}
}

static void refuse(struct sess_link *link, uint16_t refusal)
{
	link->refusal = refusal;
	if (!link->is_opener)
		link->due |= LINK_REFUSE;
	sess_link_expel(link, EPROTO, refusal_text(refusal));
}

/* The peer's capabilities that its limits leave usable: it has to take as many descriptors
 * as a message has pieces, and the side that uses a key has to take one of that length. */
static uint32_t usable_caps(const struct sess_core_config *config, const struct wire_hello *hello)
{
	uint32_t caps = hello->caps;

	if (hello->rma_iov_limit < WIRE_DESC_MAX || hello->key_len < config->key_len)
		caps &= ~(uint32_t)WIRE_CAN_READ;
	if (hello->rma_iov_limit < WIRE_DESC_MAX || hello->key_len > config->key_len)
		caps &= ~(uint32_t)WIRE_WRITE_TARGET;
	return caps;
}

/* The hello of the first link introduces the peer. */
static const char *meet(struct sess *sess, const struct wire_hello *hello)
{
	if ((hello->exts & INTRODUCTION) != INTRODUCTION || hello->exts & RESUMPTION)
		return "a hello that does not introduce its endpoint";
	sess->numbers.rx_next = hello->next_seq;
	sess->eager_budget = hello->eager_budget;
	memcpy(sess->peer_secret, hello->secret, sizeof(sess->peer_secret));
	sess->name_len = hello->name_len;
	memcpy(sess->name, hello->name, hello->name_len);
	sess->host_len = hello->host_len;
	memcpy(sess->host, hello->host, hello->host_len);
	return NULL;
}

/* Takes the same time for every guess, so that the time tells nothing about it. */
static bool is_same_secret(const uint8_t *a, const uint8_t *b)
{
	uint8_t differs = 0;

	for (size_t i = 0; i < WIRE_SECRET_LEN; i++)
		differs |= a[i] ^ b[i];
	return !differs;
}

/* A further link must be of the same peer, and no packet may be missing. */
static const char *recognize(const struct sess *sess, const struct wire_hello *hello)
{
	if (!(hello->exts & RESUMPTION))
		return "a hello that does not go on with its session";
	if (!is_same_secret(hello->resume_secret, sess->secret))
		return "a hello without the session's secret";
	if (hello->next_seq != sess->numbers.rx_next || hello->resume_seq != sess->numbers.tx_next)
		return "packets are missing between two links";
	return NULL;
}

void hello_came(struct sess_link *link, const struct wire_record *record)
{
	const struct sess_core_config *config = &link->core->config;
	struct sess *sess = link->sess;
	struct wire_hello hello;
	const char *objection;
	uint16_t refusal;

	if (wire_get_hello(record, &hello)) {
		sess_link_expel(link, EPROTO, "a hello that is malformed");
		return;
	}
	refusal = judge(&hello);
	if (!refusal && link->is_opener && hello.peer_attempt != link->attempt)
		refusal = WIRE_REFUSE_ATTEMPT;
	if (!refusal && hello.instance != sess->peer_instance)
		refusal = WIRE_REFUSE_ATTEMPT;
	if (refusal) {
		refuse(link, refusal);
		return;
	}
	objection = link->is_first ? meet(sess, &hello) : recognize(sess, &hello);
	if (objection) {
		sess_link_expel(link, EPROTO, objection);
		return;
	}
	link->peer_attempt = hello.attempt;
	link->peer_caps = usable_caps(config, &hello);
	link->packet_max =
		hello.buffer_size < config->buffer_size ? hello.buffer_size : config->buffer_size;
	link->rma_max =
		hello.rma_max && hello.rma_max < config->rma_max ? hello.rma_max : config->rma_max;
	backlog_greet(link);
	credit_greeted(&link->credit, hello.window);
	backlog_promise(link, credit_left(&link->credit));
	sess_link_greeted(link);
}

void hello_refused(struct sess_link *link, const struct wire_record *record)
{
	sess_link_fail(link, ECONNREFUSED, refusal_text(record->status));
}
