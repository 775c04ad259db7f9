/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Addresses: comparing, resolving, counting up and printing them.
 *
 * Called by address vectors, and wherever a name has to be kept.  Knows socket addresses;
 * addresses of any other format are bytes to it.  Keeps nothing and locks nothing.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rdma/fabric.h>
#include <rdma/fi_errno.h>

#include "base/addr.h"
#include "base/compat.h"

/* Whether addresses of this format may be of either family. */
static bool has_both(uint32_t format)
{
	return format == FI_SOCKADDR || format == SWITCH_SOCKADDR_IP;
}

bool switch_addr_is_socket(uint32_t format)
{
	return has_both(format) || format == FI_SOCKADDR_IN || format == FI_SOCKADDR_IN6;
}

bool switch_addr_format_suits(uint32_t format, uint32_t wanted)
{
	return format == wanted || wanted == FI_FORMAT_UNSPEC ||
	       (has_both(wanted) && switch_addr_is_socket(format));
}

/* The family of an address, which need not be aligned; AF_UNSPEC if it is none that the
 * format has. */
static int family_of(uint32_t format, const void *addr)
{
	struct sockaddr sa;

	memcpy(&sa, addr, sizeof(sa));
	if (sa.sa_family == AF_INET && format != FI_SOCKADDR_IN6)
		return AF_INET;
	if (sa.sa_family == AF_INET6 && format != FI_SOCKADDR_IN)
		return AF_INET6;
	return AF_UNSPEC;
}

size_t switch_addr_room(const struct fi_info *info)
{
	const size_t most = sizeof(((struct switch_addr *)0)->bytes);

	switch (info->addr_format) {
	case FI_SOCKADDR_IN:
		return sizeof(struct sockaddr_in);
	case FI_SOCKADDR:
	case FI_SOCKADDR_IN6:
	case SWITCH_SOCKADDR_IP:
		return sizeof(struct sockaddr_in6);
	case FI_ADDR_STR:
		return most;
	default:
		return info->src_addrlen && info->src_addrlen < most ? info->src_addrlen : most;
	}
}

size_t switch_addr_len(const struct fi_info *info, const void *addr)
{
	if (switch_addr_is_socket(info->addr_format) &&
	    family_of(info->addr_format, addr) == AF_INET)
		return sizeof(struct sockaddr_in);
	/* Strings lie one behind the other, as fi_getname writes them and the
	 * cores that have them read them; fi_av(3) has pointers to them. */
	if (info->addr_format == FI_ADDR_STR)
		return strnlen(addr, switch_addr_room(info) - 1) + 1;
	return switch_addr_room(info);
}

/* The IPv4 address in an IPv4-mapped one of IPv6, as sockets for both families have it. */
static struct sockaddr_in from_mapped(const struct sockaddr_in6 *in6)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6->sin6_port};

	memcpy(&in.sin_addr, in6->sin6_addr.s6_addr + 12, sizeof(in.sin_addr));
	return in;
}

int switch_addr_set(uint32_t format, const void *addr, size_t len, struct switch_addr *out)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	const void *from = addr;
	int family;

	if (!addr || !len || len > sizeof(out->bytes))
		return FI_EINVAL;
	if (switch_addr_is_socket(format)) {
		family = len < sizeof(in) ? AF_UNSPEC : family_of(format, addr);
		if (family == AF_INET) {
			len = sizeof(in);
			memcpy(&in, addr, len);
			memset(in.sin_zero, 0, sizeof(in.sin_zero));
			from = &in;
		} else if (family == AF_INET6 && len >= sizeof(in6)) {
			len = sizeof(in6);
			memcpy(&in6, addr, len);
			in6.sin6_flowinfo = 0;
			if (!IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
				in6.sin6_scope_id = 0;
			from = &in6;
			if (has_both(format) && IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
				in = from_mapped(&in6);
				from = &in;
				len = sizeof(in);
			}
		} else {
			return FI_EINVAL;
		}
	}
	out->len = len;
	memcpy(out->bytes, from, len);
	return 0;
}

bool switch_addr_is_peer(uint32_t format, const struct switch_addr *addr)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (!switch_addr_is_socket(format))
		return true;
	if (addr->len == sizeof(in)) {
		memcpy(&in, addr->bytes, sizeof(in));
		return in.sin_port && in.sin_addr.s_addr != htonl(INADDR_ANY);
	}
	memcpy(&in6, addr->bytes, sizeof(in6));
	return in6.sin6_port && !IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

