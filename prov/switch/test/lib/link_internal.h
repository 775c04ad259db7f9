/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by the files of the test link: lib/link.c (random numbers, events, running),
 * lib/link_core.c (packets, RMA, registration), lib/link_path.c (connections), lib/link_op.c
 * (operations).
 */
#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include "lib/link.h"

enum event_type {
	EV_DELIVER, /* a packet arrives at end */
	EV_PLACE,   /* the data of a read or write are moved */
	EV_DONE,    /* io completes */
	EV_REG,	    /* a registration completes */
	EV_RETRY,   /* node asks for progress after the core refused an operation */
	EV_REQUEST, /* a connection request of end arrives at node */
	EV_AGAIN,   /* a request for another link of sess arrives at node */
	EV_ANSWER,  /* other accepted the request of end */
	EV_UP,	    /* the path that end accepted is up */
	EV_DOWN,    /* the path of end broke */
	EV_CLOSED,  /* end is closed */
};

struct link_event {
	TAILQ_ENTRY(link_event) link;
	uint64_t due;
	enum event_type type;
	struct link_node *node;
	struct link_end *end, *other;
	struct link_io *io;
	uint8_t *packet;
	size_t len;
	bool lost;
	uint64_t conn;
	struct sess *sess; /* of EV_AGAIN */
	uint8_t preamble[SESS_PREAMBLE_LEN];
	int error;
	struct sess_xfer *xfer;
	struct sess_mem *mem;
};

/* A packet, read or write that the core has. */
struct link_io {
	TAILQ_ENTRY(link_io) link;
	struct link_end *end;
	struct sess_io *io;
	enum sess_action_type type;
	struct sess_iov iov[SESS_SEND_IOV_MAX];
	unsigned iov_cnt;
	size_t len;
	uint64_t raddr;
	uint8_t key[SESS_KEY_MAX];
	size_t key_len;
	uint8_t *copy; /* a packet as the core took it, or the data of a write when it completes */
	bool placed, done;
	bool in_order; /* a write that is placed before the packets behind it arrive */
	bool lost;
	int error;
};

/* A registration of memory. */
struct sess_mem {
	TAILQ_ENTRY(sess_mem) link;
	struct link_node *node;
	uint8_t *addr;
	size_t len;
	unsigned access;
	uint8_t key[SESS_KEY_MAX];
	size_t key_len;
};

static inline uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* lib/link.c */
bool link_percent(struct link *link, unsigned chance);
uint64_t link_delay(struct link *link);
void link_engine_random(void *buf, size_t len);
/* Returns zeroed memory.  It is not from malloc(), which some tests make fail for the engine. */
void *link_memory(size_t len);
void link_event_insert(struct link *link, struct link_event *event);
struct link_event *link_event_at(struct link *link, enum event_type type, struct link_end *end,
				 uint64_t due);
struct link_event *link_event_soon(struct link *link, enum event_type type, struct link_end *end);

/* lib/link_core.c */
/* Sends the packets that the core has only copied so far. */
void link_core_push(struct link_end *end);
void link_core_give(struct link_node *node, const struct sess_action *action);
void link_core_place(struct link *link, struct link_io *io);
void link_core_done(struct link *link, struct link_io *io);
void link_core_register(struct link_node *node, const struct sess_action *action);
void link_core_answer(struct link_node *node, struct sess_xfer *xfer, struct sess_mem *mem);
void link_core_release(struct link_node *node, struct sess_mem *released);

/* lib/link_path.c */
void link_path_request(struct link *link, const struct link_event *event);
void link_path_connect(struct link_end *end);
void link_path_again(const struct link_event *event);
void link_path_answer(struct link *link, const struct link_event *event);
void link_path_deliver(struct link *link, struct link_event *event);
void link_path_down(struct link *link, struct link_end *end, int error);
void link_path_went_down(struct link_end *user, struct sess *sess, int error);
void link_path_link_down(struct link_end *end, int error);
void link_path_drained(struct link_end *end);
void link_path_closed(struct link_end *end);

/* lib/link_op.c */
void link_op_complete(struct link_node *node, struct sess_op *sess_op);

#endif
