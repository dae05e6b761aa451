#!/usr/bin/env python3
"""awssimctl exec: further commands in running containers, of images, in sandboxes and on the host's files."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, ctl, in_threads, wait_until  # noqa: E402
from image import Registry, busybox, busybox_layer, layer  # noqa: E402

suite = Suite()
USER = 65534
WAITS = "trap 'exit 0' TERM; while :; do {}sleep 0.1; done"


def prepare(sim):
    sim.client("ecs").create_cluster(clusterName="default")
    sim.client("ecr").create_repository(repositoryName="exec")
    Registry(sim).push("exec", "1", [busybox_layer(), layer([("home", None), ("srv", None), ("bin/plain", b"x")])],
                       Env=["COLOUR=blue"], WorkingDir="/srv", User="app")
    sim.image = f"127.0.0.1:{sim.port}/exec:1"


def start(sim, family, image=None, others=(), **container):
    ecs = sim.client("ecs")
    command = ["sh", "-c", WAITS.format("busybox " if image else "")]
    containers = [{"name": "main", "image": image or "nowhere", "command": command, **container}, *others]
    ecs.register_task_definition(family=family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
                                 containerDefinitions=containers)
    arn = ecs.run_task(taskDefinition=family, launchType="FARGATE", networkConfiguration=sim.network())["tasks"][0]["taskArn"]

    def runs():
        task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        assert task["lastStatus"] != "STOPPED", task
        return task["lastStatus"] == "RUNNING"

    wait_until(runs, 30, "RUNNING")
    return arn


def stop(sim, arn):
    sim.client("ecs").stop_task(task=arn)
    wait_until(lambda: sim.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "STOPPED")


def argv(sim, *arguments):
    return [str(ctl()), "exec", "--state-dir", sim.state_dir, *arguments]


def run(sim, arn, *command, options=(), container=(), **how):
    told = subprocess.run(argv(sim, *options, arn, *container, "--", *command), capture_output=True, timeout=60, **how)
    return told.returncode, told.stdout, told.stderr


def shell(sim, arn, script, *options, **how):
    code, out, err = run(sim, arn, "sh", "-c", script, options=options, **how)
    assert code == 0, (code, out, err)
    return out.decode().split("\n")[:-1]


def see_the_container(sim):
    """The namespaces, user, variables, working directory and rights are the container's."""
    arn = start(sim, "image", sim.image, environment=[{"name": "OWN", "value": "x y"}], hostname="box")
    text = shell(sim, arn, "id -u; id -g; pwd; hostname; echo $COLOUR; echo $OWN; echo $HOME; test -d /proc/1 && echo proc; busybox tr '\\0' ' ' </proc/1/cmdline | head -c 6; echo; umask")
    assert text == ["1234", "2345", "/srv", "box", "blue", "x y", "/home", "proc", "sh -c ", "0022"], text
    text = shell(sim, arn, "for n in mnt pid uts ipc net cgroup; do busybox readlink /proc/self/ns/$n; busybox readlink /proc/1/ns/$n; done")
    assert text[0::2] == text[1::2], text
    for line in ("CapBnd", "CapEff", "Seccomp:", "NoNewPrivs"):
        one, other = shell(sim, arn, f"grep {line} /proc/1/status; grep {line} /proc/self/status")
        assert one == other, (one, other)
    text = shell(sim, arn, "id -u; pwd; echo $COLOUR $MORE", "-u", "0", "-w", "/bin", "-e", "COLOUR=red", "--env=MORE=1") if sim.rooted else ["0", "/bin", "red 1"]
    assert text == ["0", "/bin", "red 1"], text
    assert shell(sim, arn.split("/")[-1], "echo by id; echo x >/dev/stdout") == ["by id", "x"]
    stop(sim, arn)


@suite.test
def it_sees_the_container(sim):
    see_the_container(sim)


@suite.test
def limits_are_the_containers(sim):
    arn = start(sim, "limits", sim.image, ulimits=[{"name": "nofile", "softLimit": 111, "hardLimit": 222}])
    assert shell(sim, arn, "ulimit -n; ulimit -Hn") == ["111", "222"]
    one, other = shell(sim, arn, "busybox sort /proc/1/cgroup | busybox md5sum; busybox sort /proc/self/cgroup | busybox md5sum")
    assert one == other
    stop(sim, arn)


