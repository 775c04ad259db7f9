/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching in long lists of messages and receives, which have hash buckets: the results are
 * those of a search through the lists in order.
 */
#include <stdlib.h>

#include "lib/sess_fixture.h"

enum { SENDERS = 3, MANY = 300, SIZE = 16 };

/* The tag and source of a message, or those that a receive accepts. */
struct item {
	uint64_t tag, ignore, source;
	struct link_op *op;
	bool gone;
};

struct scene {
	struct link *link;
	struct link_node *receiver;
	struct link_end *from[SENDERS];
	struct item message[MANY], receive[MANY];
};

static void scene_open(struct scene *scene, uint64_t seed)
{
	struct link_config config = link_config();

	*scene = (struct scene){.link = link_create(seed)};
	config.engine.unexpected_max = 64 << 20;
	scene->receiver = link_node(scene->link, &config);
	for (unsigned i = 0; i < SENDERS; i++) {
		scene->from[i] = link_connect(link_node(scene->link, &config), scene->receiver);
		link_run(scene->link);
	}
}

static void send_one(struct scene *scene, unsigned i)
{
	struct item *message = &scene->message[i];
	struct link_end *from = scene->from[link_rand(scene->link, SENDERS)];

	message->tag = link_rand(scene->link, 12);
	message->source = from->node->idx;
	message->op = send_flags(from, SIZE, 1, i, SESS_TAGGED, message->tag);
	link_run(scene->link); /* one after the other, so that their order is known */
}

static void post_one(struct scene *scene, unsigned i)
{
	static const uint64_t ignore[] = {0, 0, 0, 1, 3, UINT64_MAX};
	struct item *receive = &scene->receive[i];
	uint64_t sender = link_rand(scene->link, 2 * SENDERS);

	receive->tag = link_rand(scene->link, 12);
	receive->ignore = ignore[link_rand(scene->link, 6)];
	receive->source = sender < SENDERS ? scene->from[sender]->node->idx : SESS_SOURCE_ANY;
	receive->op = link_op_create(scene->receiver, SIZE, 1);
	receive->op->op.flags = SESS_TAGGED;
	receive->op->op.tag = receive->tag;
	receive->op->op.ignore = receive->ignore;
	receive->op->op.source = receive->source;
	cr_assert_eq(link_recv(receive->op), 0);
	link_run(scene->link);
}

static bool fits(const struct item *receive, const struct item *message)
{
	return !((receive->tag ^ message->tag) & ~receive->ignore) &&
	       (receive->source == SESS_SOURCE_ANY || receive->source == message->source);
}

static void expect_pair(struct scene *scene, unsigned receive, unsigned message)
{
	cr_assert(!scene->receive[receive].op->pending,
		  "receive %u is to have message %u (SEED=%llu)", receive, message,
		  (unsigned long long)scene->link->seed);
	cr_assert(link_op_holds(scene->receive[receive].op, message, SIZE),
		  "receive %u has another message than %u (SEED=%llu)", receive, message,
		  (unsigned long long)scene->link->seed);
	scene->receive[receive].gone = scene->message[message].gone = true;
}

/* Cancels some of the waiting receives; the others keep their order. */
static void cancel_some(struct scene *scene, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		struct item *receive = &scene->receive[i];

		if (receive->gone || link_rand(scene->link, 4))
			continue;
		cr_assert_eq(sess_cancel(&receive->op->op), 0);
		link_act(scene->receiver);
		cr_assert_eq(receive->op->op.error, ECANCELED);
		receive->gone = true;
	}
}

/* Receives for any tag take the remaining messages in the order of their arrival. */
static void scene_close(struct scene *scene)
{
	for (unsigned i = 0; i < MANY; i++) {
		if (scene->receive[i].op->pending)
			cr_assert_eq(sess_cancel(&scene->receive[i].op->op), 0);
		link_act(scene->receiver);
		link_op_destroy(scene->receive[i].op);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct link_op *op;

		if (!scene->message[i].gone) {
			op = recv_flags(scene->receiver, SIZE, 1, SESS_TAGGED, 0, UINT64_MAX);
			link_act(scene->receiver);
			expect_received(op, SIZE, i);
		}
		expect_sent(scene->message[i].op);
	}
	cr_assert_eq(scene->receiver->ep->rx->kept, 0);
	link_destroy(scene->link);
	link_leak_check();
}

static void messages_first(uint64_t seed)
{
	static struct scene scene;

	scene_open(&scene, seed);
	for (unsigned i = 0; i < MANY; i++)
		send_one(&scene, i);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = 0;

		post_one(&scene, i);
		while (k < MANY &&
		       (scene.message[k].gone || !fits(&scene.receive[i], &scene.message[k])))
			k++;
		if (k < MANY)
			expect_pair(&scene, i, k);
		else
			cr_assert(scene.receive[i].op->pending);
	}
	scene_close(&scene);
}

static void receives_first(uint64_t seed)
{
	static struct scene scene;

	scene_open(&scene, seed);
	for (unsigned i = 0; i < MANY; i++)
		post_one(&scene, i);
	cancel_some(&scene, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = 0;

		send_one(&scene, i);
		while (k < MANY &&
		       (scene.receive[k].gone || !fits(&scene.receive[k], &scene.message[i])))
			k++;
		if (k < MANY)
			expect_pair(&scene, k, i);
	}
	scene_close(&scene);
}

Test(index, receives_take_the_first_message_that_fits)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		messages_first(seed);
}

Test(index, messages_take_the_first_receive_that_fits)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		receives_first(seed);
}

/* Thousands, received by tag from the last to the first. */
Test(index, a_long_list_is_there_and_keeps_its_order)
{
	enum { LONG = 5000 };
	struct link_config config = link_config();
	struct duo duo;
	struct link_op **sent = calloc(LONG, sizeof(*sent)), *op;

	config.engine.unexpected_max = 64 << 20;
	duo = duo_of(config);
	for (unsigned i = 0; i < LONG; i++)
		sent[i] = send_flags(duo.ab, 8, 1, i, SESS_TAGGED, i % 50);
	link_run(duo.link);
	cr_assert_not_null(duo.b->ep->rx->tagged.by_tag);
	for (unsigned i = 0; i < LONG; i++) {
		unsigned tag = 49 - i / 100 % 50, nth = i % 100;

		op = recv_flags(duo.b, 8, 1, SESS_TAGGED, tag, 0);
		link_act(duo.b);
		expect_received(op, 8, nth * 50 + tag);
	}
	link_run(duo.link);
	for (unsigned i = 0; i < LONG; i++)
		expect_sent(sent[i]);
	free(sent);
	duo_close(&duo);
	link_leak_check();
}
