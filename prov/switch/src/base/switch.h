/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The libfabric objects of the provider and what they share.
 *
 * Locks, outermost first:
 *   open_lock            the list of open fabrics (api/fabric.c)
 *   switch_waitset.lock  its members
 *   switch_fabric.lock   its lists of domains, event queues, passive endpoints
 *   switch_domain.lock   everything below a domain: engine, core, endpoints,
 *                        completion queues, counters, address vectors
 *   switch_eq.lock       the events of one queue
 * A domain's lock is absent only under FI_THREAD_DOMAIN with manual progress
 * and without an event queue bound to one of its endpoints (reading an event
 * queue progresses the domain from any thread).  Functions named here expect
 * the caller to hold the domain's lock unless they say otherwise.
 */
#ifndef SWITCH_H
#define SWITCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>
#include <rdma/providers/fi_log.h>
#include <rdma/providers/fi_prov.h>

#include "core/core.h"
#include "base/compat.h"
#include "discover/costs.h"
#include "switch_session.h"

#define SWITCH_NAME	      "ofi_switch"
#define SWITCH_INJECT_SIZE    4096  /* less where BUFFER_SIZE holds less */
#define SWITCH_PACKET_HEAD    128   /* bytes of a packet that no payload may count on */
#define SWITCH_TX_SIZE	      65536 /* operations outstanding, unread completions included */
#define SWITCH_RX_SIZE	      65536
#define SWITCH_CQ_SIZE	      1024
#define SWITCH_MIN_MULTI_RECV 64
#define SWITCH_CM_DATA_MAX    512 /* bytes, our preamble included */

/* Flags that operations of an endpoint may have by default. */
#define SWITCH_TX_OP_FLAGS                                                                         \
	(FI_COMPLETION | FI_INJECT | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE |                   \
	 FI_DELIVERY_COMPLETE)
#define SWITCH_RX_OP_FLAGS (FI_COMPLETION | FI_MULTI_RECV)

extern struct fi_provider switch_prov;

#define SW_WARN(subsys, ...) FI_WARN(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)
#define SW_INFO(subsys, ...) FI_INFO(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)

/* Parameters, FI_OFI_SWITCH_*; read once (discover/init.c). */
struct switch_params {
	enum sess_way transfer; /* SESS_AUTO, READ, WRITE or COPY */
	bool rdma_read, rdma_write;
	bool rma_target; /* memory of this side may be read and written by peers */
	size_t buffer_size, initial;
	size_t credits, rndv_threshold;	  /* 0: what suits the core */
	size_t unexpected_max;		  /* bytes */
	struct switch_costs costs;	  /* from a file; empty: none named */
	char *core;			  /* NULL: none named */
	enum fi_ep_type core_type;	  /* of endpoints of cores; FI_EP_UNSPEC: any */
	int hello_timeout, close_timeout; /* milliseconds */
	char *stats;			  /* file name, "stderr", or NULL */
};
extern struct switch_params switch_params;

/* Fills buf with bytes that nobody can guess (discover/init.c). */
void switch_random(void *buf, size_t len);

/* -- fabric ------------------------------------------------------------- */

struct switch_fabric {
	struct fid_fabric fabric_fid;
	TAILQ_ENTRY(switch_fabric) link;
	char *name;
	struct fid_fabric *core;
	char *core_prov;	   /* "tcp" */
	enum fi_ep_type core_type; /* of the core's endpoints, FI_EP_MSG or FI_EP_RDM */
	const struct core_ops *core_ops;
	pthread_mutex_t lock;
	LIST_HEAD(, switch_domain) domains;
	LIST_HEAD(, switch_eq) eqs;
	LIST_HEAD(, switch_pep) peps;
	int refs; /* objects below it; fi_close refuses with FI_EBUSY while > 0 */
};

/* Puts the fabric and the domain that are open and that an entry of fi_getinfo over this
 * core stands for into it.  False: the hints (NULL: none) want others.  Call without locks. */
bool switch_fabric_opened(const char *core, const struct fi_info *hints, struct fi_info *entry);
/* Progresses every passive endpoint and domain below the fabric.  Takes the
 * locks itself; call with none held. */
void switch_fabric_progress(struct switch_fabric *fabric);
/* The same, and: 0 if the descriptors of them all will wake up for what comes
 * next, else -FI_EAGAIN. */
int switch_fabric_trywait(struct switch_fabric *fabric);

/* -- waiting ------------------------------------------------------------ */

/*
 * A wait object: two epoll sets, each of a core's descriptors, the domains'
 * timers and an eventfd of its own.  Owned by a CQ, a counter, an EQ or a wait
 * set, under whose lock all of it is.
 *
 * One is the descriptor that the application or a wait set polls; fi_trywait
 * arms and empties it.  The other is of the threads in blocking calls, each of
 * which may wait for something else: an event calls all that are asleep, and
 * the last of them to get up empties it, so that none loses its call to
 * another that goes back to sleep.
 */
