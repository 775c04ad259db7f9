/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, connections: see lib/func_cm.h.
 */
#include <string.h>

#include <rdma/fi_cm.h>

#include "lib/func_cm.h"

void func_listen(struct func_node *node, const struct func_conf *conf)
{
	func_open_fabric(node, conf, func_need_info(conf, NULL));
	FUNC_OK(fi_passive_ep(node->fabric, node->info, &node->pep, NULL));
	FUNC_OK(fi_pep_bind(node->pep, &node->eq->fid, 0));
	FUNC_OK(fi_listen(node->pep));
}

void func_accept(struct func_node *node, struct func_node *listener, struct fi_info *info,
		 const void *param, size_t len)
{
	if (node != listener) {
		if (!listener->domain)
			func_open_domain(listener);
		*node = *listener;
		node->borrows = true;
		node->pep = NULL;
		node->ep = NULL;
	} else {
		fi_freeinfo(node->info);
	}
	node->info = info;
	if (!node->domain)
		func_open_domain(node);
	func_open_ep(node);
	FUNC_OK(fi_accept(node->ep, param, len));
}

void func_connect(struct func_node *node, const struct func_conf *conf,
		  const struct func_addr *dest, const void *param, size_t len)
{
	func_open_fabric(node, conf, func_need_info(conf, dest));
	func_open_domain(node);
	func_open_ep(node);
	FUNC_OK(fi_connect(node->ep, dest->bytes, param, len));
}

static void read_error(struct func_node *node, struct func_event *event)
{
	struct fi_eq_err_entry entry = {0};

	FUNC_EQ(FUNC_OK(fi_eq_readerr(node->eq, &entry, 0)), sizeof(entry));
	event->err = entry.err;
	event->fid = entry.fid;
	event->data_len = entry.err_data_size;
	FUNC_TRUE(entry.err > 0 && entry.err_data_size <= sizeof(event->data));
	if (entry.err_data_size)
		memcpy(event->data, entry.err_data, entry.err_data_size);
}

void func_event_at(const char *file, int line, struct func_node *node, struct func_event *event)
{
	union {
		struct fi_eq_cm_entry cm;
		char bytes[sizeof(struct fi_eq_cm_entry) + sizeof(event->data)];
	} buf = {{0}};

	memset(event, 0, sizeof(*event));
	func_mark(file, line, "an event");
	do {
		event->len = fi_eq_sread(node->eq, &event->type, &buf, sizeof(buf), 1000, 0);
	} while (event->len == -FI_EAGAIN || event->len == -FI_EINTR);
	if (event->len == -FI_EAVAIL) {
		read_error(node, event);
		return;
	}
	if (event->len < (ssize_t)sizeof(buf.cm))
		func_fail(file, line, "fi_eq_sread: %zd (%s)", event->len,
			  event->len < 0 ? fi_strerror((int)-event->len) : "too short");
	event->fid = buf.cm.fid;
	event->info = event->type == FI_CONNREQ ? buf.cm.info : NULL;
	event->data_len = (size_t)event->len - sizeof(buf.cm);
	memcpy(event->data, buf.cm.data, event->data_len);
}
