/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What every core adapter promises in core.h, tried over a real core: two
 * domains in one process, pumped in turn until the event comes or a generous
 * deadline passes.  Written against struct core_ops alone; a core is added by
 * a line in the table of cores.c.  A core that is not installed is skipped.
 *
 * Each file beside this header has the cases of one concept; together they are
 * the program conformance_test.
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

enum {			 /* core_case.traits: what is so with some cores only */
       TCP = 1 << 0,	 /* any program can connect to its sockets, and it stalls when we do */
       TELLS = 1 << 1,	 /* says when nobody is there, or not any more */
       CANCELS = 1 << 2, /* takes back what is out when its path is closed */
       SLEEPS = 1 << 3,	 /* wakes by a descriptor of its own, not by the clock */
       CHECKS = 1 << 4,	 /* says when a peer's memory must not be accessed so */
       FORGETS = 1 << 5, /* throws away what is too much, or left when it is closed */
       MANUAL = 1 << 7,	 /* what was handed to it moves when it is polled, not before */
       LEAKS = 1 << 6,	 /* does not give back all of its memory by itself */
       ENDS = 1 << 8,	 /* gives up reads half done when its path is closed */
};

/* One way to try a core; its owner is the table in cores.c. */
struct core_case {
	const char *name, *prov;
	const char *host; /* NULL: addresses are not those of hosts */
	enum fi_ep_type type;
	const struct core_ops *ops;
	size_t rx_ctx_cnt;
	unsigned traits;
	bool no_rma;
	uint64_t rma;	     /* what it has of FI_RMA, 0: all */
	const char *mood[3]; /* environment by which the mock is told to be so */
	const char *room;    /* environment by which sockets is, see SOCKETS */
};

extern const struct core_case core_cases[];

/* Those that have all these traits, for Criterion: indices of core_cases.  0: all but those
 * whose connections are another core's. */
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
	struct core_listener *from; /* where paths begin; NULL: anywhere */
	struct core_path *path;	    /* the last one, for registrations */
	const struct core_caps *caps;
	bool frozen;	       /* is not polled */
	int max;	       /* events in a poll */
	size_t recv_cnt;       /* messages received */
	size_t batch;	       /* most messages that came in one poll */
	struct msg msgs[MSGS]; /* the last of them */
	size_t request_cnt;
	struct core_request *request;		/* the last one */
	uint8_t data[256], addr[CORE_ADDR_MAX]; /* what came with it */
	size_t len, addr_len;
};

struct world {
	const struct core_case *c;
	struct side a, b;
	struct core_listener *listener; /* of b */
	uint8_t addr[CORE_ADDR_MAX];
	size_t addr_len;
};

/* One end of a path: its user. */
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
/* Cores with a thread of their own need a processor for it. */
void pump(struct world *w);

/* Waits for cond; if it does not come, tells what there was instead. */
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
/* The listener of b, and its name. */
void world_listen(struct world *w);
void world_open(struct world *w, const struct core_case *c);
void world_close(struct world *w);

/* A test that runs once for each core, or once for each that has these traits. */
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
/* A path from a to b. */
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

/* Messages, reads and writes still work over this path. */
void check_path(struct world *w, struct end *a, struct end *b);
/* Makes more reads at once than the core executes at a time.  Over sockets, their answers are
 * less than a segment: the room that others give it (SOCKETS) is for sockets that were
 * accepted, and these come by the other one. */
void check_reads(struct world *w, struct end *a);
/* Sends, and polls the sender until the core has sent it. */
void send_out(struct end *end, struct op *op, const void *buf, size_t len);
/* Sends until the core takes no more; the other side must not receive. */
int flood(struct end *end, struct op *ops, int cnt, const uint8_t *buf);
/* Pumps until nothing is left to do and a program may wait on the descriptors. */
void settle(struct world *w, struct side *side);
void set_source(struct fi_info *info, const void *addr, size_t len);
/* poll(2) of all the descriptors that a side waits by; timeout in ms. */
int wait_any(struct side *side, int timeout);

#endif
