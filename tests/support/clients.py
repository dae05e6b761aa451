"""Other people's programs, for the suites in tests/clients: found on the machine, or installed by name from the registry
they come from. What was fetched stays in the build folder. A client that cannot be had skips its test."""

import fcntl
import os
import pathlib
import pwd
import shutil
import subprocess
import sys

from awssim import ROOT, Skipped, build_dir

CLIENTS = ROOT / "tests" / "clients"
FETCH_TIMEOUT = 120
refused = {}


def fetched(name):
    """The folder in the build folder where the client `name` is kept."""
    folder = build_dir() / "clients" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    home = pwd.getpwuid(os.getuid()).pw_dir
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT, cwd=cwd,
                              env={**os.environ, "HOME": home, **variables})
    except subprocess.TimeoutExpired:
        return f"not done within {FETCH_TIMEOUT} s"
    told = (done.stderr + done.stdout).strip().splitlines()
    return None if done.returncode == 0 else told[-1] if told else f"exit status {done.returncode}"


def debian(*packages):
    """Debian's packages whose program has the package's name."""
    missing = [p for p in packages if not shutil.which(p)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise Skipped(f"{', '.join(missing)} not installed")
    if not any(pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")):
        fetch("apt-get", "update", "-qq")
    with open(fetched("debian") / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetch("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing,
              DEBIAN_FRONTEND="noninteractive")


def pypi(name, *packages):
    """The bin folder of a virtual environment that holds the newest of these packages."""
    folder = fetched(name)
    if not (folder / "complete").exists():
        fetch(sys.executable, "-m", "venv", "--clear", str(folder))
        fetch(str(folder / "bin" / "pip"), "install", "-q", *packages)
        (folder / "complete").touch()
    return folder / "bin"


def npm(name, *packages):
    """A folder whose node_modules holds these packages."""
    folder = fetched(name)
    wanted = "\n".join(packages)
    complete = folder / "complete"
    if not complete.exists() or complete.read_text() != wanted:
        fetch("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *packages)
        complete.write_text(wanted)
    return folder


def go_environment():
    modules = fetched("go")
    return {"GOPATH": str(modules), "GOBIN": str(modules / "bin"), "CGO_ENABLED": "0",
            "GOCACHE": str(modules / "cache"), "GOMODCACHE": str(modules / "modules"), "GOFLAGS": "-mod=mod -modcacherw"}


def go_install(package):
    """The program that `go install package@version` makes."""
    program = fetched("go") / "bin" / package.partition("@")[0].rpartition("/")[2]
    if not program.exists():
        fetch("go", "install", package, cwd=fetched("go"), **go_environment())
    return program


def go_build(name):
    """The program of the source folder tests/clients/<name>."""
    source, folder = CLIENTS / name, fetched(name)
    program = folder / "program"
    newest = max(p.stat().st_mtime for p in source.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        for path in source.iterdir():
            shutil.copy(path, folder)
        fetch("go", "mod", "tidy", cwd=folder, **go_environment())
        fetch("go", "build", "-o", str(program), ".", cwd=folder, **go_environment())
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
