/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets: one core message each.  A packet gets its number, credit and header when it
 * is offered to the core; nothing changes it any more.
 */
#include <stdlib.h>

#include "session/internal.h"

struct sess_packet *packet_alloc(struct sess_link *link)
{
	struct sess_core *core = link->core;
	struct sess_packet *packet = SLIST_FIRST(&core->spare_packets);

	if (packet) {
		SLIST_REMOVE_HEAD(&core->spare_packets, spare);
		core->spare_packet_cnt--;
	} else {
		packet = malloc(sizeof(*packet) + core->config.buffer_size);
		if (!packet)
			return NULL;
	}
	packet->io.kind = IO_PACKET;
	packet->io.link = link;
	STAILQ_INIT(&packet->ops);
	packet->xfer = NULL;
	packet->tail_cnt = 0;
	packet->tail_len = 0;
	packet->record_cnt = 0;
	packet->has_data = false;
	packet->must_leave = false;
	packet->len = WIRE_HEADER_LEN;
	return packet;
}

void packet_free(struct sess_packet *packet)
{
	struct sess_core *core = packet->io.link->core;

	if (core->spare_packet_cnt == SPARE_MAX) {
		free(packet);
		return;
	}
	SLIST_INSERT_HEAD(&core->spare_packets, packet, spare);
	core->spare_packet_cnt++;
}

void packet_op_done(struct sess *sess, struct sess_op *op, int error)
{
	sess->pending--;
	/* A receive has its data even if the answer never leaves. */
	op_done(op, op->flags & SESS_RECV ? op->error : error);
}

struct sess_packet *packet_close(struct sess_packet *packet)
{
	struct sess_link *link = packet->io.link;
	struct sess *sess = link->sess;
	const int32_t left = credit_left(&link->credit);
	struct wire_header header = {
		.session_id = link->peer_id,
		.cookie = link->peer_cookie,
		.seq = sess->numbers.tx_next,
		.ack = sess->numbers.rx_next,
		.record_cnt = packet->record_cnt,
		.flags = sess->ep->rx->full ? WIRE_FULL : 0,
	};

	sess->told_full = header.flags & WIRE_FULL;
	if (link->credit.owed)
		backlog_grant(link);
	header.window = credit_window(&link->credit);
	if (header.window != left)
		backlog_promise(link, header.window - left);
	wire_put_header(packet->bytes, &header);
	credit_sent(&link->credit, header.window);
	sess->stats.tx_packets++;
	if (!packet->record_cnt)
		sess->stats.tx_credit_packets++;
	if (packet == link->packet)
		link->packet = NULL;
	return packet;
}