/* Gets an address of IPv6; false if it is one of IPv4. */
static bool get_in6(const struct switch_addr *addr, struct sockaddr_in6 *in6)
{
	if (addr->len != sizeof(*in6))
		return false;
	memcpy(in6, addr->bytes, sizeof(*in6));
	return !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

/* The scope id of a link-local address; 0 for any other, or if it has none. */
static uint32_t scope_of(const struct switch_addr *addr)
{
	struct sockaddr_in6 in6;

	return get_in6(addr, &in6) && IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) ? in6.sin6_scope_id : 0;
}

enum switch_reach switch_addr_reach(const struct switch_addr *addr)
{
	struct sockaddr_in6 in6;
	uint32_t host;

	if (get_in6(addr, &in6))
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr)    ? SWITCH_REACH_HOST
		       : IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) ? SWITCH_REACH_LINK
							       : SWITCH_REACH_NET;
	memcpy(&host,
	       addr->bytes + (addr->len == sizeof(in6)
				      ? offsetof(struct sockaddr_in6, sin6_addr) + 12
				      : offsetof(struct sockaddr_in, sin_addr)),
	       sizeof(host));
	host = ntohl(host);
	return host >> 24 == IN_LOOPBACKNET ? SWITCH_REACH_HOST
	       : host >> 16 == 0xa9fe	    ? SWITCH_REACH_LINK /* 169.254.0.0 */
					    : SWITCH_REACH_NET;
}

