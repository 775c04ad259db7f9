/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* uthash as the engine uses it: an allocation that fails is told, and harms nothing. */
#ifndef SESSION_HASH_H
#define SESSION_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
