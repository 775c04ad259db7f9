/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine's private structures, their states and who owns what.  Only the
 * files of this folder include it.  Prefixes name the file: engine_, session_,
 * hello_, packet_, match_, index_, xfer_, and one per way of moving data.
 */
#ifndef SESS_INTERNAL_H
#define SESS_INTERNAL_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "session/credit.h"
#include "session/table.h"
#include "session/wire.h"

/* glibc's <sys/queue.h> lacks it: the element may be removed in the loop. */
#define TAILQ_EACH_SAFE(var, head, field, next)                        \
	for ((var) = TAILQ_FIRST(head);                                \
	     (var) && ((next) = TAILQ_NEXT(var, field), 1); (var) = (next))

enum {
	RMA_IN_FLIGHT = 4, /* reads or writes of one transfer at a time */
	SMALL_MESSAGE = 192, /* unmatched messages up to here come from a free list */
	SPARE_MAX = 256,     /* free packets, messages ... kept of each kind */
	PACKETS_OUT_MAX = 64, /* packets of one session that the core has not sent yet */
};

/* -- operations: what each waits for ------------------------------------ */

enum op_state {
	OP_IDLE,      /* the driver's */
	OP_QUEUED,    /* send: room in a packet, a credit, or the session to come up */
	OP_PACKED,    /* send: its packet to leave */
	OP_MOVING,    /* its transfer to end */
	OP_LOOPED,    /* send to itself: a receive */
	OP_POSTED,    /* receive: a message */
	OP_DONE,      /* in the list of finished operations, or back with the driver */
};

/* -- things in flight ---------------------------------------------------- */

enum io_kind {
	IO_PACKET,
	IO_RMA,
};

/* A packet being filled or under way.  Owned by its session until taken by
 * the core, by the core until done, then by the engine's free list. */
struct sess_packet {
	struct sess_io io; /* first */
	SLIST_ENTRY(sess_packet) spare;
	STAILQ_HEAD(, sess_op) ops;  /* operations that complete when it has left */
	struct sess_xfer *xfer;	     /* whose memory it sends from */
	struct sess_iov tail[SESS_IOV_MAX]; /* application memory behind bytes */
	uint8_t tail_cnt;
	uint8_t record_cnt;
	bool is_hello;
	bool has_data;		     /* holds a record of class data */
	bool must_leave;	     /* something completes by it: being buffered is not enough */
	uint32_t len;		     /* of bytes */
	uint32_t tail_len;
	uint8_t bytes[];	     /* buffer_size */
};

struct sess_rma {
	struct sess_io io; /* first */
	SLIST_ENTRY(sess_rma) spare;
	struct sess_xfer *xfer;
	size_t len;
};

/* A record of control that waits for a packet. */
struct sess_control {
	STAILQ_ENTRY(sess_control) link;
	enum wire_type type;
	uint16_t status;
	uint32_t id;
	uint64_t want;
	struct sess_xfer *xfer; /* SINK: whose descriptors */
	struct sess_op *op;	/* DONE: the receive that completes when it has left */
};

/* -- transfers ------------------------------------------------------------ */

enum xfer_stage {
	/* of the sender, what it waits for: */
	XFER_REGISTERING, /* its memory to be registered; START or writes follow */
	XFER_READY,	  /* START to leave */
	XFER_OFFERED,	  /* the peer's GO, SINK or DONE */
	XFER_SENDING,	  /* segments to leave */
	XFER_WRITING,	  /* its writes to finish */
	XFER_AWAITED,	  /* DONE: everything was moved */
	/* of the receiver: */
	XFER_UNMATCHED,	  /* a receive */
	XFER_SINKING,	  /* its memory to be registered, SINK to leave or reads to begin */
	XFER_READING,	  /* its reads to finish */
	XFER_SUNK,	  /* WRITTEN */
	XFER_GATHERING,	  /* segments */
	/* of both: */
	XFER_FINISHING,	  /* what is in flight, then its memory to be released */
};

