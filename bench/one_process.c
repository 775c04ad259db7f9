/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Moves messages between two endpoints of one process, in one thread, each in a domain
 * of its own: what bench/instructions counts the instructions of.  A message is in the
 * socket when its sender's call returns, so the receiver hardly ever looks in vain, and
 * the same number of messages takes nearly the same number of instructions each time.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

enum { ADDR_MAX = 256, WINDOW = 64, CONNECT_TRIPS = 20 };

struct side {
	struct fid_domain *domain;
	struct fid_eq *eq;
	struct fid_cq *tx_cq, *rx_cq;
	struct fid_av *av;
	struct fid_ep *ep;
	fi_addr_t peer;
	char *buf; /* sent from the first half, received into the second */
	unsigned sent, received;
};

static struct side sides[2];
static struct fi_info *info;
static struct fid_fabric *fabric;
static struct fid_pep *pep;
static struct fid_eq *pep_eq;
static enum fi_ep_type type = FI_EP_RDM;
static size_t size;
static struct fi_context contexts[4 * WINDOW];

#define CHECK(call)                                                                                \
	({                                                                                         \
		ssize_t ret_ = (call);                                                             \
		if (ret_ < 0) {                                                                    \
			fprintf(stderr, "one_process: %s: %s\n", #call, fi_strerror((int)-ret_));  \
			exit(1);                                                                   \
		}                                                                                  \
		ret_;                                                                              \
	})

/* -- opening ---------------------------------------------------------------------- */

static void open_side(struct side *side, struct fi_info *with)
{
	struct fi_cq_attr attr = {.format = FI_CQ_FORMAT_CONTEXT};
	struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_av_attr av_attr = {.type = FI_AV_TABLE};

	side->buf = calloc(2, size + 1);
	if (!side->buf)
		CHECK(-FI_ENOMEM);
	CHECK(fi_domain(fabric, with, &side->domain, NULL));
	CHECK(fi_cq_open(side->domain, &attr, &side->tx_cq, NULL));
	CHECK(fi_cq_open(side->domain, &attr, &side->rx_cq, NULL));
	CHECK(fi_endpoint(side->domain, with, &side->ep, NULL));
	CHECK(fi_ep_bind(side->ep, &side->tx_cq->fid, FI_TRANSMIT));
	CHECK(fi_ep_bind(side->ep, &side->rx_cq->fid, FI_RECV));
	if (type == FI_EP_MSG) {
		CHECK(fi_eq_open(fabric, &eq_attr, &side->eq, NULL));
		CHECK(fi_ep_bind(side->ep, &side->eq->fid, 0));
	} else {
		CHECK(fi_av_open(side->domain, &av_attr, &side->av, NULL));
		CHECK(fi_ep_bind(side->ep, &side->av->fid, 0));
	}
	CHECK(fi_enable(side->ep));
}

static void connect_rdm(void)
{
	char name[ADDR_MAX];

	open_side(&sides[0], info);
	open_side(&sides[1], info);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = sizeof(name);

		CHECK(fi_getname(&sides[!i].ep->fid, name, &len));
		if (fi_av_insert(sides[i].av, name, 1, &sides[i].peer, 0, NULL) != 1)
			CHECK(-FI_EINVAL);
	}
}

/* True once the event is there. */
static bool came(struct fid_eq *eq, uint32_t wanted, struct fi_info **request)
{
	struct fi_eq_cm_entry entry;
	uint32_t event;
	ssize_t ret = fi_eq_read(eq, &event, &entry, sizeof(entry), 0);

	if (ret == -FI_EAGAIN)
		return false;
	CHECK(ret);
	if (event != wanted)
		CHECK(-FI_EOTHER);
	if (request)
		*request = entry.info;
	return true;
}

static void connect_msg(void)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_UNSPEC};
	struct fi_info *request;
	bool first = false, second = false;
	char name[ADDR_MAX];
	size_t len = sizeof(name);

	CHECK(fi_eq_open(fabric, &attr, &pep_eq, NULL));
	CHECK(fi_passive_ep(fabric, info, &pep, NULL));
	CHECK(fi_pep_bind(pep, &pep_eq->fid, 0));
	CHECK(fi_listen(pep));
	CHECK(fi_getname(&pep->fid, name, &len));
	open_side(&sides[0], info);
	CHECK(fi_connect(sides[0].ep, name, NULL, 0));
	while (!came(pep_eq, FI_CONNREQ, &request))
		fi_cq_read(sides[0].rx_cq, NULL, 0);
	open_side(&sides[1], request);
	CHECK(fi_accept(sides[1].ep, NULL, 0));
	fi_freeinfo(request);
	while (!first || !second) {
		first = first || came(sides[0].eq, FI_CONNECTED, NULL);
		second = second || came(sides[1].eq, FI_CONNECTED, NULL);
	}
}

