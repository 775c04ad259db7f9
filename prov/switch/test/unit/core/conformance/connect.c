/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: paths that come up, are refused, or are closed before they are up.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/core/conformance/conformance.h"

CORE_TEST(connect_carries_data_both_ways)
{
	uint8_t name[CORE_ADDR_MAX], peer[CORE_ADDR_MAX];
	size_t name_len = sizeof(name), peer_len = sizeof(peer);
	struct end a, b;

	cr_assert_geq(w->a.caps->cm_data_size, 32);
	connect_end(w, &w->a, &a, "from the opener", 15);
	cr_assert_eq(op_send1(&a, &(struct op){0}, "x", 1), -FI_ENOTCONN);
	until(w, w->b.request);
	cr_assert_eq(w->b.len, 15);
	cr_assert_eq(memcmp(w->b.data, "from the opener", 15), 0);
	if (w->c->host) {
		struct sockaddr_in *sin = (struct sockaddr_in *)w->b.addr;

		cr_assert_eq(sin->sin_family, AF_INET);
		cr_assert_eq(sin->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	}

	accept_end(&w->b, &b, "and back", 8);
	until(w, a.connected && b.connected);
	cr_assert_eq(a.len, 8);
	cr_assert_eq(memcmp(a.data, "and back", 8), 0);
	cr_assert_eq(b.len, 0);

	cr_assert_eq(w->a.ops->path_name(a.path, name, &name_len), 0);
	cr_assert_eq(w->b.ops->path_peer(b.path, peer, &peer_len), 0);
	cr_assert_eq(name_len, peer_len);
	cr_assert_eq(memcmp(name, peer, name_len), 0);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

CORE_TEST(the_most_connection_data)
{
	size_t most = w->a.caps->cm_data_size;
	uint8_t data[512], *path = (uint8_t *)1;
	struct end a, b;

	pattern(data, sizeof(data), 5);
	cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, w->addr, w->addr_len, data,
				       most + 1, NULL, (struct core_path **)&path),
		     -FI_EINVAL);
	connect_end(w, &w->a, &a, data, most);
	until(w, w->b.request);
	cr_assert_eq(w->b.len, most);
	cr_assert_eq(memcmp(w->b.data, data, most), 0);
	accept_end(&w->b, &b, data, most);
	until(w, a.connected && b.connected);
	cr_assert_eq(a.len, most);
	cr_assert_eq(memcmp(a.data, data, most), 0);
	part(w, &a, &b);
}

