# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The attacks.  Each is a function that is given a Field (attack.py): where the
victim is, and what to hold it to.  It is one go, which ends by itself; the
driver repeats it for as long as the attack is to last.

The decorator says in which mode the victim receives (victim.c), by how many MiB
its memory may grow meanwhile and why that is enough, and what of its environment
differs.  In every attack the victim stays alive and the honest pair goes on.
"""
import random
import struct

import peer
from peer import (ABORT, ACK, CANCEL, COPY, DATA, DONE, GO, HELD, INLINE, READ, SINK,
                  START, TAGGED, WRITE, WRITTEN, Ended)

SLOT_LEN = 256 << 10  # victim.c: the longest message that it receives whole
SLOTS = 96  # and how many at once
ANY_TAG = 1 << 63  # attack.h: what the victim receives
LARGE_TAG = 3 << 62  # what it answers with 8 MiB in mode echo
LOST_TAG = 0xDEAD  # nobody receives it

# What a receive context keeps that nobody received, by fi_switch(7): twice what it
# is told, here as little as it may be, so that an attack need not be long, and 73 MiB.
# malloc and the lists add something.
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
        self.ours = ours  # the victim has to be, since it is told what to do
        self.name = run.__name__.replace("_", "-")
        self.doc = run.__doc__


def attack(mode="none", mib=SESSION_MIB, why=SESSION_WHY, env=None, ours=False):
    """Adds a function to the table."""

    def add(run):
        ATTACKS.append(Attack(run, mode, mib, why, env or {}, ours))
        return run

    return add


# -- more than the victim can answer -------------------------------------------------


class Stingy:
    """Grants so little that the peer may send grants and nothing else: a packet
    of control leaves one credit unused ("Credits"), and it never has two."""

    def __init__(self, one):
        self.one = one
        self.limit = one.seen + one.window

    def window(self):
        """That reaches one packet beyond what we have seen; a limit never falls."""
        if peer.serial(self.one.seen + 1 - self.limit) > 0:
            self.limit = self.one.seen + 1
        return peer.serial(self.limit - self.one.seen)


def flood_stingily(field, one, records_of, goes):
    """Sends packets of records that each owe an answer, and lets none come.
    Must end in the victim's ending it."""
    stingy = Stingy(one)
    number = 0
    try:
        for _ in range(goes):
            while one.credits() <= 2:
                one.take()
            records = records_of(number)
            number += len(records)
            one.send(*records, window=stingy.window())
            one.drain()
    except Ended:
        return
    field.must_end(one, "%d records that it owes answers for" % number)


@attack(mib=16, why="what is owed to one peer that takes nothing is bounded")
def cancel_flood(field):
    """Announcements that are taken back at once, each of which owes a DONE."""

    def records(number):
        out = []
        for i in range(number, number + 120):
            out += [peer.start(i, 100000, COPY, flags=TAGGED | HELD, tag=LOST_TAG),
                    peer.reply(CANCEL, i)]
        return out

    flood_stingily(field, field.peer(window=4), records, 4000)


