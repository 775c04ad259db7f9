/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a received message is said to be from.
 */
#ifndef SWITCH_SOURCE_H
#define SWITCH_SOURCE_H

#include <stdint.h>

#include "base/addr.h"

struct switch_conn;
struct switch_domain;
struct switch_ep;
struct switch_op;
struct switch_stranger;

/* Sources (peer/source.c): the engine's key for the peer of a conn, by its
 * entry or, if that is FI_ADDR_NOTAVAIL, by its address.  The conn refers to the
 * stranger that it is then, until it is forgotten. */
uint64_t switch_source_key(struct switch_conn *conn);
void switch_source_forget(struct switch_conn *conn);
/* A receive of ep is complete: puts the name for the application into the
 * place of the key, or makes it the error FI_EADDRNOTAVAIL unless it is another. */
void switch_name_source(struct switch_op *op, const struct switch_ep *ep);
const struct switch_addr *switch_stranger_addr(const struct switch_stranger *stranger);
/* A reference less; NULL is fine. */
void switch_stranger_release(struct switch_domain *domain, struct switch_stranger *stranger);
void switch_strangers_free(struct switch_domain *domain);

#endif
