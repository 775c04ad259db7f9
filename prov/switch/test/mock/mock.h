/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The mock: a connectionless, reliable libfabric provider for tests only.  It makes use of
 * every liberty that libfabric's man pages give a provider, and ends a program that relies on
 * more ("mock core: ...", abort()). mock_init.c lists the environment variables that choose
 * its behaviour.
 *
 * Only one thread at a time may use the objects of a domain (FI_THREAD_DOMAIN), which is
 * checked.  Progress is made by calls that read a completion queue.
 */
#ifndef MOCK_H
#define MOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>
#include <rdma/providers/fi_prov.h>

#include "base/compat.h"

#define MOCK_SCHEME "mock://"
#define MOCK_PROTO  (1U << 31) /* values of providers have this bit, fi_endpoint(3) */

enum {
	MOCK_IOV_MAX = 16,
	MOCK_NAME_MAX = 104, /* bytes of a name with its NUL: as many as a socket's address holds */
	MOCK_CHUNK = 32 * 1024, /* bytes of a message in one packet */
	MOCK_CQ_DATA = 8,
};

struct mock_config {
	bool on;
	uint64_t mode;
	int mr_mode;
	uint64_t rma; /* the offered kinds of FI_READ, FI_WRITE, FI_REMOTE_READ, FI_REMOTE_WRITE */
	size_t iov_limit, inject_size, prefix_size, key_size, tx_size, rx_size, max_msg;
	size_t fail_mr; /* this and later registrations fail; 0: none */
	bool rm, sas, eager;
};
extern struct mock_config mock_config;
extern struct fi_provider mock_prov;

/* Ends the program, because it broke a rule of libfabric's man pages. */
void mock_violation(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void mock_random(void *buf, size_t len);
void *mock_alloc(size_t len); /* returns zeroed memory, never NULL */

int mock_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		 const struct fi_info *hints, struct fi_info **info);
/* Makes a name of a node and a service, each of which may be NULL. */
int mock_name_make(char name[MOCK_NAME_MAX], const char *node, const char *service);

/* -- objects ------------------------------------------------------------- */

struct mock_fabric {
	struct fid_fabric fid;
	int refs;
};

struct mock_in;

struct mock_domain {
	struct fid_domain fid;
	struct mock_fabric *fabric;
	int refs;
	int epfd;	     /* an epoll set of the domain's sockets */
	atomic_flag entered; /* set while a thread is in a call */
	uint64_t pass;	     /* counts calls of mock_progress() */
	uint64_t last_id;
	LIST_HEAD(, mock_ep) eps;
	LIST_HEAD(, mock_conn) conns;
	LIST_HEAD(, mock_op) ops; /* operations whose completion has not been read */
	LIST_HEAD(, mock_mr) mrs;
	LIST_HEAD(, mock_key) keys;
	STAILQ_HEAD(, mock_in) late; /* writes that are acknowledged but not applied yet */
	uint8_t *packet;	     /* the buffer for a received packet */
};

struct mock_mr {
	struct fid_mr fid;
	LIST_ENTRY(mock_mr) link;
	struct mock_domain *domain;
	struct mock_ep *ep; /* with FI_MR_ENDPOINT, the endpoint that the region is bound to */
	uint8_t *base;
	size_t len;
	uint64_t access, id, key;
	bool enabled;
};

/* A raw key that the application has mapped. */
struct mock_key {
	LIST_ENTRY(mock_key) link;
	uint64_t mapped, key;
};

struct mock_av {
	struct fid_av fid;
	struct mock_domain *domain;
	enum fi_av_type type;
	int refs;
	size_t cnt;
	char **names; /* NULL: removed */
};

struct mock_cq {
	struct fid_cq fid;
	struct mock_domain *domain;
	enum fi_cq_format format;
	enum fi_wait_obj wait;
	int epfd, evfd; /* -1 without a wait object; epfd watches evfd and domain->epfd */
	atomic_bool signaled;
	int refs;
	size_t size, cnt;
	TAILQ_HEAD(, mock_op) done;
};

struct mock_ep {
	struct fid_ep fid;
	LIST_ENTRY(mock_ep) link;
	struct mock_domain *domain;
	struct mock_av *av;
	struct mock_cq *tx_cq, *rx_cq;
	bool tx_selective, rx_selective;
	uint64_t caps, tx_flags, rx_flags;
	struct mock_conn *listener;
	char name[MOCK_NAME_MAX];
	bool enabled;
	int mrs; /* number of memory regions bound to it */
	size_t tx_cnt, rx_cnt;
	TAILQ_HEAD(, mock_op) posted;	/* posted receives */
	STAILQ_HEAD(, mock_in) arrived; /* messages that wait for a receive */
};

