# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A peer made of a plain socket, which sends whatever it is told to.

It owns the bytes: those of libfabric's tcp core, in which every message of the
core has a header of its own, and inside them the packets and records of
docs/protocol.md (its sections are named below).  It keeps numbers and credits
right unless it is told otherwise, so that an attack is wrong in one thing at a
time.  It never checks what it is told to send: that is its purpose.

The tcp core speaks the same bytes from libfabric 1.17 to 2.x; a core that does
not is found out when a Peer connects (NotThisCore).
"""
import random
import select
import socket
import struct
import time

MAGIC = 0x5753464F
VERSION = 2
BYTE_ORDER = 0x0102
HEADER_LEN = 20  # "Packet header"
BUFFER_SIZE = 32832
FIRST_HELLO_SEQ = 0xFFFFFFFF  # "Opening": the number before the first packet's

# types of records ("Records")
HELLO, REFUSE, INLINE, START, SEGMENT, GO, SINK, WRITTEN, DONE, CANCEL, BUDGET, BYE = range(1, 13)

# extensions of the hello
EXT_NAME, EXT_BUDGET, EXT_SECRET, EXT_RESUME, EXT_HOST = range(1, 6)
HELLO_LEN = 64  # ahead of them
# flags of records
TAGGED, DATA, ACK, HELD, ABORT = 1, 2, 4, 8, 16
# ways of a START ("Large messages")
READ, WRITE, COPY = 1, 2, 3
# capabilities in the hello
CAN_READ, CAN_WRITE, READ_TARGET, WRITE_TARGET = 1, 2, 4, 8
EVERYTHING = CAN_READ | CAN_WRITE | READ_TARGET | WRITE_TARGET


class Ended(Exception):
    """The victim closed the connection, or refused it."""


class NotThisCore(Exception):
    """The listener does not use the protocol of the tcp core."""


# -- the tcp core ---------------------------------------------------------------
#
# Connecting: 3, type, length of the data (big-endian), 28 bytes, data.
# A message: version, operation, flags, operation's data, count of RMA pieces,
# length of the header, reserved, length of all, pieces (address, length, key).

CORE_VERSION = 3
CORE_CONNECT, CORE_ACCEPTED, CORE_REFUSED = 0, 1, 2
CORE_CONNECT_HEAD = struct.Struct("<BB")
CORE_CONNECT_REST = struct.Struct("<IQQQ")
CORE_CONNECT_LEN = 32
CORE_HEAD = struct.Struct("<BBHBBBBQ")
CORE_PIECE = struct.Struct("<QQQ")
CORE_MSG, CORE_READ_REQUEST, CORE_READ_RESPONSE, CORE_WRITE = 0, 2, 3, 4


def core_connect(data, kind=CORE_CONNECT):
    """A connection request of the core that carries data, or an answer to one."""
    return (CORE_CONNECT_HEAD.pack(CORE_VERSION, kind) + struct.pack(">H", len(data)) +
            CORE_CONNECT_REST.pack(0, 0, 0, 1) + data)


def core_message(payload, op=CORE_MSG, pieces=(), size=None):
    """A message of the core; size: a wrong length for its header, if not None."""
    tail = b"".join(CORE_PIECE.pack(*piece) for piece in pieces)
    head = CORE_HEAD.size + len(tail)
    if size is None:
        size = head + len(payload)
    return CORE_HEAD.pack(CORE_VERSION, op, 0, 0, len(pieces), head, 0, size) + tail + payload


# -- records ("Records") -----------------------------------------------------------


def inline(payload=b"", flags=0, tag=0, data=0, id=0, length=None):
    """A whole message."""
    record = struct.pack("<BBH", INLINE, flags, len(payload) if length is None else length)
    if flags & TAGGED:
        record += struct.pack("<Q", tag)
    if flags & DATA:
        record += struct.pack("<Q", data)
    if flags & ACK:
        record += struct.pack("<I", id)
    return record + payload


def descriptors(pieces):
    """Descriptors: each an address, a length and the bytes of a key."""
    return b"".join(struct.pack("<QQ", addr, length) + key for addr, length, key in pieces)


def start(id, total, way=COPY, initial=b"", flags=0, tag=0, data=0, pieces=(), key_len=8,
          desc_cnt=None, length=None, reserved=0):
    """The announcement of a transfer."""
    cnt = len(pieces) if desc_cnt is None else desc_cnt
    record = struct.pack("<BBHIQBBBB", START, flags, len(initial) if length is None else length,
                         id & 0xFFFFFFFF, total, way, cnt, key_len if cnt else 0, reserved)
    if flags & TAGGED:
        record += struct.pack("<Q", tag)
    if flags & DATA:
        record += struct.pack("<Q", data)
    return record + descriptors(pieces) + initial


def segment(id, offset, payload, length=None):
    """Bytes of a copied transfer."""
    return struct.pack("<BBHIQ", SEGMENT, 0, len(payload) if length is None else length, id,
                       offset) + payload


def go(id, want):
    """GO: asks for so many bytes as segments."""
    return struct.pack("<BBHIQ", GO, 0, 0, id, want)


def sink(id, pieces, key_len=8):
    """SINK: the descriptors of the memory to write to."""
    return struct.pack("<BBBBI", SINK, 0, len(pieces), key_len, id) + descriptors(pieces)


def reply(type, id, status=0):
    """WRITTEN, DONE or CANCEL."""
    return struct.pack("<BBHI", type, 0, status, id & 0xFFFFFFFF)


def budget(released):
    """BUDGET: the total of eager bytes ever released."""
    return struct.pack("<BBHQ", BUDGET, 0, 0, released)


def bye(flags=0):
    """BYE: no record follows."""
    return struct.pack("<BBH", BYE, flags, 0)


def sink_pieces(record):
    """The descriptors of a SINK that came: (address, length, key as a number)."""
    cnt, key_len = record[2], record[3]
    pieces, at = [], 8
    for _ in range(cnt):
        addr, length = struct.unpack_from("<QQ", record, at)
        key = int.from_bytes(record[at + 16:at + 16 + key_len], "little")
        pieces.append((addr, length, key))
        at += 16 + key_len
    return pieces


def serial(difference):
    """Numbers of packets are compared as signed differences."""
    return ((difference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


# -- the peer ------------------------------------------------------------------------


def extension(type, value, length=None):
    """An extension of the hello; length: a wrong one, if not None."""
    return struct.pack("<HH", type, len(value) if length is None else length) + value


class Peer:
    """One connection to the victim, and the session on it.

    request=False stops with a bare TCP connection, hello=False ahead of the hello.
    accepted: a socket on which the victim has connected to us (Listener).
    """

    def __init__(self, address, *, accepted=None, source=None, instance=None, attempt=1,
                 port=None, window=64,
                 buffer_size=BUFFER_SIZE, caps=EVERYTHING, rma_max=1 << 30, eager_budget=1 << 20,
                 rma_pieces=4, key_len=8, name=b"", receive_buffer=None, request=True, hello=True,
                 timeout=20.0):
        self.timeout = timeout
        self.socket = accepted or socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        try:
            if not accepted:
                self.socket.connect(address)
        except ConnectionError as error:
            raise Ended("connecting: %s" % error) from error
        self.id = random.getrandbits(20) | 1 << 24
        self.cookie = random.getrandbits(32)
        self.instance = random.getrandbits(64) if instance is None else instance
        self.attempt = attempt
        self.port = self.socket.getsockname()[1] if port is None else port
        self.window, self.buffer_size, self.caps, self.rma_max = window, buffer_size, caps, rma_max
        self.eager_budget, self.rma_pieces, self.key_len = eager_budget, rma_pieces, key_len
        self.name = name
        self.secret = random.randbytes(16)
        self.next_seq = 0  # of the packet that we send next
        self.seen = 0  # packets of the victim that we have consumed
        self.limit = 0  # we may send packets below it
        self.granted = 0  # what we had consumed when we last sent a packet without records
        self.read_requests = 0
        if accepted:
            self.requested()
        elif request:
            self.request()
            if hello:
                self.greet()

    # -- bytes --

    def send_bytes(self, data):
        """Sends bytes.  Raises Ended if the victim has closed the connection."""
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(data)
        except ConnectionError as error:
            raise Ended(str(error)) from error

    def take_bytes(self, cnt, timeout=None):
        """Receives exactly cnt bytes.  Raises TimeoutError if they do not come."""
        data = bytearray()
        self.socket.settimeout(self.timeout if timeout is None else max(timeout, 0.001))
        while len(data) < cnt:
            try:
                more = self.socket.recv(cnt - len(data))
            except ConnectionError as error:
                raise Ended(str(error)) from error
            if not more:
                raise Ended("closed")
            data += more
        return bytes(data)

    def close(self):
        """Closes the connection."""
        self.socket.close()

    def reset(self):
        """Closes the connection as a process that dies with unread data does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # -- opening ("Opening") --

    def preamble(self):
        """The preamble, which travels with the connection request."""
        return struct.pack("<IIIIQHH", MAGIC, self.id, self.cookie, self.attempt, self.instance,
                           self.port, VERSION)

    def request(self):
        """Asks the core for a connection and takes its answer."""
        self.send_bytes(core_connect(self.preamble()))
        self.accepted()

    def requested(self):
        """Takes the victim's connection request."""
        head = self.take_bytes(CORE_CONNECT_LEN)
        if head[0] != CORE_VERSION:
            raise NotThisCore("the core's request has version %d" % head[0])
        data = self.take_bytes(struct.unpack(">H", head[2:4])[0])
        (_, self.peer_id, self.peer_cookie, self.peer_attempt, self.peer_instance, self.peer_port,
         _) = struct.unpack_from("<IIIIQHH", data)

    def accepted(self):
        """Takes the core's answer to the connection request."""
        head = self.take_bytes(CORE_CONNECT_LEN)
        if head[0] != CORE_VERSION:
            raise NotThisCore("the core's answer has version %d" % head[0])
        length = struct.unpack(">H", head[2:4])[0]
        data = self.take_bytes(length)
        if head[1] != CORE_ACCEPTED:
            raise Ended("refused with %r" % data)
        if length < 28 or struct.unpack_from("<I", data)[0] != MAGIC:
            raise NotThisCore("no preamble in the core's answer")
        (_, self.peer_id, self.peer_cookie, _, self.peer_instance, self.peer_port,
         _) = struct.unpack_from("<IIIIQHH", data)

    def hello_record(self, *, versions=(VERSION, VERSION), order=BYTE_ORDER, magic=MAGIC,
                     exts=None, length=None, answers=0):
        """A HELLO (see the table of its fields); exts: all bytes behind them."""
        if exts is None:
            exts = (extension(EXT_NAME, self.name) +
                    extension(EXT_BUDGET, struct.pack("<Q", self.eager_budget)) +
                    extension(EXT_SECRET, self.secret))
        return struct.pack("<BBHIHHHHIIIIQIIQHHBBH", HELLO, 0,
                           HELLO_LEN + len(exts) if length is None else length, magic, *versions,
                           order, self.window, self.caps, self.buffer_size, self.attempt, answers,
                           self.instance, 0, 0, self.rma_max, self.rma_pieces, self.key_len,
                           1, 0, 0) + exts

    def greet(self, record=None):
        """Sends the hello and takes the victim's."""
        self.send_bytes(core_message(self.header(1, seq=FIRST_HELLO_SEQ) +
                                     (self.hello_record() if record is None else record)))
        payload = self.take_packet()
        if payload[HEADER_LEN] != HELLO:
            raise Ended("the hello is answered with a record of type %d" % payload[HEADER_LEN])

    # -- packets ("Packet header") --

    def header(self, record_cnt, *, seq=None, ack=None, window=None, flags=0, id=None, cookie=None):
        """The header of the next packet, with the fields that are given."""
        return struct.pack("<IIIIHBB", self.peer_id if id is None else id,
                           self.peer_cookie if cookie is None else cookie,
                           self.next_seq if seq is None else seq,
                           self.seen if ack is None else ack & 0xFFFFFFFF,
                           self.window if window is None else window, record_cnt, flags)

    def packet(self, *records, **header):
        """Returns a packet of these records, with the next number."""
        return core_message(self.header(len(records), **header) + b"".join(records))

    def send(self, *records, **header):
        """Sends a packet, whether or not there is a credit for it."""
        data = self.packet(*records, **header)
        if header.get("seq") is None:
            self.next_seq = (self.next_seq + 1) & 0xFFFFFFFF
        self.send_bytes(data)

    def send_many(self, packets):
        """Sends a packet for each list of records, in as few system calls as credits allow."""
        packets, at = list(packets), 0
        while at < len(packets):
            self.await_credit()
            data = bytearray()
            while at < len(packets) and self.credits() > 2 and len(data) < 1 << 18:
                data += self.packet(*packets[at])
                self.next_seq = (self.next_seq + 1) & 0xFFFFFFFF
                at += 1
            self.send_bytes(data)

    def repeat(self, records, cnt=1):
        """Sends the same packet cnt times; only its number is encoded anew, to be quick."""
        body, left = b"".join(records), cnt
        while left:
            self.await_credit()
            data = bytearray()
            while left and self.credits() > 2 and len(data) < 1 << 18:
                data += core_message(self.header(len(records)) + body)
                self.next_seq = (self.next_seq + 1) & 0xFFFFFFFF
                left -= 1
            self.send_bytes(data)

    def take(self, timeout=None):
        """Receives one message of the core: (operation, pieces or payload)."""
        head = self.take_bytes(CORE_HEAD.size, timeout)
        version, op, _, _, cnt, head_len, _, size = CORE_HEAD.unpack(head)
        if version != CORE_VERSION:
            raise NotThisCore("a message of the core has version %d" % version)
        rest = self.take_bytes(head_len - CORE_HEAD.size)
        if op == CORE_READ_REQUEST:
            self.read_requests += 1
            return op, [CORE_PIECE.unpack_from(rest, 24 * i) for i in range(cnt)]
        payload = self.take_bytes(size - head_len)
        if op == CORE_MSG and len(payload) >= HEADER_LEN:
            _, _, seq, ack, window, record_cnt, _ = struct.unpack_from("<IIIIHBB", payload)
            self.seen = (seq + 1) & 0xFFFFFFFF
            self.limit = (ack + window) & 0xFFFFFFFF
        return op, payload

    def take_packet(self, timeout=None):
        """Receives the next packet; other messages of the core are skipped."""
        while True:
            op, payload = self.take(timeout)
            if op == CORE_MSG:
                return payload

    def take_record(self, *types):
        """Returns the first record of the next packet that begins with one of these types."""
        while True:
            payload = self.take_packet()
            if len(payload) > HEADER_LEN and payload[HEADER_LEN] in types:
                return payload[HEADER_LEN:]

    def readable(self, timeout=0.0):
        """Returns whether there is something to receive."""
        return bool(select.select([self.socket], [], [], timeout)[0])

    def drain(self):
        """Consumes the packets that have come, and their credits."""
        while self.readable():
            self.take()

    # -- credits ("Credits") --

    def credits(self):
        """Returns how many packets may be sent; data must leave two of them unused."""
        return serial(self.limit - self.next_seq)

    def await_credit(self):
        """Waits for a grant, and gives the victim the credits that it needs to send one."""
        self.drain()
        while self.credits() <= 2:
            self.take()
            self.drain()
            if serial(self.seen - self.granted) > self.window // 2:
                self.grant()

    def grant(self):
        """Sends a packet without records."""
        self.granted = self.seen
        self.send()

    # -- the end --

    def ended(self, timeout):
        """Waits for the victim to end the session.  Returns None if it does not, else how it did.
        Acknowledges the victim's BYE, for which the victim waits ("Ends")."""
        limit = time.monotonic() + timeout
        try:
            while time.monotonic() < limit:
                _, payload = self.take(limit - time.monotonic())
                if len(payload) > HEADER_LEN and payload[HEADER_LEN] == BYE:
                    self.grant()
            return None
        except (TimeoutError, socket.timeout):
            return None
        except Ended as error:
            return str(error)


class Listener:
    """An address at which the victim may connect to us."""

    def __init__(self, host="127.0.0.1", timeout=20.0):
        self.socket = socket.socket()
        self.socket.bind((host, 0))
        self.socket.listen(64)
        self.socket.settimeout(timeout)
        self.port = self.socket.getsockname()[1]

    def take(self):
        """Returns the socket of the next connection."""
        return self.socket.accept()[0]

    def close(self):
        """Closes the listening socket."""
        self.socket.close()
