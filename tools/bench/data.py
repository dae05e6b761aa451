"""The data planes: objects, images and functions."""

import base64
import hashlib
import io
import os
import pathlib
import socket
import subprocess
import sys
import tarfile
import threading
import time
import traceback
import zipfile
import zlib

from control import define, one_task
from measured import AUTH, free_port, load, lua, milliseconds, pss_kib, rates, row, show_times, timed, times, tree

MIB = 1024 * 1024
LARGE = 64 * MIB
ECR = "AmazonEC2ContainerRegistry_V20150921."
S3 = {"Authorization": AUTH.format("s3")}
HANDLER = "def handler(event, context):\n    return 'ok'\n"
BOOTSTRAP = '''#!/usr/bin/env python3
import http.client, os
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = runtime.getresponse()
    answer.read()
    runtime.request("POST", f"/2018-06-01/runtime/invocation/{answer.headers['Lambda-Runtime-Aws-Request-Id']}/response", b'"ok"')
    runtime.getresponse().read()
'''


def exchange(port, head, body=b""):
    """One raw HTTP exchange on a connection of its own; the answer's body is read and dropped."""
    scratch = bytearray(MIB)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(head.encode() + b"\r\n\r\n")
        peer.sendall(body)
        size = peer.recv_into(scratch)
        text, _, first = bytes(scratch[:size]).partition(b"\r\n\r\n")
        assert b" 200 " in text.split(b"\r\n")[0], text
        length = next((int(line.split(b":")[1]) for line in text.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        left = length - len(first)
        while left > 0:
            left -= peer.recv_into(scratch)


def put_large(port, body, path="/bench/large"):
    exchange(port, f"PUT {path} HTTP/1.1\r\nHost: s3.localhost\r\nAuthorization: {S3['Authorization']}\r\n"
                   f"Content-Length: {len(body)}\r\nx-amz-checksum-crc32: {crc32(body)}", body)


def get_large(port):
    exchange(port, f"GET /bench/large HTTP/1.1\r\nHost: s3.localhost\r\nAuthorization: {S3['Authorization']}")


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


class Yardstick:
    """The same work without a server around it: a body received into a file while other threads compute its MD5 and CRC32,
    and a file sent with sendfile."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.process = os.fork()
        if self.process == 0:
            try:
                self.serve()
            finally:
                traceback.print_exc()
                os._exit(1)

    def serve(self):
        with open(os.path.join(self.folder, "yardstick"), "w+b", buffering=0) as file:
            while True:
                peer, _ = self.listener.accept()
                with peer:
                    head, end, _ = peer.recv(4096, socket.MSG_PEEK).partition(b"\r\n\r\n")
                    peer.recv(len(head + end))
                    if head.startswith(b"PUT"):
                        self.receive(peer, file)
                        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    else:
                        peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n".encode())
                        sent = 0
                        while sent < LARGE:
                            sent += os.sendfile(peer.fileno(), file.fileno(), sent, LARGE - sent)

    @staticmethod
    def receive(peer, file):
        body = memoryview(bytearray(LARGE))
        seen, ready = 0, threading.Condition()

        def follow(update):
            done = 0
            while done < LARGE:
                with ready:
                    ready.wait_for(lambda: seen > done)
                    end = seen
                update(body[done:end])
                done = end

        threads = [threading.Thread(target=follow, args=[update]) for update in (hashlib.md5().update, zlib.crc32)]
        for thread in threads:
            thread.start()
        file.seek(0)
        while seen < LARGE:
            size = peer.recv_into(body[seen:seen + 256 * 1024])
            file.write(body[seen:seen + size])
            with ready:
                seen += size
                ready.notify_all()
        for thread in threads:
            thread.join()

    def stop(self):
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)
        self.listener.close()


def objects(servers, folder, options):
    small = "x" * 1024
    for server in servers[1:]:
        server.send("PUT", "/bench", headers=S3)
        server.send("PUT", "/bench/small", small, S3)
    rates([("S3 GetObject 1 KiB", lua(folder, "get", S3, method="GET", path="/bench/small"), 16),
           *(("S3 PutObject 1 KiB", lua(folder, f"put-{n}", S3, small, "PUT", "/bench/object-", numbered=True), n)
             for n in (1, 16))], servers, options)
    body = os.urandom(LARGE)
    yardstick = Yardstick(folder)
    seconds = {}
    try:
        for _ in range(9):
            for name, port in [("same work", yardstick.port), *((server.name, server.port) for server in servers[1:])]:
                for title, action in (("PutObject", lambda: timed(put_large, port, body)), ("GetObject", lambda: timed(get_large, port))):
                    seconds.setdefault(title, {}).setdefault(name, []).append(action())
    finally:
        yardstick.stop()
    for title, own in seconds.items():
        show_times(f"S3 {title} 64 MiB, one client", servers[1:], own)
    in_parts(servers[1:])


def upload(server, key, parts):
    """An upload of so many parts, each 5 MiB of /bench/large; answers CompleteMultipartUpload's path and body."""
    text = server.send("POST", f"/bench/{key}?uploads", headers=S3).decode()
    path, document = f"/bench/{key}?uploadId={text.split('<UploadId>')[1].split('<')[0]}", ""
    source = {**S3, "x-amz-copy-source": "bench/large", "x-amz-copy-source-range": f"bytes=0-{5 * MIB - 1}"}
    for number in range(1, parts + 1):
        answer = server.send("PUT", f"{path}&partNumber={number}", headers=source).decode()
        document += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.split('<ETag>')[1].split('<')[0]}</ETag></Part>"
    return path, f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>"


def in_parts(servers):
    """Completions, and copies of what they made: in parts, whose checksum must be computed, and in one piece."""
    measured = {}
    for n in range(5):
        for server in servers:
            def note(title, *request):
                measured.setdefault(title, {}).setdefault(server.name, []).append(timed(server.send, *request))

            path, document = upload(server, f"parts-{n}", 50)
            note("S3 CompleteMultipartUpload, 50 parts", "POST", path, document, S3)
            note("S3 CopyObject, 250 MiB in 50 parts", "PUT", f"/bench/copy-{n}", None, {**S3, "x-amz-copy-source": f"bench/parts-{n}"})
            note("S3 CopyObject, 250 MiB in one", "PUT", f"/bench/again-{n}", None, {**S3, "x-amz-copy-source": f"bench/copy-{n}"})
            for key in ("parts", "copy", "again"):
                server.send("DELETE", f"/bench/{key}-{n}", headers=S3)
    for title, own in measured.items():
        show_times(title, servers, own)


def listing(servers, folder, options):
    """Making 10^6 keys takes minutes."""
    for server in servers[1:]:
        server.send("PUT", "/listing", headers=S3)
        made = 0
        while made < 1_000_000:
            made += int(load(server, lua(folder, "fill", S3, "", "PUT", "/listing/key-", numbered=True), 64, 20)[0] * 20)
        page = [timed(server.send, "GET", "/listing?list-type=2&max-keys=1000", None, S3) for _ in range(20)]
        milliseconds(f"S3 ListObjectsV2, 1,000 of {made:,} keys", server.name, page)


def zipped(name, text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o755 << 16
        archive.writestr(info, text)
    return base64.b64encode(out.getvalue()).decode()


def create_function(server, name, runtime, code):
    server.rest("lambda", "POST", "/2015-03-31/functions", {
        "FunctionName": name, "Runtime": runtime, "Handler": "main.handler", "Role": "arn:aws:iam::123456789012:role/bench",
        "Code": {"ZipFile": code}})
    while server.rest("lambda", "GET", f"/2015-03-31/functions/{name}/configuration")["State"] != "Active":
        continue


def cold(server, name):
    """Seconds of the first invocation after a new configuration, which its environments do not outlive."""
    server.rest("lambda", "PUT", f"/2015-03-31/functions/{name}/configuration", {
        "Environment": {"Variables": {"NUMBER": str(time.monotonic_ns())}}})
    while server.rest("lambda", "GET", f"/2015-03-31/functions/{name}/configuration")["LastUpdateStatus"] != "Successful":
        continue
    return timed(server.rest, "lambda", "POST", f"/2015-03-31/functions/{name}/invocations", {})


def functions(servers, folder, options):
    headers = {"Authorization": AUTH.format("lambda")}
    for server in servers[1:]:
        create_function(server, "python", "python3.11", zipped("main.py", HANDLER))
        create_function(server, "provided", "provided.al2023", zipped("bootstrap", BOOTSTRAP))
    times("Lambda cold invoke, Python", servers[1:], lambda server: cold(server, "python"), 20)
    rates([(f"Lambda invoke, warm, {name}", lua(folder, name, headers, "{}", path=f"/2015-03-31/functions/{name}/invocations"), connections)
           for name, connections in (("python", 1), ("provided", 1), ("python", 8))], servers, options)


class Registry:
    """Debian's docker-registry, to compare with."""

    def __init__(self, folder):
        self.port = free_port()
        config = pathlib.Path(folder, "registry.yml")
        config.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
                          f"http: {{addr: '127.0.0.1:{self.port}'}}\n", encoding="ascii")
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while subprocess.run(["curl", "-sf", f"http://127.0.0.1:{self.port}/v2/"], stdout=subprocess.DEVNULL, check=False).returncode:
            assert self.process.poll() is None, "docker-registry did not start"

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Podman:
    """podman and buildah with a storage of their own, and an image of 200 MB in it that runs busybox."""

    def __init__(self, folder, credentials):
        self.credentials = credentials
        self.place = ["--storage-driver", "vfs", "--root", f"{folder}/podman", "--runroot", f"{folder}/podman-run"]
        policy = pathlib.Path(folder, ".config/containers/policy.json")
        policy.parent.mkdir(parents=True)
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="ascii")
        self.environment = {**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder}
        pathlib.Path(folder, "data").write_bytes(os.urandom(200 * 1000 * 1000))
        container = self.run("buildah", "from", "scratch")
        self.run("buildah", "add", "--quiet", container, "/bin/busybox", "/bin/busybox")
        self.run("buildah", "add", "--quiet", container, f"{folder}/data", "/data")
        self.image = self.run("buildah", "commit", "--quiet", container, "bench:large").rsplit("\n", maxsplit=1)[-1]

    def run(self, program, *arguments):
        done = subprocess.run([program, *self.place, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {program} {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def push(self, port, tag):
        self.run("podman", "push", "--quiet", "--tls-verify=false", "--creds", self.credentials, self.image, f"localhost:{port}/bench:{tag}")

    def pull(self, port, tag):
        self.run("podman", "pull", "--quiet", "--tls-verify=false", "--creds", self.credentials, f"localhost:{port}/bench:{tag}")

    def forget(self):
        self.run("podman", "rmi", "--all", "--force")


def images(servers, folder, options):
    ours, registry = servers[1], Registry(folder)
    ours.call(ECR + "CreateRepository", {"repositoryName": "bench"})
    token = ours.call(ECR + "GetAuthorizationToken", {})["authorizationData"][0]["authorizationToken"]
    podman = Podman(folder, base64.b64decode(token).decode())
    places = [("registry", registry.port), (ours.name, ours.port)]
    times = {}
    try:
        for name, port in places:
            times["podman push, 200 MB", name] = [timed(podman.push, port, "one")]
        for n in range(3):
            for name, port in places:
                podman.forget()
                times.setdefault(("podman pull, 200 MB", name), []).append(timed(podman.pull, port, "one"))
    finally:
        registry.stop()
    for (title, name), seconds in times.items():
        milliseconds(title, name, seconds)
    define(ours, "image", f"localhost:{ours.port}/bench:one", ["/bin/busybox", "sh", "-c", "echo one; exec sleep 0.05"])
    one_task(ours, "image")
    milliseconds("RunTask to RUNNING, in an image", ours.name, [one_task(ours, "image")[0] for _ in range(50)])


def memory(servers, folder, options):
    """1 GiB through S3, after 1 GiB through ECR is what `images` and this have pushed."""
    body = os.urandom(LARGE)
    for server in servers[1:]:
        server.send("PUT", "/memory", headers=S3)
        for n in range(16):
            put_large(server.port, body, f"/memory/large-{n}")
            exchange(server.port, f"GET /memory/large-{n} HTTP/1.1\r\nHost: s3.localhost\r\nAuthorization: {S3['Authorization']}")
    time.sleep(5)
    for server in servers[1:]:
        row("memory after 1 GiB through S3, whole tree, PSS", server.name, f"{pss_kib(tree(server.process.pid)) / 1024:9.1f} MiB")
