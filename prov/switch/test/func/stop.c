/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peers that are stopped.  Processes are stopped in the middle of large messages that travel
 * each way and in each direction; then this side closes its endpoint.  The close ends by its
 * own deadlines, every operation completes once, and the memory belongs to the application
 * again: the test writes to it, lets the peers continue, and checks that they do not change
 * it.  Also a peer that answers no read and then breaks the protocol.
 *
 * Only over cores with connections: others cannot do it (see fi_switch(7), CLOSE_TIMEOUT).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_common.h"
#include "lib/func_hide.h"
#include "session/wire.h"

enum {
	LARGE = 48 << 20,  /* more bytes than the buffers of sockets hold */
	MIDDLE = 4 << 20,  /* bytes that have come when a process is stopped */
	OPS = 3,	   /* operations in each direction */
	DATA = 1,	   /* the byte that is sent */
	LATER = 0x77,	   /* the byte that the application writes after the close */
	AFTERWARDS = 1000, /* polls of the core after everything is over */
};

enum { PID_WORD }; /* and one word for each process */

/* func_case.arg: a way, the directions as seen by process 0, and the kinds of operations. */
enum {
	READ,
	WRITE,
	COPY,
	WAY = 3,
	IN = 4,
	OUT = 8,
	MSG = 16,
	NO_TARGET = 32,
	HURRY = 64, /* process 0 has a very short CLOSE_TIMEOUT */
};

static const char *const ways[] = {"read", "write", "copy"};

struct traffic {
	char *in, *out;
	struct func_req received[FUNC_MAX][OPS], sent[FUNC_MAX][OPS];
};

static void need_connections(void)
{
	static const char *const cores[] = {"tcp", "net", "sockets", NULL};
	int i;

	for (i = 0; cores[i] && strcmp(cores[i], func_core()); i++)
		;
	FUNC_SKIP_IF(!cores[i], "%s has no connections that could be ended", func_core());
}

static bool is_stopped(int pid)
{
	char name[64], text[512] = "";
	const char *end;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	file = fopen(name, "r");
	FUNC_TRUE(file && fgets(text, sizeof(text), file));
	fclose(file);
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'T';
}

static void await_stop(struct func_team *team, int rank)
{
	func_mark(__FILE__, __LINE__, "a process to be stopped");
	while (!is_stopped(atomic_load(&team->word[PID_WORD + rank])))
		sched_yield();
}

static bool has_come(const char *buf)
{
	return ((const volatile char *)buf)[MIDDLE] != 0;
}

static void post(struct func_node *node, int peer, struct traffic *t, bool in, bool out)
{
	const bool msg = node->conf.type == FI_EP_MSG;
	const fi_addr_t to = msg ? 0 : node->peer[peer];
	const fi_addr_t from = msg ? 0 : FI_ADDR_UNSPEC;

	for (int i = 0; i < OPS; i++) {
		if (in)
			FUNC_POST(node, fi_recv(node->ep, t->in, LARGE, NULL, from,
						func_fresh(&t->received[peer][i])));
		if (out)
			FUNC_POST(node, fi_send(node->ep, t->out, LARGE, NULL, to,
						func_fresh(&t->sent[peer][i])));
	}
}

/* Exchanges small messages, so that both are connected before anything large is sent. */
static void get_to_know(struct func_team *team, struct func_node *node, int rank)
{
	struct func_req in = {.done = 0}, out = {.done = 0};
	const bool msg = node->conf.type == FI_EP_MSG;
	char byte = 0, other;

	for (int i = 0; i < team->size; i++) {
		if (i == rank || (rank && i))
			continue;
		FUNC_POST(node, fi_recv(node->ep, &other, 1, NULL, msg ? 0 : FI_ADDR_UNSPEC,
					func_fresh(&in)));
		FUNC_POST(node, fi_send(node->ep, &byte, 1, NULL, msg ? 0 : node->peer[i],
					func_fresh(&out)));
		FUNC_DONE(node, &out);
		FUNC_DONE(node, &in);
	}
	func_meet(team, node);
}

