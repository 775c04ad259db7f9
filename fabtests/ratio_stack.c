/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One provider, opened in two processes: see ratio_stack.h. */
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_tagged.h>

#include "measure.h"
#include "ratio_stack.h"

enum {
	ADDR_MAX = 256,
	WAKING_TRIPS = 4, /* unmeasured, in which the peer wakes up */
};

void ratio_tell(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		exit(1); /* the other one said why */
}

void ratio_hear(int fd, void *data, size_t len)
{
	if (recv(fd, data, len, MSG_WAITALL) != (ssize_t)len)
		exit(1);
}

/* -- opening ---------------------------------------------------------------------- */

static void await_connected(struct ratio_stack *stack)
{
	struct fi_eq_cm_entry entry;
	uint32_t event = 0;
	ssize_t ret;

	do {
		ret = fi_eq_read(stack->eq, &event, &entry, sizeof(entry), 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
	if (event != FI_CONNECTED) {
		fprintf(stderr, "switch_ratio: %s: not connected\n", stack->prov);
		exit(1);
	}
}

static void open_domain(struct ratio_stack *stack, struct fi_info *info)
{
	struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_CONTEXT};
	struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_UNSPEC};

	stack->inject_size = info->tx_attr->inject_size;
	CHECK(fi_domain(stack->fabric, info, &stack->domain, NULL));
	CHECK(fi_cq_open(stack->domain, &attr, &stack->tx_cq, NULL));
	CHECK(fi_cq_open(stack->domain, &attr, &stack->rx_cq, NULL));
	if (!stack->eq)
		CHECK(fi_eq_open(stack->fabric, &eq_attr, &stack->eq, NULL));
	if (info->domain_attr->mr_mode & FI_MR_LOCAL) {
		CHECK(fi_mr_reg(stack->domain, stack->buf, 2 * stack->size_max, FI_SEND | FI_RECV,
				0, 0, 0, &stack->mr, NULL));
		stack->desc = fi_mr_desc(stack->mr);
	}
}

static void open_ep(struct ratio_stack *stack, struct fi_info *info)
{
	struct fi_av_attr attr = {.type = FI_AV_TABLE};

	CHECK(fi_endpoint(stack->domain, info, &stack->ep, NULL));
	CHECK(fi_ep_bind(stack->ep, &stack->tx_cq->fid, FI_TRANSMIT));
	CHECK(fi_ep_bind(stack->ep, &stack->rx_cq->fid, FI_RECV));
	if (stack->type == FI_EP_MSG) {
		CHECK(fi_ep_bind(stack->ep, &stack->eq->fid, 0));
	} else {
		CHECK(fi_av_open(stack->domain, &attr, &stack->av, NULL));
		CHECK(fi_ep_bind(stack->ep, &stack->av->fid, 0));
	}
	CHECK(fi_enable(stack->ep));
}

static void connect_msg(struct ratio_stack *stack)
{
	char addr[ADDR_MAX];

	ratio_hear(stack->peer_fd, addr, sizeof(addr));
	open_domain(stack, stack->info);
	open_ep(stack, stack->info);
	CHECK(fi_connect(stack->ep, addr, NULL, 0));
	await_connected(stack);
}

