/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to the adapter for connection-oriented cores: core/msg/msg.c (domain,
 * data), core/msg/queue.c (completion queues), core/msg/poll.c (events),
 * core/msg/cm.c (paths), core/msg/sever.c (the end of a connection), core/msg/listen.c
 * (listeners, requests) and core/msg/guard.c (their sockets).
 * Nobody else includes it.  All of it lives under the domain's lock, except
 * the reference count of a listener (see struct core_listener).
 */
#ifndef CORE_MSG_H
#define CORE_MSG_H

#include <poll.h>
#include <stdatomic.h>

#include "core/common/common.h"

enum {
	CORE_MSG_CM_DATA = 256,	   /* longest connection data that we take */
	CORE_MSG_CM_DATA_MIN = 55, /* what every known core carries (verbs) */
	CORE_MSG_DRAIN = 4096,	   /* reads of a listener that closes: a flood must not hold us */
	CORE_MSG_ACCEPTS = 64,	   /* connections that said nothing yet, let in by one look */
	CORE_MSG_NEAR_PATHS = 16,  /* that poll(2) is asked about */
	CORE_MSG_NEAR_FDS = 64,	   /* their sockets, and what the core adds */
	CORE_MSG_RX_MAX = 16384,   /* receives posted where the core does not hold back */
};

enum core_msg_use {
	CORE_MSG_UNUSED,
	CORE_MSG_LISTENS,
	CORE_MSG_LENT, /* or taken over for good */
};

/* An entry of a core event queue with its connection data. */
union core_msg_cm {
	struct fi_eq_cm_entry entry;
	uint8_t bytes[sizeof(struct fi_eq_cm_entry) + CORE_MSG_CM_DATA];
};

struct core_msg_queue {
	struct fid_cq *cq;
	unsigned path_cnt; /* paths bound to it, until they are freed */
	uint64_t seen;	   /* completions read that had a context */
};

/* The one for the first few paths, where it is worth having (core/msg/queue.c). */
struct core_msg_near {
	struct core_msg_queue queue; /* cq NULL: there is none */
	int epoll_fd;		     /* the set that follows the core's list */
	uint64_t change_index;
	size_t fd_cnt;
	struct pollfd fds[CORE_MSG_NEAR_FDS]; /* the list as it was last seen */
};

struct core_domain {
	struct core_base base; /* first */
	struct fid_fabric *fabric;
	struct core_msg_queue far;
	struct core_msg_near near;
	bool polls_near, near_first;
	int wake_fd;	/* wakes who sleeps, whatever for */
	unsigned armed; /* somebody may sleep: so many calls are still followed */
	struct fid_eq *eq;
	struct fid_ep *srx; /* NULL: each path has receives of its own */
	int far_fd, cm_fd;  /* cm_fd: epoll set of our and our listeners' event queues */
	size_t rx_ctx_cnt;

	struct core_pool pool; /* with srx only */
	struct core_tx_pool tx;
	size_t window; /* buffers that have to wait for each path; 0: the core holds back */
	size_t rx_max; /* buffers that the queues have room for */

	bool cm_due;	     /* something broke or was left over: read the events */
	bool slept;	     /* somebody may have: an event may have woken him */
	unsigned cm_pending; /* paths that wait for a connection event */
	unsigned path_cnt;
	size_t expected;			     /* peers that may be connected */
	LIST_HEAD(, core_path) paths;		     /* all of them */
	TAILQ_HEAD(core_msg_limbo, core_path) limbo; /* wait for their last completions */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* of those listeners */
	union core_msg_cm cm[CORE_BATCH];   /* one per event, until the next poll */
};

enum core_msg_state {
	CORE_MSG_CONNECTING, /* waits for the core to report the connection */
	CORE_MSG_UP,
	CORE_MSG_DEAD,	  /* refused or broken; waits for path_close */
	CORE_MSG_LEAVING, /* given up and severed; the core has yet to give its reads back */
	CORE_MSG_GONE,	  /* the core's endpoint is closed; waits for its last completions */
};

/* Allocated by connect and accept, freed when CORE_CLOSED is reported. */
struct core_path {
	struct core_line line; /* first; its ep is NULL once closed */
	LIST_ENTRY(core_path) link;
	TAILQ_ENTRY(core_path) limbo_link;
	struct core_domain *domain;
	struct core_msg_queue *queue;
	void *user;
	enum core_msg_state state;
	bool in_limbo;
	bool silent;	       /* never handed out: ends without an event */
	bool refused;	       /* in limbo: for CORE_REFUSED */
	bool read_failed;      /* by itself, before the core said that the path broke */
	bool severed;	       /* leaving: the core will say that the path broke */
	int error;	       /* why it broke, or was refused in limbo */
	uint64_t drain_at;     /* value of queue->seen that nothing of ours comes after */
	struct core_pool pool; /* without srx only */
};

/*
 * Each listener has an event queue of its own: the tcp core keeps requests
 * whose data did not arrive yet, and they outlive the listener in its queue.
 * refs counts the owner, every unanswered request, because fi_reject needs the
 * listener, and who its address is lent to; it is atomic, because these are
 * under the lock of some domain.  So is use, for it is listened to or lent.
 */
