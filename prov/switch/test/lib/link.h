/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The test link: a core that exists only in memory.  It owns any number of engines, the paths
 * between them, a virtual clock and a seeded random number generator.  It performs the actions
 * of the engines with delays, in any order and with refusals, as far as a core may, and
 * checks that they keep the rules: only registered memory is used, no operation completes
 * twice, and no memory is touched after its completion.  A broken rule ends the process with
 * the seed on stderr, so that a fuzzer can use the link as well as a test.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch_session.h"

enum {
	LINK_NODE_MAX = 8,
	LINK_IOV_MAX = SESS_IOV_MAX,
};

struct link;
struct link_end;
struct link_node;

/* An operation of the application, whose completion and memory the link checks.  The caller
 * owns it and must keep it until it has completed. */
enum { LINK_PARTS = 32 };

struct link_op {
	struct sess_op op; /* first */
	struct link_node *node;
	bool pending; /* accepted, not complete */
	unsigned completions;
	uint8_t *buf; /* the memory of all its pieces, with guard bytes around each */
	size_t size;
	uint32_t pattern;
	void (*done)(struct link_op *op, void *arg); /* called on completion, or NULL */
	void *arg;
	struct link_op *part[LINK_PARTS]; /* of a receive with SESS_MULTI */
	unsigned part_cnt, part_max; /* the engine gets no memory for more than part_max parts */
};

/* The configuration of a node: its engine and its core. */
struct link_config {
	struct sess_config engine;
	struct sess_core_config core;
};

/* The behaviour of the core.  A test may change it at any time. */
struct link_habits {
	uint64_t delay_max; /* each delay is 1 to this many nanoseconds */
	unsigned refuse;    /* percent: a send, read or write gets -EAGAIN */
	unsigned reg_fail;  /* percent: a registration fails */
	unsigned reg_later; /* percent: a registration completes later */
	unsigned corrupt;   /* permille: bytes of a packet are changed */
	bool lose_on_close; /* packets in flight are lost when an end closes its path */
	bool deaf;	    /* a connection request is never answered */
	bool silent;	    /* packets are dropped, as by a peer that does not run the engine */
	bool hostile;	    /* packets are forged or changed: RMA to unknown memory only fails */
};

struct link_node {
	struct link *link;
	unsigned idx;
	struct link_config config;
	struct sess_engine *engine;
	struct sess_core *core;
	struct sess_ep *ep;
	TAILQ_HEAD(, link_end) ends;
	TAILQ_HEAD(, sess_mem) mems;
	unsigned mem_cnt;
	unsigned op_cnt; /* operations that have not completed */
	unsigned ups, byes, downs;
	bool retry_set; /* an EV_RETRY is due */
	bool silent;	/* packets to and from this node are dropped */
	bool asleep;	/* its application makes no calls, so that no event happens here */
};

/* One end of a path, the link on it, and the link's session. */
struct link_end {
	TAILQ_ENTRY(link_end) node_link;
	struct link_node *node;
	unsigned peer_idx;
	struct link_end *peer;	/* NULL: there is none yet, or it is closed */
	struct sess *sess;	/* NULL after sess_closed(), or sess_link_closed() */
	struct sess_link *link; /* NULL at the same times */
	uint64_t conn;		/* the number of our connection attempt */
	bool open;		/* packets can be sent and received */
	bool closing;		/* its path is being closed */
	bool up, bye, down;	/* the engine's actions of these names have been performed */
	bool scripted;		/* the peer is the caller: see link_scripted() */
	bool was_open;		/* scripted: the path has been up; it comes up only once */
	unsigned room;		/* scripted: the core takes this many ios at once */
	int refusal;		/* scripted: the core refuses packets with this errno */
	int rma_refusal;	/* scripted: the core refuses reads and writes with this errno */
	int error;		/* errno value of the DOWN action */
	char reason[80];
	struct sess_stats stats;       /* copied when the session went down */
	uint64_t last_sent, last_done; /* times at which the latest packet and completion are due */
	TAILQ_HEAD(, link_io) ios;
	TAILQ_HEAD(, link_event) kept; /* packets that the core has copied and not sent yet */
};