/* Receivers find a transfer by its session and the sender's id. */
struct xfer_key {
	struct sess *sess;
	uint64_t id;
};

/*
 * A message that takes more than one record.  Made when its way is chosen
 * (sender) or its START arrives (receiver); owned by its session; freed when
 * nothing of it is in flight, its memory is released and its operation is
 * complete.
 */
struct sess_xfer {
	TAILQ_ENTRY(sess_xfer) link;  /* in the session */
	TAILQ_ENTRY(sess_xfer) queue; /* one of the work lists below */
	uint8_t queued;		      /* enum work, 0: none */
	struct sess *sess;
	struct sess_op *op;	      /* NULL: unmatched, or discarded */
	struct sess_message *message; /* receiver, unmatched */
	const struct sess_way_ops *ops;
	enum xfer_stage stage;
	bool incoming, canceling;
	bool ack;	  /* the sender wants to hear of the delivery */
	bool held;	  /* copy: segments wait for GO */
	bool answer;	  /* incoming: DONE is owed at the end */
	bool registering; /* a REGISTER action is out */
	bool counted;	  /* incoming: no receive has it, and the backlog counts it */
	uint16_t status;  /* of that DONE */
	uint32_t id;	  /* the sender's */
	struct xfer_key key; /* incoming: in the engine's table if hh.tbl is set */
	UT_hash_handle hh;

	uint64_t total;	  /* bytes of the message */
	uint64_t initial; /* of them in START */
	uint64_t want;	  /* bytes behind those to be moved */
	uint64_t issued;  /* of them handed to the core, or sent */
	uint64_t moved;	  /* of them arrived, or finished */
	uint64_t expect, came; /* incoming, copy: bytes of segments to come, and here */
	uint64_t delivered;    /* incoming: of the initial portion */
	uint32_t io_out;  /* packets and RMA operations that use its memory */
	int error;

	struct sess_iov piece[SESS_IOV_MAX]; /* local memory of the wanted bytes */
	uint8_t piece_cnt;
	uint8_t mem_cnt;		     /* registrations held: mem[0 .. mem_cnt) */
	struct sess_mem *mem[SESS_IOV_MAX];
	struct wire_desc own[SESS_IOV_MAX];  /* of mem, to be told */
	uint8_t own_key_len;
	struct wire_desc desc[SESS_IOV_MAX]; /* the peer's */
	uint8_t desc_cnt, key_len;
	unsigned access;		     /* of the registrations */
};

/* The work lists of the engine that a transfer may be on: one at a time. */
enum work {
	WORK_NONE,
	WORK_REGISTER,
	WORK_RELEASE,
	WORK_RMA,
	WORK_RMA_BLOCKED, /* the core had no room */
	WORK_BULK,	  /* of the session */
};

/* One way of moving a message that does not fit a packet. */
struct sess_way_ops {
	enum sess_way way;
	const char *name;
	/* Both sides' capabilities allow it. */
	bool (*usable)(const struct sess *sess);
	/* Sender: START is about to be built; sets held and initial.  False:
	 * not yet, the transfer continues when it is registered. */
	bool (*offer)(struct sess_xfer *xfer);
	/* Sender: START is in a packet. */
	void (*offered)(struct sess_xfer *xfer);
	/* Receiver: checks START.  False: it breaks the rules. */
	bool (*check)(struct sess_xfer *xfer, const struct wire_record *record);
	/* Receiver: a receive was found (or nobody wants the message: op is
	 * NULL), the initial portion is delivered.  stored: the have bytes
	 * that came so far. */
	void (*matched)(struct sess_xfer *xfer, const uint8_t *stored, size_t have);
	/* All memory is registered (error 0), or could not be. */
	void (*registered)(struct sess_xfer *xfer, int error);
	/* The last RMA operation was handed to the core. */
	void (*issued)(struct sess_xfer *xfer);
	/* The last RMA operation finished. */
	void (*moved)(struct sess_xfer *xfer);
};

