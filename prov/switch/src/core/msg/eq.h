/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues of a core, and the entries that are read from them.
 */
#ifndef CORE_MSG_EQ_H
#define CORE_MSG_EQ_H

#include <sys/types.h>

#include <rdma/fi_eq.h>

#include "core/core.h"

enum {
	CORE_MSG_CM_DATA = 256,	   /* bytes of the longest connection data that we take */
	CORE_MSG_CM_DATA_MIN = 55, /* bytes that every known core carries (verbs) */
};

/* An entry of a core event queue with its connection data. */
union core_msg_cm {
	struct fi_eq_cm_entry entry;
	uint8_t bytes[sizeof(struct fi_eq_cm_entry) + CORE_MSG_CM_DATA];
};

/* Opens an event queue with a descriptor to wait on; 0 or a negative errno. */
int core_msg_eq_open(struct fid_fabric *fabric, struct fid_eq **eq, int *fd);
/* Reads an entry; returns like fi_eq_read, without waiting. */
ssize_t core_msg_eq_read(struct fid_eq *eq, uint32_t *type, union core_msg_cm *cm);
/* fi_trywait of an event queue. */
int core_msg_eq_trywait(struct fid_fabric *fabric, struct fid_eq *eq);
/* Bytes of connection data in an entry of which core_msg_eq_read() returned ret. */
size_t core_msg_cm_len(ssize_t ret);

#endif
