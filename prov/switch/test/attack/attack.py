#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Runs the attacks of attacks_*.py against a victim, beside an honest pair.

The victim and its honest peer are programs of the build (victim.c, honest.c).
An attack goes on for a number of seconds, and until the honest pair has done
some rounds since it began; it passes if

  - the victim is alive, and answers,
  - its resident memory never grew by more than the attack's bound,
  - the honest pair has done those rounds and met no error,
  - only those packets ended the attacker's session that had to
    (the attack itself checks it, with the methods of Field),
  - and afterwards only the honest session is left.

The time of a round is printed but not judged: a machine may be slow.  Waiting is for
events, and PATIENCE only bounds it.
"""
import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time

import attacks
import peer

PATIENCE = 30.0  # seconds that the victim has for an action it should do at once
ROUNDS = 10  # rounds that the honest pair makes during an attack
SKIP = 77


class Failure(Exception):
    """An expectation of an attack is not met."""


class Program:
    """A program of ours that answers lines with lines of JSON."""

    def __init__(self, name, args, env=None):
        self.name = name
        self.stderr = b""
        self.pipe = subprocess.Popen([name, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     env={**os.environ, **(env or {})})
        self.pid = self.pipe.pid
        self.buffer = b""

    def say(self, line):
        """Sends a line.  Returns False if the program has ended."""
        try:
            self.pipe.stdin.write(line.encode() + b"\n")
            self.pipe.stdin.flush()
            return True
        except (BrokenPipeError, ValueError):
            return False

    def hear(self, timeout=PATIENCE):
        """Returns its next line, or None."""
        limit = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self.pipe.stdout], [], [], left)[0]:
                return None
            more = os.read(self.pipe.stdout.fileno(), 65536)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, line):
        """Sends a line.  Returns the answer, or None."""
        return self.hear() if self.say(line) else None

    def status(self):
        """Returns its exit status, or None while it runs."""
        return self.pipe.poll()

    def end(self):
        """Ends it, or kills it if it does not end.  Returns its exit status."""
        try:
            self.pipe.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return self.pipe.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.pipe.kill()
            self.pipe.wait()
            return "it hangs"
        finally:
            self.pipe.stdout.close()


class Memory(threading.Thread):
    """Watches the resident memory of a process, in KiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.first = self.last = self.most = self.read()
        self.over = threading.Event()

    def read(self):
        """Returns its anonymous memory: the pages that the process itself has touched."""
        try:
            with open("/proc/%d/status" % self.pid, encoding="ascii") as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        return int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
        return 0

    def run(self):
        while not self.over.wait(0.02):
            self.sample()

    def sample(self):
        """Takes one sample."""
        self.last = self.read()
        self.most = max(self.most, self.last)

    def stop(self):
        """Stops.  Returns the greatest and the final growth, in MiB."""
        self.over.set()
        self.join()
        self.sample()
        return (self.most - self.first) / 1024, (self.last - self.first) / 1024

    def is_sanitized(self):
        """True under a sanitizer, which keeps freed memory, so that growth means nothing."""
        with open("/proc/%d/maps" % self.pid, encoding="ascii") as file:
            return any("libasan" in line or "libtsan" in line for line in file)