extern const struct sess_way_ops sess_read_ops, sess_write_ops, sess_copy_ops, sess_inline_ops;

/* -- sessions ------------------------------------------------------------- */

enum sess_state {
	SESS_CONNECTING, /* the core path, then (opener) to send the hello */
	SESS_GREETING,	 /* the peer's hello */
	SESS_OPEN,	 /* up */
	SESS_CLOSING,	 /* what is pending, then BYE to leave and to come */
	SESS_FAILED,	 /* the driver to close the path */
	SESS_ENDED,	 /* its transfers to be freed */
};

/* Up to this size a message takes this way. */
struct sess_choice {
	uint64_t up_to;
	const struct sess_way_ops *ops; /* NULL: inline */
};

TAILQ_HEAD(xfer_list, sess_xfer);
TAILQ_HEAD(sess_list, sess);
TAILQ_HEAD(message_list, sess_message);

/* One path to one peer; owned by its endpoint, freed after sess_closed(). */
struct sess {
	struct sess_engine *engine;
	struct sess_ep *ep;
	void *user;
	uint64_t source;
	TAILQ_ENTRY(sess) ep_link;
	TAILQ_ENTRY(sess) work;	 /* ready, blocked or held */
	TAILQ_ENTRY(sess) event; /* UP, BYE, DOWN to be told */
	TAILQ_ENTRY(sess) timed; /* a deadline */
	TAILQ_ENTRY(sess) throttled; /* while credit.throttled */

	enum sess_state state;
	struct sess_list *work_list; /* where work is linked, or NULL */
	bool is_opener, is_self;
	bool path_up, hello_due, hello_seen, refuse_due, abort_due;
	bool has_event, tell_up, tell_bye, tell_down;
	bool close_due; /* asked for before it was up */
	bool bye_due, bye_sent, bye_seen;
	bool peer_full, told_full; /* unexpected storage is full: there, here */
	bool expelled;		   /* failed because it broke the rules */
	bool stalled_on_credit, bulk_turn;
	uint16_t refusal;

	uint32_t id, cookie, peer_id, peer_cookie;
	uint64_t peer_instance;
	uint32_t attempt, peer_attempt;
	uint32_t peer_caps;
	uint32_t packet_max;	/* bytes of a packet to the peer */
	uint32_t bye_seq;
	uint64_t rma_max;
	struct sess_choice choice[4];
	struct sess_credit credit;

	STAILQ_HEAD(, sess_op) sends; /* not announced yet */
	STAILQ_HEAD(, sess_control) controls;
	unsigned answer_cnt;	      /* of those: to the peer's transfers */
	unsigned out_cnt;	      /* packets that the core has */
	struct xfer_list bulk;	      /* with segments to send, in turn */
	struct xfer_list xfers;	      /* all */
	struct message_list messages; /* that it brought and no receive has */
	uint64_t kept;		      /* bytes that it makes us keep: session/backlog.c */
	uint64_t patience;	      /* before it is throttled; 0: its share */
	bool taken;		      /* one of its messages was, since the last look */
	unsigned pending;	      /* sends and matched transfers that are not over */
	struct sess_packet *packet;   /* being filled */
	struct sess_packet *refused;  /* full, numbered; the core had no room */

	/* bytes of copied transfers sent or received before a match, ever */
	uint64_t eager_sent, eager_released, eager_budget; /* ours at the peer */
	uint64_t eager_came, eager_freed, eager_told, own_budget; /* the peer's here */

	uint64_t deadline; /* 0: to be set at the next tick */
	struct sess_list *timed_list; /* where timed is linked, or NULL */
	int error;
	const char *reason;
	struct sess_stats stats;
	uint8_t name_len;
	uint8_t name[SESS_NAME_MAX];
};

/* A message that came before its receive.  Owned by the lists of the receive
 * context; bytes hold what arrived, in storage of its exact size. */
