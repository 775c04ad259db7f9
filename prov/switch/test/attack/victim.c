/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The endpoint that is attacked.  It prints its address, receives as it is told,
 * answers the pings of honest.c, and does what lines on its standard input say;
 * it ends with its standard input.
 *
 * usage: victim [none|any|echo|keep|multi] [PORT]
 *   none  receives nothing but pings: all else stays unmatched
 *   any   receives whatever comes, tagged (the highest bit of the tag is 1) or not
 *   echo  the same, and sends it back to whom it knows, or 8 MiB if the second
 *         highest bit of the tag is 1
 *   keep  the same, but each buffer only once, to see whether it changes later
 *   multi receives whatever is untagged into one buffer (FI_MULTI_RECV)
 * lines: stats (counters, as JSON); await COUNTER least|most VALUE (the same, as soon as
 * that counter is at least or at most so high); know PORT (of an endpoint on this host, which
 * may be echoed to); call PORT (sends a byte to it); check (says how many kept
 * buffers have changed); close
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rdma/fi_ext_switch.h>

#include "attack.h"

enum {
	SLOTS = 96, /* receives of each kind, tagged and not */
	SLOT_LEN = 256 << 10,
	LARGE_LEN = 8 << 20,
	STDIN_PASSES = 256, /* between two looks at the standard input while there is work */
};

enum mode { NONE, ANY, ECHO, KEEP, MULTI };

struct slot {
	struct func_req recv, send;
	bool tagged, posted, echoing;
	bool kept; /* completed, and not posted again */
	uint64_t sum;
	char *buf;
};

static struct func_node node;
static enum mode mode;
static struct slot slots[2 * SLOTS];
static int slot_cnt;
static char *large;		/* a large message, to be echoed for ATTACK_LARGE */
static struct func_addr pinger; /* the address of the latest ping */
static fi_addr_t pinger_addr;
static unsigned long pings, received, failed, echoed;

/* -- pings ------------------------------------------------------------------ */

static struct func_req ping_req, pong_req;
static char ping_buf[sizeof(pinger.bytes)];
static bool ponging;

static void ping_await(void)
{
	FUNC_POST(&node, fi_trecv(node.ep, ping_buf, sizeof(ping_buf), NULL, FI_ADDR_UNSPEC,
				  ATTACK_PING, 0, func_fresh(&ping_req)));
}

/* Answers a ping, whose payload is the sender's address. */
static void ping_answer(void)
{
	size_t len = ping_req.entry.len;

	pings++;
	if (len != pinger.len || memcmp(ping_buf, pinger.bytes, len)) {
		if (len != sizeof(struct sockaddr_in) ||
		    fi_av_insert(node.av, ping_buf, 1, &pinger_addr, 0, NULL) != 1) {
			ping_await();
			return;
		}
		pinger.len = len;
		memcpy(pinger.bytes, ping_buf, len);
	}
	FUNC_POST(&node, fi_tsend(node.ep, ping_buf, 1, NULL, pinger_addr, ATTACK_PONG,
				  func_fresh(&pong_req)));
	ponging = true;
}

/* Handles the ping that has come; if its answer fails, only the pinger is concerned. */
static void ping_progress(void)
{
	if (ponging && func_done(&pong_req)) {
		ponging = false;
		ping_await();
	}
	if (!ponging && func_done(&ping_req)) {
		atomic_store(&ping_req.done, 0);
		ping_answer();
	}
}

/* -- other messages --------------------------------------------------------------- */

static uint64_t sum_of(const char *buf, size_t len)
{
	uint64_t sum = len;

	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + (unsigned char)buf[i];
	return sum;
}

static void slot_post(struct slot *slot)
{
	struct iovec iov = {slot->buf, SLOT_LEN};
	struct fi_msg msg = {
		.msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC, .context = &slot->recv};

	func_fresh(&slot->recv);
	slot->recv.multi = mode == MULTI;
	if (mode == MULTI)
		FUNC_POST(&node, fi_recvmsg(node.ep, &msg, FI_MULTI_RECV));
	else if (slot->tagged)
		FUNC_POST(&node, fi_trecv(node.ep, slot->buf, SLOT_LEN, NULL, FI_ADDR_UNSPEC,
					  ATTACK_ANY, ~ATTACK_ANY, &slot->recv));
	else
		FUNC_POST(&node,
			  fi_recv(node.ep, slot->buf, SLOT_LEN, NULL, FI_ADDR_UNSPEC, &slot->recv));
	slot->posted = true;
}

