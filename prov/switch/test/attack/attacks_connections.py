# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attacks by connections, and by data ahead of the first packet.  See table.py."""
import struct

import peer
from peer import ABORT, DONE, TAGGED, Ended
from table import LOST_TAG, SESSION_MIB, attack

SILENT_MIB = 16
SILENT_WHY = "what the core keeps for a connection, some 20 KB"


def bare(field):
    """A TCP connection and no more."""
    return field.peer(request=False)


@attack(mib=SILENT_MIB, why=SILENT_WHY, env={"FI_OFI_SWITCH_HELLO_TIMEOUT": "5000"})
def silent_connections(field):
    """Connections that send nothing at all, or nothing once they are accepted."""
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
    """Connections that are closed early, at every point of their opening."""
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
    """The wrong answers of a listener, as functions of the connection that came."""

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
    """The victim connects to us, and gets a wrong answer or none."""
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
    """Requests that claim to come from another endpoint."""
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
