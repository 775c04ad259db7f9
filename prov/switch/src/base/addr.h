/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Addresses as such: comparing, resolving, counting up and printing them.
 * Errors are positive.
 */
#ifndef SWITCH_ADDR_H
#define SWITCH_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include <rdma/fabric.h>

#define SWITCH_ADDR_MAX 128 /* bytes of an address */

/* An address in the format of the core: a sockaddr, or bytes that only the core knows.  The
 * bytes are aligned for a sockaddr, since cores and applications read them as one. */
struct switch_addr {
	_Alignas(struct sockaddr_in6) uint8_t pad[3];
	uint8_t len;
	uint8_t bytes[SWITCH_ADDR_MAX];
};

_Static_assert(offsetof(struct switch_addr, bytes) % _Alignof(struct sockaddr_in6) == 0,
	       "addresses are aligned");

/* Copies an address, in the one form that all equal addresses have. */
int switch_addr_set(uint32_t format, const void *addr, size_t len, struct switch_addr *out);
/* Whether a peer can have this address: it is no wildcard, and has a port. */
bool switch_addr_is_peer(uint32_t format, const struct switch_addr *addr);
/* Bytes of this address, and of the longest address of a domain. */
size_t switch_addr_len(const struct fi_info *info, const void *addr);
size_t switch_addr_room(const struct fi_info *info);
/* Resolves a host name, a number, or "fi_sockaddr_in://host:port" without service.  Blocks
 * as long as the resolver does. */
int switch_addr_resolve(uint32_t format, const char *node, const char *service,
			struct switch_addr *out);
/* The number of a node (NULL: every interface with FI_SOURCE, else this host) in the
 * family of a format; flags as fi_getinfo has them. */
int switch_addr_number(uint32_t format, const char *node, uint64_t flags, char *buf, size_t size);
/* The step-th node after this one: "10.0.0.1" -> "10.0.0.2", "n09" -> "n10". */
int switch_addr_next_node(const char *node, size_t step, char *buf, size_t size);
int switch_addr_next_port(struct switch_addr *addr);
/* Prints "fi_sockaddr_in://10.0.0.1:5000"; returns the size needed, as fi_av_straddr does. */
size_t switch_addr_text(const struct fi_info *info, const void *addr, char *buf, size_t size);

/* Whether addresses of this format satisfy somebody who wants another one. */
bool switch_addr_format_suits(uint32_t format, uint32_t wanted);
bool switch_addr_is_socket(uint32_t format); /* an address with an IP address and a port */
uint16_t switch_addr_port(const struct switch_addr *addr); /* host byte order; 0: none */
void switch_addr_set_port(struct switch_addr *addr, uint16_t port);
/* Copies the port between socket addresses of any family. */
void switch_addr_copy_port(void *to, const void *from);
/* How far a socket address carries; the further the better as a name. */
enum switch_reach { SWITCH_REACH_HOST, SWITCH_REACH_LINK, SWITCH_REACH_NET };
enum switch_reach switch_addr_reach(const struct switch_addr *addr);
/* Completes a link-local address; both are socket addresses as switch_addr_set() made
 * them.  A scope id has a meaning on one host only, so an endpoint whose own address (NULL:
 * none) is link-local reaches peers on its own link and no other.  FI_EADDRNOTAVAIL: the
 * address is link-local and neither has a scope id. */
int switch_addr_localize(const struct switch_addr *own, struct switch_addr *addr);
/* Whether both are of IPv4 or both of IPv6.  An IPv4-mapped address counts as IPv4. */
bool switch_addr_same_family(const struct switch_addr *a, const struct switch_addr *b);
/* Makes the wildcard address with any port, in the family of another address. */
void switch_addr_set_any(const struct switch_addr *like, struct switch_addr *any);
/* Whether it is a socket address that stands for every interface. */
bool switch_addr_is_any(uint32_t format, const void *addr, size_t len);
/* Whether its IP address, as switch_addr_set() made it, is one of this host's. */
bool switch_addr_is_here(const struct switch_addr *addr);
/* Whether two addresses, as switch_addr_set() made them, are equal. */
bool switch_addr_equal(const struct switch_addr *a, const struct switch_addr *b);

/* Replaces an address of an fi_info by a copy of another one (NULL: none); on failure
 * (-FI_ENOMEM) it is unchanged. */
int switch_info_set_addr(void **to, size_t *to_len, const void *from, size_t len);

#endif
