# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attacks by messages for which there is no receive.  See table.py."""
import peer
from peer import ACK, COPY, DONE, HELD, TAGGED, Ended
from table import ANY_TAG, LOST_TAG, UNMATCHED_ENV, UNMATCHED_MIB, UNMATCHED_WHY, attack


def flood(field, one, records, packets):
    """Sends the same packet many times, even if the victim reports that it is full.
    Returns whether the victim has ended the session; the packets sent until then count."""
    try:
        one.repeat(records, packets)
        one.drain()
    except Ended:
        return True
    return False


BIG = [peer.inline(b"z" * 32000, TAGGED, LOST_TAG)]
SMALL = [peer.inline(b"", TAGGED, LOST_TAG)] * 250
BIG_PACKETS = (128 << 20) // 32000
SMALL_PACKETS = 1600


def leave(one, how):
    """Ends a session in one of the ways that leave its messages behind."""
    if how == 0:
        try:
            one.send(peer.bye())
            one.ended(5)
        except Ended:
            pass
        one.close()
    elif how == 1:
        one.close()
    else:
        one.reset()


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def unexpected_big(field):
    """128 MiB of messages of 32 KiB; FULL is not heeded."""
    one = field.peer()
    if not flood(field, one, BIG, BIG_PACKETS):
        field.must_end(one, "128 MiB that nobody asked for")


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def unexpected_small(field):
    """400,000 messages of no bytes."""
    one = field.peer()
    if not flood(field, one, SMALL, SMALL_PACKETS):
        field.must_end(one, "400,000 messages that nobody asked for")


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def unexpected_by_turns(field):
    """Sessions that each leave 30 MiB behind, in order or not."""
    for how in (0, 1, 2, 0, 1):
        one = field.peer()
        flood(field, one, BIG, (30 << 20) // 32000)
        leave(one, how)


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def unexpected_small_by_turns(field):
    """Sessions that each leave 60,000 messages of no bytes behind."""
    for how in (0, 1, 2, 0, 1, 0, 1, 2):
        one = field.peer()
        flood(field, one, SMALL, 240)
        leave(one, how)


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def unexpected_together(field):
    """Six sessions at once, none of which is beyond what one may have."""
    many = [field.peer() for _ in range(6)]
    for _ in range(6):
        for one in many:
            flood(field, one, BIG, (4 << 20) // 32000)


def announce(one, numbers, record):
    """Packets of 200 records each, one record for each number, as credits allow.  Returns
    whether the victim has ended the session."""
    try:
        for first in range(numbers.start, numbers.stop, 200):
            one.await_credit()
            one.send(*[record(first + i) for i in range(200)])
    except Ended:
        return True
    return False


def half_of(tag):
    """Makes a transfer of two bytes, the second of which never comes."""
    return lambda number: peer.start(number, 2, COPY, b"x", TAGGED, tag)


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_transfers(field):
    """Transfers of two bytes of which the second never comes."""
    one = field.peer()
    # within the eager budget all of that is allowed, but not all of it at once
    if not announce(one, range(150000), half_of(LOST_TAG)):
        field.must_end(one, "150,000 transfers that do not end")


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_announcements(field):
    """Announcements of a TiB each, which cost nothing to make."""
    one = field.peer()
    if not announce(one, range(150000), lambda number: peer.start(
            number, 1 << 40, COPY, flags=TAGGED | HELD, tag=LOST_TAG)):
        field.must_end(one, "150,000 announcements")


@attack(mode="any", mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_transfers_matched(field):
    """Such transfers, for which there are receives until all are taken; then the end of the
    connection, which gives the receives back."""
    one = field.peer()
    announce(one, range(20000), half_of(ANY_TAG))
    one.close()
    other = field.peer()
    other.send(peer.inline(b"x", TAGGED | ACK, ANY_TAG, id=1))
    field.expect(other.take_record(DONE) is not None, "a receive is free again")


@attack(mode="multi", mib=UNMATCHED_MIB,
        why="completions that are not read count like messages that nobody asked for")
def empty_messages_to_one_buffer(field):
    """Two million messages of no bytes, of which a buffer of FI_MULTI_RECV takes as
    many as come: each makes a completion, faster than they are read."""
    one = field.peer()
    flood(field, one, [peer.inline(b"")] * 250, 8000)


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, ours=True,
        env={"FI_OFI_SWITCH_CLOSE_TIMEOUT": "1000", **UNMATCHED_ENV})
def endless_transfers_while_closing(field):
    """Transfers that do not end, and go on to be announced while the victim
    closes its endpoint: that takes CLOSE_TIMEOUT, not for ever."""
    one = field.peer()
    ended = announce(one, range(50000), half_of(LOST_TAG))
    field.tell("close")
    if not ended:
        announce(one, range(50000, 200000), half_of(LOST_TAG))
    field.must_close()