/* -- operations (mock_op.c) ------------------------------------------------ */

enum mock_kind { MOCK_SEND, MOCK_RECV, MOCK_WRITE, MOCK_READ };

/* The arguments of a data call, whichever function it was. */
struct mock_args {
	const struct iovec *iov;
	void **desc; /* may be NULL */
	size_t iov_cnt;
	const struct fi_rma_iov *rma;
	size_t rma_cnt;
	fi_addr_t addr;
	uint64_t data, flags;
	void *context;
	bool no_completion; /* true of the inject calls */
};

/* An operation.  The domain owns it from the call until its completion is read. */
struct mock_op {
	LIST_ENTRY(mock_op) all;
	TAILQ_ENTRY(mock_op) link; /* in ep->posted, then in cq->done */
	struct mock_ep *ep;
	struct mock_cq *cq;
	struct mock_conn *conn; /* the connection that carries it; only compared, never followed */
	enum mock_kind kind;
	bool done, silent;
	uint64_t id, flags;
	void *context;

	struct iovec given[MOCK_IOV_MAX]; /* the pieces as the application gave them */
	void *desc[MOCK_IOV_MAX];
	struct fi_rma_iov rma[MOCK_IOV_MAX];
	size_t given_cnt, rma_cnt;
	/* FI_ASYNC_IOV: the application's arrays, which it must leave unchanged */
	const struct iovec *user_iov;
	void **user_desc;
	const struct fi_rma_iov *user_rma;

	struct iovec iov[MOCK_IOV_MAX]; /* the data: the pieces without the prefix, or the copy */
	size_t iov_cnt, len;
	void *copy; /* the copy of injected data; mock_wire_send() takes it over */
	struct fi_cq_err_entry entry;
};

/* Creates an operation and checks every rule of its call.  Returns -FI_EAGAIN if too many are
 * outstanding. */
int mock_op_open(struct mock_ep *ep, enum mock_kind kind, const struct mock_args *args,
		 struct mock_op **op);
/* Creates a completion for which this side submitted no operation. */
struct mock_op *mock_op_notice(struct mock_ep *ep);
/* Ends an operation with a positive errno or 0, and queues its completion if it has one. */
void mock_op_finish(struct mock_op *op, int error);
/* Called when its completion has been read: checks the lent memory a last time and frees the
 * operation. */
void mock_op_close(struct mock_op *op);
/* Frees an operation without a completion, because its endpoint or queue is closed. */
void mock_op_drop(struct mock_op *op);
/* Copies received data to offset 0 of the operation's memory.  Returns how many bytes fitted. */
size_t mock_op_fill(struct mock_op *op, const void *data, size_t len);

/* -- the wire (mock_wire.c, mock_conn.c) ------------------------------------ */

enum mock_type { MOCK_MSG = 1, MOCK_PUT, MOCK_GET, MOCK_ACK };

/* The header of each packet.  The body of a message is cut into chunks, which follow one
 * another on their connection. */
struct mock_head {
	uint32_t type, status; /* status: of MOCK_ACK, positive errno */
	uint64_t id;	       /* the operation's id at its sender; MOCK_ACK returns it */
	uint64_t len, off;     /* length of the body, offset of this chunk in it */
	uint64_t flags;	       /* FI_REMOTE_CQ_DATA, FI_DELIVERY_COMPLETE */
	uint64_t data;
	uint64_t rma_cnt; /* the body begins with so many struct fi_rma_iov */
};

/* An outgoing message.  Its connection owns it until it is written. */
struct mock_out {
	STAILQ_ENTRY(mock_out) link;
	struct mock_head head;
	struct fi_rma_iov rma[MOCK_IOV_MAX];
	struct iovec iov[MOCK_IOV_MAX + 1];
	size_t iov_cnt, sent;
	void *owned;	    /* memory that is freed with the message */
	struct mock_op *op; /* the operation that ends when the message is written, or NULL */
};

/* An incoming message. */
struct mock_in {
	STAILQ_ENTRY(mock_in) link;
	struct mock_head head;
	struct mock_conn *conn; /* holds a reference */
	uint64_t due;		/* of a late write: the pass that applies it */
	size_t got;
	uint8_t body[] __attribute__((aligned(16)));
};

/* A connected socket, or the listening socket of an endpoint.  An endpoint opens one to each
 * peer that it addresses; the peer's answers come back on the same socket. */