struct switch_wait {
	struct switch_waitset *set; /* that it is in, with its owner; or NULL */
	struct fid *owner;
	enum fi_wait_obj obj; /* as FI_GETWAITOBJ says */
	int epoll_fd;	      /* -1: FI_WAIT_NONE */
	int event_fd;
	bool armed;    /* somebody may poll it: the next event must signal */
	bool signaled; /* event_fd is readable */
	int sleep_fd;  /* the epoll set of threads */
	int call_fd;   /* its eventfd, readable while called > 0 */
	uint64_t calls;
	unsigned asleep; /* threads between switch_wait_enter() and _leave() */
	unsigned called; /* of them, those to whom there was a call */
};

/* A thread in a blocking call; on its stack. */
struct switch_sleeper {
	uint64_t deadline; /* nanoseconds; SESS_NEVER: none */
	uint64_t calls;	   /* of the wait object when it entered */
	bool entered;
};

/* Leaves its wait set, too: call without locks. */
void switch_wait_fini(struct switch_wait *wait);
/* For a queue or counter that asks for this kind of object: none if it is
 * FI_WAIT_NONE; with everything that wakes up domain unless that is NULL. */
int switch_wait_open(struct switch_wait *wait, enum fi_wait_obj wait_obj,
		     struct switch_domain *domain);
/* 0, -FI_ENOSYS for a kind of wait object that is not offered, or -FI_EINVAL. */
int switch_wait_check(enum fi_wait_obj wait_obj, const struct fid_wait *set);
/* Adds everything that can wake up this domain / this passive endpoint. */
int switch_wait_add_domain(struct switch_wait *wait, struct switch_domain *domain);
void switch_wait_del_domain(struct switch_wait *wait, struct switch_domain *domain);
int switch_wait_add_fd(struct switch_wait *wait, int fd);
void switch_wait_del_fd(struct switch_wait *wait, int fd);
/* Wakes whoever may be asleep. */
void switch_wait_signal(struct switch_wait *wait);
/* From here until the next event the descriptor may be polled.  Call before the
 * last look at what is waited for, under the same lock as signal.  True: there
 * was a signal since it was armed last. */
bool switch_wait_arm(struct switch_wait *wait);
/* For milliseconds, as the blocking calls have them; negative: for ever. */
struct switch_sleeper switch_sleeper(int timeout);
/* The thread is going to sleep, having found nothing under the same lock as
 * signal; and it has got up (nothing if it was not asleep): true if there was
 * a signal in between. */
void switch_wait_enter(struct switch_wait *wait, struct switch_sleeper *sleeper);
bool switch_wait_leave(struct switch_wait *wait, struct switch_sleeper *sleeper);
/* Sleeps until something happens if it has entered: 0, -FI_ETIMEDOUT when the
 * time is over, or -FI_EAGAIN when a signal handler ran.  Call without locks. */
int switch_wait_sleep(const struct switch_wait *wait, const struct switch_sleeper *sleeper);
/* fi_control of a queue or counter: FI_GETWAIT and FI_GETWAITOBJ. */
int switch_wait_control(const struct switch_wait *wait, int command, void *arg);
/* fi_trywait of one object; *ready is set if it has something for its owner,
 * *signaled if it had since it was last armed. */
int switch_fid_trywait(struct fid *fid, bool *ready, bool *signaled);
/* Wait sets (api/wait_set.c): the wait object of an owner that is open enters
 * one of its fabric, 0 or a negative errno; switch_wait_fini() leaves it.  Call
 * without locks. */
int switch_waitset_enter(struct fid_wait *set, struct switch_fabric *fabric,
			 struct switch_wait *wait, struct fid *owner);
void switch_waitset_leave(struct switch_wait *wait);
int switch_waitset_trywait(struct fid *set);
/* Progresses: 0 if the wait objects of this domain will wake up for whatever
 * comes next, -FI_EAGAIN if there is more to progress now.  Sets the timer. */
int switch_domain_trywait(struct switch_domain *domain);
/* Sets the timer to the engine's next deadline, as sess_tick() returned it: for
 * trywait, and whenever a deadline may have come nearer while others sleep. */
void switch_domain_timer(struct switch_domain *domain, uint64_t deadline);

/* -- domain ------------------------------------------------------------- */

struct switch_domain {
	struct fid_domain domain_fid;
	struct switch_fabric *fabric;
	LIST_ENTRY(switch_domain) link;
	struct fi_info *info;	   /* ours */
	struct fi_info *core_info; /* the core's, with a shared receive context where it has one */
	const struct core_ops *core_ops;
	size_t credits; /* packets that a peer may have on the way to us */
	struct core_domain *core;
	const struct core_caps *caps;
	struct sess_engine *engine;
	struct sess_core *sess_core; /* the core, as the engine knows it */

	pthread_mutex_t lock;
	bool locked; /* the lock is in use (see above) */
	enum fi_threading threading;
	enum fi_progress progress;
	pthread_t progress_thread; /* FI_PROGRESS_AUTO */
	int progress_fd;	   /* eventfd that wakes and ends it, or -1 */
	int progress_epoll;	   /* what it sleeps on */
	bool progress_stop;

