/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics: read by a program through fi_open_ops() (rdma/fi_ext_switch.h),
 * and written as one line of flat JSON per endpoint when it is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "api/domain.h"
#include "api/ep.h"
#include "api/handle.h"
#include "api/stats.h"
#include "base/os.h"
#include "base/params.h"
#include "base/switch.h"
#include "peer/conn.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

#include <rdma/fi_ext_switch.h>

/* The first version ended with this member. */
#define STATS_SIZE_MIN (offsetof(struct fi_switch_stats, sessions) + sizeof(uint64_t))

_Static_assert((int)FI_SWITCH_WAYS == (int)SESS_WAYS, "the same ways in the same order");
_Static_assert(offsetof(struct fi_switch_stats, sessions) ==
		       sizeof(size_t) + offsetof(struct sess_stats, throttles),
	       "what the engine counts, between the size and the number of sessions");

static int give(const struct sess_stats *from, uint64_t sessions, struct fi_switch_stats *to)
{
	if (!to || to->size < STATS_SIZE_MIN)
		return -FI_EINVAL;
	memcpy(&to->tx_packets, from, offsetof(struct sess_stats, throttles));
	to->sessions = sessions;
	if (to->size >= sizeof(*to)) {
		to->throttles = from->throttles;
		to->dropped_msgs = from->dropped_msgs;
	}
	return 0;
}

static uint64_t count_sessions(const struct switch_ep *ep)
{
	struct switch_link *link;
	uint64_t cnt = 0;

	LIST_FOREACH (link, &ep->domain->pump.links, entry)
		cnt += switch_conn_of(link)->local == &ep->local;
	return cnt;
}

static int ep_stats(struct fid_ep *fid, struct fi_switch_stats *stats)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct sess_stats sum;
	uint64_t sessions;

	switch_pump_lock(&ep->domain->pump);
	sess_ep_stats(ep->local.sess_ep, &sum);
	sessions = count_sessions(ep);
	switch_pump_unlock(&ep->domain->pump);
	return give(&sum, sessions, stats);
}

static int peer_stats(struct fid_ep *fid, fi_addr_t fi_addr, struct fi_switch_stats *stats)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct switch_conn *conn;
	struct sess_stats part;

	switch_pump_lock(&ep->domain->pump);
	conn = ep->local.role->find(&ep->local, fi_addr);
	if (conn)
		sess_stats(conn->link.sess, &part);
	switch_pump_unlock(&ep->domain->pump);
	return conn ? give(&part, 1, stats) : -FI_ENOENT;
}

static struct fi_switch_ops_ep stats_ops = {
	.size = sizeof(struct fi_switch_ops_ep),
	.stats = ep_stats,
	.peer_stats = peer_stats,
};

int switch_ep_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops, void *context)
{
	(void)fid, (void)context;
	if (!name || !ops || flags)
		return -FI_EINVAL;
	if (strcmp(name, FI_SWITCH_EP_OPS))
		return -FI_ENOSYS;
	*ops = &stats_ops;
	return 0;
}

/* -- the line at close ---------------------------------------------------------- */

/* Appends a member, or nothing where there is no room for it. */
static void line_add(struct switch_stats_line *line, const char *name, uint64_t value)
{
	int len = snprintf(line->text + line->len, sizeof(line->text) - line->len, ", \"%s\": %llu",
			   name, (unsigned long long)value);

	if (len > 0 && (size_t)len < sizeof(line->text) - line->len)
		line->len += (size_t)len;
}

static void line_add_ways(struct switch_stats_line *line, const char *dir, const uint64_t *msgs,
			  const uint64_t *bytes)
{
	static const char *const ways[SESS_WAYS] = {"inline", "read", "write", "copy"};
	char name[32];

	for (int way = 0; way < SESS_WAYS; way++) {
		snprintf(name, sizeof(name), "%s_%s_msgs", dir, ways[way]);
		line_add(line, name, msgs[way]);
		snprintf(name, sizeof(name), "%s_%s_bytes", dir, ways[way]);
		line_add(line, name, bytes[way]);
	}
}

