/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Wrong arguments, and calls at the wrong moment: they return the errors that the man pages
 * name, or at least an error; nothing crashes, and the object still works.  Queues too small
 * for the outstanding operations neither overrun nor deadlock.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/func_common.h"

/* The call must fail, but not with "try again". */
static void refused(int line, ssize_t ret)
{
	if (ret >= 0 || ret == -FI_EAGAIN)
		func_fail(__FILE__, line, "%zd instead of an error", ret);
}
#define REFUSED(call) refused(__LINE__, call)

static void open_rdm(struct func_node *node)
{
	struct func_conf conf = {.counters = true};

	func_open_fabric(node, &conf, func_need_info(&conf, NULL));
	func_open_domain(node);
}

/* The errors of an endpoint that is not enabled, or that lacks an object that enabling requires. */
static void not_enabled(struct func_team *team, int rank)
{
	struct func_req req;
	struct func_node node;
	char buf[8];

	(void)team, (void)rank;
	open_rdm(&node);
	FUNC_OK(fi_endpoint(node.domain, node.info, &node.ep, NULL));
	FUNC_ERR(fi_send(node.ep, buf, 8, NULL, 0, func_fresh(&req)), FI_EOPBADSTATE);
	FUNC_ERR(fi_recv(node.ep, buf, 8, NULL, 0, func_fresh(&req)), FI_EOPBADSTATE);
	FUNC_ERR(fi_tsend(node.ep, buf, 8, NULL, 0, 1, func_fresh(&req)), FI_EOPBADSTATE);
	FUNC_ERR(fi_trecv(node.ep, buf, 8, NULL, 0, 1, 0, func_fresh(&req)), FI_EOPBADSTATE);
	FUNC_ERR(fi_inject(node.ep, buf, 8, 0), FI_EOPBADSTATE);
	FUNC_OK(fi_ep_bind(node.ep, &node.av->fid, 0));
	FUNC_ERR(fi_enable(node.ep), FI_ENOCQ);
	FUNC_OK(fi_ep_bind(node.ep, &node.tx_cq->fid, FI_TRANSMIT));
	FUNC_ERR(fi_enable(node.ep), FI_ENOCQ);
	REFUSED(fi_ep_bind(node.ep, &node.tx_cq->fid, FI_TRANSMIT));
	FUNC_OK(fi_ep_bind(node.ep, &node.rx_cq->fid, FI_RECV));
	FUNC_OK(fi_enable(node.ep));
	REFUSED(fi_ep_bind(node.ep, &node.tx_cntr->fid, FI_SEND));
	func_close_ep(&node);
	FUNC_OK(fi_endpoint(node.domain, node.info, &node.ep, NULL));
	FUNC_OK(fi_ep_bind(node.ep, &node.rx_cq->fid, FI_TRANSMIT | FI_RECV));
	FUNC_ERR(fi_enable(node.ep), FI_ENOAV);
	func_close(&node);
}

/* Calls that open objects refuse attributes that fi_getinfo does not offer and accept those
 * that it offers. */