	int timer_fd;	       /* the engine's next deadline */
	uint64_t timer_set;    /* what it is set to */
	bool waited;	       /* somebody may sleep whom no send that is held back wakes */
	unsigned cm_countdown; /* passes until connection events are read again */
	unsigned cm_pending;   /* connections being made or closed */
	uint64_t last_tick;    /* when deadlines were looked at */

	LIST_HEAD(, switch_ep) eps;
	LIST_HEAD(, switch_conn) conns; /* every session's path, lingering ones included */
	LIST_HEAD(, switch_cq) cqs;
	LIST_HEAD(, switch_cntr) cntrs;
	STAILQ_HEAD(, sess_op) free_ops;
	SLIST_HEAD(, switch_op_chunk) op_chunks;
	struct switch_mr *mrs;			      /* uthash by key */
	struct switch_stranger *strangers;	      /* uthash by address */
	struct switch_stranger *stranger_id;	      /* the same by number */
	TAILQ_HEAD(, switch_stranger) idle_strangers; /* without references, oldest first */
	size_t idle_stranger_cnt;
	uint64_t last_stranger;
	bool names_sources; /* completions need switch_name_source() */
	uint64_t next_key;
	int refs;
};

static inline void switch_domain_lock(struct switch_domain *domain)
{
	if (domain->locked)
		pthread_mutex_lock(&domain->lock);
}

static inline void switch_domain_unlock(struct switch_domain *domain)
{
	if (domain->locked)
		pthread_mutex_unlock(&domain->lock);
}

/* An event queue is about to be bound below this domain: from now on its lock
 * is in use and every event queue of the fabric progresses it.  Call without
 * locks; takes the fabric's. */
void switch_domain_need_lock(struct switch_domain *domain);

/* Polls the core, feeds the engine, performs its actions, writes completions
 * (progress/pump.c). */
void switch_domain_progress(struct switch_domain *domain);
/* Performs what the engine asks for, without polling: after a submission. */
void switch_domain_perform(struct switch_domain *domain);
/* The same after the application submitted something. */
void switch_domain_submitted(struct switch_domain *domain);
/* Sleeps a moment, the lock dropped, unless there is something to progress. */
void switch_domain_doze(struct switch_domain *domain);
/* The last endpoint is closed: gives its peers a moment to take leave, where the core
 * would not tell them that this process has exited. */
void switch_domain_rest(struct switch_domain *domain);
/* Closes what lingers, waiting for its peers at most close_timeout. */
void switch_domain_drain(struct switch_domain *domain);
int switch_progress_start(struct switch_domain *domain);
void switch_progress_stop(struct switch_domain *domain);
/* A deadline may have come nearer: whoever sleeps, the progress thread or an
 * application's, has to know. */
void switch_progress_wake(struct switch_domain *domain);
uint64_t switch_now(void); /* CLOCK_MONOTONIC, nanoseconds */

/* -- operations and completions ----------------------------------------- */

/*
 * An operation of the application, and its own entry in the completion
 * queue: a queue is a list of finished operations, so that it can neither
 * overrun nor allocate.  From the domain's free list; back there when its
 * completion was read or is not wanted.
 */
struct switch_op {
	struct sess_op sess;  /* first */
	struct switch_ep *ep; /* of a send; NULL once the endpoint is closed */
	struct switch_rx *rx; /* of a receive, where it was posted; NULL once that is closed */
	struct switch_cq *cq; /* NULL: no entry is wanted, errors included */
	struct switch_cntr *cntr;
	void *context;
	uint64_t cq_flags;		  /* FI_SEND | FI_TAGGED ... as the entry reports them */
	bool wants_entry;		  /* false: an entry only on error */
	bool silent;			  /* fi_inject and the like: no context to cancel it by */
	struct switch_stranger *stranger; /* of an error: who sent it, if known as such */

	/* FI_MULTI_RECV: of the receive, its parts that are not complete, and
	 * whether it is itself; of a part, its receive */
	unsigned parts;
	bool ended;
	struct switch_op *whole;
};

/* NULL when memory is short.  Its ep, rx and whole are NULL, it is not silent; the
 * caller sets the rest. */
struct switch_op *switch_op_alloc(struct switch_domain *domain);
void switch_op_free(struct switch_domain *domain, struct switch_op *op);
/* An endpoint (or NULL) and a receive context are being closed: what their
 * operations still have to report is dropped, entries already queued stay. */
void switch_op_forget(struct switch_domain *domain, const struct switch_ep *ep,
		      const struct switch_rx *rx);
/* fi_cancel: calls back an operation with this context, a send of ep (or NULL)
 * or a receive of rx.  0 or -FI_ENOENT. */
int switch_op_cancel(struct switch_domain *domain, const struct switch_ep *ep,
		     const struct switch_rx *rx, const void *context);