/* A process that is stopped, and continues when the others are done with it. */
static void victim(struct func_team *team, int rank, struct func_node *node, struct traffic *t)
{
	const long arg = team->func_case->arg;

	func_say(team, PID_WORD + rank, (int)getpid());
	get_to_know(team, node, rank);
	post(node, 0, t, arg & OUT, arg & IN);
	if (!(arg & IN)) {
		FUNC_UNTIL(node, has_come(t->in));
		raise(SIGSTOP);
	}
	for (int i = 0; i < OPS; i++) {
		if (arg & IN)
			FUNC_UNTIL(node, func_done(&t->sent[0][i]));
		if (arg & OUT) {
			/* a receive from any source need not fail */
			if (!func_done(&t->received[0][i]))
				fi_cancel(&node->ep->fid, &t->received[0][i]);
			FUNC_UNTIL(node, func_done(&t->received[0][i]));
		}
	}
	/* data that the application wrote later must not have been sent */
	for (size_t i = 0; arg & OUT && i < LARGE; i++)
		if (t->in[i] != 0 && t->in[i] != DATA)
			func_fail(__FILE__, __LINE__, "byte %zu is %#x", i, t->in[i]);
}

static void stop_all(struct func_team *team, struct func_node *node, struct traffic *t)
{
	const long arg = team->func_case->arg;

	if (arg & IN)
		FUNC_UNTIL(node, has_come(t->in));
	for (int i = 1; i < team->size; i++) {
		int pid = 0;

		if (!(arg & IN)) { /* the peers see the data come, and stop themselves */
			FUNC_UNTIL(node, is_stopped(atomic_load(&team->word[PID_WORD + i])));
			continue;
		}
		pid = atomic_load(&team->word[PID_WORD + i]);
		FUNC_TRUE(!kill(pid, SIGSTOP));
		await_stop(team, i);
	}
	for (int i = 0; i < AFTERWARDS; i++)
		func_poll(node);
}

/* Returns how many operations of process 0 have not completed; none completed twice
 * (func_poll checks it). */
static int count_left(struct func_team *team, struct traffic *t)
{
	const long arg = team->func_case->arg;
	int left = 0;

	for (int peer = 1; peer < team->size; peer++) {
		for (int i = 0; i < OPS; i++) {
			left += arg & IN && !func_done(&t->received[peer][i]);
			left += arg & OUT && !func_done(&t->sent[peer][i]);
		}
	}
	return left;
}

/* Checks that the memory does not change while the peers continue. */
static void check_memory(struct func_team *team, struct func_node *node, struct traffic *t)
{
	memset(t->in, LATER, LARGE);
	memset(t->out, LATER, LARGE);
	for (int i = 1; i < team->size; i++)
		FUNC_TRUE(!kill(atomic_load(&team->word[PID_WORD + i]), SIGCONT));
	for (int i = 1; i < team->size; i++)
		FUNC_UNTIL(node, atomic_load(&team->dead[i]));
	for (int i = 0; i < AFTERWARDS; i++)
		func_poll(node);
	for (size_t i = 0; i < LARGE; i++)
		if (t->in[i] != LATER || t->out[i] != LATER)
			func_fail(__FILE__, __LINE__, "byte %zu was written to later", i);
}

static void stopped(struct func_team *team, int rank)
{
	const long arg = team->func_case->arg;
	struct func_conf conf = {.type = arg & MSG ? FI_EP_MSG : FI_EP_RDM, .caps = FI_MSG};
	struct traffic *t = calloc(1, sizeof(*t));
	struct func_node node;

	need_connections();
	setenv("FI_OFI_SWITCH_TRANSFER", ways[arg & WAY], 1);
	if (!rank)
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", arg & HURRY ? "1" : "100", 1);
	if (arg & NO_TARGET)
		setenv("FI_OFI_SWITCH_RMA_TARGET", "0", 1);
	t->in = func_alloc(LARGE);
	t->out = func_alloc(LARGE);
	memset(t->in, 0, LARGE);
	memset(t->out, DATA, LARGE);
	func_join(team, rank, &node, &conf);
	if (rank) {
		victim(team, rank, &node, t);
	} else {
		get_to_know(team, &node, rank);
		for (int i = 1; i < team->size; i++)
			post(&node, i, t, arg & IN, arg & OUT);
		stop_all(team, &node, t);
		FUNC_SKIP_IF(!count_left(team, t), "sockets hold all of it here");
		func_mark(__FILE__, __LINE__, "closing");
		FUNC_OK(fi_close(&node.ep->fid));
		node.ep = NULL;
		FUNC_UNTIL(&node, !count_left(team, t));
		check_memory(team, &node, t);
	}
	func_close(&node);
	free(t->in);
	free(t->out);
	free(t);
}

struct orphan {
	struct func_team *team;
	int rank;
};

static void *orphan_run(void *arg)
{
	struct orphan *orphan = arg;

	stopped(orphan->team, orphan->rank);
	exit(EXIT_SUCCESS);
}

