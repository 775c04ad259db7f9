/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A polite ping-pong beside a flood.  One process, the sink, receives from
 * anybody.  Many senders give it messages without ever pausing; one polite
 * process sends it a few bytes, waits for the answer, and sends again.  How
 * long do its rounds take, and how much does the sink get meanwhile?
 *
 * Prints one line of figures.  It knows libfabric and nothing of ours, so that
 * any provider with connectionless endpoints can be measured with it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#include "measure.h"

enum {
	ADDR_MAX = 256,
	SENDERS_MAX = 512,
	DEPTH_MAX = 4096, /* receives posted, sends on their way */
	PING_LEN = 8,
	SPARE_S = 60, /* a process that takes so much longer than asked hangs */
};

/* The first byte of a message; with -t also its tag. */
enum { FLOOD = 1, PING = 2, PONG = 3 };

/* Of all processes.  The sink is process 0, the polite one 1, senders follow. */
struct shared {
	struct {
		size_t len;
		char bytes[ADDR_MAX];
	} addr[2];
	atomic_int named;     /* how many of the two addresses are there */
	atomic_int ready;     /* processes that have sent and got their first message */
	atomic_bool go, stop; /* set by the parent */
	atomic_int ended;     /* senders, and the polite one, that expect nothing more */
	uint64_t msgs, bytes; /* what the sink got of the flood between go and stop */
	uint64_t rounds, total_ns, worst_ns, median_ns; /* of the polite one */
};

/* What one message needs while it travels. */
struct slot {
	struct fi_context2 context; /* first: completions bring its address */
	char *buf;
	bool is_own; /* a receive that takes only pings */
};

static struct shared *shared;
static const char *prov;
static unsigned senders = 16, depth = 64, receives = 256;
static double seconds = 3;
static size_t size = 4096;
static bool tagged, own_tag, waits;

static struct fi_info *info;
static struct fid_fabric *fabric;
static struct fid_domain *domain;
static struct fid_cq *tx_cq, *rx_cq;
static struct fid_av *av;
static struct fid_ep *ep;
static struct fid_mr *mr;
static void *desc;
static char *memory;

/* -- an endpoint ----------------------------------------------------------- */

/* What is layered over a core answers to the core's name, too. */
static struct fi_info *of_that_name(const struct fi_info *entry)
{
	while (entry && strcmp(entry->fabric_attr->prov_name, prov))
		entry = entry->next;
	return entry ? fi_dupinfo(entry) : NULL;
}

static void find_provider(void)
{
	struct fi_info *hints = fi_allocinfo(), *all;

	hints->caps = tagged ? FI_TAGGED : FI_MSG;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode =
		FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup(prov);
	CHECK(fi_getinfo(FI_VERSION(1, 17), strncmp(prov, "shm", 3) ? "127.0.0.1" : NULL, NULL,
			 strncmp(prov, "shm", 3) ? FI_SOURCE : 0, hints, &all));
	info = of_that_name(all);
	if (!info)
		CHECK(-FI_ENODATA);
	fi_freeinfo(all);
	fi_freeinfo(hints);
}

/* Everything that a process needs, with so many slots of its own. */
static void open_ep(struct slot *slots, unsigned cnt)
{
	struct fi_cq_attr cq_attr = {.format = FI_CQ_FORMAT_CONTEXT, .size = 2 * DEPTH_MAX};
	struct fi_av_attr av_attr = {.type = FI_AV_TABLE};
	size_t each = size < PING_LEN ? PING_LEN : size, len = cnt * each;

	find_provider();
	cq_attr.wait_obj = waits ? FI_WAIT_UNSPEC : FI_WAIT_NONE;
	CHECK(fi_fabric(info->fabric_attr, &fabric, NULL));
	CHECK(fi_domain(fabric, info, &domain, NULL));
	CHECK(fi_cq_open(domain, &cq_attr, &tx_cq, NULL));
	CHECK(fi_cq_open(domain, &cq_attr, &rx_cq, NULL));
	CHECK(fi_av_open(domain, &av_attr, &av, NULL));
	CHECK(fi_endpoint(domain, info, &ep, NULL));
	CHECK(fi_ep_bind(ep, &tx_cq->fid, FI_TRANSMIT));
	CHECK(fi_ep_bind(ep, &rx_cq->fid, FI_RECV));
	CHECK(fi_ep_bind(ep, &av->fid, 0));
	CHECK(fi_enable(ep));
	memory = calloc(1, len);
	if (!memory)
		CHECK(-FI_ENOMEM);
	if (info->domain_attr->mr_mode & FI_MR_LOCAL) {
		CHECK(fi_mr_reg(domain, memory, len, FI_SEND | FI_RECV, 0, 0, 0, &mr, NULL));
		desc = fi_mr_desc(mr);
	}
	for (unsigned i = 0; i < cnt; i++)
		slots[i].buf = memory + i * each;
}