/* A receive reports to the queue and the counter of ep. */
void switch_op_report_to(struct switch_op *op, const struct switch_ep *ep);
/* Frees the chunks; no operation may be in the engine or in a queue. */
void switch_op_fini(struct switch_domain *domain);
/* The engine asks for a part of a receive with FI_MULTI_RECV. */
struct sess_op *switch_op_part(struct sess_op *whole);
/* The engine says that op is complete: counts it, queues it or frees it.
 * Gives the place it had (op->ep, op->rx) back when the operation is freed. */
void switch_op_complete(struct switch_domain *domain, struct switch_op *op);

struct switch_cq {
	struct fid_cq cq_fid;
	struct switch_domain *domain;
	LIST_ENTRY(switch_cq) link;
	enum fi_cq_format format;
	struct switch_wait wait;
	STAILQ_HEAD(, sess_op) done;   /* finished operations, oldest first */
	size_t done_cnt;	       /* how many */
	bool signaled;		       /* fi_cq_signal, and nobody noticed yet */
	uint64_t signals;	       /* how often */
	bool threshold;		       /* FI_CQ_COND_THRESHOLD */
	unsigned passes;	       /* reads that found entries waiting */
	int refs;		       /* endpoints bound */
	struct switch_stranger *shown; /* whose address the last error read points to */
};

void switch_cq_push(struct switch_cq *cq, struct switch_op *op);
/* fi_trywait: progresses and arms.  0 if its descriptor may be polled, else
 * -FI_EAGAIN; *ready: because the queue is. */
int switch_cq_trywait(struct switch_cq *cq, bool *ready, bool *signaled);
/* It has an entry, or was signaled; who asks has noticed. */
bool switch_cq_polled(struct switch_cq *cq);

struct switch_cntr {
	struct fid_cntr cntr_fid;
	struct switch_domain *domain;
	LIST_ENTRY(switch_cntr) link;
	struct switch_wait wait;
	uint64_t value, errors;
	bool moved;   /* since the application last read it */
	bool changed; /* since a poll set last looked or the application set the value */
	int refs;
};

void switch_cntr_add(struct switch_cntr *cntr, bool error);
/* Like switch_cq_trywait(). */
int switch_cntr_trywait(struct switch_cntr *cntr, bool *signaled);
/* It moved since the application last read it; since a poll set last did. */
bool switch_cntr_ready(const struct switch_cntr *cntr);
bool switch_cntr_polled(struct switch_cntr *cntr);

/* -- event queue -------------------------------------------------------- */

struct switch_eq {
	struct fid_eq eq_fid;
	struct switch_fabric *fabric;
	LIST_ENTRY(switch_eq) link;
	struct switch_wait wait;
	pthread_mutex_t lock;
	STAILQ_HEAD(, switch_event) events;
	void *err_data;	 /* of the last error read, freed at the next */
	bool app_writes; /* FI_WRITE: fi_eq_write is allowed */
	int refs;	 /* under the lock of the fabric */
};

/* Queue an event; any lock may be held.  buf is what fi_eq_read returns (a
 * struct fi_eq_cm_entry with its data, or a struct fi_eq_entry); a fi_info in
 * it passes to the reader. */
int switch_eq_push(struct switch_eq *eq, uint32_t event, const void *buf, size_t len);
int switch_eq_push_error(struct switch_eq *eq, fid_t fid, void *context, int err, int prov_errno,
			 const void *data, size_t data_len);
/* The same for one address of an asynchronous insertion. */
int switch_eq_push_av_error(struct switch_eq *eq, fid_t fid, void *context, int err, uint64_t idx);
/* Forgets what is queued for an object that is being closed.  A connection
 * request among it goes to switch_connreq_drop(). */
void switch_eq_remove(struct switch_eq *eq, fid_t fid);
/* Progresses what feeds the queue, and arms: 0 if its wait object will wake up
 * for whatever comes next, -FI_EAGAIN if there is an event to read or more to
 * progress.  Call without locks. */
int switch_eq_trywait(struct switch_eq *eq, bool *signaled);
/* It has an event.  Call without locks. */
bool switch_eq_ready(struct switch_eq *eq);

/* -- memory regions ----------------------------------------------------- */

struct switch_mr; /* api/mr.c; its mem_desc is itself */

/* The core registration behind a descriptor the application passed; NULL if
 * the core needs none. */
struct core_mr *switch_mr_core(const struct switch_mr *mr);

/* -- address vector ----------------------------------------------------- */

/* An address: a sockaddr or what else the core's format has. */
struct switch_addr {
	uint8_t len;
	uint8_t bytes[CORE_ADDR_MAX - 1];
};

/* Addresses as such (base/addr.c).  Errors are positive. */

/* Copies one, without what two equal addresses may differ in. */
int switch_addr_set(uint32_t format, const void *addr, size_t len, struct switch_addr *out);
/* Not a wildcard, and with a port. */
bool switch_addr_is_peer(uint32_t format, const struct switch_addr *addr);
/* Bytes of this address; bytes that the longest of a domain has. */
size_t switch_addr_len(const struct fi_info *info, const void *addr);
size_t switch_addr_room(const struct fi_info *info);
/* A host name, number, or "fi_sockaddr_in://host:port" without service.  Takes
 * as long as the resolver does. */
