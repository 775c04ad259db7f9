# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The table of attacks, and what several of them share.  Each attack is a function
that is given a Field (attack.py), which knows the victim and checks it.  A call is one
go, which ends by itself; the driver repeats it for as long as the attack is to last.

The decorator says in which mode the victim receives (victim.c), by how many MiB
its memory may grow meanwhile and why that is enough, and what of its environment
differs.  In every attack the victim stays alive and the honest pair goes on.
"""

SLOT_LEN = 256 << 10  # victim.c: the longest message that it receives whole
SLOTS = 96  # victim.c: receives that it posts of each kind
ANY_TAG = 1 << 63  # attack.h: the victim receives tags with this bit
LARGE_TAG = 3 << 62  # in mode echo the victim answers this tag with 8 MiB
LOST_TAG = 0xDEAD  # the victim posts no receive for it

# The memory that a receive context may keep for unmatched messages, by fi_switch(7):
# twice UNEXPECTED_MAX, here its least value, so that an attack need not be long, and
# 73 MiB.  malloc and the lists add some.
UNMATCHED_ENV = {"FI_OFI_SWITCH_UNEXPECTED_MAX": str(1 << 20)}
UNMATCHED_MIB = 2 + 73 + 25
UNMATCHED_WHY = "a receive context keeps 2 x 1 + 73 MiB that nobody received at most"
SESSION_MIB = 8
SESSION_WHY = "a few sessions, and the buffers that they share"

ATTACKS = []


class Attack:
    """One row of the table."""

    def __init__(self, run, mode, mib, why, env, ours):
        self.run, self.mode, self.mib, self.why, self.env = run, mode, mib, why, env
        self.ours = ours  # the victim must be our program, since it gets commands
        self.name = run.__name__.replace("_", "-")
        self.doc = run.__doc__


def attack(mode="none", mib=SESSION_MIB, why=SESSION_WHY, env=None, ours=False):
    """Returns a decorator that adds a function to the table."""

    def add(run):
        ATTACKS.append(Attack(run, mode, mib, why, env or {}, ours))
        return run

    return add
