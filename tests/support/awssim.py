"""Starts the product under test in a private folder on a free port, and talks to it. For every Python suite.

The endpoint can be given from outside (AWSSIM_ENDPOINT), so that a suite can judge another server.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOOP_BUSY = re.compile(r": loop busy for ([\d.]+) ms \(([\d.]+) ms of it working\)")
LOOP_LIMIT_MS = 5
FAULT = re.compile(r"Assertion `.*' failed|(Address|Leak|UndefinedBehavior)Sanitizer|: runtime error: ")


def build_dir():
    return pathlib.Path(os.environ.get("AWSSIM_BUILD", ROOT / "build")).resolve()


def ctl():
    return str(build_dir() / "tools" / "awssimctl")


def busy_too_long(line, working_only=False):
    """Whether a line of the log says so of a loop. Where more programs want to run than there are processors, what holds a
    lock of the kernel or of another thread may have to wait for one, and the loop with it."""
    found = LOOP_BUSY.search(line)
    if not found:
        return False
    busy, working = float(found[1]), float(found[2])
    crowd = max(1.0, os.getloadavg()[0] / os.cpu_count())
    waiting = 0 if working_only else busy - working
    return working > LOOP_LIMIT_MS * min(crowd, 2) or waiting > LOOP_LIMIT_MS * crowd


class Awssim:
    """One running awssim: `with Awssim() as sim: sim.client("ecs")…`. Everything is gone at the end."""

    def __init__(self, *options, foreground=False, prefix=()):
        """prefix: a command that starts the rest of its command line."""
        self.prefix = list(prefix)
        self.dir = tempfile.mkdtemp(prefix="awssim-test-")
        self.options = list(options)
        self.foreground = foreground
        self.process = None
        self.endpoint = None

    def start(self):
        arguments = [*self.prefix, ctl(), "start", "--state-dir", self.state_dir, "--port", str(self.port or 0), *self.options]
        if self.foreground:
            arguments.append("--foreground")
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.start_env())
            self.ctl("wait", "--timeout", "20")
        else:
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, env=self.start_env())
            assert done.returncode == 0, f"start failed: {done.stdout}{done.stderr}"
        self.endpoint = self.env()["AWS_ENDPOINT_URL"]
        return self

    @staticmethod
    def start_env():
        """Every awssim under test logs what keeps one of its loops busy for too long; sanitizers make everything slow."""
        limit = LOOP_LIMIT_MS * (20 if "sanitize" in str(build_dir()) else 1)
        return {"AWSSIM_LOOP_LIMIT_MS": str(limit), **os.environ}

    @property
    def state_dir(self):
        return os.path.join(self.dir, "state")

    @property
    def port(self):
        return urllib.parse.urlparse(self.endpoint).port if self.endpoint else None

    def ctl(self, *arguments, check=True, timeout=60):
        done = subprocess.run([ctl(), *arguments, "--state-dir", self.state_dir], capture_output=True, text=True,
                              timeout=timeout)
        if check:
            assert done.returncode == 0, f"awssimctl {arguments}: {done.returncode} {done.stdout}{done.stderr}"
        return done

    def env(self):
        return json.loads(self.ctl("env", "--shell", "json").stdout)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def pids(self):
        """Process name → pid of every part, the supervisor included."""
        return {p["process"]: p["pid"] for p in self.status()["processes"] if p.get("pid")}

    def stop(self):
        self.ctl("stop", check=False)
        if self.process:
            self.process.wait(timeout=40)
            self.process = None

    def kill(self):
        """SIGKILL to the supervisor: nothing may survive it."""
        os.kill(self.pids()["supervisor"], signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=10)
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stop()
        try:
            if kind is None:
                self.check_logs()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def survivors(self):
        """Processes that belong to this awssim: its folder is in their command line, environment or working directory, or its
        address in the environment, as that of functions has it."""
        mark, address, found = self.dir.encode(), f"AWS_ENDPOINT_URL={self.endpoint}\0".encode(), {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            if int(folder.name) in (os.getpid(), os.getppid()):
                continue
            try:
                what = (folder / "cmdline").read_bytes() + b" " + (folder / "environ").read_bytes() + os.readlink(folder / "cwd").encode()
                zombie = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if (mark in what or address in what) and not zombie:
                found[int(folder.name)] = what.split(b" ")[0].replace(b"\0", b" ").decode(errors="replace")
        return found

    def mounts(self):
        """File systems mounted below the state directory, as this process sees them."""
        lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if line.split()[4].startswith(self.state_dir + "/")]

    def loop_faults(self, process, working_only=False):
        """What that process's log says so far of a loop that was kept busy for too long; working_only: by its own work."""
        text = pathlib.Path(self.state_dir, "log", f"{process}.log").read_text(errors="replace")
        return [line for line in text.splitlines() if busy_too_long(line, working_only)]

    def check_logs(self):
        """No process has found fault with itself: a failed assertion, what a sanitizer reports, a loop that was kept busy
        (that is shown only, unless AWSSIM_LOOP_ASSERT is 1)."""
        for path in sorted(pathlib.Path(self.state_dir, "log").glob("*.log*")):
            lines = path.read_text(errors="replace").splitlines()
            found = next((i for i, line in enumerate(lines) if FAULT.search(line)), None)
            assert found is None, "\n".join([f"{path.name}:", *lines[found:found + 60]])
            for line in filter(LOOP_BUSY.search, lines):
                print(f"     {line}", flush=True)
            busy = [line for line in lines if busy_too_long(line)]
            assert not busy or os.environ.get("AWSSIM_LOOP_ASSERT") != "1", "\n".join([f"{path.name}:", *busy])

    def client(self, service, region="us-east-1", account=None, **kwargs):
        import boto3
        from botocore.config import Config

        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=region, aws_access_key_id=account or "test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, read_timeout=60, inject_host_prefix=False), **kwargs)

    def network(self, groups=False):
        """A networkConfiguration with a subnet (and the security group) of the default VPC."""
        network = {"subnets": [self.ec2_ids("Subnets", "subnetId")[0]]}
        if groups:
            network["securityGroups"] = [self.ec2_ids("SecurityGroups", "groupId")[0]]
        return {"awsvpcConfiguration": network}

    def ec2_ids(self, what, element):
        """The ids in the answer to Describe<what>, without an SDK."""
        status, _, answer = self.http("POST", "/", f"Action=Describe{what}&Version=2016-11-15",
                                      {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, answer
        return re.findall(f"<{element}>([^<]*)</{element}>", answer.decode())

    def http(self, method, path, body=None, headers=None):
        """(status, headers, body) of one plain HTTP request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def json_call(self, target, body, **headers):
        """(status, document) of one JSON-protocol call, unsigned."""
        raw = body if isinstance(body, (bytes, str)) else json.dumps(body)
        status, _, answer = self.http("POST", "/", raw, {
            "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **headers})
        return status, json.loads(answer) if answer else None


@contextlib.contextmanager
def secure_awssim(*options):
    """An awssim that speaks TLS too, https://localhost:PORT, and the path of its certificate, which signs itself."""
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        with Awssim("--tls-cert", certificate, "--tls-key", key, *options) as sim:
            yield sim, certificate


def fails(code, status, call, **fields):
    """Calls a boto3 operation that must be refused; answers the error."""
    from botocore.exceptions import ClientError
    try:
        call(**fields)
    except ClientError as failure:
        got = failure.response["Error"]["Code"], failure.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == (code, status), failure.response
        return failure.response["Error"]
    raise AssertionError(f"{call} was expected to fail with {code}")


def cli(sim, *arguments):
    """What the AWS CLI in the path answers, as a document; None when it says nothing."""
    environment = {"PATH": os.environ["PATH"], "HOME": sim.dir, "AWS_PAGER": "", **sim.env()}
    done = subprocess.run([shutil.which("aws"), "--endpoint-url", sim.endpoint, "--output", "json", *arguments], capture_output=True,
                          text=True, timeout=120, env=environment, cwd=ROOT)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def wait_until(condition, timeout=30.0, what="condition"):
    """The first true value of condition(), asked again and again until the deadline. For states that have no event a
    client could wait for."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(0.01)


class Skipped(Exception):
    """A test cannot run on this machine; the text says why. It counts neither as passed nor as failed."""


class Suite:
    """Named test functions run one after another; the last line is `N passed, N failed`, with `, N skipped` behind it when
    tests could not run on this machine."""

    def __init__(self):
        self.tests = []

    def test(self, function):
        self.tests.append(function)
        return function

    def chosen(self):
        """The tests that are named on the command line, or all."""
        return [t for t in self.tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]

    def skip(self, reason):
        """In place of main where nothing of the suite can run on this machine."""
        print(f"SKIPPED {len(self.chosen())} tests: {reason}", flush=True)
        return self.result(0, 0, len(self.chosen()))

    @staticmethod
    def result(passed, failed, skipped):
        """Prints the last line; answers the exit status."""
        print(f"{passed} passed, {failed} failed" + f", {skipped} skipped" * bool(skipped), flush=True)
        return 1 if failed else 0

    def main(self, *arguments):
        """Runs the tests, those named on the command line or all; a shared server's end is the last test. A suite that is
        terminated ends what it has started."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        passed = failed = skipped = 0

        def the_servers_end(*_):
            for sim in arguments:
                sim.stop()
                sim.check_logs()
                left = sim.survivors(), sim.mounts()
                assert not any(left), left

        for function in self.chosen() + [the_servers_end] * bool(arguments):
            began = time.monotonic()
            try:
                function(*arguments)
                passed += 1
                print(f"ok   {function.__name__} ({time.monotonic() - began:.2f} s)", flush=True)
            except Skipped as why:
                skipped += 1
                print(f"SKIPPED {function.__name__}: {why}", flush=True)
            except Exception:  # a failed test must not end the others
                failed += 1
                print(f"FAIL {function.__name__}\n{traceback.format_exc()}", flush=True)
        return self.result(passed, failed, skipped)


def in_threads(count, function):
    """function(i) for i in range(count), at once; re-raises the first failure."""
    failures = []

    def body(i):
        try:
            function(i)
        except Exception as failure:  # handed to the caller
            failures.append(failure)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
