/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets: one core message each, of records that share a header, a number
 * and a credit.
 */
#ifndef SESSION_PACKET_H
#define SESSION_PACKET_H

#include "session/types.h"

enum {
	PACKETS_OUT_MAX = 64, /* packets of one link that the core has not sent yet */
};

enum io_kind {
	IO_PACKET,
	IO_RMA,
};

/* A packet being filled or under way.  Owned by its link until taken by
 * the core, by the core until done, then by the free list of its core. */
struct sess_packet {
	struct sess_io io; /* first */
	SLIST_ENTRY(sess_packet) spare;
	STAILQ_HEAD(, sess_op) ops;	    /* operations that complete when it has left */
	struct sess_xfer *xfer;		    /* whose memory it sends from */
	struct sess_iov tail[SESS_IOV_MAX]; /* application memory behind bytes */
	uint8_t tail_cnt;
	uint8_t record_cnt;
	bool has_data;	 /* holds a record of class data */
	bool must_leave; /* something completes by it: being buffered is not enough */
	uint32_t len;	 /* of bytes */
	uint32_t tail_len;
	uint8_t bytes[]; /* buffer_size */
};

/* An empty one; NULL when memory is short. */
struct sess_packet *packet_alloc(struct sess_link *link);
void packet_free(struct sess_packet *packet);
/* Gives it number, credit and header: nothing changes it any more. */
struct sess_packet *packet_close(struct sess_packet *packet);
/* An operation whose packet left, or (error) never will. */
void packet_op_done(struct sess *sess, struct sess_op *op, int error);

#endif
