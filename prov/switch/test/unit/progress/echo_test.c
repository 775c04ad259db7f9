/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A second front end on the pump: it echoes byte strings and uses none of the libfabric
 * objects.  Two pumps run over the mock; one sends strings, the other sends them back.
 * libfabric loads the mock from FI_PROVIDER_PATH.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "base/compat.h"
#include "base/os.h"
#include "core/core.h"
#include "progress/link.h"
#include "progress/pump.h"
#include "switch_session.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define leaks_found() __lsan_do_recoverable_leak_check()
#else
#define leaks_found() 0
#endif

enum {
	DEADLINE = 300, /* seconds: no case takes one, unless the machine is emulated */
	LONGEST = 1 << 20,
	PREAMBLE = SESS_PREAMBLE_LEN,
	GREETING = 5,
};

/* One string on its way, in either direction. */
struct string {
	struct sess_op op; /* first */
	struct fi_context2 unused;
	size_t len;
	int done;
	uint8_t bytes[LONGEST];
};

/* A connection, and one end of it. */
struct line {
	struct switch_link link; /* first */
	int up, bye, down, error;
};

struct node {
	struct switch_pump pump;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct sess_ep *ep;
	struct core_listener *listener;
	bool echoes, refuses;
	struct line *line; /* the latest connection */
	int lines, gone, requests, downs, last_error;
	uint8_t greeting[GREETING]; /* the data that the peer sent when it accepted */
	struct string in, out;
};

static struct node client, server;

static struct node *node_of(struct switch_pump *pump)
{
	return container_of(pump, struct node, pump);
}

/* -- the front end ------------------------------------------------------------------ */

static void send_string(struct node *node, size_t len)
{
	struct string *out = &node->out;

	memset(&out->op, 0, sizeof(out->op));
	out->len = len;
	out->done = 0;
	out->op.iov[0] = (struct sess_iov){.addr = out->bytes, .len = len};
	out->op.iov_cnt = 1;
	cr_assert_eq(sess_send(node->line->link.sess, &out->op), 0);
}

static void wait_for_string(struct node *node)
{
	struct string *in = &node->in;

	memset(&in->op, 0, sizeof(in->op));
	in->done = 0;
	in->op.source = SESS_SOURCE_ANY;
	in->op.iov[0] = (struct sess_iov){.addr = in->bytes, .len = LONGEST};
	in->op.iov_cnt = 1;
	cr_assert_eq(sess_recv(sess_ep_rx(node->ep), &in->op), 0);
}

static void echo_complete(struct switch_pump *pump, struct sess_op *op)
{
	struct node *node = node_of(pump);
	struct string *string = (struct string *)op;

	string->done++;
	if (op->error || !node->echoes)
		return;
	if (string == &node->out) {
		wait_for_string(node);
		return;
	}
	memcpy(node->out.bytes, string->bytes, op->len);
	send_string(node, op->len);
}

static int echo_data(struct switch_link *link, const void *data, size_t len)
{
	struct node *node = node_of(link->pump);

	if (len == GREETING)
		memcpy(node->greeting, data, GREETING);
	return 0;
}

static void echo_up(struct switch_link *link)
{
	((struct line *)link)->up++;
	if (node_of(link->pump)->echoes)
		wait_for_string(node_of(link->pump));
}

static void echo_bye(struct switch_link *link)
{
	((struct line *)link)->bye++;
}

static void echo_down(struct switch_link *link, int error)
{
	struct node *node = node_of(link->pump);

	((struct line *)link)->down++;
	node->downs++;
	node->last_error = error;
}

static void echo_gone(struct switch_link *link)
{
	struct node *node = node_of(link->pump);

	node->gone++;
	if (node->line == (struct line *)link)
		node->line = NULL;
	free(link);
}

static struct line *add_line(struct node *node)
{
	struct line *line = calloc(1, sizeof(*line));

	cr_assert_not_null(line);
	switch_link_init(&line->link, &node->pump);
	node->line = line;
	node->lines++;
	return line;
}

static void echo_request(struct switch_pump *pump, struct core_event *event)
{
	struct node *node = node_of(pump);
	struct core_request *core_request = event->request;
	uint8_t data[PREAMBLE + GREETING];
	struct sess_request request;
	struct line *line;

	node->requests++;
	event->request = NULL;
	cr_assert_eq(event->user, node);
	cr_assert_eq(sess_request_parse(event->data, event->len, &request), 0);
	if (node->refuses) {
		pump->core.ops->reject(core_request, "no", 2);
		return;
	}
	line = add_line(node);
	cr_assert_eq(sess_accept(node->ep, node->pump.core.sess, &request, &line->link,
				 SESS_SOURCE_ANY, &line->link.sess),
		     0);
	sess_preamble(sess_link(line->link.sess), 0, data);
	memcpy(data + PREAMBLE, "hello", GREETING);
	cr_assert_eq(switch_link_accept(&line->link, core_request, data, sizeof(data)), 0);
}

