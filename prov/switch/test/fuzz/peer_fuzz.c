/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fuzz target: one engine, the victim, against a hostile peer that is played by the input.
 * The input is a script: the packets of the hostile peer over several sessions, the calls of
 * the victim's application, and the behaviour of the core.  The hostile peer keeps the rules
 * of the protocol unless the script tells it to break one, since otherwise no session would
 * get far; and it checks that the victim keeps to the limits that it announced.  Meanwhile an
 * honest peer, which runs the same engine, exchanges messages with the victim; they must
 * arrive whatever the hostile peer does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/peer_scene.h"

/* The most bytes that a receive context may keep for its peers, however many sessions they
 * open: the configured limit and one record that went beyond it. */
static size_t kept_bound(const struct link_node *victim)
{
	return victim->engine->backlog_max + victim->config.engine.eager_budget + MESSAGE_SIZE_MIN +
	       sizeof(struct sess_xfer);
}

/*
 * The most bytes that the engines may hold: the messages kept for peers, the sessions, the
 * application's operations, the packets, reads and writes that the core has, and one packet
 * that is being filled or was refused.  The engine may keep freed objects for reuse, so each
 * kind counts with the highest number that existed at a time.
 */
static size_t memory_bound(const struct scene *scene)
{
	const struct link_config *config = &scene->victim->config;
	const size_t packet = sizeof(struct sess_packet) + config->core.buffer_size;
	const size_t transfer =
		sizeof(struct sess_xfer) + sess_engine_inline_max(scene->victim->engine);
	const size_t tables = 16 << 10; /* the tables of ids, and spare control records */
	size_t op_cnt = 2; /* the send and the receive of one message of the honest peer */

	for (unsigned i = 0; i < scene->ops.cnt; i++)
		op_cnt += 1 + scene->ops.op[i]->part_cnt;
	return 2 * (sizeof(struct sess_engine) + sizeof(struct sess_core)) +
	       3 * sizeof(struct sess_ep) + sizeof(struct sess_rx) + tables +
	       2 * kept_bound(scene->victim) +
	       scene->sess_most * (sizeof(struct sess) + sizeof(struct sess_link) + 2 * packet) +
	       scene->link->io_most * packet + op_cnt * transfer + scene->index_most;
}

/* The bytes of hash buckets that a receive context allocates itself for long lists; peers do
 * not pay for them. */
static size_t index_memory(const struct sess_rx *rx)
{
	enum { BUCKETS = 4096 };
	const struct match_queue *const queue[] = {&rx->plain, &rx->tagged};
	size_t size = 0;

	for (unsigned i = 0; i < 2; i++) {
		size += queue[i]->by_tag ? 2 * BUCKETS * sizeof(*queue[i]->by_tag) : 0;
		size += queue[i]->receives ? BUCKETS * sizeof(*queue[i]->receives) : 0;
	}
	return size;
}

static void note_index(struct scene *scene)
{
	size_t size =
		index_memory(&scene->victim->ep->own_rx) + index_memory(&scene->honest->ep->own_rx);

	if (scene->own_ep && scene->ep)
		size += index_memory(&scene->ep->own_rx);
	if (scene->rx)
		size += index_memory(scene->rx);
	if (size > scene->index_most)
		scene->index_most = size;
}

static void check_memory(struct scene *scene)
{
	size_t peak = fuzz_memory_peak();
	const struct link_end *end;
	unsigned sess_cnt = 2; /* the honest peer's, and one that was opened and closed at once */

	TAILQ_FOREACH (end, &scene->victim->ends, node_link)
		sess_cnt += end->sess != NULL;
	note_index(scene);
	if (sess_cnt > scene->sess_most)
		scene->sess_most = sess_cnt;
	if (peak > memory_bound(scene))
		link_die(scene->link, "%zu bytes are held, and %zu are the most allowed", peak,
			 memory_bound(scene));
}

bool is_over(const struct peer *peer)
{
	return !peer->end || peer->end->down || !peer->end->sess;
}

/* -- the script ---------------------------------------------------------------------------- */