int switch_addr_resolve(uint32_t format, const char *node, const char *service,
			struct switch_addr *out);
/* The number of a node (NULL: every interface with FI_SOURCE, else this host) in the
 * family of a format; flags as fi_getinfo has them. */
int switch_addr_number(uint32_t format, const char *node, uint64_t flags, char *buf, size_t size);
/* The step-th node after this one: "10.0.0.1" -> "10.0.0.2", "n09" -> "n10". */
int switch_addr_next_node(const char *node, size_t step, char *buf, size_t size);
int switch_addr_next_port(struct switch_addr *addr);
/* "fi_sockaddr_in://10.0.0.1:5000"; returns the size needed, as fi_av_straddr. */
size_t switch_addr_text(const struct fi_info *info, const void *addr, char *buf, size_t size);

/* Who wants addresses of one format can live with those of another. */
bool switch_addr_format_suits(uint32_t format, uint32_t wanted);
bool switch_addr_is_socket(uint32_t format); /* an address with an IP address and a port */
uint16_t switch_addr_port(const struct switch_addr *addr); /* host byte order; 0: none */
void switch_addr_set_port(struct switch_addr *addr, uint16_t port);
/* Between socket addresses of any family. */
void switch_addr_copy_port(void *to, const void *from);
/* How far a socket address carries; the further the better as a name. */
enum switch_reach { SWITCH_REACH_HOST, SWITCH_REACH_LINK, SWITCH_REACH_NET };
enum switch_reach switch_addr_reach(const struct switch_addr *addr);
/* Socket addresses, as switch_addr_set() made them.  A scope id means something on
 * one host only: an endpoint whose own address (NULL: none) is link-local reaches peers
 * on that link and no other.  FI_EADDRNOTAVAIL: it is link-local, and says no link. */
int switch_addr_localize(const struct switch_addr *own, struct switch_addr *addr);
/* One of IPv4 that is written as one of IPv6 is of IPv4. */
bool switch_addr_same_family(const struct switch_addr *a, const struct switch_addr *b);
/* Every interface, any port, in the way this address is written. */
void switch_addr_set_any(const struct switch_addr *like, struct switch_addr *any);
/* A socket address that stands for every interface. */
bool switch_addr_is_any(uint32_t format, const void *addr, size_t len);
/* Both as switch_addr_set() made them. */
bool switch_addr_equal(const struct switch_addr *a, const struct switch_addr *b);

struct switch_av; /* api/av.c */

/* NULL if it belongs to another domain. */
struct switch_av *switch_av_from_fid(struct switch_domain *domain, struct fid *fid);

/* NULL if there is no such entry (removed, or never inserted). */
const struct switch_addr *switch_av_get(struct switch_av *av, fi_addr_t fi_addr);
/* The entry with this address, FI_ADDR_NOTAVAIL if there is none.  With
 * several equal entries the first inserted. */
fi_addr_t switch_av_find(struct switch_av *av, const void *addr, size_t len);
/* What completions call the peer with this entry (FI_AV_USER_ID). */
fi_addr_t switch_av_user_id(const struct switch_av *av, fi_addr_t fi_addr);
/* Called with the domain's lock for every endpoint bound when entries come or go. */
void switch_ep_av_inserted(struct switch_ep *ep, fi_addr_t fi_addr);
void switch_ep_av_removed(struct switch_ep *ep, fi_addr_t fi_addr);
/* Endpoints bound to it, for those calls. */
void switch_av_bind_ep(struct switch_av *av, struct switch_ep *ep);
void switch_av_unbind_ep(struct switch_av *av, struct switch_ep *ep);

/* -- endpoints ---------------------------------------------------------- */

/*
 * A session and the path it runs over.  Owned by the domain from its making
 * until the session is over and the core has closed every path it had (a
 * crossing connect drops one for another): longer than its endpoint if that
 * is closed first.
 */
struct switch_conn {
	LIST_ENTRY(switch_conn) link; /* in the domain */
	struct switch_domain *domain;
	struct switch_ep *ep;	/* NULL once it is closed */
	struct sess *sess;	/* NULL once it is over */
	struct core_path *path; /* NULL before, after, and while the peer's is awaited */
	unsigned path_cnt;	/* paths whose CORE_CLOSED has not come */
	uint32_t session_id;
	bool pending; /* counted in the domain's cm_pending */
	bool down;    /* the engine said so: ends when path_cnt is 0 */
	bool met;     /* the core has connected it */
	bool was_up;

	/* RDM */
	fi_addr_t fi_addr;		 /* the peer's, FI_ADDR_NOTAVAIL if unknown */
	LIST_ENTRY(switch_conn) unnamed; /* peers that are in no address vector */
	bool is_unnamed;
	struct switch_addr addr;	  /* the peer's name: its IP address, its listener's port */
	struct switch_stranger *stranger; /* as whom the engine knows it, or NULL */

	/* MSG: what the peer sent with its answer, for FI_CONNECTED or the error */
	void *cm_data;
	size_t cm_data_len;
};

