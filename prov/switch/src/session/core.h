/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Cores as the engine knows them: their limits, and spare packets of their buffers' size. */
#ifndef SESSION_CORE_H
#define SESSION_CORE_H

#include "session/types.h"

struct sess_core {
	struct sess_engine *engine;
	struct sess_core_config config;
	void *user; /* the driver's */
	SLIST_HEAD(, sess_packet) spare_packets;
	unsigned spare_packet_cnt;
};

#endif