struct sess_message {
	TAILQ_ENTRY(sess_message) link;
	TAILQ_ENTRY(sess_message) tag_link, source_link; /* in buckets: session/index.c */
	uint64_t order;					 /* in which it came */
	struct sess_ep *ep;	/* it came to */
	TAILQ_ENTRY(sess_message) ep_link; /* in there */
	uint16_t flags;		/* SESS_TAGGED, SESS_DATA */
	bool small;		/* from the free list */
	bool claimed;		/* in the list of those, not among the unexpected */
	bool counted;		/* by the backlog */
	struct sess *sess;	/* that brought it; NULL: it has ended */
	TAILQ_ENTRY(sess_message) sess_link; /* there, or in the context's orphans */
	uint64_t source, tag, data, total;
	size_t have;		/* bytes stored so far */
	size_t size;		/* bytes of storage */
	struct sess_xfer *xfer; /* the rest is still with the peer, or it wants an answer */
	struct sess_op *loop;	/* a send to itself that waits */
	void *claim;
	uint8_t bytes[];
};

/* The least that one takes. */
#define MESSAGE_SIZE_MIN (sizeof(struct sess_message) + (size_t)SMALL_MESSAGE)

TAILQ_HEAD(op_list, sess_op);

/* Messages and receives of one kind, tagged or not. */
struct match_queue {
	struct op_list posted;
	struct message_list unexpected;
	unsigned posted_cnt, unexpected_cnt;
	uint64_t order; /* of the last that was added */
	/* buckets, see session/index.c; NULL: not needed yet */
	struct message_list *by_tag, *by_source;
	struct op_list *receives;
};

/* A matcher: an endpoint's own, or shared by several and owned by the driver
 * until sess_rx_destroy(). */
struct sess_rx {
	struct sess_engine *engine;
	TAILQ_HEAD(, sess_ep) eps; /* that receive from it */
	struct match_queue plain, tagged;
	struct message_list claimed;
	struct message_list orphans; /* of sessions that ended; in their queues, too */
	uint64_t kept;		     /* bytes that all sessions make it keep */
	uint64_t orphaned;	     /* of them for sessions that ended */
	int64_t promised;	     /* packets that peers may send */
	int64_t budgets;	     /* bytes of copies that they may send unasked */
	unsigned piled_up;	     /* sessions that make it keep any */
	bool full, closed;
	int ended; /* nothing comes any more: what receives complete with */
};

/* An endpoint and its sessions; owned by the driver until sess_ep_destroy(). */
struct sess_ep {
	struct sess_engine *engine;
	void *user;
	uint64_t instance;
	uint32_t attempts;
	bool closed, destroyed;
	unsigned busy; /* operations that have it as their ep */
	struct sess_list sessions;
	struct sess_rx *rx, own_rx;
	TAILQ_ENTRY(sess_ep) rx_link;
	struct message_list messages; /* that came to it and met no receive yet */
	struct sess_stats stats; /* of sessions that ended */
	uint8_t name_len;
	uint8_t name[SESS_NAME_MAX];
};

struct sess_engine {
	struct sess_config config;
	struct sess_table sessions, xfers;
	struct sess_xfer *incoming; /* uthash by session and id */
	struct sess_list ready;	    /* may have a packet to send */
	struct sess_list blocked;   /* the core had no room */
	struct sess_list held;	    /* sends held back to be coalesced */
	struct sess_list events;
	struct sess_list timed_hello, timed_close;
	struct sess_list throttled; /* sessions whose peers get fewer credits */
	unsigned timed_unset;
	struct xfer_list registering, releasing, rma, rma_blocked;
	STAILQ_HEAD(, sess_op) done;
	SLIST_HEAD(, sess_packet) spare_packets;
	SLIST_HEAD(, sess_rma) spare_rmas;
	STAILQ_HEAD(, sess_control) spare_controls;
	struct message_list spare_messages;
	unsigned spare_packet_cnt, spare_rma_cnt, spare_control_cnt, spare_message_cnt;

