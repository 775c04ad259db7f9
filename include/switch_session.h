/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The session engine: the switch session protocol without any I/O.
 *
 * The engine turns events (a packet came in, a core operation finished, the
 * application submitted something, time passed) into actions (send this
 * packet, read this, write this, complete that).  It knows nothing of
 * libfabric, sockets, threads, clocks or logging: a driver performs the
 * actions over some core and reports what became of them.
 *
 * One engine serves one domain.  Nothing here locks: the driver serialises
 * all calls on one engine.  Source of the behaviour: docs/protocol.md.
 */
#ifndef SWITCH_SESSION_H
#define SWITCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
	SESS_IOV_MAX = 4,	/* pieces of application memory in an operation */
	SESS_SEND_IOV_MAX = 5,	/* pieces of a packet: its head and those */
	SESS_KEY_MAX = 32,	/* bytes of a remote key */
	SESS_NAME_MAX = 64,	/* bytes of an endpoint's name in the hello */
	SESS_HOST_MAX = 40,	/* bytes of a host's identity in the hello */
	SESS_PREAMBLE_LEN = 28, /* bytes of ours ahead of connection data */
	SESS_BUFFER_MIN = 512,	/* bounds of a control buffer, bytes */
	SESS_BUFFER_MAX = 65536,
	SESS_BUFFER_DEFAULT = (32 << 10) + 64, /* a message of 32 KiB, and what goes with it */
	/* bytes up to which a copy takes less time than RMA: a measurement over tcp, for cores
	 * without one */
	SESS_RNDV_DEFAULT = 136 << 10,
	SESS_CREDITS_MIN = 4, /* bounds of a window, packets */
	SESS_CREDITS_MAX = 32767,
	SESS_RMA_MIN = 4096, /* bytes: a side with a lesser rma_max uses no RMA at all */
};

/* Any source; also the source of a peer that the driver cannot name. */
#define SESS_SOURCE_ANY UINT64_MAX
/* No deadline; what sess_tick() answers when nothing is being waited for. */
#define SESS_NEVER UINT64_MAX

struct sess_engine; /* all sessions of one domain */
struct sess_rx;	    /* a matcher: posted receives and unexpected messages */
struct sess_ep;	    /* an endpoint: its sessions, and the receive context of their messages */
struct sess;	    /* the association with one peer: the state that outlives a path to it */
struct sess_link;   /* the state of a session that belongs to one path of one core */
struct sess_core;   /* a core, as far as the engine knows it */
struct sess_mem;    /* the driver's registration: opaque, passed through */
struct sess_xfer;   /* private: a transfer in progress */

/* A piece of local memory.  mem: the registration that the application gave
 * with it, or NULL. */
struct sess_iov {
	void *addr;
	size_t len;
	struct sess_mem *mem;
};

/*
 * An operation that is handed to the core: a packet or a piece of a transfer.  It stays
 * in place until sess_done() is called for it.  The scratch words belong
 * to the driver and its core from the action until then.
 */
struct sess_io {
	uint64_t core[16];
	struct sess_link *link;
	uint8_t kind; /* private */
};

/* The ways in which a message travels. */
enum sess_way {
	SESS_INLINE, /* whole, in one record of one packet */
	SESS_READ,   /* the receiver fetches all but the initial portion */
	SESS_WRITE,  /* the sender writes all but the initial portion */
	SESS_COPY,   /* in segments inside packets */
	SESS_WAYS,
	SESS_AUTO = SESS_WAYS,
};

/* sess_op.flags */
enum {
	SESS_TAGGED = 1 << 0,	/* match by tag; else in order of arrival */
	SESS_DATA = 1 << 1,	/* carries 64 bits of remote completion data */
	SESS_INJECT = 1 << 2,	/* send: the memory may change when the call returns */
	SESS_MORE = 1 << 3,	/* send: another follows at once, do not send yet */
	SESS_DELIVERY = 1 << 4, /* send: complete when the peer's application has it */
	SESS_PEEK = 1 << 5,	/* receive: look for an unexpected message only */
	SESS_CLAIM = 1 << 6,	/* with PEEK: keep it for me; without: receive what I kept */
	SESS_DISCARD = 1 << 7,	/* with PEEK or CLAIM: throw it away */
	SESS_MULTI = 1 << 8,	/* receive: one piece of memory for many messages */
	SESS_RECV = 1 << 15,	/* set by sess_recv() */
};

