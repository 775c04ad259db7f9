# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attacks that break a rule: in the hello, in packets, in records.  See table.py."""
import random
import struct

import peer
from peer import (ABORT, ACK, CANCEL, COPY, DATA, DONE, HELD, INLINE, READ, START, TAGGED, WRITE,
                  WRITTEN, Ended)
from table import ANY_TAG, LOST_TAG, SESSION_MIB, attack

# -- the hello -------------------------------------------------------------------------------


@attack(mode="any")
def extreme_hellos(field):
    """Limits at and beyond both ends: those in bounds work, others are refused."""
    good = ({"rma_max": 4096}, {"rma_max": 1, "caps": 0}, {"rma_max": (1 << 64) - 1},
            {"rma_max": 0}, {"window": 4},
            {"window": 32767}, {"buffer_size": 512}, {"buffer_size": 0xFFFFFFFF},
            {"eager_budget": (1 << 64) - 1}, {"eager_budget": 0}, {"key_len": 0}, {"key_len": 32},
            {"rma_pieces": 0}, {"rma_pieces": 65535}, {"caps": 0}, {"caps": 0xFFFFFFFF},
            {"name": b"n" * 64}, {"attempt": 0}, {"attempt": 0xFFFFFFFF}, {"instance": 0})
    bad = ({"rma_max": 1}, {"rma_max": 4095}, {"window": 0}, {"window": 3}, {"window": 32768},
           {"window": 65535}, {"buffer_size": 0},
           {"buffer_size": 511}, {"key_len": 33}, {"key_len": 65535}, {"name": b"n" * 65})
    for limits in good:
        one = field.peer(**limits)
        one.send(peer.inline(b"x", TAGGED | ACK, ANY_TAG, id=5), window=min(one.window, 32767))
        field.expect(one.take_record(DONE)[4] == 5, "a message is answered with %r" % limits)
    for limits in bad:
        try:
            one = field.peer(**limits)
        except Ended:
            continue
        field.must_end(one, "a hello with %r" % limits)
    name, budget, secret = (peer.extension(peer.EXT_NAME, b"n"),
                            peer.extension(peer.EXT_BUDGET, bytes(8)),
                            peer.extension(peer.EXT_SECRET, bytes(16)))
    one = field.peer(hello=False)
    one.greet(one.hello_record(exts=secret + peer.extension(0x7FFF, b"later") + budget + name))
    for words in ({"versions": (peer.VERSION + 1, 9)}, {"versions": (0, 0)}, {"versions": (1, 1)},
                  {"order": 0x0201}, {"magic": 0}, {"length": 63}, {"length": 65},
                  {"length": 65535}, {"exts": b""}, {"exts": name + budget},
                  {"exts": name + budget + secret + name},
                  {"exts": name + budget + peer.extension(peer.EXT_SECRET, bytes(15))},
                  {"exts": name + budget + peer.extension(peer.EXT_SECRET, bytes(16), 200)},
                  {"exts": name + budget + secret + peer.extension(peer.EXT_HOST, bytes(41))},
                  {"exts": name + budget + secret + b"\x01"},
                  {"exts": name + budget + secret + peer.extension(peer.EXT_RESUME, bytes(20))}):
        one = field.peer(hello=False)
        try:
            one.greet(one.hello_record(**words))
        except Ended:
            continue
        field.must_end(one, "a hello with %r" % words)


@attack()
def first_packets(field):
    """First packets that are no hello, and a second hello."""
    for record in (b"", peer.bye(), peer.bye(ABORT), peer.inline(b"x"), peer.reply(DONE, 1),
                   struct.pack("<BBHHHI", 2, 0, 1, 1, 1, 1)):
        one = field.peer(hello=False)
        try:
            one.greet(record)
        except Ended:
            continue
        field.must_end(one, "a first packet that is no hello")
    one = field.peer()
    one.send(one.hello_record())
    field.must_end(one, "a second hello")


# -- records and packets that break a rule -------------------------------------------------------