/* Echoes a message.  Returns whether it is sent, which is impossible if its source is unknown. */
static bool slot_echo(struct slot *slot)
{
	bool is_large = slot->recv.entry.tag & ATTACK_LARGE;
	size_t len = is_large ? LARGE_LEN : slot->recv.entry.len;
	ssize_t ret;

	if (slot->recv.err || slot->recv.src == FI_ADDR_NOTAVAIL)
		return false;
	ret = fi_tsend(node.ep, is_large ? large : slot->buf, len, NULL, slot->recv.src, ATTACK_ANY,
		       func_fresh(&slot->send));
	slot->echoing = !ret;
	echoed += !ret;
	return slot->echoing;
}

static void slot_progress(struct slot *slot)
{
	if (slot->echoing && func_done(&slot->send)) {
		slot->echoing = false;
		slot_post(slot);
	}
	if (!slot->posted || !func_done(&slot->recv))
		return;
	if (mode == MULTI && !slot->recv.err && !(slot->recv.entry.flags & FI_MULTI_RECV)) {
		received += (unsigned long)atomic_exchange(&slot->recv.done, 0);
		return; /* the buffer still has room for messages */
	}
	slot->posted = false;
	received += !slot->recv.err;
	failed += slot->recv.err != 0;
	if (mode == KEEP) {
		slot->kept = true;
		slot->sum = sum_of(slot->buf, SLOT_LEN);
	} else if (mode != ECHO || !slot_echo(slot)) {
		slot_post(slot);
	}
}

/* -- calls: sends to others than the pinger ------------------------------------------ */

static struct func_req call_req;
static bool calling;
static unsigned long calls_failed;

static void call_progress(void)
{
	if (!calling || !func_done(&call_req))
		return;
	calling = false;
	calls_failed += call_req.err != 0;
}

/* -- the standard input ----------------------------------------------------------- */

struct counter {
	const char *name;
	unsigned long long value;
};

enum { COUNTERS = 15 };

static void count_all(struct counter counters[COUNTERS])
{
	struct fi_switch_stats stats = {.size = sizeof(stats)};
	struct fi_switch_ops_ep *ops;
	unsigned long kept = 0;

	FUNC_OK(fi_open_ops(&node.ep->fid, FI_SWITCH_EP_OPS, 0, (void **)&ops, NULL));
	FUNC_OK(ops->stats(node.ep, &stats));
	for (int i = 0; i < slot_cnt; i++)
		kept += slots[i].kept;
	memcpy(counters,
	       (struct counter[COUNTERS]){
		       {"pings", pings},
		       {"received", received},
		       {"failed", failed},
		       {"echoed", echoed},
		       {"kept", kept},
		       {"calls_failed", calls_failed},
		       {"sessions", stats.sessions},
		       {"failures", stats.failures},
		       {"unexpected", stats.unexpected_msgs},
		       {"rx_packets", stats.rx_packets},
		       {"tx_packets", stats.tx_packets},
		       {"rx_records", stats.rx_records},
		       {"tx_records", stats.tx_records},
		       {"stale", stats.stale},
		       {"credit_stalls", stats.credit_stalls},
	       },
	       COUNTERS * sizeof(*counters));
}

static void say_stats(void)
{
	struct counter counters[COUNTERS];

	count_all(counters);
	for (int i = 0; i < COUNTERS; i++)
		printf("%s\"%s\": %llu", i ? ", " : "{", counters[i].name, counters[i].value);
	printf("}\n");
}

/* The value of a counter that a report waits for; one at a time. */
static struct {
	bool is_due, at_most;
	char name[16];
	unsigned long long value;
} awaited;

static void await_progress(void)
{
	struct counter counters[COUNTERS];

	if (!awaited.is_due)
		return;
	count_all(counters);
	for (int i = 0; i < COUNTERS; i++) {
		if (strcmp(counters[i].name, awaited.name) ||
		    (awaited.at_most ? counters[i].value > awaited.value
				     : counters[i].value < awaited.value))
			continue;
		awaited.is_due = false;
		say_stats();
		fflush(stdout);
	}
}

static bool await_counter(const char *line)
{
	char how[6];

	if (sscanf(line, "await %15s %5s %llu", awaited.name, how, &awaited.value) != 3)
		return false;
	awaited.at_most = !strcmp(how, "most");
	awaited.is_due = true;
	return true;
}

