/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Arithmetic on pieces of memory. */
#include <string.h>

#include "session/internal.h"

size_t iov_len(const struct sess_iov *iov, unsigned cnt)
{
	size_t len = 0;

	for (unsigned i = 0; i < cnt; i++)
		len += iov[i].len;
	return len;
}

unsigned iov_slice(const struct sess_iov *iov, unsigned cnt, uint64_t offset, uint64_t len,
		   struct sess_iov *out)
{
	unsigned out_cnt = 0;

	for (unsigned i = 0; i < cnt && len; i++) {
		size_t part;

		if (offset >= iov[i].len) {
			offset -= iov[i].len;
			continue;
		}
		part = iov[i].len - offset < len ? iov[i].len - offset : len;
		out[out_cnt].addr = (char *)iov[i].addr + offset;
		out[out_cnt].len = part;
		out[out_cnt++].mem = iov[i].mem;
		len -= part;
		offset = 0;
	}
	return out_cnt;
}

size_t iov_gather_pieces(const struct sess_iov *iov, unsigned cnt, uint64_t offset, void *to,
			 size_t len)
{
	struct sess_iov part[SESS_IOV_MAX];
	unsigned part_cnt = iov_slice(iov, cnt, offset, len, part);
	size_t done = 0;

	for (unsigned i = 0; i < part_cnt; i++) {
		memcpy((char *)to + done, part[i].addr, part[i].len);
		done += part[i].len;
	}
	return done;
}

size_t iov_scatter_pieces(const struct sess_iov *iov, unsigned cnt, uint64_t offset,
			  const void *from, size_t len)
{
	struct sess_iov part[SESS_IOV_MAX];
	unsigned part_cnt = iov_slice(iov, cnt, offset, len, part);
	size_t done = 0;

	for (unsigned i = 0; i < part_cnt; i++) {
		memcpy(part[i].addr, (const char *)from + done, part[i].len);
		done += part[i].len;
	}
	return done;
}