/* Where receives are posted: an endpoint's own, or a shared receive context. */
struct switch_rx {
	struct switch_domain *domain;
	struct switch_ep *ep;	    /* whose own it is; NULL: shared */
	LIST_HEAD(, switch_ep) eps; /* that share it */
	struct sess_rx *sess_rx;
	size_t left; /* receives that may still be posted */
	size_t min_multi_recv;
	bool directed;
};

/* An enabled endpoint that receives from it; NULL if there is none. */
const struct switch_ep *switch_rx_ep(const struct switch_rx *rx);

/*
 * What the application holds of an endpoint, of an alias of one, or of a shared
 * receive context: the object behind every fid_ep of this provider but passive
 * endpoints.
 */
struct switch_face {
	struct fid_ep fid;
	struct switch_ep *ep; /* NULL: of a shared receive context */
	struct switch_rx *rx;
	uint64_t tx_op_flags, rx_op_flags;
};

static inline struct switch_face *switch_face_of(struct fid *fid)
{
	return container_of(fid, struct switch_face, fid.fid);
}

static inline struct switch_ep *switch_ep_of(struct fid *fid)
{
	return switch_face_of(fid)->ep;
}

struct switch_ep {
	struct switch_face face;
	unsigned aliases; /* faces beside its own */
	struct switch_domain *domain;
	LIST_ENTRY(switch_ep) link;
	LIST_ENTRY(switch_ep) av_link;
	struct fi_info *info;
	struct fi_info *core_info; /* the core's: where to listen, or to connect from */
	enum fi_ep_type type;
	bool enabled, sends, receives, closing;
	bool source, source_err; /* completions say who sent; those of strangers, too */
	struct switch_av *av;
	struct switch_eq *eq;
	struct switch_cq *tx_cq, *rx_cq;
	struct switch_cntr *tx_cntr, *rx_cntr;
	struct switch_cntr *rma_cntr[4]; /* bound, never counted yet */
	unsigned rma_cntrs;
	bool tx_selective, rx_selective;
	size_t max_msg_size, inject_size;
	size_t tx_left; /* sends that may still be posted */
	struct sess_ep *sess_ep;

	struct switch_rx own_rx;
	bool wants_srx, wants_stx; /* attributes ask for shared contexts */
	struct switch_rx *srx;	   /* bound, instead of its own */
	LIST_ENTRY(switch_ep) srx_link;
	struct switch_stx *stx;

	/* RDM: connections by fi_addr, and those of peers not in the AV */
	struct switch_conn **conns;
	size_t conn_cnt;
	LIST_HEAD(, switch_conn) unnamed;
	struct core_listener *listener;
	bool told_misfit; /* somebody did not fit, and the log says so */
	bool everywhere;  /* listens on every interface; the name is that of one */
	struct switch_addr name;

	/* MSG */
	struct switch_conn *conn;
	struct switch_connreq *connreq; /* to be accepted */
	struct core_listener *origin;	/* of a passive endpoint, whose address it takes over */
	bool tried;			/* to connect or accept: once in its life */
	bool shut_down;			/* FI_SHUTDOWN was told */
};

struct switch_pep {
	struct fid_pep pep_fid;
	struct switch_fabric *fabric;
	LIST_ENTRY(switch_pep) link;
	struct fi_info *info;
	struct switch_eq *eq;
	struct core_listener *listener;
	bool told_misfit; /* somebody did not fit, and the log says so */
	bool listening;
};

/* info->handle of a connection request, until it is accepted or rejected. */
struct switch_connreq {
	struct fid fid;
	struct switch_ep *ep;		 /* opened for it */
	const struct core_ops *core_ops; /* for answering */
	struct core_request *request;
	struct sess_request preamble;
};

/* Reads the CM events of a passive endpoint into its EQ (fabric lock held). */
void switch_pep_progress(struct switch_pep *pep);
/* Turns away and frees a request (info->handle) that the application never
 * saw, because its event queue or passive endpoint was closed (peer/cm.c).
 * Any lock but the queue's may be held. */
void switch_connreq_drop(struct fid *handle);

/* -- sessions and their paths (peer/conn.c) ----------------------------- */

/* A new conn without session or path, linked into the domain; NULL when
 * memory is short. */
struct switch_conn *switch_conn_create(struct switch_ep *ep, fi_addr_t fi_addr);
/* Opens a path for a conn whose session connects; data follow our preamble.
 * 0 or a negative errno with nothing changed. */
int switch_conn_open_path(struct switch_conn *conn, const void *addr, size_t addr_len,
			  const void *data, size_t len);
/* Answers a request for a conn whose session accepts.  Consumes the request. */
int switch_conn_accept_path(struct switch_conn *conn, struct core_request *request,
			    const void *data, size_t len);
/* Gives up the path it has now; its session stays. */
void switch_conn_drop_path(struct switch_conn *conn);
/* The session ends here, its path was never made. */
void switch_conn_end(struct switch_conn *conn);
/* The domain is closing: frees it whatever it waits for. */
void switch_conn_forget(struct switch_conn *conn);

