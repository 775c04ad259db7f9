/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared by victim.c and honest.c: the tags of messages, which table.py knows too, and the
 * reading of lines from the standard input.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_common.h"

#define ATTACK_PING  1ull	  /* from honest.c; its payload is the sender's name */
#define ATTACK_PONG  2ull	  /* the answer */
#define ATTACK_ANY   (1ull << 63) /* the victim receives tags with this bit from anybody */
#define ATTACK_LARGE (1ull << 62) /* with ATTACK_ANY: the echo is to be large */

enum { ATTACK_LINE = 64 };

/* Reads a line, without its newline, if there is one; lines are short and come one at a time.
 * Returns 1, 0 if there is none now, or -1 when the standard input has ended. */
static inline int attack_line(char line[ATTACK_LINE])
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t len;

	if (poll(&fd, 1, 0) <= 0)
		return 0;
	len = read(STDIN_FILENO, line, ATTACK_LINE - 1);
	if (len <= 0)
		return -1;
	line[len] = 0;
	line[strcspn(line, "\n")] = 0;
	return 1;
}

#endif
