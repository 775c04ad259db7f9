/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Links: the state of a session that belongs to one path of one core.  State that outlives
 * the path is the session's (session.h).
 */
#ifndef SESSION_LINK_H
#define SESSION_LINK_H

#include "session/credit.h"
#include "session/timer.h"
#include "session/types.h"
#include "session/way.h"

enum link_state {
	LINK_OPENING, /* the path and the peer's hello: has says which of them is there */
	LINK_OPEN,    /* records travel */
	LINK_CLOSING, /* its packets and transfers to end: nothing new begins on it */
	LINK_DOWN,    /* the driver to close the path */
};

/* sess_link.has */
enum {
	LINK_PATH = 1 << 0,    /* the core says that the path is up */
	LINK_GREETED = 1 << 1, /* the peer's hello was good */
};

/* sess_link.due: packets to send ahead of all others */
enum {
	LINK_HELLO = 1 << 0,
	LINK_REFUSE = 1 << 1,
	LINK_ABORT = 1 << 2, /* BYE of a session that failed */
};

/* Up to this size a message takes this way. */
struct sess_choice {
	uint64_t up_to;
	const struct sess_way_ops *ops; /* NULL: inline */
};

/* Owned by its session; freed when the driver has closed its path. */
struct sess_link {
	struct sess *sess;
	struct sess_core *core;
	void *user; /* the driver's */
	TAILQ_ENTRY(sess_link) sess_entry;
	TAILQ_ENTRY(sess_link) work;  /* ready, blocked or held */
	TAILQ_ENTRY(sess_link) event; /* while tell_down */
	struct link_list *work_list;  /* where work is linked, or NULL */
	struct sess_timer timer;      /* for the hello */
	struct sess_timer retry;      /* for opening the path once more */

	enum link_state state;
	uint8_t has, due;
	bool is_opener;
	bool is_first;	/* of its session: by it the peers meet */
	bool tell_down; /* LINK_DOWN */
	bool stalled_on_credit;
	uint16_t refusal; /* with LINK_REFUSE: why */
	int error;	  /* why it went down while its session goes on */

	uint32_t id, cookie, peer_id, peer_cookie;
	uint32_t attempt, peer_attempt;
	uint32_t peer_caps;
	uint32_t packet_max; /* bytes of a packet to the peer */
	uint64_t rma_max;
	struct sess_choice choice[4];
	struct sess_credit credit;

	unsigned out_cnt;	     /* packets that the core has */
	unsigned xfer_cnt;	     /* transfers whose keys are of this link */
	struct sess_packet *packet;  /* being filled */
	struct sess_packet *refused; /* full, numbered; the core had no room */
};

/* A link of the session over this core, not open.  0 or -ENOMEM. */
int sess_link_create(struct sess *sess, struct sess_core *core, void *user,
		     struct sess_link **link);
/* The path is closed, no io is out: its packets are over, with error if it was not sent. */
void sess_link_free(struct sess_link *link, int error);
/* It opens: it waits for its hello. */
void sess_link_expect_hello(struct sess_link *link);
/* Takes the ids that a peer sends ahead of its hello, in its connection request or answer. */
void sess_link_take_request(struct sess_link *link, const struct sess_request *request);
/* The peer's hello is good: once the path is up as well, records may travel. */
void sess_link_greeted(struct sess_link *link);
/* The driver is not told LINK_DOWN any more: its session is over. */
void sess_link_forget_event(struct sess_link *link);
/* The link has something to send. */
void sess_link_ready(struct sess_link *link);
/* The link is of no more use.  Its session fails, unless the link was to be a further one and
 * did not open: the session then goes on without it.  Does nothing for a link that is down. */
void sess_link_fail(struct sess_link *link, int error, const char *reason);
/* The same for a peer that broke the rules. */
void sess_link_expel(struct sess_link *link, int error, const char *reason);
/* A packet or transfer of the link ended: if it closes, perhaps the last one. */
void sess_link_progress_close(struct sess_link *link);

#endif