static void step(struct scene *scene)
{
	uint8_t what = next8(&scene->in);
	struct peer *peer = &scene->peer[what & 3];

	scene->steps++;
	switch (what >> 4) {
	case 0 ... 4:
		send_packet(scene, peer);
		break;
	case 5:
		send_packet(scene, peer);
		link_progress(scene->victim);
		break;
	case 6:
		open_session(scene, peer);
		break;
	case 7 ... 8:
		receive(scene);
		break;
	case 9:
		submit(scene, peer);
		break;
	case 10:
		core_answers(scene, peer);
		break;
	case 11:
		core_behaves(scene, peer);
		break;
	case 12:
		end_session(scene, peer);
		break;
	case 13:
		run(scene);
		break;
	case 14:
		echo(scene, what & 15);
		break;
	default:
		fuzz_op_cancel(&scene->ops, next8(&scene->in));
	}
	check_memory(scene);
}

static bool more(const struct scene *scene)
{
	return scene->in.p < scene->in.end && scene->steps < STEPS_MAX;
}

enum { AGAIN = 255 };

/* Repeats the next few steps of the script many times. */
static void again(struct scene *scene)
{
	uint8_t times, steps;
	const uint8_t *first;

	scene->in.p++;
	times = next8(&scene->in);
	steps = 1 + (next8(&scene->in) & 7);
	for (first = scene->in.p; times && scene->steps < STEPS_MAX; times--) {
		scene->in.p = first;
		for (unsigned i = 0; i < steps && more(scene); i++)
			step(scene);
	}
}

static void play(struct scene *scene)
{
	while (more(scene)) {
		if (*scene->in.p == AGAIN)
			again(scene);
		else
			step(scene);
	}
}

static struct link_config make_config(struct input *in)
{
	struct link_config config = link_config();
	uint8_t how = next8(in), caps = next8(in);

	config.core.buffer_size = how & 1 ? 512 : 1024;
	config.core.credits = how & 2 ? 4 : 8;
	config.engine.transfer = (enum sess_way)(how >> 2 & 3 ? how >> 2 & 3 : SESS_AUTO);
	config.core.local_mem = how & 16;
	config.core.send_after_write = how & 32;
	config.core.send_iov_limit = how & 64 ? 1 : 4;
	config.core.stage = how & 128 ? 300 : 0;
	config.core.can_read = !(caps & 1);
	config.core.can_write = !(caps & 2);
	config.core.read_target = !(caps & 4);
	config.core.write_target = !(caps & 8);
	config.core.rma_iov_limit = caps & 16 ? 1 : 3;
	config.engine.unexpected_max = caps & 32 ? 1 : 4096;
	config.engine.announced_max = 16;
	config.engine.throttle = caps & 64 ? 2000 : UINT64_MAX;
	config.engine.eager_budget = 2000;
	config.core.copy_max = 100;
	config.engine.initial = 100;
	config.core.threshold[SESS_READ] = config.core.threshold[SESS_WRITE] = 1500;
	config.core.chunk = 700;
	return config;
}

static void begin(struct scene *scene)
{
	struct link_config config = make_config(&scene->in);
	uint8_t how = next8(&scene->in);

	fuzz_memory_begin();
	scene->link = link_create(how);
	scene->link->heard = heard;
	scene->link->tap_arg = scene;
	link_pair(scene->link, &config, &config);
	scene->victim = scene->link->node[how >> 7];
	scene->honest = scene->link->node[!(how >> 7)];
	scene->next_id = 1;
	scene->own_ep = how & 3;
	scene->ep = scene->victim->ep;
	if (scene->own_ep && sess_ep_create(scene->victim->engine, NULL, &scene->ep))
		link_die(scene->link, "no endpoint");
	if ((how & 3) != 3)
		return;
	if (sess_rx_create(scene->victim->engine, &scene->rx))
		link_die(scene->link, "no receive context");
	sess_ep_share_rx(scene->ep, scene->rx);
}

static void end(struct scene *scene)
{
	size_t left;

	scene->echoes = 0; /* the final echo always takes place */
	echo(scene, (uint8_t)scene->steps);
	end_endpoint(scene, 3);
	if (scene->rx) {
		sess_rx_close(scene->rx, ECANCELED);
		sess_rx_destroy(scene->rx);
	}
	link_destroy(scene->link);
	fuzz_ops_destroy(&scene->ops);
	left = fuzz_memory_end();
	if (left) {
		fprintf(stderr, "%zu bytes were not freed\n", left);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene scene = {.in = {data, data + size}};

	begin(&scene);
	play(&scene);
	end(&scene);
	return 0;
}
