# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attacks by reads and writes, and by reads that are not answered.  See table.py."""
import peer
from peer import ACK, DONE, GO, READ, SINK, TAGGED, WRITE, WRITTEN, Ended
from table import SLOT_LEN, ANY_TAG, SESSION_MIB, attack


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
    """Reads whose greatest length is the least that a hello may announce."""
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
    """Returns the core's message for an RDMA write."""
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
    """Writes and reads of memory that the victim never offered."""
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
