#!/usr/bin/env python3
"""kill -9 in the middle of one thing: a body that is being received, an upload in parts, a push, an invocation, an image
that is being unpacked. What was acknowledged is there, what was not is not there in half, and what can be taken up again
is.

usage: test_middle.py [TEST…]
"""

import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import socket
import sqlite3
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, wait_until  # noqa: E402
from functions import Sign  # noqa: E402
from harness import SANITIZED, check_runner_folder, kill, wait_nothing_left  # noqa: E402
from image import Registry, busybox_layer, layer  # noqa: E402
from load import call, messages, register, run_task, wait_status  # noqa: E402
from services import ECR, ECS, LOGS, MANIFEST, Client, Lambda, digest, is_clear, target  # noqa: E402

suite = Suite()
MIB = 1024 * 1024


def content(seed, size):
    return random.Random(seed).randbytes(size)


class HalfRequest:
    """A request of which a part is sent, and its end later."""

    def __init__(self, sim, method, path, body, headers=None, part=0.5):
        self.rest = body[int(len(body) * part):]
        self.socket = socket.create_connection(("127.0.0.1", sim.port), timeout=60)
        lines = "".join(f"{k}: {v}\r\n" for k, v in {"Host": "h", "Content-Length": len(body), **(headers or {})}.items())
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body[:len(body) - len(self.rest)])

    def finish(self):
        """(status, headers, body), status 0 when the connection has broken."""
        with self.socket:
            try:
                self.socket.sendall(self.rest)
                answer = http.client.HTTPResponse(self.socket)
                answer.begin()
                return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
            except (OSError, http.client.HTTPException):
                return 0, {}, b""


def spool(sim):
    return os.listdir(os.path.join(sim.state_dir, "spool"))


def wait_spooled(sim):
    """Until the router has written a part of a body down."""
    def there():
        return any(os.path.getsize(os.path.join(sim.state_dir, "spool", name)) for name in spool(sim))

    wait_until(there, 10, "a body in the spool")


def wait_spool_empty(sim):
    wait_until(lambda: not spool(sim), 10, f"an empty spool: {spool(sim)}")


def check_object(sim, path, body):
    status, _, found = sim.http("GET", path)
    assert status == 200 and digest(found) == digest(body), (path, status, len(found), len(body))


def check_files(sim):
    """After a restart each file of S3 belongs to an object or a part, and each of those has its files."""
    def found():
        return {name for name in os.listdir(os.path.join(sim.state_dir, "s3")) if name[0] != "."}

    sim.stop()
    with contextlib.closing(sqlite3.connect(f"file:{sim.state_dir}/s3.db?mode=ro", uri=True)) as db:
        named = {name for name, in db.execute("SELECT file FROM version UNION SELECT file FROM part "
                                              "WHERE upload_id IN (SELECT id FROM upload)") if name}
        segments = [row for row in db.execute("SELECT list, file FROM segment") if row[0] in named]
    known = named - {name for name, _ in segments} | {file for _, file in segments}
    sim.start()
    wait_until(lambda: found() == known, 20, f"{sorted(known)}, not {sorted(found())}")
    return found


@suite.test
def put_object():
    body = content(1, 16 * MIB)
    with Awssim() as sim:
        assert sim.http("PUT", "/middle")[0] == 200
        for part in ("s3", "router"):
            assert sim.http("PUT", f"/middle/old-{part}", b"before" * MIB)[0] == 200
            requests = [HalfRequest(sim, "PUT", f"/middle/{key}-{part}", body) for key in ("new", "old")]
            wait_spooled(sim)
            kill(sim, part)
            answers = [request.finish()[0] for request in requests]
            if part == "s3":  # it had not heard of them yet
                assert answers == [200, 200], answers
                check_object(sim, "/middle/new-s3", body)
                check_object(sim, "/middle/old-s3", body)
            else:
                assert answers == [0, 0], answers
                assert sim.http("GET", "/middle/new-router")[0] == 404
                check_object(sim, "/middle/old-router", b"before" * MIB)
                assert sim.http("PUT", "/middle/new-router", body)[0] == 200
                check_object(sim, "/middle/new-router", body)
            wait_spool_empty(sim)
        check_files(sim)


def put_many(sim, stopping, acknowledged):
    """Objects of different sizes, each with a body of its own, until stopping."""
    client, number = Client(sim), 0
    while not stopping.is_set():
        number += 1
        path, body = f"/middle/{threading.get_ident()}-{number}", content(number, (number * 613 * 1024) % (9 * MIB) + 1)
        acknowledged[path] = [digest(body), client.write("PUT", path, body) is not None]
    assert not client.wrong, client.wrong[:3]