int switch_addr_localize(const struct switch_addr *own, struct switch_addr *addr)
{
	struct sockaddr_in6 in6;
	uint32_t link = own ? scope_of(own) : 0;

	if (!get_in6(addr, &in6) || !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
		return 0;
	if (link)
		in6.sin6_scope_id = link;
	memcpy(addr->bytes, &in6, sizeof(in6));
	return in6.sin6_scope_id ? 0 : FI_EADDRNOTAVAIL;
}

bool switch_addr_same_family(const struct switch_addr *a, const struct switch_addr *b)
{
	struct sockaddr_in6 in6;

	return get_in6(a, &in6) == get_in6(b, &in6);
}

void switch_addr_set_any(const struct switch_addr *like, struct switch_addr *any)
{
	struct sockaddr sa;

	memcpy(&sa, like->bytes, sizeof(sa));
	memset(any, 0, sizeof(*any));
	any->len = like->len;
	memcpy(any->bytes, &sa.sa_family, sizeof(sa.sa_family));
}

bool switch_addr_is_any(uint32_t format, const void *addr, size_t len)
{
	struct switch_addr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (!switch_addr_is_socket(format) || switch_addr_set(format, addr, len, &any))
		return false;
	if (any.len == sizeof(in)) {
		memcpy(&in, any.bytes, sizeof(in));
		return in.sin_addr.s_addr == htonl(INADDR_ANY);
	}
	memcpy(&in6, any.bytes, sizeof(in6));
	return IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

void switch_addr_copy_port(void *to, const void *from)
{
	const size_t at = offsetof(struct sockaddr_in, sin_port);

	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
			       offsetof(struct sockaddr_in6, sin6_port),
		       "both families have it at the same place");
	if (to && from)
		memcpy((char *)to + at, (const char *)from + at, sizeof(in_port_t));
}

uint16_t switch_addr_port(const struct switch_addr *addr)
{
	struct sockaddr_in in;

	if (addr->len < sizeof(in))
		return 0;
	memcpy(&in, addr->bytes, sizeof(in));
	return ntohs(in.sin_port);
}

void switch_addr_set_port(struct switch_addr *addr, uint16_t port)
{
	struct sockaddr_in in = {.sin_port = htons(port)};

	switch_addr_copy_port(addr->bytes, &in);
}

bool switch_addr_equal(const struct switch_addr *a, const struct switch_addr *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

/* The IPv4 address in one of either family; false: it has none. */
static bool ipv4_of(const struct sockaddr *addr, struct in_addr *ip)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (addr->sa_family == AF_INET) {
		memcpy(&in, addr, sizeof(in));
		*ip = in.sin_addr;
		return true;
	}
	if (addr->sa_family != AF_INET6)
		return false;
	memcpy(&in6, addr, sizeof(in6));
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return false;
	memcpy(ip, in6.sin6_addr.s6_addr + 12, sizeof(*ip));
	return true;
}

static bool is_same_ip(const struct sockaddr *a, const struct sockaddr *b)
{
	struct sockaddr_in6 a6, b6;
	struct in_addr a4, b4;

	if (ipv4_of(a, &a4))
		return ipv4_of(b, &b4) && a4.s_addr == b4.s_addr;
	if (a->sa_family != AF_INET6 || b->sa_family != AF_INET6)
		return false;
	memcpy(&a6, a, sizeof(a6));
	memcpy(&b6, b, sizeof(b6));
	return IN6_ARE_ADDR_EQUAL(&a6.sin6_addr, &b6.sin6_addr);
}

bool switch_addr_is_here(const struct switch_addr *addr)
{
	struct sockaddr_storage wanted = {0};
	const struct ifaddrs *each;
	struct ifaddrs *list;
	struct in_addr ip;
	bool found = false;

	memcpy(&wanted, addr->bytes, addr->len < sizeof(wanted) ? addr->len : sizeof(wanted));
	/* all of 127.0.0.0/8 is, though no interface names it */
	if (ipv4_of((struct sockaddr *)&wanted, &ip) && ntohl(ip.s_addr) >> 24 == IN_LOOPBACKNET)
		return true;
	if (getifaddrs(&list))
		return false;
	for (each = list; each && !found; each = each->ifa_next)
		found = each->ifa_addr && is_same_ip(each->ifa_addr, (struct sockaddr *)&wanted);
	freeifaddrs(list);
	return found;
}

/* -- names --------------------------------------------------------------- */

/* Splits "fi_sockaddr_in6://[::1]:5000" in place. */
static int split_url(char *url, const char **node, const char **service)
{
	char *host = strstr(url, "://"), *end;

	if (!host || strncmp(url, "fi_sockaddr", strlen("fi_sockaddr")))
		return FI_EINVAL;
	host += 3;
	end = *host == '[' ? strchr(host, ']') : strrchr(host, ':');
	if (!end)
		return FI_EINVAL;
	if (*host == '[') {
		host++;
		*end++ = '\0';
	}
	if (*end != ':')
		return FI_EINVAL;
	*end = '\0';
	*node = host;
	*service = end + 1;
	return 0;
}

/* Whether this is a number, but too large for a port.  The resolver would take its lower 16
 * bits. */
static bool is_no_port(const char *service)
{
	char *end;

	return service && strtoul(service, &end, 10) > UINT16_MAX && !*end;
}

static int family_for(uint32_t format)
{
	return format == FI_SOCKADDR_IN	   ? AF_INET
	       : format == FI_SOCKADDR_IN6 ? AF_INET6
					   : AF_UNSPEC;
}

static int lookup(uint32_t format, const char *node, const char *service, struct switch_addr *out)
{
	const struct addrinfo hints = {
		.ai_family = family_for(format),
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	int ret;

	if (is_no_port(service))
		return FI_EINVAL;
	ret = getaddrinfo(node, service, &hints, &list);
	if (ret)
		return ret == EAI_MEMORY ? FI_ENOMEM : FI_EADDRNOTAVAIL;
	ret = switch_addr_set(format, list->ai_addr, list->ai_addrlen, out);
	freeaddrinfo(list);
	return ret;
}

int switch_addr_resolve(uint32_t format, const char *node, const char *service,
			struct switch_addr *out)
{
	char *url;
	int ret;

	out->len = 0;
	if (!switch_addr_is_socket(format))
		return FI_ENOSYS;
	if (service || !node || !strstr(node, "://"))
		return lookup(format, node, service, out);
	url = strdup(node);
	if (!url)
		return FI_ENOMEM;
	ret = split_url(url, &node, &service);
	if (!ret)
		ret = lookup(format, node, service, out);
	free(url);
	return ret;
}

int switch_addr_number(uint32_t format, const char *node, uint64_t flags, char *buf, size_t size)
{
	const struct addrinfo hints = {
		.ai_family = family_for(format),
		.ai_socktype = SOCK_STREAM,
		.ai_flags = (flags & FI_SOURCE ? AI_PASSIVE : 0) |
			    (flags & FI_NUMERICHOST ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *list;
	int ret;

	if (getaddrinfo(node, node ? NULL : "0", &hints, &list))
		return FI_EADDRNOTAVAIL;
	ret = getnameinfo(list->ai_addr, list->ai_addrlen, buf, (socklen_t)size, NULL, 0,
			  NI_NUMERICHOST);
	freeaddrinfo(list);
	return ret ? FI_EADDRNOTAVAIL : 0;
}

/* Adds to a number of this many bytes, most significant first. */
static void add_bytes(uint8_t *bytes, size_t cnt, size_t add)
{
	while (cnt-- && add) {
		add += bytes[cnt];
		bytes[cnt] = add & 0xff;
		add >>= 8;
	}
}

/* "fe80::1%eth0": the link stays. */
static int next_in6(const char *node, size_t step, char *buf, size_t size)
{
	const size_t host_len = strcspn(node, "%");
	uint8_t bytes[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN];
	size_t len;

	len = snprintf(host, sizeof(host), "%.*s", (int)host_len, node);
	if (len >= sizeof(host) || inet_pton(AF_INET6, host, bytes) != 1)
		return FI_EINVAL;
	add_bytes(bytes, sizeof(bytes), step);
	inet_ntop(AF_INET6, bytes, host, sizeof(host));
	len = snprintf(buf, size, "%s%s", host, node + host_len);
	return len < size ? 0 : FI_EINVAL;
}

int switch_addr_next_node(const char *node, size_t step, char *buf, size_t size)
{
	const size_t len = strlen(node);
	uint8_t bytes[sizeof(struct in6_addr)];
	size_t head = len;

	if (len >= size)
		return FI_EINVAL;
	if (!step) {
		memcpy(buf, node, len + 1);
		return 0;
	}
	if (inet_pton(AF_INET, node, bytes) == 1) {
		add_bytes(bytes, sizeof(struct in_addr), step);
		return inet_ntop(AF_INET, bytes, buf, size) ? 0 : FI_EINVAL;
	}
	if (strchr(node, ':'))
		return next_in6(node, step, buf, size);
	while (head && isdigit((unsigned char)node[head - 1]))
		head--;
	if (head == len || len - head > 9)
		return FI_EINVAL;
	/* leading zeros are part of the name */
	head = snprintf(buf, size, "%.*s%0*lu", (int)head, node, (int)(len - head),
			strtoul(node + head, NULL, 10) + step);
	return head < size ? 0 : FI_EINVAL;
}

int switch_addr_next_port(struct switch_addr *addr)
{
	/* both families have it at the same place */
	const size_t at = offsetof(struct sockaddr_in, sin_port);
	in_port_t port;

	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
			       offsetof(struct sockaddr_in6, sin6_port),
		       "ports are in the same place");
	memcpy(&port, addr->bytes + at, sizeof(port));
	if (ntohs(port) == UINT16_MAX)
		return FI_EINVAL;
	port = htons(ntohs(port) + 1);
	memcpy(addr->bytes + at, &port, sizeof(port));
	return 0;
}

static int text_socket(const void *addr, int family, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (family == AF_INET) {
		memcpy(&in, addr, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		return snprintf(buf, size, "fi_sockaddr_in://%s:%u", host, ntohs(in.sin_port));
	}
	memcpy(&in6, addr, sizeof(in6));
	inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
	return snprintf(buf, size, "fi_sockaddr_in6://[%s]:%u", host, ntohs(in6.sin6_port));
}

size_t switch_addr_text(const struct fi_info *info, const void *addr, char *buf, size_t size)
{
	const uint32_t format = info->addr_format;
	const uint8_t *bytes = addr;
	char hex[2 * SWITCH_ADDR_MAX + 1];
	size_t len;
	int family;

	if (format == FI_ADDR_STR)
		return snprintf(buf, size, "%s", (const char *)addr) + 1;
	if (switch_addr_is_socket(format)) {
		family = family_of(format, addr);
		if (family == AF_UNSPEC)
			return snprintf(buf, size, "fi_sockaddr://") + 1;
		return text_socket(addr, family, buf, size) + 1;
	}
	len = switch_addr_room(info);
	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	return snprintf(buf, size, "fi_addr://%s", hex) + 1;
}

int switch_info_set_addr(void **to, size_t *to_len, const void *from, size_t len)
{
	void *copy = NULL;

	if (from && len) {
		copy = malloc(len);
		if (!copy)
			return -FI_ENOMEM;
		memcpy(copy, from, len);
	}
	free(*to);
	*to = copy;
	*to_len = copy ? len : 0;
	return 0;
}
