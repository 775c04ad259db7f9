/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the provider asks of a core: one vtable over the kinds of core
 * endpoints.  An adapter knows libfabric and its core; it does not know that
 * sessions exist.
 *
 * Locks: a core_domain and its paths are used under the domain's lock; the
 * adapter takes none.  A core_listener belongs to whoever opened it and is
 * used under that owner's lock.  No slot blocks.
 */
#ifndef SWITCH_CORE_H
#define SWITCH_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>

enum {
	CORE_IOV_MAX = 5,
	CORE_ADDR_MAX = 128, /* bytes of a core address */
	CORE_IO_SIZE = 128,  /* bytes of scratch that the driver lends with an operation */
	CORE_KEY_MAX = 32,

	CORE_SOCKADDR_IP = FI_ADDR_CXI + 2, /* FI_SOCKADDR_IP: newer headers have it */
};

extern struct fi_provider switch_prov; /* in whose name adapters log */

struct core_domain;   /* an open core domain: CQ, EQ, shared receives, buffer pool */
struct core_path;     /* a connection (or an address) to one peer */
struct core_listener; /* waits for connection requests */
struct core_request;  /* a connection request not answered yet */
struct core_mr;	      /* registered memory */

/* Scratch of one operation in flight; the adapter's from the call that took
 * it until CORE_DONE names it (or the call answered that it is done). */
struct core_io {
	uint64_t scratch[CORE_IO_SIZE / sizeof(uint64_t)];
};

/* What a core offers, worked out from its fi_info. */
struct core_caps {
	size_t iov_limit;     /* pieces of one send */
	size_t rma_iov_limit; /* local pieces of one read or write */
	size_t inject_size;
	size_t stage_size;   /* shorter sends may be reported done while they still are
				in a buffer of the core's that needs calls to empty */
	size_t rma_max;	     /* longest read or write */
	size_t cm_data_size; /* bytes that travel with a connection request */
	size_t key_size;
	bool can_read, can_write, read_target, write_target;
	bool mr_local; /* local memory must be registered */
	bool mr_virt_addr;
	bool mr_prov_key;
	bool send_after_write;
	bool mr_endpoint;   /* memory is registered for one path's endpoint */
	bool flow_control;  /* may be granted more than is posted */
	bool rma_pins_path; /* closing an endpoint under a read is unsafe: see core/msg/close.c */
	bool addr_is_name;  /* the address of a request is that of the peer's listener */
	bool tells_end;	    /* says when a peer's process has ended */
	bool keeps_sent;    /* what was sent arrives even if its sender exits: it lies with
			       the peer once the operation is done */
};

enum core_event_type {
	CORE_RECV,	/* buf, len: a message; give it back with release */
	CORE_DONE,	/* io, error: an operation finished */
	CORE_REQUEST,	/* listener, request, data, len, addr: somebody connects */
	CORE_CONNECTED, /* path, data, len: our request was accepted, or our acceptance arrived */
	CORE_REFUSED,	/* path, error, data, len: our request came to nothing */
	CORE_BROKEN,	/* path, error: the peer closed it or it failed (0: closed) */
	CORE_CLOSED,	/* path (already freed, only as a value), user: closed, no io is out */
};

/* What a type does not name is undefined, but for the token. */
struct core_event {
	enum core_event_type type;
	int error; /* positive errno value, 0: none */
	struct core_path *path;
	void *user; /* of the path or listener */
	struct core_io *io;
	struct core_listener *listener;
	struct core_request *request;
	const void *data; /* message or connection data; valid until release */
	size_t len;
	const struct fi_info *info; /* REQUEST: the core's, for an endpoint that accepts;
				       valid until release, like data */
	const void *addr;	    /* REQUEST: the peer's address, as the core saw it */
	size_t addr_len;
	void *token; /* the adapter's, for release */
};

/*
 * All at least 1.  A core without a shared receive context posts buffer_cnt
 * for each path, and that does not grow.  A core without flow control has
 * path_cnt buffers posted for each path that there is, wherever.
 */
