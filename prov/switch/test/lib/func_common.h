/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the functional tests share: processes that are forked before anything
 * of libfabric is called, a team of them with shared memory to meet in,
 * endpoints opened to order, and operations whose completions are counted.
 *
 * Environment: FUNC_PROV, the provider ("tcp;ofi_switch"); FUNC_HOST, the address
 * that endpoints get (127.0.0.1); SEED; FUNC_DEADLINE, seconds without any
 * progress after which a process says where it hangs (60).
 * Arguments of a program: only cases whose name contains one of them run.
 */
#ifndef FUNC_COMMON_H
#define FUNC_COMMON_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#define FUNC_VERSION FI_VERSION(1, 17)
#define FUNC_HOST    func_host()

enum {
	FUNC_MAX = 80,	      /* processes in a team */
	FUNC_WORDS = 256,     /* shared counters of a team */
	FUNC_SPACE = 8 << 20, /* bytes of shared memory of a team */
	FUNC_SKIP = 77,
};

/* -- checks: each names the place and ends the process ------------------- */

#define FUNC_TRUE(cond)                                                                            \
	do {                                                                                       \
		if (!(cond))                                                                       \
			func_fail(__FILE__, __LINE__, "not true: %s", #cond);                      \
	} while (0)

#define FUNC_EQ(a, b)                                                                              \
	do {                                                                                       \
		long long func_a_ = (long long)(a), func_b_ = (long long)(b);                      \
		if (func_a_ != func_b_)                                                            \
			func_fail(__FILE__, __LINE__, "%s is %lld (%#llx), not %s: %lld (%#llx)",  \
				  #a, func_a_, func_a_, #b, func_b_, func_b_);                     \
	} while (0)

/* The call must not answer a negative errno; its answer is the value. */
#define FUNC_OK(call)                                                                              \
	({                                                                                         \
		ssize_t func_ret_ = (call);                                                        \
		if (func_ret_ < 0)                                                                 \
			func_fail(__FILE__, __LINE__, "%s: %s (%zd)", #call,                       \
				  fi_strerror((int)-func_ret_), func_ret_);                        \
		func_ret_;                                                                         \
	})

/* The call must answer this (positive) errno, negated. */
#define FUNC_ERR(call, err)                                                                        \
	do {                                                                                       \
		ssize_t func_ret_ = (call);                                                        \
		if (func_ret_ != -(err))                                                           \
			func_fail(__FILE__, __LINE__, "%s: %zd (%s), not -%s", #call, func_ret_,   \
				  func_ret_ < 0 ? fi_strerror((int)-func_ret_) : "", #err);        \
	} while (0)

/* Repeats a call that answers -FI_EAGAIN, with progress; the rest is FUNC_OK. */
#define FUNC_POST(node, call)                                                                      \
	do {                                                                                       \
		ssize_t func_post_;                                                                \
		func_mark(__FILE__, __LINE__, #call);                                              \
		while ((func_post_ = (call)) == -FI_EAGAIN)                                        \
			func_idle(node);                                                           \
		FUNC_OK(func_post_);                                                               \
	} while (0)

/* Progresses until the condition holds. */
#define FUNC_UNTIL(node, cond)                                                                     \
	do {                                                                                       \
		func_mark(__FILE__, __LINE__, #cond);                                              \
		while (!(cond))                                                                    \
			func_idle(node);                                                           \
	} while (0)

/* Waits for a request and requires that it went well. */
#define FUNC_DONE(node, req) FUNC_WAIT(node, req, 0)
/* Waits for a request and requires this (positive) error. */
#define FUNC_WAIT(node, req, error)                                                                \
	do {                                                                                       \
		FUNC_UNTIL(node, func_done(req));                                                  \
		if ((req)->err != (error))                                                         \
			func_fail(__FILE__, __LINE__, "%s completed with %d (%s), not %s", #req,   \
				  (req)->err, fi_strerror((req)->err), #error);                    \
	} while (0)

#define FUNC_SKIP_IF(cond, ...)                                                                    \
	do {                                                                                       \
		if (cond)                                                                          \
			func_skip(__VA_ARGS__);                                                    \
	} while (0)

void func_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void func_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Where we are, for the watchdog, which starts anew. */
void func_mark(const char *file, int line, const char *what);

/* -- the log ------------------------------------------------------------ */

/* Ahead of the first call of libfabric: our provider's log goes to a pipe, until the
 * end or a check that fails. */
void func_log_begin(const char *level);
/* How often this was logged since the last call, as far as a pipe holds it. */
int func_log_count(const char *what);
void func_log_end(void);

/* -- random numbers and patterns ---------------------------------------- */

uint64_t func_mix(uint64_t x); /* a hash */
uint64_t func_rand(uint64_t *state);
size_t func_rand_len(uint64_t *state, size_t max); /* small ones as likely as large ones */
void func_fill(void *buf, size_t len, uint64_t key);
#define func_verify(buf, len, key) func_verify_at(__FILE__, __LINE__, buf, len, key)
void func_verify_at(const char *file, int line, const void *buf, size_t len, uint64_t key);
void *func_alloc(size_t len); /* never NULL, filled with 0xee */

/* -- threads ------------------------------------------------------------ */

/* Waits until another thread of this process, whose number is *tid as soon as
 * that is not 0, is asleep, having gone to sleep since the last such wait
 * (*slept, 0 at first). */
int func_tid(void);
void func_until_asleep(const atomic_int *tid, unsigned long *slept);

/* -- teams of processes ------------------------------------------------- */

struct func_addr {
	size_t len;
	char bytes[128];
};

/* A setting of the environment under which a case runs; odd: for odd ranks
 * only, on top. */
struct func_mode {
	const char *name;
	const char *both[6]; /* name, value, ... NULL */
	const char *odd[4];
};

/* In memory shared by all processes of a case. */
struct func_team {
	const struct func_case *func_case;
	const struct func_mode *mode;
	int size;
	uint64_t seed;
	atomic_int arrived, round;   /* of func_meet() */
	atomic_int word[FUNC_WORDS]; /* for the case's own use, 0 at first */
	atomic_int dead[FUNC_MAX];   /* 1 once the process has ended */
	atomic_int doomed[FUNC_MAX]; /* set by the case: it is going to be killed */
	pid_t pid[FUNC_MAX];
	atomic_int named[FUNC_MAX];
	struct func_addr addr[FUNC_MAX];
	unsigned char space[FUNC_SPACE] __attribute__((aligned(4096)));
};

enum {			     /* func_case.flags */
       FUNC_MODES = 1 << 0,  /* runs in every mode of moving data */
       FUNC_FEW = 1 << 1,    /* runs in those that differ most */
       FUNC_SWITCH = 1 << 2, /* checks what only ofi_switch does */
};

struct func_case {
	const char *name;
	int procs;
	void (*run)(struct func_team *team, int rank);
	unsigned flags;
	long arg;
};

/* Runs the cases, each in its own processes; returns the exit status. */
int func_main(int argc, char **argv, const struct func_case *cases, size_t cnt);

const char *func_prov(void);
const char *func_host(void); /* an IPv4 address of this machine */
/* From now on one of the loopback interface that no other test uses, unless FUNC_HOST was
 * given: a port whose owner is gone stays free until somebody of this team takes it, or
 * another test one that is for all addresses. */
void func_own_host(void);
const char *func_core(void); /* the part of its name before the semicolon */
bool func_is_switch(void);

/* -- nodes: an endpoint and what belongs to it -------------------------- */

struct func_conf {
	const char *prov;	  /* default: func_prov() */
	enum fi_ep_type type;	  /* default: FI_EP_RDM */
	uint64_t caps;		  /* default: FI_MSG | FI_TAGGED */
	enum fi_av_type av;	  /* default: FI_AV_TABLE */
	enum fi_cq_format format; /* default: FI_CQ_FORMAT_TAGGED */
	enum fi_wait_obj wait;
	enum fi_progress progress;
	enum fi_threading threading;
	size_t cq_size;
	bool two_cqs; /* one for sends, one for receives */
	bool counters;
	bool shared;	    /* endpoints have shared contexts */
	uint64_t selective; /* FI_TRANSMIT, FI_RECV: those that complete selectively */
	uint64_t tx_op_flags, rx_op_flags;
	const struct func_addr *src; /* default: any port of FUNC_HOST */
	uint32_t addr_format;	     /* default: FI_SOCKADDR_IN, FI_ADDR_STR where names are text */
};

struct func_node {
	struct func_conf conf;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_eq *eq;
	struct fid_pep *pep;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *tx_cq, *rx_cq; /* may be the same */
	struct fid_cntr *tx_cntr, *rx_cntr;
	struct fid_stx *stx;
	struct fid_ep *srx;
	struct fid_ep *ep;
	bool borrows; /* fabric, eq, domain and completion objects belong to another node */
	fi_addr_t peer[FUNC_MAX]; /* of the team's members (func_join) */
};

/* Hints for this configuration; the caller frees them. */
struct fi_info *func_hints(const struct func_conf *conf);
/* The first entry; NULL if there is none.  dest may be NULL. */
struct fi_info *func_info(const struct func_conf *conf, const struct func_addr *dest);

/* The same; skips the case where another provider than ours has nothing. */
struct fi_info *func_need_info(const struct func_conf *conf, const struct func_addr *dest);

/* RDM: everything, enabled. */
void func_open(struct func_node *node, const struct func_conf *conf);
/* Its steps: a fabric (and event queue) for this info, which node then owns; a
 * domain with completion objects (and address vector); the endpoint, enabled. */
void func_open_fabric(struct func_node *node, const struct func_conf *conf, struct fi_info *info);
void func_open_domain(struct func_node *node);
void func_open_ep(struct func_node *node);
void func_close_ep(struct func_node *node);
void func_close(struct func_node *node);
void func_name(struct fid *fid, struct func_addr *addr);

/* MSG: a passive endpoint that listens. */
void func_listen(struct func_node *node, const struct func_conf *conf);
/* Accepts the request that came with info (then node's).  node may be the
 * listener or a further node that borrows from it.  FI_CONNECTED is still to
 * come. */
void func_accept(struct func_node *node, struct func_node *listener, struct fi_info *info,
		 const void *param, size_t len);
/* The same on the other side. */
void func_connect(struct func_node *node, const struct func_conf *conf,
		  const struct func_addr *dest, const void *param, size_t len);

/* An event of an event queue, or an error. */
struct func_event {
	uint32_t type;
	ssize_t len; /* what the read returned */
	int err;     /* of an error event, else 0 */
	size_t data_len;
	char data[512]; /* of the connection or the error */
	fid_t fid;
	struct fi_info *info;
};
#define func_event(node, event) func_event_at(__FILE__, __LINE__, node, event)
void func_event_at(const char *file, int line, struct func_node *node, struct func_event *event);
/* The next event must be of this type; without error. */
#define FUNC_EVENT(node, event, want)                                                              \
	do {                                                                                       \
		func_event(node, event);                                                           \
		if ((event)->err)                                                                  \
			func_fail(__FILE__, __LINE__, "error event %d (%s), not %s", (event)->err, \
				  fi_strerror((event)->err), #want);                               \
		FUNC_EQ((event)->type, want);                                                      \
	} while (0)

/* -- operations --------------------------------------------------------- */

/* The context of an operation.  It is told every completion; a second one
 * ends the test. */
struct func_req {
	struct fi_context2 context; /* first */
	atomic_int done;
	int err; /* positive errno value of an error completion */
	int prov_errno;
	size_t olen;
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	bool multi; /* several completions are fine (FI_MULTI_RECV) */
};

static inline bool func_done(struct func_req *req)
{
	return atomic_load_explicit(&req->done, memory_order_acquire) != 0;
}

/* Forgets what it was told before: for the next operation. */
struct func_req *func_fresh(struct func_req *req);

enum func_how {
	FUNC_PLAIN,
	FUNC_V,
	FUNC_MSG,
	FUNC_INJECT,
	FUNC_DATA,
	FUNC_INJECTDATA,
	FUNC_HOWS,
	FUNC_RECV_HOWS = FUNC_INJECT,
};

struct func_xfer {
	enum func_how how;
	bool tagged;
	void *buf;
	size_t len;
	int pieces; /* for V and MSG: default 1 */
	uint64_t tag, ignore, data;
	uint64_t flags; /* for MSG */
	fi_addr_t addr;
};

/* One attempt; the answer of libfabric. */
ssize_t func_try_send(struct func_node *node, const struct func_xfer *xfer, struct func_req *req);
ssize_t func_try_recv(struct func_node *node, const struct func_xfer *xfer, struct func_req *req);
/* Until it is taken. */
#define func_send(node, xfer, req) FUNC_POST(node, func_try_send(node, xfer, req))
#define func_recv(node, xfer, req) FUNC_POST(node, func_try_recv(node, xfer, req))
static inline bool func_injects(enum func_how how)
{
	return how == FUNC_INJECT || how == FUNC_INJECTDATA;
}

/* Reads what is in the completion queues; returns how many entries. */
int func_poll(struct func_node *node);
/* The same, and lets others run if there was nothing; sleeps a little where the
 * queue can.  node may be NULL. */
void func_idle(struct func_node *node);

/* -- a team's meetings (node may be NULL) ------------------------------- */

/* Everybody's address is known to everybody afterwards.  MSG: a team of two,
 * rank 1 connects to rank 0. */
void func_join(struct func_team *team, int rank, struct func_node *node,
	       const struct func_conf *conf);
void func_publish(struct func_team *team, int rank, const struct func_addr *addr);
const struct func_addr *func_addr_of(struct func_team *team, int rank, struct func_node *node);
void func_meet(struct func_team *team, struct func_node *node);
void func_say(struct func_team *team, int word, int value);
#define func_hear(team, node, number, value)                                                       \
	FUNC_UNTIL(node, atomic_load(&(team)->word[number]) >= (value))

#endif