/*
 * One operation of the application.  The driver allocates it and fills the
 * first group; the engine owns it from sess_send()/sess_recv() returning 0
 * until the COMPLETE action names it, exactly once, with the second group
 * filled in.
 */
struct sess_op {
	STAILQ_ENTRY(sess_op) link;  /* the engine's until COMPLETE, then the driver's */
	TAILQ_ENTRY(sess_op) posted; /* private: place among the posted receives */
	TAILQ_ENTRY(sess_op) alike;  /* private: among those in the same bucket */
	uint64_t order;		     /* private: in which it was posted */
	uint16_t flags;
	uint8_t iov_cnt;
	uint8_t state; /* private: enum op_state */
	int error;     /* out: 0 or a positive errno value */
	uint64_t tag;
	uint64_t ignore; /* receive: bits of the tag that need not match */
	uint64_t data;	 /* in for a send with DATA, out for a receive */
	uint64_t source; /* receive, in: from whom (a driver's key) or ANY; out: its key */
	struct sess_iov iov[SESS_IOV_MAX];

	size_t len;	 /* out: bytes delivered (receive), bytes sent (send) */
	size_t full_len; /* out, receive: bytes that the message had */

	void *claim;	  /* in, with CLAIM: which claim this is */
	size_t multi_min; /* in, with MULTI: it ends when less memory is left */

	void *user; /* out: the user of its endpoint, which for a receive is the one that the
		       message came to; NULL: none */

	struct sess_ep *ep;	/* private from here: its endpoint; NULL: a posted receive */
	struct sess_rx *rx;	/* of a receive */
	struct sess *sess;	/* of a send */
	struct sess_xfer *xfer; /* that carries it; NULL: a record alone does */
	void *held;		/* copy of an injected payload that had to wait */
};

/* Counters of a session, or summed for an endpoint. */
struct sess_stats {
	uint64_t tx_packets, rx_packets;
	uint64_t tx_records, rx_records;
	uint64_t tx_msgs[SESS_WAYS], tx_bytes[SESS_WAYS];
	uint64_t rx_msgs[SESS_WAYS], rx_bytes[SESS_WAYS];
	uint64_t credit_stalls;	    /* times that something to send had no credit */
	uint64_t tx_credit_packets; /* packets sent that held no record */
	uint64_t rx_credit_packets;
	uint64_t coalesced_records; /* records that shared a packet with an earlier one */
	uint64_t unexpected_msgs;   /* messages that came before their receive */
	uint64_t registrations;
	uint64_t fallbacks;    /* transfers copied because memory was not registered */
	uint64_t stale;	       /* replies to transfers that no longer exist */
	uint64_t failures;     /* sessions that ended with an error */
	uint64_t throttles;    /* times that a peer got fewer credits: nobody received */
	uint64_t dropped_msgs; /* unmatched messages thrown away: their sessions ended
				  or broke the rules, and there was no room */
};

/* Limits that the user sets for all sessions.  Every size in bytes, every time in
 * nanoseconds.  Zero means the default given in brackets. */
struct sess_config {
	enum sess_way transfer;	     /* forced way for what exceeds a packet, or SESS_AUTO */
	uint64_t initial;	     /* bytes of the initial portion of a read or write [1024] */
	uint64_t eager_budget;	     /* unmatched bytes of copied transfers, a session [1 MiB] */
	uint64_t unexpected_max;     /* unmatched bytes kept, a receive context [64 MiB] */
	uint32_t announced_max;	     /* messages, announced or empty, kept beyond twice that; and
					answers that may wait in a session [65536] */
	uint64_t throttle;	     /* unmatched bytes of all sessions, beyond which their peers
					are given fewer credits [1 MiB] */
	uint64_t hello_timeout;	     /* [30 s] */
	uint64_t close_timeout;	     /* [5 s] */
	uint32_t first_seq;	     /* sequence number of a session's first packet */
	uint8_t host_len;	     /* bytes of: */
	uint8_t host[SESS_HOST_MAX]; /* the host's identity, told to peers */
	void (*random)(void *buf, size_t len); /* required: not to be guessed by a peer */
	/* A slot: a new operation for a message that this multi-receive buffer (a receive with
	 * MULTI) matched, or NULL, and then the buffer ends with ENOMEM.  The engine fills it
	 * in and completes it like a receive.  The buffer itself completes when too little
	 * memory is left, ahead of slots that are still under way.  Required where MULTI is
	 * used. */
	struct sess_op *(*slot)(struct sess_op *buffer);
};

