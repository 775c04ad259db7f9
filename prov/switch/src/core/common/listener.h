/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * States of passive endpoints and of connection requests, the same in both adapters.
 */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

/* The use of a passive endpoint. */
enum core_passive_use {
	CORE_PASSIVE_UNUSED,  /* waits for passive_listen or passive_lend */
	CORE_PASSIVE_LISTENS, /* reports requests until it is closed */
	CORE_PASSIVE_LENT,    /* its address is lent: waits for passive_return, if ever */
};

/* Mask of the calls that a request still waits for; the last of them frees it. */
enum core_request_due {
	CORE_REQUEST_ANSWER = 1 << 0,  /* accept or reject */
	CORE_REQUEST_RELEASE = 1 << 1, /* of the event that told of it */
};

#endif
