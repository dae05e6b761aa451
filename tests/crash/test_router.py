#!/usr/bin/env python3
"""kill -9 and restarts of the router under clients that connect all the time: nobody is refused, whoever connects while
there is none is answered by the next one."""

import os
import pathlib
import signal
import socket
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, wait_until  # noqa: E402

KILLS = 3
QUESTION = b"Action=GetCallerIdentity&Version=2011-06-15"
suite = Suite()


def ask(address):
    """The first line of the answer over a connection of its own; empty when the router died with it in hand."""
    with socket.create_connection(address, timeout=30) as peer:
        try:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(QUESTION), QUESTION))
            return peer.makefile("rb").readline()
        except ConnectionError:
            return b""


class Clients:
    """Some threads, each of which connects, asks and hangs up again and again; `failures` is what connecting ended with."""

    def __init__(self, address, count=4):
        self.address, self.answers, self.failures, self.going = address, [], [], True
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def run(self):
        while self.going:
            try:
                self.answers.append(ask(self.address))
            except OSError as failure:
                self.failures.append(failure)

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join()


def address_of(sim):
    url = urllib.parse.urlparse(sim.endpoint)
    return url.hostname, url.port


def stay_connectable(*options):
    with Awssim(*options) as sim:
        address = address_of(sim)
        with Clients(address) as clients:
            for _ in range(KILLS):
                router = sim.pids()["router"]
                os.kill(router, signal.SIGKILL)
                answer = ask(address)
                assert answer.startswith(b"HTTP/1.1 200"), f"asked right after the kill: {answer}"
                assert sim.pids()["router"] != router
                asked = len(clients.answers)
                sim.ctl("restart", "router")
                wait_until(lambda: len(clients.answers) > asked, what="clients after the restart")  # noqa: B023
        answered = sum(answer.startswith(b"HTTP/1.1 200") for answer in clients.answers)
        print(f"     {address[0]}: {answered} of {len(clients.answers)} connections answered, {len(clients.failures)} refused")
        assert not clients.failures, clients.failures[:3]
        assert answered >= len(clients.answers) - 2 * KILLS * len(clients.threads), set(clients.answers)
        sim.stop()
        try:
            ask(address)
            raise AssertionError("connected to what is stopped")
        except ConnectionRefusedError:
            pass


@suite.test
def nobody_is_refused():
    stay_connectable()


@suite.test
def nobody_is_refused_on_all_interfaces():
    stay_connectable("--listen", "0.0.0.0")


@suite.test
def nobody_is_refused_over_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        print("     skipped: no IPv6 on this machine")
        return
    stay_connectable("--listen", "::1")


@suite.test
def nobody_is_refused_by_name():
    stay_connectable("--listen", "localhost")


if __name__ == "__main__":
    sys.exit(suite.main())
