/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What victim.c, honest.c and table.py agree on: tags. */
#ifndef ATTACK_H
#define ATTACK_H

#include "lib/func_common.h"

#define ATTACK_PING  1ull	  /* from honest.c; its payload is the sender's name */
#define ATTACK_PONG  2ull	  /* the answer */
#define ATTACK_ANY   (1ull << 63) /* what the victim receives from anybody, with other bits */
#define ATTACK_LARGE (1ull << 62) /* with ATTACK_ANY: what is echoed is to be large */

#endif
