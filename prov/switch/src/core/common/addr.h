/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Ports in socket addresses.  Used by both adapters.
 */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The port of a socket address in network order; 0: it has none, or is no socket address. */
uint16_t core_addr_port(const void *addr, size_t len);
/* Sets the port of a socket address to 0.  False: it has none. */
bool core_addr_port_clear(void *addr, size_t len);
/* Copies an address as fi_getname does: *len is the room for it, then its length.
 * Returns 0, or -FI_ETOOSMALL if only the part that had room was copied. */
int core_addr_copy(const void *from, size_t from_len, void *addr, size_t *len);

#endif
