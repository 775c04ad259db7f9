/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Conformance: listeners, both those of a domain and passive ones, and the names at which
 * paths begin and end.
 */
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/core/conformance/conformance.h"

#ifdef __SANITIZE_ADDRESS__
/* gcc has the function but not the header that declares it */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

/* Returns the bytes of memory that are allocated. */
static size_t in_use(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

/* Some cores never return what was posted to an endpoint that is closed. */
CORE_TEST(closed_listeners_give_back_their_buffers)
{
	enum { TIMES = 32, EACH = 64 * BUFFER };
	struct core_listener *l;
	size_t before = in_use();

	for (int i = 0; i < TIMES; i++) {
		cr_assert_eq(w->b.ops->listen(w->b.domain, w->b.info, NULL, &l), 0);
		w->b.ops->listener_close(l);
		pump(w);
		pump(w);
	}
	cr_assert_lt(in_use(), before + TIMES / 2 * EACH);
}

CORE_TEST(requests_outlive_their_listener)
{
	struct end a1, a2, a3, b1;
	struct core_request *first, *second;

	connect_end(w, &w->a, &a1, NULL, 0);
	until(w, w->b.request_cnt == 1);
	first = w->b.request;
	connect_end(w, &w->a, &a2, NULL, 0);
	until(w, w->b.request_cnt == 2);
	second = w->b.request;
	connect_end(w, &w->a, &a3, NULL, 0);
	until(w, w->b.request_cnt == 3);

	w->b.ops->listener_close(w->listener);
	w->b.request = first;
	accept_end(&w->b, &b1, NULL, 0);
	w->b.ops->reject(second, NULL, 0);
	until(w, a1.connected && b1.connected && a2.refused);
	check_path(w, &a1, &b1);
	if (w->c->traits & FORGETS)
		return;
	/* closing the domain refuses the third request */
	side_close(&w->b);
	until(w, a3.refused && a1.broken);
}

CORE_TEST_OF(the_port_is_free_again, TCP)
{
	struct fi_info *info = fi_dupinfo(w->b.info);
	uint8_t before[CORE_ADDR_MAX];
	size_t len = sizeof(w->addr);
	struct end a, b;

	memcpy(before, w->addr, sizeof(before));

	join(w, &a, &b);
	part(w, &a, &b);
	w->b.ops->listener_close(w->listener);
	set_source(info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->listen(w->b.domain, info, &w->b, &w->listener), 0);
	fi_freeinfo(info);
	cr_assert_eq(w->b.ops->listener_name(w->listener, w->addr, &len), 0);
	cr_assert(!w->c->host || !memcmp(w->addr, before, len));
	join(w, &a, &b);
	part(w, &a, &b);
}

/* A path whose source address is the name of a listener gets another port. */
CORE_TEST(connect_from_a_listeners_name)
{
	struct fi_info *info = fi_dupinfo(w->b.info);
	struct end a = {.side = &w->b}, b;

	set_source(info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->connect(w->b.domain, NULL, info, w->addr, w->addr_len, NULL, 0, &a,
				       &a.path),
		     0);
	fi_freeinfo(info);
	until(w, w->b.request);
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	part(w, &a, &b);
}

/* Makes a path from an address that was free just now.  Returns whether it begins there. */
static bool join_from(struct world *w, struct end *a, struct end *b)
{
	struct fi_info *const info = w->a.info;
	uint8_t asked[CORE_ADDR_MAX], name[CORE_ADDR_MAX];
	size_t asked_len = sizeof(asked), len = sizeof(name);
	struct core_listener *l;

	cr_assert_eq(w->a.ops->passive_open(w->a.fabric, info, w, &l), 0);
	cr_assert_eq(w->a.ops->listener_name(l, asked, &asked_len), 0);
	w->a.ops->listener_close(l);
	w->a.info = fi_dupinfo(info);
	set_source(w->a.info, asked, asked_len);
	join(w, a, b);
	fi_freeinfo(w->a.info);
	w->a.info = info;
	cr_assert_eq(w->a.ops->path_name(a->path, name, &len), 0);
	return len == asked_len && !memcmp(name, asked, len);
}

/* Each path begins at its own source address. */
CORE_TEST(paths_begin_where_they_are_asked_to)
{
	enum { PATHS = 3, TRIES = 10 };
	struct end a[PATHS], b[PATHS];

	if (!w->c->host || w->c->type != FI_EP_RDM)
		return;	       /* other cores may begin a path elsewhere */
	join(w, &a[0], &b[0]); /* from any address */
	for (int i = 1, tries = 0; i < PATHS; i++) {
		/* another program may have taken the address meanwhile */
		while (!join_from(w, &a[i], &b[i])) {
			cr_assert_lt(++tries, TRIES, "path %d", i);
			part(w, &a[i], &b[i]);
		}
	}
	for (int i = 0; i < PATHS; i++) {
		check_path(w, &a[i], &b[i]);
		part(w, &a[i], &b[i]);
	}
}

CORE_TEST(passive_listener)
{
	struct core_event event = {0};
	struct core_listener *l;
	uint8_t name[CORE_ADDR_MAX];
	size_t len = sizeof(name);
	struct end a = {.side = &w->a}, b = {.side = &w->b};
	struct pollfd pfd = {.events = POLLIN};
	double deadline = now() + DEADLINE;

	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, w, &l), 0);
	if (w->b.info->src_addr) {
		memcpy(name, w->b.info->src_addr, w->b.info->src_addrlen);
		cr_assert_eq(w->b.ops->passive_setname(l, name, w->b.info->src_addrlen), 0);
	}
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, name, &len), 0);
	memcpy(w->addr, name, len);
	w->addr_len = len;
	pfd.fd = w->b.ops->passive_fd(l);
	while (w->b.ops->passive_trywait(l))
		cr_assert_eq(w->b.ops->passive_poll(l, &event), 0);
	cr_assert(poll(&pfd, 1, 0) == 0 || !(w->c->traits & SLEEPS), "%s", w->c->name);

	connect_end(w, &w->a, &a, "hello", 5);
	while (!w->b.ops->passive_poll(l, &event)) {
		pump_side(&w->a, false);
		if (!w->b.ops->passive_trywait(l))
			cr_assert_geq(poll(&pfd, 1, 10), 0);
		cr_assert_lt(now(), deadline);
	}
	cr_assert_eq(event.type, CORE_REQUEST);
	cr_assert_eq(event.user, w);
	cr_assert_eq(event.len, 5);
	cr_assert_eq(memcmp(event.data, "hello", 5), 0);
	cr_assert_gt(event.addr_len, 0);
	cr_assert_eq(w->b.ops->passive_cm_size(l), w->a.caps->cm_data_size);
	w->b.ops->passive_release(l, &event);
	/* a program may close the passive endpoint before it accepts */
	w->b.ops->listener_close(l);
	w->b.request = event.request;
	accept_end(&w->b, &b, NULL, 0);
	until(w, a.connected && b.connected);
	check_path(w, &a, &b);
	part(w, &a, &b);
}