def each_record():
    """A sound record of every type, with the flags that it may have."""
    return ((peer.inline(b"x" * 8), TAGGED | DATA | ACK),
            (peer.start(1, 100, COPY, b"x" * 8), TAGGED | DATA | ACK | HELD),
            (peer.segment(1, 0, b"x"), 0), (peer.go(1, 1), 0),
            (peer.sink(1, [(0, 1, bytes(8))]), 0),
            (peer.reply(WRITTEN, 1), 0), (peer.reply(DONE, 1), 0), (peer.reply(CANCEL, 1), 0),
            (peer.budget(0), 0), (peer.bye(), ABORT))


@attack()
def reserved_bits(field):
    """Flags that a record of its type does not have, unknown types of records, and
    flags of a packet."""
    for record, flags in each_record():
        for bit in range(8):
            if flags & 1 << bit:
                continue
            one = field.peer()
            one.send(bytes([record[0], 1 << bit]) + record[2:])
            field.must_end(one, "flag %d of a record of type %d" % (bit, record[0]))
    for kind in (0, 13, 14, 64, 255):
        one = field.peer()
        one.send(bytes([kind]) + bytes(31))
        field.must_end(one, "a record of type %d" % kind)
    one = field.peer()
    one.send(peer.start(1, 100, COPY, b"x", reserved=1))
    field.must_end(one, "a reserved byte of START")
    for way in (0, 4, 255):
        one = field.peer()
        one.send(peer.start(1, 100, way, b"x"))
        field.must_end(one, "way %d" % way)


@attack()
def short_packets(field):
    """Packets shorter than their header, or than their records say."""
    one = field.peer()
    for length in range(peer.HEADER_LEN):
        one.send_bytes(peer.core_message(one.header(0)[:length]))
    one.send(peer.inline(b"x", TAGGED, LOST_TAG))
    field.must_live(one)  # such a packet names nobody
    for record, _ in each_record():
        for length in range(len(record)):
            if record[0] not in (INLINE, START) and length not in (0, 1, 2, len(record) - 1):
                continue
            one = field.peer()
            one.send(record[:length])
            field.must_end(one, "%d bytes of a record of type %d" % (length, record[0]))
    for cnt in (0, 2, 255):
        one = field.peer()
        one.send_bytes(core_with_count(one, cnt, peer.inline(b"x")))
        field.must_end(one, "a packet of one record that says %d" % cnt)


def core_with_count(one, cnt, body):
    """A packet whose header lies about its records."""
    return peer.core_message(one.header(cnt) + body)


@attack()
def numbers(field):
    """Impossible packet numbers, acknowledgements and windows."""
    message = peer.inline(b"x", TAGGED, LOST_TAG)
    for header in ({"seq": 1}, {"seq": 0xFFFFFFFF}, {"seq": 0x7FFFFFFF}, {"seq": 1000},
                   {"ack": 1000}, {"ack": -5}, {"ack": 0x80000000}, {"window": 0}, {"window": 63},
                   {"window": 32768}, {"window": 65535}, {"flags": 2}, {"flags": 255}):
        one = field.peer()
        one.send(message, **header)
        field.must_end(one, "a packet with %r" % header)
    one = field.peer()
    try:
        for _ in range(100000):
            one.send(message)  # without looking at credits, nor at what it says
    except Ended:
        return
    field.must_end(one, "packets beyond all credits")


@attack()
def unknown_sessions(field):
    """Packets for sessions that do not exist, or with a wrong cookie."""
    one = field.peer()
    for _ in range(200):
        data = bytearray()
        for _ in range(40):
            data += peer.core_message(one.header(1, id=random.getrandbits(32)) + peer.bye())
            data += peer.core_message(one.header(1, cookie=one.peer_cookie ^ 1) + peer.bye())
        one.send_bytes(data)
    field.must_live(one)


@attack(mode="any")
def budgets(field):
    """Budgets that do not add up, and transfers beyond the budget that we have."""
    for released in (1, (1 << 64) - 1):
        one = field.peer()
        one.send(peer.budget(released))
        field.must_end(one, "%d bytes released of none" % released)
    one = field.peer()
    one.send(peer.start(1, 1 << 40, COPY, b"x", TAGGED, LOST_TAG))
    field.must_end(one, "a TiB within the budget")
    one = field.peer()
    try:
        for i in range(64):
            one.await_credit()
            one.send(peer.start(i, 60000, COPY, b"x", TAGGED, LOST_TAG))
    except Ended:
        return
    field.must_end(one, "transfers beyond the budget")


