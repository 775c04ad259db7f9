/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peer fuzz target: opens and ends the sessions of the hostile peer, and plays the
 * application, the core, the clock and the honest peer.
 */
#include <errno.h>

#include "fuzz/peer_scene.h"

static void know_victim(struct peer *peer)
{
	uint8_t preamble[SESS_PREAMBLE_LEN];

	sess_preamble(sess_link(peer->end->sess), 0, preamble);
	if (sess_request_parse(preamble, sizeof(preamble), &peer->victim))
		link_die(peer->end->node->link, "a preamble did not survive");
}

/* The hostile peer requests a connection while it has a session.  Returns true if that session
 * is over, so that the peer may open another. */
static bool asks_again(struct scene *scene, struct peer *peer, const struct sess_request *request)
{
	switch (sess_crossing(peer->end->sess, request)) {
	case SESS_CROSS_ADOPT:
		sess_adopt(peer->end->sess, request);
		peer->own = *request;
		link_scripted_up(peer->end, NULL);
		return false;
	case SESS_CROSS_RENEW:
		sess_abort(peer->end->sess, ECONNRESET);
		link_act(scene->victim);
		return true;
	default:
		return false;
	}
}

void open_session(struct scene *scene, struct peer *peer)
{
	static const uint64_t sources[] = {SOURCE, SOURCE + 1, SESS_SOURCE_ANY};
	uint8_t how = next8(&scene->in);
	uint64_t source = sources[(how >> 4) % 3];
	const struct sess_request request = {
		.session_id = 0x1234 + scene->openings,
		.cookie = 0xc00c1e,
		.instance = how & 64 ? 1 : UINT64_MAX - 1,
		.attempt = how & 128 ? scene->openings : 1,
	};

	if (scene->ep_closed || scene->openings == OPENINGS_MAX)
		return;
	scene->openings++;
	if (!is_over(peer) && !asks_again(scene, peer, &request))
		return;
	*peer = (struct peer){
		.end = link_scripted(scene->victim, scene->ep, how & 1 ? NULL : &request, source),
		.own = request,
		.seq = (uint32_t)FIRST_SEQ,
		.limit = (uint32_t)FIRST_SEQ,
		.heard = scene->victim->config.engine.first_seq,
		.acked = scene->victim->config.engine.first_seq,
		.given = scene->victim->config.engine.first_seq,
	};
	peer->end->room = ROOM;
	know_victim(peer);
	if (!(how & 2))
		link_scripted_up(peer->end, how & 1 ? &request : NULL);
	if (!(how & 4))
		send_hello(scene, peer, how & 8);
	link_act(scene->victim);
}

/* -- the application ------------------------------------------------------------------ */

void receive(struct scene *scene)
{
	uint8_t bits = next8(&scene->in), how = next8(&scene->in);
	size_t size = next64(&scene->in) % 50000;
	struct link_op *op;

	if (!scene->ep && !scene->rx)
		return;
	op = fuzz_op_create(&scene->ops, scene->victim, size, how & 16 ? 1 : 1 + (bits >> 6));
	if (!op)
		return;
	op->op.flags = (uint16_t)((bits & SESS_TAGGED) | fuzz_recv_flags(how));
	if (bits & SESS_TAGGED) {
		op->op.tag = bits >> 2 & 3;
		op->op.ignore = how & 1 ? ~ECHO_TAG : 0;
	}
	if (bits & 16)
		op->op.source = SOURCE + (bits >> 5 & 1);
	if (how & 16) {
		op->op.flags |= SESS_MULTI;
		op->op.multi_min = 50;
		op->part_max = MULTI_PARTS;
	}
	op->op.claim = how & 32 ? scene : NULL;
	link_recv_from(scene->rx ? scene->rx : sess_ep_rx(scene->ep), op);
}

void submit(struct scene *scene, struct peer *peer)
{
	uint8_t bits = next8(&scene->in), how = next8(&scene->in);
	size_t size = next64(&scene->in) % 50000;
	struct link_op *op;

	if (is_over(peer))
		return;
	op = fuzz_op_create(&scene->ops, scene->victim, size, 1 + (bits >> 6));
	if (!op)
		return;
	op->op.flags = (uint16_t)((bits & (SESS_TAGGED | SESS_DATA)) | fuzz_send_flags(how));
	op->op.tag = bits & SESS_TAGGED ? bits >> 2 & 3 : 0;
	link_send(peer->end->sess, op);
}

