/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Lists of pieces of local memory. */
#ifndef SESSION_IOV_H
#define SESSION_IOV_H

#include <string.h>

#include "switch_session.h"

size_t iov_len(const struct sess_iov *iov, unsigned cnt);
/* The part of iov that starts at offset and has len bytes. */
unsigned iov_slice(const struct sess_iov *iov, unsigned cnt, uint64_t offset, uint64_t len,
		   struct sess_iov *out);
size_t iov_gather_pieces(const struct sess_iov *iov, unsigned cnt, uint64_t offset, void *to,
			 size_t len);
size_t iov_scatter_pieces(const struct sess_iov *iov, unsigned cnt, uint64_t offset,
			  const void *from, size_t len);

/* Most messages are one piece, and in it. */
static inline bool iov_is_in_first(const struct sess_iov *iov, unsigned cnt, uint64_t offset,
				   size_t len)
{
	return cnt && len && offset <= iov->len && len <= iov->len - offset;
}

/* Copy between pieces and a flat buffer; return the bytes copied. */
static inline size_t iov_gather(const struct sess_iov *iov, unsigned cnt, uint64_t offset, void *to,
				size_t len)
{
	if (!iov_is_in_first(iov, cnt, offset, len))
		return iov_gather_pieces(iov, cnt, offset, to, len);
	memcpy(to, (const char *)iov->addr + offset, len);
	return len;
}

static inline size_t iov_scatter(const struct sess_iov *iov, unsigned cnt, uint64_t offset,
				 const void *from, size_t len)
{
	if (!iov_is_in_first(iov, cnt, offset, len))
		return iov_scatter_pieces(iov, cnt, offset, from, len);
	memcpy((char *)iov->addr + offset, from, len);
	return len;
}

#endif
