/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A core that is a referee: a connectionless, reliable libfabric provider for
 * tests only.  It makes use of every liberty that libfabric's man pages give a
 * provider, and ends the program ("mock core: ...", abort()) that relies on
 * more.  mock_init.c lists the environment variables that choose its mood.
 *
 * All objects of a domain are used by one thread at a time (FI_THREAD_DOMAIN,
 * which is checked); progress is made in calls that read a completion queue.
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
	MOCK_NAME_MAX = 104,	/* bytes of a name, with its NUL: what a socket's holds */
	MOCK_CHUNK = 32 * 1024, /* bytes of a message in one packet */
	MOCK_CQ_DATA = 8,
};

struct mock_config {
	bool on;
	uint64_t mode;
	int mr_mode;
	uint64_t rma; /* of FI_READ, FI_WRITE, FI_REMOTE_READ, FI_REMOTE_WRITE */
	size_t iov_limit, inject_size, prefix_size, key_size, tx_size, rx_size, max_msg;
	size_t fail_mr; /* this and later registrations fail; 0: none */
	bool rm, sas, eager;
};
extern struct mock_config mock_config;
extern struct fi_provider mock_prov;

/* The user has done what a core need not bear. */
void mock_violation(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void mock_random(void *buf, size_t len);
void *mock_alloc(size_t len); /* zeroed, never NULL */

int mock_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		 const struct fi_info *hints, struct fi_info **info);
/* The name made of a node and a service, each of which may be NULL. */
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
	int epfd;	     /* every socket of the domain */
	atomic_flag entered; /* a thread is inside */
	uint64_t pass;	     /* counts calls of mock_progress() */
	uint64_t last_id;
	LIST_HEAD(, mock_ep) eps;
	LIST_HEAD(, mock_conn) conns;
	LIST_HEAD(, mock_op) ops; /* all that are out: not finished, or not read yet */
	LIST_HEAD(, mock_mr) mrs;
	LIST_HEAD(, mock_key) keys;
	STAILQ_HEAD(, mock_in) late; /* writes that are acknowledged and not applied */
	uint8_t *packet;	     /* where packets are received */
};

struct mock_mr {
	struct fid_mr fid;
	LIST_ENTRY(mock_mr) link;
	struct mock_domain *domain;
	struct mock_ep *ep; /* FI_MR_ENDPOINT: bound to it */
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
	int epfd, evfd; /* -1 without a wait object; epfd: evfd and the domain's */
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
	int mrs; /* bound to it */
	size_t tx_cnt, rx_cnt;
	TAILQ_HEAD(, mock_op) posted;	/* receives */
	STAILQ_HEAD(, mock_in) arrived; /* messages that wait for one */
};

/* -- operations (mock_op.c) ------------------------------------------------ */

enum mock_kind { MOCK_SEND, MOCK_RECV, MOCK_WRITE, MOCK_READ };

/* What any data call says. */
struct mock_args {
	const struct iovec *iov;
	void **desc; /* or NULL */
	size_t iov_cnt;
	const struct fi_rma_iov *rma;
	size_t rma_cnt;
	fi_addr_t addr;
	uint64_t data, flags;
	void *context;
	bool no_completion; /* the inject calls */
};

/* Owned by the domain from the call until its completion is read. */
struct mock_op {
	LIST_ENTRY(mock_op) all;
	TAILQ_ENTRY(mock_op) link; /* of ep->posted, then of cq->done */
	struct mock_ep *ep;
	struct mock_cq *cq;
	struct mock_conn *conn; /* it travels by this one; only compared */
	enum mock_kind kind;
	bool done, silent;
	uint64_t id, flags;
	void *context;

	struct iovec given[MOCK_IOV_MAX]; /* as the application gave them */
	void *desc[MOCK_IOV_MAX];
	struct fi_rma_iov rma[MOCK_IOV_MAX];
	size_t given_cnt, rma_cnt;
	/* FI_ASYNC_IOV: the application's arrays, which have to stay like that */
	const struct iovec *user_iov;
	void **user_desc;
	const struct fi_rma_iov *user_rma;

	struct iovec iov[MOCK_IOV_MAX]; /* the data: without prefix, or the copy */
	size_t iov_cnt, len;
	void *copy; /* of what was injected; mock_wire_send() takes it over */
	struct fi_cq_err_entry entry;
};

/* A new operation, every rule checked.  -FI_EAGAIN if too many are out. */
int mock_op_open(struct mock_ep *ep, enum mock_kind kind, const struct mock_args *args,
		 struct mock_op **op);
/* A completion that no operation of this side asked for. */
struct mock_op *mock_op_notice(struct mock_ep *ep);
/* Over, with a positive errno or 0: to its queue if there is something to tell. */
void mock_op_finish(struct mock_op *op, int error);
/* Its completion was read: checks what was lent for the last time, and frees. */
void mock_op_close(struct mock_op *op);
/* Frees it without a word (its endpoint or queue is closed). */
void mock_op_drop(struct mock_op *op);
/* Receives: puts data at offset 0 of its memory; how many bytes fitted. */
size_t mock_op_fill(struct mock_op *op, const void *data, size_t len);