/* The same from a second thread when the first has ended, whose descriptors /proc/self lists. */
static void orphaned(struct func_team *team, int rank)
{
	static struct orphan orphan;
	pthread_t thread;

	if (rank) {
		stopped(team, rank);
		return;
	}
	orphan = (struct orphan){team, rank};
	FUNC_TRUE(!pthread_create(&thread, NULL, orphan_run, &orphan));
	pthread_exit(NULL);
}

/* The same where the list of descriptors does not contain the socket. */
static void hidden(struct func_team *team, int rank)
{
	if (!rank)
		FUNC_SKIP_IF(!func_hide_fds(), "lists of descriptors cannot be hidden here");
	stopped(team, rank);
}

/* A message in one packet with FI_DELIVERY_COMPLETE, and a receive from any source. */
static void delivery(struct func_team *team, int rank)
{
	struct func_req in = {.done = 0}, out = {.done = 0};
	struct func_node node;
	char byte[2] = {DATA, 0};
	struct func_xfer x = {
		.how = FUNC_MSG, .buf = byte, .len = 1, .flags = FI_DELIVERY_COMPLETE};

	need_connections();
	if (!rank)
		setenv("FI_OFI_SWITCH_CLOSE_TIMEOUT", "100", 1);
	func_join(team, rank, &node, &(struct func_conf){.caps = FI_MSG});
	if (rank) {
		func_say(team, PID_WORD + rank, (int)getpid());
		get_to_know(team, &node, rank);
		raise(SIGSTOP);
		func_close(&node);
		return;
	}
	get_to_know(team, &node, rank);
	await_stop(team, 1);
	x.addr = node.peer[1];
	func_send(&node, &x, &out);
	FUNC_POST(&node, fi_recv(node.ep, &byte[1], 1, NULL, FI_ADDR_UNSPEC, &in));
	for (int i = 0; i < AFTERWARDS; i++)
		func_poll(&node);
	FUNC_TRUE(!func_done(&out) && !func_done(&in));
	func_mark(__FILE__, __LINE__, "closing");
	FUNC_OK(fi_close(&node.ep->fid));
	node.ep = NULL;
	FUNC_UNTIL(&node, func_done(&out)); /* aborted, or the session's own timeout has passed */
	FUNC_TRUE(out.err == FI_ECANCELED || out.err == FI_ETIMEDOUT);
	FUNC_WAIT(&node, &in, FI_ECANCELED);
	byte[1] = LATER;
	FUNC_TRUE(!kill(atomic_load(&team->word[PID_WORD + 1]), SIGCONT));
	FUNC_UNTIL(&node, atomic_load(&team->dead[1]));
	FUNC_EQ(byte[1], LATER);
	func_close(&node);
}

/* -- a peer that breaks the rules ---------------------------------------- */

enum { SAID_WORD = FUNC_MAX, DONE_WORD };

/* Sends one packet of a peer that is a raw endpoint of the core. */
static void say(struct func_node *node, struct wire_header *header, const void *record, size_t len)
{
	uint8_t packet[512];
	size_t head;

	header->record_cnt = 1;
	head = wire_put_header(packet, header);
	memcpy(packet + head, record, len);
	FUNC_TRUE(head + len <= node->info->tx_attr->inject_size);
	FUNC_POST(node, fi_inject(node->ep, packet, head + len, 0));
	header->seq++;
}

/* The peer announces a message that is to be read, answers no read, and then breaks the
 * protocol. */
