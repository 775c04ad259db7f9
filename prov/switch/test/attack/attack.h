/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tags of messages, which victim.c, honest.c and table.py share. */
#ifndef ATTACK_H
#define ATTACK_H

#include "lib/func_common.h"

#define ATTACK_PING 1ull /* from honest.c; its payload is the sender's name */
#define ATTACK_PONG 2ull /* the answer */
#define ATTACK_ANY                                                                                 \
	(1ull << 63)		  /* set in tags of messages that the victim receives from anybody \
				   */
#define ATTACK_LARGE (1ull << 62) /* with ATTACK_ANY: the echo is to be large */

#endif