def exit_codes(sim):
    arn = start(sim, "codes", sim.image)
    for script, code in (("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        assert run(sim, arn, "sh", "-c", script)[0] == code, script
    for command, code, text in ((["nothing-here"], 127, b'exec: "nothing-here": executable file not found in $PATH'),
                                (["/not/here"], 127, b'exec: "/not/here": stat /not/here: no such file or directory'), (["/etc"], 126, b'exec: "/etc": is a directory')):
        got, out, err = run(sim, arn, *command)
        assert got == code and text in err and out == b"", (got, out, err)
    code, _, err = run(sim, arn, "true", options=["-w", "/not/here/either"])
    assert code == 1 and b"chdir" in err, (code, err)
    stop(sim, arn)


@suite.test
def exit_codes_are_the_commands(sim):
    exit_codes(sim)


@suite.test
def what_cannot_be_done_is_said(sim):
    arn = start(sim, "named", sim.image, others=[{"name": "side", "image": "nowhere", "command": ["sh", "-c", WAITS.format("")]}])
    for task, container, text in (("0" * 32, (), "no such task"), (arn, (), "several containers"), (arn, ("other",), "no container of that name")):
        code, _, err = run(sim, task, "true", container=container)
        assert code == 1 and text in err.decode(), (code, err)
    assert run(sim, arn, "echo", "x", container=("side",))[:2] == (0, b"x\n")
    assert run(sim, arn, "echo", "y", container=("main",))[:2] == (0, b"y\n")
    stop(sim, arn)
    code, _, err = run(sim, arn, "true", container=("main",))
    assert code == 1 and "stopped" in err.decode(), err
    assert subprocess.run(argv(sim, arn), capture_output=True).returncode == 2
    with Awssim() as other:
        pass
    assert subprocess.run(argv(other, arn, "--", "true"), capture_output=True).returncode == 3


def both_ways(sim, arn):
    data = os.urandom(1 << 20) * 5
    code, out, err = run(sim, arn, "cat", options=["-i"], input=data)
    assert code == 0 and out == data and err == b"", (code, len(out), err)
    code, out, err = run(sim, arn, "sh", "-c", "cat; echo end >&2", options=["-i"], input=b"")
    assert (code, out, err) == (0, b"", b"end\n")
    assert run(sim, arn, "cat")[:2] == (0, b"")


@suite.test
def much_goes_both_ways(sim):
    arn = start(sim, "data", sim.image)
    both_ways(sim, arn)
    in_threads(8, lambda i: [shell(sim, arn, f"echo {i}") == [str(i)] or 1 / 0 for _ in range(3)])
    stop(sim, arn)


class Terminal:
    """awssimctl at a terminal."""

    def __init__(self, sim, *arguments, rows=33, columns=101):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(str(ctl()), argv(sim, *arguments))
        self.text = b""

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, word):
        while word.encode() not in self.text:
            assert select.select([self.fd], [], [], 20)[0], (word, self.text)
            try:
                self.text += os.read(self.fd, 4096)
            except OSError:
                raise AssertionError((word, self.text)) from None

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        while select.select([self.fd], [], [], 20)[0]:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def terminals(sim, image):
    arn = start(sim, "terminal" + ("image" if image else ""), image)
    tool = "busybox " if image else ""
    terminal = Terminal(sim, "-it", arn, "--", "sh")
    terminal.type(f"echo tty=$({tool}tty) term=$TERM\n")
    terminal.until("tty=/dev/pts/0 term=xterm")
    terminal.type(f"echo size=$({tool}stty size)=\n")
    terminal.until("size=33 101=")
    terminal.resize(44, 120)
    terminal.type(f"while [ \"$({tool}stty size)\" != '44 120' ]; do {tool}sleep 0.05; done; echo re''sized\n")
    terminal.until("resized")
    terminal.type(f"echo x >/dev/tty; {tool}sleep 100\n")
    terminal.until("x\r\n")
    wait_until(lambda: "sleep 100" in " ".join(shell(sim, arn, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo" if not image else "cat /proc/[0-9]*/cmdline | busybox tr '\\0' ' '; echo")))
    terminal.type("\x03")
    terminal.type("echo inter''rupted; exit 9\n")
    terminal.until("interrupted")
    assert terminal.end() == 9
    stop(sim, arn)


@suite.test
def terminals_are_the_containers(sim):
    terminals(sim, sim.image)


@suite.test
def terminals_in_sandboxes(sim):
    terminals(sim, None)


def processes(sim, arn):
    return " ".join(shell(sim, arn, "cat /proc/[0-9]*/cmdline | busybox tr '\\0' ' '; echo"))


@suite.test
def killed_clients_end_their_command(sim):
    arn = start(sim, "killed", sim.image)
    client = subprocess.Popen(argv(sim, arn, "--", "busybox", "sleep", "777"), stdout=subprocess.DEVNULL)
    wait_until(lambda: "sleep 777" in processes(sim, arn))
    client.kill()
    client.wait()
    wait_until(lambda: "sleep 777" not in processes(sim, arn))
    terminal = Terminal(sim, "-it", "-u", "0", arn, "--", "sh", "-c", "trap 'echo >/tmp/hup; exit' HUP; echo up; while :; do busybox sleep 0.1; done")
    terminal.until("up")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.end()
    wait_until(lambda: run(sim, arn, "test", "-e", "/tmp/hup", options=["-u", "0"])[0] == 0)
    stop(sim, arn)


def end_with_the_container(sim, image):
    arn = start(sim, "ends" + ("image" if image else ""), image)
    client = subprocess.Popen(argv(sim, arn, "--", "sh", "-c", "echo up; trap '' TERM HUP INT; while :; do " + ("busybox " if image else "") + "sleep 0.1; done"), stdout=subprocess.PIPE)
    assert client.stdout.readline() == b"up\n"
    sim.client("ecs").stop_task(task=arn)
    assert client.wait(30) == 137
    client.stdout.close()


@suite.test
def sessions_end_with_the_container(sim):
    end_with_the_container(sim, sim.image)
    end_with_the_container(sim, None)


@suite.test
def sandboxes(sim):
    arn = start(sim, "sandbox", hostname="box")
    text = shell(sim, arn, "hostname; echo $HOME; tr '\\0' ' ' </proc/1/cmdline | head -c 5; echo; test -e " + sim.state_dir + " || echo hidden")
    assert text == ["box", "/root", "sh -c", "hidden"], text
    both_ways(sim, arn)
    stop(sim, arn)


@suite.test
def on_the_hosts_files(_):
    with Awssim("--images", "host") as sim:
        sim.client("ecs").create_cluster(clusterName="default")
        arn = start(sim, "host", environment=[{"name": "OWN", "value": "x"}], workingDirectory="/tmp")
        text = shell(sim, arn, "echo $OWN; pwd; readlink /proc/self/ns/pid; readlink /proc/1/ns/pid")
        assert text[:2] == ["x", "/tmp"] and text[2] == text[3] != os.readlink("/proc/self/ns/pid"), text
        both_ways(sim, arn)
        stop(sim, arn)


@suite.test
def nobody_else_may_ask(sim):
    path = os.path.join(os.path.dirname(next(p for p in find_sockets(sim))), "exec")
    assert os.stat(path).st_mode & 0o777 == 0o600 and os.stat(os.path.dirname(path)).st_mode & 0o077 == 0
    for garbage in (b"\0" * 100, b"S\xff\xff\xff\xff", b"I\0\0\0\1x", b"S\0\0\0\2{}", b"S\0\0\0\1{", b"?"):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(path)
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    assert sim.status()["images"]


def find_sockets(sim):
    with open("/proc/net/unix", encoding="utf-8") as file:
        owned = [line.split()[-1] for line in file if line.rstrip().endswith("/exec")]
    return [path for path in owned if os.path.exists(path) and sim.pids()["runner"] in holders(path)]


def holders(path):
    """The processes that have the socket: the inode is in /proc/net/unix."""
    with open("/proc/net/unix", encoding="utf-8") as file:
        inodes = {line.split()[6] for line in file if line.rstrip().endswith(" " + path)}
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if any(link == f"socket:[{inode}]" for link in links for inode in inodes):
            found.add(int(pid))
    return found


@suite.test
def the_runner_is_killed(_):
    with Awssim() as sim:
        prepare(sim)
        arn = start(sim, "lost", sim.image)
        client = subprocess.Popen(argv(sim, arn, "--", "sh", "-c", "echo up; busybox sleep 888"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert client.stdout.readline() == b"up\n"
        os.kill(sim.pids()["runner"], signal.SIGKILL)
        _, err = client.communicate(timeout=30)
        assert client.returncode == 1 and b"runner" in err, err
        wait_until(lambda: not any("888" in name for name in sim.survivors().values()))
        arn = start(sim, "again", sim.image)
        assert shell(sim, arn, "echo again") == ["again"]


@suite.test
def without_root(_):
    prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    if os.getuid() != 0:
        raise Skipped("another user than this one needs root")
    if subprocess.run([*prefix, "unshare", "--user", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("this machine permits no user namespaces")
    sim = Awssim(prefix=prefix)
    os.chown(sim.dir, USER, USER)
    with sim:
        sim.rooted = False
        prepare(sim)
        see_the_container(sim)
        exit_codes(sim)
        terminals(sim, sim.image)
        terminals(sim, None)


if __name__ == "__main__":
    if busybox() is None:
        sys.exit(suite.skip("no statically linked busybox on this machine (Debian's package busybox-static)"))
    with Awssim() as running:
        running.rooted = True
        prepare(running)
        sys.exit(suite.main(running))