class Field:
    """The surroundings of an attack: its victim and honest pair, and the checks it can make."""

    def __init__(self, address, victim, honest):
        self.address, self.victim, self.honest = address, victim, honest
        self.peers = []
        self.closing = False

    def peer(self, **options):
        """Opens a connection, which is closed at the end of the go at the latest."""
        one = peer.Peer(self.address, timeout=PATIENCE, **options)
        self.peers.append(one)
        return one

    def called(self, listener):
        """Accepts the victim's connection to our listener."""
        one = peer.Peer(None, accepted=listener.take(), timeout=PATIENCE)
        self.peers.append(one)
        return one

    def count(self, counter):
        """Returns a counter of the victim; 0 if the victim is not our program."""
        return self.ask("stats")[counter] if self.victim else 0

    def until(self, counter, cnt):
        """Waits until a counter of the victim is at least cnt."""
        if self.victim and self.victim.ask("await %s least %d" % (counter, cnt)) is None:
            raise Failure("no %d %s" % (cnt, counter))

    def leave(self):
        """Closes the connections that the go has left open."""
        for one in self.peers:
            one.close()
        self.peers = []

    def expect(self, condition, what):
        """Fails the attack unless the condition holds."""
        if not condition:
            raise Failure("not so: " + what)

    def must_end(self, one, why):
        """Requires that the victim ends this connection."""
        if one.ended(PATIENCE) is None:
            raise Failure("the victim did not end a session: %s" % why)
        one.close()
        self.peers.remove(one)

    def must_live(self, one):
        """Requires that the victim has not ended this connection: packets sent on it are
        consumed before a later connection is answered."""
        self.may_enter()
        try:
            one.drain()
        except peer.Ended as error:
            raise Failure("the victim ended a session that broke no rule: %s" % error) from error

    def may_enter(self):
        """Requires that a peer that keeps to the rules can connect and disconnect."""
        one = self.peer()
        one.send(peer.bye())
        if one.ended(PATIENCE) is None:
            raise Failure("a peer that says BYE is not answered")
        one.close()
        self.peers.remove(one)

    def honest_port(self):
        """Returns the honest peer's port, or an unused one if there is no honest peer."""
        return self.honest.port if self.honest else 1

    def honest_goes_on(self):
        """Waits until the honest pair has made some rounds since the attack's last step."""
        if self.honest:
            self.honest.until(self.honest.rounds()["rounds"] + ROUNDS)

    def until_still(self):
        """Lets the honest pair make rounds until the victim sends hardly anything to others,
        because its packets for them have left or never will."""
        limit = time.monotonic() + PATIENCE
        others = ROUNDS
        while others >= ROUNDS and time.monotonic() < limit:
            packets, rounds = self.count("tx_packets"), self.honest.rounds()["rounds"]
            self.honest_goes_on()
            packets = self.count("tx_packets") - packets
            others = packets - 2 * (self.honest.rounds()["rounds"] - rounds)

    def ask(self, line):
        """Returns the victim's answer to a line; None if the victim is not our program."""
        if not self.victim:
            return None
        said = self.victim.ask(line)
        if said is None:
            raise Failure("the victim does not answer")
        return said

    def tell(self, line):
        """Sends the victim a line that it does not answer at once."""
        self.closing = self.closing or line == "close"
        self.victim.say(line)

    def must_close(self):
        """Requires that the victim, which was told to close, does so in bounded time."""
        said = self.victim.hear()
        if said is None or "closed_ms" not in said:
            raise Failure("fi_close did not return in %d s" % PATIENCE)

    def until_kept(self, cnt):
        """Waits until the victim has received cnt messages."""
        self.until("kept", cnt)


class Honest(Program):
    """The honest peer (honest.c), which counts its rounds with the victim."""

    def __init__(self, name, address):
        super().__init__(name, [address[0], str(address[1])])
        self.port = self.hear()["port"]

    def rounds(self):
        """Returns a report of its rounds."""
        said = self.ask("report")
        if said is None:
            raise Failure("the honest peer has failed" if self.status() is not None
                          else "the honest peer hangs")
        return said

    def until(self, cnt):
        """Waits until it has made cnt rounds.  Returns the report."""
        said = self.ask("await %d" % cnt)
        if said is None:
            raise Failure("the honest pair has not done %d rounds in %d s" % (cnt, PATIENCE))
        return said


def attack_on(field, one, seconds):
    """Repeats the attack until its time is over and the honest pair has moved."""
    before = field.honest.rounds()["rounds"] if field.honest else 0
    began = time.monotonic()
    goes = 0
    while True:
        one.run(field)
        goes += 1
        field.leave()
        if field.closing:
            return goes, None
        if field.victim and field.victim.status() is not None:
            raise Failure("the victim has ended with status %s" % field.victim.status())
        said = field.honest.rounds() if field.honest else {"rounds": ROUNDS}
        took = time.monotonic() - began
        if took >= seconds and said["rounds"] - before >= ROUNDS:
            return goes, said
        if took >= seconds + PATIENCE:
            raise Failure("the honest pair has done %d rounds in %d s" %
                          (said["rounds"] - before, took))


def settle(field):
    """Waits until the honest session is the only one left."""
    if field.victim.ask("await sessions most 1") is None:
        raise Failure("more than one session is left")