struct core_attr {
	size_t buffer_size; /* of a receive buffer, bytes */
	size_t buffer_cnt;  /* posted at first */
	size_t buffer_max;  /* the pool grows up to this */
	size_t path_cnt;    /* messages that the peer of a path may have on the way */
};

/* Messages that begin with four bytes of ones are the adapters' own; nobody
 * else sends such. */
#define CORE_OWN_MESSAGE UINT32_MAX

struct core_ops {
	const char *name;

	/*
	 * Opens a domain of the core described by info, a core's fi_info, in
	 * fabric.  Receives are posted when it returns.  Returns 0 or a
	 * negative fi_errno, with nothing left open.
	 */
	int (*domain_open)(struct fid_fabric *fabric, struct fi_info *info,
			   const struct core_attr *attr, struct core_domain **domain);
	/* Closes it with whatever is still open in it, paths, listeners and
	 * requests; memory regions are closed before.  Operations that are out
	 * are not reported; the core touches their memory no more. */
	void (*domain_close)(struct core_domain *domain);

	/* Up to max events (at most 16); returns how many.  Every event is given
	 * back with release before the next poll.  check_cm: look for connection
	 * events too, which costs more; done anyway while connections are
	 * pending and after trywait.  What a path received comes before its
	 * CORE_BROKEN, and may come before its CORE_CONNECTED. */
	int (*poll)(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
	/* Ends the event: reposts its buffer, frees its connection data.  A
	 * request stays until it is answered. */
	void (*release)(struct core_domain *domain, struct core_event *event);

	/*
	 * Listens at info->src_addr, with events that appear in poll of this
	 * domain (RDM endpoints).  user comes back in events.  addr receives
	 * the bound address.  Closing: requests already told of can still be
	 * answered, in any order; the address is free after the last of them.
	 */
	int (*listen)(struct core_domain *domain, struct fi_info *info, void *user,
		      struct core_listener **listener);
	int (*listener_name)(struct core_listener *listener, void *addr, size_t *len);
	void (*listener_close)(struct core_listener *listener);

	/*
	 * A path to a peer that listens at addr.  user comes back in events;
	 * data (at most cm_data_size bytes) travels with the request.  from: the
	 * listener of the endpoint that connects, if it has one; where
	 * addr_is_name, the path starts there.  Elsewhere it starts at
	 * info->src_addr if there is one, but never at the port of a listener of
	 * this domain; or it takes over the address that info->handle has
	 * (passive_lend).  CORE_CONNECTED or CORE_REFUSED follows if it succeeds.
	 */
	int (*connect)(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		       const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		       struct core_path **path);
	/* Answers a request, which is consumed whether this succeeds or not: a
	 * core may know that the peer has left.  CORE_CONNECTED or CORE_REFUSED
	 * follows if it does. */
	int (*accept)(struct core_domain *domain, struct core_request *request, const void *data,
		      size_t len, void *user, struct core_path **path);
	void (*reject)(struct core_request *request, const void *data, size_t len);
	/* The address that a path leads to, and its own; 0 or a negative errno. */
	int (*path_peer)(struct core_path *path, void *addr, size_t *len);
	int (*path_name)(struct core_path *path, void *addr, size_t *len);
	/*
	 * Gives the path up, connected or not.  CORE_CLOSED follows, behind a
	 * CORE_DONE for each operation that was out (error FI_ECANCELED if the
	 * core never answered); what was polled before may still be on its way.
	 * The path takes no more operations.  A path of a core with connections
	 * does not wait for its peer.  Without, a path with operations out stays
	 * until they are done or have failed, so that with a peer that hangs only
	 * domain_close ends it: nothing else keeps the core off their memory.
	 */
	void (*path_close)(struct core_path *path);

	/*
	 * One message of these pieces.  Returns 1 if it was taken and io and
	 * the memory are free again (no CORE_DONE follows), 0 if CORE_DONE
	 * will follow, -FI_EAGAIN, or another negative errno: -FI_ENOTCONN before
	 * CORE_CONNECTED, -FI_ECONNRESET once it broke, -FI_ESHUTDOWN behind
	 * path_close.  On failure nothing is kept.  may_buffer: 1 may be
	 * answered as soon as the message is copied; otherwise the operation is
	 * over no sooner than the core can send the message without further
	 * calls.  desc[i]: core_ops.mr_desc of that piece, or NULL.
	 */
	int (*send)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, size_t len, bool may_buffer);
	/* RMA; answers like send, but never 1. */
	int (*read)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, uint64_t raddr, uint64_t key);
	int (*write)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		     void **desc, size_t cnt, uint64_t raddr, uint64_t key);

	/* Registers for access (FI_SEND, FI_RECV, FI_READ, FI_WRITE,
	 * FI_REMOTE_READ, FI_REMOTE_WRITE).  path: the one that will use it;
	 * may be NULL unless mr_endpoint.  raddr: by which a peer reaches buf
	 * (0-based unless mr_virt_addr).  The key cannot be guessed where the
	 * core lets us choose it. */
	int (*mr_reg)(struct core_domain *domain, struct core_path *path, const void *buf,
		      size_t len, uint64_t access, struct core_mr **mr, uint64_t *raddr,
		      uint64_t *key);
	void (*mr_close)(struct core_mr *mr);
	void *(*mr_desc)(const struct core_mr *mr);

	/* Descriptors to wait on for the domain's events, the same as long as it
	 * is open; returns how many. */
	int (*wait_fds)(struct core_domain *domain, int *fds, int max);
	/* 0: nothing is pending and the descriptors will wake the waiter;
	 * -FI_EAGAIN: poll again first. */
	int (*trywait)(struct core_domain *domain);

	/* So many peers are known by address and may be connected: what is best
	 * for few is not begun with. */
	void (*expect)(struct core_domain *domain, size_t peers);
	/* Nobody has an endpoint in the domain any more: what it keeps for the next
	 * path goes, as soon as no path uses it. */
	void (*rest)(struct core_domain *domain);

	const struct core_caps *(*caps)(const struct core_domain *domain);
	/* The same from a core's fi_info, without opening anything. */
	void (*info_caps)(const struct fi_info *info, struct core_caps *caps);

	/*
	 * A listener of its own, outside of any domain (passive endpoints), under
	 * its owner's lock.  poll returns 1 with a CORE_REQUEST, 0 for nothing;
	 * accept of the request works in any domain of the same fabric, and
	 * accept and reject under another lock than the listener's.  The event's
	 * data is valid until its release or the next poll, its info and addr
	 * until the request is answered.  Closed with listener_close, before its
	 * requests or after.
	 */
	int (*passive_open)(struct fid_fabric *fabric, struct fi_info *info, void *user,
			    struct core_listener **listener);
	int (*passive_setname)(struct core_listener *listener, void *addr, size_t len);
	int (*passive_listen)(struct core_listener *listener);
	int (*passive_poll)(struct core_listener *listener, struct core_event *event);
	void (*passive_release)(struct core_listener *listener, struct core_event *event);
	int (*passive_trywait)(struct core_listener *listener);
	int (*passive_fd)(struct core_listener *listener);
	/* What a path takes the listener's address over from, as info->handle of
	 * connect; NULL if it listens or is lent already.  From here on it may be
	 * closed, but neither listens nor takes a name, until it is given back
	 * unless it was taken: a connect was tried, however it went. */
	struct fid *(*passive_lend)(struct core_listener *listener);
	void (*passive_return)(struct core_listener *listener, bool taken);
	/* Bytes that travel with a connection request. */
	size_t (*passive_cm_size)(struct core_listener *listener);
};

extern const struct core_ops core_msg_ops; /* FI_EP_MSG: tcp, verbs, sockets */
extern const struct core_ops core_rdm_ops; /* FI_EP_RDM: shm, net, sockets, efa, psm3 ... */

#endif
