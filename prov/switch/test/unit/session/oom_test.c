/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The engine without memory: each of its allocations fails in turn, alone or with all that
 * follow.  Operations complete or are refused and a session may fail; once there is memory
 * again, a new session works.  Linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc;
 * otherwise it is skipped.
 */
#include "lib/sess_fixture.h"

void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t cnt, size_t size) __attribute__((weak));
void *__real_realloc(void *old, size_t size) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t cnt, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool armed;
static unsigned long calls, fail_from, fail_cnt;

/* Only the engine calls these functions; the test link allocates in another way. */
static bool fails(void)
{
	unsigned long call = calls;

	if (!armed)
		return false;
	calls++;
	return call >= fail_from && call < fail_from + fail_cnt;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t cnt, size_t size)
{
	return fails() ? NULL : __real_calloc(cnt, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

enum { OPS = 64 };

struct scene {
	struct link *link;
	struct link_node *a, *b;
	struct link_op *op[OPS];
	unsigned op_cnt;
};

static struct link_op *new_op(struct scene *scene, struct link_node *node, size_t size)
{
	return scene->op[scene->op_cnt++] = link_op_create(node, size, 1);
}

static void try_send(struct scene *scene, struct link_node *from, struct link_node *to, size_t size,
		     unsigned flags)
{
	struct link_end *end = link_end(from, to);
	struct link_op *op = new_op(scene, from, size);
	int ret;

	op->op.flags = (uint16_t)(flags | SESS_DATA);
	op->op.data = scene->op_cnt;
	link_op_fill(op, scene->op_cnt);
	if (!end)
		end = link_connect(from, to);
	if (!end->sess)
		return;
	ret = link_send(end->sess, op);
	cr_assert(ret == 0 || ret == -ENOMEM, "%d", ret);
}

static void try_recv(struct scene *scene, struct link_node *node, size_t size)
{
	cr_assert_eq(link_recv(new_op(scene, node, size)), 0);
}

/* Sends each kind of message in both directions, expected and unexpected, and to the sender
 * itself. */
static void play(struct scene *scene)
{
	static const unsigned flags[] = {0, SESS_DELIVERY, SESS_INJECT};
	static const size_t sizes[] = {10, 1000, 10000, 50000};

	for (unsigned i = 0; i < 12; i++) {
		size_t size = sizes[i % 4];

		if (flags[i % 3] == SESS_INJECT && size > 4000)
			size = 3000;
		if (i & 1)
			try_recv(scene, scene->b, 50000);
		try_send(scene, scene->a, scene->b, size, flags[i % 3]);
		try_send(scene, scene->b, scene->a, size, flags[i % 3]);
		if (i % 4 == 0)
			try_send(scene, scene->a, scene->a, size, flags[i % 3]);
		if (i % 3 == 0)
			link_run(scene->link);
		if (!(i & 1))
			try_recv(scene, scene->b, 50000);
		try_recv(scene, scene->a, 50000);
	}
	link_run(scene->link);
}

/* A receive that completed without an error holds the message that was sent. */
static void check_received(const struct link_op *op)
{
	if (!(op->op.flags & SESS_RECV) || op->op.error)
		return;
	cr_assert(op->op.flags & SESS_DATA && op->op.data);
	cr_assert(link_op_holds(op, (uint32_t)op->op.data, op->op.len));
}

/* Plays while allocations from..from+cnt-1 fail.  Returns true if so many allocations were
 * made at all. */
static bool play_without(unsigned long from, unsigned long cnt, enum sess_way way)
{
	struct link_config config = link_config();
	struct scene scene = {.link = link_create(1)};
	struct link_op *sent, *received;
	struct link_end *end;

	config.engine.transfer = way;
	config.engine.eager_budget = 30000;
	scene.a = link_node(scene.link, &config);
	scene.b = link_node(scene.link, &config);
	calls = 0;
	fail_from = from;
	fail_cnt = cnt;
	armed = true;
	play(&scene);
	link_wait(scene.link, 3 * config.engine.hello_timeout);
	armed = false;
	sess_ep_close(scene.a->ep, ECANCELED);
	link_run(scene.link);
	for (struct link_op **op = scene.op; op < scene.op + scene.op_cnt; op++)
		if ((*op)->node == scene.b && (*op)->pending)
			sess_cancel(&(*op)->op);
	link_run(scene.link);
	for (unsigned i = 0; i < scene.op_cnt; i++) {
		cr_assert(!scene.op[i]->pending, "operation %u, failing from %lu", i, from);
		check_received(scene.op[i]);
		link_op_destroy(scene.op[i]);
	}
	/* Now that there is memory, a session with another endpoint works. */
	received = recv_flags(scene.b, 50000, 1, SESS_TAGGED, 1, 0);
	end = link_connect(link_node(scene.link, &config), scene.b);
	sent = send_flags(end, 50000, 1, 7, SESS_TAGGED, 1);
	link_run(scene.link);
	expect_sent(sent);
	expect_received(received, 50000, 7);
	link_destroy(scene.link);
	return calls > from;
}

static void every_allocation(unsigned long cnt)
{
	if (!__real_malloc || !__real_calloc || !__real_realloc)
		cr_skip_test("not linked with --wrap");
	for (int way = SESS_READ; way < SESS_WAYS; way++) {
		unsigned long from = 0;

		while (play_without(from, cnt, (enum sess_way)way))
			from++;
		cr_log_info("way %d: %lu allocations failed in turn", way, from);
		cr_assert_gt(from, 20);
	}
	link_leak_check();
}

Test(oom, each_allocation_fails)
{
	every_allocation(1);
}

Test(oom, several_allocations_fail)
{
	every_allocation(7);
}

Test(oom, no_memory_from_here_on)
{
	every_allocation(1000000);
}

/* An announced send cannot be called back without memory for the record: its session fails,
 * and is torn down when the call returns. */
Test(oom, cancel)
{
	struct link_op *sent;
	struct duo duo;

	if (!__real_malloc)
		cr_skip_test("not linked with --wrap");
	duo = duo_of(link_config());
	sent = send_plain(duo.ab, 50000, 1);
	link_run(duo.link);
	cr_assert(sent->pending, "announced, and nobody receives it");
	calls = fail_from = 0;
	fail_cnt = 1;
	armed = true;
	cr_assert_eq(sess_cancel(&sent->op), 0);
	armed = false;
	cr_assert_eq(calls, 1);
	cr_assert(TAILQ_EMPTY(&duo.a->engine->failing), "it is torn down");
	link_run(duo.link);
	expect_error(sent, ENOMEM);
	cr_assert_eq(duo.ab->error, ENOMEM);
	duo_close(&duo);
	link_leak_check();
}
