/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Observes which states the engine's objects go through, for states.sh: gives a fuzz
 * target (linked with this file) inputs by seeded chance, lets a session change its link, and
 * prints each transition that was seen, once: NAME-OF-NEW-STATE WAS FILE FUNCTION, where WAS is a
 * number or -1: new.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link.h"
#include "states.h"

enum { SEEN_MAX = 1024, OBJECTS = 1 << 16, INPUT_LEN = 1500 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const char *name, *file, *function;
	int was;
} seen[SEEN_MAX];
static unsigned seen_cnt;

/* The last state that each object was seen to take, by where it lies. */
static struct {
	const void *where;
	int is;
} objects[OBJECTS];

/* An object that was not seen before, or was freed and begins again from zero. */
static bool is_new(const void *where, int was, int is)
{
	size_t at = ((uintptr_t)where >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 48;
	bool fresh;

	while (objects[at].where && objects[at].where != where)
		at = (at + 1) % OBJECTS;
	fresh = !objects[at].where || objects[at].is != was;
	objects[at].where = where;
	objects[at].is = is;
	return fresh;
}

void states_observe(const void *where, int was, int is, const char *name, const char *file,
		    const char *function)
{
	if (is_new(where, was, is))
		was = -1;
	for (unsigned i = 0; i < seen_cnt; i++)
		if (seen[i].was == was && !strcmp(seen[i].name, name) &&
		    !strcmp(seen[i].file, file) && !strcmp(seen[i].function, function))
			return;
	if (seen_cnt == SEEN_MAX)
		abort();
	seen[seen_cnt].name = name;
	seen[seen_cnt].was = was;
	seen[seen_cnt].file = file;
	seen[seen_cnt++].function = function;
}

/* A session goes on over a second link, and keeps that when a third does not come up. */
static void change_links(void)
{
	struct link *link = link_create(1);
	const struct link_config config = link_config();
	struct sess *ours, *theirs;
	struct link_node *a, *b;

	memset(objects, 0, sizeof(objects));
	link_pair(link, &config, &config);
	a = link->node[0];
	b = link->node[1];
	ours = link_end(a, b)->sess;
	theirs = link_end(b, a)->sess;
	sess_link_close(link_end(a, b)->link);
	sess_link_close(link_end(b, a)->link);
	link_run(link);
	link_connect_again(a, ours, b, theirs);
	link_run(link);
	link->habits.deaf = true;
	link_connect_again(a, ours, b, theirs);
	link_wait(link, 2 * config.engine.hello_timeout);
	link_destroy(link);
}

int main(int argc, char **argv)
{
	unsigned long inputs = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	uint64_t x = UINT64_C(0x2545f4914f6cdd1d);
	uint8_t input[INPUT_LEN];

	for (unsigned long n = 0; n < inputs; n++) {
		/* an input of its own memory each, as objects of one begin anew in the next */
		memset(objects, 0, sizeof(objects));
		for (unsigned i = 0; i < INPUT_LEN; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			input[i] = (uint8_t)(x >> 32);
		}
		LLVMFuzzerTestOneInput(input, INPUT_LEN);
	}
	change_links();
	for (unsigned i = 0; i < seen_cnt; i++)
		printf("%s %d %s %s\n", seen[i].name, seen[i].was, seen[i].file, seen[i].function);
	return 0;
}
