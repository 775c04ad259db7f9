/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The interface of a core (a lower provider): one vtable over the kinds of core endpoints.
 * The provider calls it; the adapters in core/msg and core/rdm implement it.
 * An adapter knows libfabric and its core; it does not know that sessions exist.
 *
 * Blocking: no slot waits for a peer or for an event.  domain_close of a core without
 * connections tries for at most 100 ms to tell peers; no other slot takes that long.
 * Locks: see struct core_ops.
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
	CORE_IOV_MAX = 5,    /* pieces of one operation */
	CORE_ADDR_MAX = 128, /* bytes of a core address */
	CORE_IO_SIZE = 128,  /* bytes of scratch that the driver lends with an operation */

	CORE_SOCKADDR_IP = FI_ADDR_CXI + 2, /* FI_SOCKADDR_IP: newer headers have it */
};

extern struct fi_provider switch_prov; /* adapters log in its name */

/* Each of these is allocated and freed by the adapter; see the slots that make and end
 * them. */
struct core_domain;   /* an open core domain: CQ, EQ, shared receives, buffer pool */
struct core_path;     /* a connection (or an address) to one peer */
struct core_listener; /* waits for connection requests */
struct core_request;  /* a connection request that was not answered yet */
struct core_mr;	      /* registered memory */

/* Scratch of one operation in flight.  The driver owns it, and lends it to the adapter
 * from the call that takes the operation until CORE_DONE names it (or the call returns
 * that the operation is over). */
struct core_io {
	uint64_t scratch[CORE_IO_SIZE / sizeof(uint64_t)];
};

/* Capabilities and limits of a core, worked out from its fi_info. */
struct core_caps {
	size_t iov_limit;     /* pieces of one send */
	size_t rma_iov_limit; /* local pieces of one read or write */
	size_t inject_size;   /* bytes */
	size_t stage_size;    /* sends of fewer bytes may be reported done while the core still
				 has them in a buffer that only further calls empty */
	size_t rma_max;	      /* bytes of the longest read or write */
	size_t cm_data_size;  /* bytes that travel with a connection request */
	size_t key_size;      /* bytes of a memory key */
	bool can_read, can_write, read_target, write_target;
	bool mr_local; /* local memory must be registered */
	bool mr_virt_addr;
	bool mr_prov_key;
	bool send_after_write;
	bool mr_endpoint;   /* memory is registered for the endpoint of one path */
	bool flow_control;  /* peers may be granted more messages than buffers are posted */
	bool rma_pins_path; /* closing an endpoint under a read is unsafe: see core/msg/close.c */
	bool addr_is_name;  /* the address in a request is that of the peer's listener */
	bool tells_end;	    /* the core reports when a peer's process has ended */
	bool keeps_sent;    /* a message arrives even if its sender exits: the peer has it once
			       the operation is done */
};

enum core_event_type {
	CORE_RECV,	/* buf, len: a message; give it back with release */
	CORE_DONE,	/* io, error: an operation finished */
	CORE_REQUEST,	/* listener, request, data, len, addr: a peer asks for a connection */
	CORE_CONNECTED, /* path, data, len: our request was accepted, or our acceptance arrived */
	CORE_REFUSED,	/* path, error, data, len: our request came to nothing */
	CORE_BROKEN,	/* path, error: the peer closed it or it failed (0: closed) */
	CORE_CLOSED,	/* path (already freed, only as a value), user: closed, no io is out */
};

/* Lies in the caller's memory; what it points to is the adapter's until release.  Fields
 * that its type does not name are undefined, but for the token. */
struct core_event {
	enum core_event_type type;
	int error; /* positive errno value, 0: none */
	struct core_path *path;
	void *user; /* of the path or listener */
	struct core_io *io;
	struct core_listener *listener;
	struct core_request *request;
	const void *data;	    /* message or connection data; valid until release */
	size_t len;		    /* bytes of data */
	const struct fi_info *info; /* REQUEST: the core's, for an endpoint that accepts;
				       valid until release, like data */
	const void *addr;	    /* REQUEST: the peer's address, as the core saw it */
	size_t addr_len;
	void *token; /* the adapter's, for release */
};

