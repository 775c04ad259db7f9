/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state of the peer fuzz target (peer_fuzz.c), shared by its files: the victim, which is
 * an engine; the hostile peer, which is played by the input; and the honest peer, which is an
 * engine too.
 */
#ifndef PEER_SCENE_H
#define PEER_SCENE_H

#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_memory.h"
#include "session/internal.h"

enum {
	PEERS = 4,	    /* sessions of the hostile peer that are open at a time */
	OPENINGS_MAX = 100, /* sessions of the hostile peer that one input may open */
	STEPS_MAX = 1000,
	ECHOES_MAX = 50,
	TRANSFERS = 8, /* transfers that a hostile session remembers, in each direction */
	ROOM = 8,      /* packets, reads and writes of a session that the core takes at a time */
	MULTI_PARTS = 4,
	KEY_LEN = 8,
	WINDOW = 8,
	PACKET_MAX = 4096,
	FIRST_SEQ = -3, /* first packet number of the hostile peer: its numbers wrap */
	SOURCE = 100,	/* the first source address of the hostile peer */
};

#define ECHO_TAG (UINT64_C(1) << 63) /* the script's receives never match it */

/* A transfer that the hostile peer announced, or (peer.theirs) that the victim announced to it. */
struct transfer {
	uint32_t id;
	uint64_t rest; /* bytes behind the initial portion, or those that GO asked for */
	uint64_t sent; /* bytes of rest that were sent in segments */
};

/* A session as the hostile peer sees it. */
struct peer {
	struct link_end *end; /* NULL: none yet */
	struct sess_request victim, own;
	bool greeted; /* the hostile peer has sent its hello */
	bool hello_came, bye_came;
	uint32_t seq;	/* number of the hostile peer's next packet */
	uint32_t limit; /* the hostile peer may send packets below this number */
	uint32_t heard; /* number of the victim's next packet */
	uint32_t acked; /* the hostile peer acknowledged all packets below this number */
	uint32_t given; /* the victim may send packets below this number */
	uint32_t packet_max;
	uint64_t eager_budget, eager_sent, eager_released; /* the victim's */
	struct transfer ours[TRANSFERS], theirs[TRANSFERS];
	unsigned our_cnt, their_cnt;
};

struct scene {
	struct link *link;
	struct link_node *victim, *honest;
	struct sess_ep *ep; /* the hostile peer is connected to it; NULL: destroyed */
	struct sess_rx *rx; /* its receive context if that is a shared one, else NULL */
	bool own_ep;	    /* the honest peer is connected to another endpoint */
	bool ep_closed;
	struct input in;
	unsigned steps, openings, echoes;
	unsigned sess_most; /* highest number of sessions at a time */
	size_t index_most;  /* highest number of bytes of hash buckets */
	uint32_t next_id;
	struct peer peer[PEERS];
	struct fuzz_ops ops;
};

/* -- Packets of the victim (peer_hear.c) -- */

/* Checks a packet of the victim: it must keep to the limits that the hostile peer announced,
 * however strange those are. */
void heard(struct link_end *end, const uint8_t *packet, size_t len);

/* -- Packets of the hostile peer (peer_send.c) -- */

void send_hello(struct scene *scene, struct peer *peer, bool odd);
/* Sends one packet, unless the victim gave no credit for it. */
void send_packet(struct scene *scene, struct peer *peer);

/* -- Sessions, the application, the core, time and the honest peer (peer_world.c) -- */

void open_session(struct scene *scene, struct peer *peer);
void receive(struct scene *scene);
void submit(struct scene *scene, struct peer *peer);
/* Ends all sessions of the hostile peer's endpoint; does nothing if the honest peer uses the
 * same endpoint. */
void end_endpoint(struct scene *scene, unsigned how);
void end_session(struct scene *scene, struct peer *peer);
void core_answers(struct scene *scene, struct peer *peer);
void core_behaves(struct scene *scene, struct peer *peer);
void run(struct scene *scene);
/* Exchanges one message in each direction with the honest peer.  Registrations succeed
 * meanwhile, because a forced way may fail without them. */
void echo(struct scene *scene, uint8_t how);

/* -- The script (peer_fuzz.c) -- */

bool is_over(const struct peer *peer);

#endif
