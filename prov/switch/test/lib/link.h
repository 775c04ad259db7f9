/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A core that exists only in memory: any number of engines, the paths between
 * them, a virtual clock and a seeded source of chance.  It performs what the
 * engines ask for, late, reordered and refused as far as a core may, and holds
 * them to the rules: registered memory only, no completion twice, no memory
 * touched behind a completion.  A rule that is broken ends the process with
 * the seed on stderr, so that a fuzzer can use it as well as a test.
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

/* One operation of the application that the link watches.  The caller owns
 * it and its memory; it must outlive its completion. */
enum { LINK_PARTS = 32 };

struct link_op {
	struct sess_op op; /* first */
	struct link_node *node;
	bool pending; /* accepted, not complete */
	unsigned completions;
	uint8_t *buf; /* its memory, from link_op_memory() */
	size_t size;
	uint32_t pattern;
	void (*done)(struct link_op *op, void *arg); /* NULL: nobody asks */
	void *arg;
	struct link_op *part[LINK_PARTS]; /* of a receive with MULTI, as they came */
	unsigned part_cnt, part_max;	  /* no memory for more than part_max */
};

/* What a node is configured like. */
struct link_config {
	struct sess_config engine;
	struct sess_core_config core;
};

/* How the core behaves; may be changed at any time. */
struct link_habits {
	uint64_t delay_max; /* whatever takes time takes 1 to this, nanoseconds */
	unsigned refuse;    /* percent: a send, read or write gets -EAGAIN */
	unsigned reg_fail;  /* percent: memory is not registered */
	unsigned reg_later; /* percent: the answer to REGISTER comes later */
	unsigned corrupt;   /* permille: bytes of a packet are changed */
	bool lose_on_close; /* what is under way is lost when an end closes its path */
	bool deaf;	    /* a connection request is never answered */
	bool silent;	    /* packets are swallowed: a peer that is no switch */
	bool hostile;	    /* packets are not what an engine made: RMA to anywhere just fails */
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
	unsigned op_cnt; /* pending */
	unsigned ups, byes, downs;
	bool retry_set; /* a retry is on its way */
	bool silent;	/* packets to it and from it are swallowed */
	bool asleep;	/* its application asks for nothing: nothing happens here */
};

/* One end of a path, the link on it, and the link's session. */
struct link_end {
	TAILQ_ENTRY(link_end) node_link;
	struct link_node *node;
	unsigned peer_idx;
	struct link_end *peer;	/* NULL: none, or gone */
	struct sess *sess;	/* NULL after sess_closed(), or sess_link_closed() */
	struct sess_link *link; /* likewise */
	uint64_t conn;		/* of our attempt */
	bool open;		/* packets go out and come in */
	bool closing;		/* DOWN was told */
	bool up, bye, down;	/* told */
	bool scripted;		/* the peer is the caller: see link_scripted() */
	bool was_open;		/* scripted: a path comes up once */
	unsigned room;		/* scripted: of so many ios at once, the next gets -EAGAIN */
	int refusal;		/* scripted: the core refuses packets with this errno */
	int rma_refusal;	/* the same of reads and writes */
	int error;		/* of DOWN */
	char reason[80];
	struct sess_stats stats;       /* when it went down */
	uint64_t last_sent, last_done; /* the times at which the latest ones are due */
	TAILQ_HEAD(, link_io) ios;
	TAILQ_HEAD(, link_event) kept; /* packets that the core has but copied */
};

struct link {
	uint64_t seed, rng, now, conns;
	struct link_habits habits;
	TAILQ_HEAD(link_events, link_event) events;
	struct link_node *node[LINK_NODE_MAX];
	unsigned node_cnt;
	bool trace; /* print each packet: set by the environment's LINK_TRACE */
	uint64_t packets, reads, writes, longest_packet;
	unsigned io_cnt, io_most; /* with the core, now and ever */
	/* sees each packet as it is delivered; may change it */
	void (*tap)(struct link *link, struct link_end *to, uint8_t *packet, size_t len);
	void *tap_arg;
	/* sees each packet that is sent to a scripted peer, as the core takes it */
	void (*heard)(struct link_end *end, const uint8_t *packet, size_t len);
};

struct link *link_create(uint64_t seed);
/* Every operation must be complete; closes and frees everything. */
void link_destroy(struct link *link);

/* What a plain node is configured like; change what the test is about. */
struct link_config link_config(void);
struct link_node *link_node(struct link *link, const struct link_config *config);

/* 0 .. n-1 */
uint64_t link_rand(struct link *link, uint64_t n);
void __attribute__((noreturn, format(printf, 2, 3)))
link_die(const struct link *link, const char *format, ...);

/* Begins a connection; it comes up as the link runs. */
struct link_end *link_connect(struct link_node *from, struct link_node *to);
/* A session of the node's endpoint with itself, up at once. */
struct link_end *link_connect_self(struct link_node *node);
/* Another link of a session that is up, which is theirs at the other side.  Returns its
 * end here. */
struct link_end *link_connect_again(struct link_node *from, struct sess *ours, struct link_node *to,
				    struct sess *theirs);
/* The end at this node that leads to the other and is not over, or NULL. */
struct link_end *link_end(struct link_node *at, struct link_node *to);
/* Two nodes and a session between them that is up. */
void link_pair(struct link *link, const struct link_config *a, const struct link_config *b);

/*
 * A session of ep, an endpoint of the node's engine, whose peer is no engine but the
 * caller: packets come in by sess_input(), link.heard sees those that go out, and
 * each io stays with the core until the caller says what became of it.  request:
 * what the peer asks with; NULL: the node asks.
 */
struct link_end *link_scripted(struct link_node *node, struct sess_ep *ep,
			       const struct sess_request *request, uint64_t source);
/* Its path is up; answer: what the peer answers with, where the node asked. */
void link_scripted_up(struct link_end *end, const struct sess_request *answer);
/* An io is over, the nth of those out: packets finish in order, so it is the
 * oldest packet if that one is a packet. */
void link_scripted_done(struct link_end *end, unsigned nth, int error);
/* The path is at its end. */
void link_scripted_down(struct link_end *end, int error);

/* Performs all actions that the engine has, without asking for progress. */
void link_act(struct link_node *node);
/* Asks for progress, then performs all actions. */
void link_progress(struct link_node *node);
/* The next event and what follows from it.  False: there is none. */
bool link_step(struct link *link);
/* Until nothing happens any more. */
void link_run(struct link *link);
/* Lets time pass: deadlines fire. */
void link_wait(struct link *link, uint64_t ns);
/* The path breaks at both ends, what is under way is lost. */
void link_break(struct link_end *end);

/* -- operations ------------------------------------------------------------ */

/* Memory of size bytes, in cnt pieces with gaps between them, all watched. */
struct link_op *link_op_create(struct link_node *node, size_t size, unsigned cnt);
void link_op_destroy(struct link_op *op);
void link_op_fill(struct link_op *op, uint32_t pattern);
/* True if the first len bytes hold the pattern, and no byte behind was touched. */
bool link_op_holds(const struct link_op *op, uint32_t pattern, size_t len);
int link_send(struct sess *sess, struct link_op *op);
int link_recv(struct link_op *op);
/* In another context of the node's engine than its own endpoint's. */
int link_recv_from(struct sess_rx *rx, struct link_op *op);
/* Of a receive with MULTI: the engine's sess_config.part.  The caller destroys
 * the parts; their memory is the receive's. */
struct sess_op *link_op_part(struct sess_op *whole);

/* Under AddressSanitizer: nothing leaked so far. */
void link_leak_check(void);

#endif
