/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets: one core message each.  A packet gets its number, credit and header when it
 * is offered to the core; nothing changes it any more.
 */
#include <stdlib.h>

#include "session/internal.h"

struct sess_packet *packet_alloc(struct sess *sess)
{
	struct sess_engine *engine = sess->engine;
	struct sess_packet *packet = SLIST_FIRST(&engine->spare_packets);

	if (packet) {
		SLIST_REMOVE_HEAD(&engine->spare_packets, spare);
		engine->spare_packet_cnt--;
	} else {
		packet = malloc(sizeof(*packet) + engine->config.buffer_size);
		if (!packet)
			return NULL;
	}
	packet->io.kind = IO_PACKET;
	packet->io.sess = sess;
	STAILQ_INIT(&packet->ops);
	packet->xfer = NULL;
	packet->tail_cnt = 0;
	packet->tail_len = 0;
	packet->record_cnt = 0;
	packet->is_hello = false;
	packet->has_data = false;
	packet->must_leave = false;
	packet->len = WIRE_HEADER_LEN;
	return packet;
}

void packet_free(struct sess_engine *engine, struct sess_packet *packet)
{
	if (engine->spare_packet_cnt == SPARE_MAX) {
		free(packet);
		return;
	}
	SLIST_INSERT_HEAD(&engine->spare_packets, packet, spare);
	engine->spare_packet_cnt++;
}

void packet_op_done(struct sess *sess, struct sess_op *op, int error)
{
	sess->pending--;
	/* A receive has its data whatever becomes of the answer. */
	op_done(op, op->flags & SESS_RECV ? op->error : error);
}

/* Number, credit, header: nothing changes it any more. */
struct sess_packet *packet_close(struct sess *sess, struct sess_packet *packet)
{
	struct wire_header header = {
		.session_id = sess->peer_id,
		.cookie = sess->peer_cookie,
		.seq = sess->credit.tx_next,
		.ack = sess->credit.rx_next,
		.record_cnt = packet->record_cnt,
		.flags = sess->ep->rx->full ? WIRE_FULL : 0,
	};

	sess->told_full = sess->ep->rx->full;
	backlog_grant(sess);
	header.window = credit_window(&sess->credit);
	backlog_promise(sess, header.window - credit_left(&sess->credit));
	wire_put_header(packet->bytes, &header);
	credit_sent(&sess->credit);
	sess->stats.tx_packets++;
	if (!packet->record_cnt)
		sess->stats.tx_credit_packets++;
	if (packet == sess->packet)
		sess->packet = NULL;
	return packet;
}
