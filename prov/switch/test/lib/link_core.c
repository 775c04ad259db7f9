/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The core of the test link: takes packets, reads and writes, and registers memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link_internal.h"

static void gather(const struct link_io *io, uint8_t *to)
{
	for (unsigned i = 0; i < io->iov_cnt; to += io->iov[i++].len)
		memcpy(to, io->iov[i].addr, io->iov[i].len);
}

static void check_local(struct link_node *node, const struct sess_iov *iov, unsigned access)
{
	const struct sess_mem *mem;

	if (!node->config.core.local_mem)
		return;
	TAILQ_FOREACH (mem, &node->mems, link)
		if (mem == iov->mem && mem->access & access && (uint8_t *)iov->addr >= mem->addr &&
		    (uint8_t *)iov->addr + iov->len <= mem->addr + mem->len)
			return;
	link_die(node->link, "local memory is not registered");
}

static struct link_io *io_take(struct link_end *end, const struct sess_action *action)
{
	struct link_io *io = link_memory(sizeof(*io));

	io->end = end;
	io->io = action->io;
	io->type = action->type;
	memcpy(io->iov, action->iov, sizeof(io->iov));
	io->iov_cnt = action->iov_cnt;
	io->len = action->len;
	io->raddr = action->raddr;
	for (unsigned i = 0; i < sizeof(io->io->core) / sizeof(io->io->core[0]); i++)
		io->io->core[i] = UINT64_MAX;
	if (io->type != SESS_ACT_SEND) {
		memcpy(io->key, action->key, action->key_len);
		io->key_len = action->key_len;
	}
	if (!end->open) {
		io->error = EPIPE;
		io->placed = true;
	}
	TAILQ_INSERT_TAIL(&end->ios, io, link);
	if (++end->node->link->io_cnt > end->node->link->io_most)
		end->node->link->io_most = end->node->link->io_cnt;
	return io;
}

static void check_action(struct link_end *end, const struct sess_action *action)
{
	const struct link_config *config = &end->node->config;
	struct link *link = end->node->link;
	size_t len = 0;

	for (unsigned i = 0; i < action->iov_cnt; i++)
		len += action->iov[i].len;
	if (len != action->len || !len || end->closing)
		link_die(link, "an action of %zu bytes says %zu", len, action->len);
	if (action->type == SESS_ACT_SEND) {
		if (action->iov_cnt > config->core.send_iov_limit || len > config->core.buffer_size)
			link_die(link, "a packet of %u pieces, %zu bytes", action->iov_cnt, len);
		return;
	}
	if (action->iov_cnt > config->core.rma_iov_limit || len > config->core.rma_max ||
	    len > config->core.chunk)
		link_die(link, "an RMA operation of %u pieces, %zu bytes", action->iov_cnt, len);
	for (unsigned i = 0; i < action->iov_cnt; i++)
		check_local(end->node, &action->iov[i],
			    action->type == SESS_ACT_READ ? SESS_ACCESS_LOCAL_WRITE
							  : SESS_ACCESS_LOCAL_READ);
}

/* Sends the packets that the core has only copied so far, as a core does with its next call. */
void link_core_push(struct link_end *end)
{
	struct link *link = end->node->link;
	struct link_event *event;

	while ((event = TAILQ_FIRST(&end->kept))) {
		TAILQ_REMOVE(&end->kept, event, link);
		event->lost = !end->open;
		event->due = end->last_sent =
			at_least(end->last_sent, link->now + link_delay(link));
		link_event_insert(link, event);
	}
}

/* Takes a packet.  Packets of a path are delivered in order and complete in order, but a
 * packet may complete before its delivery.  Returns the io if it is complete at once, because
 * the core has only copied it. */
static struct link_io *take_send(struct link_end *end, const struct sess_action *action)
{
	struct link *link = end->node->link;
	bool kept = action->may_buffer && action->len < end->node->config.core.stage;
	struct link_io *io = io_take(end, action);
	struct link_event *event;

