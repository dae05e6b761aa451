#!/usr/bin/env python3
"""What a large request, many clients or much content needs is given back within seconds.

usage: test_memory.py [TEST…]
"""

import contextlib
import io
import json
import os
import pathlib
import re
import socket
import sys
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import functions  # noqa: E402
from awssim import Awssim, Suite, in_threads, wait_until  # noqa: E402
from harness import SANITIZED  # noqa: E402

suite = Suite()
KIB, MIB = 1024, 1024 * 1024
TREE_BYTES = 40 * MIB
PROCESS_BYTES = 10 * MIB
SETTLES_S = 8


def memory(sim):
    """What each process has in memory, with its share of what it has in common with others."""
    found = {}
    for part, pid in sim.pids().items():
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        found[part] = int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * KIB
    return found


def is_small(sim):
    used = memory(sim)
    return sum(used.values()) <= TREE_BYTES and max(used.values()) <= PROCESS_BYTES


def check_settles(sim, what):
    before = memory(sim)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: SANITIZED or is_small(sim), SETTLES_S, "memory given back")
    used = memory(sim)
    largest = max(used, key=used.get)
    print(f"     {what}: {sum(before.values()) / MIB:.1f} MiB, then {sum(used.values()) / MIB:.1f} MiB, "
          f"{largest} {used[largest] / MIB:.1f} MiB")
    assert SANITIZED or is_small(sim), {part: f"{size / MIB:.1f} MiB" for part, size in used.items()}


@suite.test
def half_bodies(sim):
    assert sim.http("PUT", "/half")[0] == 200
    peers = []
    for i in range(500):
        peers.append(socket.create_connection(("127.0.0.1", sim.port)))
        peers[-1].sendall(f"PUT /half/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n".encode() + b"x" * 240000)
    for peer in peers:
        peer.close()
    check_settles(sim, "500 half bodies")


@suite.test
def many_connections(sim):
    peers = []
    for _ in range(800):
        peers.append(socket.create_connection(("127.0.0.1", sim.port)))
        peers[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    for peer in peers:
        peer.recv(1)
        peer.close()
    check_settles(sim, "800 connections")


@suite.test
def a_large_function(sim):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return event\n")
        archive.writestr("big", os.urandom(40 * MIB))
    functions.make_role(sim)
    functions.create(sim, "large", content.getvalue())
    check_settles(sim, "a zip of 40 MiB")
    lam = sim.client("lambda")
    payload = json.dumps("x" * 5900000)
    in_threads(4, lambda _: [len(lam.invoke(FunctionName="large", Payload=payload)["Payload"].read()) for _ in range(2)])
    check_settles(sim, "payloads of 6 MB")


@suite.test
def a_gibibyte_of_objects(sim):
    import boto3.s3.transfer as transfer

    assert sim.http("PUT", "/large")[0] == 200
    blob = os.urandom(64 * MIB)
    in_threads(4, lambda i: [sim.http("PUT", f"/large/{i % 2}-{k}", blob) for k in range(4)])
    config = transfer.TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    sim.client("s3").upload_fileobj(io.BytesIO(blob), "large", "parts", Config=config)
    in_threads(4, lambda _: sim.http("GET", "/large/parts"))
    check_settles(sim, "a GiB through S3")


@suite.test
def many_log_events(sim):
    logs = sim.client("logs")
    logs.create_log_group(logGroupName="g")

    def fill(i):
        logs.create_log_stream(logGroupName="g", logStreamName=f"s{i}")
        for _ in range(15):
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": f"{k} " + "m" * 900} for k in range(1000)]
            logs.put_log_events(logGroupName="g", logStreamName=f"s{i}", logEvents=events)

    in_threads(4, fill)
    check_settles(sim, "60 MB of log events")
    found = sum(len(page["events"]) for page in logs.get_paginator("filter_log_events").paginate(logGroupName="g", filterPattern="m"))
    assert found == 0 or found == 60000
    check_settles(sim, "reading them")


@suite.test
def many_resources(sim):
    def fill(i):
        client = sim.client("ecs")
        for k in range(100):
            client.register_task_definition(family=f"f{i}-{k}", containerDefinitions=[
                {"name": "a", "image": "b", "memory": 64, "environment": [{"name": f"N{n}", "value": "v" * 500} for n in range(100)]}])

    in_threads(4, fill)
    check_settles(sim, "20 MB of task definitions")


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