static void open_both(const char *prov)
{
	struct fi_info *hints = fi_allocinfo(), *all, *each;

	hints->caps = FI_TAGGED;
	hints->mode = FI_CONTEXT;
	hints->ep_attr->type = type;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	hints->fabric_attr->prov_name = strdup(prov);
	CHECK(fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, FI_SOURCE, hints, &all));
	for (each = all; each && strcmp(each->fabric_attr->prov_name, prov);)
		each = each->next;
	if (!each)
		CHECK(-FI_ENODATA);
	info = fi_dupinfo(each);
	fi_freeinfo(all);
	fi_freeinfo(hints);
	CHECK(fi_fabric(info->fabric_attr, &fabric, NULL));
	if (type == FI_EP_MSG) {
		free(info->dest_addr);
		info->dest_addr = NULL;
		connect_msg();
	} else {
		connect_rdm();
	}
}

static void close_fid(void *fid)
{
	if (fid)
		fi_close(fid);
}

static void close_both(void)
{
	for (unsigned i = 0; i < 2; i++)
		close_fid(sides[i].ep);
	close_fid(pep);
	for (unsigned i = 0; i < 2; i++) {
		close_fid(sides[i].av);
		close_fid(sides[i].tx_cq);
		close_fid(sides[i].rx_cq);
		close_fid(sides[i].domain);
		close_fid(sides[i].eq);
		free(sides[i].buf);
	}
	close_fid(pep_eq);
	close_fid(fabric);
	fi_freeinfo(info);
}

/* -- messages ---------------------------------------------------------------------- */

static void look(struct fid_cq *cq, unsigned *cnt)
{
	struct fi_cq_entry entry[16];
	ssize_t ret = fi_cq_read(cq, entry, 16);

	if (ret == -FI_EAGAIN)
		return;
	*cnt += (unsigned)CHECK(ret);
}

/* The provider learns by the clock whether it may hold sends back, and callgrind makes
 * a program slow: so of several sends all but the last say that more follow. */
static ssize_t try_send(struct side *side, unsigned nth, bool more)
{
	void *context = &contexts[nth % WINDOW];
	const struct iovec iov = {.iov_base = side->buf, .iov_len = size};
	const struct fi_msg_tagged msg = {
		.msg_iov = &iov,
		.iov_count = 1,
		.addr = side->peer,
		.tag = 1,
		.context = context,
	};

	if (more)
		return fi_tsendmsg(side->ep, &msg, FI_COMPLETION | FI_MORE);
	return fi_tsend(side->ep, side->buf, size, NULL, side->peer, 1, context);
}

static void post_send(struct side *side, unsigned nth, bool more)
{
	ssize_t ret;

	while ((ret = try_send(side, nth, more)) == -FI_EAGAIN)
		for (unsigned i = 0; i < 2; i++)
			fi_cq_read(sides[i].rx_cq, NULL, 0);
	CHECK(ret);
}

static void post_recv(struct side *side, unsigned nth)
{
	CHECK(fi_trecv(side->ep, side->buf + size + 1, size, NULL, FI_ADDR_UNSPEC, 1, 0,
		       &contexts[(2 + (unsigned)(side - sides)) * WINDOW + nth % WINDOW]));
}

/* cnt messages from one side to the other, all of them under way before any is received. */
static void move(struct side *from, struct side *to, unsigned cnt)
{
	unsigned sent = from->sent + cnt, received = to->received + cnt;

	for (unsigned i = 0; i < cnt; i++)
		post_recv(to, i);
	for (unsigned i = 0; i < cnt; i++)
		post_send(from, i, i + 1 < cnt);
	while (from->sent != sent || to->received != received) { /* it may be out of credits */
		look(from->tx_cq, &from->sent);
		look(to->rx_cq, &to->received);
	}
}

int main(int argc, char **argv)
{
	unsigned window, cnt;

	if (argc != 6) {
		fprintf(stderr,
			"usage: one_process PROVIDER rdm|msg BYTES WINDOW(1-%d) COUNT\n"
			"COUNT messages each way, WINDOW at a time\n",
			WINDOW);
		return 2;
	}
	type = strcmp(argv[2], "msg") ? FI_EP_RDM : FI_EP_MSG;
	size = strtoul(argv[3], NULL, 0);
	window = (unsigned)strtoul(argv[4], NULL, 0);
	cnt = (unsigned)strtoul(argv[5], NULL, 0);
	if (window < 1 || window > WINDOW || cnt % window)
		return 2;
	open_both(argv[1]);
	for (unsigned i = 0; i < CONNECT_TRIPS; i++) {
		move(&sides[0], &sides[1], 1);
		move(&sides[1], &sides[0], 1);
	}
	for (unsigned i = 0; i < cnt; i += window) {
		move(&sides[0], &sides[1], window);
		move(&sides[1], &sides[0], window);
	}
	close_both();
	return 0;
}
