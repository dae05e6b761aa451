#!/usr/bin/env python3
"""The link simulator-aws: no arguments, SIM_* alone, many side by side, and nothing left behind, not even by SIGKILL."""

import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Suite, build_dir  # noqa: E402

READY_S = 20
suite = Suite()


class Simulator:
    """One simulator-aws on a free port, with its endpoint and its private folder once it is ready."""

    def __init__(self):
        program = build_dir() / "tools" / "simulator-aws"
        self.process = subprocess.Popen([program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={**os.environ, "SIM_LISTEN_ADDR": ":0"})
        self.said, end = b"", time.monotonic() + READY_S
        while not (ready := re.search(rb"ready at (http://\S+)\n", self.said)):
            assert select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))[0], self.said
            more = os.read(self.process.stderr.fileno(), 4096)
            assert more, self.said
            self.said += more
        self.endpoint = ready[1].decode()
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        arguments = pathlib.Path(f"/proc/{children[0]}/cmdline").read_bytes().split(b"\0")
        state = next(a for a in arguments if a.startswith(b"--state-dir="))
        self.folder = pathlib.Path(state.partition(b"=")[2].decode()).parent

    def end(self, how):
        self.process.send_signal(how)
        self.process.communicate(timeout=READY_S)


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


if __name__ == "__main__":
    sys.exit(suite.main())