static void attributes(struct func_team *team, int rank)
{
	static const struct {
		uint64_t caps, tx_flags, rx_flags;
		size_t tx_size, rx_size, inject, iov_limit, tx_ctx_cnt, max_msg_size;
	} wrong[] = {
		{.caps = FI_MSG | FI_RMA},   {.caps = FI_MSG | FI_ATOMIC},
		{.tx_flags = FI_MULTI_RECV}, {.tx_flags = FI_FENCE},
		{.rx_flags = FI_INJECT},     {.tx_size = 1 << 30},
		{.rx_size = 1 << 30},	     {.inject = 1 << 30},
		{.iov_limit = 100},	     {.tx_ctx_cnt = 2},
		{.max_msg_size = SIZE_MAX},
	};
	struct func_conf conf = {.type = (enum fi_ep_type)team->func_case->arg, .caps = FI_MSG};
	struct func_node node;
	struct fi_info *info;
	struct fid_stx *stx;
	struct fid_ep *ep;

	(void)rank;
	func_open_fabric(&node, &conf, func_need_info(&conf, NULL));
	FUNC_OK(fi_domain(node.fabric, node.info, &node.domain, NULL));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		info = fi_dupinfo(node.info);
		info->caps |= wrong[i].caps;
		info->tx_attr->op_flags |= wrong[i].tx_flags;
		info->rx_attr->op_flags |= wrong[i].rx_flags;
		info->tx_attr->size += wrong[i].tx_size;
		info->rx_attr->size += wrong[i].rx_size;
		info->tx_attr->inject_size += wrong[i].inject;
		info->tx_attr->iov_limit += wrong[i].iov_limit;
		if (wrong[i].tx_ctx_cnt)
			info->ep_attr->tx_ctx_cnt = wrong[i].tx_ctx_cnt;
		if (wrong[i].max_msg_size)
			info->ep_attr->max_msg_size = wrong[i].max_msg_size;
		FUNC_ERR(fi_endpoint(node.domain, info, &ep, NULL), FI_EINVAL);
		if (wrong[i].rx_flags || wrong[i].rx_size)
			FUNC_ERR(fi_srx_context(node.domain, info->rx_attr, &ep, NULL), FI_EINVAL);
		if (wrong[i].tx_flags || wrong[i].tx_size || wrong[i].inject || wrong[i].iov_limit)
			FUNC_ERR(fi_stx_context(node.domain, info->tx_attr, &stx, NULL), FI_EINVAL);
		fi_freeinfo(info);
	}
	info = fi_dupinfo(node.info);
	info->ep_attr->type = FI_EP_DGRAM;
	FUNC_ERR(fi_endpoint(node.domain, info, &ep, NULL), FI_EINVAL);
	fi_freeinfo(info);
	FUNC_OK(fi_endpoint(node.domain, node.info, &ep, NULL));
	FUNC_OK(fi_close(&ep->fid));
	FUNC_OK(fi_srx_context(node.domain, node.info->rx_attr, &ep, NULL));
	FUNC_OK(fi_close(&ep->fid));
	FUNC_OK(fi_stx_context(node.domain, node.info->tx_attr, &stx, NULL));
	FUNC_OK(fi_close(&stx->fid));
	FUNC_OK(fi_close(&node.domain->fid));
	if (node.eq)
		FUNC_OK(fi_close(&node.eq->fid));
	FUNC_OK(fi_close(&node.fabric->fid));
	fi_freeinfo(node.info);
}

/* An object that is in use cannot be closed; it can be closed afterwards. */
static void busy(struct func_team *team, int rank)
{
	struct fid_mr *mr;
	struct func_node node;
	char buf[64];

	(void)team, (void)rank;
	open_rdm(&node);
	FUNC_ERR(fi_close(&node.fabric->fid), FI_EBUSY);
	FUNC_ERR(fi_close(&node.domain->fid), FI_EBUSY);
	func_open_ep(&node);
	FUNC_ERR(fi_close(&node.rx_cq->fid), FI_EBUSY);
	FUNC_ERR(fi_close(&node.av->fid), FI_EBUSY);
	FUNC_ERR(fi_close(&node.tx_cntr->fid), FI_EBUSY);
	FUNC_ERR(fi_close(&node.domain->fid), FI_EBUSY);
	func_close_ep(&node);
	FUNC_OK(fi_close(&node.rx_cq->fid));
	FUNC_OK(fi_close(&node.av->fid));
	FUNC_OK(fi_close(&node.tx_cntr->fid));
	FUNC_OK(fi_close(&node.rx_cntr->fid));
	FUNC_OK(fi_mr_reg(node.domain, buf, sizeof(buf), FI_SEND | FI_RECV, 0, 5, 0, &mr, NULL));
	FUNC_ERR(fi_close(&node.domain->fid), FI_EBUSY);
	FUNC_OK(fi_close(&mr->fid));
	FUNC_OK(fi_close(&node.domain->fid));
	FUNC_OK(fi_close(&node.fabric->fid));
	fi_freeinfo(node.info);
}