@attack(mode="any", mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def delivery_flood(field):
    """Messages that are received, each of which owes a DONE, and comes faster than
    receives are posted."""

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


# -- messages that nobody asked for -------------------------------------------------


def flood(field, one, records, packets):
    """The same packet, over and over, whatever the victim says of being full.
    Returns whether it has ended the session; the packets that were sent count
    whatever became of them."""
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
    """The ways in which a peer leaves what it sent behind."""
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


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_transfers(field):
    """Transfers of two bytes of which the second never comes."""
    one = field.peer()
    try:
        for i in range(0, 150000, 200):
            one.await_credit()
            one.send(*[peer.start(i + j, 2, COPY, b"x", TAGGED, LOST_TAG) for j in range(200)])
    except Ended:
        return
    # within the eager budget all of that is allowed, but not all of it at once
    field.must_end(one, "150,000 transfers that do not end")


@attack(mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_announcements(field):
    """Announcements of a TiB each, which cost nothing to make."""
    one = field.peer()
    try:
        for i in range(0, 150000, 200):
            one.await_credit()
            one.send(*[peer.start(i + j, 1 << 40, COPY, flags=TAGGED | HELD, tag=LOST_TAG)
                       for j in range(200)])
    except Ended:
        return
    field.must_end(one, "150,000 announcements")


@attack(mode="any", mib=UNMATCHED_MIB, why=UNMATCHED_WHY, env=UNMATCHED_ENV)
def endless_transfers_matched(field):
    """The same for which there are receives, until there are none; then the end
    of the connection, which gives them back."""
    one = field.peer()
    try:
        for i in range(0, 20000, 200):
            one.await_credit()
            one.send(*[peer.start(i + j, 2, COPY, b"x", TAGGED, ANY_TAG) for j in range(200)])
    except Ended:
        pass
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
    number = 0
    closing = False
    try:
        while number < 200000:
            one.await_credit()
            one.send(*[peer.start(number + j, 2, COPY, b"x", TAGGED, LOST_TAG)
                       for j in range(200)])
            number += 200
            if number == 50000:
                field.tell("close")
                closing = True
    except Ended:
        pass
    if not closing:
        field.tell("close")
    field.must_close()


# -- connections -----------------------------------------------------------------------

SILENT_MIB = 16
SILENT_WHY = "what the core keeps for a connection, some 20 KB"


def bare(field):
    """A TCP connection and no more."""
    return field.peer(request=False)


@attack(mib=SILENT_MIB, why=SILENT_WHY, env={"FI_OFI_SWITCH_HELLO_TIMEOUT": "5000"})
def silent_connections(field):
    """Connections that say nothing at all, or nothing once they are accepted."""
    for _ in range(60):
        bare(field)
    mute = [field.peer(hello=False) for _ in range(60)]
    field.may_enter()
    for one in mute:
        field.must_end(one, "no hello in time")


@attack(mib=SILENT_MIB, why=SILENT_WHY)
def half_requests(field):
    """Connection requests that stop at every byte.  Behind the head of one, the
    tcp core of libfabric 1.17 would wait for the rest and do nothing else."""
    for cut in range(1, 60):
        bare(field).send_bytes(peer.core_connect(b"x" * 28)[:cut])
    field.may_enter()


@attack(mib=SILENT_MIB, why=SILENT_WHY)
def connection_flood(field):
    """Connections that are closed as soon as they are there, at every point."""
    for i in range(120):
        one = bare(field)
        if i % 3 > 0:
            one.send_bytes(peer.core_connect(one.preamble()))
        if i % 3 > 1:
            one.accepted()
        one.reset() if i % 2 else one.close()
    field.may_enter()


@attack(mib=32, why="what the core and a session take for each of 100 peers")
def session_flood(field):
    """A hundred sessions, all of them up."""
    many = [field.peer() for _ in range(100)]
    field.may_enter()
    for one in many:
        one.reset()


@attack(mib=SILENT_MIB, why=SILENT_WHY)
def strange_requests(field):
    """Connection requests that hold anything but a preamble."""
    for data in (b"", b"x", b"x" * 27, b"x" * 28, b"x" * 256, struct.pack("<I", peer.MAGIC),
                 struct.pack("<I", peer.MAGIC) * 7, b"\xff" * 200):
        one = bare(field)
        one.send_bytes(peer.core_connect(data))
        try:
            one.accepted()
            field.expect(len(data) >= 28 and data[:4] == struct.pack("<I", peer.MAGIC),
                         "a request of %d strange bytes was accepted" % len(data))
        except Ended:
            pass
    for head in (b"\0" * 32, b"\xff" * 32, b"\3\0\xff\xff" + b"\0" * 28, b"\3\7" + b"\0" * 30,
                 b"\4\0" + b"\0" * 30, b"\3\1\0\0" + b"\0" * 28):
        bare(field).send_bytes(head)
    field.may_enter()


@attack(mib=SILENT_MIB, why=SILENT_WHY)
def half_packets(field):
    """Packets that stop halfway, and messages of the core of impossible sizes."""
    for cut in (1, 7, 15, 16, 17, 30, 35, 36, 40, 100, 1000):
        one = field.peer()
        one.send_bytes(one.packet(peer.inline(b"h" * 2000, TAGGED, LOST_TAG))[:cut])
        field.must_live(one)
        if cut % 2:
            one.reset()
    for size in (0, 1, 15, 1 << 16, 1 << 31, 1 << 63, (1 << 64) - 1):
        one = field.peer()
        one.send_bytes(peer.core_message(one.header(0), size=size))
    field.may_enter()


@attack(mib=40, why="receive buffers, and what the core and a session take for each of 300 peers")
def half_packet_crowd(field):
    """Each of many peers begins a packet and stops: a shared receive context has
    lent it a buffer by then, and the others need some, too."""
    for _ in range(300):
        one = field.peer()
        one.send_bytes(one.packet(peer.inline(b"h" * 2000, TAGGED, LOST_TAG))[:100])
    field.may_enter()


def bad_answers_to_a_call():
    """How one who is called can disappoint; each is given the call that came."""

    def accept(one, data=None):
        one.send_bytes(peer.core_connect(one.preamble() if data is None else data,
                                         peer.CORE_ACCEPTED))

    def greet(one, record):
        accept(one)
        one.send_bytes(peer.core_message(one.header(1, seq=peer.FIRST_HELLO_SEQ) + record))

    def refuse(reason):
        return lambda one: greet(one, struct.pack("<BBHHHI", peer.REFUSE, 0, reason, 1, 1,
                                                  one.peer_attempt))

    def greet_and(*records):
        def answer(one):
            greet(one, one.hello_record(answers=one.peer_attempt))
            one.send(*records)
        return answer

    def nothing(one):
        pass

    def half(one):
        one.send_bytes(peer.core_connect(one.preamble(), peer.CORE_ACCEPTED)[:32])

    def nack(one):
        one.send_bytes(peer.core_connect(b"\xff" * 256, peer.CORE_REFUSED))

    return (nothing, half, nack, peer.Peer.reset, peer.Peer.close, accept,
            lambda one: accept(one, b""), lambda one: accept(one, b"\xff" * 28),
            lambda one: accept(one, b"\xff" * 256), refuse(0), refuse(1), refuse(4), refuse(65535),
            lambda one: greet(one, one.hello_record(answers=one.peer_attempt + 1)),
            lambda one: greet(one, peer.reply(DONE, 1)), lambda one: greet(one, peer.bye()),
            greet_and(peer.bye(ABORT)), greet_and(peer.segment(1, 0, b"x")),
            greet_and(peer.inline(b"x", length=60000)))


@attack(mib=SESSION_MIB, ours=True, env={"FI_OFI_SWITCH_HELLO_TIMEOUT": "5000"})
def bad_answers(field):
    """The victim sends to us: it calls, and is answered badly or not at all."""
    listener = peer.Listener(field.address[0])
    failed = field.count("calls_failed")
    for answer in bad_answers_to_a_call():
        field.ask("call %d" % listener.port)
        answer(field.called(listener))
        failed += 1
        field.until("calls_failed", failed)
    listener.close()
    field.ask("call %d" % listener.port)
    field.until("calls_failed", failed + 1)


@attack()
def impostor(field):
    """Requests that claim to come from somebody else."""
    honest = field.honest_port()
    first = field.peer()
    for port in (honest, field.address[1], 0, first.port):
        for instance, attempt in ((None, 1), (None, 0xFFFFFFFF), (first.peer_instance, 1),
                                  (first.instance, 0), (0, 1), ((1 << 64) - 1, 7)):
            try:
                one = field.peer(source="127.0.0.2", port=port, instance=instance, attempt=attempt)
                one.send(peer.inline(b"", TAGGED, LOST_TAG))
            except Ended:
                pass
    field.must_live(first)


# -- reading and writing ------------------------------------------------------------------


@attack(mode="any", mib=SESSION_MIB, ours=True, env={"FI_OFI_SWITCH_CLOSE_TIMEOUT": "1000"})
def reads_never_answered(field):
    """Announcements to be read, and reads that are never answered.  The victim
    can close its endpoint all the same."""
    for _ in range(2):
        one = field.peer()
        for i in range(8):
            one.send(peer.start(i, 1 << 20, READ, b"", TAGGED, ANY_TAG,
                                pieces=[(0, 1 << 20, bytes(8))]))
        while not one.read_requests:
            one.take()
    field.tell("close")
    field.must_close()


@attack(mode="any", mib=SESSION_MIB)
def reads_cut_off(field):
    """Reads whose answer stops halfway, with the connection or without."""
    for i in range(6):
        one = field.peer()
        one.send(peer.start(1, SLOT_LEN, READ, b"", TAGGED, ANY_TAG,
                            pieces=[(0, SLOT_LEN, bytes(8))]))
        while not one.read_requests:
            one.take()
        answer = peer.core_message(b"r" * 5000, peer.CORE_READ_RESPONSE,
                                   size=16 + (SLOT_LEN if i < 4 else 1 << 40))
        one.send_bytes(answer[:4000])
        one.reset() if i % 2 else one.close()
    field.may_enter()


@attack(mode="any", mib=SESSION_MIB)
def reads_of_least_size(field):
    """Reads that may be no longer than the least that a hello may ask for."""
    most, length = 4096, SLOT_LEN
    one = field.peer(rma_max=most)
    one.send(peer.start(1, length, READ, b"", TAGGED | ACK, ANY_TAG,
                        pieces=[(0, length, bytes(8))]))
    left = length
    while left:
        op, pieces = one.take()
        if op != peer.CORE_READ_REQUEST:
            continue
        sizes = [sum(piece[1] for piece in pieces)]
        while one.readable() and len(sizes) < 64:
            op, pieces = one.take()
            if op == peer.CORE_READ_REQUEST:
                sizes.append(sum(piece[1] for piece in pieces))
        field.expect(max(sizes) <= most, "a read of %d bytes, where the hello allows %d" %
                     (max(sizes), most))
        field.expect(len(sizes) <= 4, "%d reads of one transfer at once" % len(sizes))
        for size in sizes:
            one.send_bytes(peer.core_message(b"r" * size, peer.CORE_READ_RESPONSE))
        left -= sum(sizes)
    field.expect(one.take_record(DONE)[4] == 1, "the transfer is done")


def write_message(pieces, payload, size=None):
    """The core's message that writes."""
    return peer.core_message(payload, peer.CORE_WRITE, pieces, size)


@attack(mode="keep", mib=SESSION_MIB, env={"FI_OFI_SWITCH_RMA_TARGET": "0"})
def writes_after_written(field):
    """A second connection that is halfway through a write when the first one
    says that everything is written, and then goes on.  A core that does not
    check each access cannot keep it out, so it is a victim whose memory is no
    target: no place to write to may ever be told."""
    length = 64 << 10
    one, other = field.peer(), field.peer()
    try:
        one.send(peer.start(1, length, WRITE, b"", TAGGED, ANY_TAG))
        record = one.take_record(SINK, GO, DONE)
    except Ended:
        return  # it does not do what the hello said it cannot
    if record[0] != SINK:
        return
    pieces = peer.sink_pieces(record)
    late = write_message(pieces, b"\xa5" * length)
    other.send_bytes(late[:length // 2])
    one.send_bytes(write_message(pieces, b"w" * length))
    one.send(peer.reply(WRITTEN, 1))
    try:
        one.take_record(DONE)
    except Ended:
        return  # that it cannot keep the two apart and ends them is as good
    field.until_kept(1)
    try:
        other.send_bytes(late[length // 2:])
        other.ended(0.2)
    except Ended:
        pass
    said = field.ask("check")
    field.expect(not said or not said["changed"],
                 "memory of a receive that had completed was written to")


@attack(mode="any", mib=SESSION_MIB)
def writes_elsewhere(field):
    """Writes and reads of memory that nobody offered."""
    for key in (0, 1, 2, 77, 1 << 32, (1 << 64) - 1):
        for addr, length in ((0, 8), (0x1000, 4096), ((1 << 64) - 8, 16)):
            one = field.peer()
            one.send_bytes(write_message([(addr, length, key)], b"w" * length))
            field.must_end(one, "a write to key %#x" % key)
            one = field.peer()
            one.send_bytes(peer.core_message(b"", peer.CORE_READ_REQUEST, [(addr, length, key)]))
            field.must_end(one, "a read of key %#x" % key)


@attack(mode="any", mib=SESSION_MIB)
def descriptors_that_lie(field):
    """Descriptors that overlap, overflow or do not add up."""
    key, most = bytes(8), (1 << 64) - 1
    for total, pieces in ((100, [(0, 99, key)]), (100, [(0, 101, key)]), (100, [(0, 0, key)] * 4),
                          (100, [(most, 100, key)]), (100, [(0, most, key), (0, 101, key)]),
                          (most, [(0, most, key)] * 4), (100, [(0, 100, bytes(9))]),
                          (100, [(0, 100, bytes(32))]), (1 << 40, [])):
        one = field.peer()
        one.send(peer.start(1, total, READ, b"", TAGGED, ANY_TAG, pieces=pieces,
                            key_len=len(pieces[0][2]) if pieces else 8))
        field.must_end(one, "descriptors that do not add up")
    for cnt, key_len in ((5, 8), (255, 8), (4, 33), (4, 255)):
        one = field.peer()
        one.send(peer.start(1, 1 << 20, READ, b"", TAGGED, ANY_TAG, desc_cnt=cnt, key_len=key_len))
        field.must_end(one, "%d descriptors with keys of %d bytes" % (cnt, key_len))


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
    """Anything but a hello first, and a hello again."""
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
    """Every flag that no record of its type has, types that there are not, and
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
    """Numbers of packets, acknowledgements and windows that cannot be."""
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
    """Packets for sessions that there are not, or with a wrong cookie."""
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
    """Budgets that do not add up, and transfers beyond the one we have."""
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
