/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The calls of core_ops that move data.
 */
#ifndef CORE_DATA_H
#define CORE_DATA_H

#include "core/common/domain.h"
#include "core/common/path.h"

enum {
	CORE_OUT_MAX = 4096, /* operations out per domain; the completion queue has room for them */
};

/* core_ops.send, read and write. */
int core_data_send(struct core_path *path, struct core_io *io, const struct iovec *iov, void **desc,
		   size_t cnt, size_t len, bool may_buffer);
int core_data_read(struct core_path *path, struct core_io *io, const struct iovec *iov, void **desc,
		   size_t cnt, uint64_t raddr, uint64_t key);
int core_data_write(struct core_path *path, struct core_io *io, const struct iovec *iov,
		    void **desc, size_t cnt, uint64_t raddr, uint64_t key);
/* Takes an operation that is over out of its lists.  Returns the driver's io to report as
 * done, or NULL: it was reported when the message was copied. */
struct core_io *core_data_done(struct core_out *out);

#endif
