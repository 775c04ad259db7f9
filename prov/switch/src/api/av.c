/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors: the calls.  peer/names.c keeps the entries, and base/addr.c parses
 * addresses and strings.
 *
 * Owned by the application; the domain's lock covers it, except while a name
 * is being resolved, which may take long.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fabric.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>

#include "api/av.h"
#include "api/domain.h"
#include "api/eq.h"
#include "api/no.h"
#include "base/addr.h"
#include "base/compat.h"
#include "base/switch.h"
#include "peer/names.h"
#include "progress/events.h"
#include "progress/hub.h"
#include "progress/pump.h"

/* Longest name or number of a node, terminator included. */
#define NODE_LEN 256

/* -- inserting ----------------------------------------------------------- */

/* One call that inserts addresses, and where the outcome for each of them is reported. */
struct insertion {
	struct switch_av *av;
	fi_addr_t *fi_addr; /* or NULL */
	bool user_ids;	    /* fi_addr holds the application's numbers */
	int *errors;	    /* FI_SYNC_ERR, or NULL */
	void *context;
	size_t idx, added;
};

static int insertion_begin(struct insertion *ins, struct fid_av *fid, fi_addr_t *fi_addr,
			   uint64_t flags, void *context)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);

	if (flags & ~(FI_MORE | FI_SYNC_ERR | FI_AV_USER_ID))
		return -FI_EBADFLAGS;
	if (flags & FI_AV_USER_ID && !fi_addr)
		return -FI_EINVAL;
	if (av->async && !av->eq)
		return -FI_ENOEQ;
	if (flags & FI_SYNC_ERR && (av->async || !context))
		return -FI_EINVAL;
	*ins = (struct insertion){
		.av = av,
		.fi_addr = fi_addr,
		.user_ids = flags & FI_AV_USER_ID,
		.errors = flags & FI_SYNC_ERR ? context : NULL,
		.context = context,
	};
	return 0;
}

/* Completes a link-local address: its link is that of the domain's own address. */
static int localize(const struct switch_domain *domain, struct switch_addr *name)
{
	const struct fi_info *info = domain->info;
	struct switch_addr own;
	int ret;

	if (!switch_addr_is_socket(info->addr_format))
		return 0;
	ret = switch_addr_set(info->addr_format, info->src_addr, info->src_addrlen, &own);
	ret = switch_addr_localize(ret ? NULL : &own, name);
	if (ret)
		SW_WARN(AV, "a link-local address is refused: it has no scope id\n");
	return ret;
}

/* Inserts the next address, or reports why it could not be resolved (a positive error). */
static void insertion_put(struct insertion *ins, const void *addr, size_t len, int error)
{
	struct switch_av *av = ins->av;
	const uint32_t format = av->domain->info->addr_format;
	fi_addr_t fi_addr = FI_ADDR_NOTAVAIL;
	struct switch_addr name;

	if (!error)
		error = switch_addr_set(format, addr, len, &name);
	if (!error && !switch_addr_is_peer(format, &name))
		error = FI_EADDRNOTAVAIL;
	if (!error)
		error = localize(av->domain, &name);
	if (!error) {
		switch_pump_lock(&av->domain->pump);
		error = switch_names_add(&av->names, &name,
					 ins->user_ids ? &ins->fi_addr[ins->idx] : NULL, &fi_addr);
		switch_pump_unlock(&av->domain->pump);
	}
	if (ins->fi_addr)
		ins->fi_addr[ins->idx] = fi_addr;
	if (ins->errors)
		ins->errors[ins->idx] = error;
	if (error)
		SW_INFO(AV, "address %zu of an insertion: %s\n", ins->idx, fi_strerror(error));
	else
		ins->added++;
	if (error && av->async)
		switch_events_push_av_error(av->eq, &av->av_fid.fid, ins->context, error, ins->idx);
	ins->idx++;
}

static int insertion_end(struct insertion *ins)
{
	const struct fi_eq_entry entry = {
		.fid = &ins->av->av_fid.fid,
		.context = ins->context,
		.data = ins->added,
	};

	if (!ins->av->async)
		return ins->added;
	return switch_events_push(ins->av->eq, FI_AV_COMPLETE, &entry, sizeof(entry));
}

static int switch_av_insert(struct fid_av *fid, const void *addrs, size_t count, fi_addr_t *fi_addr,
			    uint64_t flags, void *context)
{
	const uint8_t *addr = addrs;
	struct insertion ins;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (count && !addrs)
		return -FI_EINVAL;
	for (size_t i = 0; i < count; i++) {
		size_t len = switch_addr_len(ins.av->domain->info, addr);

		insertion_put(&ins, addr, len, 0);
		addr += len;
	}
	return insertion_end(&ins);
}

static int switch_av_insertsvc(struct fid_av *fid, const char *node, const char *service,
			       fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	struct insertion ins;
	struct switch_addr addr;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (!node && !service)
		return -FI_EINVAL;
	ret = switch_addr_resolve(ins.av->domain->info->addr_format, node, service, &addr);
	insertion_put(&ins, addr.bytes, addr.len, ret);
	return insertion_end(&ins);
}