struct core_listener {
	LIST_ENTRY(core_listener) link;
	struct core_domain *domain; /* NULL: passive */
	struct fid_fabric *fabric;
	struct fi_info *info; /* the sockets core goes on using it */
	struct fid_pep *pep;
	struct fid_eq *eq;
	int eq_fd;
	unsigned idle_reads; /* of this look: reads that brought no request */
	void *user;
	atomic_uint refs;
	atomic_uint use;      /* enum core_msg_use */
	bool bound;	      /* to its event queue */
	union core_msg_cm cm; /* passive: of the last event */
};

/* Owned by whoever was told of it until it is answered (and, while held, its
 * event released). */
struct core_request {
	LIST_ENTRY(core_request) link;	/* in the domain, if the listener has one */
	struct core_listener *listener; /* NULL once answered */
	struct fi_info *info;
	bool listed, held;
};

/* -- core/msg/queue.c --------------------------------------------------- */

int core_msg_queues_open(struct core_domain *domain);
void core_msg_queues_close(struct core_domain *domain);
/* For a new path: near as long as all that are known may be. */
struct core_msg_queue *core_msg_queue_choose(struct core_domain *domain);
/* 0: the descriptors of both will wake whoever sleeps; -FI_EAGAIN: read first. */
int core_msg_queue_trywait(struct core_domain *domain);
/* After every call that may change what the core waits for, if armed. */
void core_msg_queue_changed(struct core_domain *domain);
static inline void core_msg_queue_touched(struct core_domain *domain)
{
	if (domain->armed)
		core_msg_queue_changed(domain);
}
/* There is something to do: nobody may sleep until he asked trywait. */
void core_msg_wake(struct core_domain *domain);
/* The core is about to close the path's socket. */
void core_msg_queue_closing(const struct core_path *path);

/* -- core/msg/poll.c ---------------------------------------------------- */

/* The path's last events follow when nothing it had out can be in the
 * completion queue any more. */
void core_msg_limbo_enter(struct core_path *path);
int core_msg_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_msg_release(struct core_domain *domain, struct core_event *event);

/* -- core/msg/listen.c -------------------------------------------------- */

int core_msg_eq_open(struct fid_fabric *fabric, struct fid_eq **eq, int *fd);
/* fi_eq_read, and the bytes of connection data in what it returned. */
ssize_t core_msg_eq_read(struct fid_eq *eq, uint32_t *type, union core_msg_cm *cm);
int core_msg_eq_trywait(struct fid_fabric *fabric, struct fid_eq *eq);
size_t core_msg_cm_len(ssize_t ret);
/* How much connection data the core carries. */
size_t core_msg_pep_cm_size(struct fid_pep *pep);
/* So that nobody who connects can stop the process (core/msg/guard.c). */
void core_msg_listener_guard(const struct core_listener *listener);
/* The next request of a listener; false: there is none. */
bool core_msg_request_next(struct core_listener *listener, union core_msg_cm *cm,
			   struct core_event *event);
/* The request has been answered: the listener may go, and the request once
 * its event is released. */
void core_msg_request_answered(struct core_request *request);
void core_msg_request_release(struct core_request *request);
/* Turns away what nobody answered (domain_close). */
void core_msg_requests_drop(struct core_domain *domain);

int core_msg_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener);
int core_msg_listener_name(struct core_listener *listener, void *addr, size_t *len);
void core_msg_listener_close(struct core_listener *listener);
void core_msg_reject(struct core_request *request, const void *data, size_t len);

int core_msg_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener);
int core_msg_passive_setname(struct core_listener *listener, void *addr, size_t len);
int core_msg_passive_listen(struct core_listener *listener);
int core_msg_passive_poll(struct core_listener *listener, struct core_event *event);
void core_msg_passive_release(struct core_listener *listener, struct core_event *event);
int core_msg_passive_trywait(struct core_listener *listener);
int core_msg_passive_fd(struct core_listener *listener);
struct fid *core_msg_passive_lend(struct core_listener *listener);
void core_msg_passive_return(struct core_listener *listener, bool taken);
size_t core_msg_passive_cm_size(struct core_listener *listener);

/* -- core/msg/cm.c ------------------------------------------------------ */

/* Shallow copy of info for an endpoint of this domain, with storage for the
 * parts that differ. */
struct core_msg_ep_info {
	struct fi_info info;
	struct fi_ep_attr ep_attr;
	uint8_t src_addr[CORE_ADDR_MAX];
};
int core_msg_ep_info(const struct core_domain *domain, const struct fi_info *info,
		     struct core_msg_ep_info *copy);
int core_msg_cm_poll(struct core_domain *domain, struct core_event *events, int max);
/* Closes the core's endpoint of a path that was given up. */
void core_msg_path_shut(struct core_path *path);
void core_msg_path_free(struct core_path *path);

int core_msg_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path);
int core_msg_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path);
int core_msg_path_peer(struct core_path *path, void *addr, size_t *len);
int core_msg_path_name(struct core_path *path, void *addr, size_t *len);
void core_msg_path_close(struct core_path *path);

/* -- core/msg/sever.c --------------------------------------------------- */

/* Ends the connection of a path that is up, for the core to find: 0, or a negative
 * errno if it goes on. */
int core_msg_path_sever(struct core_path *path);

#endif