@attack(mode="any")
def replies_to_nothing(field):
    """Records that concern transfers that do not exist, or not in this stage."""
    one = field.peer()
    for id in (0, 1, 5, 0x00100000, 0xFFFFFFFF):
        one.await_credit()
        one.send(peer.go(id, 1), peer.sink(id, [(0, 1, bytes(8))]), peer.reply(DONE, id),
                 peer.reply(CANCEL, id))
    field.must_live(one)  # they may be late
    for record in (peer.segment(1, 0, b"x"), peer.reply(WRITTEN, 1)):
        one = field.peer()
        one.send(record)
        field.must_end(one, "data of a transfer that does not exist")
    begun = {"held": peer.start(1, 100, COPY, b"", TAGGED | HELD, LOST_TAG),
             "copy": peer.start(1, 100, COPY, b"x", TAGGED, LOST_TAG),
             "write": peer.start(1, 100, WRITE, b"x", TAGGED, LOST_TAG),
             "read": peer.start(1, 100, READ, b"", TAGGED, LOST_TAG, pieces=[(0, 100, bytes(8))])}
    for name, record in (("held", peer.segment(1, 0, b"x")), ("write", peer.segment(1, 0, b"x")),
                         ("read", peer.reply(WRITTEN, 1)), ("copy", peer.reply(WRITTEN, 1)),
                         ("copy", peer.segment(1, 1, b"x")),
                         ("copy", peer.segment(1, 0, b"x" * 100)),
                         ("copy", peer.segment(1, 1 << 63, b"x")), ("copy", begun["copy"]),
                         ("write", peer.reply(WRITTEN, 1, 9)), ("copy", peer.reply(WRITTEN, 1, 3))):
        one = field.peer()
        one.send(begun[name])
        one.send(record)
        field.must_end(one, "a record of type %d for a %s" % (record[0], name))


@attack(mode="any")
def bye_everywhere(field):
    """BYE at every point, with more behind it, or again."""
    matched = peer.start(1, 1 << 18, COPY, b"x", TAGGED, ANY_TAG)
    before = ([], [peer.inline(b"x", TAGGED, LOST_TAG)],
              [peer.inline(b"x", TAGGED | ACK, ANY_TAG, id=1)],
              [matched], [peer.start(1, 2, COPY, b"x", TAGGED, LOST_TAG)],
              [peer.start(1, 1 << 18, COPY, b"", TAGGED | HELD, ANY_TAG)],
              [peer.start(1, 1 << 18, WRITE, b"", TAGGED, ANY_TAG)],
              [peer.start(1, 1 << 18, READ, b"", TAGGED, ANY_TAG, pieces=[(0, 1 << 18, bytes(8))])])
    for records in before:
        for ends in ([peer.bye()], [peer.bye(ABORT)], [peer.bye(), peer.bye()],
                     [peer.bye(), peer.inline(b"x")], [peer.bye(ABORT), matched]):
            one = field.peer()
            try:
                one.send(*records, *ends)
            except Ended:
                continue
            if len(ends) > 1 or ends[0][1]:
                field.must_end(one, "BYE")
            else:
                one.reset()


@attack(mode="any")
def noise(field):
    """Random bytes where records are expected, and sound records at random."""
    for _ in range(30):
        one = field.peer()
        try:
            for _ in range(20):
                one.await_credit()
                if random.random() < 0.2:
                    one.send(bytes(random.getrandbits(8) for _ in range(random.randrange(1, 200))))
                else:
                    one.send(*[random.choice(each_record())[0]
                               for _ in range(random.randrange(1, 6))])
        except Ended:
            continue
        one.reset()


@attack(mode="any", mib=SESSION_MIB)
def credits_only(field):
    """Packets without records, as many as there are credits for, and beyond: each
    may make the victim owe one, but two sides do not chase each other for long."""
    one = field.peer()
    try:
        for _ in range(20000):
            while one.credits() <= 0:
                one.take()
            one.send()
            one.drain()
    except Ended:
        pass
