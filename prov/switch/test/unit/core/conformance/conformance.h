/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: the promises that every core adapter makes in core.h, tested over real cores.
 * A case has two domains in one process, which are pumped in turn until the expected event
 * comes or a generous deadline passes.  It uses only struct core_ops; to add a core, add a
 * line to the table in cores.c.  Cores that are not installed are skipped.
 *
 * Each file beside this header has the cases of one concept; together they are the program
 * conformance_test.
 *
 * Environment: CORE_CASE, the name of the only core to try.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "core/core.h"

enum {			 /* core_case.traits: properties that only some cores have */
       TCP = 1 << 0,	 /* its sockets accept any program, and block when we do not read */
       TELLS = 1 << 1,	 /* reports that no peer listens, or that a peer has gone */
       CANCELS = 1 << 2, /* takes outstanding operations back when their path is closed */
       SLEEPS = 1 << 3,	 /* has a descriptor of its own to wait by, no timer */
       CHECKS = 1 << 4,	 /* reports an access to remote memory that is not allowed */
       FORGETS = 1 << 5, /* drops messages that are too long, or left when it is closed */
       MANUAL = 1 << 7,	 /* makes progress only when it is polled */
       LEAKS = 1 << 6,	 /* does not give back all of its memory by itself */
       ENDS = 1 << 8,	 /* ends reads that are half done when their path is closed */
};

/* A core to test, and its configuration.  Owned by the table in cores.c. */
struct core_case {
	const char *name, *prov;
	const char *host; /* NULL: its addresses are not those of hosts */
	enum fi_ep_type type;
	const struct core_ops *ops;
	size_t rx_ctx_cnt;
	unsigned traits;
	bool no_rma;
	uint64_t rma;	     /* the kinds of FI_RMA that it has, 0: all */
	const char *mood[3]; /* environment variables that configure the mock */
	const char *room;    /* environment variable that configures sockets, see SOCKETS */
};

extern const struct core_case core_cases[];

/* Parameters for Criterion: the indices of the core_cases that have all these traits.  0: all
 * cases but those whose connections are another core's. */
struct criterion_test_params cases_of(unsigned traits);

enum {
	DEADLINE = 300, /* seconds: nothing here takes one, unless the machine is emulated */
	MSGS = 64,
	BUFFER = 4096,
};

/* -- two sides ---------------------------------------------------------- */

struct msg {
	size_t len;
	uint8_t data[BUFFER];
};

struct side {
	struct fi_info *info;
	struct fid_fabric *fabric;
	const struct core_ops *ops;
	struct core_domain *domain;
	struct core_listener *from; /* its paths begin at this listener; NULL: at any address */
	struct core_path *path;	    /* the latest path, which registrations need */
	const struct core_caps *caps;
	bool frozen;	       /* pump() does not poll this side */
	int max;	       /* most events that one poll takes */
	size_t recv_cnt;       /* messages received */
	size_t batch;	       /* most messages that came in one poll */
	struct msg msgs[MSGS]; /* the latest messages */
	size_t request_cnt;
	struct core_request *request;		/* the latest request */
	uint8_t data[256], addr[CORE_ADDR_MAX]; /* its data and address */
	size_t len, addr_len;
};

struct world {
	const struct core_case *c;
	struct side a, b;
	struct core_listener *listener; /* the listener of b */
	uint8_t addr[CORE_ADDR_MAX];
	size_t addr_len;
};

/* One end of a path, as its user sees it. */
struct end {
	struct side *side;
	struct core_path *path;
	int connected, refused, broken, closed, error;
	size_t out;
	uint8_t data[256];
	size_t len;
};

struct op {
	struct core_io io; /* first */
	struct end *end;
	bool out;
	int done, error;
};

double now(void); /* seconds */

void pump_side(struct side *side, bool check_cm);
/* Polls both sides.  It yields the processor, which cores with a thread of their own need. */
void pump(struct world *w);

/* Pumps until cond holds; if it does not in time, fails with this message. */
#define until_told(w, cond, fmt, ...)                                                              \
	do {                                                                                       \
		double deadline_ = now() + DEADLINE;                                               \
		while (!(cond)) {                                                                  \
			pump(w);                                                                   \
			cr_assert_lt(now(), deadline_, "%s: no %s" fmt, (w)->c->name, #cond,       \
				     ##__VA_ARGS__);                                               \
		}                                                                                  \
	} while (0)

#define until(w, cond) until_told(w, cond, "")

void side_open(struct side *side, const struct core_case *c, size_t size, size_t cnt, size_t max);
void side_close(struct side *side);
/* Opens the listener of b and finds its name. */
void world_listen(struct world *w);
void world_open(struct world *w, const struct core_case *c);
void world_close(struct world *w);

/* Defines a test that runs once for each core, or once for each that has these traits. */
#define CORE_TEST(name) CORE_TEST_OF(name, 0)
#define CORE_TEST_OF(name, needed)                                                                 \
	static void name##_run(struct world *w);                                                   \
	ParameterizedTestParameters(core, name)                                                    \
	{                                                                                          \
		return cases_of(needed);                                                           \
	}                                                                                          \
	ParameterizedTest(int *idx, core, name)                                                    \
	{                                                                                          \
		struct world *w = malloc(sizeof(*w));                                              \
                                                                                                   \
		world_open(w, &core_cases[*idx]);                                                  \
		name##_run(w);                                                                     \
		world_close(w);                                                                    \
		free(w);                                                                           \
	}                                                                                          \
	static void name##_run(struct world *w)

void connect_end(struct world *w, struct side *side, struct end *end, const void *data, size_t len);
void accept_end(struct side *side, struct end *end, const void *data, size_t len);
/* Makes a path from a to b. */
void join(struct world *w, struct end *a, struct end *b);
void part(struct world *w, struct end *a, struct end *b);

/* -- operations --------------------------------------------------------- */

int op_send(struct end *end, struct op *op, const struct iovec *iov, size_t cnt, bool may_buffer);
int op_send1(struct end *end, struct op *op, const void *buf, size_t len);

/* A registered piece of memory. */
struct region {
	uint8_t *buf;
	size_t len;
	struct core_mr *mr;
	uint64_t raddr, key;
};

void region_open(struct side *side, struct region *r, size_t len, uint64_t access);
void region_close(struct side *side, struct region *r);
int op_rma(struct end *end, struct op *op, bool read, struct region *local, size_t offset,
	   size_t len, const struct region *remote);

void pattern(uint8_t *buf, size_t len, unsigned seed);
bool reads(const struct world *w);
bool writes(const struct world *w);

/* Checks that messages, reads and writes still work over this path. */
void check_path(struct world *w, struct end *a, struct end *b);
/* Makes more reads at once than the core executes at a time.  Over sockets their answers fit
 * into one TCP segment: the larger buffers of SOCKETS hold only for accepted sockets, and
 * these answers come over connecting ones. */
void check_reads(struct world *w, struct end *a);
/* Sends a message and polls the sender until the core has sent it. */
void send_out(struct end *end, struct op *op, const void *buf, size_t len);
/* Sends messages until the core takes no more.  The other side must not receive meanwhile.
 * Returns their number. */
int flood(struct end *end, struct op *ops, int cnt, const uint8_t *buf);
/* Polls until nothing is left to do and a program may wait on the descriptors. */
void settle(struct world *w, struct side *side);
void set_source(struct fi_info *info, const void *addr, size_t len);
/* Calls poll(2) for all descriptors that a side waits by. timeout is in milliseconds. */
int wait_any(struct side *side, int timeout);

#endif
