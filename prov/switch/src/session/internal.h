/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Includes the headers of all objects of the engine, for the files of this folder. */
#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include "session/backlog.h"
#include "session/coalesce.h"
#include "session/control.h"
#include "session/core.h"
#include "session/engine.h"
#include "session/ep.h"
#include "session/index.h"
#include "session/hello.h"
#include "session/incoming.h"
#include "session/iov.h"
#include "session/link.h"
#include "session/match.h"
#include "session/message.h"
#include "session/op.h"
#include "session/packet.h"
#include "session/record.h"
#include "session/reply.h"
#include "session/rx.h"
#include "session/schedule.h"
#include "session/session.h"
#include "session/way.h"
#include "session/wire.h"
#include "session/xfer.h"

#endif