/*
 * Sizes of a domain's buffers; all at least 1.  A core without a shared receive context
 * posts buffer_cnt for each path, and that does not grow.  A core without flow control
 * has path_cnt buffers posted for each path, so that no message of a peer finds none.
 */
struct core_attr {
	size_t buffer_size; /* bytes of a receive buffer */
	size_t buffer_cnt;  /* buffers posted at first */
	size_t buffer_max;  /* the pool grows up to this */
	size_t path_cnt;    /* messages that the peer of a path may have on the way */
};

/* Messages that begin with four bytes of ones are the adapters' own; the driver never
 * sends such. */
#define CORE_OWN_MESSAGE UINT32_MAX

/*
 * The slots.  The lock of a domain (its user's, the adapter has none) covers the domain
 * with its paths, listeners, requests and registered memory: every slot is called with it
 * held, but for those that say otherwise.  Passive listeners and their requests are under
 * the lock of whoever opened the listener.
 */
struct core_ops {
	const char *name;

	/*
	 * Opens a domain of the core described by info (a core's fi_info; the caller keeps
	 * it) in fabric, which must outlive the domain.  Receives are posted when it
	 * returns.  No lock is needed: nobody else knows the domain yet.  Returns 0, and
	 * *domain is the caller's until domain_close, or a negative fi_errno, with nothing
	 * left open.
	 */
	int (*domain_open)(struct fid_fabric *fabric, struct fi_info *info,
			   const struct core_attr *attr, struct core_domain **domain);
	/* Closes a domain and frees what is still open in it: paths, listeners and requests.
	 * The caller closes memory regions before.  Operations that are out are not
	 * reported; the core does not touch their memory any more. */
	void (*domain_close)(struct core_domain *domain);

	/*
	 * Reads up to max events (at most 16) into events; returns how many.  Does not
	 * block.  The caller gives every event back with release before it polls again.
	 * check_cm: look for connection events too, which costs more; done anyway while
	 * connections are pending and after trywait.  The messages that a path received are
	 * reported before its CORE_BROKEN, and maybe before its CORE_CONNECTED.
	 */
	int (*poll)(struct core_domain *domain, struct core_event *events, int max, bool check_cm);
	/* Ends the event: posts its buffer again, or frees its connection data.  A request
	 * stays until it is answered. */
	void (*release)(struct core_domain *domain, struct core_event *event);

	/*
	 * Listens at info->src_addr for an endpoint of this domain; requests are reported
	 * by the domain's poll, with user.  Returns 0, and *listener is the caller's until
	 * listener_close (or domain_close), or a negative fi_errno.
	 */
	int (*listen)(struct core_domain *domain, struct fi_info *info, void *user,
		      struct core_listener **listener);
	/* Copies the bound address to addr.  *len: bytes of room, then of the address.
	 * Returns 0 or a negative fi_errno (-FI_ETOOSMALL).  Of a passive listener, too. */
	int (*listener_name)(struct core_listener *listener, void *addr, size_t *len);
	/* Ends listening; the caller forgets the listener.  Requests that were reported can
	 * still be answered, in any order; the address is free after the last of them.  Of
	 * a passive listener, too. */
	void (*listener_close)(struct core_listener *listener);