/* A request without a preamble was refused: said once, as anybody may send many. */
void switch_conn_stranger(bool *told);
/* Events of the core; each ignores those of a path it has dropped. */
void switch_conn_connected(const struct core_event *event);
void switch_conn_refused(const struct core_event *event);
void switch_conn_broken(const struct core_event *event);
void switch_conn_path_closed(const struct core_event *event);
/* Actions of the engine. */
void switch_conn_up(struct switch_conn *conn);
void switch_conn_bye(struct switch_conn *conn);
void switch_conn_down(struct switch_conn *conn, int error);

void switch_msg_close(struct switch_ep *ep);
/* The endpoint takes over the address of a passive endpoint (info->handle).  0
 * or a negative errno. */
int switch_msg_take_address(struct switch_ep *ep, struct switch_pep *pep);

/* Sources (peer/source.c): the engine's key for the peer of a conn, by its
 * entry or, if that is FI_ADDR_NOTAVAIL, by its address.  The conn refers to the
 * stranger that it is then, until it is forgotten. */
uint64_t switch_source_key(struct switch_conn *conn);
void switch_source_forget(struct switch_conn *conn);
/* A receive of ep is complete: puts the name for the application into the
 * place of the key, or makes it the error FI_EADDRNOTAVAIL unless it is another. */
void switch_name_source(struct switch_op *op, const struct switch_ep *ep);
const struct switch_addr *switch_stranger_addr(const struct switch_stranger *stranger);
/* A reference less; NULL is fine. */
void switch_stranger_release(struct switch_domain *domain, struct switch_stranger *stranger);
void switch_strangers_free(struct switch_domain *domain);

/* RDM (peer/rdm.c): the session with a peer, made if there is none.  0 or a
 * negative errno. */
int switch_rdm_sess(struct switch_ep *ep, fi_addr_t fi_addr, struct sess **sess);
/* An address inserted twice is one peer: the entry that stands for it. */
fi_addr_t switch_rdm_first(const struct switch_ep *ep, fi_addr_t fi_addr);
/* Somebody connects to an RDM endpoint. */
void switch_rdm_request(struct core_event *event);
/* Its peer's next send needs a new one. */
void switch_rdm_forget_conn(struct switch_conn *conn);
int switch_rdm_enable(struct switch_ep *ep);
/* Data of a refused connection: the peer's own is on its way. */
bool switch_refusal_is_crossing(const void *data, size_t len);
/* Bytes that travel with a connection if the core takes core_size of them, our preamble
 * included. */
size_t switch_cm_size(size_t core_size);

/* MSG (peer/cm.c): events for the application. */
void switch_msg_connected(struct switch_conn *conn);
void switch_msg_shutdown(struct switch_conn *conn);
void switch_msg_failed(struct switch_conn *conn, int error);

/* Submitting (api/post.c). */
struct switch_args {
	const struct iovec *iov;
	size_t iov_cnt;
	void **desc; /* NULL, or one for each piece */
	fi_addr_t addr;
	void *context;
	uint64_t tag, ignore, data;
	bool tagged;
	bool silent; /* inject: no completion but an error */
};

/* What the calls of libfabric return.  flags: those of the operation. */
ssize_t switch_post_send(struct switch_ep *ep, const struct switch_args *args, uint64_t flags);
ssize_t switch_post_recv(struct switch_rx *rx, const struct switch_args *args, uint64_t flags);

/* fi_control of an endpoint or an alias but FI_ENABLE: aliases and the flags of
 * operations (api/alias.c). */
int switch_face_control(struct switch_face *face, int command, void *arg);

/* Shared contexts (api/shared.c).  Binding takes a reference, which closing
 * the endpoint gives back; 0 or -FI_EINVAL. */
int switch_stx_open(struct fid_domain *domain, struct fi_tx_attr *attr, struct fid_stx **stx,
		    void *context);
int switch_srx_open(struct fid_domain *domain, struct fi_rx_attr *attr, struct fid_ep **srx,
		    void *context);
int switch_stx_bind(struct switch_ep *ep, struct fid *fid);
int switch_srx_bind(struct switch_ep *ep, struct fid *fid);
void switch_shared_unbind(struct switch_ep *ep);
/* Gives the value of an option of type size_t. */
int switch_opt_size(size_t value, void *optval, size_t *optlen);
/* FI_OPT_MIN_MULTI_RECV of an endpoint or a shared receive context. */
int switch_rx_getopt(const struct switch_rx *rx, int optname, void *optval, size_t *optlen);
int switch_rx_setopt(struct switch_rx *rx, int level, int optname, const void *optval,
		     size_t optlen);

/* Statistics (api/stats.c). */
int switch_ep_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context);
/* What an endpoint writes when it is closed; empty where nobody wants it. */
struct switch_stats_line {
	char text[4096];
	size_t len;
};
/* Under the domain's lock; and writes it, which may take CLOSE_TIMEOUT: without locks. */
void switch_stats_format(const struct switch_ep *ep, struct switch_stats_line *line);
void switch_stats_write(const struct switch_stats_line *line);

