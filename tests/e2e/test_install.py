#!/usr/bin/env python3
"""What is installed: programs that run from there, units, manual page and completions that fit the commands; and that
nothing of it stays after an uninstall."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Skipped, Suite, build_dir  # noqa: E402

suite = Suite()
COMMANDS = {"start", "stop", "status", "restart", "logs", "reset", "env", "wait", "doctor", "exec", "completion", "man", "version", "help"}


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def prefix(folder):
    return pathlib.Path(folder, "usr/local")


@suite.test
def it_runs_from_there(folder):
    ctl = prefix(folder) / "bin/awssimctl"
    state = ["--state-dir", f"{folder}/state"]
    run(ctl, "start", "--port", "0", "--dns", "off", *state)
    try:
        assert "Ready at" in run(ctl, "status", *state)
        assert "awssim-router" not in run(ctl, "env", *state)
    finally:
        run(ctl, "stop", *state)


@suite.test
def units_name_the_installed_program(folder):
    for kind in ("system", "user"):
        unit = (prefix(folder) / f"lib/systemd/{kind}/awssim.service").read_text()
        programs = re.findall(r"^ExecStart\w*=(\S+)", unit, re.MULTILINE)
        assert programs == ["/usr/local/bin/awssimctl"] * 2 and "@" not in unit, unit
        assert ("StateDirectoryMode=0700" in unit) == (kind == "system"), unit


@suite.test
def the_manual_page_has_every_command_and_option(folder):
    page = (prefix(folder) / "share/man/man1/awssimctl.1").read_text()
    assert {m for m in re.findall(r"^\.SS (\S+)", page, re.MULTILINE)} == COMMANDS
    options = re.findall(r"^  --([a-z-]+)", run(prefix(folder) / "bin/awssimctl", "help", "start"), re.MULTILINE)
    plain = page.replace("\\-", "-")
    assert len(options) > 10 and all(f"\n.B --{option}\n" in plain for option in options), options
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-ww", "-man", "-z", "-Kutf8"], input=page, capture_output=True, text=True)
        assert done.stderr == "", done.stderr


def complete(folder, *words):
    script = prefix(folder) / "share/bash-completion/completions/awssimctl"
    return set(run("bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _awssimctl; echo "${COMPREPLY[@]}"', script,
                   "awssimctl", *words).split())


@suite.test
def bash_completes(folder):
    assert complete(folder, "") == COMMANDS
    assert complete(folder, "re") == {"restart", "reset"}
    assert complete(folder, "start", "--prof") == {"--profile"}
    assert complete(folder, "start", "--profile", "") == {"aws", "sockerless"}
    assert "--foreground" in complete(folder, "start", "--") and "--foreground" not in complete(folder, "stop", "--")
    assert {"router", "ecs", "s3"} <= complete(folder, "restart", "") and "router" not in complete(folder, "reset", "")
    assert complete(folder, "start", "--state-dir", str(ROOT / "READ")) == {str(ROOT / "README.md")}


@suite.test
def zsh_and_fish_read_theirs(folder):
    shells = {"zsh": "share/zsh/site-functions/_awssimctl", "fish": "share/fish/vendor_completions.d/awssimctl.fish"}
    there = [s for s in shells if shutil.which(s)]
    if not there:
        raise Skipped("neither zsh nor fish is on this machine")
    for shell in there:
        run(shell, "-n", prefix(folder) / shells[shell])


@suite.test
def uninstalling_leaves_nothing(folder):
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as other:
        environment = {**os.environ, "DESTDIR": other}
        run("meson", "install", "-C", build_dir(), "--no-rebuild", env=environment)
        installed = [p for p in pathlib.Path(other).rglob("*") if p.is_file() or p.is_symlink()]
        assert len(installed) > 20, installed
        run("ninja", "-C", build_dir(), "uninstall", env=environment)
        left = [p for p in installed if p.exists() and not p.is_symlink()]
        assert not left, left


def main():
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        run("meson", "install", "-C", build_dir(), "--no-rebuild", env={**os.environ, "DESTDIR": folder})
        suite.tests = [with_folder(f, folder) for f in suite.tests]
        return suite.main()


def with_folder(function, folder):
    def test():
        function(folder)
    test.__name__ = function.__name__
    return test


if __name__ == "__main__":
    sys.exit(main())
