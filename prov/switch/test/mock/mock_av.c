/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors.  An fi_addr_t of a table (FI_AV_TABLE) is an index; that of a map
 * (FI_AV_MAP) is a pointer to the stored name, which a program cannot guess.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

static fi_addr_t entry_addr(const struct mock_av *av, size_t i)
{
	return av->type == FI_AV_MAP ? (uintptr_t)av->names[i] : i;
}

static char **find(const struct mock_av *av, fi_addr_t addr)
{
	for (size_t i = 0; i < av->cnt; i++)
		if (av->names[i] && entry_addr(av, i) == addr)
			return &av->names[i];
	return NULL;
}

const char *mock_av_name(const struct mock_av *av, fi_addr_t addr)
{
	char **name = find(av, addr);

	if (!name)
		mock_violation("fi_addr 0x%llx is not in the address vector",
			       (unsigned long long)addr);
	return *name;
}

static int insert_one(struct mock_av *av, const char *name, fi_addr_t *addr)
{
	size_t i = 0;

	if (addr)
		*addr = FI_ADDR_NOTAVAIL;
	if (strncmp(name, MOCK_SCHEME, strlen(MOCK_SCHEME)) || strlen(name) >= MOCK_NAME_MAX)
		return -FI_EINVAL;
	while (i < av->cnt && av->names[i])
		i++;
	if (i == av->cnt) {
		av->names = realloc(av->names, ++av->cnt * sizeof(av->names[0]));
		if (!av->names)
			abort();
	}
	av->names[i] = strdup(name);
	if (addr)
		*addr = entry_addr(av, i);
	return 0;
}

/* fi_av(3) says that addresses in string format are an array of pointers; existing providers
 * expect one string behind the other.  Both are accepted. */
static const char *next_name(const void **addr)
{
	const char *name = *addr;

	if (strncmp(name, MOCK_SCHEME, strlen(MOCK_SCHEME))) {
		const char *const *names = *addr;

		*addr = names + 1;
		return *names;
	}
	*addr = name + strlen(name) + 1;
	return name;
}

static int av_insert(struct fid_av *fid, const void *addr, size_t count, fi_addr_t *fi_addr,
		     uint64_t flags, void *context)
{
	struct mock_av *av = container_of(fid, struct mock_av, fid);
	int done = 0;

	if (flags & ~(FI_MORE | FI_SYNC_ERR))
		return -FI_EBADFLAGS;
	if (av->type == FI_AV_MAP && !fi_addr)
		mock_violation("a map without a place for its fi_addr_t");
	for (size_t i = 0; i < count; i++) {
		const int ret = insert_one(av, next_name(&addr), fi_addr ? &fi_addr[i] : NULL);

		if (flags & FI_SYNC_ERR)
			((int *)context)[i] = -ret;
		done += !ret;
	}
	return done;
}

static int av_insertsvc(struct fid_av *fid, const char *node, const char *service,
			fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	char name[MOCK_NAME_MAX];

	return mock_name_make(name, node, service)
		       ? -FI_EINVAL
		       : av_insert(fid, name, 1, fi_addr, flags, context);
}

static int av_insertsym(struct fid_av *fid, const char *node, size_t nodecnt, const char *service,
			size_t svccnt, fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	(void)fid, (void)node, (void)nodecnt, (void)service, (void)svccnt;
	(void)fi_addr, (void)flags, (void)context;
	return -FI_ENOSYS;
}

static int av_remove(struct fid_av *fid, fi_addr_t *fi_addr, size_t count, uint64_t flags)
{
	struct mock_av *av = container_of(fid, struct mock_av, fid);

	if (flags)
		return -FI_EBADFLAGS;
	for (size_t i = 0; i < count; i++) {
		char **name = find(av, fi_addr[i]);

		if (!name)
			return -FI_EINVAL;
		free(*name);
		*name = NULL;
	}
	return 0;
}

static int av_lookup(struct fid_av *fid, fi_addr_t fi_addr, void *addr, size_t *addrlen)
{
	struct mock_av *av = container_of(fid, struct mock_av, fid);
	char **name = find(av, fi_addr);
	const size_t room = *addrlen;

	if (!name)
		return -FI_EINVAL;
	*addrlen = strlen(*name) + 1;
	memcpy(addr, *name, room < *addrlen ? room : *addrlen);
	return 0;
}

static const char *av_straddr(struct fid_av *fid, const void *addr, char *buf, size_t *len)
{
	(void)fid;
	*len = snprintf(buf, *len, "%s", (const char *)addr) + 1;
	return buf;
}

static int av_set(struct fid_av *fid, struct fi_av_set_attr *attr, struct fid_av_set **set,
		  void *context)
{
	(void)fid, (void)attr, (void)set, (void)context;
	return -FI_ENOSYS;
}

static struct fi_ops_av av_ops = {
	.size = sizeof(struct fi_ops_av),
	.insert = av_insert,
	.insertsvc = av_insertsvc,
	.insertsym = av_insertsym,
	.remove = av_remove,
	.lookup = av_lookup,
	.straddr = av_straddr,
	.av_set = av_set,
};

static int av_close(struct fid *fid)
{
	struct mock_av *av = container_of(fid, struct mock_av, fid.fid);

	if (av->refs)
		return -FI_EBUSY;
	for (size_t i = 0; i < av->cnt; i++)
		free(av->names[i]);
	free(av->names);
	av->domain->refs--;
	free(av);
	return 0;
}

static struct fi_ops av_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = av_close,
	.bind = mock_no_bind,
	.control = mock_no_control,
	.ops_open = mock_no_ops_open,
};

int mock_av_open(struct fid_domain *fid, struct fi_av_attr *attr, struct fid_av **result,
		 void *context)
{
	struct mock_domain *domain = container_of(fid, struct mock_domain, fid);
	struct mock_av *av;

	if (attr->flags || attr->name || attr->rx_ctx_bits)
		return -FI_ENOSYS;
	av = mock_alloc(sizeof(*av));
	av->domain = domain;
	av->type = attr->type == FI_AV_UNSPEC ? FI_AV_TABLE : attr->type;
	av->fid.fid.fclass = FI_CLASS_AV;
	av->fid.fid.context = context;
	av->fid.fid.ops = &av_fid_ops;
	av->fid.ops = &av_ops;
	domain->refs++;
	attr->type = av->type;
	*result = &av->fid;
	return 0;
}