/* -- the wire (mock_wire.c, mock_conn.c) ------------------------------------ */

enum mock_type { MOCK_MSG = 1, MOCK_PUT, MOCK_GET, MOCK_ACK };

/* In front of each packet.  A message's body is cut into chunks, which follow
 * one another on their connection. */
struct mock_head {
	uint32_t type, status; /* status: of MOCK_ACK, positive errno */
	uint64_t id;	       /* the sender's; of MOCK_ACK: that of the operation */
	uint64_t len, off;     /* of the body, of this chunk in it */
	uint64_t flags;	       /* FI_REMOTE_CQ_DATA, FI_DELIVERY_COMPLETE */
	uint64_t data;
	uint64_t rma_cnt; /* the body begins with so many struct fi_rma_iov */
};

/* A message on its way out; its connection's until it is written. */
struct mock_out {
	STAILQ_ENTRY(mock_out) link;
	struct mock_head head;
	struct fi_rma_iov rma[MOCK_IOV_MAX];
	struct iovec iov[MOCK_IOV_MAX + 1];
	size_t iov_cnt, sent;
	void *owned;	    /* freed with it */
	struct mock_op *op; /* finished when it is written; NULL: nothing to finish */
};

/* A message that came in. */
struct mock_in {
	STAILQ_ENTRY(mock_in) link;
	struct mock_head head;
	struct mock_conn *conn; /* holds a reference */
	uint64_t due;		/* late: the pass that applies it */
	size_t got;
	uint8_t body[] __attribute__((aligned(16)));
};

/* A connected socket.  An endpoint opens one to each peer that it addresses;
 * answers come back on the same.  Or an endpoint's listening one. */
struct mock_conn {
	LIST_ENTRY(mock_conn) link;
	struct mock_domain *domain;
	struct mock_ep *ep; /* NULL: closed; the connection stays to empty outs */
	int fd;		    /* -1: over */
	int refs;
	bool listening, connected, blocked;
	char peer[MOCK_NAME_MAX]; /* of one that we opened */
	STAILQ_HEAD(, mock_out) outs;
	struct mock_in *in; /* being put together */
};

struct mock_conn *mock_conn_listen(struct mock_ep *ep, int *error);
struct mock_conn *mock_conn_to(struct mock_ep *ep, const char *peer);
void mock_conn_accept(struct mock_conn *listener);
void mock_conn_try(struct mock_conn *conn); /* connects if it is not */
void mock_conn_hold(struct mock_conn *conn);
void mock_conn_release(struct mock_conn *conn);
/* It is over: its operations fail with this errno. */
void mock_conn_break(struct mock_conn *conn, int error);
/* Its endpoint closes: what the application was told is done still leaves. */
void mock_conn_leave(struct mock_conn *conn);
void mock_conn_watch(struct mock_conn *conn);

void mock_wire_send(struct mock_conn *conn, struct mock_op *op);
void mock_wire_answer(struct mock_conn *conn, uint64_t id, int status, void *body, size_t len);
void mock_wire_flush(struct mock_conn *conn); /* may free it */
void mock_wire_flush_all(struct mock_domain *domain);
void mock_out_free(struct mock_out *out);

/* -- what came in (mock_serve.c) --------------------------------------------- */

void mock_serve(struct mock_in *in); /* takes it over */
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

void mock_enter(struct mock_domain *domain); /* around calls of the application */
void mock_leave(struct mock_domain *domain);
void mock_progress(struct mock_domain *domain);
/* Something moves only if somebody calls mock_progress(): do not sleep. */
bool mock_restless(const struct mock_domain *domain);

const char *mock_av_name(const struct mock_av *av, fi_addr_t addr); /* or a violation */
void mock_cq_push(struct mock_cq *cq, struct mock_op *op);
int mock_cq_trywait(struct mock_cq *cq);

extern struct fi_ops_mr mock_mr_ops;
int mock_mr_control(struct mock_domain *domain, int command, void *arg);
/* The desc of a piece of local memory, or a violation. */
void mock_mr_local(const struct mock_ep *ep, const struct iovec *iov, void *desc, uint64_t access);
/* The key as it travels. */
uint64_t mock_mr_wire_key(const struct mock_domain *domain, uint64_t key);
/* Where a peer may access len bytes, NULL: nowhere. */
uint8_t *mock_mr_remote(const struct mock_ep *ep, const struct fi_rma_iov *rma, uint64_t access);

extern struct fi_ops_msg mock_msg_ops;
extern struct fi_ops_rma mock_rma_ops;

/* -- what is not offered (mock_no.c) ------------------------------------------ */

int mock_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int mock_no_control(struct fid *fid, int command, void *arg);
int mock_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops, void *context);
/* Tables that have little else. */
extern struct fi_ops_domain mock_domain_ops;
extern struct fi_ops_cm mock_cm_ops;
extern struct fi_ops_ep mock_ep_ops;
extern struct fi_ops_tagged mock_no_tagged_ops;
extern struct fi_ops_atomic mock_no_atomic_ops;

#endif
