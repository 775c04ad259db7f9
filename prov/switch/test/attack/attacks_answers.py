# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attacks that cause more answers than the victim can send.  See table.py."""
import peer
from peer import ACK, CANCEL, COPY, HELD, TAGGED, Ended
from table import (SLOTS, ANY_TAG, LARGE_TAG, LOST_TAG, UNMATCHED_ENV, UNMATCHED_MIB,
                   UNMATCHED_WHY, attack)


class Stingy:
    """Grants so little that the peer may send grants and nothing else: a packet
    of control leaves one credit unused ("Credits"), and it never has two."""

    def __init__(self, one):
        self.one = one
        self.limit = one.seen + one.window

    def window(self):
        """A window that ends one packet beyond those received; a limit never falls."""
        if peer.serial(self.one.seen + 1 - self.limit) > 0:
            self.limit = self.one.seen + 1
        return peer.serial(self.limit - self.one.seen)

    def await_credits(self):
        """Waits until we may send data.  A grant of the victim may cross packets of ours and
        then be too small; the victim cannot send another before we grant it a packet, so
        that both would wait for each other."""
        while self.one.credits() <= 2:
            if self.one.credits() > 0 and peer.serial(self.limit - self.one.seen) <= 0:
                self.one.send(window=self.window())
            self.one.take()


def flood_stingily(field, one, records_of, goes):
    """Sends packets of records, each of which the victim must answer, and gives no credit
    for answers.  The victim must end the session."""
    stingy = Stingy(one)
    number = 0
    try:
        for _ in range(goes):
            stingy.await_credits()
            records = records_of(number)
            number += len(records)
            one.send(*records, window=stingy.window())
            one.drain()
    except Ended:
        return
    field.must_end(one, "%d records that it owes answers for" % number)


@attack(mib=16, why="what is owed to one peer that takes nothing is bounded")
def cancel_flood(field):
    """Announcements that are cancelled at once; the victim owes a DONE for each."""

    def records(number):
        out = []
        for i in range(number, number + 120):
            out += [peer.start(i, 100000, COPY, flags=TAGGED | HELD, tag=LOST_TAG),
                    peer.reply(CANCEL, i)]
        return out

    flood_stingily(field, field.peer(window=4), records, 4000)


@attack(mode="any", mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def delivery_flood(field):
    """Messages that are received; the victim owes a DONE for each, and they come faster
    than receives are posted."""

    def records(number):
        return [peer.inline(b"", TAGGED | ACK, ANY_TAG, id=i) for i in range(number, number + 240)]

    flood_stingily(field, field.peer(window=4), records, 3000)


@attack(mode="any", mib=64, why="64 packets of small messages, until they are received")
def deaf_to_answers(field):
    """A window of 32767 packets, and a socket that is never read: answers are
    elicited for as long as the victim's socket buffer and patience hold."""
    one = field.peer(window=32767, receive_buffer=4096)
    number = 0
    try:
        while one.credits() > 2:
            records = [peer.inline(b"", TAGGED | ACK, ANY_TAG, id=number + i) for i in range(200)]
            one.send(*records)
            number += 200
        for _ in range(20):
            one.send()  # a grant, which it cannot answer either
    except Ended:
        pass


@attack(mode="echo", mib=32, why="the application's own sends wait, in no memory of ours")
def deaf_to_messages(field):
    """A socket that is never read, and messages to be sent back to it."""
    one = field.peer(window=32767, receive_buffer=4096)
    field.ask("know %d" % one.port)
    echoed = field.count("echoed")
    payload = peer.inline(b"e" * 8000, TAGGED, ANY_TAG)
    try:
        while one.credits() > 2:
            one.send(*[payload] * 4)
    except Ended:
        pass
    field.until("echoed", echoed + 1)


@attack(mode="echo", mib=32, why="the application's own sends wait, in no memory of ours",
        ours=True)
def deaf_to_large_messages(field):
    """Sockets that are never read, small questions, and answers of 8 MiB each, by
    each way: what does not leave must not keep others from leaving."""
    echoed = field.count("echoed")
    for caps, eager in ((0, 1 << 40), (0, 0), (peer.EVERYTHING, 1 << 40)):
        one = field.peer(window=32767, receive_buffer=4096, caps=caps, eager_budget=eager)
        field.ask("know %d" % one.port)
        try:
            for _ in range(10):
                one.send(peer.inline(b"?", TAGGED, LARGE_TAG))
        except Ended:
            pass
    field.until("echoed", echoed + 30)
    field.until_still()
    field.honest_goes_on()


@attack(mode="echo", mib=48, why="the application's own sends wait; packets for the core's queues",
        ours=True, env={"FI_OFI_SWITCH_BUFFER_SIZE": "4096"})
def deaf_crowd(field):
    """The same from as many peers at once as there are receives, in small packets:
    together they must not take all that a domain may have on its way."""
    echoed = field.count("echoed")
    for _ in range(SLOTS):
        one = field.peer(window=32767, receive_buffer=4096, caps=0, eager_budget=1 << 40)
        field.ask("know %d" % one.port)
        one.send(peer.inline(b"?", TAGGED, LARGE_TAG))
    field.until("echoed", echoed + SLOTS)
    field.until_still()
    field.honest_goes_on()


@attack(mode="echo", mib=32, why="the application's own sends wait, in no memory of ours")
def echo_without_credits(field):
    """Messages to be sent back to a peer that never grants anything."""
    one = field.peer(window=4)
    field.ask("know %d" % one.port)
    stingy = Stingy(one)
    echoed = field.count("echoed")
    payload = peer.inline(b"e" * 3000, TAGGED, ANY_TAG)
    for _ in range(200):
        while one.credits() <= 2:
            one.take()
        one.send(*[payload] * 8, window=stingy.window())
        one.drain()
    field.until("echoed", echoed + 1)
    field.must_live(one)
