/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Differences between the headers of libfabric 1.17 and those of 2.x.  Differences in what their
 * cores do are properties of the core (core/msg/domain.c).
 */
#ifndef SWITCH_COMPAT_H
#define SWITCH_COMPAT_H

#include <stddef.h>

#include <rdma/fabric.h>

/* The headers of 1.17 define it, those of 2.x do not. */
#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

/* The registration modes of before 1.5, which applications may still name: 2.x
 * warns wherever FI_MR_BASIC and FI_MR_SCALABLE are. */
#define SWITCH_MR_BASIC	   (1 << 0)
#define SWITCH_MR_SCALABLE (1 << 1)

/* FI_SOCKADDR_IP: newer headers have it. */
#define SWITCH_SOCKADDR_IP (FI_ADDR_CXI + 2)

/* FI_PROGRESS_CONTROL_UNIFIED, the last of enum fi_progress in 2.x. */
#define SWITCH_PROGRESS_LAST 3

#endif
