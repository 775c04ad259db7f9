/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the adapters share: what a completion's context points to, receive and
 * send buffers (core/common/buffers.c) and registrations (core/common/mr.c).  Private to the
 * adapters; all of it lives under the domain's lock.
 */
#ifndef CORE_COMMON_H
#define CORE_COMMON_H

#include <sys/queue.h>

#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/providers/fi_log.h>

#include "core/core.h"

#define CORE_WARN(subsys, ...) FI_WARN(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)
#define CORE_INFO(subsys, ...) FI_INFO(&switch_prov, FI_LOG_##subsys, __VA_ARGS__)

enum {
	CORE_BATCH = 16,	/* events of one poll */
	CORE_READS = 64,	/* times that a poll reads a queue: some of it is no event */
	CORE_INJECT_COPY = 256, /* pieces up to this sum are gathered to be injected */
	CORE_OUT_MAX = 4096,	/* operations out per domain: the completion queue holds them */
	CORE_KEYS = 32,		/* random keys drawn at once: 256 bytes */
	CORE_HEAD = 512,	/* bytes of a receive buffer that lie apart */
	CORE_TX_MAX = 256,	/* send buffers of a pool */
	CORE_LINE_LEAST = 2,	/* operations out, and send buffers, that are a path's own */
};

/* The tcp core copies shorter sends into a buffer of its own where the socket
 * is full, and reports them done (its parameter staging_sbuf_size). */
#define CORE_TCP_STAGE 9000

/* What a completion's context points to. */
enum core_kind {
	CORE_KIND_NONE,	 /* finished: the core must not name it again */
	CORE_KIND_SEND,	 /* struct core_out */
	CORE_KIND_WRITE, /* struct core_out */
	CORE_KIND_READ,	 /* struct core_out */
	CORE_KIND_RX,	 /* struct core_rx */
	CORE_KIND_TX,	 /* struct core_tx */
};

struct core_ctx {
	struct fi_context2 core; /* first: the core's, in FI_CONTEXT mode */
	enum core_kind kind;
};

/* An operation that is out; lives in the scratch of a struct core_io, or in a
 * send buffer. */
struct core_out {
	struct core_ctx ctx;
	struct core_path *path;
	TAILQ_ENTRY(core_out) link; /* in the path's list */
};

TAILQ_HEAD(core_outs, core_out);

_Static_assert(sizeof(struct core_out) <= sizeof(struct core_io),
	       "an operation fits the scratch that the driver lends");

/*
 * A receive buffer.  Its memory exists once the core fills it, page by page,
 * and the core fills one buffer after the other: small messages would soon have
 * a page in each.  So the first bytes of all buffers of a chunk lie side by
 * side, and a message that is longer is put together when it came.
 */
struct core_rx {
	struct core_ctx ctx;
	struct core_pool *pool;
	void *head; /* NULL: not apart */
	void *data; /* room for a whole message, the core's prefix in front of it */
	void *desc;
	SLIST_ENTRY(core_rx) link; /* in base->idle */
};

/* Buffers allocated and registered together. */
struct core_chunk {
	SLIST_ENTRY(core_chunk) link;
	void *mem;
	struct fid_mr *mr; /* NULL unless the core wants local memory registered */
	size_t cnt;
	struct core_rx rx[];
};

/* Receive buffers posted to one queue: the domain's shared one, or an
 * endpoint's own. */
struct core_pool {
	struct fid_ep *ep; /* NULL: closed, nothing is posted any more */
	void *owner;	   /* the adapter's */
	SLIST_HEAD(, core_chunk) chunks;
	size_t cnt;
	size_t run; /* completed since the completion queue was last read empty */
	bool grown; /* in this run */
};

/* A send buffer: messages are copied where the core does not take them as they
 * lie. */
struct core_tx {
	struct core_out out; /* first; kind CORE_KIND_TX */
	struct core_tx_pool *pool;
	struct core_io *io; /* to report as done; NULL: it was, when it was copied */
	void *frame;	    /* the adapter's: who a message of its own goes to; else NULL */
	void *data;	    /* the core's prefix first */
	void *desc;
	struct fid_mr *mr;
	SLIST_ENTRY(core_tx) link;     /* in pool->free */
	SLIST_ENTRY(core_tx) all_link; /* in pool->all */
};

struct core_tx_pool {
	struct fid_ep *ep; /* what a core of FI_MR_ENDPOINT registers for */
	void *owner;	   /* the adapter's */
	SLIST_HEAD(, core_tx) free;
	SLIST_HEAD(, core_tx) all;
	size_t cnt, busy; /* all, and those that are not free */
};

/* The first member of both adapters' struct core_path: where its operations go,
 * and which are out. */
struct core_line {
	struct fid_ep *ep;
	fi_addr_t addr; /* FI_ADDR_UNSPEC where ep is connected */
	struct core_tx_pool *tx;
	struct core_outs outs;
	unsigned out_cnt, tx_cnt; /* how many they are, and those in send buffers */
	unsigned read_cnt;	  /* reads among them */
};

