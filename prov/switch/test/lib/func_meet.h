/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: barriers and exchange of addresses between the processes of a team (node
 * may be NULL).
 */
#ifndef FUNC_MEET_H
#define FUNC_MEET_H

#include "lib/func_team.h"
#include "lib/func_wait.h"

/* Exchanges the addresses of all nodes and inserts them.  FI_EP_MSG: a team of two, in which
 * rank 1 connects to rank 0. */
void func_join(struct func_team *team, int rank, struct func_node *node,
	       const struct func_conf *conf);
void func_publish(struct func_team *team, int rank, const struct func_addr *addr);
const struct func_addr *func_addr_of(struct func_team *team, int rank, struct func_node *node);
void func_meet(struct func_team *team, struct func_node *node);
void func_say(struct func_team *team, int word, int value);
#define func_hear(team, node, number, value)                                                       \
	FUNC_UNTIL(node, atomic_load(&(team)->word[number]) >= (value))

#endif