def run(field, one, seconds, pid):
    """Runs one attack.  Returns the line to print when it passed."""
    if field.honest:
        field.honest.until(100)  # connected, and its memory in use
    memory = Memory(pid)
    bound = None if memory.is_sanitized() else one.mib
    memory.start()
    try:
        goes, said = attack_on(field, one, seconds)
        if field.victim and not field.closing:
            settle(field)
            field.honest.until(field.honest.rounds()["rounds"] + ROUNDS)
    except Failure as error:
        raise Failure("%s (memory +%.1f MiB)" % (error, memory.stop()[0])) from error
    finally:
        field.leave()
        most, left = memory.stop()
    if bound is not None and most > bound:
        raise Failure("memory grew by %.1f MiB, not by at most %d (%s)" % (most, bound, one.why))
    text = "%d goes, memory +%.1f MiB of %s, %+.1f left" % (
        goes, most, bound or "?", 0 if field.closing else left)
    if said:
        text += ", honest: %d us on average, %d at worst" % (said["average_us"], said["worst_us"])
    return text


def stage(one, seconds, programs):
    """Runs one attack against a victim that it starts."""
    victim = Program(os.path.join(programs, "victim"), [one.mode], one.env)
    honest, text = None, None
    try:
        where = victim.hear()
        if where is None:
            raise Failure("there is no victim")
        address = (where["host"], where["port"])
        honest = Honest(os.path.join(programs, "honest"), address)
        field = Field(address, victim, honest)
        text = run(field, one, seconds, victim.pid)
    except peer.Ended as error:
        raise Failure("a session was ended that should not have been: %s" % error) from error
    except (TimeoutError, OSError) as error:
        raise Failure("%s: %s" % (type(error).__name__, error)) from error
    finally:
        if honest:
            if text and not field.closing:
                expect_end(honest, "honest peer")
            else:
                honest.pipe.kill()
                honest.end()
        status = victim.end()
        if status and sys.exc_info()[0] is not None:
            print("%s: and the victim ended with status %s" % (one.name, status))
    if status:
        raise Failure("the victim ended with status %s" % status)
    return text


def expect_end(program, what):
    """Ends a program and requires that its exit status is 0."""
    status = program.end()
    if status:
        raise Failure("the %s ended with status %s" % (what, status))


def by_hand(one, seconds, address, pid):
    """Runs one attack against an endpoint of another program."""
    if one.ours:
        raise Failure("it tells the victim what to do, which is not ours")
    return run(Field(address, None, None), one, seconds, pid)


def parse():
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="ATTACK", help="default: all of them")
    parser.add_argument("-l", "--list", action="store_true", help="list the attacks")
    parser.add_argument("-s", "--seconds", type=float, default=5.0,
                        help="that each goes on for at least (5)")
    parser.add_argument("-p", "--programs", default="prov/switch/test/attack",
                        help="where victim and honest are (%(default)s)")
    parser.add_argument("--address", metavar="HOST:PORT",
                        help="attack this endpoint, without a victim and honest peer of our own")
    parser.add_argument("--pid", type=int, help="the process of that endpoint")
    args = parser.parse_args()
    if bool(args.address) != bool(args.pid):
        parser.error("--address and --pid go together")
    return args


def main():
    """Returns the exit status: 0, 1 if an attack failed, 77 if none can be run."""
    args = parse()
    table = [one for one in attacks.ATTACKS if not args.names or one.name in args.names]
    if not table or len(table) < len(set(args.names)):
        print("no such attack; there are: " + " ".join(one.name for one in attacks.ATTACKS))
        return 2
    if args.list:
        for one in table:
            print("%-32s +%d MiB  %s" % (one.name, one.mib, " ".join(one.doc.split())))
        return 0
    if os.path.isdir(".libs"):  # of the build directory
        os.environ.setdefault("FI_PROVIDER_PATH", os.path.abspath(".libs"))
    seed = int(os.environ.get("SEED", random.getrandbits(32)))
    random.seed(seed)
    print("SEED=%d" % seed, flush=True)
    failed = 0
    for one in table:
        began = time.monotonic()
        try:
            if args.address:
                host, port = args.address.rsplit(":", 1)
                text = by_hand(one, args.seconds, (host, int(port)), args.pid)
            else:
                text = stage(one, args.seconds, args.programs)
            print("%s: %s" % (one.name, text))
            print("PASS: %s, %.1f s" % (one.name, time.monotonic() - began), flush=True)
        except peer.NotThisCore as error:
            print("skipped: %s" % error)
            return SKIP
        except Failure as error:
            failed += 1
            print("FAIL: %s: %s, %.1f s" % (one.name, error, time.monotonic() - began), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
