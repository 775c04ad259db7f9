/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opens and reads event queues, with errno cleared first: the tcp core may take an old value
 * for a new error.  Called for the domain's queue and for each listener's, under the lock of
 * whoever owns it.  It does not look at what it reads.
 */
#include <errno.h>

#include "core/common/fd.h"
#include "core/common/log.h"
#include "core/msg/eq.h"

int core_msg_eq_open(struct fid_fabric *fabric, struct fid_eq **eq, int *fd)
{
	struct fi_eq_attr attr = {.wait_obj = FI_WAIT_FD};
	int ret;

	ret = fi_eq_open(fabric, &attr, eq, NULL);
	if (ret)
		return core_failed("fi_eq_open", ret);
	ret = core_fid_wait_fd(&(*eq)->fid, "an event queue", fd);
	if (ret) {
		core_fid_close(&(*eq)->fid, "an event queue");
		*eq = NULL;
	}
	return ret;
}

/* When a peer hangs up instead of answering, the tcp core takes whatever errno is for the
 * reason, and an old EAGAIN makes it wait for ever; so errno is cleared before. */
ssize_t core_msg_eq_read(struct fid_eq *eq, uint32_t *type, union core_msg_cm *cm)
{
	ssize_t ret;

	errno = 0;
	ret = fi_eq_read(eq, type, cm, sizeof(*cm), 0);
	if (ret < 0 && ret != -FI_EAGAIN && ret != -FI_EAVAIL)
		core_failed("fi_eq_read", (int)ret);
	return ret;
}

/* The tcp core before 1.18 progresses its connections in here, too. */
int core_msg_eq_trywait(struct fid_fabric *fabric, struct fid_eq *eq)
{
	struct fid *fid = &eq->fid;

	errno = 0;
	return fi_trywait(fabric, &fid, 1);
}

size_t core_msg_cm_len(ssize_t ret)
{
	size_t head = sizeof(struct fi_eq_cm_entry);

	return (size_t)ret > head ? (size_t)ret - head : 0;
}