	/* learning whether the application posts in bursts: session/packet.c */
	uint64_t now;		/* of the last call for progress */
	unsigned burst_sends;	/* since it last asked for progress */
	unsigned burst_rounds;	/* in a row */
	unsigned burst_need;	/* rounds before anything is held back */
	bool holding;

	/* whether the application takes what is piled up: session/backlog.c */
	bool taken;		/* something, since it last asked for progress */
	unsigned idle_calls;	/* for progress, without */
	uint64_t next_look;	/* by the clock */
	uint64_t backlog_max;	/* bytes that a receive context keeps for its peers */
	unsigned answers_max;	/* that wait in a session */
	uint64_t secret[3];	/* of hashes that peers must not foresee */

	struct sess_action action;
	struct sess_packet *offered;	/* of the SEND out */
	struct sess_rma *offered_rma;	/* of the READ or WRITE out */
};

/* session/engine.c */
void engine_op_done(struct sess_op *op, int error);
void engine_event(struct sess *sess);
void engine_set_work(struct sess *sess, struct sess_list *list);
void engine_set_timer(struct sess *sess, struct sess_list *list);
void engine_clear_timer(struct sess *sess);

/* session/session.c */
void session_fail(struct sess *sess, int error, const char *reason);
/* The peer broke the rules: what it left goes with it. */
void session_expel(struct sess *sess, int error, const char *reason);
/* It has failed: whatever waits for nothing in flight goes at once, for the path may
 * take its time to close. */
void session_shed(struct sess *sess);
void session_came_up(struct sess *sess);
/* Something ended: perhaps BYE may leave, or the session is over. */
void session_progress_close(struct sess *sess);
void session_free_if_ended(struct sess *sess);
void session_bye_came(struct sess *sess, bool aborted);
void session_stats_add(struct sess_stats *sum, const struct sess_stats *part);

/* session/hello.c */
void hello_build(struct sess *sess, struct sess_packet *packet);
void hello_came(struct sess *sess, const struct wire_header *header,
		const struct wire_record *record);
void hello_refused(struct sess *sess, const struct wire_record *record);

/* session/ways/select.c */
void select_build(struct sess *sess);
/* NULL: inline */
const struct sess_way_ops *select_way(const struct sess *sess, uint64_t len);
const struct sess_way_ops *select_ops(enum sess_way way);
size_t select_inline_max(uint32_t packet_max);

/* session/packet.c */
struct sess_packet *packet_next(struct sess *sess);
void packet_ready(struct sess *sess);
bool packet_append_now(struct sess *sess, struct sess_op *op);
void packet_free(struct sess_engine *engine, struct sess_packet *packet);
void packet_learn(struct sess_engine *engine, uint64_t now);
/* Held back longer than this, the sends of an application that was computing
 * came late (nanoseconds): hold back only after a longer run of bursts. */
#define HELD_TOO_LONG UINT64_C(100000)
bool packet_hold(struct sess *sess, const struct sess_op *op);
/* Queues a record of control.  NULL: behind our BYE nothing may follow, or
 * memory was short and the session failed. */
struct sess_control *packet_control(struct sess *sess, enum wire_type type, uint32_t id);
void packet_control_remove(struct sess *sess);
bool packet_has_work(const struct sess *sess);
/* An operation whose packet left, or (error) never will. */
void packet_op_done(struct sess *sess, struct sess_op *op, int error);
/* DONE for a message of the peer; op, if there is one, completes when it has
 * left: who is told to have received may never ask for progress again. */
void packet_answer(struct sess *sess, uint32_t id, enum wire_status status, struct sess_op *op);