static void scoundrel(struct func_team *team)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG | FI_RMA, .prov = func_core()};
	struct sess_request own = {
		.session_id = 0x1000001, .cookie = 4711, .instance = 42, .attempt = 1, .port = 7};
	struct sess_request other;
	struct wire_header header = {.seq = UINT32_MAX, .window = 64}, answer;
	struct wire_hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.byte_order = WIRE_BYTE_ORDER,
		.window = 64,
		.rma_iov_limit = WIRE_DESC_MAX,
		.key_len = 8,
		.caps = WIRE_CAN_READ | WIRE_READ_TARGET,
		.buffer_size = SESS_BUFFER_DEFAULT,
		.attempt = 1,
		.instance = own.instance,
		.exts = 1 << WIRE_EXT_NAME | 1 << WIRE_EXT_BUDGET | 1 << WIRE_EXT_SECRET,
		.eager_budget = 1 << 20,
		.rma_max = 1 << 30,
	};
	struct wire_desc desc = {.len = LARGE};
	uint8_t preamble[SESS_PREAMBLE_LEN], record[128];
	struct func_req in = {.done = 0};
	struct func_event event;
	struct func_node node;
	char *buf = func_alloc(SESS_BUFFER_DEFAULT);

	wire_put_preamble(preamble, &own);
	func_connect(&node, &conf, func_addr_of(team, 0, NULL), preamble, sizeof(preamble));
	FUNC_OK(fi_recv(node.ep, buf, SESS_BUFFER_DEFAULT, NULL, 0, &in));
	FUNC_EVENT(&node, &event, FI_CONNECTED);
	FUNC_EQ(wire_get_preamble((uint8_t *)event.data, event.data_len, &other), 0);
	header.session_id = other.session_id;
	header.cookie = other.cookie;
	say(&node, &header, record, wire_put_hello(record, &hello));
	FUNC_DONE(&node, &in);
	FUNC_EQ(wire_get_header((uint8_t *)buf, in.entry.len, &answer), 0);
	header.ack = answer.seq + 1;

	/* from here on this peer does not look at what it receives */
	say(&node, &header, record,
	    wire_put_start(record, 0, 0, 1, LARGE, 0, 0, SESS_READ, &desc, 1, 8));
	func_say(team, SAID_WORD, 1);
	func_hear(team, NULL, DONE_WORD, 1);
	memset(record, 0xff, sizeof(record));
	say(&node, &header, record, 40); /* a record of an unknown type */
	func_hear(team, NULL, DONE_WORD, 2);
	func_close(&node);
	free(buf);
}

/* A receive whose data are still being read from the peer completes as soon as the session
 * has failed. */
static void rules_broken(struct func_team *team, int rank)
{
	struct func_req in = {.done = 0};
	struct func_node node;
	struct func_addr addr;
	char *buf;

	FUNC_SKIP_IF(strcmp(func_core(), "tcp") && strcmp(func_core(), "net"),
		     "%s answers reads without being asked to progress", func_core());
	if (rank) {
		scoundrel(team);
		return;
	}
	buf = func_alloc(LARGE);
	func_open(&node, &(struct func_conf){.caps = FI_MSG});
	func_name(&node.ep->fid, &addr);
	func_publish(team, rank, &addr);
	FUNC_OK(fi_recv(node.ep, buf, LARGE, NULL, FI_ADDR_UNSPEC, &in));
	func_hear(team, &node, SAID_WORD, 1);
	for (int i = 0; i < AFTERWARDS; i++)
		func_poll(&node);
	FUNC_TRUE(!func_done(&in));
	func_say(team, DONE_WORD, 1);
	FUNC_UNTIL(&node, func_done(&in));
	FUNC_EQ(in.err, EPROTO);
	memset(buf, LATER, LARGE);
	func_say(team, DONE_WORD, 2);
	FUNC_UNTIL(&node, atomic_load(&team->dead[1]));
	for (int i = 0; i < LARGE; i++)
		FUNC_EQ(buf[i], LATER);
	FUNC_OK(fi_close(&node.ep->fid));
	node.ep = NULL;
	func_close(&node);
	free(buf);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"read from us", 2, stopped, FUNC_SWITCH, READ | OUT},
		{"read by us", 2, stopped, FUNC_SWITCH, READ | IN},
		{"read by us, connected", 2, stopped, FUNC_SWITCH, READ | IN | MSG},
		{"read by us, in a hurry", 2, stopped, FUNC_SWITCH, READ | IN | HURRY},
		{"read both ways, two peers", 3, stopped, FUNC_SWITCH, READ | IN | OUT},
		{"written by us", 2, stopped, FUNC_SWITCH, WRITE | OUT},
		{"written to us", 2, stopped, FUNC_SWITCH, WRITE | IN},
		{"written to us, connected", 2, stopped, FUNC_SWITCH, WRITE | IN | MSG},
		{"written both ways, two peers", 3, stopped, FUNC_SWITCH, WRITE | IN | OUT},
		{"copied from us", 2, stopped, FUNC_SWITCH, COPY | OUT},
		{"copied to us", 2, stopped, FUNC_SWITCH, COPY | IN},
		{"copied both ways, two peers", 3, stopped, FUNC_SWITCH, COPY | IN | OUT},
		{"nobody is a target", 3, stopped, FUNC_SWITCH, READ | IN | OUT | NO_TARGET},
		{"read by us, from a second thread", 2, orphaned, FUNC_SWITCH, READ | IN},
		{"read by us, descriptors not listed", 2, hidden, FUNC_SWITCH, READ | IN},
		{"delivery", 2, delivery, FUNC_SWITCH, 0},
		{"rules broken", 2, rules_broken, FUNC_SWITCH, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
