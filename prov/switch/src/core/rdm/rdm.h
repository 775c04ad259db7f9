/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to the adapter for connectionless cores: core/rdm/rdm.c (domain, data),
 * core/rdm/port.c (endpoints and peers' addresses), core/rdm/frame.c (the
 * adapter's own messages), core/rdm/cm.c (paths), core/rdm/listen.c
 * (listeners, requests) and core/rdm/poll.c (events).  Nobody else includes it.
 * All of it lives under the domain's lock, except what struct core_listener
 * says.
 */
#ifndef CORE_RDM_H
#define CORE_RDM_H

#define HASH_NONFATAL_OOM 1 /* hh.tbl of what was not added is NULL */
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "core/common/common.h"

enum {
	CORE_RDM_CM_DATA = 256, /* longest connection data */
	CORE_RDM_FRAME_MAX = 32 + CORE_ADDR_MAX + CORE_RDM_CM_DATA,
	CORE_RDM_ORPHANS = CORE_TX_MAX / 2, /* frames of a port that nobody waits for */
};

/* -- ports and peers -------------------------------------------------------- */

/*
 * A core endpoint: of a listener and the paths that begin there, or of those of
 * endpoints that never listen.  refs counts listener, paths,
 * requests and frames that wait; the last one closes it.  Its buffers stay
 * until no completion can name them.
 */
struct core_port {
	LIST_ENTRY(core_port) link; /* in domain->ports, then in domain->closed_ports */
	struct core_domain *domain;
	struct fid_ep *ep; /* NULL once closed; pool.ep: once it is to be */
	struct core_pool pool;
	struct core_tx_pool tx;
	struct core_listener *listener; /* who is told of requests; NULL: they are turned away */
	bool shared;			/* by paths of endpoints that never listen */
	bool kept;			/* shared, and the domain has a reference */
	unsigned refs;
	unsigned orphan_cnt; /* frames that the core has, and nobody waits for */
	uint64_t drain_at;   /* closed: value of domain->seen that nothing of ours comes after */
	size_t asked_len, name_len;
	uint8_t asked[CORE_ADDR_MAX]; /* the address that it was opened for */
	uint8_t name[CORE_ADDR_MAX];  /* and the one that it has */
};

/* An address in the core's address vector.  It stays there for a while when nobody
 * uses it any more: the peer may still be sending to us, and what we sent last may be
 * on its way, neither of which a core bears without the address (shm, fi_av(3)). */
struct core_peer {
	UT_hash_handle hh;	     /* in domain->peers, by name */
	TAILQ_ENTRY(core_peer) link; /* refs 0: in domain->idle_peers, the oldest first */
	fi_addr_t addr;
	unsigned refs; /* paths, and frames that wait or that the core has */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX];
};

/* For info's source address (NULL or taken: any). */
int core_rdm_port_open(struct core_domain *domain, const struct fi_info *info,
		       struct core_port **port);
/* One without a listener, for endpoints that never listen, at info's source address: until
 * core_rdm_ports_unshare(), or if that says which port, as long as it is used. */
int core_rdm_port_share(struct core_domain *domain, const struct fi_info *info,
			struct core_port **port);
/* No endpoint is left that could use those: they go with their last path.  A process that
 * exits now leaves nothing of them behind, as a core may (shm: a file). */
void core_rdm_ports_unshare(struct core_domain *domain);
void core_rdm_port_get(struct core_port *port);
void core_rdm_port_put(struct core_port *port);
/* The queue was empty: nothing of closed ports comes any more. */
void core_rdm_ports_drained(struct core_domain *domain);
/* Frees the buffers of ports that are through (all: of every closed one). */
void core_rdm_ports_reap(struct core_domain *domain, bool all);
void core_rdm_port_close(struct core_port *port);
/* Anybody may have sent it: whether it may be given to the core, or to who accepts. */
bool core_rdm_is_name(const struct core_domain *domain, const void *name, size_t len);
int core_rdm_peer_get(struct core_domain *domain, const void *name, size_t len,
		      struct core_peer **peer);
void core_rdm_peer_put(struct core_domain *domain, struct core_peer *peer);
/* At the end, when nobody has one. */
void core_rdm_peers_free(struct core_domain *domain);

/* -- frames ----------------------------------------------------------------- */

enum core_rdm_type {
	CORE_RDM_REQUEST = 1, /* name, data; from */
	CORE_RDM_ACCEPT,      /* name, data; to, from */
	CORE_RDM_REJECT,      /* data; to */
	CORE_RDM_CLOSE,	      /* to */
};