/* -- what each file offers to the tables of the others ------------------ */

int switch_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		   const struct fi_info *hints, struct fi_info **info);
/* The core's fi_info for one of ours, for opening (caller frees).  Without a source
 * address in info, one that listens gets one for every interface. */
int switch_core_info(const struct switch_fabric *fabric, const struct fi_info *info, bool listens,
		     struct fi_info **core_info);
/* Replaces the wildcard address in name, of an endpoint that listens on every
 * interface, by that of the first interface of its family which carries furthest. */
int switch_core_own_addr(const struct switch_fabric *fabric, struct switch_addr *name);
/* The adapter for a core of this fi_info; NULL: none. */
const struct core_ops *switch_core_ops(const struct fi_info *core);
/* The core to use when nobody names one (discover/info.c); NULL: any. */
const char *switch_default_core(void);
/* The fi_info of a core (NULL: the first that serves) whose fabric has this
 * name (caller frees). */
int switch_core_fabric(const char *core, const char *fabric, struct fi_info **core_info);
/* Makes an address of an fi_info a copy of another one (NULL: none); on failure
 * (-FI_ENOMEM) it stays what it was. */
int switch_info_set_addr(void **to, size_t *to_len, const void *from, size_t len);
/* Reads FI_PROVIDER, once, and forgets it. */
void switch_info_init(void);
void switch_info_fini(void);
/* Our entry of this type over a core's; *entry is NULL if it does not satisfy
 * the hints (NULL: none).  0 or -FI_ENOMEM (discover/attr.c). */
int switch_attr_entry(const struct fi_info *core, enum fi_ep_type type, uint32_t version,
		      const struct fi_info *hints, struct fi_info **entry);

/* An application opens an endpoint with info, or a shared context with one of
 * the attributes (the other is NULL; both: the defaults): -FI_EINVAL if they ask
 * for what fi_getinfo would not offer, -FI_ENOMEM. */
int switch_attr_check_ep(const struct switch_domain *domain, const struct fi_info *info);
int switch_attr_check_shared(const struct switch_domain *domain, const struct fi_tx_attr *tx,
			     const struct fi_rx_attr *rx);

int switch_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);
int switch_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain,
		       void *context);
int switch_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq,
		   void *context);
int switch_trywait(struct fid_fabric *fabric, struct fid **fids, int count);
int switch_poll_open(struct fid_domain *domain, struct fi_poll_attr *attr, struct fid_poll **poll);
int switch_waitset_open(struct fid_fabric *fabric, struct fi_wait_attr *attr,
			struct fid_wait **set);
int switch_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **cq,
		   void *context);
int switch_cntr_open(struct fid_domain *domain, struct fi_cntr_attr *attr, struct fid_cntr **cntr,
		     void *context);
int switch_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **av,
		   void *context);
int switch_pep_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **pep,
		    void *context);
int switch_ep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep,
		   void *context);
extern struct fi_ops_mr switch_mr_ops;
extern struct fi_ops_cm switch_msg_cm_ops, switch_rdm_cm_ops;
extern struct fi_ops_msg switch_msg_ops;
extern struct fi_ops_tagged switch_tagged_ops;

/* fi_cq_strerror, fi_eq_strerror: our provider errors are fabric errors. */
const char *switch_strerror(int prov_errno, char *buf, size_t len);
/* Refusals that tables share (api/no.c, discover/init.c). */
int switch_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int switch_no_control(struct fid *fid, int command, void *arg);
int switch_no_setname(fid_t fid, void *addr, size_t addrlen);
int switch_no_getpeer(struct fid_ep *ep, void *addr, size_t *addrlen);
int switch_no_connect(struct fid_ep *ep, const void *addr, const void *param, size_t paramlen);
int switch_no_listen(struct fid_pep *pep);
int switch_no_accept(struct fid_ep *ep, const void *param, size_t paramlen);
int switch_no_reject(struct fid_pep *pep, fid_t handle, const void *param, size_t paramlen);
int switch_no_shutdown(struct fid_ep *ep, uint64_t flags);
int switch_no_join(struct fid_ep *ep, const void *addr, uint64_t flags, struct fid_mc **mc,
		   void *context);
int switch_no_tx_ctx(struct fid_ep *ep, int idx, struct fi_tx_attr *attr, struct fid_ep **tx_ep,
		     void *context);
int switch_no_rx_ctx(struct fid_ep *ep, int idx, struct fi_rx_attr *attr, struct fid_ep **rx_ep,
		     void *context);
ssize_t switch_no_size_left(struct fid_ep *ep);
ssize_t switch_no_cancel(fid_t fid, void *context);
int switch_no_setopt(fid_t fid, int level, int optname, const void *optval, size_t optlen);
extern struct fi_ops_ep switch_no_ep_ops;
extern struct fi_ops_cm switch_no_cm_ops;
extern struct fi_ops_rma switch_no_rma_ops;
/* One-sided and collective calls of an endpoint are refused. */
void switch_no_one_sided(struct fid_ep *ep);
int switch_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context);

#endif
