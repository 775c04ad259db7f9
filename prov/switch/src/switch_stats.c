/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics: read by a program through fi_open_ops() (rdma/fi_ext_switch.h),
 * and written as one line of flat JSON per endpoint when it is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "switch.h"

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
	const struct switch_conn *conn;
	uint64_t cnt = 0;

	LIST_FOREACH (conn, &ep->domain->conns, link)
		cnt += conn->ep == ep;
	return cnt;
}

static int ep_stats(struct fid_ep *fid, struct fi_switch_stats *stats)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct sess_stats sum;
	uint64_t sessions;

	switch_domain_lock(ep->domain);
	sess_ep_stats(ep->sess_ep, &sum);
	sessions = count_sessions(ep);
	switch_domain_unlock(ep->domain);
	return give(&sum, sessions, stats);
}

static int peer_stats(struct fid_ep *fid, fi_addr_t fi_addr, struct fi_switch_stats *stats)
{
	struct switch_ep *ep = switch_ep_of(&fid->fid);
	struct switch_conn *conn = ep->conn;
	struct sess_stats part;

	switch_domain_lock(ep->domain);
	if (ep->type == FI_EP_RDM)
		conn = fi_addr < ep->conn_cnt ? ep->conns[fi_addr] : NULL;
	if (conn)
		sess_stats(conn->sess, &part);
	switch_domain_unlock(ep->domain);
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

/* Text that grows in a fixed buffer; what does not fit is lost. */
struct line {
	char text[4096];
	size_t len;
};

static void line_add(struct line *line, const char *name, uint64_t value)
{
	int len = snprintf(line->text + line->len, sizeof(line->text) - line->len, ", \"%s\": %llu",
			   name, (unsigned long long)value);

	if (len > 0 && (size_t)len < sizeof(line->text) - line->len)
		line->len += (size_t)len;
}

static void line_add_ways(struct line *line, const char *dir, const uint64_t *msgs,
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

static void line_format(struct line *line, const struct switch_ep *ep,
			const struct sess_stats *stats)
{
	int len = snprintf(line->text, sizeof(line->text), "{\"pid\": %ld, \"type\": \"%s\"",
			   (long)getpid(), ep->type == FI_EP_MSG ? "msg" : "rdm");

	line->len = (size_t)len;
	line_add_ways(line, "tx", stats->tx_msgs, stats->tx_bytes);
	line_add_ways(line, "rx", stats->rx_msgs, stats->rx_bytes);
	line_add(line, "tx_packets", stats->tx_packets);
	line_add(line, "rx_packets", stats->rx_packets);
	line_add(line, "tx_records", stats->tx_records);
	line_add(line, "rx_records", stats->rx_records);
	line_add(line, "credit_stalls", stats->credit_stalls);
	line_add(line, "tx_credit_packets", stats->tx_credit_packets);
	line_add(line, "rx_credit_packets", stats->rx_credit_packets);
	line_add(line, "coalesced_records", stats->coalesced_records);
	line_add(line, "unexpected_msgs", stats->unexpected_msgs);
	line_add(line, "registrations", stats->registrations);
	line_add(line, "fallbacks", stats->fallbacks);
	line_add(line, "stale", stats->stale);
	line_add(line, "failures", stats->failures);
	line_add(line, "throttles", stats->throttles);
	line_add(line, "dropped_msgs", stats->dropped_msgs);
	line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
}

/* One write of the whole line: those of other processes do not mix with it. */
void switch_stats_write(struct switch_ep *ep)
{
	const char *name = switch_params.stats;
	struct sess_stats stats;
	struct line line;
	int fd = STDERR_FILENO;
	ssize_t ret;

	if (!name)
		return;
	sess_ep_stats(ep->sess_ep, &stats);
	line_format(&line, ep, &stats);
	if (strcmp(name, "stderr"))
		fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	ret = fd < 0 ? -1 : write(fd, line.text, line.len);
	if (ret != (ssize_t)line.len)
		SW_WARN(EP_CTRL, "the statistics cannot be written to %s: %s\n", name,
			ret < 0 ? strerror(errno) : "only in part");
	if (fd > STDERR_FILENO)
		close(fd);
}
