/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Errors of cores, translated to what the users of core_ops are told.
 */
#ifndef CORE_FAILURE_H
#define CORE_FAILURE_H

/* The error (positive) that users of core_ops are told for one of the core's: a core that
 * finds its peer gone reports the error of whatever call it was making. */
int core_peer_error(int error);

#endif