static bool echo_refused(struct switch_link *link, const void *data, size_t len)
{
	(void)link;
	cr_assert_eq(len, 2);
	cr_assert_eq(memcmp(data, "no", 2), 0);
	return false;
}

/* This front end never tries again. */
static void echo_connect(struct switch_link *link)
{
	sess_path_down(sess_link(link->sess), FI_ECONNREFUSED);
}

static const struct switch_front echo_front = {
	.complete = echo_complete,
	.data = echo_data,
	.up = echo_up,
	.bye = echo_bye,
	.down = echo_down,
	.gone = echo_gone,
	.request = echo_request,
	.refused = echo_refused,
	.connect = echo_connect,
};

/* -- two nodes ---------------------------------------------------------------------- */

static struct fi_info *mock_info(void)
{
	struct fi_info *hints = fi_allocinfo(), *all = NULL, *info;

	hints->fabric_attr->prov_name = strdup("mock");
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = FI_MSG | FI_RMA;
	fi_getinfo(FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION), NULL, NULL, 0, hints, &all);
	for (info = all; info && strcmp(info->fabric_attr->prov_name, "mock"); info = info->next)
		;
	if (!info)
		cr_skip_test("no mock core here");
	info = fi_dupinfo(info);
	fi_freeinfo(all);
	fi_freeinfo(hints);
	return info;
}

static void open_core(struct node *node)
{
	const struct core_attr attr = {.buffer_size = SESS_BUFFER_DEFAULT,
				       .buffer_cnt = 32,
				       .buffer_max = 256,
				       .path_cnt = 65};
	struct switch_core *core = &node->pump.core;

	node->info = mock_info();
	cr_assert_eq(fi_fabric(node->info->fabric_attr, &node->fabric, NULL), 0);
	core->ops = &core_rdm_ops;
	core->info = node->info;
	core->credits = 64;
	cr_assert_eq(core->ops->domain_open(node->fabric, core->info, &attr, &core->domain), 0);
	core->caps = core->ops->caps(core->domain);
}

static void open_node(struct node *node)
{
	const struct sess_config config = {.random = switch_random};
	struct sess_core_config core = {.key_len = sizeof(uint64_t)};
	const struct core_caps *caps;

	memset(node, 0, sizeof(*node));
	switch_pump_init(&node->pump, &echo_front);
	open_core(node);
	caps = node->pump.core.caps;
	core.credits = 64;
	core.send_iov_limit = (uint32_t)caps->iov_limit;
	core.rma_iov_limit = (uint32_t)caps->rma_iov_limit;
	core.can_read = caps->can_read;
	core.can_write = caps->can_write;
	core.read_target = caps->read_target;
	core.write_target = caps->write_target;
	core.local_mem = caps->mr_local;
	core.virtual_addr = caps->mr_virt_addr;
	core.rma_max = caps->rma_max;
	cr_assert_eq(sess_engine_create(&config, &node->pump.engine), 0);
	cr_assert_eq(
		sess_core_create(node->pump.engine, &core, &node->pump.core, &node->pump.core.sess),
		0);
	cr_assert_eq(switch_pump_timer_open(&node->pump), 0);
	cr_assert_eq(sess_ep_create(node->pump.engine, node, &node->ep), 0);
	cr_assert_eq(node->pump.core.ops->listen(node->pump.core.domain, node->info, node,
						 &node->listener),
		     0);
}

static void close_node(struct node *node)
{
	sess_ep_close(node->ep, FI_ECANCELED);
	sess_ep_destroy(node->ep);
	switch_pump_perform(&node->pump);
	cr_assert(LIST_EMPTY(&node->pump.links));
	node->pump.core.ops->listener_close(node->listener);
	node->pump.core.info = NULL;
	switch_pump_fini(&node->pump);
	cr_assert_eq(fi_close(&node->fabric->fid), 0);
	fi_freeinfo(node->info);
}