static void accept_msg(struct ratio_stack *stack)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_eq_cm_entry entry;
	char addr[ADDR_MAX] = {0};
	size_t len = sizeof(addr);
	uint32_t event;
	ssize_t ret;

	CHECK(fi_eq_open(stack->fabric, &attr, &stack->eq, NULL));
	CHECK(fi_passive_ep(stack->fabric, stack->info, &stack->pep, NULL));
	CHECK(fi_pep_bind(stack->pep, &stack->eq->fid, 0));
	CHECK(fi_listen(stack->pep));
	CHECK(fi_getname(&stack->pep->fid, addr, &len));
	ratio_tell(stack->peer_fd, addr, sizeof(addr));
	do {
		ret = fi_eq_read(stack->eq, &event, &entry, sizeof(entry), 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
	open_domain(stack, entry.info);
	open_ep(stack, entry.info);
	CHECK(fi_accept(stack->ep, NULL, 0));
	fi_freeinfo(entry.info);
	await_connected(stack);
}

static void exchange_names(struct ratio_stack *stack)
{
	char mine[ADDR_MAX] = {0}, other[ADDR_MAX];
	size_t len = sizeof(mine);

	open_domain(stack, stack->info);
	open_ep(stack, stack->info);
	CHECK(fi_getname(&stack->ep->fid, mine, &len));
	ratio_tell(stack->peer_fd, mine, sizeof(mine));
	ratio_hear(stack->peer_fd, other, sizeof(other));
	if (fi_av_insert(stack->av, other, 1, &stack->peer, 0, NULL) != 1) {
		fprintf(stderr, "switch_ratio: %s: fi_av_insert failed\n", stack->prov);
		exit(1);
	}
}

/* What is layered over a core answers to the core's name, too. */
static struct fi_info *of_that_name(const struct fi_info *info, const char *prov)
{
	while (info && strcmp(info->fabric_attr->prov_name, prov))
		info = info->next;
	return info ? fi_dupinfo(info) : NULL;
}

static int is_below(struct dl_phdr_info *object, size_t len, void *arg)
{
	const char *dir = arg;
	char file[PATH_MAX];
	size_t dir_len = strlen(dir);

	(void)len;
	return realpath(object->dlpi_name, file) && !strncmp(file, dir, dir_len) &&
	       file[dir_len] == '/';
}

/* libfabric falls back on what it has built in, and says nothing of a folder in which it
 * found no provider: a comparison with it would compare something else. */
static void check_path(const struct ratio_stack *stack)
{
	char dir[PATH_MAX];

	if (!stack->path)
		return;
	if (!realpath(stack->path, dir) || !dl_iterate_phdr(is_below, dir)) {
		fprintf(stderr, "switch_ratio: no provider was loaded from %s\n", stack->path);
		exit(1);
	}
}

static void post_recv(struct ratio_stack *stack)
{
	struct fi_context *context = &stack->rx_context[stack->rx_posted++ % RATIO_WINDOW];
	char *to = stack->buf + stack->size_max;

	CHECK(stack->tagged ? fi_trecv(stack->ep, to, stack->size_max, stack->desc, FI_ADDR_UNSPEC,
				       1, 0, context)
			    : fi_recv(stack->ep, to, stack->size_max, stack->desc, FI_ADDR_UNSPEC,
				      context));
}

void ratio_stack_open(struct ratio_stack *stack)
{
	struct fi_info *hints, *all = NULL;
	int ret;

	if (stack->path && setenv("FI_PROVIDER_PATH", stack->path, 1))
		CHECK(-errno);
	hints = fi_allocinfo();
	stack->buf = calloc(2, stack->size_max);
	if (!hints || !stack->buf)
		CHECK(-FI_ENOMEM);
	hints->caps = stack->tagged ? FI_TAGGED : FI_MSG;
	hints->mode = FI_CONTEXT;
	hints->ep_attr->type = stack->type;
	hints->domain_attr->mr_mode = FI_MR_LOCAL;
	hints->fabric_attr->prov_name = strdup(stack->prov);
	ret = fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, stack->is_client ? 0 : FI_SOURCE,
			 hints, &all);
	check_path(stack);
	stack->info = of_that_name(all, stack->prov);
	if (!stack->info) {
		fprintf(stderr, "switch_ratio: %s: %s\n", stack->prov,
			fi_strerror(ret ? -ret : FI_ENODATA));
		exit(1);
	}
	fi_freeinfo(all);
	fi_freeinfo(hints);
	CHECK(fi_fabric(stack->info->fabric_attr, &stack->fabric, NULL));
	if (stack->type == FI_EP_RDM)
		exchange_names(stack);
	else if (stack->is_client)
		connect_msg(stack);
	else
		accept_msg(stack);
	post_recv(stack);
}

static void close_fid(void *fid)
{
	if (fid)
		fi_close(fid);
}