/* session/index.c */
void index_init(struct match_queue *queue);
void index_fini(struct match_queue *queue);
/* Behind all others. */
void index_message_add(struct match_queue *queue, struct sess_message *message);
void index_message_remove(struct match_queue *queue, struct sess_message *message);
/* Its source is known now, or another. */
void index_message_source(struct match_queue *queue, struct sess_message *message, uint64_t source);
/* The first that the receive takes, or NULL. */
struct sess_message *index_message_find(const struct match_queue *queue, const struct sess_op *op);
void index_receive_add(struct match_queue *queue, struct sess_op *op);
void index_receive_remove(struct match_queue *queue, struct sess_op *op);
/* The first that takes such a message, or NULL. */
struct sess_op *index_receive_find(const struct match_queue *queue, const struct sess_rx *rx,
				   uint64_t tag, uint64_t source);

/* session/match.c */
/* For a message of len bytes. */
struct sess_op *match_posted(struct sess_ep *ep, uint16_t flags, uint64_t tag, uint64_t source,
			     uint64_t len);
/* Gives a receive that is about to be posted or matched its private members. */
void match_init(struct sess_op *op, struct sess_rx *rx);
/* A receive has its message: it is ep's until it is done. */
void match_begin(struct sess_op *op, struct sess_ep *ep);
void match_drop(struct sess_message *message);
/* Bytes of memory that it takes. */
size_t match_message_size(const struct sess_message *message);
void match_forget(struct sess_message *message);
void match_rx_init(struct sess_rx *rx, struct sess_engine *engine);
void match_rx_fini(struct sess_rx *rx);
/* Takes a receive out of its queue. */
void match_unpost(struct sess_op *op);
/* Whether the receive takes a message with this tag, from there. */
bool match_fits(const struct sess_op *op, uint64_t tag, uint64_t source);
/* Drops what came to the endpoint; receives of its own end with error. */
void match_close(struct sess_ep *ep, int error);
/* The session is over: its own unmatched sends to itself end. */
void match_forget_session(struct sess *sess, int error);
/* The peer is gone without a word, or cannot be reached: receives from it alone end. */
void match_fail_source(struct sess *sess, int error);
struct match_queue *match_queue(struct sess_rx *rx, uint16_t flags);
/* Gives op what is known of the message. */
void match_describe(struct sess_op *op, const struct sess_message *message);
/* Makes room for size bytes of a message and appends it to the unmatched.
 * NULL: memory is short, or the peer went too far and the session failed. */
struct sess_message *match_new_message(struct sess *sess, uint16_t flags, uint64_t tag,
				       size_t size);

/* session/backlog.c */
/* Something that the peer makes us keep, and that it is over. */
void backlog_add(struct sess *sess, uint64_t bytes);
void backlog_remove(struct sess *sess, uint64_t bytes);
/* The application took a message that was piled up. */
void backlog_taken(struct sess *sess);
/* The endpoint, in no context's list, is about to change to another one. */
void backlog_move(struct sess_ep *ep, struct sess_rx *to);
/* Fixes the peer's first window and its eager budget: before our hello tells them, and
 * before the peer's, which may be ahead of ours. */
void backlog_greet(struct sess *sess);
/* The peer may send so many packets more. */
void backlog_promise(struct sess *sess, int32_t packets);
/* A packet is about to tell the peer its window. */
void backlog_grant(struct sess *sess);
void backlog_progress(struct sess_engine *engine);
/* Returns when it wants to look again, or SESS_NEVER. */
uint64_t backlog_tick(struct sess_engine *engine, uint64_t now);
/* The session is about to fail, or to end: it gives no more credits. */
void backlog_forget(struct sess *sess);
/* The session is over: who owns what it brought. */
void backlog_orphan(struct sess *sess);
/* Drops what an expelled session brought. */
void backlog_drop(struct sess *sess);
/* What exceeds the limits goes. */
void backlog_enforce(struct sess *sess);
/* Bytes that a context keeps at most, but for the last record. */
uint64_t backlog_max(const struct sess_config *config);
/* Answers that wait in one session, likewise. */
unsigned backlog_answers_max(const struct sess_config *config);
/* A record of this session was handled. */
static inline void backlog_check(struct sess *sess)
{
	if (sess->ep->rx->kept > sess->engine->backlog_max || sess->expelled ||
	    sess->answer_cnt > sess->engine->answers_max)
		backlog_enforce(sess);
}

