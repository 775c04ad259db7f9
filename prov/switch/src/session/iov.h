/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Lists of pieces of local memory. */
#ifndef SESSION_IOV_H
#define SESSION_IOV_H

#include "switch_session.h"

size_t iov_len(const struct sess_iov *iov, unsigned cnt);
/* The part of iov that starts at offset and has len bytes. */
unsigned iov_slice(const struct sess_iov *iov, unsigned cnt, uint64_t offset, uint64_t len,
		   struct sess_iov *out);
/* Copy between pieces and a flat buffer; return the bytes copied. */
size_t iov_gather(const struct sess_iov *iov, unsigned cnt, uint64_t offset, void *to, size_t len);
size_t iov_scatter(const struct sess_iov *iov, unsigned cnt, uint64_t offset, const void *from,
		   size_t len);

#endif
