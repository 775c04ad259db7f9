/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Endpoints: they own their sessions, and have a receive context for the messages of these. */
#ifndef SESSION_EP_H
#define SESSION_EP_H

#include "session/rx.h"

/* An endpoint and its sessions; owned by the driver until sess_ep_destroy(). */
struct sess_ep {
	struct sess_engine *engine;
	void *user;
	uint64_t instance;
	uint32_t attempts;
	bool closed, destroyed;
	unsigned busy; /* operations that have it as their ep */
	struct sess_list sessions;
	struct sess_rx *rx, own_rx;
	TAILQ_ENTRY(sess_ep) rx_link;
	struct message_list messages; /* that came to it and met no receive yet */
	struct sess_stats stats;      /* of sessions that ended */
	uint8_t name_len;
	uint8_t name[SESS_NAME_MAX];
};

/* Frees the endpoint if it was destroyed and its last session is over. */
void ep_free_if_done(struct sess_ep *ep);

#endif