/* session/multi.c */
/* The operation for a message of len bytes to ep that a posted receive with
 * MULTI matched.  NULL: memory is short, and the receive is over. */
struct sess_op *multi_part(struct sess_op *whole, struct sess_ep *ep, uint64_t len);

/* session/ways/inline.c */
uint16_t inline_wire_flags(uint16_t op_flags);
void inline_came(struct sess *sess, const struct wire_record *record);
void inline_deliver(struct sess_op *op, struct sess_message *message);

/* session/ways/self.c */
int self_send(struct sess *sess, struct sess_op *op, size_t len);
void self_deliver(struct sess_op *op, struct sess_message *message);
int self_cancel(struct sess_op *op);

/* session/xfer.c */
struct sess_xfer *xfer_create(struct sess *sess, struct sess_op *op,
			      const struct sess_way_ops *ops);
void xfer_count(struct sess_xfer *xfer);
void xfer_start_came(struct sess *sess, const struct wire_record *record);
void xfer_match(struct sess_xfer *xfer, struct sess_op *op, const uint8_t *stored, size_t have);
/* Answers a message whose receive will never come. */
void xfer_discard(struct sess_xfer *xfer, enum wire_status status);
void xfer_queue(struct sess_xfer *xfer, enum work work);
void xfer_unqueue(struct sess_xfer *xfer);
void xfer_register(struct sess_xfer *xfer, unsigned access);
void xfer_release(struct sess_xfer *xfer);
void xfer_finish(struct sess_xfer *xfer, int error);
void xfer_advance_finish(struct sess_xfer *xfer);
/* All registrations are released. */
void xfer_released(struct sess_xfer *xfer);
/* The longest initial portion that surely fits a packet. */
uint64_t xfer_initial(const struct sess_xfer *xfer);
void xfer_reply_came(struct sess *sess, const struct wire_record *record);
void xfer_record_came(struct sess *sess, const struct wire_record *record);
void xfer_io_done(struct sess_xfer *xfer, int error);
bool xfer_take_descs(struct sess_xfer *xfer, const struct wire_record *record, uint64_t len);
int xfer_cancel(struct sess_op *op);
void xfer_orphan(struct sess_xfer *xfer);
void xfer_leave(struct sess_xfer *xfer);
void xfer_turn_down(struct sess_xfer *xfer);
void xfer_abandon(struct sess_xfer *xfer, int error);
void xfer_slice_rest(struct sess_xfer *xfer);

/* session/ways/copy.c */
/* Incoming: the sender is asked for the wanted bytes in segments. */
void copy_ask(struct sess_xfer *xfer);
bool copy_go_came(struct sess_xfer *xfer, const struct wire_record *record);
bool copy_segment_came(struct sess_xfer *xfer, const struct wire_record *record);
bool copy_budget_came(struct sess *sess, uint64_t released);
/* Outgoing: memory was not registered, START not sent: copy instead, or fail
 * where the way was forced. */
bool copy_instead(struct sess_xfer *xfer);

/* session/ways/write.c */
bool write_sink_came(struct sess_xfer *xfer, const struct wire_record *record);
bool write_written_came(struct sess_xfer *xfer, uint16_t status);

/* session/iov.c */
size_t iov_len(const struct sess_iov *iov, unsigned cnt);
/* The part of iov that starts at offset and has len bytes. */
unsigned iov_slice(const struct sess_iov *iov, unsigned cnt, uint64_t offset, uint64_t len,
		   struct sess_iov *out);
/* Copy between pieces and a flat buffer; return the bytes copied. */
size_t iov_gather(const struct sess_iov *iov, unsigned cnt, uint64_t offset, void *to, size_t len);
size_t iov_scatter(const struct sess_iov *iov, unsigned cnt, uint64_t offset, const void *from,
		   size_t len);

#endif
