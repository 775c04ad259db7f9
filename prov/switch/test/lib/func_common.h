/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Includes the helpers of the functional tests, each of which has a header of its own.
 */
#ifndef FUNC_COMMON_H
#define FUNC_COMMON_H

#include <sched.h>

#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#include "lib/func_check.h"
#include "lib/func_cm.h"
#include "lib/func_data.h"
#include "lib/func_log.h"
#include "lib/func_meet.h"
#include "lib/func_node.h"
#include "lib/func_prov.h"
#include "lib/func_team.h"
#include "lib/func_thread.h"
#include "lib/func_wait.h"
#include "lib/func_xfer.h"

#endif