static void close_ep(void)
{
	CHECK(fi_close(&ep->fid));
	CHECK(fi_close(&av->fid));
	CHECK(fi_close(&tx_cq->fid));
	CHECK(fi_close(&rx_cq->fid));
	if (mr)
		CHECK(fi_close(&mr->fid));
	CHECK(fi_close(&domain->fid));
	CHECK(fi_close(&fabric->fid));
	fi_freeinfo(info);
	free(memory);
}

/* The slot that completed; NULL if there is none. */
static struct slot *completed(struct fid_cq *cq)
{
	struct fi_cq_err_entry err = {0};
	struct fi_cq_entry entry;
	ssize_t ret = fi_cq_read(cq, &entry, 1);

	if (ret == -FI_EAGAIN)
		return NULL;
	if (ret == -FI_EAVAIL && fi_cq_readerr(cq, &err, 0) == 1)
		ret = -err.err;
	CHECK(ret);
	return entry.op_context;
}

/* The same for whoever has nothing else to do: with -w it sleeps until there is. */
static struct slot *next_completed(struct fid_cq *cq)
{
	struct slot *slot = completed(cq);
	ssize_t ret;

	if (slot)
		return slot;
	if (!waits) {
		sched_yield();
		return NULL;
	}
	ret = fi_cq_sread(cq, NULL, 0, NULL, 10);
	if (ret != -FI_EAGAIN && ret != -FI_EINTR && ret != -FI_EAVAIL)
		CHECK(ret);
	return completed(cq);
}

