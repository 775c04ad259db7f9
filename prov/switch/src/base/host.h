/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The identity of this host, as peers are told it.
 */
#ifndef SWITCH_HOST_H
#define SWITCH_HOST_H

#include <stddef.h>
#include <stdint.h>

enum { SWITCH_HOST_LEN = 36 }; /* bytes */

/*
 * The identity, equal for processes that can reach each other's memory: boot id, namespaces
 * (PID, user, IPC), device of /dev/shm, user.  Returns SWITCH_HOST_LEN, or 0 where the system
 * does not tell: then this process shares its host with no other.
 */
size_t switch_host(uint8_t host[SWITCH_HOST_LEN]);

#endif