#define until(cond)                                                                                \
	do {                                                                                       \
		const time_t end_ = time(NULL) + DEADLINE;                                         \
		while (!(cond)) {                                                                  \
			sched_yield();                                                             \
			switch_pump_progress(&client.pump);                                        \
			switch_pump_progress(&server.pump);                                        \
			cr_assert(time(NULL) < end_, "no " #cond);                                 \
		}                                                                                  \
	} while (0)

static void open_both(void)
{
	setenv("MOCK_CORE", "1", 1);
	open_node(&client);
	open_node(&server);
	server.echoes = true;
}

static void close_both(void)
{
	close_node(&client);
	close_node(&server);
	cr_assert_eq(leaks_found(), 0);
}

static void call(void)
{
	uint8_t addr[CORE_ADDR_MAX], data[PREAMBLE];
	size_t len = sizeof(addr);
	struct line *line = add_line(&client);

	cr_assert_eq(server.pump.core.ops->listener_name(server.listener, addr, &len), 0);
	cr_assert_eq(sess_connect(client.ep, client.pump.core.sess, &line->link, SESS_SOURCE_ANY,
				  &line->link.sess),
		     0);
	sess_preamble(sess_link(line->link.sess), 0, data);
	cr_assert_eq(switch_link_connect(&line->link, client.listener, client.info, addr, len, data,
					 sizeof(data)),
		     0);
}

TestSuite(echo, .init = open_both, .fini = close_both);

/* -- cases --------------------------------------------------------------------------- */

/* By every way that the two ends of the mock allow. */
Test(echo, strings_of_every_size_come_back)
{
	static const size_t lens[] = {0, 1, 64, 4000, 33000, 300000, LONGEST};

	call();
	until(client.line->up);
	cr_assert_eq(memcmp(client.greeting, "hello", GREETING), 0, "behind the preamble");
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (size_t at = 0; at < lens[i]; at++)
			client.out.bytes[at] = (uint8_t)(at * 7 + i);
		wait_for_string(&client);
		send_string(&client, lens[i]);
		until(client.in.done && client.out.done);
		cr_assert_eq(client.in.op.error, 0);
		cr_assert_eq(client.in.op.len, lens[i]);
		cr_assert_eq(memcmp(client.in.bytes, client.out.bytes, lens[i]), 0);
		cr_assert_eq(client.in.done, 1, "completed once");
	}
	cr_assert_eq(server.line->up, 1);
	sess_close(client.line->link.sess);
	until(client.gone && server.gone);
	cr_assert_eq(client.last_error, 0);
	cr_assert_eq(server.last_error, 0);
	cr_assert_eq(client.downs, 1);
	cr_assert_eq(server.downs, 1);
}

/* The peer closes in order: bye comes ahead of down, and nothing is lost. */
Test(echo, who_is_told_goodbye_hears_it_once)
{
	struct line *line;

	call();
	until(client.line->up && server.line && server.line->up);
	line = client.line;
	wait_for_string(&client);
	sess_close(server.line->link.sess);
	until(line->bye);
	cr_assert_eq(line->down, 0);
	until(client.gone && server.gone);
	cr_assert_eq(client.last_error, 0);
	cr_assert_eq(client.in.done, 0, "a receive is its endpoint's, not the line's");
}

Test(echo, who_is_refused_is_down_and_gone)
{
	server.refuses = true;
	call();
	until(client.gone);
	cr_assert_eq(server.requests, 1);
	cr_assert_eq(server.lines, 0);
	cr_assert_eq(client.downs, 1);
	cr_assert_eq(client.last_error, FI_ECONNREFUSED);
}

/* The pump takes events in batches: one event may make a link give up its path, and events of
 * that path may be behind it.  They are not about the link's present path. */
static void hear_of_another_path(void)
{
	struct core_event event = {.user = &client.line->link, .error = FI_ECONNRESET};

	event.path = (struct core_path *)&event; /* nobody looks into it */
	cr_assert_neq(event.path, client.line->link.path);
	switch_link_connected(&event);
	switch_link_refused(&event);
	switch_link_broken(&event);
}

Test(echo, events_of_another_path_change_nothing)
{
	call();
	hear_of_another_path();
	cr_assert(!client.line->link.met);
	until(client.line->up || client.downs);
	cr_assert_eq(client.downs, 0, "while it connects");
	hear_of_another_path();
	wait_for_string(&client);
	send_string(&client, 100);
	until((client.in.done && client.out.done) || client.downs);
	cr_assert_eq(client.downs, 0, "while it is up");
	cr_assert_eq(client.in.op.error, 0);
	sess_close(client.line->link.sess);
	until(client.gone && server.gone);
	cr_assert_eq(client.last_error, 0);
}
