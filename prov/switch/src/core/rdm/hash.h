/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * uthash, so that running out of memory is an error that its caller sees: hh.tbl of an
 * element that could not be added is NULL.
 */
#ifndef CORE_RDM_HASH_H
#define CORE_RDM_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
