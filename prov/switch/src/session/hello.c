/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The first packet in each direction: versions, limits, capabilities.  The
 * opener speaks first; the answerer may send data right behind its answer.
 */
#include <errno.h>
#include <string.h>

#include "session/internal.h"

/* The hello needs no credit and has the number before the first packet. */
void hello_build(struct sess *sess, struct sess_packet *packet)
{
	const struct sess_config *config = &sess->engine->config;
	const struct wire_header header = {
		.session_id = sess->peer_id,
		.cookie = sess->peer_cookie,
		.seq = config->first_seq - 1,
		.ack = sess->credit.rx_next,
		.window = sess->credit.rx_grant,
		.record_cnt = 1,
	};
	struct wire_hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.byte_order = WIRE_BYTE_ORDER,
		.window = sess->credit.rx_grant,
		.rma_iov_limit = WIRE_DESC_MAX,
		.key_len = (uint16_t)config->key_len,
		.caps = (config->can_read ? WIRE_CAN_READ : 0u) |
			(config->can_write ? WIRE_CAN_WRITE : 0u) |
			(config->read_target ? WIRE_READ_TARGET : 0u) |
			(config->write_target ? WIRE_WRITE_TARGET : 0u),
		.buffer_size = config->buffer_size,
		.attempt = sess->ep->attempts,
		.peer_attempt = sess->is_opener ? 0 : sess->peer_attempt,
		.instance = sess->ep->instance,
		.eager_budget = sess->own_budget,
		.rma_max = config->rma_max,
		.virtual_addr = config->virtual_addr,
		.name_len = sess->ep->name_len,
	};

	if (sess->is_opener)
		hello.attempt = sess->attempt;
	memcpy(hello.name, sess->ep->name, hello.name_len);
	packet->len = (uint32_t)wire_put_header(packet->bytes, &header);
	if (sess->refuse_due)
		packet->len += (uint32_t)wire_put_refuse(packet->bytes + packet->len, sess->refusal,
							 sess->peer_attempt);
	else
		packet->len += (uint32_t)wire_put_hello(packet->bytes + packet->len, &hello);
	packet->record_cnt = 1;
	packet->is_hello = true;
	sess->hello_due = false;
	sess->refuse_due = false;
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
	/* Somebody wants to have it done byte by byte. */
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

static void refuse(struct sess *sess, uint16_t refusal)
{
	sess->refusal = refusal;
	sess->refuse_due = !sess->is_opener;
	session_expel(sess, EPROTO, refusal_text(refusal));
}

/* What of the peer's capabilities its limits leave: it has to take as many
 * descriptors as a message has pieces, and who uses a key has to know its like. */
static uint32_t usable_caps(const struct sess_config *config, const struct wire_hello *hello)
{
	uint32_t caps = hello->caps;

	if (hello->rma_iov_limit < WIRE_DESC_MAX || hello->key_len < config->key_len)
		caps &= ~(uint32_t)WIRE_CAN_READ;
	if (hello->rma_iov_limit < WIRE_DESC_MAX || hello->key_len > config->key_len)
		caps &= ~(uint32_t)WIRE_WRITE_TARGET;
	return caps;
}

void hello_came(struct sess *sess, const struct wire_header *header,
		const struct wire_record *record)
{
	const struct sess_config *config = &sess->engine->config;
	struct wire_hello hello;
	uint16_t refusal;

	if (wire_get_hello(record, &hello)) {
		session_expel(sess, EPROTO, "a hello that is malformed");
		return;
	}
	refusal = judge(&hello);
	if (!refusal && sess->is_opener && hello.peer_attempt != sess->attempt)
		refusal = WIRE_REFUSE_ATTEMPT;
	if (!refusal && hello.instance != sess->peer_instance)
		refusal = WIRE_REFUSE_ATTEMPT;
	if (refusal) {
		refuse(sess, refusal);
		return;
	}
	sess->hello_seen = true;
	sess->peer_attempt = hello.attempt;
	sess->peer_caps = usable_caps(config, &hello);
	sess->packet_max =
		hello.buffer_size < config->buffer_size ? hello.buffer_size : config->buffer_size;
	sess->rma_max =
		hello.rma_max && hello.rma_max < config->rma_max ? hello.rma_max : config->rma_max;
	sess->eager_budget = hello.eager_budget;
	sess->name_len = hello.name_len;
	memcpy(sess->name, hello.name, hello.name_len);
	backlog_greet(sess);
	credit_greeted(&sess->credit, header->seq + 1);
	backlog_promise(sess, credit_left(&sess->credit));
	sess->credit.tx_window = hello.window;
	sess->credit.tx_limit = config->first_seq + hello.window;
	if (sess->path_up)
		session_came_up(sess);
}

void hello_refused(struct sess *sess, const struct wire_record *record)
{
	session_fail(sess, ECONNREFUSED, refusal_text(record->status));
}