static void post_send(struct slot *slot, size_t len, unsigned char kind, fi_addr_t peer)
{
	ssize_t ret;

	slot->buf[0] = (char)kind;
	do {
		ret = tagged ? fi_tsend(ep, slot->buf, len, desc, peer, kind, slot)
			     : fi_send(ep, slot->buf, len, desc, peer, slot);
		if (ret == -FI_EAGAIN) /* which is never this queue's to complete */
			fi_cq_read(rx_cq, NULL, 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
}

static void post_recv(struct slot *slot)
{
	size_t len = size < PING_LEN ? PING_LEN : size;
	uint64_t tag = slot->is_own ? PING : 0, ignore = slot->is_own ? 0 : ~0ull;

	if (own_tag && !slot->is_own)
		tag = FLOOD, ignore = 0;
	if (tagged)
		CHECK(fi_trecv(ep, slot->buf, len, desc, FI_ADDR_UNSPEC, tag, ignore, slot));
	else
		CHECK(fi_recv(ep, slot->buf, len, desc, FI_ADDR_UNSPEC, slot));
}

/* -- how processes meet ----------------------------------------------------- */

static void tell_name(int who)
{
	shared->addr[who].len = sizeof(shared->addr[who].bytes);
	CHECK(fi_getname(&ep->fid, shared->addr[who].bytes, &shared->addr[who].len));
	atomic_fetch_add(&shared->named, 1);
}

static fi_addr_t hear_name(int who)
{
	fi_addr_t peer;

	while (atomic_load(&shared->named) < 2)
		sched_yield();
	if (fi_av_insert(av, shared->addr[who].bytes, 1, &peer, 0, NULL) != 1)
		CHECK(-FI_EINVAL);
	return peer;
}

/* The parent sleeps until a signal comes. */
static void say_ready(void)
{
	atomic_fetch_add(&shared->ready, 1);
	kill(getppid(), SIGUSR1);
}

/* Until everybody is there; progresses meanwhile, where progress is manual. */
static void await_go(void)
{
	say_ready();
	while (!atomic_load(&shared->go)) {
		fi_cq_read(rx_cq, NULL, 0);
		sched_yield();
	}
}

/* -- the sink ---------------------------------------------------------------- */

/* Returns once everybody else expects nothing more. */
static void sink(void)
{
	static struct slot slots[DEPTH_MAX + 1];
	struct slot *pong = &slots[receives], *slot;
	int pings = 0, expected = (int)senders + 1;
	bool sending = false, counting = false;
	fi_addr_t polite;

	open_ep(slots, receives + 1);
	tell_name(0);
	polite = hear_name(1);
	for (unsigned i = 0; i < receives; i++) {
		slots[i].is_own = own_tag && i < 2;
		post_recv(&slots[i]);
	}
	say_ready();
	while (atomic_load(&shared->ended) < expected || pings || sending) {
		slot = next_completed(rx_cq);
		counting = atomic_load(&shared->go) && !atomic_load(&shared->stop);
		if (slot) {
			if (slot->buf[0] == PING)
				pings++;
			else if (counting)
				shared->msgs++, shared->bytes += size;
			post_recv(slot);
		}
		if (sending && completed(tx_cq))
			sending = false;
		if (pings && !sending) {
			post_send(pong, PING_LEN, PONG, polite);
			sending = true;
			pings--;
		}
	}
}

/* -- the polite one ----------------------------------------------------------- */

static uint64_t *times; /* of its rounds, the newest TIMES_MAX */
enum { TIMES_MAX = 1 << 20 };

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Returns once the answer is there and the send has completed. */
static void ping(struct slot *out, struct slot *in, fi_addr_t peer)
{
	bool sent = false, answered = false;

	post_recv(in);
	post_send(out, PING_LEN, PING, peer);
	while (!sent || !answered) {
		if (!answered && next_completed(rx_cq))
			answered = true;
		if (!sent && completed(tx_cq))
			sent = true;
	}
}

static void polite(void)
{
	struct slot slots[2] = {{.buf = NULL}};
	uint64_t start, took;
	fi_addr_t peer;

	own_tag = false; /* nobody sends it anything but answers */
	open_ep(slots, 2);
	tell_name(1);
	peer = hear_name(0);
	times = calloc(TIMES_MAX, sizeof(*times));
	if (!times)
		CHECK(-FI_ENOMEM);
	ping(&slots[0], &slots[1], peer); /* connects */
	await_go();
	/* The round that is under way when time is up counts: it may be the only one. */
	do {
		start = now();
		ping(&slots[0], &slots[1], peer);
		took = now() - start;
		times[shared->rounds++ % TIMES_MAX] = took;
		shared->total_ns += took;
		if (took > shared->worst_ns)
			shared->worst_ns = took;
	} while (!atomic_load(&shared->stop));
	atomic_fetch_add(&shared->ended, 1);
	took = shared->rounds < TIMES_MAX ? shared->rounds : TIMES_MAX;
	qsort(times, took, sizeof(*times), by_value);
	shared->median_ns = times[took / 2];
	free(times);
}

/* -- a sender ------------------------------------------------------------------ */

static void sender(void)
{
	static struct slot slots[DEPTH_MAX];
	unsigned busy = 0, fresh = 0;
	struct slot *slot;
	fi_addr_t peer;

	open_ep(slots, depth);
	peer = hear_name(0);
	post_send(&slots[0], size, FLOOD, peer); /* connects */
	while (!next_completed(tx_cq))
		;
	await_go();
	while (!atomic_load(&shared->stop)) {
		slot = busy < depth && fresh < depth ? &slots[fresh++] : NULL;
		if (!slot && (slot = next_completed(tx_cq)))
			busy--;
		if (slot) {
			post_send(slot, size, FLOOD, peer);
			busy++;
		}
	}
	while (busy)
		if (next_completed(tx_cq))
			busy--;
	atomic_fetch_add(&shared->ended, 1);
}

/* -- the parent ------------------------------------------------------------------ */

static void run_child(void (*work)(void))
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned)seconds + SPARE_S);
	work();
	close_ep();
	exit(0);
}

/* A child that failed has said why; none is left to wait for it. */
static void kill_all(const pid_t *pids, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

/* Whether all children still run; one that has ended early fails the whole. */
static bool all_run(void)
{
	siginfo_t child = {.si_pid = 0};

	return !waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) && !child.si_pid;
}

/* What the parent waits for: a child that is ready (SIGUSR1) or has ended. */
static sigset_t news;

static void take_news(void)
{
	sigemptyset(&news);
	sigaddset(&news, SIGCHLD);
	sigaddset(&news, SIGUSR1);
	sigprocmask(SIG_BLOCK, &news, NULL);
}

/* Sleeps until there is news, at most for so long. */
static void await_news(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000),
				.tv_nsec = (long)(ns % 1000000000)};

	sigtimedwait(&news, NULL, &time);
}

