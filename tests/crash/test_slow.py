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
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, wait_until  # noqa: E402
from harness import SANITIZED  # noqa: E402
from load import call  # noqa: E402
from services import ECS, LOGS  # noqa: E402

suite = Suite()
MIB = 1024 * 1024
PATIENCE_S = 1.0  # for each of the others' calls
HEAD_TIMEOUT_S = 30


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
        wait_until(lambda: memory(sim) - before < 80 * MIB, 10, "memory given back")
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
        for _ in range(8):
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


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    sys.exit(suite.main())
