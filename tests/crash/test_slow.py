#!/usr/bin/env python3
"""Clients that are slow, on purpose or not: others do not notice, and they cost no memory to speak of.

usage: test_slow.py [TEST…]
"""

import contextlib
import http.client
import pathlib
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Skipped, Suite, ctl, secure_awssim, wait_until  # noqa: E402
from harness import SANITIZED  # noqa: E402
from load import call  # noqa: E402
from services import ECS, LOGS  # noqa: E402

suite = Suite()
MIB = 1024 * 1024
PATIENCE_S = 1.0  # for each of the others' calls
HEAD_TIMEOUT_S = 30
PACE_S = 60


def memory(sim, part="router"):
    """Bytes that are in memory for the process."""
    text = pathlib.Path(f"/proc/{sim.pids()[part]}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024


def connect(sim, receive_bytes=None):
    peer = socket.socket()
    if receive_bytes:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    peer.settimeout(30)
    peer.connect(("127.0.0.1", sim.port))
    return peer


@contextlib.contextmanager
def closing_all():
    peers = []
    try:
        yield peers
    finally:
        for peer in peers:
            peer.close()


def check_others(sim, calls=50):
    """Others' calls are answered as if there were nobody else."""
    for i in range(calls):
        began = time.monotonic()
        call(sim, f"{ECS}.CreateCluster", {"clusterName": f"c{i}"})
        assert SANITIZED or time.monotonic() - began < PATIENCE_S, f"call {i} took {time.monotonic() - began:.2f} s"


def check_memory(sim, before, most, part="router"):
    grown = memory(sim, part) - before
    print(f"     {part}: {grown / MIB:.1f} MiB more")
    assert SANITIZED or grown <= most, f"{part} holds {grown / MIB:.1f} MiB for slow clients"


@suite.test
def slow_heads():
    """A head comes a byte at a time: it costs next to nothing, and it has to end within half a minute."""
    with Awssim() as sim, closing_all() as peers:
        call(sim, f"{ECS}.CreateCluster", {})
        before, began = memory(sim), time.monotonic()
        peers += [connect(sim) for _ in range(500)]
        head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " + f"{ECS}.CreateCluster".encode() + b"\r\nX-Long: "
        for i, peer in enumerate(peers):
            peer.sendall(head + b"x" * (i % 50 * 100))
        check_others(sim)
        check_memory(sim, before, 16 * MIB)
        waiting = set(peers)
        while waiting:
            assert time.monotonic() - began < HEAD_TIMEOUT_S + 15, f"{len(waiting)} heads are still waited for"
            for peer in select.select(list(waiting), [], [], 1)[0]:
                answer = peer.recv(65536)
                assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer[:100]
                waiting.discard(peer)
            for peer in waiting:
                with contextlib.suppress(OSError):
                    peer.send(b"x")
        assert time.monotonic() - began > HEAD_TIMEOUT_S - 5


@suite.test
def slow_bodies():
    """Large bodies are not in memory while they come, small ones are bounded."""
    with Awssim() as sim, closing_all() as peers:
        assert sim.http("PUT", "/slow")[0] == 200
        before = memory(sim)
        for i in range(300):
            peer = connect(sim)
            peers.append(peer)
            size = 100 * MIB if i % 2 else 250 * 1024
            peer.sendall(f"PUT /slow/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * (240 * 1024 + i % 2 * MIB))
        check_others(sim)
        check_memory(sim, before, 80 * MIB)
        for peer in peers:
            peer.close()
        wait_until(lambda: not list(pathlib.Path(sim.state_dir, "spool").iterdir()), 10, "an empty spool")
        wait_until(lambda: SANITIZED or memory(sim) - before < 80 * MIB, 10, "memory given back")
        assert sim.http("GET", "/slow/1")[0] == 404


@suite.test
def slow_readers_of_objects():
    """An object is sent as it is taken."""
    with Awssim() as sim, closing_all() as peers:
        assert sim.http("PUT", "/slow")[0] == 200
        assert sim.http("PUT", "/slow/k", b"x" * (16 * MIB))[0] == 200
        before = memory(sim), memory(sim, "s3")
        for _ in range(300):
            peers.append(connect(sim, 4096))
            peers[-1].sendall(b"GET /slow/k HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        check_others(sim)
        assert len(sim.http("GET", "/slow/k")[2]) == 16 * MIB
        check_memory(sim, before[0], 16 * MIB)
        check_memory(sim, before[1], 16 * MIB, "s3")


def fill_stream(sim):
    """A log stream of which one answer has almost a MiB."""
    call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "g"})
    call(sim, f"{LOGS}.CreateLogStream", {"logGroupName": "g", "logStreamName": "s"})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": f"{i} " + "y" * 9000} for i in range(100)]
    call(sim, f"{LOGS}.PutLogEvents", {"logGroupName": "g", "logStreamName": "s", "logEvents": events})


@suite.test
def slow_readers_of_answers():
    """Answers nobody reads: who has most of them in the end loses the connection, and nobody else."""
    with Awssim() as sim, closing_all() as peers:
        call(sim, f"{ECS}.CreateCluster", {})
        fill_stream(sim)
        body = b'{"logGroupName": "g", "logStreamName": "s", "startFromHead": true}'
        request = (f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {LOGS}.GetLogEvents\r\nContent-Type: application/x-amz-json-1.1\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        before = memory(sim)
        careful = connect(sim)
        for _ in range(1 if SANITIZED else 4):
            peers.append(connect(sim, 4096))
            peers[-1].sendall(request * 64)
        check_others(sim)
        careful.sendall(request)
        with careful:
            answer = http.client.HTTPResponse(careful)
            answer.begin()
            assert answer.status == 200 and len(answer.read()) > 900000
        check_others(sim)
        check_memory(sim, before, 200 * MIB)
        check_memory(sim, 0, 100 * MIB, "logs")


def limited(count, *options):
    """An awssim whose processes may have so many files open."""
    return Awssim(*options, prefix=["prlimit", f"--nofile={count}:{count}"])


def states(peer, wanted):
    """Which of these states of poll the connection is in."""
    poll = select.poll()
    poll.register(peer, wanted)
    return sum(state & wanted for _, state in poll.poll(0))


def is_closed(peer):
    """Whether the other side has ended the connection."""
    try:
        return bool(states(peer, select.POLLIN)) and peer.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def check_operator(sim, calls=20):
    """What says how awssim is does so within a moment, and so do the commands that ask it."""
    for _ in range(calls):
        began = time.monotonic()
        assert sim.http("GET", "/health")[0] == 200
        assert SANITIZED or time.monotonic() - began < PATIENCE_S, time.monotonic() - began
    sim.ctl("wait", "--timeout", "5")


@suite.test
def idle_connections():
    """Those who say nothing lose their connection to those who come, the oldest first."""
    with limited(400) as sim, closing_all() as peers:
        peers += [connect(sim) for _ in range(100)]
        used = peers[10]
        used.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert used.recv(4096).startswith(b"HTTP/1.1 200 ")
        for _ in range(200):
            peers.append(connect(sim))
            check_operator(sim, 1)
        check_others(sim)
        closed = [is_closed(peer) for peer in peers]
        assert all(closed[:10]) and not any(closed[-50:]), closed
        assert closed[100] or not closed[10], "the one that was used went before one that never was"


@suite.test
def thousands_of_idle_connections():
    """As many as there may be, and some more."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 9500:
        raise Skipped("fewer than 9500 open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (9500,) * 2)
    with Awssim() as sim, closing_all() as peers:
        before = memory(sim)
        peers += [connect(sim) for _ in range(8600)]
        check_operator(sim)
        check_others(sim)
        check_memory(sim, before, 24 * MIB)
        assert is_closed(peers[0]) and not is_closed(peers[-1])


@suite.test
def connections_at_work():
    """When all connections are at work, what is urgent is answered all the same, others are told to come again."""
    with limited(200) as sim, closing_all() as peers:
        assert sim.http("PUT", "/slow")[0] == 200
        for i in range(100):
            peers.append(connect(sim))
            peers[-1].sendall(f"PUT /slow/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        drip(peers)
        check_operator(sim)
        drip(peers)
        assert sim.http("GET", "/slow")[0] == 503
        assert sim.http("POST", "/_awssim/reset?service=sts", "")[0] == 200
        # They stand still: the oldest of them has to go, and nobody is turned away any more.
        wait_until(lambda: sim.http("GET", "/slow")[0] == 200, 10, "room")
        check_others(sim)


def drip(peers):
    for peer in peers:
        with contextlib.suppress(OSError):
            peer.send(b"x")


@suite.test
def no_descriptors():
    """Without a descriptor left nothing spins, and what is urgent is answered."""
    with limited(140) as sim, closing_all() as peers:
        assert sim.http("PUT", "/slow")[0] == 200
        assert sim.http("PUT", "/slow/k", b"x" * (16 * MIB))[0] == 200
        router = sim.pids()["router"]
        for _ in range(20):
            peers.append(connect(sim, 4096))
            peers[-1].sendall(b"GET /slow/k HTTP/1.1\r\nHost: x\r\n\r\n" * 16)
        wait_until(lambda: len(list(pathlib.Path(f"/proc/{router}/fd").iterdir())) >= 135, 10, "a lack of descriptors")
        waiting = [connect(sim) for _ in range(50)]
        peers += waiting
        before = cpu_seconds(router)
        check_operator(sim)
        assert SANITIZED or cpu_seconds(router) - before < 0.5
        for peer in peers:
            peer.close()
        check_others(sim)


def cpu_seconds(pid):
    """Of the whole process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@suite.test
def few_descriptors():
    """Where awssim cannot work it says so, and how that is mended; where it can, it does."""
    with limited(128) as sim:
        check_others(sim)
        check_operator(sim)
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        done = subprocess.run(["prlimit", "--nofile=64:64", ctl(), "start", "--state-dir", f"{folder}/state", "--port", "0"],
                              capture_output=True, text=True, timeout=30)
        said = done.stdout + done.stderr
        assert done.returncode != 0 and "only 64 files" in said and "ulimit -n 1024" in said, said


def is_over(peer):
    """Whether the other side has said its last word, or has ended the connection."""
    try:
        return bool(states(peer, select.POLLIN)) and peer.recv(65536)[:12] in (b"", b"HTTP/1.1 408")
    except ConnectionError:
        return True


def has_ended(reader):
    """Takes one byte more; whether that is from a connection that is no more."""
    if states(reader, select.POLLHUP | select.POLLERR):
        return True
    reader.recv(1)
    return False


@suite.test
def drips():
    """A handshake, a head, a body, an answer: each has to move at a pace; what only drips is ended."""
    starts = {
        "handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", HEAD_TIMEOUT_S),
        "head": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", HEAD_TIMEOUT_S),
        "body": (b"PUT /slow/b HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", PACE_S),
        "chunks": (b"PUT /slow/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n", PACE_S),
    }
    with secure_awssim() as (sim, _), closing_all() as peers:
        assert sim.http("PUT", "/slow")[0] == 200
        assert sim.http("PUT", "/slow/k", b"x" * (16 * MIB))[0] == 200
        began, waiting, readers = time.monotonic(), {}, [connect(sim, 4096) for _ in range(5)]
        peers += readers
        for reader in readers:
            reader.sendall(b"GET /slow/k HTTP/1.1\r\nHost: x\r\n\r\n")
        for kind, (start, limit) in starts.items():
            for _ in range(5):
                peers.append(connect(sim))
                peers[-1].sendall(start)
                waiting[peers[-1]] = kind, limit
        while waiting or readers:
            passed = time.monotonic() - began
            assert passed < PACE_S + 30, f"still there: {set(waiting.values())}, {len(readers)} readers"
            drip(waiting)
            for peer in [peer for peer in waiting if is_over(peer)]:
                kind, limit = waiting.pop(peer)
                assert limit - 5 < passed < limit + 15, f"{kind} ended after {passed:.0f} s"
            readers = [reader for reader in readers if not has_ended(reader)]
            select.select([], [], [], 0.5)
        check_operator(sim)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    sys.exit(suite.main())