	/*
	 * Begins to connect to a peer that listens at addr; does not wait for the answer,
	 * which CORE_CONNECTED or CORE_REFUSED reports, with user.  data (at most
	 * cm_data_size bytes) travels with the request.  from: the listener of the endpoint
	 * that connects, or NULL; where addr_is_name, the path begins there.  Elsewhere it
	 * begins at info->src_addr if there is one, but never at the port of a listener of
	 * this domain; or it takes over the address that info->handle has (passive_lend).
	 * Everything that is passed in is copied.  Returns 0, and *path is the caller's
	 * until CORE_CLOSED, or a negative fi_errno.
	 */
	int (*connect)(struct core_domain *domain, struct core_listener *from, struct fi_info *info,
		       const void *addr, size_t addr_len, const void *data, size_t len, void *user,
		       struct core_path **path);
	/*
	 * Accepts a request, of a listener in this domain or of a passive one, with the
	 * lock of this domain held.  The request is consumed whether this succeeds or not:
	 * a core may know that the peer has left.  CORE_CONNECTED or CORE_REFUSED follows
	 * if it succeeds.  Returns like connect.
	 */
	int (*accept)(struct core_domain *domain, struct core_request *request, const void *data,
		      size_t len, void *user, struct core_path **path);
	/* Refuses a request and consumes it.  That of a passive listener may be refused
	 * under the lock of any domain of the fabric, or of the listener's owner. */
	void (*reject)(struct core_request *request, const void *data, size_t len);
	/* Copy the address that a path leads to, and its own.  *len: bytes of room, then of
	 * the address.  Return 0 or a negative fi_errno. */
	int (*path_peer)(struct core_path *path, void *addr, size_t *len);
	int (*path_name)(struct core_path *path, void *addr, size_t *len);
	/*
	 * Closes a path, connected or not; does not wait.  The path takes no more
	 * operations.  CORE_CLOSED follows, behind a CORE_DONE for each operation that was
	 * out (error FI_ECANCELED if the core never answered), and then the adapter has
	 * freed the path; what was polled before may still be on its way.  A core with
	 * connections needs no answer of the peer.  Without connections, a path with
	 * operations out stays until they are done or have failed, so that only
	 * domain_close ends it if the peer hangs: nothing else keeps the core off their
	 * memory.
	 */
	void (*path_close)(struct core_path *path);