/* The adapter's own messages.  to and from are ids of paths; secret was chosen
 * by who opened the path, and both sides repeat it. */
struct core_rdm_frame {
	enum core_rdm_type type;
	uint32_t to, from;
	uint64_t secret;
	const void *name, *data;
	size_t name_len, data_len;
};

/* Sends it, or keeps it for core_rdm_frames_flush(). path: told if that fails;
 * NULL: nobody is. */
int core_rdm_frame_send(struct core_port *port, struct core_peer *peer, struct core_path *path,
			const struct core_rdm_frame *frame);
void core_rdm_frames_flush(struct core_domain *domain);
/* Of a path that is given up: those that the core has are nobody's from here on, as
 * far as a port has room for such.  A core may hold them as long as the peer is silent. */
void core_rdm_frames_orphan(struct core_path *path);
/* The port is freed, and the core did not return them. */
void core_rdm_frames_lost(struct core_port *port);
/* Forgets those that wait: of this path, or all (NULL). */
void core_rdm_frames_drop(struct core_domain *domain, const struct core_path *path);
/* Anybody may have sent it.  False: it is not a frame. */
bool core_rdm_frame_parse(const void *buf, size_t len, struct core_rdm_frame *frame);

/* A frame that the core did not take yet. */
struct core_rdm_waiting {
	TAILQ_ENTRY(core_rdm_waiting) link;
	struct core_port *port;
	struct core_peer *peer;
	struct core_path *path; /* NULL: nobody waits for it */
	uint64_t until;		/* then it is given up, in core_rdm_now()'s milliseconds */
	size_t len;
	uint8_t bytes[];
};

/* -- the domain --------------------------------------------------------------- */

struct core_domain {
	struct core_base base; /* first */
	struct fid_fabric *fabric;
	struct fi_info *info; /* for its own endpoints */
	struct fid_cq *cq;
	struct fid_av *av;
	bool has_fd; /* the core's queue has a descriptor, cq_fd */
	bool armed;  /* somebody may sleep */
	int cq_fd;
	int timer_fd;	     /* wakes where nothing else does */
	bool timer_set;	     /* it may be readable, now or later */
	int wait_fd;	     /* epoll set of both */
	unsigned idle_polls; /* in a row */
	unsigned naps;	     /* times that somebody may have slept, since the last event */
	uint64_t naps_since; /* milliseconds */
	uint64_t seen;	     /* completions read that had a context */
	LIST_HEAD(, core_port) ports, closed_ports;
	struct core_peer *peers;
	TAILQ_HEAD(, core_peer) idle_peers;
	unsigned idle_peer_cnt;
	LIST_HEAD(, core_path) paths;
	struct core_path *by_id;
	TAILQ_HEAD(core_rdm_due, core_path) due; /* have something to report */
	LIST_HEAD(, core_listener) listeners;
	LIST_HEAD(, core_request) requests; /* of those listeners, not answered yet */
	unsigned request_cnt;
	TAILQ_HEAD(, core_rdm_waiting) waiting;
	unsigned orphan_cnt; /* of these, those that nobody waits for */
	uint32_t next_id;
};

int core_rdm_domain_open(struct fid_fabric *fabric, struct fi_info *info,
			 const struct core_attr *attr, struct core_domain **domain);
void core_rdm_domain_close(struct core_domain *domain);

/* -- paths ---------------------------------------------------------------------- */

enum core_rdm_state {
	CORE_RDM_CONNECTING, /* waits for the answer, or that the core takes ours */
	CORE_RDM_UP,
	CORE_RDM_DEAD, /* refused or broken; waits for path_close */
	CORE_RDM_GONE, /* closed; waits for its last completions */
};

enum { /* core_path.tell: events that are due, in this order */
       CORE_RDM_TELL_CONNECTED = 1 << 0,
       CORE_RDM_TELL_REFUSED = 1 << 1,
       CORE_RDM_TELL_BROKEN = 1 << 2,
       CORE_RDM_TELL_CLOSED = 1 << 3,
};

/* Allocated by connect and accept, freed when CORE_CLOSED is reported. */
struct core_path {
	struct core_line line; /* first */
	LIST_ENTRY(core_path) link;
	TAILQ_ENTRY(core_path) due_link;
	UT_hash_handle hh; /* in domain->by_id */
	struct core_domain *domain;
	struct core_port *port;
	struct core_peer *peer;
	void *user;
	enum core_rdm_state state;
	uint32_t id, peer_id; /* peer_id: 0 until known */
	uint64_t secret;
	unsigned tell;	   /* CORE_RDM_TELL_... */
	int error;	   /* of CORE_REFUSED and CORE_BROKEN */
	uint64_t drain_at; /* CORE_BROKEN: value of domain->seen that nothing of ours comes after */
	size_t name_len;
	uint8_t name[CORE_ADDR_MAX]; /* that it leads to, as it was asked for */
	uint8_t *data;		     /* that came with the answer */
	size_t data_len;
};

