/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Put ahead of the engine's files by states.sh, which turns each "x->state = SESS_OPEN;"
 * into "OBSERVE(x->state, SESS_OPEN);". */
#ifndef STATES_H
#define STATES_H

void states_observe(const void *where, int was, int is, const char *name, const char *file,
		    const char *function);

#define OBSERVE(member, value)                                                                     \
	(states_observe(&(member), (int)(member), (int)(value), #value, __FILE__, __func__),       \
	 (member) = (value))

#endif