	io->copy = link_memory(io->len);
	gather(io, io->copy);
	io->placed = true;
	link->packets++;
	if (io->len > link->longest_packet)
		link->longest_packet = io->len;
	if (end->open && end->scripted) {
		if (link->heard)
			link->heard(end, io->copy, io->len);
		return NULL;
	}
	if (end->open && end->peer) {
		link_core_push(end);
		end->last_sent = at_least(end->last_sent, link->now + link_delay(link));
		event = link_event_at(link, EV_DELIVER, end->peer, end->last_sent);
		event->other = end;
		event->packet = link_memory(io->len);
		event->len = io->len;
		memcpy(event->packet, io->copy, io->len);
		if (kept) {
			TAILQ_REMOVE(&link->events, event, link);
			TAILQ_INSERT_TAIL(&end->kept, event, link);
		}
	}
	if (kept)
		return io;
	end->last_done = at_least(end->last_done, link->now + link_delay(link));
	link_event_at(link, EV_DONE, end, end->last_done)->io = io;
	return NULL;
}

/* Takes a read or a write.  If the core promises it, a write is placed before the packets
 * behind it are delivered; otherwise it is placed when it completes, as a read is. */
static void take_rma(struct link_end *end, const struct sess_action *action)
{
	struct link *link = end->node->link;
	struct link_io *io = io_take(end, action);
	uint64_t due = link->now + link_delay(link);

	io->in_order = action->type == SESS_ACT_WRITE && end->node->config.core.send_after_write;
	if (action->type == SESS_ACT_WRITE)
		link->writes++;
	else
		link->reads++;
	if (end->open && end->scripted) {
		io->placed = true; /* a scripted peer has no memory to place it in */
		return;
	}
	if (io->in_order)
		end->last_sent = due = at_least(end->last_sent, due);
	if (!io->placed)
		link_event_at(link, EV_PLACE, end, due)->io = io;
	link_event_at(link, EV_DONE, end,
		      io->in_order ? link->now + link_delay(link) : due + link_delay(link))
		->io = io;
}

static struct sess_mem *find_mem(struct link_node *node, const struct link_io *io, unsigned access)
{
	struct sess_mem *mem;

	TAILQ_FOREACH (mem, &node->mems, link) {
		uint64_t base = node->config.core.virtual_addr ? (uintptr_t)mem->addr : 0;

		if (mem->key_len == io->key_len && !memcmp(mem->key, io->key, io->key_len) &&
		    mem->access & access && io->raddr >= base && io->len <= mem->len &&
		    io->raddr - base <= mem->len - io->len)
			return mem;
	}
	return NULL;
}

static void io_free_if_over(struct link_io *io)
{
	if (!io->done || !io->placed)
		return;
	free(io->copy);
	free(io);
}

void link_core_place(struct link *link, struct link_io *io)
{
	struct link_node *target;
	struct sess_mem *mem;
	uint8_t *there;

	if (io->placed)
		return;
	io->placed = true;
	if (io->lost || !io->end->peer || !io->end->peer->open) {
		if (!io->error)
			io->error = EIO;
		io_free_if_over(io);
		return;
	}
	target = io->end->peer->node;
	mem = find_mem(target, io,
		       io->type == SESS_ACT_READ ? SESS_ACCESS_REMOTE_READ
						 : SESS_ACCESS_REMOTE_WRITE);
	if (!mem) {
		if (!link->habits.hostile)
			link_die(link, "%s of memory that is not registered",
				 io->type == SESS_ACT_READ ? "a read" : "a write");
		if (io->key[0] & 1)
			io->error = EACCES;
		io_free_if_over(io);
		return;
	}
	there = mem->addr +
		(io->raddr - (target->config.core.virtual_addr ? (uintptr_t)mem->addr : 0));
	if (io->type == SESS_ACT_WRITE) {
		if (io->done)
			memcpy(there, io->copy, io->len);
		else
			gather(io, there);
	} else {
		for (unsigned i = 0; i < io->iov_cnt; there += io->iov[i++].len)
			memcpy(io->iov[i].addr, there, io->iov[i].len);
	}
	io_free_if_over(io);
}