static int switch_av_insertsym(struct fid_av *fid, const char *node, size_t nodecnt,
			       const char *service, size_t svccnt, fi_addr_t *fi_addr,
			       uint64_t flags, void *context)
{
	struct insertion ins;
	int ret = insertion_begin(&ins, fid, fi_addr, flags, context);

	if (ret)
		return ret;
	if (!node || !service)
		return -FI_EINVAL;
	for (size_t i = 0; i < nodecnt; i++) {
		const uint32_t format = ins.av->domain->info->addr_format;
		struct switch_addr addr;
		char name[NODE_LEN];

		ret = switch_addr_next_node(node, i, name, sizeof(name));
		if (!ret)
			ret = switch_addr_resolve(format, name, service, &addr);
		for (size_t j = 0; j < svccnt; j++) {
			insertion_put(&ins, addr.bytes, addr.len, ret);
			if (!ret)
				ret = switch_addr_next_port(&addr);
		}
	}
	return insertion_end(&ins);
}

/* -- the other calls ----------------------------------------------------- */

static int switch_av_remove(struct fid_av *fid, fi_addr_t *fi_addr, size_t count, uint64_t flags)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);
	int ret = 0;

	if (flags || (count && !fi_addr))
		return -FI_EINVAL;
	switch_pump_lock(&av->domain->pump);
	for (size_t i = 0; i < count; i++) {
		if (switch_names_del(&av->names, fi_addr[i]))
			ret = -FI_EINVAL;
	}
	switch_pump_unlock(&av->domain->pump);
	return ret;
}

static int switch_av_lookup(struct fid_av *fid, fi_addr_t fi_addr, void *addr, size_t *addrlen)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);
	const struct switch_addr *entry;

	if (!addrlen || (*addrlen && !addr))
		return -FI_EINVAL;
	switch_pump_lock(&av->domain->pump);
	entry = switch_names_get(&av->names, fi_addr);
	if (entry) {
		if (*addrlen)
			memcpy(addr, entry->bytes, *addrlen < entry->len ? *addrlen : entry->len);
		*addrlen = entry->len;
	}
	switch_pump_unlock(&av->domain->pump);
	return entry ? 0 : -FI_EINVAL;
}

static const char *switch_av_straddr(struct fid_av *fid, const void *addr, char *buf, size_t *len)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid);

	*len = switch_addr_text(av->domain->info, addr, buf, *len);
	return buf;
}

static int switch_no_av_set(struct fid_av *av, struct fi_av_set_attr *attr, struct fid_av_set **set,
			    void *context)
{
	(void)av, (void)attr, (void)set, (void)context;
	return -FI_ENOSYS;
}

struct switch_av *switch_av_from_fid(struct switch_domain *domain, struct fid *fid)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);

	return av->domain == domain ? av : NULL;
}

/* -- object -------------------------------------------------------------- */

static int switch_av_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);
	struct switch_eq *eq;

	if (!bfid || bfid->fclass != FI_CLASS_EQ || flags || av->eq)
		return -FI_EINVAL;
	eq = container_of(bfid, struct switch_eq, eq_fid.fid);
	if (eq->fabric != av->domain->fabric)
		return -FI_EINVAL;
	av->eq = &eq->events;
	switch_events_refer(av->eq, 1);
	return 0;
}

static int switch_av_close(struct fid *fid)
{
	struct switch_av *av = container_of(fid, struct switch_av, av_fid.fid);
	struct switch_domain *domain = av->domain;

	switch_pump_lock(&domain->pump);
	if (!LIST_EMPTY(&av->names.rdms)) {
		switch_pump_unlock(&domain->pump);
		return -FI_EBUSY;
	}
	domain->refs--;
	switch_pump_unlock(&domain->pump);
	if (av->eq)
		switch_events_refer(av->eq, -1);
	switch_names_fini(&av->names);
	free(av);
	return 0;
}

static struct fi_ops switch_av_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = switch_av_close,
	.bind = switch_av_bind,
	.control = switch_no_control,
	.ops_open = switch_no_ops_open,
};

static struct fi_ops_av switch_av_ops = {
	.size = sizeof(struct fi_ops_av),
	.insert = switch_av_insert,
	.insertsvc = switch_av_insertsvc,
	.insertsym = switch_av_insertsym,
	.remove = switch_av_remove,
	.lookup = switch_av_lookup,
	.straddr = switch_av_straddr,
	.av_set = switch_no_av_set,
};

int switch_av_open(struct fid_domain *domain_fid, struct fi_av_attr *attr, struct fid_av **av_fid,
		   void *context)
{
	struct switch_domain *domain = container_of(domain_fid, struct switch_domain, domain_fid);
	struct switch_av *av;

	if (!attr || attr->type > FI_AV_TABLE || attr->flags & ~(FI_EVENT | FI_READ | FI_SYMMETRIC))
		return -FI_EINVAL;
	if (attr->name || attr->flags & FI_READ) /* address vectors that processes share */
		return -FI_ENOSYS;
	av = calloc(1, sizeof(*av));
	if (!av)
		return -FI_ENOMEM;
	av->av_fid.fid.fclass = FI_CLASS_AV;
	av->av_fid.fid.context = context;
	av->av_fid.fid.ops = &switch_av_fid_ops;
	av->av_fid.ops = &switch_av_ops;
	av->domain = domain;
	av->async = attr->flags & FI_EVENT;
	switch_names_init(&av->names, domain->info, &domain->pump.core, &domain->sources);
	switch_pump_lock(&domain->pump);
	domain->refs++;
	switch_pump_unlock(&domain->pump);
	if (!attr->type)
		attr->type = FI_AV_TABLE;
	*av_fid = &av->av_fid;
	return 0;
}
