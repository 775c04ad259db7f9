/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The scene of the peer fuzz target (peer_fuzz.c): a victim, which is an engine; a
 * hostile peer, which is none and does what the input says; and an honest peer.
 */
#ifndef PEER_SCENE_H
#define PEER_SCENE_H

#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
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

/* -- What the victim sends (peer_hear.c) -- */

/* The victim keeps to what it was told, whatever it is told. */
void heard(struct link_end *end, const uint8_t *packet, size_t len);

/* -- What the peer sends (peer_send.c) -- */

void send_hello(struct scene *scene, struct peer *peer, bool odd);
/* One packet; it stays unsent where the victim gave no credit for it. */
void send_packet(struct scene *scene, struct peer *peer);

/* -- Sessions, the application, the core, time and the honest peer (peer_world.c) -- */

void open_session(struct scene *scene, struct peer *peer);
void receive(struct scene *scene);
void submit(struct scene *scene, struct peer *peer);
/* What ends everything that the endpoint has is not for one that the honest peer uses. */
void end_endpoint(struct scene *scene, unsigned how);
void end_session(struct scene *scene, struct peer *peer);
void core_answers(struct scene *scene, struct peer *peer);
void core_behaves(struct scene *scene, struct peer *peer);
void run(struct scene *scene);
/* While registrations fail a forced way may fail, which is no concern of this. */
void echo(struct scene *scene, uint8_t how);

/* -- The script (peer_fuzz.c) -- */

bool is_over(const struct peer *peer);

#endif
