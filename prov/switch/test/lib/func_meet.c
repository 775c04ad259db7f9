/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, barriers and exchange of addresses: see lib/func_meet.h.
 */
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>

#include "lib/func_cm.h"
#include "lib/func_meet.h"

void func_publish(struct func_team *team, int rank, const struct func_addr *addr)
{
	team->addr[rank] = *addr;
	atomic_store(&team->named[rank], 1);
}

const struct func_addr *func_addr_of(struct func_team *team, int rank, struct func_node *node)
{
	FUNC_UNTIL(node, atomic_load(&team->named[rank]));
	return &team->addr[rank];
}

static void join_msg(struct func_team *team, int rank, struct func_node *node,
		     const struct func_conf *conf)
{
	struct func_event event;
	struct func_addr addr;

	if (rank == 0) {
		func_listen(node, conf);
		func_name(&node->pep->fid, &addr);
		func_publish(team, rank, &addr);
		FUNC_EVENT(node, &event, FI_CONNREQ);
		func_accept(node, node, event.info, NULL, 0);
	} else {
		func_connect(node, conf, func_addr_of(team, 0, NULL), NULL, 0);
	}
	FUNC_EVENT(node, &event, FI_CONNECTED);
	FUNC_TRUE(event.fid == &node->ep->fid);
}

void func_join(struct func_team *team, int rank, struct func_node *node,
	       const struct func_conf *conf)
{
	struct func_addr addr;
	int i;

	if (conf->type == FI_EP_MSG) {
		join_msg(team, rank, node, conf);
		func_meet(team, node);
		return;
	}
	func_open(node, conf);
	func_name(&node->ep->fid, &addr);
	func_publish(team, rank, &addr);
	for (i = 0; i < team->size; i++)
		FUNC_EQ(fi_av_insert(node->av, func_addr_of(team, i, node)->bytes, 1,
				     &node->peer[i], 0, NULL),
			1);
	func_meet(team, node);
}

void func_meet(struct func_team *team, struct func_node *node)
{
	int round = atomic_load(&team->round);

	if (atomic_fetch_add(&team->arrived, 1) + 1 == team->size) {
		atomic_store(&team->arrived, 0);
		atomic_fetch_add(&team->round, 1);
	}
	FUNC_UNTIL(node, atomic_load(&team->round) != round);
}

void func_say(struct func_team *team, int word, int value)
{
	atomic_store(&team->word[word], value);
}
