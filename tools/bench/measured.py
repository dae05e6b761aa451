"""What the rows of tools/bench/bench are made of: a program under measurement, load by wrk, memory, and the printed row."""

import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import time

AUTH = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        "Signature=" + "0" * 64)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def tree(pid):
    """The process and everything below it."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                found += map(int, pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def cpu_ns(pids):
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            continue
    return total


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            continue
    return total


class Server:
    """One program under measurement, listening on self.port."""

    def __init__(self, name, command):
        self.name, self.command, self.port, self.process = name, command, free_port(), None

    def start(self):
        """Starts it and answers how many seconds passed until /health was 200."""
        words = [word.format(port=self.port) for word in self.command]
        began = time.monotonic()
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self.healthy():
            if time.monotonic() - began > 30:
                sys.exit(f"bench: {self.name} did not start: {shlex.join(words)}")
            time.sleep(0.001)
        return time.monotonic() - began

    def healthy(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer:
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return peer.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def call(self, target, document, may_fail=False):
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        return json.loads(self.send("POST", "/", json.dumps(document), headers, may_fail))

    def calls(self, target, documents):
        """Many calls over one connection, some at a time."""
        head = (f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.1\r\n"
                "Content-Length: {}\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as peer, peer.makefile("rb") as answers:
            for at in range(0, len(documents), 50):
                bodies = [json.dumps(document) for document in documents[at:at + 50]]
                peer.sendall("".join(head.format(len(body)) + body for body in bodies).encode())
                for body in bodies:
                    status, length = answers.readline(), 0
                    while line := answers.readline().strip():
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    text = answers.read(length)
                    if b" 200 " not in status:
                        sys.exit(f"bench: {target} {body[:200]}: {status} {text[:300]}")

    def form(self, body):
        return self.send("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"}).decode()

    def rest(self, service, method, path, document=None):
        answer = self.send(method, path, None if document is None else json.dumps(document), {"Authorization": AUTH.format(service)})
        return json.loads(answer or b"{}")

    def send(self, method, path, body=None, headers={}, may_fail=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300 and not may_fail:
            sys.exit(f"bench: {method} {path}: {answer.status} {text[:300]}")
        return text


def lua(folder, name, headers, body="", method="POST", path="/", numbered=False):
    """A script for wrk: the same request again and again; numbered, its path ends with a number that grows."""
    file = os.path.join(folder, name + ".lua")
    lines = [f"wrk.method = {json.dumps(method)}", f"wrk.body = {json.dumps(body)}", f"wrk.path = {json.dumps(path)}"]
    lines += [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
    if numbered:
        lines += [f"local n = {time.monotonic_ns()}",
                  "request = function() n = n + 1; return wrk.format(nil, wrk.path .. n) end"]
    pathlib.Path(file).write_text("\n".join(lines) + "\n", encoding="ascii")
    return file


def form_script(folder, name, service, body):
    return lua(folder, name, {"Content-Type": "application/x-www-form-urlencoded", "Authorization": AUTH.format(service)}, body)


def json_script(folder, service, target, document):
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, "Authorization": AUTH.format(service)}
    return lua(folder, target.split(".")[1], headers, json.dumps(document))


def seconds_of(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[unit]


def load(server, script, connections, seconds):
    """requests a second, p50 and p99 in seconds, CPU seconds a request; None when there was no answer, or one that was not 2xx."""
    pids = tree(server.process.pid)
    before = cpu_ns(pids)
    text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script, f"http://127.0.0.1:{server.port}/"],
                          capture_output=True, text=True, check=True).stdout
    used = cpu_ns(pids) - before
    if "Non-2xx" in text or "Socket errors" in text:
        return None
    count = int(re.search(r"(\d+) requests in", text)[1])
    if count == 0:
        return None
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    p50, p99 = (seconds_of(re.search(rf"^ +{p}%\s+(\S+)", text, re.M)[1]) for p in (50, 99))
    return rate, p50, p99, used / 1e9 / count



def row(title, server, text):
    print(f"{title:58} {server:10} {text}", flush=True)


def against(servers):
    """The server that the second one is compared with, if there is one (bench --compare)."""
    return next((server for server in servers if server.name == "before"), None)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def rates(rows, servers, options):
    """Prints one line per server for each of these rows: title, wrk script (or one for each server, by name), connections.
    servers[0] is the floor."""
    for title, script, connections in rows:
        figures = {server.name: [] for server in servers}
        for _ in range(options.rounds):
            for server in servers:
                own = script[server.name] if isinstance(script, dict) else script
                figures[server.name].append(load(server, own, connections, options.seconds))
        title = f"{title}, {connections} connection{'s' if connections > 1 else ''}"
        for server in servers:
            runs = figures[server.name]
            if None in runs:
                row(title, server.name, "INVALID (errors)")
                continue
            rate, p50, p99, cpu = (statistics.median(run[i] for run in runs) for i in range(4))
            ratio = statistics.median(run[0] / floor[0] for run, floor in zip(runs, figures[servers[0].name]))
            row(title, server.name, f"{rate:9.0f}/s  p50 {p50 * 1e6:7.0f} us  p99 {p99 * 1e6:7.0f} us  "
                                    f"CPU {cpu * 1e6:6.1f} us  {ratio:5.2f} of the floor"
                                    f"{compared(server, servers, figures)}")


def compared(server, servers, figures):
    """Of the same rounds, the medians of what this build has of the other: rate, p99, CPU a request."""
    other = against(servers)
    if not other or server is not servers[1] or None in figures[other.name]:
        return ""
    rate, p99, cpu = (statistics.median(run[i] / before[i] for run, before in zip(figures[server.name], figures[other.name]))
                      for i in (0, 2, 3))
    return f"  of before: rate {rate:.2f} p99 {p99:.2f} CPU {cpu:.2f}"


def milliseconds(title, server, seconds, note=""):
    row(title, server, f"{statistics.median(seconds) * 1e3:9.1f} ms  p99 {percentile(seconds, 99) * 1e3:9.1f} ms "
                       f"of {len(seconds):<3} {note}".rstrip())


def times(title, servers, action, count):
    """The seconds that action(server) answers, count times for each server in turn, as lines with p50 and p99."""
    seconds = {server.name: [] for server in servers}
    for _ in range(count):
        for server in servers:
            seconds[server.name].append(action(server))
    show_times(title, servers, seconds)


def show_times(title, servers, seconds):
    """The same of seconds that were measured in turn: name of the server → list."""
    other = against(servers)
    for name, own in seconds.items():
        note = ""
        if other and name == next(s for s in servers if s.name not in ("floor", "same work")).name:
            note = f"of before: {statistics.median(a / b for a, b in zip(own, seconds[other.name])):.2f}"
        milliseconds(title, name, own, note)


def timed(action, *arguments):
    began = time.monotonic()
    action(*arguments)
    return time.monotonic() - began