/* The source address of the domain's info is the listener's: a path that is accepted gets
 * another one, so that the listener keeps its name. */
CORE_TEST(a_listener_keeps_its_name)
{
	const struct core_attr attr = {
		.buffer_size = BUFFER, .buffer_cnt = 64, .buffer_max = 256, .path_cnt = 64};
	struct core_event event = {0};
	struct core_listener *l;
	struct end a, b;

	if (strcmp(w->c->prov, "shm"))
		return; /* other cores cannot be used for it */
	w->addr_len = 1 + (size_t)snprintf((char *)w->addr, sizeof(w->addr), "fi_ns://core-%ld",
					   (long)getpid());
	w->b.ops->domain_close(w->b.domain);
	set_source(w->b.info, w->addr, w->addr_len);
	cr_assert_eq(w->b.ops->domain_open(w->b.fabric, w->b.info, &attr, &w->b.domain), 0);
	w->b.caps = w->b.ops->caps(w->b.domain);
	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, w, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	for (int i = 0; i < 2; i++) {
		connect_end(w, &w->a, &a, NULL, 0);
		until(w, w->b.ops->passive_poll(l, &event));
		w->b.ops->passive_release(l, &event);
		w->b.request = event.request;
		accept_end(&w->b, &b, NULL, 0);
		until(w, a.connected && b.connected);
		check_path(w, &a, &b);
		part(w, &a, &b);
	}
	w->b.ops->listener_close(l);
}

CORE_TEST(passive_listener_rejects)
{
	struct core_event event = {0};
	struct core_listener *l;
	size_t len = sizeof(w->addr);
	struct end a, a2;

	cr_assert_eq(w->b.ops->passive_open(w->b.fabric, w->b.info, NULL, &l), 0);
	cr_assert_eq(w->b.ops->passive_listen(l), 0);
	cr_assert_eq(w->b.ops->listener_name(l, w->addr, &len), 0);
	w->addr_len = len;
	connect_end(w, &w->a, &a, NULL, 0);
	until(w, w->b.ops->passive_poll(l, &event));
	w->b.ops->reject(event.request, "no", 2);
	until(w, (w->b.ops->passive_poll(l, &event), a.refused));
	cr_assert_eq(a.len, 2);
	/* a connectionless core may not have taken a request yet */
	if (w->c->type == FI_EP_RDM || w->c->traits & FORGETS) {
		w->b.ops->listener_close(l);
		return;
	}
	/* a request that is never read */
	connect_end(w, &w->a, &a2, NULL, 0);
	pump(w);
	pump(w);
	w->b.ops->listener_close(l);
	until(w, a2.refused);
}