void end_endpoint(struct scene *scene, unsigned how)
{
	if (!scene->own_ep || !scene->ep)
		return;
	switch (how & 3) {
	case 0:
		sess_ep_abort(scene->ep, ECANCELED);
		break;
	case 1:
		sess_ep_end(scene->ep, ECONNRESET);
		break;
	default:
		sess_ep_close(scene->ep, ECANCELED);
		scene->ep_closed = true;
		if (how & 1) {
			sess_ep_destroy(scene->ep);
			scene->ep = NULL;
		}
	}
}

void end_session(struct scene *scene, struct peer *peer)
{
	uint8_t how = next8(&scene->in);

	if (how & 16) {
		end_endpoint(scene, how);
		return;
	}
	if (is_over(peer))
		return;
	switch (how & 7) {
	case 0 ... 1:
		sess_close(peer->end->sess);
		break;
	case 2:
		sess_abort(peer->end->sess, ECANCELED);
		break;
	case 3:
		link_break(peer->end);
		break;
	case 4:
		link_scripted_down(peer->end, how & 8 ? ECONNRESET : 0);
		break;
	case 5:
		link_scripted_up(peer->end, peer->end->open ? NULL : &peer->own);
		break;
	case 6:
		sess_set_source(peer->end->sess, SOURCE + (how >> 3 & 1));
		break;
	default:
		send_hello(scene, peer, how & 8);
	}
}

/* -- the core, time, the honest peer ----------------------------------------------------- */

void core_answers(struct scene *scene, struct peer *peer)
{
	uint8_t how = next8(&scene->in);

	if (!peer->end)
		return;
	for (unsigned i = how >> 4 & 7; i < 8; i++)
		link_scripted_done(peer->end, how & 7, how & 8 ? EIO : 0);
}

void core_behaves(struct scene *scene, struct peer *peer)
{
	struct link_habits *habits = &scene->link->habits;
	uint8_t how = next8(&scene->in);

	switch (how & 7) {
	case 0 ... 1:
		if (peer->end)
			peer->end->room = how >> 4 < ROOM ? how >> 4 : ROOM;
		break;
	case 2:
		if (peer->end) {
			peer->end->refusal = how & 16 ? EIO : 0;
			peer->end->rma_refusal = how & 32 ? EIO : 0;
		}
		break;
	case 3:
		habits->refuse = how & 16 ? 50 : 0;
		break;
	case 4:
		habits->reg_fail = how & 16 ? 50 : 0;
		break;
	case 5:
		habits->reg_later = how & 16 ? 50 : 0;
		break;
	case 6:
		habits->lose_on_close = how & 16;
		break;
	default:
		link_wait(scene->link,
			  scene->victim->config.engine.close_timeout / (1 + (how >> 4)));
	}
}

void run(struct scene *scene)
{
	uint8_t how = next8(&scene->in);

	switch (how & 3) {
	case 0:
		link_act(scene->victim);
		break;
	case 1:
		link_progress(scene->victim);
		break;
	case 2:
		for (unsigned i = how >> 2; i && link_step(scene->link); i--)
			;
		break;
	default:
		link_run(scene->link);
	}
}

/* Sends one message from one node to another, posts its receive, and requires that both
 * complete. */
static void carry(struct scene *scene, struct link_node *from, struct link_node *to, size_t size,
		  uint16_t flags)
{
	struct link_op *out = link_op_create(from, size, 1), *in = link_op_create(to, size, 1);
	struct link_end *end = link_end(from, to);
	uint32_t pattern = ++scene->echoes;

	in->op.flags = SESS_TAGGED;
	in->op.tag = ECHO_TAG;
	in->op.source = from->idx;
	out->op.flags = SESS_TAGGED | flags;
	out->op.tag = ECHO_TAG;
	link_op_fill(out, pattern);
	if (!end || link_recv(in) || link_send(end->sess, out))
		link_die(scene->link, "the honest peer's session is over");
	link_run(scene->link);
	if (in->pending || out->pending)
		link_die(scene->link, "the honest peer's session stands still");
	if (in->op.error || out->op.error || !link_op_holds(in, pattern, size))
		link_die(scene->link, "a message of %zu bytes was damaged", size);
	link_op_destroy(out);
	link_op_destroy(in);
}

void echo(struct scene *scene, uint8_t how)
{
	static const uint16_t sizes[] = {0, 60, 400, 1000, 1490, 1500, 4000, 9000};
	const unsigned reg_fail = scene->link->habits.reg_fail;
	size_t size = sizes[how >> 1 & 7];

	if (scene->echoes >= ECHOES_MAX)
		return;
	scene->link->habits.reg_fail = 0;
	carry(scene, scene->honest, scene->victim, size, how & 1 ? SESS_DELIVERY : 0);
	carry(scene, scene->victim, scene->honest, size, how & 1 ? SESS_DELIVERY : 0);
	scene->link->habits.reg_fail = reg_fail;
}