struct link {
	uint64_t seed, rng, now, conns;
	struct link_habits habits;
	TAILQ_HEAD(link_events, link_event) events;
	struct link_node *node[LINK_NODE_MAX];
	unsigned node_cnt;
	bool trace; /* print each packet; true if LINK_TRACE is in the environment */
	uint64_t packets, reads, writes, longest_packet;
	unsigned io_cnt, io_most; /* ios that the core has: now, and at most */
	/* called with each packet before its delivery; may change it */
	void (*tap)(struct link *link, struct link_end *to, uint8_t *packet, size_t len);
	void *tap_arg;
	/* called with each packet for a scripted peer, as the core takes it */
	void (*heard)(struct link_end *end, const uint8_t *packet, size_t len);
};

struct link *link_create(uint64_t seed);
/* Closes and frees everything; ends the process if an operation has not completed. */
void link_destroy(struct link *link);

/* The default configuration of a node; a test changes the fields that it is about. */
struct link_config link_config(void);
struct link_node *link_node(struct link *link, const struct link_config *config);

/* A random number of 0 .. n-1. */
uint64_t link_rand(struct link *link, uint64_t n);
void __attribute__((noreturn, format(printf, 2, 3)))
link_die(const struct link *link, const char *format, ...);

/* Begins a connection, which comes up while the link runs. */
struct link_end *link_connect(struct link_node *from, struct link_node *to);
/* A session of the node's endpoint with itself, which is up at once. */
struct link_end *link_connect_self(struct link_node *node);
/* Connects another link of a session that is up (ours); theirs is its session at the other
 * side.  Returns the end at this side. */
struct link_end *link_connect_again(struct link_node *from, struct sess *ours, struct link_node *to,
				    struct sess *theirs);
/* Returns the end at this node whose path leads to the other node and whose session is not
 * over, or NULL. */
struct link_end *link_end(struct link_node *at, struct link_node *to);
/* Creates two nodes and a session between them, which is up on return. */
void link_pair(struct link *link, const struct link_config *a, const struct link_config *b);

/*
 * Creates a session of ep, an endpoint of the node's engine, with a scripted peer: the caller
 * plays it.  The caller's packets come in by sess_input(), link.heard gets the packets that go
 * out, and each io stays with the core until the caller finishes it.  request: the connection
 * request of the scripted peer; NULL: the node makes one.
 */
struct link_end *link_scripted(struct link_node *node, struct sess_ep *ep,
			       const struct sess_request *request, uint64_t source);
/* Reports the path of a scripted session as up.  answer: the scripted peer's answer to the
 * node's request, else NULL. */
void link_scripted_up(struct link_end *end, const struct sess_request *answer);
/* Finishes the nth io that the core has.  Packets finish in order, so if the nth is a packet,
 * the oldest packet is finished. */
void link_scripted_done(struct link_end *end, unsigned nth, int error);
/* Reports the path of a scripted session as down. */
void link_scripted_down(struct link_end *end, int error);

/* Performs all actions that the engine has queued, without asking it for progress. */
void link_act(struct link_node *node);
/* Asks the engine for progress, then performs all its actions. */
void link_progress(struct link_node *node);
/* Lets the next event happen and performs the actions that follow from it.  Returns false if
 * there is no event. */
bool link_step(struct link *link);
/* Runs the link until no event is left and progress leads to no packet. */
void link_run(struct link *link);
/* Advances the clock by ns nanoseconds; events happen and deadlines expire meanwhile. */
void link_wait(struct link *link, uint64_t ns);
/* Breaks the path at both ends; packets in flight are lost. */
void link_break(struct link_end *end);

/* -- operations ------------------------------------------------------------ */

/* Creates an operation with size bytes of memory in cnt pieces, each between guard bytes. */
struct link_op *link_op_create(struct link_node *node, size_t size, unsigned cnt);
void link_op_destroy(struct link_op *op);
void link_op_fill(struct link_op *op, uint32_t pattern);
/* Returns true if the first len bytes hold the pattern and no byte behind them was written. */
bool link_op_holds(const struct link_op *op, uint32_t pattern, size_t len);
int link_send(struct sess *sess, struct link_op *op);
int link_recv(struct link_op *op);
/* Posts a receive to rx, a receive context of the node's engine other than its endpoint's own. */
int link_recv_from(struct sess_rx *rx, struct link_op *op);
/* The engine's sess_config.slot: creates the operation of one message of a receive with
 * SESS_MULTI.  The caller destroys the parts; they use the memory of the receive. */
struct sess_op *link_op_part(struct sess_op *whole);

/* Under AddressSanitizer, ends the process if memory has leaked so far; otherwise does nothing. */
void link_leak_check(void);

#endif
