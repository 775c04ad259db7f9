/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Violations that the mock does not accept: each case has to end with abort(). */
#include "lib/mock_fixture.h"

/* Criterion does not pass a suite's .signal on to its tests. */
#define Offence(name) Test(offence, name, .signal = SIGABRT, .timeout = 300)

static struct req req, other;

static void send_plain(void)
{
	cr_assert_eq(fi_send(a.ep, a.mem, PIECE, desc(&a), a.peer, &req), 0);
}

static void post_recv(void)
{
	cr_assert_eq(fi_recv(b.ep, b.mem, PIECE, desc(&b), FI_ADDR_UNSPEC, &other), 0);
}

/* -- contexts ----------------------------------------------------------------- */

Offence(no_context)
{
	open_both("FI_CONTEXT", NULL);
	fi_send(a.ep, a.mem, PIECE, NULL, a.peer, NULL);
}

Offence(context_used_twice)
{
	open_both("FI_CONTEXT", NULL);
	send_plain();
	send_plain();
}

/* The second half of its context still belongs to the first operation. */
Offence(contexts_overlap)
{
	open_both("FI_CONTEXT2", NULL);
	send_plain();
	fi_send(a.ep, a.mem, PIECE, NULL, a.peer, &req.context.internal[7]);
}

/* The operation has completed, but the application has not read the completion. */
Offence(context_used_before_its_completion_is_read)
{
	open_both("FI_CONTEXT", NULL);
	send_plain();
	fi_cq_read(a.cq, NULL, 0);
	send_plain();
}

Offence(context_written_to)
{
	open_both("FI_CONTEXT2", NULL);
	send_plain();
	req.context.internal[7] = NULL;
	done(&req);
}

/* -- arrays, prefixes, limits -------------------------------------------------- */

static struct iovec iov[5];
static void *descs[5];

static void send_pieces(size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		iov[i] = (struct iovec){a.mem + 100 * i, PIECE};
		descs[i] = desc(&a);
	}
	fi_sendv(a.ep, iov, descs, cnt, a.peer, &req);
}

Offence(iovec_changed)
{
	open_both("FI_ASYNC_IOV", NULL);
	send_pieces(2);
	iov[1].iov_len--;
	done(&req);
}

Offence(desc_changed)
{
	open_both("FI_ASYNC_IOV", "FI_MR_LOCAL");
	send_pieces(2);
	descs[0] = NULL;
	done(&req);
}

Offence(too_many_pieces)
{
	open_both(NULL, NULL);
	send_pieces(5);
}

Offence(prefix_in_two_pieces)
{
	open_both("FI_MSG_PREFIX", NULL);
	iov[0] = (struct iovec){a.mem, 8};
	iov[1] = (struct iovec){a.mem + 100, 100};
	fi_sendv(a.ep, iov, NULL, 2, a.peer, &req);
}

Offence(injected_too_much)
{
	open_both(NULL, NULL);
	fi_inject(a.ep, a.mem, 65, a.peer);
}

Offence(an_address_that_was_removed)
{
	open_both(NULL, NULL);
	cr_assert_eq(fi_av_remove(a.av, &a.peer, 1, 0), 0);
	send_plain();
}

Offence(no_receive_without_resource_management)
{
	set("MOCK_RM", "0");
	open_both(NULL, NULL);
	send_plain();
	until(&other.done);
}

/* -- registrations --------------------------------------------------------------- */

Offence(no_desc)
{
	open_both(NULL, "FI_MR_LOCAL");
	fi_send(a.ep, a.mem, PIECE, NULL, a.peer, &req);
}

Offence(no_desc_of_this_domain)
{
	open_both(NULL, "FI_MR_LOCAL");
	fi_send(a.ep, a.mem, PIECE, &a, a.peer, &req);
}

Offence(desc_of_other_memory)
{
	open_both(NULL, "FI_MR_LOCAL");
	fi_send(a.ep, a.mem + SPACE - 1, 2, desc(&a), a.peer, &req);
}

Offence(desc_without_the_access)
{
	struct fid_mr *mr;

	open_both(NULL, "FI_MR_LOCAL");
	cr_assert_eq(fi_mr_reg(a.domain, a.mem, PIECE, FI_RECV, 0, 1, 0, &mr, NULL), 0);
	fi_send(a.ep, a.mem, PIECE, fi_mr_desc(mr), a.peer, &req);
}

Offence(region_closed_under_a_receive)
{
	open_both(NULL, "FI_MR_LOCAL");
	post_recv();
	fi_close(&b.mr->fid);
}

Offence(region_not_bound)
{
	struct fid_mr *mr;

	open_both(NULL, "FI_MR_ENDPOINT");
	cr_assert_eq(fi_mr_reg(a.domain, a.mem, PIECE, FI_SEND, 0, 1, 0, &mr, NULL), 0);
	fi_mr_enable(mr);
}

Offence(region_not_enabled)
{
	struct fid_mr *mr;

	open_both(NULL, "FI_MR_ENDPOINT,FI_MR_LOCAL");
	cr_assert_eq(fi_mr_reg(a.domain, a.mem, PIECE, FI_SEND, 0, 1, 0, &mr, NULL), 0);
	cr_assert_eq(fi_mr_bind(mr, &a.ep->fid, 0), 0);
	fi_send(a.ep, a.mem, PIECE, fi_mr_desc(mr), a.peer, &req);
}

/* The owner gave the region's key away before it enabled the region. */
Offence(region_with_events_not_enabled)
{
	struct fid_mr *mr;

	open_both(NULL, "FI_MR_RMA_EVENT");
	cr_assert_eq(
		fi_mr_reg(b.domain, b.mem, PIECE, FI_REMOTE_READ, 0, 1, FI_RMA_EVENT, &mr, NULL),
		0);
	cr_assert_eq(fi_read(a.ep, a.mem, PIECE, NULL, a.peer, 0, 1, &req), 0);
	done(&req);
}

Offence(key_not_mapped)
{
	open_both(NULL, "FI_MR_RAW");
	fi_read(a.ep, a.mem, PIECE, NULL, a.peer, 0, a.key + 1, &req);
}

Offence(keys_left_mapped)
{
	open_both(NULL, "FI_MR_RAW");
	cr_assert_eq(fi_close(&a.mr->fid), 0);
	cr_assert_eq(fi_close(&a.ep->fid), 0);
	cr_assert_eq(fi_close(&a.cq->fid), 0);
	cr_assert_eq(fi_close(&a.av->fid), 0);
	fi_close(&a.domain->fid);
}

Offence(memory_not_allocated)
{
	void *gone = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fid_mr *mr;

	open_both(NULL, "FI_MR_ALLOCATED");
	cr_assert_eq(munmap(gone, 8192), 0);
	fi_mr_reg(a.domain, gone, 8192, FI_SEND, 0, 1, 0, &mr, NULL);
}