CORE_TEST(reject_carries_data)
{
	struct end a;

	connect_end(w, &w->a, &a, NULL, 0);
	until(w, w->b.request);
	w->b.ops->reject(w->b.request, "not you", 7);
	until(w, a.refused);
	cr_assert_eq(a.error, FI_ECONNREFUSED);
	cr_assert_eq(a.len, 7);
	cr_assert_eq(memcmp(a.data, "not you", 7), 0);
	cr_assert_lt(op_send1(&a, &(struct op){0}, "x", 1), 0);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

CORE_TEST_OF(nobody_listens, TELLS)
{
	struct end a;

	w->b.ops->listener_close(w->listener);
	connect_end(w, &w->a, &a, NULL, 0);
	until(w, a.refused);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

/* The program at that address runs but has closed its listener. */
CORE_TEST(a_listener_that_left)
{
	struct end a, b, late;

	join(w, &a, &b);
	w->b.ops->listener_close(w->listener);
	connect_end(w, &w->a, &late, NULL, 0);
	until(w, late.refused);
	w->a.ops->path_close(late.path);
	until(w, late.closed);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

CORE_TEST(close_while_connecting)
{
	struct end a, b;

	w->b.max = 1; /* one event for each poll: requests come one by one */
	connect_end(w, &w->a, &a, "1", 1);
	w->a.ops->path_close(a.path);
	until(w, a.closed);

	/* a core may have sent the first request nevertheless */
	connect_end(w, &w->a, &a, "2", 1);
	until(w, w->b.request && w->b.data[0] == '2');
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	/* a core may have found out that no peer listens */
	b = (struct end){.side = &w->b};
	if (!w->b.ops->accept(w->b.domain, w->b.request, NULL, 0, &b, &b.path)) {
		until(w, b.refused || b.broken || w->c->traits & FORGETS);
		w->b.ops->path_close(b.path);
		until(w, b.closed);
	}

	join(w, &a, &b);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* The peer neither accepts nor refuses: closing the path needs no answer. */
CORE_TEST(nobody_answers)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	struct end a;

	cr_assert_eq(bind(sock, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(listen(sock, 1), 0);
	cr_assert_eq(getsockname(sock, (struct sockaddr *)&sin, &len), 0);
	if (w->c->host) {
		memcpy(w->addr, &sin, len);
		w->addr_len = len;
	} else {
		w->b.frozen = true;
	}
	connect_end(w, &w->a, &a, NULL, 0);
	for (int i = 0; i < 100; i++)
		pump(w);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
	close(sock);
}

/* If requests are never answered, further ones are refused at some number; an answer makes
 * room for one more. */
CORE_TEST(unanswered_requests_are_bounded)
{
	enum { MANY = 5000 };
	struct end *ends = calloc(MANY, sizeof(*ends));
	int i;

	for (i = 0; w->c->type == FI_EP_RDM && !w->c->mood[0] && i < MANY; i++) {
		const size_t before = w->b.request_cnt;

		connect_end(w, &w->a, &ends[i], NULL, 0);
		until(w, w->b.request_cnt > before || ends[i].refused);
		if (ends[i].refused)
			break;
	}
	cr_assert_neq(i, MANY);
	if (i && ends[i].refused) {
		const size_t before = w->b.request_cnt;
		struct end next;

		w->b.ops->reject(w->b.request, NULL, 0);
		connect_end(w, &w->a, &next, NULL, 0);
		until(w, w->b.request_cnt > before || next.refused);
		cr_assert_eq(next.refused, 0, "a request that was answered keeps its place");
	}
	side_close(&w->b); /* refuses the pending requests: shm crashes if the peer is gone */
	side_close(&w->a);
	free(ends);
}

/* Invalid addresses, which the shm core would turn into file names. */
CORE_TEST(names_that_cannot_be)
{
	static const char *const names[] = {"",
					    "shm",
					    "fi_shm://",
					    "fi_shm://../../tmp/x",
					    "fi_shm:///x",
					    "fi_shm://a/b",
					    "fi_shm://.",
					    "fi_shm://.."};
	struct end a = {.side = &w->a};

	if (w->a.info->addr_format != FI_ADDR_STR)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, names[i],
					       strlen(names[i]) + 1, NULL, 0, &a, &a.path),
			     -FI_EINVAL, "%s", names[i]);
	cr_assert_eq(w->a.ops->connect(w->a.domain, NULL, w->a.info, "fi_shm://x", 10, NULL, 0, &a,
				       &a.path),
		     -FI_EINVAL, "no end");
}

/* A message sent right before the close reaches a peer that polls only later. */
CORE_TEST(sent_and_gone)
{
	static const uint8_t last[] = "the last words";
	struct op op = {0};
	struct end a, b;

	if (!w->a.caps->keeps_sent)
		return;
	join(w, &a, &b);
	w->b.frozen = true;
	cr_assert_geq(op_send1(&a, &op, last, sizeof(last)), 0);
	until(w, !op.out);
	side_close(&w->a);
	w->b.frozen = false;
	until(w, b.broken);
	cr_assert_eq(b.error, 0);
	cr_assert_eq(w->b.recv_cnt, 1);
	cr_assert_eq(memcmp(w->b.msgs[0].data, last, sizeof(last)), 0);
	w->b.ops->path_close(b.path);
	until(w, b.closed);
}

/* A peer that accepts and closes at once, before we poll again: both are reported. */
CORE_TEST(accepted_and_gone)
{
	const size_t before = w->b.request_cnt;
	struct end a, b;

	if (w->c->type != FI_EP_RDM)
		return;
	connect_end(w, &w->a, &a, NULL, 0);
	until(w, w->b.request_cnt > before);
	w->a.frozen = true;
	accept_end(&w->b, &b, NULL, 0);
	until(w, b.connected);
	w->b.ops->path_close(b.path);
	for (int i = 0; i < 100; i++) /* its frames leave; shm needs the receiver for more */
		pump(w);
	w->a.frozen = false;
	until(w, a.connected && b.closed);
	until(w, a.broken);
	cr_assert_eq(a.refused, 0);
	w->a.ops->path_close(a.path);
	until(w, a.closed);
}

CORE_TEST(path_within_a_domain)
{
	struct end a, b;
	struct op op = {0};

	connect_end(w, &w->b, &a, NULL, 0);
	until(w, w->b.request);
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	cr_assert_geq(op_send1(&a, &op, "me", 2), 0);
	until(w, w->b.recv_cnt == 1);
	part(w, &a, &b);
}

CORE_TEST(many_paths)
{
	enum { PATHS = 100 };
	struct end *a = calloc(PATHS, sizeof(*a)), *b = calloc(PATHS, sizeof(*b));
	struct op *ops = calloc(PATHS, sizeof(*ops));
	uint8_t buf[2000] = {0};
	int i, up = 0;

	for (i = 0; i < PATHS; i++) {
		size_t cnt = w->b.request_cnt;

		connect_end(w, &w->a, &a[i], NULL, 0);
		until(w, w->b.request_cnt > cnt);
		accept_end(&w->b, &b[i], NULL, 0);
	}
	for (i = 0; i < PATHS; i++)
		until(w, a[i].connected && b[i].connected);
	for (i = 0; i < PATHS; i++)
		until(w, op_send1(&a[i], &ops[i], buf, sizeof(buf)) != -FI_EAGAIN);
	until(w, w->b.recv_cnt == PATHS);
	for (i = 0; i < PATHS; i++)
		until(w, !ops[i].out);
	/* half of them from each end */
	for (i = 0; i < PATHS; i++) {
		struct end *end = i & 1 ? &a[i] : &b[i];

		end->side->ops->path_close(end->path);
	}
	for (i = 0; i < PATHS; i++) {
		struct end *near = i & 1 ? &a[i] : &b[i], *far = i & 1 ? &b[i] : &a[i];

		until(w, near->closed && far->broken);
		cr_assert_eq(far->error, 0);
		cr_assert_eq(near->broken, 0);
		far->side->ops->path_close(far->path);
		up++;
	}
	for (i = 0; i < PATHS; i++)
		until(w, a[i].closed && b[i].closed);
	cr_assert_eq(up, PATHS);
	free(a);
	free(b);
	free(ops);
}

CORE_TEST(capabilities)
{
	struct core_caps caps;

	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert_leq(caps.cm_data_size, w->a.caps->cm_data_size);
	cr_assert(caps.iov_limit >= 1 && caps.iov_limit <= CORE_IOV_MAX);
	if (!strcmp(w->c->prov, "tcp")) {
		cr_assert(caps.can_read && caps.can_write && caps.read_target && caps.write_target);
		cr_assert_eq(w->a.caps->cm_data_size, 256);
		cr_assert_eq(caps.inject_size, 128);
		cr_assert(caps.send_after_write && caps.flow_control);
		cr_assert_eq(caps.rma_pins_path, FI_VERSION_LT(fi_version(), FI_VERSION(1, 18)));
		cr_assert(!caps.mr_local && !caps.mr_virt_addr && !caps.mr_prov_key);
		cr_assert_eq(caps.key_size, 8);
	}
	w->a.info->domain_attr->mr_mode &= ~FI_MR_RAW;
	w->a.info->domain_attr->mr_key_size = 8;
	w->a.info->caps |= FI_RMA;
	w->a.info->caps &= ~(uint64_t)(FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE);
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(caps.can_read && caps.can_write && caps.read_target && caps.write_target);
	w->a.info->caps |= FI_WRITE;
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(!caps.can_read && caps.can_write && !caps.read_target && !caps.write_target);
	w->a.info->caps &= ~(uint64_t)(FI_RMA | FI_WRITE);
	w->a.ops->info_caps(w->a.info, &caps);
	cr_assert(!caps.can_read && !caps.can_write && !caps.read_target && !caps.write_target);
}
