/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: the provider that is tested, and where it runs.
 *
 * Environment: FUNC_PROV, the provider ("tcp;ofi_switch"); FUNC_HOST, the address
 * that endpoints get (127.0.0.1).
 */
#ifndef FUNC_PROV_H
#define FUNC_PROV_H

#include <stdbool.h>

#include <rdma/fabric.h>

#define FUNC_VERSION FI_VERSION(1, 17)
#define FUNC_HOST    func_host()

const char *func_prov(void);
const char *func_host(void); /* an IPv4 address of this machine */
/* From now on one of the loopback interface that no other test uses, unless FUNC_HOST was
 * given: a port whose owner is gone stays free until somebody of this team takes it, or
 * another test one that is for all addresses. */
void func_own_host(void);
const char *func_core(void); /* the part of its name before the semicolon */
bool func_is_switch(void);

#endif
