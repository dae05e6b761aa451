#!/usr/bin/env python3
"""The image of tools/compose, built by buildah and run by podman with the rights that docker-compose.yml asks for: a task
in an image, a task on the container's programs, and a Python and a Node.js function run in it.

Needs root, buildah, podman and runc (Debian). Where debian:12 cannot be pulled, debootstrap makes it."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from awssim import ROOT, Awssim, Skipped, Suite, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role  # noqa: E402
import test_images as images  # noqa: E402

suite = Suite()
BASES = ("docker.io/library/debian:12", "docker.io/library/debian:12-slim")
MIRROR = "http://deb.debian.org/debian"
# Debian's crun refuses machines with both versions of control groups, and hard limits can only be lowered there.
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def run(*command, check=True, timeout=1500):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    assert not check or done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.strip()


def have_base():
    """The Dockerfile's base images, from wherever they can be had."""
    for base in BASES:
        if subprocess.run(["podman", "image", "exists", base]).returncode == 0:
            continue
        if subprocess.run(["podman", "pull", "-q", base], capture_output=True, timeout=300).returncode != 0:
            make_base()
            return


def make_base():
    if not shutil.which("debootstrap"):
        raise Skipped("debian:12 can neither be pulled nor made: debootstrap is not on this machine")
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        run("debootstrap", "--variant=minbase", "bookworm", f"{folder}/root", MIRROR)
        container = run("buildah", "from", "scratch")
        run("buildah", "add", "-q", container, f"{folder}/root", "/")
        run("buildah", "commit", "-q", container, BASES[0])
        run("buildah", "tag", *BASES)
        run("buildah", "rm", container)


class Contained(Awssim):
    """awssim in the image, with the rights of the compose file; the host's network, so that any free port will do."""

    def start(self):
        service = yaml.safe_load((ROOT / "tools/compose/docker-compose.yml").read_text())["services"]["awssim"]
        rights = [f"--cap-add={c}" for c in service["cap_add"]]
        rights += [f"--security-opt={o}" for o in service["security_opt"] if not o.startswith("systempaths")]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.name = f"awssim-test-{os.getpid()}"
        self.endpoint = f"http://127.0.0.1:{port}"
        run("podman", "run", "-d", "--init", "--name", self.name, "--network", "host", *rights, "localhost/awssim-test",
            "--port", str(port), "--dns", "off")
        wait_until(lambda: run("podman", "exec", self.name, "awssimctl", "status", check=False).find("Ready at") >= 0, 60, "ready")
        return self

    def stop(self):
        run("podman", "stop", "-t", "30", self.name)
        self.log = subprocess.run(["podman", "logs", self.name], capture_output=True, text=True).stderr
        run("podman", "rm", "-f", self.name)

    def check_logs(self):
        assert " error: " not in self.log, self.log

    def survivors(self):
        return {}


@suite.test
def doctor_is_content(sim):
    told = run("podman", "exec", sim.name, "awssimctl", "doctor", check=False)
    assert "sandboxes       yes" in told and "/python3" in told and "/node" in told, told


@suite.test
def doctor_says_what_to_add(sim):
    told = run("podman", "run", "--rm", "--entrypoint", "awssimctl", "localhost/awssim-test", "doctor", check=False)
    assert "sandboxes       no" in told and "cap_add: [SYS_ADMIN, SYS_PTRACE]" in told and "privileged: true" in told, told


@suite.test
def a_task_in_an_image(sim):
    images.prepare(sim)
    text, _ = images.output(sim, "defaults", images.uri(sim, "app:1"))
    assert text == ["made here", "kept"], text


@suite.test
def a_task_on_the_containers_programs(sim):
    text, _ = images.output(sim, "programs", "nowhere/at-all:1", command=["python3", "-c", "print('ran')"])
    assert text == ["ran"], text


@suite.test
def functions(sim):
    make_role(sim)
    create(sim, "python", archive(app__py="def handler(e, c): return {'got': e['n']}"), runtime="python3.11")
    assert invoke(sim, "python", {"n": 1})[1] == {"got": 1}
    create(sim, "node", archive(app__js="exports.handler = async e => ({got: e.n});"), runtime="nodejs18.x")
    assert invoke(sim, "node", {"n": 2})[1] == {"got": 2}


def main():
    missing = [p for p in ("buildah", "podman", "runc") if not shutil.which(p)]
    if os.geteuid() != 0 or missing:
        print(f"SKIPPED compose: needs root and {', '.join(missing) or 'nothing else'}\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write(CONTAINERS_CONF)
        conf.flush()
        os.environ["CONTAINERS_CONF"] = conf.name
        have_base()
        run("buildah", "bud", "--isolation=chroot", "--pull-never", "-t", "localhost/awssim-test", "-f",
            "tools/compose/Dockerfile", ".")
        sim = Contained().start()
        return suite.main(sim)


if __name__ == "__main__":
    sys.exit(main())
