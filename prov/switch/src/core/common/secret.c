/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Draws random bytes from the kernel.  Called by both adapters.  It keeps none.
 */
#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "core/common/log.h"
#include "core/common/secret.h"

/* The kernel gives up to 256 bytes whole or not at all. */
int core_secret_draw(void *buf, size_t len)
{
	ssize_t ret = getrandom(buf, len, 0);

	if (ret == (ssize_t)len)
		return 0;
	return core_failed("getrandom", ret < 0 ? -errno : -FI_EIO);
}