/* Limits of a core, and those that the user sets for it.  Units and zero as above. */
struct sess_core_config {
	uint32_t buffer_size;		/* of a control buffer [SESS_BUFFER_DEFAULT] */
	uint32_t credits;		/* packets that a peer may have on the way to us [64] */
	uint32_t first_credits;		/* of them to begin with, if that is less [16] */
	uint32_t send_iov_limit;	/* pieces that the core sends at once [4]; 1: always one */
	uint32_t rma_iov_limit;		/* local pieces of a read or write [1] */
	uint32_t copy_max;		/* up to this payload is copied into the packet [1024] */
	uint32_t stage;			/* shorter sends may be reported done while the core has
					   but copied them [0] */
	bool can_read, can_write;	/* this side issues RMA reads, writes */
	bool read_target, write_target; /* this side's memory can be read, written */
	bool local_mem;			/* the core wants local memory registered */
	bool send_after_write;		/* the core delivers a send behind the writes before it */
	uint32_t key_len;  /* bytes of a remote key, ours and the longest we can use [8] */
	bool virtual_addr; /* a remote address is a virtual address, not an offset */
	uint64_t rma_max;  /* longest read or write [SIZE_MAX] */
	uint64_t chunk;	   /* pieces in which reads and writes are issued [512 KiB] */
	/* A message of so many bytes is read, or else written, rather than copied
	 * [SESS_RNDV_DEFAULT]; UINT64_MAX: never.  Of the other ways: unused. */
	uint64_t threshold[SESS_WAYS];
};

enum sess_action_type {
	SESS_ACT_COMPLETE,   /* op is done: give it to the application */
	SESS_ACT_SEND,	     /* send iov as one core message; io is done when it may be reused */
	SESS_ACT_READ,	     /* read len bytes at raddr/key into iov */
	SESS_ACT_WRITE,	     /* write iov (len bytes) to raddr/key */
	SESS_ACT_REGISTER,   /* register iov[0] for access: answer with sess_registered() */
	SESS_ACT_DEREGISTER, /* release mem; the peer must not reach it any more */
	SESS_ACT_UP,	     /* the session may be used */
	SESS_ACT_CONNECT,    /* open a path for the session's link, as sess_retry() announced */
	SESS_ACT_BYE,	     /* the peer closes in order: nothing more comes from it */
	SESS_ACT_DOWN,	     /* the session is over (error, reason): close the paths of its
				links, return every io with sess_done(), then call
				sess_closed() */
	SESS_ACT_LINK_DOWN,  /* a link is over (error), its session goes on: close its path,
				return every io, then call sess_link_closed() */
};

enum sess_access {
	SESS_ACCESS_LOCAL_READ = 1 << 0,  /* the core reads it to send or write */
	SESS_ACCESS_LOCAL_WRITE = 1 << 1, /* the core fills it by our reads */
	SESS_ACCESS_REMOTE_READ = 1 << 2,
	SESS_ACCESS_REMOTE_WRITE = 1 << 3,
};

struct sess_action {
	enum sess_action_type type;
	struct sess *sess;	/* not for COMPLETE */
	struct sess_link *link; /* SEND, READ, WRITE, REGISTER, LINK_DOWN; of DEREGISTER, while
				   the session is there */
	void *user;		/* the driver's, of that link, else of that session */
	void *core;		/* the driver's, of the link's core; of DEREGISTER, always */
	struct sess_io *io;	/* SEND, READ, WRITE */
	struct sess_op *op;	/* COMPLETE */
	struct sess_xfer *xfer; /* REGISTER */
	struct sess_mem *mem;	/* DEREGISTER */
	struct sess_iov iov[SESS_SEND_IOV_MAX];
	unsigned iov_cnt;
	size_t len; /* SEND, READ, WRITE: sum of the pieces */
	uint64_t raddr;
	const uint8_t *key;
	size_t key_len;
	unsigned access; /* REGISTER: enum sess_access */
	bool may_buffer; /* SEND: sess_done() may come when the core has but copied it;
			    otherwise not before the core needs no more calls to send it */
	int error;	 /* DOWN, LINK_DOWN: 0 (orderly) or a positive errno value */
};