/* Operations with arguments out of bounds; after each a correct one still works. */
static void operations(struct func_team *team, int rank)
{
	struct func_req req[2], gone;
	struct iovec iov[64];
	struct fi_msg msg = {.msg_iov = iov, .context = &req[0]};
	struct fi_msg_tagged tmsg = {.msg_iov = iov, .context = &req[0]};
	struct func_node node;
	size_t i, limit, inject;
	char *buf;

	func_join(team, rank, &node, &(struct func_conf){.type = FI_EP_RDM});
	limit = node.info->tx_attr->iov_limit;
	inject = node.info->tx_attr->inject_size;
	buf = func_alloc(inject + 64);
	FUNC_TRUE(limit >= 4 && limit < 64);
	FUNC_ERR(fi_getname(&node.ep->fid, buf, NULL), FI_EINVAL);
	FUNC_ERR(fi_getname(&node.ep->fid, NULL, &inject), FI_EINVAL);
	for (i = 0; i < 64; i++)
		iov[i] = (struct iovec){buf, 1};
	msg.iov_count = tmsg.iov_count = limit + 1;
	REFUSED(fi_sendv(node.ep, iov, NULL, limit + 1, node.peer[0], func_fresh(&req[0])));
	REFUSED(fi_recvv(node.ep, iov, NULL, limit + 1, FI_ADDR_UNSPEC, func_fresh(&req[0])));
	REFUSED(fi_tsendv(node.ep, iov, NULL, limit + 1, node.peer[0], 1, func_fresh(&req[0])));
	REFUSED(fi_trecvv(node.ep, iov, NULL, limit + 1, FI_ADDR_UNSPEC, 1, 0,
			  func_fresh(&req[0])));
	REFUSED(fi_sendmsg(node.ep, &msg, 0));
	REFUSED(fi_recvmsg(node.ep, &msg, 0));
	REFUSED(fi_tsendmsg(node.ep, &tmsg, 0));
	REFUSED(fi_trecvmsg(node.ep, &tmsg, 0));
	REFUSED(fi_inject(node.ep, buf, inject + 1, node.peer[0]));
	REFUSED(fi_tinject(node.ep, buf, inject + 1, node.peer[0], 1));
	iov[0].iov_len = inject + 1;
	msg.iov_count = 1;
	REFUSED(fi_sendmsg(node.ep, &msg, FI_INJECT));
	iov[0].iov_len = SIZE_MAX - 5; /* the sum is 4 */
	iov[1].iov_len = 10;
	msg.iov_count = 2;
	REFUSED(fi_sendmsg(node.ep, &msg, FI_INJECT));
	REFUSED(fi_sendmsg(node.ep, &msg, 0));
	FUNC_ERR(fi_recvmsg(node.ep, &msg, 0), FI_EMSGSIZE);
	FUNC_ERR(fi_trecvv(node.ep, iov, NULL, 2, FI_ADDR_UNSPEC, 1, 0, func_fresh(&req[0])),
		 FI_EMSGSIZE);
	REFUSED(fi_send(node.ep, buf, SIZE_MAX, NULL, node.peer[0], func_fresh(&req[0])));
	REFUSED(fi_send(node.ep, buf, 1, NULL, 12345, func_fresh(&req[0])));
	REFUSED(fi_send(node.ep, buf, 1, NULL, FI_ADDR_NOTAVAIL, func_fresh(&req[0])));
	REFUSED(fi_inject(node.ep, buf, 1, 12345));
	fi_cancel(&node.ep->fid, &gone);
	REFUSED(fi_trecvmsg(node.ep, &tmsg, FI_TRANSMIT_COMPLETE));

	iov[0].iov_len = 8;
	msg.iov_count = 1;
	msg.addr = FI_ADDR_UNSPEC;
	func_fresh(&req[0]);
	FUNC_POST(&node, fi_recvmsg(node.ep, &msg, FI_COMPLETION | FI_TRANSMIT_COMPLETE));
	FUNC_POST(&node, fi_send(node.ep, "works", 6, NULL, node.peer[0], func_fresh(&req[1])));
	FUNC_DONE(&node, &req[0]);
	FUNC_DONE(&node, &req[1]);
	FUNC_TRUE(!strcmp(buf, "works"));
	func_close(&node);
	free(buf);
}

/* Queues and counters. */
static void queues(struct func_team *team, int rank)
{
	struct fi_cq_attr cq_attr = {.format = 99};
	struct fi_cntr_attr cntr_attr = {.wait_obj = FI_WAIT_NONE};
	struct fi_cq_err_entry error = {0};
	struct fi_cq_tagged_entry entry;
	struct fid_cntr *cntr;
	struct func_node node;
	struct fid_cq *cq;
	void *wait;

	(void)team, (void)rank;
	func_open(&node, &(struct func_conf){.type = FI_EP_RDM});
	REFUSED(fi_cq_open(node.domain, &cq_attr, &cq, NULL));
	cq_attr = (struct fi_cq_attr){.wait_obj = FI_WAIT_SET};
	REFUSED(fi_cq_open(node.domain, &cq_attr, &cq, NULL));
	FUNC_ERR(fi_cq_read(node.rx_cq, &entry, 1), FI_EAGAIN);
	FUNC_ERR(fi_cq_read(node.rx_cq, NULL, 0), FI_EAGAIN);
	FUNC_ERR(fi_cq_readerr(node.rx_cq, &error, 0), FI_EAGAIN);
	REFUSED(fi_cq_signal(node.rx_cq));
	FUNC_TRUE(fi_cq_sread(node.rx_cq, &entry, 1, NULL, 1) < 0);
	REFUSED(fi_control(&node.rx_cq->fid, FI_GETWAIT, &wait));
	FUNC_TRUE(fi_cq_strerror(node.rx_cq, FI_ETRUNC, NULL, NULL, 0));
	FUNC_OK(fi_cntr_open(node.domain, &cntr_attr, &cntr, NULL));
	FUNC_TRUE(fi_cntr_wait(cntr, 1, 1) < 0);
	FUNC_OK(fi_close(&cntr->fid));
	REFUSED(fi_ep_bind(node.ep, &node.domain->fid, 0));
	func_close(&node);
}

