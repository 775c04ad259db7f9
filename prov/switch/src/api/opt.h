/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Options and the texts of errors, for the calls of several kinds of objects.
 */
#ifndef SWITCH_OPT_H
#define SWITCH_OPT_H

#include <stddef.h>

struct switch_rx;

/* Gives the value of an option of type size_t. */
int switch_opt_size(size_t value, void *optval, size_t *optlen);
/* FI_OPT_MIN_MULTI_RECV of an endpoint or a shared receive context. */
int switch_rx_getopt(const struct switch_rx *rx, int optname, void *optval, size_t *optlen);
int switch_rx_setopt(struct switch_rx *rx, int level, int optname, const void *optval,
		     size_t optlen);

/* fi_cq_strerror, fi_eq_strerror: our provider errors are fabric errors. */
const char *switch_strerror(int prov_errno, char *buf, size_t len);

#endif
