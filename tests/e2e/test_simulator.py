#!/usr/bin/env python3
"""The link simulator-aws: no arguments, SIM_* alone, many side by side, and nothing left behind, not even by SIGKILL."""

import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Suite, build_dir, in_threads, wait_until  # noqa: E402

READY_S = 20
MANY = 8
SANITIZED = "sanitize" in os.environ.get("AWSSIM_BUILD", "")
suite = Suite()


def program():
    return build_dir() / "tools" / "simulator-aws"


class Simulator:
    """One simulator-aws, on a free port unless it is told one, with its endpoint and its private folder once it answers."""

    def __init__(self, endpoint=None, **settings):
        self.began, self.said = time.monotonic(), b""
        self.process = subprocess.Popen([program()], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={**os.environ, **(settings or {"SIM_LISTEN_ADDR": ":0"})})
        try:
            self.endpoint = endpoint or self.heard_endpoint()
            wait_until(lambda: health(self.endpoint) == 200, READY_S, f"readiness at {self.endpoint}")
            self.ready_s = time.monotonic() - self.began
            self.folder = self.found_folder()
        except BaseException:
            self.end()
            raise

    def heard_endpoint(self):
        while not (ready := re.search(rb"ready at (http://\S+)\n", self.said)):
            left = self.began + READY_S - time.monotonic()
            assert select.select([self.process.stderr], [], [], max(0, left))[0], self.said
            more = os.read(self.process.stderr.fileno(), 4096)
            assert more, self.said
            self.said += more
        return ready[1].decode()

    def found_folder(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        arguments = pathlib.Path(f"/proc/{children[0]}/cmdline").read_bytes().split(b"\0")
        state = next(a for a in arguments if a.startswith(b"--state-dir="))
        return pathlib.Path(state.partition(b"=")[2].decode()).parent

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.said += self.process.communicate(timeout=READY_S)[1]
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()


def refused(*arguments, **settings):
    """(exit code, stdout, stderr) of one that does not start."""
    done = subprocess.run([program(), *arguments], env={**os.environ, **settings}, capture_output=True, text=True, timeout=READY_S)
    return done.returncode, done.stdout, done.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def health(url, context=None):
    """The status of /health; None when nobody answers yet."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=READY_S, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        return answer.code
    except OSError:
        return None


@suite.test
def side_by_side_and_nothing_left():
    first, second = Simulator(), Simulator()
    try:
        assert first.folder != second.folder and first.folder.is_dir()
        assert first.folder.name.startswith("awssim-private-"), first.folder
        first.end(signal.SIGKILL)
        third = Simulator()
        assert not first.folder.exists() and second.folder.is_dir()
        third.end(signal.SIGTERM)
        assert not third.folder.exists()
    finally:
        second.end(signal.SIGTERM)
    assert not second.folder.exists()


@suite.test
def ready_within_a_second():
    """Also when eight begin at once: then in as many seconds at most."""
    with Simulator() as alone:
        assert alone.ready_s < 1 or SANITIZED, alone.ready_s
        print(f"     ready after {alone.ready_s * 1000:.0f} ms")
    simulators = []
    try:
        in_threads(MANY, lambda _: simulators.append(Simulator()))
        assert len({s.endpoint for s in simulators}) == len({s.folder for s in simulators}) == MANY
        assert all(s.ready_s < MANY or SANITIZED for s in simulators), [s.ready_s for s in simulators]
    finally:
        for simulator in simulators:
            simulator.end()
    assert not any(s.folder.exists() for s in simulators)


@suite.test
def set_by_the_environment():
    port = free_port()
    for settings in ({"SIM_LISTEN_ADDR": f":{port}"}, {"SIM_AWS_PORT": str(port)}, {"SIM_LISTEN_ADDR": f"127.0.0.1:{port}"},
                     {"SIM_LISTEN_ADDR": ":1", "SIM_AWS_PORT": str(port)}):
        with Simulator(f"http://127.0.0.1:{port}", **settings) as simulator:
            assert simulator.heard_endpoint() == simulator.endpoint, simulator.said


@suite.test
def the_log_level_counts():
    said = {}
    for level in ("warn", "info", "debug"):
        port = free_port()
        with Simulator(f"http://127.0.0.1:{port}", SIM_LISTEN_ADDR=f":{port}", SIM_LOG_LEVEL=level) as simulator:
            assert simulator.end() == 0
        said[level] = simulator.said.decode()
    assert "info: " in said["info"] and "debug: " not in said["info"], said["info"]
    assert "debug: " in said["debug"], said["debug"]
    assert "info: listening" not in said["warn"], said["warn"]


@suite.test
def speaks_tls():
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        with Simulator(SIM_LISTEN_ADDR=":0", SIM_TLS_CERT=certificate, SIM_TLS_KEY=key) as simulator:
            trust = ssl.create_default_context(cafile=certificate)
            assert health(simulator.endpoint.replace("http://", "https://"), trust) == 200
            assert health(simulator.endpoint) == 200


@suite.test
def says_what_is_wrong():
    code, said, _ = refused("--help")
    assert code == 0 and said.startswith("usage: SIM_LISTEN_ADDR=:PORT simulator-aws\n") and "SIM_TLS_CERT" in said, said
    for arguments in (("--unknown",), ("--port", "4566"), ("start",), ("--help", "start"), ("",)):
        code, said, why = refused(*arguments)
        assert code == 2 and not said and "takes no arguments" in why and "usage: " in why, (arguments, code, why)
    for settings, part in (({"SIM_AWS_PORT": "seven"}, "(SIM_AWS_PORT) takes a number from 0 to 65535, not 'seven'"),
                           ({"SIM_LISTEN_ADDR": ":70000"}, "takes a number"), ({"SIM_LOG_LEVEL": "loud"}, "not 'loud'"),
                           ({"SIM_TLS_CERT": "/c"}, "go together")):
        code, _, why = refused(**settings)
        assert code == 2 and part in why, (settings, code, why)
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        before = set(pathlib.Path("/tmp").glob("awssim-private-*"))
        code, _, why = refused(SIM_LISTEN_ADDR=f":{other.getsockname()[1]}")
        assert code == 1 and "is in use" in why, (code, why)
        assert set(pathlib.Path("/tmp").glob("awssim-private-*")) <= before


if __name__ == "__main__":
    sys.exit(suite.main())