@suite.test
def many_objects():
    """Kills that meet large objects anywhere between their first byte and their answer."""
    with Awssim() as sim:
        assert sim.http("PUT", "/middle")[0] == 200
        stopping, acknowledged = threading.Event(), {}
        threads = [threading.Thread(target=put_many, args=(sim, stopping, acknowledged)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            kill(sim, "s3")
            kill(sim, "router")
        stopping.set()
        for thread in threads:
            thread.join(70)
            assert not thread.is_alive(), "a client hangs"
        refused = 0
        for path, (expected, done) in acknowledged.items():
            status, _, body = sim.http("GET", path)
            assert status == 200 or status == 404 and not done, (path, status)
            assert status == 404 or digest(body) == expected, f"{path} is not whole: {len(body)}"
            refused += not done
        print(f"     {len(acknowledged)} objects, {refused} of them not acknowledged")
        wait_spool_empty(sim)
        check_files(sim)


def begin_parts(sim, path):
    answer = sim.http("POST", f"{path}?uploads", b"")[2].decode()
    return re.search("<UploadId>([^<]*)<", answer)[1]


def complete(sim, path, upload, etags):
    document = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in etags.items())
    return HalfRequest(sim, "POST", f"{path}?uploadId={upload}", f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode(), part=1)


@suite.test
def upload_in_parts():
    parts = {n: content(n, 8 * MIB) for n in range(1, 9)}
    whole = b"".join(parts.values())
    with Awssim() as sim:
        assert sim.http("PUT", "/middle")[0] == 200
        for victim in ("s3", "router"):
            path, etags = f"/middle/{victim}", {}
            upload = begin_parts(sim, path)
            for number, body in parts.items():
                place = f"{path}?partNumber={number}&uploadId={upload}"
                if number in (3, 6):
                    half = HalfRequest(sim, "PUT", place, body)
                    wait_spooled(sim)
                    kill(sim, victim)
                    status, headers, _ = half.finish()
                    assert status == (200 if victim == "s3" else 0), status
                if number not in (3, 6) or status == 0:
                    status, headers, answer = sim.http("PUT", place, body)
                    assert status == 200, answer
                etags[number] = headers["etag"]
            # The whole is put together meanwhile, before, or not at all.
            completion = complete(sim, path, upload, etags)
            kill(sim, victim)
            status, _, answer = completion.finish()
            done = status == 200 and b"<ETag>" in answer
            if not done and sim.http("GET", path)[0] == 404:
                status, _, answer = complete(sim, path, upload, etags).finish()
                assert status == 200 and b"<ETag>" in answer, (status, answer)
            check_object(sim, path, whole)
            wait_spool_empty(sim)
        check_files(sim)


@suite.test
def copies():
    """Contents that are shared: kills between copies, deletions and their clean-up leave every copy whole, and no file."""
    whole = content(5, 12 * MIB)
    with Awssim() as sim:
        assert sim.http("PUT", "/middle")[0] == 200
        upload = begin_parts(sim, "/middle/0")
        etags = {n: sim.http("PUT", f"/middle/0?partNumber={n}&uploadId={upload}", whole[(n - 1) * 6 * MIB:n * 6 * MIB])[1]["etag"]
                 for n in (1, 2)}
        assert complete(sim, "/middle/0", upload, etags).finish()[0] == 200
        for number in range(1, 7):
            copy = HalfRequest(sim, "PUT", f"/middle/{number}", b"", {"x-amz-copy-source": f"/middle/{number - 1}"})
            if number % 2:
                kill(sim, "s3")
            status = copy.finish()[0]
            if status != 200 and sim.http("HEAD", f"/middle/{number}")[0] != 200:
                assert sim.http("PUT", f"/middle/{number}", b"", {"x-amz-copy-source": f"/middle/{number - 1}"})[0] == 200
            assert sim.http("DELETE", f"/middle/{number - 1}")[0] == 204
            check_object(sim, f"/middle/{number}", whole)
        found = check_files(sim)
        check_object(sim, "/middle/6", whole)
        assert sim.http("DELETE", "/middle/6")[0] == 204
        wait_until(lambda: not found(), 30, "the end of the files")


@suite.test
def aborted_upload():
    """The parts' files go although s3 dies right behind the acknowledgement."""
    with Awssim() as sim:
        assert sim.http("PUT", "/middle")[0] == 200
        upload = begin_parts(sim, "/middle/k")
        for number in (1, 2):
            assert sim.http("PUT", f"/middle/k?partNumber={number}&uploadId={upload}", content(number, MIB))[0] == 200
        assert sim.http("DELETE", f"/middle/k?uploadId={upload}")[0] == 204
        kill(sim, "s3")
        folder = os.path.join(sim.state_dir, "s3")
        wait_until(lambda: not [name for name in os.listdir(folder) if name[0] != "."], 20, "the end of the parts' files")


class Push:
    """A blob in chunks, as clients push it."""

    def __init__(self, sim, name):
        self.sim = sim
        self.name = name
        data = call(sim, f"{ECR}.GetAuthorizationToken", {})["authorizationData"][0]
        self.basic = {"Authorization": f"Basic {data['authorizationToken']}"}
        status, headers, _ = sim.http("POST", f"/v2/{name}/blobs/uploads/", b"", self.basic)
        assert status == 202, status
        self.place = headers["location"]

    def patch(self, chunk, at, part=1):
        return HalfRequest(self.sim, "PATCH", self.place, chunk, {**self.basic, "Content-Range": f"{at}-{at + len(chunk) - 1}"}, part)

    def received(self):
        """How many bytes the registry has."""
        status, headers, _ = self.sim.http("GET", self.place, None, self.basic)
        assert status == 204, status
        return int(headers["range"].split("-")[1]) + 1 if headers["range"] != "0-0" else 0

    def finish(self, blob):
        mark = "&" if "?" in self.place else "?"
        status, _, body = self.sim.http("PUT", f"{self.place}{mark}digest=sha256:{digest(blob)}", b"", self.basic)
        assert status == 201, (status, body)
        found = self.sim.http("GET", f"/v2/{self.name}/blobs/sha256:{digest(blob)}", None, self.basic)
        assert found[0] == 200 and digest(found[2]) == digest(blob), (found[0], len(found[2]))


@suite.test
def push_in_chunks():
    """A push goes on where it was: acknowledged chunks are there, others in no part."""
    size, blob = 6 * MIB, content(7, 24 * MIB)
    with Awssim() as sim:
        call(sim, f"{ECR}.CreateRepository", {"repositoryName": "middle"})
        for victim in ("ecr", "router"):
            push = Push(sim, "middle")
            blob = content(victim, 4 * size)
            assert push.patch(blob[:size], 0).finish()[0] == 202
            kill(sim, victim)
            assert push.received() == size, push.received()
            half = push.patch(blob[size:2 * size], size, part=0.5)
            wait_spooled(sim)
            kill(sim, victim)
            status = half.finish()[0]
            assert status == (202 if victim == "ecr" else 0), status
            at = push.received()
            assert at == (2 * size if victim == "ecr" else size), at
            while at < len(blob):
                assert push.patch(blob[at:at + size], at).finish()[0] == 202
                at += size
            push.finish(blob)
            wait_spool_empty(sim)


@suite.test
def push_of_an_image():
    """docker's way, with a kill between any two requests: what is acknowledged need not be sent again."""
    with Awssim() as sim:
        call(sim, f"{ECR}.CreateRepository", {"repositoryName": "middle"})
        push, named = Push(sim, "middle"), []
        for number, blob in enumerate((json.dumps({"n": 1}).encode(), content(8, 3 * MIB))):
            if number:
                push = Push(sim, "middle")
            kill(sim, "ecr")
            assert push.patch(blob, 0).finish()[0] == 202
            kill(sim, "ecr")
            push.finish(blob)
            named.append({"digest": f"sha256:{digest(blob)}", "size": len(blob)})
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", **named[1]}],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **named[0]}}).encode()
        kill(sim, "ecr")
        assert sim.http("PUT", "/v2/middle/manifests/1", manifest, {**push.basic, "Content-Type": MANIFEST})[0] == 201
        kill(sim, "ecr")
        assert sim.http("GET", "/v2/middle/manifests/1", None, push.basic)[2] == manifest
        uploads = os.path.join(sim.state_dir, "ecr", "uploads")
        wait_until(lambda: not os.listdir(uploads), 20, f"the end of the uploads' files: {os.listdir(uploads)}")


def in_background(function):
    """A thread that puts the function's result into its attribute `result`."""
    def body():
        thread.result = function()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


class Invocations:
    """A function that says when it begins and ends, and waits for a sign between."""

    source = """
import socket, time

def is_given(port):
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0

def handler(event, context):
    print("began", event["id"])
    while not is_given(event["sign"]):
        time.sleep(0.01)
    print("ended", event["id"])
    return event["id"]
"""

    def __init__(self, sim):
        Lambda.source, source = self.source, Lambda.source
        try:
            self.client = Client(sim)
            Lambda.invoke, invoke = lambda *_, **__: True, Lambda.invoke
            self.function = Lambda(self.client, "middle")
        finally:
            Lambda.source, Lambda.invoke = source, invoke
        self.sim = sim
        self.signs = collections.defaultdict(Sign)

    def open(self, name):
        self.signs[name].give()

    def ask(self, name, kind="RequestResponse"):
        return self.sim.http(*self.function.invocation(name, kind, sign=self.signs[name].port))

    def queue(self, name):
        assert self.ask(name, "Event")[0] == 202

    def said(self, words):
        group = f"/aws/lambda/{self.function.name}"
        status, answer = self.sim.json_call(f"{LOGS}.FilterLogEvents", {"logGroupName": group, "filterPattern": f'"{words}"'})
        return len(answer["events"]) if status == 200 else 0

    def wait_said(self, words, timeout=30):
        wait_until(lambda: self.said(words), timeout, words)

    def begin(self):
        """`sync` and `queued` run; the thread that waits for the first."""
        waiting = in_background(lambda: self.ask("sync"))
        self.queue("queued")
        for name in ("sync", "queued"):
            self.wait_said(f"began {name}")
        return waiting


@suite.test
def invocations_and_lambda():
    """What runs goes on; what is queued is kept, also what was never begun; who waits learns it at once."""
    with Awssim() as sim:
        run = Invocations(sim)
        waiting = run.begin()
        kill(sim, "lambda")
        waiting.join(20)
        status, headers, body = waiting.result
        assert status in (500, 503) and is_clear(headers, body), (status, headers, body)
        run.queue("later")
        kill(sim, "lambda")
        for name in ("sync", "queued", "later"):
            run.open(name)
        for name in ("sync", "queued", "later"):
            run.wait_said(f"ended {name}")
        run.open("last")
        assert json.loads(run.ask("last")[2]) == "last"
        assert [run.said(f"began {name}") for name in ("sync", "queued")] == [1, 1], "a running invocation was disturbed"


@suite.test
def invocations_and_the_runner():
    """What runs ends with AWS's error; what was queued is tried again and done in the end."""
    with Awssim() as sim:
        run = Invocations(sim)
        waiting = run.begin()
        kill(sim, "runner")
        waiting.join(20)
        status, headers, body = waiting.result
        assert status == 500 and headers["x-amzn-errortype"].startswith("ServiceException"), (status, headers, body)
        assert "Message" in json.loads(body) or "message" in json.loads(body), body
        run.open("queued")
        run.wait_said("ended queued", 150)
        run.open("again")
        assert json.loads(run.ask("again")[2]) == "again"
        assert not run.said("ended sync")
        check_runner_folder(sim)
        sim.stop()
        wait_nothing_left(sim)


@suite.test
def unpacking():
    """A layer that was being unpacked is unpacked again, and nobody runs in half of it."""
    files = 5000 if SANITIZED else 20000
    with Awssim() as sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{ECR}.CreateRepository", {"repositoryName": "big"})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/middle"})
        many = layer([(f"many/{n % 100}/{n}", b"x") for n in range(files)])
        Registry(sim).push("big", "1", [busybox_layer(), many])
        register(sim, "big", "", "/middle", image=f"127.0.0.1:{sim.port}/big:1",
                 command=["/bin/busybox", "sh", "-c", "busybox find /many -type f | busybox wc -l"])
        layers, half = os.path.join(sim.state_dir, "images", "layers"), "." + digest(many)
        arns = [run_task(sim, "big")]
        wait_until(lambda: os.path.exists(os.path.join(layers, half, "many")), 30, "the unpacking")
        kill(sim, "runner")
        assert not os.path.exists(os.path.join(layers, digest(many))), "it was over before the kill"
        arns.append(run_task(sim, "big"))
        tasks = wait_status(sim, arns, "STOPPED")
        assert tasks[1]["containers"][0].get("exitCode") == 0, tasks[1]
        assert messages(sim, "/middle", f"big/main/{arns[1].rsplit('/', 1)[1]}") == [str(files)]
        wait_until(lambda: not [name for name in os.listdir(layers) if name[0] == "."], 20, "the end of the half layer")


if __name__ == "__main__":
    sys.exit(suite.main())