int core_rdm_connect(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		     const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		     struct core_path **path);
int core_rdm_accept(struct core_domain *domain, struct core_request *request, const void *data,
		    size_t len, void *user, struct core_path **path);
int core_rdm_path_peer(struct core_path *path, void *addr, size_t *len);
int core_rdm_path_name(struct core_path *path, void *addr, size_t *len);
void core_rdm_path_close(struct core_path *path);
void core_rdm_path_free(struct core_path *path);
/* After one of its operations is done: a closed path ends with the last one. */
void core_rdm_path_settle(struct core_path *path);
/* Reports it at one of the next polls. */
void core_rdm_path_tell(struct core_path *path, unsigned what);
/* The peer does not answer to this path any more, or never did. */
void core_rdm_path_fail(struct core_path *path, int error);
/* Its first frame was taken by the core. */
void core_rdm_path_sent(struct core_path *path);
/* A frame from the peer of a path (or from somebody who says so). */
void core_rdm_path_frame(struct core_port *port, const struct core_rdm_frame *frame);

/* -- listeners -------------------------------------------------------------------- */

/*
 * Passive: with a domain of its own, which lives as long as a request of it is
 * not answered.  Then lock covers the domain, since requests are answered under
 * other locks than the owner's; refs counts owner, requests and who its address is
 * lent to.
 */
struct core_listener {
	LIST_ENTRY(core_listener) link; /* in the domain's listeners */
	struct core_domain *domain;
	struct core_port *port; /* NULL: passive, and its address is lent */
	void *user;
	struct fi_info *info; /* passive: for the port */
	struct fid lent;      /* passive: stands for its address */
	bool passive, listens, is_lent;
	pthread_mutex_t lock;
	atomic_uint refs;
};

/* Owned by whoever was told of it until it is answered (and, while held, its
 * event released). */
struct core_request {
	LIST_ENTRY(core_request) link;
	struct core_listener *listener;
	struct core_port *port; /* of the listener, which may be closed */
	struct fi_info *info;
	bool held, answered;
	uint32_t peer_id;
	uint64_t secret;
	size_t name_len, data_len;
	uint8_t name[CORE_ADDR_MAX], data[CORE_RDM_CM_DATA];
};

int core_rdm_listen(struct core_domain *domain, struct fi_info *info, void *user,
		    struct core_listener **listener);
int core_rdm_listener_name(struct core_listener *listener, void *addr, size_t *len);
void core_rdm_listener_close(struct core_listener *listener);
/* A REQUEST came for this port.  Returns 1 with an event, or 0: it was turned away. */
int core_rdm_request(struct core_port *port, const struct core_rdm_frame *frame,
		     struct core_event *event);
void core_rdm_request_answered(struct core_request *request);
void core_rdm_request_release(struct core_request *request);
void core_rdm_reject(struct core_request *request, const void *data, size_t len);
void core_rdm_requests_drop(struct core_domain *domain);

int core_rdm_passive_open(struct fid_fabric *fabric, struct fi_info *info, void *user,
			  struct core_listener **listener);
int core_rdm_passive_setname(struct core_listener *listener, void *addr, size_t len);
int core_rdm_passive_listen(struct core_listener *listener);
int core_rdm_passive_poll(struct core_listener *listener, struct core_event *event);
void core_rdm_passive_release(struct core_listener *listener, struct core_event *event);
int core_rdm_passive_trywait(struct core_listener *listener);
int core_rdm_passive_fd(struct core_listener *listener);
struct fid *core_rdm_passive_lend(struct core_listener *listener);
void core_rdm_passive_return(struct core_listener *listener, bool taken);
size_t core_rdm_passive_cm_size(struct core_listener *listener);

/* -- events --------------------------------------------------------------------------- */

int core_rdm_poll(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
void core_rdm_release(struct core_domain *domain, struct core_event *event);
int core_rdm_wait_fds(struct core_domain *domain, int *fds, int max);
int core_rdm_trywait(struct core_domain *domain);
uint64_t core_rdm_now(void); /* milliseconds */

#endif