/* Options of endpoints. */
static void options(struct func_team *team, int rank)
{
	size_t value = 0, len = sizeof(value), small = 1;
	struct func_node node;

	(void)team, (void)rank;
	func_listen(&node, &(struct func_conf){.type = FI_EP_MSG, .caps = FI_MSG});
	FUNC_OK(fi_getopt(&node.pep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &value, &len));
	FUNC_TRUE(len == sizeof(value) && value > 0);
	FUNC_ERR(fi_getopt(&node.pep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &value, &small),
		 FI_ETOOSMALL);
	FUNC_ERR(fi_getopt(&node.pep->fid, FI_OPT_ENDPOINT, 9999, &value, &len), FI_ENOPROTOOPT);
	FUNC_ERR(fi_getopt(&node.pep->fid, 9999, FI_OPT_CM_DATA_SIZE, &value, &len),
		 FI_ENOPROTOOPT);
	func_close(&node);
}

/* Calls of connected endpoints at the wrong moment; an event queue with the application's own
 * events. */
static void connections(struct func_team *team, int rank)
{
	struct func_conf conf = {.type = FI_EP_MSG, .caps = FI_MSG};
	struct fi_eq_entry in = {.data = 7}, out = {.data = 0};
	struct fi_eq_err_entry error = {0};
	struct func_addr name;
	struct func_node node;
	struct func_req req;
	struct fid_pep *pep;
	uint32_t event = 0;
	char byte = 0;

	(void)team, (void)rank;
	func_listen(&node, &conf);
	func_name(&node.pep->fid, &name);
	FUNC_ERR(fi_eq_readerr(node.eq, &error, 0), FI_EAGAIN);
	FUNC_ERR(fi_close(&node.eq->fid), FI_EBUSY);
	FUNC_OK(fi_passive_ep(node.fabric, node.info, &pep, NULL));
	REFUSED(fi_listen(pep));
	FUNC_OK(fi_close(&pep->fid));
	REFUSED(fi_reject(node.pep, NULL, NULL, 0));

	FUNC_OK(fi_eq_write(node.eq, FI_NOTIFY, &in, sizeof(in), 0));
	FUNC_EQ(fi_eq_read(node.eq, &event, &out, sizeof(out), FI_PEEK), sizeof(out));
	FUNC_EQ(fi_eq_sread(node.eq, &event, &out, sizeof(out), -1, 0), sizeof(out));
	FUNC_EQ(event, FI_NOTIFY);
	FUNC_EQ(out.data, 7);
	FUNC_ERR(fi_eq_read(node.eq, &event, &out, sizeof(out), 0), FI_EAGAIN);

	func_open_domain(&node);
	FUNC_OK(fi_endpoint(node.domain, node.info, &node.ep, NULL));
	FUNC_OK(fi_ep_bind(node.ep, &node.rx_cq->fid, FI_TRANSMIT | FI_RECV));
	FUNC_ERR(fi_enable(node.ep), FI_ENOEQ);
	FUNC_OK(fi_ep_bind(node.ep, &node.eq->fid, 0));
	FUNC_OK(fi_enable(node.ep));
	REFUSED(fi_accept(node.ep, NULL, 0));
	REFUSED(fi_shutdown(node.ep, 0));
	REFUSED(fi_send(node.ep, &byte, 1, NULL, 0, func_fresh(&req)));
	FUNC_TRUE(fi_getpeer(node.ep, name.bytes, &name.len) < 0);
	FUNC_OK(fi_connect(node.ep, name.bytes, NULL, 0));
	REFUSED(fi_connect(node.ep, name.bytes, NULL, 0));
	func_close(&node);
}