/* The first member of both adapters' struct core_domain. */
struct core_base {
	struct fid_domain *domain;
	struct core_caps caps;
	uint64_t write_flags; /* of a write after which a send may say that it arrived */
	size_t prefix;	      /* bytes in front of each message that are the core's */
	bool async_iov;	      /* the core reads lists of pieces until the end */
	size_t buffer_size, buffer_cnt, buffer_max;
	size_t head_size;	    /* CORE_HEAD, or 0 where buffers are in one piece */
	SLIST_HEAD(, core_rx) idle; /* could not be posted: tried again at each poll */
	size_t out_cnt, rx_cnt;	    /* in the core's hands */
	/* a buffer is about to be posted where none was; may be NULL */
	void (*starved)(struct core_base *base);
	uint64_t keys[CORE_KEYS];
	unsigned key_cnt;
};

/* Logs and returns ret. */
static inline int core_failed(const char *what, int ret)
{
	CORE_WARN(CORE, "%s: %s\n", what, fi_strerror(-ret));
	return ret;
}

/* -- core/common/common.c -------------------------------------------------------- */

void core_base_init(struct core_base *base, const struct fi_info *info,
		    const struct core_attr *attr);
/* One of libfabric's own that speak over TCP sockets with the same code. */
bool core_is_tcp(const struct fi_info *info);
/* Of a core's fi_info; what depends on the kind of endpoints is left to the adapter. */
void core_caps_init(const struct fi_info *info, struct core_caps *caps);
/* What an operation or a connection failed with (positive), as our users are told it: a
 * core says it in the words of what it was doing when it met that the peer was gone. */
int core_peer_error(int error);
/* The port of a socket address in network order; 0: it has none, or is none. */
uint16_t core_addr_port(const void *addr, size_t len);
/* A socket address forgets its port, if it has one: true. */
bool core_addr_port_clear(void *addr, size_t len);

/* -- core/common/data.c ---------------------------------------------------------- */

/* core_ops.send, read and write, for a path that is up. */
int core_data_send(struct core_base *base, struct core_path *path, struct core_io *io,
		   const struct iovec *iov, void **desc, size_t cnt, size_t len, bool may_buffer);
int core_data_rma(struct core_base *base, struct core_path *path, struct core_io *io,
		  enum core_kind kind, const struct iovec *iov, void **desc, size_t cnt,
		  uint64_t raddr, uint64_t key);
/* An operation is over; returns what to report as done, or NULL. */
struct core_io *core_data_done(struct core_base *base, struct core_out *out);
/* Enters and leaves the list of those that are out; its kind says what it is. */
void core_line_add(struct core_line *line, struct core_out *out);
void core_line_remove(struct core_line *line, struct core_out *out);

/* -- core/common/mr.c ------------------------------------------------------------ */

/* ep: what it is bound to where the core wants that, else unused. */
int core_mr_open(struct core_base *base, struct fid_ep *ep, const void *buf, size_t len,
		 uint64_t access, struct fid_mr **mr);
/* core_ops.mr_reg, mr_close and mr_desc. */
int core_mr_reg(struct core_base *base, struct fid_ep *ep, const void *buf, size_t len,
		uint64_t access, struct core_mr **mr, uint64_t *raddr, uint64_t *key);
void core_mr_close(struct core_mr *mr);
void *core_mr_desc(const struct core_mr *mr);

/* -- core/common/buffers.c --------------------------------------------------------- */

/* The message that the core has put into the buffer; *len is what the core
 * says, and then the message's. */
const void *core_rx_data(const struct core_base *base, struct core_rx *rx, size_t *len);
/* Posts the buffer, or keeps it for core_rx_retry(). */
void core_rx_post(struct core_base *base, struct core_rx *rx);
void core_rx_retry(struct core_base *base);
/* Allocates and posts cnt more buffers; 0 or a negative errno. */
int core_pool_grow(struct core_base *base, struct core_pool *pool, size_t cnt);
/* Twice as many, as far as buffer_max goes. */
void core_pool_double(struct core_base *base, struct core_pool *pool);
/* A completion of one of its buffers was read; the queue was read empty. */
void core_pool_check(struct core_base *base, struct core_pool *pool, bool empty);
/* The queue they were posted to is closed and no completion names them: some cores
 * never give back what an endpoint had when it was closed. */
void core_pool_free(struct core_base *base, struct core_pool *pool);

/* A send buffer with this message in it.  Returns 0, -FI_EAGAIN while all are out,
 * or another negative errno. */
int core_tx_fill(struct core_base *base, struct core_tx_pool *pool, const struct iovec *iov,
		 size_t cnt, size_t len, struct core_tx **tx);
/* Sends it, with a completion; the core's answer. */
ssize_t core_tx_send(const struct core_base *base, struct fid_ep *ep, fi_addr_t addr,
		     struct core_tx *tx, size_t len);
void core_tx_put(struct core_tx *tx);
void core_tx_pool_free(struct core_base *base, struct core_tx_pool *pool);

#endif