struct mock_conn {
	LIST_ENTRY(mock_conn) link;
	struct mock_domain *domain;
	struct mock_ep *ep; /* NULL: closed; the connection only writes its queued messages */
	int fd;		    /* -1: closed */
	int refs;
	bool listening, connected, blocked;
	char peer[MOCK_NAME_MAX]; /* the peer's name, if our endpoint connected */
	STAILQ_HEAD(, mock_out) outs;
	struct mock_in *in; /* the message whose chunks are arriving */
};

struct mock_conn *mock_conn_listen(struct mock_ep *ep, int *error);
struct mock_conn *mock_conn_to(struct mock_ep *ep, const char *peer);
void mock_conn_accept(struct mock_conn *listener);
void mock_conn_try(struct mock_conn *conn); /* connects unless it is connected */
void mock_conn_hold(struct mock_conn *conn);
void mock_conn_release(struct mock_conn *conn);
/* Closes a connection; its operations fail with this errno. */
void mock_conn_break(struct mock_conn *conn, int error);
/* Detaches a connection from an endpoint that closes.  Messages whose operations have
 * completed are still written. */
void mock_conn_leave(struct mock_conn *conn);
void mock_conn_watch(struct mock_conn *conn);

void mock_wire_send(struct mock_conn *conn, struct mock_op *op);
void mock_wire_answer(struct mock_conn *conn, uint64_t id, int status, void *body, size_t len);
void mock_wire_flush(struct mock_conn *conn); /* may free the connection */
void mock_wire_flush_all(struct mock_domain *domain);
void mock_out_free(struct mock_out *out);

/* -- incoming messages (mock_serve.c) -------------------------------------------- */

void mock_serve(struct mock_in *in); /* takes the message over */
void mock_serve_posted(struct mock_ep *ep);
void mock_serve_late(struct mock_domain *domain);
void mock_in_free(struct mock_in *in);

/* -- domains and what they hold ---------------------------------------------- */

int mock_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fid, void *context);
int mock_domain_open(struct fid_fabric *fid, struct fi_info *info, struct fid_domain **domain,
		     void *context);
int mock_av_open(struct fid_domain *fid, struct fi_av_attr *attr, struct fid_av **av,
		 void *context);
int mock_cq_open(struct fid_domain *fid, struct fi_cq_attr *attr, struct fid_cq **cq,
		 void *context);
int mock_ep_open(struct fid_domain *fid, struct fi_info *info, struct fid_ep **ep, void *context);
int mock_ep_getname(fid_t fid, void *addr, size_t *addrlen);
ssize_t mock_ep_cancel(fid_t fid, void *context);

void mock_enter(struct mock_domain *domain); /* called around every call of the application */
void mock_leave(struct mock_domain *domain);
void mock_progress(struct mock_domain *domain);
/* Returns true if something can happen only when mock_progress() is called, so that a caller
 * must not block. */
bool mock_restless(const struct mock_domain *domain);

const char *mock_av_name(const struct mock_av *av,
			 fi_addr_t addr); /* an unknown address is a violation */
void mock_cq_push(struct mock_cq *cq, struct mock_op *op);
int mock_cq_trywait(struct mock_cq *cq);

extern struct fi_ops_mr mock_mr_ops;
int mock_mr_control(struct mock_domain *domain, int command, void *arg);
/* Checks the descriptor of a piece of local memory; a wrong one is a violation. */
void mock_mr_local(const struct mock_ep *ep, const struct iovec *iov, void *desc, uint64_t access);
/* Returns the key as it is sent to the peer. */
uint64_t mock_mr_wire_key(const struct mock_domain *domain, uint64_t key);
/* Returns the memory at which a peer may access rma->len bytes, or NULL if it may not. */
uint8_t *mock_mr_remote(const struct mock_ep *ep, const struct fi_rma_iov *rma, uint64_t access);

extern struct fi_ops_msg mock_msg_ops;
extern struct fi_ops_rma mock_rma_ops;

/* -- functions that are not offered (mock_no.c) ---------------------------------- */

int mock_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int mock_no_control(struct fid *fid, int command, void *arg);
int mock_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops, void *context);
/* Tables of functions, most of which are not offered. */
extern struct fi_ops_domain mock_domain_ops;
extern struct fi_ops_cm mock_cm_ops;
extern struct fi_ops_ep mock_ep_ops;
extern struct fi_ops_tagged mock_no_tagged_ops;
extern struct fi_ops_atomic mock_no_atomic_ops;

#endif