static void say_changed(void)
{
	int kept = 0, changed = 0;

	for (int i = 0; i < 2 * SLOTS; i++) {
		if (!slots[i].kept)
			continue;
		kept++;
		changed += sum_of(slots[i].buf, SLOT_LEN) != slots[i].sum;
	}
	printf("{\"kept\": %d, \"changed\": %d}\n", kept, changed);
}

static fi_addr_t know(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	fi_addr_t peer;

	inet_pton(AF_INET, FUNC_HOST, &addr.sin_addr);
	FUNC_EQ(fi_av_insert(node.av, &addr, 1, &peer, 0, NULL), 1);
	printf("{\"known\": %d}\n", port);
	return peer;
}

/* Sends a byte to a peer, one at a time.  The call succeeds only when the message is
 * delivered: a peer that answers well at first and badly later may have let it leave
 * meanwhile. */
static void call(int port)
{
	const struct iovec iov = {.iov_base = ping_buf, .iov_len = 1};
	const struct fi_msg msg = {
		.msg_iov = &iov,
		.iov_count = 1,
		.addr = know(port),
		.context = func_fresh(&call_req),
	};

	FUNC_TRUE(!calling);
	FUNC_POST(&node, fi_sendmsg(node.ep, &msg, FI_COMPLETION | FI_DELIVERY_COMPLETE));
	calling = true;
}

/* Obeys a line of the standard input.  Returns false if the program is to end. */
static bool obey(const char *line)
{
	int port;

	if (!strcmp(line, "stats"))
		say_stats();
	else if (!strcmp(line, "check"))
		say_changed();
	else if (sscanf(line, "know %d", &port) == 1)
		know(port);
	else if (sscanf(line, "call %d", &port) == 1)
		call(port);
	else if (!strcmp(line, "close"))
		return false;
	else if (await_counter(line))
		return true; /* the report comes later */
	else
		printf("{\"unknown\": 1}\n");
	fflush(stdout);
	return true;
}

/* Returns false when the standard input has ended, or a line says so. */
static bool listen_to_stdin(void)
{
	char line[ATTACK_LINE];
	int ret = attack_line(line);

	return ret > 0 ? obey(line) : !ret;
}

/* -- the program -------------------------------------------------------------------- */

static void open_endpoint(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct func_addr name = {.len = sizeof(addr)};
	struct func_conf conf = {.wait = FI_WAIT_FD, .src = port ? &name : NULL};

	conf.caps = FI_MSG | FI_TAGGED | FI_SOURCE | (mode == MULTI ? FI_MULTI_RECV : 0);

	inet_pton(AF_INET, FUNC_HOST, &addr.sin_addr);
	memcpy(name.bytes, &addr, sizeof(addr));
	func_open(&node, &conf);
	func_name(&node.ep->fid, &name);
	memcpy(&addr, name.bytes, sizeof(addr));
	printf("{\"host\": \"%s\", \"port\": %d, \"pid\": %d}\n", FUNC_HOST, ntohs(addr.sin_port),
	       (int)getpid());
	fflush(stdout);
}

static void close_endpoint(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	func_close_ep(&node);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("{\"closed_ms\": %ld}\n",
	       (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	fflush(stdout);
	func_close(&node);
	for (int i = 0; i < 2 * SLOTS; i++)
		free(slots[i].buf);
	free(large);
}

static void open_slots(void)
{
	large = func_alloc(LARGE_LEN);
	slot_cnt = mode == NONE ? 0 : mode == MULTI ? 1 : 2 * SLOTS;
	for (int i = 0; i < slot_cnt; i++) {
		slots[i].tagged = i % 2;
		slots[i].buf = func_alloc(SLOT_LEN); /* its memory is resident from here on */
		slot_post(&slots[i]);
	}
}

static enum mode mode_of(const char *name)
{
	static const char *const names[] = {"none", "any", "echo", "keep", "multi"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return (enum mode)i;
	fprintf(stderr, "usage: victim [none|any|echo|keep|multi] [PORT]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned pass = 0;

	mode = mode_of(argc > 1 ? argv[1] : "none");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_IGN); /* no message need come for a long time */
	signal(SIGPIPE, SIG_DFL);
	open_endpoint(argc > 2 ? atoi(argv[2]) : 0);
	ping_await();
	open_slots();
	while (++pass % STDIN_PASSES || listen_to_stdin()) {
		if (!func_poll(&node)) {
			if (!listen_to_stdin())
				break;
			func_idle(&node);
		}
		ping_progress();
		call_progress();
		await_progress();
		for (int i = 0; i < slot_cnt; i++)
			slot_progress(&slots[i]);
	}
	close_endpoint();
	return 0;
}