/* -- engine ------------------------------------------------------------- */

/* Returns 0, -EINVAL for a configuration out of bounds, or -ENOMEM. */
int sess_engine_create(const struct sess_config *config, struct sess_engine **engine);

/* Every session must be closed, every endpoint and core destroyed. */
void sess_engine_destroy(struct sess_engine *engine);

/* A core that links may run over; user: the driver's.  0, -EINVAL for a configuration
 * out of bounds, or -ENOMEM. */
int sess_core_create(struct sess_engine *engine, const struct sess_core_config *config, void *user,
		     struct sess_core **core);
/* No link may run over it any more. */
void sess_core_destroy(struct sess_core *core);

/* The greatest message that travels inline between two sides whose cores are like
 * these; what SESS_INJECT may at most carry. */
size_t sess_engine_inline_max(const struct sess_engine *engine);

/*
 * The next thing to do, or NULL.  The action is valid until the next call
 * into the engine.  SEND, READ and WRITE are answered with sess_took();
 * REGISTER with sess_registered(); the others need no answer.
 */
const struct sess_action *sess_next(struct sess_engine *engine);

/* The action was taken (0), cannot be taken now (-EAGAIN: it is offered again
 * after the next sess_progress()), or never (another negative errno: the
 * session fails and the io is free). */
void sess_took(struct sess_engine *engine, int error);

/* An io that was taken has finished: 0 or a positive errno value. */
void sess_done(struct sess_engine *engine, struct sess_io *io, int error);

/* Answer to REGISTER: error (positive errno value, 0 for success), the
 * registration, the address by which a peer reaches it and its key. */
void sess_registered(struct sess_engine *engine, struct sess_xfer *xfer, int error,
		     struct sess_mem *mem, uint64_t raddr, const void *key, size_t key_len);

/* A packet came in.  It is consumed on return. */
void sess_input(struct sess_engine *engine, const void *packet, size_t len);

/* The application asks for progress: sends that were held back go out, actions that the
 * core refused are offered again.  now: nanoseconds of a steady clock. */
void sess_progress(struct sess_engine *engine, uint64_t now);

/* Whether sess_progress() has a use for the exact time; else one that is some
 * milliseconds old will do. */
bool sess_wants_time(const struct sess_engine *engine);

/* The sends that were held back go out. */
void sess_flush(struct sess_engine *engine);

/* Whether sends are held back. */
bool sess_holds(const struct sess_engine *engine);

/* Lets time pass: sessions end whose deadline has come.  Returns when it has to be called
 * again, or sess_progress() for sends that are held back; or SESS_NEVER. */
uint64_t sess_tick(struct sess_engine *engine, uint64_t now);

/* -- endpoints ---------------------------------------------------------- */

int sess_ep_create(struct sess_engine *engine, void *user, struct sess_ep **ep);
/* Sets the name that peers see of this endpoint, at most SESS_NAME_MAX bytes; before
 * the first session. */
int sess_ep_set_name(struct sess_ep *ep, const void *name, size_t len);

/*
 * Where receives meet messages.  An endpoint has a receive context of its own;
 * several may share one, given to each before its first session.  Unmatched messages of an
 * endpoint that is closed are dropped; its shared context forgets it.
 */
struct sess_rx *sess_ep_rx(struct sess_ep *ep);
int sess_rx_create(struct sess_engine *engine, struct sess_rx **rx);
void sess_ep_share_rx(struct sess_ep *ep, struct sess_rx *rx);
/* Receives posted to it and unmatched complete with error. */
void sess_rx_close(struct sess_rx *rx, int error);
/* It is closed, and so is every endpoint that was given it. */
void sess_rx_destroy(struct sess_rx *rx);

/* Nothing more will come (the only session of a connected endpoint is over):
 * its own receives complete with error, those posted later too unless they
 * match what came before. */
void sess_ep_end(struct sess_ep *ep, int error);

/* No more receives: those that are posted complete with error, unless their context is
 * shared.  Unexpected messages are dropped, and its sessions close in order. */
void sess_ep_close(struct sess_ep *ep, int error);

/* Operations of the application that are not complete: while there are any,
 * its memory is in use. */
