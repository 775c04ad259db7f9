/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The parameters, and the provider's entry for libfabric, which every line of the log names.
 * discover/init.c fills both in when the provider is loaded.
 */
#include <rdma/fabric.h>

#include "base/params.h"
#include "base/switch.h"

struct switch_params switch_params;

struct fi_provider switch_prov = {
	.version = FI_VERSION(1, 0),
	.name = SWITCH_NAME,
};