/* -- small queues ------------------------------------------------------- */

/* Makes progress without reading a completion. */
static void progress_only(struct func_node *node)
{
	ssize_t ret = fi_cq_read(node->rx_cq, NULL, 0);

	FUNC_TRUE(ret == 0 || ret == -FI_EAGAIN);
	sched_yield();
}

/* Hundreds of operations against a completion queue of four entries, read
 * only when all are posted on both sides. */
static void tiny_queue(struct func_team *team, int rank)
{
	enum { CNT = 500, LEN = 3000 };
	struct func_conf conf = {.type = team->func_case->arg, .caps = FI_MSG, .cq_size = 4};
	struct func_req *req = calloc(CNT, sizeof(*req));
	char *buf = func_alloc((size_t)CNT * LEN);
	struct func_node node;
	ssize_t ret;
	size_t len;
	int i;

	func_join(team, rank, &node, &conf);
	for (i = 0; i < CNT; i++) {
		len = i % 7 ? 20 : LEN;
		if (rank == 0)
			func_fill(buf + i * LEN, len, team->seed + (uint64_t)i);
		while ((ret = rank ? fi_recv(node.ep, buf + i * LEN, LEN, NULL, FI_ADDR_UNSPEC,
					     func_fresh(&req[i]))
				   : fi_send(node.ep, buf + i * LEN, len, NULL, node.peer[1],
					     func_fresh(&req[i]))) == -FI_EAGAIN)
			progress_only(&node);
		FUNC_OK(ret);
	}
	func_say(team, rank, 1);
	func_mark(__FILE__, __LINE__, "the other side to have posted");
	while (!atomic_load(&team->word[!rank]))
		progress_only(&node);
	for (i = 0; i < CNT; i++) {
		FUNC_DONE(&node, &req[i]);
		func_verify(buf + i * LEN, i % 7 ? 20 : LEN, team->seed + (uint64_t)i);
	}
	func_meet(team, &node);
	func_close(&node);
	free(buf);
	free(req);
}

/* Posts operations until the endpoint takes no more; all of them complete. */
static void full(struct func_team *team, int rank)
{
	enum { MAX = 100000 };
	struct func_req *req = calloc(MAX, sizeof(*req));
	uint64_t word = 42, *words = calloc(MAX, sizeof(*words));
	struct func_node node;
	int i, cnt = 0;
	ssize_t ret;

	func_join(team, rank, &node, &(struct func_conf){.caps = FI_MSG, .cq_size = 16});
	if (rank == 0) {
		do {
			ret = fi_send(node.ep, &word, sizeof(word), NULL, node.peer[1],
				      func_fresh(&req[cnt]));
		} while (!ret && ++cnt < MAX);
		FUNC_OK(ret == -FI_EAGAIN ? 0 : ret);
		FUNC_TRUE((size_t)cnt >= node.info->tx_attr->size || cnt == MAX);
		func_say(team, 0, cnt);
	}
	func_hear(team, &node, 0, 1);
	cnt = atomic_load(&team->word[0]);
	for (i = 0; i < cnt && rank; i++)
		FUNC_POST(&node, fi_recv(node.ep, &words[i], sizeof(word), NULL, FI_ADDR_UNSPEC,
					 func_fresh(&req[i])));
	for (i = 0; i < cnt; i++) {
		FUNC_DONE(&node, &req[i]);
		FUNC_TRUE(!rank || words[i] == word);
	}
	func_meet(team, &node);
	func_close(&node);
	free(req);
	free(words);
}

int main(int argc, char **argv)
{
	static const struct func_case cases[] = {
		{"not enabled", 1, not_enabled, FUNC_SWITCH, 0},
		{"attributes, rdm", 1, attributes, FUNC_SWITCH, FI_EP_RDM},
		{"attributes, msg", 1, attributes, FUNC_SWITCH, FI_EP_MSG},
		{"busy", 1, busy, FUNC_SWITCH, 0},
		{"operations", 1, operations, FUNC_SWITCH, 0},
		{"queues", 1, queues, FUNC_SWITCH, 0},
		{"options", 1, options, 0, 0},
		{"connections", 1, connections, FUNC_SWITCH, 0},
		{"tiny queue, rdm", 2, tiny_queue, FUNC_MODES, FI_EP_RDM},
		{"tiny queue, msg", 2, tiny_queue, FUNC_MODES, FI_EP_MSG},
		{"full", 2, full, FUNC_MODES, 0},
	};

	return func_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