unsigned sess_ep_busy(const struct sess_ep *ep);

/* All of its sessions fail with this error. */
void sess_ep_abort(struct sess_ep *ep, int error);

/* The peer with this key gets another, in all sessions and in what came by those that have
 * ended: the driver is about to give the key to somebody else. */
void sess_ep_rename_source(struct sess_ep *ep, uint64_t from, uint64_t to);

/* Frees the endpoint once its last session is closed; at once if there is
 * none.  The driver must not use it afterwards. */
void sess_ep_destroy(struct sess_ep *ep);

/* Sum over its sessions, ended ones included. */
void sess_ep_stats(const struct sess_ep *ep, struct sess_stats *stats);

/* -- sessions ----------------------------------------------------------- */

/*
 * A session that this side opens, with a link over this core, which is given the same
 * user.  It takes sends at once; they wait until it is up.  source: the driver's key for
 * the peer, or ANY.
 */
int sess_connect(struct sess_ep *ep, struct sess_core *core, void *user, uint64_t source,
		 struct sess **sess);

/* A session with the endpoint itself: nothing is ever sent. */
int sess_connect_self(struct sess_ep *ep, void *user, uint64_t source, struct sess **sess);

/* The part of a peer's connection request that is ahead of the application's own
 * bytes. */
struct sess_request {
	uint32_t session_id, cookie;
	uint64_t instance;
	uint32_t attempt;
	uint16_t port; /* of its name, host byte order; 0: none */
};

/* Writes this side's preamble for the connection request or its answer.
 * port: of the endpoint's name, 0 if it has none. */
void sess_preamble(const struct sess_link *link, uint16_t port, uint8_t buf[SESS_PREAMBLE_LEN]);

/* Reads a preamble: 0, or -EPROTO if it is none of ours. */
int sess_request_parse(const void *buf, size_t len, struct sess_request *request);

/* The answer to a connection request that comes in the name of a peer with which there is
 * this session already (docs/protocol.md, crossing connects). */
enum sess_crossing {
	/* Refuse it, and tell the peer to wait for the connection that this side is opening:
	 * the session goes on over that one. */
	SESS_CROSS_REFUSE,
	/* Refuse it.  The peer has accepted the session's connection already, and waits for no
	 * other: if it is about to have another session it has to try again. */
	SESS_CROSS_LATE,
	/* The session goes on over the connection that the request asks for, instead of the
	 * one that this side is opening: sess_adopt(), then accept.  The peer must have said
	 * first, over the connection that this side opens, that it made the request. */
	SESS_CROSS_ADOPT,
	/* The peer began anew, or somebody claims its name.  As long as the core does not
	 * report that the session's path is broken: sess_probe() the session, and tell
	 * whoever made the request to try again. */
	SESS_CROSS_RENEW,
	/* Accept it as a second session: whoever opened the first has sent no hello yet.
	 * The session that comes up first is the peer's. */
	SESS_CROSS_BESIDE,
	/* It has the endpoint's own instance: sess_made_request() tells whether the endpoint
	 * made it. */
	SESS_CROSS_SELF,
};
enum sess_crossing sess_crossing(const struct sess *sess, const struct sess_request *request);

/* A session that the peer opens. */
int sess_accept(struct sess_ep *ep, struct sess_core *core, const struct sess_request *request,
		void *user, uint64_t source, struct sess **sess);
/* A session that this side is opening goes on over the connection that the peer's request
 * asks for. */
void sess_adopt(struct sess *sess, const struct sess_request *request);
/* Sends the peer a packet, so that the core finds out if the path is broken; not where so
 * many are on their way that the credits are needed. */
void sess_probe(struct sess *sess);
/* The peer refused the connection of a session that this side is opening, and said "try
 * again", or that its own goes on, which has not come yet: after a pause the action CONNECT asks
 * for another path.  May be repeated until hello_timeout is over. */
void sess_retry(struct sess *sess);
/* A session that this side is opening leads to the endpoint itself, as
 * sess_made_request() found: it becomes one like those of sess_connect_self(). */
void sess_adopt_self(struct sess *sess);

/* True if the request has this endpoint's instance.  Every peer is told the instance, so that
 * is only a claim; sess_made_request() is the proof. */