	/*
	 * Sends one message of these cnt pieces, len bytes in sum.  Never blocks.  Returns
	 * 1 if it was taken and io and the memory are free again (no CORE_DONE follows); 0
	 * if CORE_DONE will follow, until when io and the memory are the adapter's;
	 * -FI_EAGAIN if the core takes nothing now; or another negative fi_errno:
	 * -FI_ENOTCONN before CORE_CONNECTED, -FI_ECONNRESET once the path broke,
	 * -FI_ESHUTDOWN behind path_close.  On failure nothing is kept.  may_buffer: 1 may
	 * be returned as soon as the message is copied; otherwise the operation is over no
	 * sooner than the core can send the message without further calls.  desc[i]:
	 * mr_desc of that piece, or NULL.
	 */
	int (*send)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, size_t len, bool may_buffer);
	/* Reads from the peer's memory at raddr, or writes to it; return like send, but
	 * never 1. */
	int (*read)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, uint64_t raddr, uint64_t key);
	int (*write)(struct core_path *path, struct core_io *io, const struct iovec *iov,
		     void **desc, size_t cnt, uint64_t raddr, uint64_t key);

	/*
	 * Registers len bytes at buf for access (FI_SEND, FI_RECV, FI_READ, FI_WRITE,
	 * FI_REMOTE_READ, FI_REMOTE_WRITE).  path: the one that will use them; may be NULL
	 * unless mr_endpoint.  raddr: the address by which a peer reaches buf (0-based
	 * unless mr_virt_addr).  A peer cannot guess the key, where the core lets us choose
	 * it.  Returns 0, and *mr is the caller's until mr_close, or a negative fi_errno.
	 */
	int (*mr_reg)(struct core_domain *domain, struct core_path *path, const void *buf,
		      size_t len, uint64_t access, struct core_mr **mr, uint64_t *raddr,
		      uint64_t *key);
	/* Closes a registration that no operation uses any more, before its domain. */
	void (*mr_close)(struct core_mr *mr);
	/* The local descriptor for send, read and write; valid until mr_close. */
	void *(*mr_desc)(const struct core_mr *mr);

	/* The descriptors to wait on for the domain's events, at most max; returns how many.
	 * They are the adapter's, and the same as long as the domain is open; no lock is
	 * needed to wait on them. */
	int (*wait_fds)(struct core_domain *domain, int *fds, int max);
	/* 0: no event is pending, and the descriptors will wake a waiter; -FI_EAGAIN (or
	 * another negative fi_errno): poll again first.  Does not wait. */
	int (*trywait)(struct core_domain *domain);

	/* Tells the domain how many peers are known by address and may be connected, so
	 * that it does not give the first paths a completion queue which suits only a few
	 * (core/msg/cq.c). */
	void (*expect)(struct core_domain *domain, size_t peers);
	/* To be called when no endpoint is left in the domain: the adapter frees the
	 * endpoints of the core that it keeps for the next path, as soon as no path uses
	 * them. */
	void (*rest)(struct core_domain *domain);

	/* The capabilities; the domain's own, valid as long as it is open. */
	const struct core_caps *(*caps)(const struct core_domain *domain);
	/* The same from a core's fi_info.  Opens nothing, needs no lock. */
	void (*info_caps)(const struct fi_info *info, struct core_caps *caps);

	/*
	 * Passive endpoints: a listener outside of any domain, under the lock of whoever
	 * opens it, which every slot from here on is called with.
	 */

	/* Opens a passive endpoint at info->src_addr in fabric, which must outlive it;
	 * info is copied, and user comes back in events.  It does not listen yet.  Returns
	 * 0, and *listener is the caller's until listener_close (before its requests are
	 * answered or after), or a negative fi_errno. */
	int (*passive_open)(struct fid_fabric *fabric, struct fi_info *info, void *user,
			    struct core_listener **listener);
	/* Changes the address of a passive endpoint; -FI_EOPBADSTATE if it listens or its
	 * address is lent. */
	int (*passive_setname)(struct core_listener *listener, void *addr, size_t len);
	/* Begins to listen; -FI_EOPBADSTATE if it listens already or its address is lent. */
	int (*passive_listen)(struct core_listener *listener);
	/*
	 * Returns 1 with a CORE_REQUEST, or 0 if there is none.  The request can be accepted
	 * in any domain of the same fabric; it may be answered under another lock than the
	 * listener's.  The event's data is valid until its release or the next poll, its info
	 * and addr until the request is answered.
	 */
	int (*passive_poll)(struct core_listener *listener, struct core_event *event);
	/* Ends the event; the request stays until it is answered. */
	void (*passive_release)(struct core_listener *listener, struct core_event *event);
	/* Like trywait, for passive_fd. */
	int (*passive_trywait)(struct core_listener *listener);
	/* The descriptor to wait on; the adapter's, open until listener_close. */
	int (*passive_fd)(struct core_listener *listener);
	/*
	 * Lends the listener's address to a path: the result is for info->handle of connect,
	 * NULL if the listener listens or its address is lent already.  From here on it may
	 * be closed, but neither listens nor takes a name until passive_return.
	 */
	struct fid *(*passive_lend)(struct core_listener *listener);
	/* Ends the loan.  taken: connect was called with it, and succeeded or failed; then
	 * the listener can never listen.  Any lock of a domain of the same fabric may be
	 * held instead of the listener's. */
	void (*passive_return)(struct core_listener *listener, bool taken);
	/* Bytes that travel with a connection request. */
	size_t (*passive_cm_size)(struct core_listener *listener);
};

extern const struct core_ops core_msg_ops; /* FI_EP_MSG: tcp, verbs, sockets */
extern const struct core_ops core_rdm_ops; /* FI_EP_RDM: shm, net, sockets, efa, psm3 ... */

#endif
