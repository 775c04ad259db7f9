/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The honest peer of the attacks.  It pings the victim, waits for the answer, and pings again.
 * A line on its standard input asks for a report: at once, or (await ROUNDS) when it has made
 * so many rounds.  A report has the number of rounds in all, and the average and the longest
 * time of the rounds since the last report.  The program ends with its standard input.
 *
 * usage: honest HOST PORT
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

static struct func_node node;
static struct func_req ping_req, pong_req;
static unsigned long long rounds, recent, recent_ns, worst_ns, began;
/* the next report is due after so many rounds; 0: no report is due */
static unsigned long long awaited;

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (unsigned long long)time.tv_sec * 1000000000 + (unsigned long long)time.tv_nsec;
}

/* Prints a report.  The round under way counts for the longest time, because it may be the
 * only one. */
static void say(void)
{
	unsigned long long longest = now() - began > worst_ns ? now() - began : worst_ns;

	printf("{\"rounds\": %llu, \"recent\": %llu, \"average_us\": %llu, \"worst_us\": %llu}\n",
	       rounds, recent, recent ? recent_ns / recent / 1000 : 0, longest / 1000);
	fflush(stdout);
	recent = recent_ns = worst_ns = 0;
}

static void say_awaited(void)
{
	if (!awaited || rounds < awaited)
		return;
	awaited = 0;
	say();
}

static void account(unsigned long long took)
{
	rounds++;
	recent++;
	recent_ns += took;
	worst_ns = took > worst_ns ? took : worst_ns;
	say_awaited();
}

static void say_port(const struct func_addr *name)
{
	struct sockaddr_in addr;

	memcpy(&addr, name->bytes, sizeof(addr));
	printf("{\"port\": %d}\n", ntohs(addr.sin_port));
	fflush(stdout);
}

/* Returns false when the standard input has ended. */
static bool listen_to_stdin(void)
{
	char line[ATTACK_LINE];
	int ret = attack_line(line);

	if (ret <= 0)
		return !ret;
	if (sscanf(line, "await %llu", &awaited) == 1)
		say_awaited();
	else
		say();
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_in victim = {.sin_family = AF_INET};
	struct func_addr self;
	fi_addr_t peer;
	char pong[8];
	bool go_on = true;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &victim.sin_addr) != 1) {
		fprintf(stderr, "usage: honest HOST PORT\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_IGN); /* attack.py decides how long is too long */
	victim.sin_port = htons((uint16_t)atoi(argv[2]));
	func_open(&node, &(struct func_conf){.wait = FI_WAIT_FD});
	func_name(&node.ep->fid, &self);
	say_port(&self);
	FUNC_EQ(fi_av_insert(node.av, &victim, 1, &peer, 0, NULL), 1);
	while (go_on) {
		began = now();
		FUNC_POST(&node, fi_trecv(node.ep, pong, sizeof(pong), NULL, peer, ATTACK_PONG, 0,
					  func_fresh(&pong_req)));
		FUNC_POST(&node, fi_tsend(node.ep, self.bytes, self.len, NULL, peer, ATTACK_PING,
					  func_fresh(&ping_req)));
		while (go_on && !(func_done(&pong_req) && func_done(&ping_req))) {
			func_idle(&node);
			go_on = listen_to_stdin();
		}
		if (go_on && (pong_req.err || ping_req.err))
			func_fail(__FILE__, __LINE__, "round %llu: %s, %s", rounds,
				  fi_strerror(ping_req.err), fi_strerror(pong_req.err));
		if (go_on)
			account(now() - began);
	}
	func_close(&node);
	return 0;
}
