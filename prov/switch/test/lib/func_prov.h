/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests: the provider under test and the host address that it uses.
 *
 * Environment: FUNC_PROV, the provider ("tcp;ofi_switch"); FUNC_HOST, the address that
 * endpoints get (127.0.0.1).
 */
#ifndef FUNC_PROV_H
#define FUNC_PROV_H

#include <stdbool.h>

#include <rdma/fabric.h>

#define FUNC_VERSION FI_VERSION(1, 17)
#define FUNC_HOST    func_host()

const char *func_prov(void);
const char *func_host(void); /* returns an IPv4 address of this machine */
/* Makes func_host() return a loopback address that no other test uses, unless FUNC_HOST was
 * given.  A port whose owner has ended then stays free until a process of this team takes it,
 * or another test binds it for all addresses. */
void func_own_host(void);
const char *func_core(void); /* returns the part of the provider's name before the semicolon */
bool func_is_switch(void);

#endif