/* What happens between go and stop; its time in ns, or 0 if a child has ended. */
static uint64_t measure(unsigned children)
{
	uint64_t start, end, time;

	while (atomic_load(&shared->ready) < (int)children) {
		if (!all_run())
			return 0;
		sigwaitinfo(&news, NULL);
	}
	start = now();
	end = start + (uint64_t)(seconds * 1e9);
	atomic_store(&shared->go, true);
	while ((time = now()) < end) {
		if (!all_run())
			return 0;
		await_news(end - time);
	}
	atomic_store(&shared->stop, true);
	return now() - start;
}

static void report(uint64_t took)
{
	double s = (double)took / 1e9, rounds = shared->rounds ? (double)shared->rounds : 1;

	printf("provider %s senders %u bytes %zu match %s poll %s seconds %.2f rounds %" PRIu64
	       " average_ms %.3f median_ms %.3f worst_ms %.3f flood_msgs_per_s %.0f "
	       "flood_MB_per_s %.1f\n",
	       prov, senders, size,
	       own_tag	? "own-tag"
	       : tagged ? "any-tag"
			: "untagged",
	       waits ? "sread" : "read", s, shared->rounds, (double)shared->total_ns / rounds / 1e6,
	       (double)shared->median_ns / 1e6, (double)shared->worst_ns / 1e6,
	       (double)shared->msgs / s, (double)shared->bytes / s / 1e6);
}

static void usage(FILE *out, int status)
{
	fprintf(out,
		"usage: switch_flood [OPTION...]\n"
		"Some processes flood one that receives from anybody; a polite ping-pong of %d\n"
		"bytes with that one goes on beside them.  One line of figures is printed.\n"
		"  -n SENDERS   processes that send without pause, 0 to %d (16)\n"
		"  -s SIZE      bytes of their messages (4096)\n"
		"  -d SECONDS   how long (3)\n"
		"  -k DEPTH     messages that each of them has on its way (64)\n"
		"  -r RECEIVES  receives that the sink has posted (256)\n"
		"  -t           tagged; the sink's receives take any tag\n"
		"  -T           tagged; the polite one has a tag and receives of its own\n"
		"  -w           wait for completions with fi_cq_sread, instead of polling\n"
		"  -p PROVIDER  default: $FI_PROVIDER, else \"tcp;ofi_switch\"\n"
		"  -h, --help   this text\n"
		"e.g. for p in 'tcp;ofi_switch' 'tcp;ofi_rxm'; do switch_flood -n 16 -p \"$p\"; "
		"done\n",
		PING_LEN, SENDERS_MAX);
	exit(status);
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int opt;

	prov = getenv("FI_PROVIDER");
	while ((opt = getopt_long(argc, argv, "n:s:d:k:r:tTwp:h", longs, NULL)) != -1) {
		switch (opt) {
		case 'n':
			senders = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 's':
			size = strtoul(optarg, NULL, 0);
			break;
		case 'd':
			seconds = strtod(optarg, NULL);
			break;
		case 'k':
			depth = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'r':
			receives = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 't':
			tagged = true;
			break;
		case 'T':
			tagged = own_tag = true;
			break;
		case 'w':
			waits = true;
			break;
		case 'p':
			prov = optarg;
			break;
		case 'h':
			usage(stdout, 0);
			break;
		default:
			usage(stderr, 2);
		}
	}
	if (!prov || !*prov)
		prov = "tcp;ofi_switch";
	if (optind != argc || senders > SENDERS_MAX || !size || size > 1 << 26 || depth < 1 ||
	    depth > DEPTH_MAX || receives < 3 || receives > DEPTH_MAX || !(seconds > 0) ||
	    seconds > 3600)
		usage(stderr, 2);
}

int main(int argc, char **argv)
{
	unsigned children, failed = 0;
	pid_t *pids;
	uint64_t took;
	int status;

	parse(argc, argv);
	children = senders + 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	pids = calloc(children, sizeof(*pids));
	if (shared == MAP_FAILED || !pids)
		CHECK(-errno);
	take_news();
	/* forked before libfabric is touched */
	for (unsigned i = 0; i < children; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			kill_all(pids, i);
			CHECK(-errno);
		}
		if (!pids[i])
			run_child(i == 0 ? sink : i == 1 ? polite : sender);
	}
	took = measure(children);
	if (!took)
		kill_all(pids, children);
	for (unsigned i = 0; i < children; i++) {
		waitpid(pids[i], &status, 0);
		pids[i] = 0;
		if (!status)
			continue;
		if (took && !failed++) {
			fprintf(stderr, "switch_flood: process %u ended with status %#x\n", i,
				(unsigned)status);
			kill_all(pids, children);
		}
	}
	if (!took || failed)
		return 1;
	report(took);
	free(pids);
	return 0;
}