void link_core_done(struct link *link, struct link_io *io)
{
	struct link_end *end = io->end;
	struct sess_io *done = io->io;
	int error = io->error;
	uint8_t *now;

	if (io->type == SESS_ACT_SEND) {
		now = link_memory(io->len);
		gather(io, now);
		if (memcmp(now, io->copy, io->len))
			link_die(link, "a packet was changed before it was sent");
		free(now);
	} else if (io->type == SESS_ACT_WRITE && !io->placed) {
		io->copy = link_memory(io->len);
		gather(io, io->copy);
	}
	io->done = true;
	TAILQ_REMOVE(&end->ios, io, link);
	link->io_cnt--;
	io_free_if_over(io);
	sess_done(end->node->engine, done, error);
	link_path_drained(end);
}

void link_core_answer(struct link_node *node, struct sess_xfer *xfer, struct sess_mem *mem)
{
	if (mem)
		sess_registered(node->engine, xfer, 0, mem,
				node->config.core.virtual_addr ? (uintptr_t)mem->addr : 0, mem->key,
				mem->key_len);
	else
		sess_registered(node->engine, xfer, ENOMEM, NULL, 0, NULL, 0);
}

void link_core_register(struct link_node *node, const struct sess_action *action)
{
	struct link *link = node->link;
	struct sess_mem *mem = NULL;
	struct sess_xfer *xfer = action->xfer;
	struct link_event *event;

	if (action->iov_cnt != 1 || !action->iov[0].len || !action->access)
		link_die(link, "a registration of nothing");
	if (!link_percent(link, link->habits.reg_fail)) {
		mem = link_memory(sizeof(*mem));
		mem->node = node;
		mem->addr = action->iov[0].addr;
		mem->len = action->iov[0].len;
		mem->access = action->access;
		mem->key_len = node->config.core.key_len ? node->config.core.key_len : 8;
		link_engine_random(mem->key, mem->key_len);
		TAILQ_INSERT_TAIL(&node->mems, mem, link);
		node->mem_cnt++;
	}
	if (!link_percent(link, link->habits.reg_later)) {
		link_core_answer(node, xfer, mem);
		return;
	}
	event = link_event_soon(link, EV_REG, NULL);
	event->node = node;
	event->xfer = xfer;
	event->mem = mem;
}

void link_core_release(struct link_node *node, struct sess_mem *released)
{
	struct sess_mem *mem;

	TAILQ_FOREACH (mem, &node->mems, link)
		if (mem == released)
			break;
	if (!mem)
		link_die(node->link, "memory is released that is not registered");
	TAILQ_REMOVE(&node->mems, mem, link);
	node->mem_cnt--;
	free(mem);
}

static unsigned io_cnt(const struct link_end *end)
{
	const struct link_io *io;
	unsigned cnt = 0;

	TAILQ_FOREACH (io, &end->ios, link)
		cnt++;
	return cnt;
}

void link_core_give(struct link_node *node, const struct sess_action *action)
{
	struct link *link = node->link;
	struct link_end *end = action->user;
	struct link_io *done = NULL;
	int refusal = action->type == SESS_ACT_SEND ? end->refusal : end->rma_refusal;

	check_action(end, action);
	if (link_percent(link, link->habits.refuse)) {
		sess_took(node->engine, -EAGAIN);
		if (!node->retry_set)
			link_event_soon(link, EV_RETRY, NULL)->node = node;
		node->retry_set = true;
		return;
	}
	if (end->scripted && end->open && (refusal || io_cnt(end) >= end->room)) {
		sess_took(node->engine, refusal ? -refusal : -EAGAIN);
		return;
	}
	if (!end->open && link_rand(link, 2)) {
		sess_took(node->engine, -EPIPE);
		return;
	}
	if (action->type == SESS_ACT_SEND)
		done = take_send(end, action);
	else
		take_rma(end, action);
	sess_took(node->engine, 0);
	if (done)
		link_core_done(link, done);
}
