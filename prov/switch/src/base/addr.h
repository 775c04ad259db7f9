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

#include <rdma/fabric.h>

#define SWITCH_ADDR_MAX 128 /* bytes of a struct switch_addr */

/* An address: a sockaddr or what else the core's format has. */
struct switch_addr {
	uint8_t len;
	uint8_t bytes[SWITCH_ADDR_MAX - 1];
};

/* Copies one, without what two equal addresses may differ in. */
int switch_addr_set(uint32_t format, const void *addr, size_t len, struct switch_addr *out);
/* Not a wildcard, and with a port. */
bool switch_addr_is_peer(uint32_t format, const struct switch_addr *addr);
/* Bytes of this address; bytes that the longest of a domain has. */
size_t switch_addr_len(const struct fi_info *info, const void *addr);
size_t switch_addr_room(const struct fi_info *info);
/* A host name, number, or "fi_sockaddr_in://host:port" without service.  Takes
 * as long as the resolver does. */
int switch_addr_resolve(uint32_t format, const char *node, const char *service,
			struct switch_addr *out);
/* The number of a node (NULL: every interface with FI_SOURCE, else this host) in the
 * family of a format; flags as fi_getinfo has them. */
int switch_addr_number(uint32_t format, const char *node, uint64_t flags, char *buf, size_t size);
/* The step-th node after this one: "10.0.0.1" -> "10.0.0.2", "n09" -> "n10". */
int switch_addr_next_node(const char *node, size_t step, char *buf, size_t size);
int switch_addr_next_port(struct switch_addr *addr);
/* "fi_sockaddr_in://10.0.0.1:5000"; returns the size needed, as fi_av_straddr. */
size_t switch_addr_text(const struct fi_info *info, const void *addr, char *buf, size_t size);

/* Who wants addresses of one format can live with those of another. */
bool switch_addr_format_suits(uint32_t format, uint32_t wanted);
bool switch_addr_is_socket(uint32_t format); /* an address with an IP address and a port */
uint16_t switch_addr_port(const struct switch_addr *addr); /* host byte order; 0: none */
void switch_addr_set_port(struct switch_addr *addr, uint16_t port);
/* Between socket addresses of any family. */
void switch_addr_copy_port(void *to, const void *from);
/* How far a socket address carries; the further the better as a name. */
enum switch_reach { SWITCH_REACH_HOST, SWITCH_REACH_LINK, SWITCH_REACH_NET };
enum switch_reach switch_addr_reach(const struct switch_addr *addr);
/* Socket addresses, as switch_addr_set() made them.  A scope id means something on
 * one host only: an endpoint whose own address (NULL: none) is link-local reaches peers
 * on that link and no other.  FI_EADDRNOTAVAIL: it is link-local, and says no link. */
int switch_addr_localize(const struct switch_addr *own, struct switch_addr *addr);
/* One of IPv4 that is written as one of IPv6 is of IPv4. */
bool switch_addr_same_family(const struct switch_addr *a, const struct switch_addr *b);
/* Every interface, any port, in the way this address is written. */
void switch_addr_set_any(const struct switch_addr *like, struct switch_addr *any);
/* A socket address that stands for every interface. */
bool switch_addr_is_any(uint32_t format, const void *addr, size_t len);
/* Both as switch_addr_set() made them. */
bool switch_addr_equal(const struct switch_addr *a, const struct switch_addr *b);

/* Makes an address of an fi_info a copy of another one (NULL: none); on failure
 * (-FI_ENOMEM) it stays what it was. */
int switch_info_set_addr(void **to, size_t *to_len, const void *from, size_t len);

#endif