bool sess_ep_is_self(const struct sess_ep *ep, const struct sess_request *request);
/* True if this session made the request, and waits for its answer. */
bool sess_made_request(const struct sess *sess, const struct sess_request *request);

/* Answer to DOWN: its paths are closed and no io is out.  Frees the session and its
 * links. */
void sess_closed(struct sess *sess);

/* Orderly: operations that were accepted are finished, then both sides say BYE. */
void sess_close(struct sess *sess);
/* A closing session that has sent everything, BYE included, does not wait for the peer's
 * answer any longer; does nothing for any other session.  For a core that delivers the messages
 * that it has taken even if this process exits.  The peer finds the path closed behind our
 * BYE. */
void sess_leave(struct sess *sess);
/* At once: operations that are pending complete with this error.  If the session was up, so do
 * receives that are posted for its source and no other, as whenever a session ends with an
 * error and without BYE.  If it was not, this side may be about to have another one with the
 * same peer. */
void sess_abort(struct sess *sess, int error);

/* -- links ---------------------------------------------------------------- */

/* The link that the session sends over, or that it opens with.  NULL: it has none, because
 * it is with the endpoint itself or between two links. */
struct sess_link *sess_link(const struct sess *sess);

/*
 * Another link for a session that is up, which this side opens, or that the peer asks
 * for.  If no other link carries what the session sends when it comes up, it does; so close
 * the link before it first.  (A session does not change from one open link to another: the
 * protocol has no record yet by which both sides would do so at the same packet.)
 * 0, -ENOMEM, or -EINVAL: the session is not up, or the request is of another instance.
 */
int sess_link_connect(struct sess *sess, struct sess_core *core, void *user,
		      struct sess_link **link);
int sess_link_accept(struct sess *sess, struct sess_core *core, const struct sess_request *request,
		     void *user, struct sess_link **link);

/* Orderly: the session sends nothing more over it; once its transfers are over and its
 * packets have left, LINK_DOWN follows.  The session waits for another link, over which
 * those transfers end, too.  Both sides close it, and agree on when to: a packet that comes
 * to a link that is down is lost, and then no further link opens. */
void sess_link_close(struct sess_link *link);
/* Answer to LINK_DOWN: the path is closed and no io of it is out.  Frees the link. */
void sess_link_closed(struct sess_link *link);

/* The core path is up.  answer: the preamble of the peer's acceptance; NULL: it had none, or
 * this side accepted. */
void sess_path_up(struct sess_link *link, const struct sess_request *answer);
/* The core path could not be made, or broke: positive errno value; 0: the peer closed it. */
void sess_path_down(struct sess_link *link, int error);

/* -- queries ---------------------------------------------------------------- */

bool sess_is_up(const struct sess *sess);
/* True until the session is closing or has failed. */
bool sess_is_open(const struct sess *sess);
void *sess_user(const struct sess *sess);
uint64_t sess_source(const struct sess *sess);
/* Names the peer, also as the source of messages that are not matched yet. */
void sess_set_source(struct sess *sess, uint64_t source);
/* The sends of a session that has not come up yet go to another of its endpoint, which has: that
 * one is with the peer that they are for.  They fail if that one is closing already. */
void sess_move_sends(struct sess *from, struct sess *to);
/* The peer's name from its hello; length 0 before that. */
const void *sess_peer_name(const struct sess *sess, size_t *len);
/* The identity of the peer's host; length 0 before its hello, or where it named none. */
const void *sess_peer_host(const struct sess *sess, size_t *len);
/* Why the session failed, in words; never NULL. */
const char *sess_reason(const struct sess *sess);
void sess_stats(const struct sess *sess, struct sess_stats *stats);

/* -- operations --------------------------------------------------------- */

/* 0, or a negative errno and nothing has changed: -EAGAIN, -EMSGSIZE (an
 * INJECT beyond inline_max), -ENOMEM, or the session's error. */
int sess_send(struct sess *sess, struct sess_op *op);

/* 0, or -EINVAL.  With PEEK or CLAIM the operation completes at once, with
 * ENOMSG where nothing matches. */
int sess_recv(struct sess_rx *rx, struct sess_op *op);

/* A receive that is not matched or a send that is not announced completes
 * with ECANCELED and the answer is 0.  An announced send is called back
 * (0; it completes on the peer's answer).  -ENOENT: too late. */
int sess_cancel(struct sess_op *op);

#endif