void switch_stats_format(const struct switch_ep *ep, struct switch_stats_line *line)
{
	struct sess_stats stats, *s = &stats;
	int len;

	line->len = 0;
	if (!switch_params.stats)
		return;
	sess_ep_stats(ep->local.sess_ep, s);
	len = snprintf(line->text, sizeof(line->text), "{\"pid\": %ld, \"type\": \"%s\"",
		       (long)getpid(), ep->kind->name);
	line->len = (size_t)len;
	line_add_ways(line, "tx", s->tx_msgs, s->tx_bytes);
	line_add_ways(line, "rx", s->rx_msgs, s->rx_bytes);
	line_add(line, "tx_packets", s->tx_packets);
	line_add(line, "rx_packets", s->rx_packets);
	line_add(line, "tx_records", s->tx_records);
	line_add(line, "rx_records", s->rx_records);
	line_add(line, "credit_stalls", s->credit_stalls);
	line_add(line, "tx_credit_packets", s->tx_credit_packets);
	line_add(line, "rx_credit_packets", s->rx_credit_packets);
	line_add(line, "coalesced_records", s->coalesced_records);
	line_add(line, "unexpected_msgs", s->unexpected_msgs);
	line_add(line, "registrations", s->registrations);
	line_add(line, "fallbacks", s->fallbacks);
	line_add(line, "stale", s->stale);
	line_add(line, "failures", s->failures);
	line_add(line, "throttles", s->throttles);
	line_add(line, "dropped_msgs", s->dropped_msgs);
	line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
}

/* Writes the whole line by one call where possible, so that it does not mix with the lines
 * of other processes.  It gives up after close_timeout: a pipe may be full, and its reader
 * hang.  Returns 0 or an errno; *done: bytes written. */
static int line_put(int fd, const struct switch_stats_line *line, size_t *done)
{
	const uint64_t until = switch_now() + (uint64_t)switch_params.close_timeout * 1000000;
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	uint64_t now = switch_now();
	ssize_t ret;

	for (*done = 0; *done < line->len; now = switch_now()) {
		ret = poll(&pfd, 1, now < until ? (int)((until - now) / 1000000) : 0);
		if (!ret)
			return ETIMEDOUT;
		if (ret > 0)
			ret = write(fd, line->text + *done, line->len - *done);
		if (ret > 0)
			*done += (size_t)ret;
		else if (ret < 0 && errno != EINTR && errno != EAGAIN)
			return errno;
		else if (now >= until)
			return ETIMEDOUT;
	}
	return 0;
}

/* Removes the beginning of a line from a regular file that had no room for the rest: it
 * would spoil the next line that is appended. */
static void line_take_back(int fd, size_t done)
{
	struct stat st;

	if (done && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    lseek(fd, 0, SEEK_CUR) == st.st_size && ftruncate(fd, st.st_size - (off_t)done))
		SW_INFO(EP_CTRL, "a line of statistics stays incomplete\n");
}

/* Opened so that a FIFO without a reader is an error instead of a wait. */
static int line_write_to(const char *name, const struct switch_stats_line *line)
{
	size_t done = 0;
	int fd, ret;

	if (!strcmp(name, "stderr"))
		return line_put(STDERR_FILENO, line, &done);
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
	if (fd < 0)
		return errno;
	ret = line_put(fd, line, &done);
	if (ret)
		line_take_back(fd, done);
	close(fd);
	return ret;
}

/* SIGPIPE and SIGXFSZ, which a pipe without a reader and a limit to the size of files
 * raise, are held back, and discarded if our write raised them: the application expects
 * them from its own writes only. */
void switch_stats_write(const struct switch_stats_line *line)
{
	const struct timespec now = {0};
	sigset_t ours, old, before;
	int ret;

	if (!line->len)
		return;
	sigemptyset(&ours);
	sigemptyset(&before);
	sigaddset(&ours, SIGPIPE);
	sigaddset(&ours, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &ours, &old);
	sigpending(&before);
	ret = line_write_to(switch_params.stats, line);
	if (sigismember(&before, SIGPIPE))
		sigdelset(&ours, SIGPIPE);
	if (sigismember(&before, SIGXFSZ))
		sigdelset(&ours, SIGXFSZ);
	while (sigtimedwait(&ours, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		SW_WARN(EP_CTRL, "the statistics cannot be written to %s: %s\n",
			switch_params.stats, strerror(ret));
}