void ratio_stack_close(struct ratio_stack *stack)
{
	close_fid(stack->ep);
	close_fid(stack->pep);
	close_fid(stack->av);
	close_fid(stack->tx_cq);
	close_fid(stack->rx_cq);
	close_fid(stack->mr);
	close_fid(stack->domain);
	close_fid(stack->eq);
	close_fid(stack->fabric);
	fi_freeinfo(stack->info);
	free(stack->buf);
}

/* -- measuring -------------------------------------------------------------------- */

static void await(struct fid_cq *cq, unsigned cnt)
{
	struct fi_cq_err_entry err = {0};
	struct fi_cq_entry entry[16];
	ssize_t ret;

	while (cnt) {
		ret = fi_cq_read(cq, entry, cnt < 16 ? cnt : 16);
		if (ret == -FI_EAGAIN)
			continue;
		if (ret == -FI_EAVAIL && fi_cq_readerr(cq, &err, 0) == 1)
			ret = -err.err;
		cnt -= (unsigned)CHECK(ret);
	}
}

/* Nobody is told that it has left. */
static void inject(struct ratio_stack *stack, size_t size)
{
	ssize_t ret;

	do {
		ret = stack->tagged ? fi_tinject(stack->ep, stack->buf, size, stack->peer, 1)
				    : fi_inject(stack->ep, stack->buf, size, stack->peer);
		if (ret == -FI_EAGAIN)
			fi_cq_read(stack->rx_cq, NULL, 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
}

/* The nth of a window; its completion is still to be awaited. */
static void post_send(struct ratio_stack *stack, size_t size, unsigned nth)
{
	struct fi_context *context = &stack->tx_context[nth % RATIO_WINDOW];
	ssize_t ret;

	do {
		ret = stack->tagged ? fi_tsend(stack->ep, stack->buf, size, stack->desc,
					       stack->peer, 1, context)
				    : fi_send(stack->ep, stack->buf, size, stack->desc, stack->peer,
					      context);
		if (ret == -FI_EAGAIN)
			fi_cq_read(stack->rx_cq, NULL, 0);
	} while (ret == -FI_EAGAIN);
	CHECK(ret);
}

static void send_one(struct ratio_stack *stack, size_t size)
{
	if (size <= stack->inject_size) {
		inject(stack, size);
		return;
	}
	post_send(stack, size, 0);
	await(stack->tx_cq, 1);
}

/* A receive is posted before the first trip, and again for the one behind the last. */
static void trips(struct ratio_stack *stack, size_t size, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		if (stack->is_client)
			send_one(stack, size);
		await(stack->rx_cq, 1);
		post_recv(stack);
		if (!stack->is_client)
			send_one(stack, size);
	}
}

double ratio_stack_ping_pong(struct ratio_stack *stack, size_t size, unsigned cnt)
{
	uint64_t start;

	trips(stack, size, WAKING_TRIPS);
	start = now();
	trips(stack, size, cnt);
	return (double)(now() - start) / cnt / 2000;
}

/* The server's half: one receive is posted before and after.  It asks for each window by
 * a message of one byte, when the receives for all of it are posted. */
static void take_windows(struct ratio_stack *stack, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		for (unsigned k = i ? 0 : 1; k < RATIO_WINDOW; k++)
			post_recv(stack);
		send_one(stack, 1);
		await(stack->rx_cq, RATIO_WINDOW);
	}
	post_recv(stack);
	send_one(stack, 1);
}

double ratio_stack_stream(struct ratio_stack *stack, size_t size, unsigned cnt)
{
	uint64_t start;

	trips(stack, 1, WAKING_TRIPS);
	start = now();
	if (!stack->is_client) {
		take_windows(stack, cnt);
	} else {
		await(stack->rx_cq, 1);
		post_recv(stack);
		start = now();
		for (unsigned i = 0; i < cnt; i++) {
			for (unsigned k = 0; k < RATIO_WINDOW; k++)
				post_send(stack, size, k);
			await(stack->tx_cq, RATIO_WINDOW);
			await(stack->rx_cq, 1);
			post_recv(stack);
		}
	}
	return (double)(now() - start) / cnt / RATIO_WINDOW / 1000;
}
